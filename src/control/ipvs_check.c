/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "balance/service.h"
#include "control/document_fields.h"

int ipvs_check_address(const struct addr *addr, struct error *error)
{
	struct decode d = {.error = error};

	return document_check_unicast(&d, addr);
}

static int flags_check(const struct ipvs_service *asked, struct error *error)
{
	if (asked->flags & IP_VS_SVC_F_PERSISTENT)
		return error_set(error, -EOPNOTSUPP, "", "persistence is not available yet");
	if (asked->flags & IP_VS_SVC_F_ONEPACKET)
		return error_set(error, -EOPNOTSUPP, "",
				 "one-packet scheduling is not available yet");
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
	static const char *const names[] = {
		[IP_VS_CONN_F_LOCALNODE] = "local delivery",
		[IP_VS_CONN_F_TUNNEL] = "tunnelling",
		[IP_VS_CONN_F_DROUTE] = "direct routing",
	};

	method &= IP_VS_CONN_F_FWD_MASK;
	if (method == IP_VS_CONN_F_MASQ)
		return 0;
	if (method < sizeof(names) / sizeof(names[0]) && names[method] != NULL)
		return error_set(
			error, -EOPNOTSUPP, "",
			"%s is not available yet; there is: masquerading (-m, lb_kind NAT)",
			names[method]);
	return error_set(error, -EINVAL, "", "there is no forwarding method %u", method);
}

int ipvs_check_server(const struct model_service *service, const struct ipvs_server *asked,
		      struct error *error)
{
	int status = ipvs_check_address(&asked->addr, error);

	if (status < 0)
		return status;
	if (asked->port == 0)
		return error_set(error, -EINVAL, "", "the real server's port must not be 0");
	if (asked->addr.family != service->key.vip.family)
		return error_set(error, -EOPNOTSUPP, "",
				 "the VIP and the real server are of different families: %s is not "
				 "available yet",
				 asked->addr.family == AF_INET ? "NAT64" : "NAT46");
	status = method_check(asked->method, error);
	if (status < 0)
		return status;
	if (asked->weight > 65535)
		return error_set(error, -ERANGE, "", "weight %d is out of range, 0 to 65535",
				 (int)asked->weight);
	if (asked->upper != 0 || asked->lower != 0)
		return error_set(error, -EOPNOTSUPP, "",
				 "limiting connections of a real server is not available yet");
	return 0;
}
