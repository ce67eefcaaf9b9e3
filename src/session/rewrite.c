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
	s->l4_difference = csum_difference(csum_fold(csum_bytes(&s->key4[0], 12)),
					   csum_fold(csum_bytes(&s->key4[1], 12)));
}
