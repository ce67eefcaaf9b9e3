/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The fields `proxy_protocol`, `client_address` and `uoa_max_trail` of a service, and what does not go
 * with them.
 */
#include <errno.h>
#include <netinet/in.h>

#include "control/document_fields.h"
#include "session/proxy_header.h"
#include "session/uoa.h"

const char *const document_proxy_protocol_words[] = {
	[PROXY_DISABLE] = "disable",
	[PROXY_V1] = "v1",
	[PROXY_V2] = "v2",
	[PROXY_V1_INSECURE] = "v1-insecure",
	[PROXY_V2_INSECURE] = "v2-insecure",
	NULL,
};

int document_judge_proxy(struct decode *d, const struct model_service *service)
{
	const char *word = document_proxy_protocol_words[service->proxy_protocol];
	size_t length;

	if (service->proxy_protocol == PROXY_DISABLE)
		return 0;
	length = decode_enter(d, ".proxy_protocol");
	if (service->key.protocol == IPPROTO_UDP && proxy_version(service->proxy_protocol) == 1)
		return decode_fail(d, -EINVAL,
				   "%s is for TCP only; for UDP there is: v2, v2-insecure", word);
	if (service->key.protocol == IPPROTO_SCTP)
		return decode_fail(d, -EINVAL, "%s is for TCP and UDP only", word);
	decode_leave(d, length);
	return 0;
}

int document_judge_client_address(struct decode *d, const struct model_service *service)
{
	const char *word = document_client_address_words[service->client_address];

	if (service->key.protocol == IPPROTO_UDP || service->key.kind == SERVICE_MARK)
		return 0;
	if (service->uoa_max_trail != UOA_TRAIL) {
		decode_enter(d, ".uoa_max_trail");
		return decode_fail(d, -EINVAL,
				   "is for UDP only: so many datagrams of a session carry the "
				   "client's address");
	}
	if (service->client_address < CLIENT_ADDRESS_UOA_OPTION)
		return 0;
	decode_enter(d, ".client_address");
	return decode_fail(d, -EINVAL, "%s is for UDP only; for TCP there is: toa, none", word);
}
