/* SPDX-License-Identifier: BSD-3-Clause */

/* The field `proxy_protocol` of a service, and what does not go with it. */
#include <errno.h>
#include <netinet/in.h>

#include "control/document_fields.h"
#include "session/proxy_header.h"

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

	if (service->proxy_protocol == PROXY_DISABLE)
		return 0;
	decode_enter(d, ".proxy_protocol");
	if (service->key.protocol == IPPROTO_UDP && proxy_version(service->proxy_protocol) == 1)
		return decode_fail(d, -EINVAL,
				   "%s is for TCP only; for UDP there is: v2, v2-insecure", word);
	if (service->key.protocol == IPPROTO_SCTP)
		return decode_fail(d, -EINVAL, "%s is for TCP and UDP only", word);
	return 0;
}
