/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "balance/persistence.h"
#include "balance/service.h"
#include "control/document.h"
#include "control/document_fields.h"
#include "control/ipvs_settings.h"
#include "control/mode_check.h"
#include "control/service_key.h"

int ipvs_check_address(const struct addr *addr, struct error *error)
{
	struct decode d = {.error = error};

	return document_check_unicast(&d, addr);
}

uint8_t ipvs_check_netmask(const struct ipvs_service *asked)
{
	uint32_t mask = ntohl(asked->netmask);

	if (!asked->has_netmask)
		return asked->family == AF_INET ? 32 : 128;
	if (asked->family == AF_INET6)
		return asked->netmask <= 128 ? (uint8_t)asked->netmask : 0;
	return (~mask & (~mask + 1)) == 0 ? (uint8_t)__builtin_popcount(mask) : 0;
}

static int flags_check(const struct ipvs_service *asked, struct error *error)
{
	bool persistent = asked->flags & IP_VS_SVC_F_PERSISTENT;

	if (persistent && (asked->timeout < 1 || asked->timeout > PERSISTENCE_SECONDS_MAX))
		return error_set(error, -EINVAL, "",
				 "the time of persistence is %u seconds, out of range, 1 to %d",
				 asked->timeout, PERSISTENCE_SECONDS_MAX);
	if (persistent && asked->has_netmask && ipvs_check_netmask(asked) == 0)
		return error_set(error, -EINVAL, "",
				 "the netmask of persistence is no mask that leaves anything");
	if ((asked->flags & IP_VS_SVC_F_ONEPACKET) && !asked->has_fwmark &&
	    asked->protocol != IPPROTO_UDP)
		return error_set(error, -EINVAL, "",
				 "one-packet scheduling is only for UDP and for firewall marks");
	if (asked->flags & IP_VS_SVC_F_SCHED3)
		return error_set(error, -EINVAL, "",
				 "no scheduler has a third flag; sh and mh know fallback and port");
	if (asked->engine[0] != '\0')
		return error_set(error, -EOPNOTSUPP, "",
				 "the persistence engine \"%s\" is not available yet",
				 asked->engine);
	return 0;
}

static int scheduler_check(const char *scheduler, struct error *error)
{
	char list[128] = "";

	if (scheduler[0] == '\0')
		return error_set(error, -EINVAL, "", "the message names no scheduler");
	if (scheduler_exists(scheduler))
		return 0;
	for (const char *const *name = scheduler_names(); *name != NULL; name++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			 list[0] ? ", " : "", *name);
	return error_set(error, -ENOENT, "", "there is no scheduler \"%s\"; there is: %s",
			 scheduler, list);
}

int ipvs_check_service(const struct ipvs_service *asked, struct error *error)
{
	int status = flags_check(asked, error);

	return status < 0 ? status : scheduler_check(asked->scheduler, error);
}

static int method_check(uint32_t method, struct error *error)
{
	method &= IP_VS_CONN_F_FWD_MASK;
	if (method == IP_VS_CONN_F_MASQ || method == IP_VS_CONN_F_DROUTE ||
	    method == IP_VS_CONN_F_TUNNEL)
		return 0;
	if (method == IP_VS_CONN_F_LOCALNODE)
		return error_set(error, -EOPNOTSUPP, "",
				 "local delivery is not available; there is: masquerading, direct "
				 "routing, tunnelling (-m, -g, -i)");
	return error_set(error, -EINVAL, "", "there is no forwarding method %u", method);
}

static int tunnel_check(const struct ipvs_server *asked, struct error *error)
{
	const uint16_t flags = IP_VS_TUNNEL_ENCAP_FLAG_CSUM | IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM;

	if (asked->tunnel_type >= IP_VS_CONN_F_TUNNEL_TYPE_MAX)
		return error_set(error, -EINVAL, "", "there is no tunnel type %u",
				 asked->tunnel_type);
	if (asked->tunnel_flags & ~flags)
		return error_set(error, -EINVAL, "", "there are no tunnel flags 0x%x",
				 asked->tunnel_flags);
	if (asked->tunnel_type == IP_VS_CONN_F_TUNNEL_TYPE_GUE && asked->tunnel_port == 0)
		return error_set(error, -EINVAL, "",
				 "a tunnel of type gue needs the port that the real server listens "
				 "on (--tun-port, port)");
	return 0;
}

