/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VXLAN, on the way in (RFC 7348). Only the offset of the IP header moves: the outer headers stay
 * where they are, because who sent them is compared with the VM table when the VM is known. Of
 * which family they are is noted in the mbuf's packet type, in DPDK's own words.
 */
#include "path/vpc.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf_ptype.h>
#include <rte_udp.h>

#include "path/vpc_learn.h"
#include "path/vpc_open.h"
#include "tunnel/device.h"
#include "tunnel/vxlan.h"

/* A tunnel interface to that host may have a VNI that the VPC does not know. */
bool vpc_is_of_interface(const struct pkt *p)
{
	const uint8_t *l3 = pkt_l3(p), *vxlan_header = pkt_l4(p) + sizeof(struct rte_udp_hdr);
	struct addr local, remote;
	uint32_t from, to;

	if (vxlan_header + TUNNEL_VXLAN_HEADER >
		    rte_pktmbuf_mtod_offset(p->mbuf, uint8_t *, rte_pktmbuf_data_len(p->mbuf)) ||
	    vni_is_known(vxlan_header[4] << 16 | vxlan_header[5] << 8 | vxlan_header[6]))
		return false;
	memcpy(&from, l3 + 12, 4);
	memcpy(&to, l3 + 16, 4);
	remote = p->flags & PKT_IPV6 ? addr_v6(l3 + 8) : addr_v4(from);
	local = p->flags & PKT_IPV6 ? addr_v6(l3 + 24) : addr_v4(to);
	return device_is_between(&local, &remote, TUNNEL_KIND_VXLAN);
}

void vpc_outer_source(const struct pkt *p, struct addr *source)
{
	bool ipv6 = vpc_outer_is_ipv6(p);
	const uint8_t *outer = pkt_l3(p) - (ipv6 ? VXLAN_OUTER6 : VXLAN_OUTER4);
	uint32_t v4;

	memcpy(&v4, outer + 12, 4);
	*source = ipv6 ? addr_v6(outer + 8) : addr_v4(v4);
}

void vpc_restore(struct pkt *p)
{
	p->l3 -= vpc_outer_is_ipv6(p) ? VXLAN_OUTER6 : VXLAN_OUTER4;
}

void vpc_name_drop(struct pkt *p)
{
	switch (p->drop) {
	case DROP_ipv4_short:
	case DROP_ipv4_total_length:
	case DROP_ipv6_short:
	case DROP_ipv6_payload_length:
	case DROP_frame_truncated:
		p->drop = DROP_vxlan_inner_truncated;
		break;
	}
}

static bool has_mac_of(const struct pkt *p, const struct vm *vm)
{
	uint64_t mac = __atomic_load_n(&vm->mac, __ATOMIC_RELAXED);

	return memcmp(pkt_l3(p) - VXLAN_INNER_SOURCE, &mac, RTE_ETHER_ADDR_LEN) == 0;
}

uint32_t vpc_sender(struct worker *w, struct pkt *p)
{
	uint32_t zone = pkt_zone(p);
	uint32_t number = p->flags & PKT_IPV6 ? vm_find6(zone, p->key6.source)
					      : vm_find4(zone, p->key4.source);
	const struct vm *vm = &vm_table[number];
	const struct vm_host *host = vm_host_of(vm); // of number 0 there is none

	if (!host) {
		vpc_learn(w, p, number, DROP_vpc_unknown_vm);
		return 0;
	}
	if (!vpc_is_from_host(p, vm, host) || (vm->learned && !has_mac_of(p, vm))) {
		vpc_learn(w, p, number, DROP_vpc_wrong_host);
		return 0;
	}
	vm_learn_spoke(&w->learner, number, w->batch.seconds);
	return number;
}
