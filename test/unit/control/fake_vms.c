/* SPDX-License-Identifier: BSD-3-Clause */

/* What the VM table, which is the real one here, needs of net/ and io/. */
#include <errno.h>
#include <stdlib.h>

#include "fakes.h"
#include "io/rcu.h"
#include "net/iface.h"
#include "net/nexthop.h"
#include "tunnel/vxlan.h"

static uint32_t watched;

uint32_t path_watch(const struct addr *destination)
{
	return ++watched;
}

void path_release(uint32_t path)
{
}

/* No worker reads anything. */
int rcu_defer(void (*done)(void *arg), void *arg)
{
	done(arg);
	return 0;
}

void rcu_wait(uint64_t token)
{
}

void fake_vpc(const char *address, const char *address6)
{
	struct vxlan_settings settings = {.port = TUNNEL_VXLAN_PORT};

	if (address == NULL) {
		vxlan_configure(NULL);
		vm_table_stop();
		return;
	}
	addr_parse(address, &settings.addresses[settings.address_count++]);
	if (address6 != NULL)
		addr_parse(address6, &settings.addresses[settings.address_count++]);
	vxlan_configure(&settings);
	if (vm_table_start() < 0)
		abort();
}

/* No TAPs here. */
int iface_add(const struct iface *made, struct iface **out, struct error *error)
{
	return error_set(error, -EPERM, "tap", "there are no TAPs in this test");
}
