/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Path MTUs of tunnels.
 *
 * A router between here and a real server, or the other side of a tunnel interface, that cannot
 * carry an outer packet tells so the source of that, which is weir (RFC 2003, 4213: "soft state" of
 * the tunnel). What it says is kept in the template of each server and tunnel interface with that
 * address, or in the line of a host of VMs, so that it bounds itself, and workers find it on the line
 * that they read anyway. A
 * worker may not write there: it puts what it hears into a few places of its own, and the control
 * thread, some times a second, takes it over. Until then the sender of a packet to a server is told
 * at once from the router's error, if that quotes enough of its packet (path/tunnel_error.c); who
 * sends by a tunnel interface is told of its next packet (path/tunnelled_mtu.c).
 *
 * Ten minutes later a larger packet is tried again (RFC 1191, 6.3; 8201, 4). An MTU is only ever
 * lowered by a report, and not below what every path has in practice: who forges errors makes
 * packets smaller, but not tiny.
 */
#include "tunnel/path_mtu.h"

#include <string.h>

#include "base/log.h"
#include "tunnel/device.h"
#include "tunnel/template.h"
#include "tunnel/vm_host.h"

static bool any; // control: some template, or a host of VMs, has learned one
static uint32_t aged;

void path_mtu_report(struct path_mtu_reports *reports, const struct addr *to, uint16_t mtu)
{
	uint32_t written = reports->written;

	if (written - __atomic_load_n(&reports->read, __ATOMIC_ACQUIRE) == PATH_MTU_REPORTS)
		return;
	reports->report[written % PATH_MTU_REPORTS] = (struct path_mtu_report){*to, mtu};
	__atomic_store_n(&reports->written, written + 1, __ATOMIC_RELEASE);
}

/* Those of tunnel interfaces come first, then those of servers. NULL: there is none. */
static struct template *template_at(uint32_t i)
{
	struct template *t = i < IFACE_MAX ? device_template(i) : &template_table[i - IFACE_MAX];

	return t && t->length > 0 ? t : NULL;
}

static uint32_t template_end(void)
{
	return IFACE_MAX + template_highest() + 1;
}

static bool template_leads_to(const struct template *t, const struct addr *to)
{
	if (!(t->flags & TEMPLATE_IPV6) != (to->family == AF_INET))
		return false;
	return to->family == AF_INET ? memcmp(t->header + 16, &to->v4, 4) == 0
				     : memcmp(t->header + 24, to->bytes, 16) == 0;
}

static void template_learn(struct template *t, const struct addr *to, uint16_t mtu,
			   uint32_t seconds)
{
	char text[ADDR_TEXT];

	if (mtu > t->mtu)
		return;
	if (mtu < t->mtu)
		log_info("tunnel to %s: the way takes %u bytes, a router says",
			 addr_format(to, text), mtu);
	t->mtu_until = seconds + PATH_MTU_SECONDS;
	__atomic_store_n(&t->mtu, mtu, __ATOMIC_RELAXED);
	any = true;
}

void path_mtu_gather(struct path_mtu_reports *reports, uint32_t seconds)
{
	uint32_t read = reports->read;
	uint32_t count = __atomic_load_n(&reports->written, __ATOMIC_ACQUIRE) - read;

	for (uint32_t i = 0; i < count; i++) {
		const struct path_mtu_report *report =
			&reports->report[(read + i) % PATH_MTU_REPORTS];

		for (uint32_t at = 1; at < template_end(); at++) {
			struct template *t = template_at(at);

			if (t && template_leads_to(t, &report->to))
				template_learn(t, &report->to, report->mtu, seconds);
		}
		any = vm_host_lower_mtu(&report->to, report->mtu, seconds) || any;
	}
	__atomic_store_n(&reports->read, read + count, __ATOMIC_RELEASE);
}

void path_mtu_age(uint32_t seconds)
{
	if (!any || seconds == aged)
		return;
	aged = seconds;
	any = vm_host_age_mtus(seconds);
	for (uint32_t at = 1; at < template_end(); at++) {
		struct template *t = template_at(at);

		if (!t || t->mtu == TEMPLATE_MTU_UNKNOWN)
			continue;
		if ((int16_t)(uint16_t)(seconds - t->mtu_until) >= 0)
			__atomic_store_n(&t->mtu, TEMPLATE_MTU_UNKNOWN, __ATOMIC_RELAXED);
		else
			any = true;
	}
}
