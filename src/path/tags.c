/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <rte_ether.h>

#include "path/fragment.h"
#include "path/vpc.h"

/*
 * Linux and other workers get frames of a VLAN interface without its tags; who gets a VXLAN packet
 * goes inside again.
 */
void tags_strip(struct pkt *p)
{
	uint8_t *frame = rte_pktmbuf_mtod(p->mbuf, uint8_t *);
	unsigned int tags;

	if (unlikely(p->l3 > L3_OUTER_MAX))
		vpc_restore(p);
	tags = p->l3 - RTE_ETHER_HDR_LEN;
	if (likely(tags == 0))
		return;
	memmove(frame + tags, frame, 2 * RTE_ETHER_ADDR_LEN);
	rte_pktmbuf_adj(p->mbuf, tags);
	p->l3 = RTE_ETHER_HDR_LEN;
}
