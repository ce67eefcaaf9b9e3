/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The MSS option. Both sides' segments cross both legs, so a SYN of either side may offer no more
 * than fits the narrower one, nor than the service allows.
 */
#include "path/mss.h"

#include "path/client_address.h"
#include "path/vpc.h"
#include "session/l4_tcp.h"

unsigned int mss_mtu(struct worker *w, struct pkt *p, struct session *s, unsigned int direction)
{
	uint16_t nexthop;

	if (s->flags & SESSION_VPC)
		return vpc_mtu(w, p, s, direction);
	nexthop = route_of_session(w, p, s, direction);
	return nexthop >= NEXTHOP_FIRST ? nexthop_table[nexthop].mtu : 0;
}

void mss_clamp(struct worker *w, struct pkt *p, struct session *s)
{
	unsigned int mss = UINT16_MAX;
	uint8_t *tcp = pkt_l4(p);

	for (unsigned int direction = 0; direction < 2; direction++) {
		unsigned int mtu = mss_mtu(w, p, s, direction);
		// The family in which packets of a direction leave is that of the other one's key.
		bool ipv6 = session_key_is_ipv6(s, p->session & ENTRY_WIDE, direction ^ 1);
		unsigned int headers = ipv6 ? 60 : 40;

		if (direction == 0 && (p->session & ENTRY_REVERSE))
			headers += client_address_size(&w->table, s);
		if (mtu > headers)
			mss = RTE_MIN(mss, mtu - headers);
	}
	if (server_table[s->server].mss)
		mss = RTE_MIN(mss, server_table[s->server].mss);
	if (mss < UINT16_MAX)
		tcp_clamp_mss(tcp, (tcp[12] >> 4) * 4, mss);
}
