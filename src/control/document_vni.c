/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/document_fields.h"
#include "control/vpc.h"
#include "tunnel/vm_table.h"

/*
 * The field `vni` of a service, which makes it one of that VNI and of no other, and what does not
 * go with it. In words and paths the VNI stands behind the VIP: 172.16.25.13@96.
 */

int document_decode_vni(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	return decode_integer(d, value, field, target);
}

/*
 * The field `vni` of a real server: it is a VM. Of a file, whether weir has a local address in the
 * VNI is judged when the whole file is known; what was saved is taken as it is.
 */
int document_decode_server_vni(struct decode *d, const json_t *value, const struct field *field,
			       void *target)
{
	const struct field place = {FIELD_OF(struct model_server, vni), .minimum = 1,
				    .maximum = VNI_MAX};

	return decode_integer(d, value, &place, target);
}

static int vni_fail(struct decode *d, const char *text)
{
	decode_enter(d, ".vni");
	return decode_fail(d, -EINVAL, "%s", text);
}

int document_judge_server_vni(struct decode *d, const struct model_server *server)
{
	const struct document_context *context = d->context;
	const struct model_service *service = context->service;
	struct error inner;

	if (server->vni == 0)
		return 0;
	if (service->key.zone != 0)
		return vni_fail(d, "is not for a real server of a service in a VNI, whose real "
				   "servers are of the underlay");
	if (service->key.kind == SERVICE_MATCH)
		return vni_fail(d, "is not for a WAN address");
	if (strcmp(model_server_mode(service, server), "fullnat") != 0)
		return vni_fail(d, "is only for a real server of mode fullnat");
	if (server->addr.family != service->key.vip.family) {
		decode_enter(d, ".address");
		return decode_fail(d, -EINVAL,
				   "is not of the VIP's family, as it must be of a real server in "
				   "a VNI");
	}
	if (context->source->origin == ORIGIN_FILE ||
	    vpc_check_server(server->vni, &server->addr, &inner) == 0)
		return 0;
	return vni_fail(d, inner.text);
}

static int judge_symmetric(struct decode *d, const struct model_service *service)
{
	for (unsigned int i = 0; service->symmetric_return && i < service->server_count; i++)
		if (service->servers[i].vni != 0) {
			decode_enter(d, ".symmetric_return");
			return decode_fail(d, -EINVAL,
					   "is not for a service with real servers in a VNI");
		}
	return 0;
}

int document_judge_vni(struct decode *d, const struct model_service *service)
{
	char text[ADDR_TEXT];

	if (service->key.zone == 0)
		return judge_symmetric(d, service);
	if (service->key.kind != SERVICE_ADDRESS) {
		decode_enter(d, ".vni");
		return decode_fail(d, -EINVAL, "is only for a service by address");
	}
	if (service->announce) {
		decode_enter(d, ".announce");
		return decode_fail(d, -EINVAL,
				   "is not for a service in a VNI: routers know no VNIs");
	}
	if (service->symmetric_return) {
		decode_enter(d, ".symmetric_return");
		return decode_fail(
			d, -EINVAL,
			"is not for a service in a VNI: the VM table says where a VM is");
	}
	if (strcmp(service->mode, "fullnat") != 0) {
		decode_enter(d, ".mode");
		return decode_fail(d, -EINVAL, "of a service in a VNI is fullnat");
	}
	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];
		size_t length = decode_enter(d, ".servers");

		addr_format(&server->addr, text);
		if (strcmp(model_server_mode(service, server), "fullnat") != 0)
			return decode_fail(d, -EINVAL,
					   "the mode of %s is %s, but a service in a VNI has "
					   "fullnat",
					   text, model_server_mode(service, server));
		if (server->addr.family != service->key.vip.family)
			return decode_fail(d, -EOPNOTSUPP,
					   "%s is not of the VIP's family: that is not available "
					   "yet for a service in a VNI",
					   text);
		decode_leave(d, length);
	}
	return 0;
}

int document_check_vni(const struct service_key *key, const struct model_server *server,
		       struct error *error)
{
	if (key->zone == 0)
		return 0;
	if (server->mode[0] != '\0' && strcmp(server->mode, "fullnat") != 0)
		return error_set(error, -EINVAL, "mode", "of a service in a VNI is fullnat");
	if (server->addr.family != key->vip.family)
		return error_set(error, -EOPNOTSUPP, "address",
				 "is not of the VIP's family: that is not available yet for a "
				 "service in a VNI");
	return 0;
}

/* "A@VNI" -> "A" and the VNI. */
int document_split_vni(const char *text, char vip[static ADDR_TEXT + 2], uint32_t *vni,
		       struct error *error)
{
	const char *at = strchr(text, '@');
	char *end = "";
	unsigned long number = at ? strtoul(at + 1, &end, 10) : 0;

	snprintf(vip, ADDR_TEXT + 2, "%.*s", at ? (int)(at - text) : ADDR_TEXT + 1, text);
	*vni = (uint32_t)number;
	if (at == NULL ||
	    (at[1] >= '0' && at[1] <= '9' && *end == '\0' && number >= 1 && number <= VNI_MAX))
		return 0;
	return error_set(error, -EINVAL, "vni", "\"%.32s\" is no VNI, 1 to %d", at + 1, VNI_MAX);
}
