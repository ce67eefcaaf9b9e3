/* SPDX-License-Identifier: BSD-3-Clause */
/* How the servers of tests are reached: everything is on the link but what is said below. */
#include <errno.h>

#include "balance/server.h"
#include "net/kernel.h"

void server_set_tunnel(uint32_t server, const struct tunnel_settings *settings,
		       const struct addr *source)
{
}

/* Everything of 10.99/16 is behind a gateway, and of 10.98/16 there is no route. */
int kernel_route_gateway(const struct addr *address, struct addr *gateway)
{
	*gateway = (struct addr){.family = AF_UNSPEC};
	if (address->bytes[0] != 10)
		return 0;
	if (address->bytes[1] == 99)
		return addr_parse("10.0.0.254", gateway);
	return address->bytes[1] == 98 ? -ENETUNREACH : 0;
}
