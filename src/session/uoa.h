/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "session/toa.h"

/*
 * UOA, the client's address in UDP datagrams, in DPVS's two forms: as an IPv4 option, or in a
 * header with a protocol number of its own between the IP header and that of UDP. Both hold what
 * the TCP option does, with another kind.
 */
enum {
	UOA_KIND = 31,	    // 0x1f; some write 0x9f, the same with the bit for "copy to fragments"
	UOA_PROTOCOL = 248, // of the header
	UOA_HEADER = 4,	    // bytes of it before the address
	UOA_KIND_COPIED = 0x9f,
	UOA_TRAIL = 3, // datagrams of a session that carry it, unless a service says otherwise
	UOA_TRAIL_MAX = 254, // session_extra.uoa counts them, and one more
};

/*
 * Put it in. `l4` is the offset of the UDP header from the IP header, and moves. -EMSGSIZE: no room
 * in the packet, -ENOBUFS: no headroom, -EINVAL: the form can not be; then nothing was done.
 */
int uoa_insert(struct rte_mbuf *m, unsigned int l3, uint8_t *l4, bool ipv6, const struct toa *toa,
	       bool header, unsigned int room);

/* Overwrite all such options of an IPv4 header by NOPs. `l4`: its length. */
void uoa_erase(uint8_t *l3, unsigned int l4);
