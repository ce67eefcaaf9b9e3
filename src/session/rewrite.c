/* SPDX-License-Identifier: BSD-3-Clause */
#include "session/rewrite.h"

/*
 * Direction 0 turns the tuple key[0] into key[1] turned round. A checksum does not see the order
 * of words, so the sums of the keys as they are will do.
 */
void rewrite_prepare(struct session *s, bool wide)
{
	if (wide) {
		uint16_t sum[2];

		// Both families' pseudo-headers weigh the same but for the addresses.
		for (unsigned int i = 0; i < 2; i++)
			sum[i] = csum_fold(csum_bytes(session_key6(s, i),
						      session_key_is_ipv6(s, true, i) ? 36 : 12));
		s->l4_difference = csum_difference(sum[0], sum[1]);
		return;
	}
	s->l3_difference = csum_difference(csum_fold(csum_bytes(&s->key4[0], 8)),
					   csum_fold(csum_bytes(&s->key4[1], 8)));
	if (s->form & FORM_ECHO) // ICMP of IPv4 has no pseudo-header
		s->l4_difference = csum_difference(s->key4[0].source_port,
						   s->key4[1].destination_port);
	else
		s->l4_difference = csum_difference(csum_fold(csum_bytes(&s->key4[0], 12)),
						   csum_fold(csum_bytes(&s->key4[1], 12)));
}

void rewrite_echo4(uint8_t *l3, uint8_t *l4, struct session *s, unsigned int direction)
{
	const struct key4 *image = &s->key4[direction ^ 1];
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;
	uint32_t difference = rewrite_difference(s->l3_difference, direction) +
			      (uint32_t)REWRITE_TTL_DIFFERENCE;

	ip->time_to_live--;
	ip->hdr_checksum = csum_apply(ip->hdr_checksum, csum_fold(difference));
	ip->src_addr = image->destination;
	ip->dst_addr = image->source;
	rewrite_echo(l4, s, direction, false);
}

void rewrite_echo6(uint8_t *l3, uint8_t *l4, struct session *s, unsigned int direction)
{
	const struct key6 *image = session_key6(s, direction ^ 1);
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)l3;

	ip->hop_limits--;
	memcpy(ip->src_addr, image->destination, 16);
	memcpy(ip->dst_addr, image->source, 16);
	rewrite_echo(l4, s, direction, true);
}

void rewrite_addresses(uint8_t *l3, struct session *s, unsigned int direction, bool ipv6)
{
	const struct key4 *image = &s->key4[direction ^ 1];
	const struct key6 *image6 = session_key6(s, direction ^ 1);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;
	uint16_t difference;

	if (ipv6) {
		l3[7]--;
		memcpy(l3 + 8, image6->destination, 16);
		memcpy(l3 + 24, image6->source, 16);
		return;
	}
	difference = csum_fold(rewrite_difference(s->l3_difference, direction) +
			       (uint64_t)REWRITE_TTL_DIFFERENCE);
	ip->time_to_live--;
	ip->hdr_checksum = csum_apply(ip->hdr_checksum, difference);
	ip->src_addr = image->destination;
	ip->dst_addr = image->source;
}