/*
 * How the server is reached. keepalived passes on a real server of the other family than its VIP
 * only with a tunnel. Where a setting says that the service is FullNAT, one that is meant for NAT64
 * or NAT46 has come that way (cli/translate_server.c).
 */
static uint32_t method_of(const struct model_service *service, const struct ipvs_server *asked)
{
	uint32_t method = asked->method & IP_VS_CONN_F_FWD_MASK;

	if (method == IP_VS_CONN_F_TUNNEL && asked->tunnel_type == TUNNEL_IPIP &&
	    asked->addr.family != service->key.vip.family && ipvs_settings_fullnat(&service->key))
		return IP_VS_CONN_F_MASQ;
	return method;
}

void ipvs_check_fill(const struct model_service *service, const struct ipvs_server *asked,
		     struct model_server *server)
{
	uint32_t method = method_of(service, asked);
	const char *mode = method == IP_VS_CONN_F_DROUTE    ? "dr"
			   : method == IP_VS_CONN_F_TUNNEL  ? "tunnel"
			   : mode_is_one_way(service->mode) ? "fullnat"
							    : "";

	memset(server->mode, 0, sizeof(server->mode));
	memset(&server->tunnel, 0, sizeof(server->tunnel));
	// What the service does by itself need not be said again; FullNAT has no word in IPVS.
	if (strcmp(mode, service->mode) != 0)
		strcpy(server->mode, mode);
	server->weight = asked->weight;
	server->upper = asked->upper;
	server->lower = asked->lower;
	if (method != IP_VS_CONN_F_TUNNEL)
		return;
	server->tunnel.type = asked->tunnel_type;
	if (asked->tunnel_type == TUNNEL_GUE)
		server->tunnel.port = asked->tunnel_port;
	if (asked->tunnel_type != TUNNEL_IPIP && asked->tunnel_flags & IP_VS_TUNNEL_ENCAP_FLAG_CSUM)
		server->tunnel.checksum = TUNNEL_CHECKSUM_FULL;
	else if (asked->tunnel_type == TUNNEL_GUE &&
		 asked->tunnel_flags & IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM)
		server->tunnel.checksum = TUNNEL_CHECKSUM_REMOTE;
}

int ipvs_check_server(const struct model_service *service, const struct ipvs_server *asked,
		      struct error *error)
{
	struct model_server server = {.addr = asked->addr, .port = asked->port};
	unsigned int pool_count;
	const struct model_local *pool = model_pool(&pool_count);
	int status = ipvs_check_address(&asked->addr, error);

	if (status < 0)
		return status;
	if (asked->port == 0 && !service_key_is_wide(&service->key))
		return error_set(error, -EINVAL, "", "the real server's port must not be 0");
	status = method_check(asked->method, error);
	if (status == 0)
		status = tunnel_check(asked, error);
	if (status < 0)
		return status;
	if (method_of(service, asked) == IP_VS_CONN_F_MASQ)
		status = document_check_locals(service, &server, pool, pool_count, error);
	if (status < 0)
		return status;
	ipvs_check_fill(service, asked, &server);
	status = document_check_syn_proxy(service, &server, error);
	if (status < 0)
		return status;
	if (asked->weight > 65535)
		return error_set(error, -ERANGE, "", "weight %d is out of range, 0 to 65535",
				 (int)asked->weight);
	if (asked->lower > asked->upper || asked->upper > INT32_MAX)
		return error_set(error, -ERANGE, "",
				 "thresholds: the lower one (-y, %u) must be at most the upper one "
				 "(-x, %u), and that at most %d",
				 asked->lower, asked->upper, INT32_MAX);
	return 0;
}
