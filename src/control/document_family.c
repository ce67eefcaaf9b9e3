/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Real servers of the other family than the VIP. FullNAT translates (NAT64, NAT46) with a local
 * address of the server's family, so that there has to be one when such a server comes. When the
 * last one goes later, connections are dropped by name, as those of any FullNAT service.
 */
#include <errno.h>
#include <string.h>

#include "control/document_fields.h"

static bool locals_have(const struct model_local *locals, unsigned int count, uint8_t family)
{
	for (unsigned int i = 0; i < count; i++)
		if (locals[i].addr.family == family)
			return true;
	return false;
}

static char digit(uint8_t family)
{
	return family == AF_INET ? '4' : '6';
}

int document_check_family(struct decode *d, const struct model_server *server)
{
	const struct document_context *context = d->context;
	uint8_t family = context->service->key.vip.family;
	const char *mode = model_server_mode(context->service, server);

	if (family == server->addr.family || family == AF_UNSPEC || strcmp(mode, "fullnat") == 0 ||
	    strcmp(mode, "tunnel") == 0)
		return 0;
	decode_enter(d, ".address");
	return decode_fail(d, -EINVAL,
			   "the VIP is IPv%c and the real server IPv%c: %s cannot translate, "
			   "fullnat can",
			   digit(family), digit(server->addr.family), mode);
}

int document_check_locals(const struct model_service *service, const struct model_server *server,
			  const struct model_local *pool, unsigned int pool_count,
			  struct error *error)
{
	const struct model_local *locals = service->local_count ? service->locals : pool;
	unsigned int count = service->local_count ? service->local_count : pool_count;
	uint8_t family = service->key.vip.family;
	char name[ENDPOINT_TEXT];
	int status = document_check_syn_proxy(service, server, error);

	if (status < 0)
		return status;
	if (family == server->addr.family || family == AF_UNSPEC ||
	    strcmp(model_server_mode(service, server), "fullnat") != 0 ||
	    locals_have(locals, count, server->addr.family))
		return 0;
	return error_set(error, -EINVAL, "local_addresses",
			 "%s needs an IPv%c local address to reach %s: %s",
			 family == AF_INET ? "NAT46" : "NAT64", digit(server->addr.family),
			 endpoint_format(&server->addr, server->port, name),
			 service->local_count ? "the service has none"
					      : "neither the service nor the pool has one");
}

int document_judge_families(const struct model_service *service, const struct model_local *pool,
			    unsigned int pool_count, struct error *error)
{
	int status = 0;

	for (unsigned int i = 0; status == 0 && i < service->server_count; i++)
		status = document_check_locals(service, &service->servers[i], pool, pool_count,
					       error);
	return status;
}
