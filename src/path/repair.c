/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What input() mends before it looks at a packet: checksums that a sender left to hardware, and
 * headers that a device has put into several segments.
 */
#include "path/repair.h"

#include <netinet/in.h>
#include <string.h>

#include "base/csum.h"
#include "session/l4_sctp.h"

enum {
	TOGETHER = 1400
}; // bytes of a packet that stages may read, the longest ICMP error among them

/*
 * A frame whose transport checksum holds only the pseudo-header's sum, because its sender left the
 * rest to hardware that a veth pair or TAP does not have: do that hardware's work. A frame that
 * happens to look like one but is complete is computed to the value that it has.
 */
void repair_checksum(struct worker *w, struct pkt *p, uint64_t pseudo, unsigned int length)
{
	uint8_t *l4 = pkt_l4(p);
	uint16_t *field = (uint16_t *)(l4 + (pkt_protocol(p) == IPPROTO_TCP ? 16 : 6));
	uint16_t sum;

	if (*field != csum_fold(pseudo))
		return;
	if (rte_pktmbuf_data_len(p->mbuf) < p->l3 + p->l4 + length)
		return; // several segments: no device with partial sums makes them
	sum = ~csum_fold(csum_bytes(l4, length)); // the field adds the pseudo-header's sum itself
	*field = sum == 0 && pkt_protocol(p) == IPPROTO_UDP ? 0xffff : sum;
	w->stats.repaired_checksums++;
}

/* Of SCTP such a sender leaves the whole checksum, as zero. */
void repair_sctp(struct worker *w, struct pkt *p, unsigned int length)
{
	uint8_t *field = pkt_l4(p) + SCTP_CHECKSUM;
	uint32_t sum;

	memcpy(&sum, field, 4);
	if (sum != 0)
		return;
	sum = sctp_checksum(p->mbuf, p->l3 + p->l4, length);
	memcpy(field, &sum, 4);
	w->stats.repaired_checksums++;
}

/*
 * Bring the headers of a packet in several segments together in the first. What does not fit there
 * is missed by the checks of lengths, and has a drop of its own.
 */
void repair_gather(struct rte_mbuf *m)
{
	unsigned int wanted = RTE_MIN(rte_pktmbuf_pkt_len(m), (uint32_t)TOGETHER);

	while (m->data_len < wanted && m->next) {
		struct rte_mbuf *next = m->next;
		unsigned int take = RTE_MIN((unsigned int)next->data_len, wanted - m->data_len);

		if (take > rte_pktmbuf_tailroom(m) || rte_mbuf_refcnt_read(m) > 1)
			return;
		memcpy(rte_pktmbuf_mtod_offset(m, char *, m->data_len),
		       rte_pktmbuf_mtod(next, char *), take);
		m->data_len += take;
		next->data_len -= take;
		next->data_off += take;
		if (next->data_len > 0)
			return;
		m->next = next->next;
		m->nb_segs--;
		rte_pktmbuf_free_seg(next);
	}
}
