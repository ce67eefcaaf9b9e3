/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * BFD in the workers: what it tells a peer is true of the path that packets take, and it keeps time
 * while the control thread is busy.
 *
 * Each session is run by one worker (bfd/table.h); a packet that comes in elsewhere is handed over.
 * Packets to an address of this host are taken where other packets would go to Linux, those inside
 * VXLAN from the zone lane: Open vSwitch sends them in VNI 0, or in the tunnel's, between
 * 169.254.1.1 and 169.254.1.0, and which host they come from says the outer header. Plain packets of
 * peers without a session go to Linux, where BIRD or FRR may have one with them.
 *
 * A worker looks at its sessions once in a millisecond. It sends only while all workers go round:
 * a peer would else keep sending flows to a host of which some queues are dead. It counts no peer
 * as gone before it has looked at all that has arrived, unless its queues never get empty.
 *
 * A flood of other packets: a packet of BFD waits for what stands before it in its queue, and no
 * policer of Linux's packets counts it. What is sent does not give way when the flood, on its way
 * out, has filled the device: it is tried again for some microseconds.
 */
#include "path/bfd.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "base/csum.h"
#include "bfd/table.h"
#include "io/pool.h"
#include "net/nexthop.h"
#include "path/tunnelled.h"
#include "path/vpc.h"
#include "tunnel/source.h"
#include "tunnel/vxlan.h"

enum {
	PORT_SINGLE_HOP = 3784, // RFC 5881, 4
	PORT_MULTIHOP = 4784,	// RFC 5883, 5
	PORT_SOURCE = 49152,	// and up, one for each session
	SOURCES = 16384,
	TTL = 255,
	TOS = 0xc0,		     // CS6, network control
	STUCK_MICROSECONDS = 100000, // a worker that has not gone round for so long
	BEHIND_MICROSECONDS = 50000, // packets that wait in queues for longer are not waited for
	LOOKS = 1000,		     // a second
	FLUSH_TRIES = 64,
};

/* Of BFD inside VXLAN, as Open vSwitch has them. */
#define INSIDE_SOURCE	   RTE_BE32(0xa9fe0101) // 169.254.1.1
#define INSIDE_DESTINATION RTE_BE32(0xa9fe0100) // 169.254.1.0
static const uint8_t inside_mac[RTE_ETHER_ADDR_LEN] = {0x00, 0x23, 0x20, 0x00, 0x00, 0x01};

static uint64_t microseconds(const struct worker *w, uint64_t tsc)
{
	return tsc / w->hz * 1000000 + tsc % w->hz * 1000000 / w->hz;
}

/* In */

/* The packet is done with, whatever came of it. */
static void bfd_end(struct worker *w, struct pkt *p, enum drop reason)
{
	if (reason != DROP_none) {
		pkt_drop(p, reason);
		return;
	}
	w->stats.bfd_taken++;
	rte_pktmbuf_free(p->mbuf);
	p->fate = FATE_TAKEN;
}

static enum drop bfd_judge(struct worker *w, const struct bfd_name *from, struct bfd_slot *slot,
			   const struct bfd_packet *packet, uint8_t *bytes, unsigned int ttl)
{
	enum bfd_wrong wrong;

	if (memcmp(&slot->name, from, sizeof(*from)) != 0 || slot->seen == NULL)
		return DROP_bfd_unknown; // or it begins within a millisecond
	if (ttl != TTL && from->kind != BFD_MULTIHOP)
		return DROP_bfd_ttl;
	wrong = bfd_session_receive(&slot->session, packet, bytes, microseconds(w, w->batch.tsc));
	bfd_note(slot);
	return wrong == BFD_FINE ? DROP_none : DROP_bfd_refused;
}

/* A UDP datagram that has been checked, at pkt_l4(p). False: nobody here has anything to do with it. */
static bool bfd_deliver(struct worker *w, struct batch *b, unsigned int at,
			const struct bfd_heard *from)
{
	struct pkt *p = &b->pkt[at];
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)pkt_l4(p);
	unsigned int length = rte_be_to_cpu_16(udp->dgram_len) - sizeof(*udp);
	unsigned int there = rte_pktmbuf_data_len(p->mbuf) - p->l3 - p->l4 - sizeof(*udp);
	unsigned int ttl = pkt_l3(p)[p->flags & PKT_IPV6 ? 7 : 8];
	uint8_t *bytes = pkt_l4(p) + sizeof(*udp);
	struct bfd_packet packet;
	uint32_t number;

	if (there < length || bfd_packet_decode(bytes, length, &packet) != BFD_FINE) {
		bfd_end(w, p, DROP_bfd_malformed);
		return true;
	}
	number = packet.your_discriminator ? bfd_by_discriminator(packet.your_discriminator)
					   : bfd_find(&from->name);
	if (number == 0) {
		if (packet.your_discriminator == 0 &&
		    (ttl == TTL || from->name.kind == BFD_MULTIHOP))
			bfd_hear(w->index, from);
		return false;
	}
	if (bfd_worker(number) != w->index && w->count > 1) {
		p->fate = FATE_HAND;
		b->owner[at] = bfd_worker(number);
		b->hand[at] = HAND_OWNER;
		return true;
	}
	bfd_end(w, p, bfd_judge(w, &from->name, &bfd_table[number], &packet, bytes, ttl));
	return true;
}

static uint16_t bfd_port(const struct pkt *p)
{
	return p->flags & PKT_IPV6 ? p->key6.destination_port : p->key4.destination_port;
}

bool bfd_is_packet(const struct pkt *p)
{
	uint16_t port = bfd_port(p);

	return pkt_protocol(p) == IPPROTO_UDP &&
	       (port == RTE_BE16(PORT_SINGLE_HOP) || port == RTE_BE16(PORT_MULTIHOP)) &&
	       bfd_is_wanted();
}

bool bfd_take(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	bool ipv6 = p->flags & PKT_IPV6;
	struct bfd_heard from = {
		.name.kind = bfd_port(p) == RTE_BE16(PORT_MULTIHOP) ? BFD_MULTIHOP : BFD_SINGLE_HOP,
	};

	from.name.peer = ipv6 ? addr_v6(p->key6.source) : addr_v4(p->key4.source);
	from.local = ipv6 ? addr_v6(p->key6.destination) : addr_v4(p->key4.destination);
	return bfd_deliver(w, b, at, &from);
}

bool bfd_is_inside(const uint8_t *l3, unsigned int there)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)l3;
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);

	return bfd_is_wanted() && there >= sizeof(*ip) + sizeof(*udp) &&
	       ip->version_ihl == RTE_IPV4_VHL_DEF && ip->next_proto_id == IPPROTO_UDP &&
	       udp->dst_port == RTE_BE16(PORT_SINGLE_HOP);
}

bool bfd_is_of_zone(const struct pkt *p, uint32_t vni)
{
	if ((p->flags & PKT_IPV6) || p->key4.destination_port != RTE_BE16(PORT_SINGLE_HOP) ||
	    !bfd_is_wanted())
		return false;
	// In a VNI of VMs, what is for a service there is a VM's.
	return vni == 0 || __atomic_load_n(&vm_table[vm_find4(vni, p->key4.destination)].own,
					   __ATOMIC_RELAXED) == 0;
}

void bfd_take_inside(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct bfd_heard from = {.name = {.kind = BFD_VXLAN, .vni = pkt_zone(p)}};

	vpc_outer_source(p, &from.name.peer);
	if (!bfd_deliver(w, b, at, &from))
		bfd_end(w, p, DROP_bfd_unknown);
}

/* Out */

static void bfd_put_udp(const struct bfd_slot *slot, uint8_t *udp, unsigned int length)
{
	uint16_t to = slot->name.kind == BFD_MULTIHOP ? PORT_MULTIHOP : PORT_SINGLE_HOP;

	*(struct rte_udp_hdr *)udp = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(PORT_SOURCE + slot->number % SOURCES),
		.dst_port = rte_cpu_to_be_16(to),
		.dgram_len = rte_cpu_to_be_16(length),
	};
}

/* `length`: with all headers from here on. */
static void bfd_put_ipv4(uint8_t *l3, uint32_t source, uint32_t destination, unsigned int length)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = TOS,
		.total_length = rte_cpu_to_be_16(length),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = TTL,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = source,
		.dst_addr = destination,
	};
	ip->hdr_checksum = ~csum_fold(csum_bytes(ip, sizeof(*ip)));
}

static void bfd_put_checksum(uint8_t *udp, uint64_t pseudo, unsigned int length)
{
	uint16_t sum = ~csum_fold(pseudo + csum_bytes(udp, length));

	((struct rte_udp_hdr *)udp)->dgram_cksum = sum ? sum : 0xffff;
}

/* An IP packet from the session's address, or that of the interface; false: it has none. */
static bool bfd_put_plain(const struct bfd_slot *slot, struct rte_mbuf *m, uint16_t iface)
{
	bool ipv6 = slot->name.peer.family == AF_INET6;
	unsigned int datagram = rte_pktmbuf_pkt_len(m) + sizeof(struct rte_udp_hdr);
	unsigned int header = ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	uint8_t *l3 = (uint8_t *)rte_pktmbuf_prepend(m, header + sizeof(struct rte_udp_hdr));
	struct addr local = slot->local;

	if (local.family == AF_UNSPEC)
		memcpy(local.bytes, source_of(iface, ipv6), ipv6 ? 16 : 4);
	local.family = slot->name.peer.family;
	if (addr_is_unspecified(&local))
		return false;
	bfd_put_udp(slot, l3 + header, datagram);
	if (ipv6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)l3;

		*ip = (struct rte_ipv6_hdr){
			.vtc_flow = RTE_BE32(6u << 28 | TOS << 20),
			.payload_len = rte_cpu_to_be_16(datagram),
			.proto = IPPROTO_UDP,
			.hop_limits = TTL,
		};
		memcpy(ip->src_addr, local.bytes, 16);
		memcpy(ip->dst_addr, slot->name.peer.bytes, 16);
		bfd_put_checksum(l3 + header, csum_pseudo6(ip->src_addr, IPPROTO_UDP, datagram),
				 datagram);
	} else {
		bfd_put_ipv4(l3, local.v4, slot->name.peer.v4, header + datagram);
		bfd_put_checksum(l3 + header,
				 csum_pseudo4(local.v4, slot->name.peer.v4, IPPROTO_UDP, datagram),
				 datagram);
	}
	return true;
}

static void bfd_put_inside(struct worker *w, const struct bfd_slot *slot, struct rte_mbuf *m)
{
	struct vm line = {.vni = slot->name.vni};
	const struct vm_host *host = &vm_host_table[slot->host];
	unsigned int datagram = rte_pktmbuf_pkt_len(m) + sizeof(struct rte_udp_hdr);
	unsigned int length = datagram + sizeof(struct rte_ipv4_hdr);
	struct vxlan_packet packet = {
		.hash = slot->discriminator,
		.length = length,
		.id = rte_cpu_to_be_16(++w->tunnel_id * w->count + w->index),
		.tos = TOS,
		.type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
	};
	uint8_t *l3 = (uint8_t *)rte_pktmbuf_prepend(m, length - rte_pktmbuf_pkt_len(m));

	memcpy(&line.mac, inside_mac, sizeof(inside_mac));
	bfd_put_ipv4(l3, INSIDE_SOURCE, INSIDE_DESTINATION, length);
	bfd_put_udp(slot, l3 + sizeof(struct rte_ipv4_hdr), datagram);
	rte_pktmbuf_prepend(m, vxlan_overhead(host));
	vxlan_put(&line, host, rte_pktmbuf_mtod(m, uint8_t *), &packet);
	if (host->ipv6)
		vxlan_checksum(m, 0);
}

static void bfd_send(struct worker *w, struct bfd_slot *slot, uint64_t now)
{
	uint16_t number = path_nexthop(slot->path, slot->discriminator);
	const struct nexthop *n = &nexthop_table[number];
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool_get(-1));
	uint32_t random = slot->session.sent * 2654435761u ^ slot->discriminator;
	uint8_t bytes[BFD_LENGTH_MAX];
	unsigned int length = bfd_session_send(&slot->session, now, random >> 8, bytes);

	if (!m)
		return;
	if (number < NEXTHOP_FIRST) { // the peer counts it as lost
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(rte_pktmbuf_append(m, length), bytes, length);
	if (slot->name.kind == BFD_VXLAN) {
		bfd_put_inside(w, slot, m);
	} else if (!bfd_put_plain(slot, m, n->iface)) {
		rte_pktmbuf_free(m);
		return;
	}
	w->stats.bfd_sent++;
	output_datagram(w, m, slot->name.peer.family == AF_INET6, n);
}

/* Do all workers go round? */
static bool bfd_all_alive(struct worker *w, uint64_t now)
{
	bool alive = true;

	for (unsigned int i = 0; i < w->count; i++) {
		uint64_t loops = __atomic_load_n(&worker_get(i)->stats.loops, __ATOMIC_RELAXED);

		if (loops != w->beat[i]) {
			w->beat[i] = loops;
			w->beat_at[i] = now;
		}
		alive = alive && now - w->beat_at[i] < STUCK_MICROSECONDS;
	}
	return alive;
}

/* What control wants now. */
static void bfd_follow(struct bfd_slot *slot, const struct bfd_wanted *wanted, uint64_t now)
{
	struct bfd_session *s = &slot->session;

	if (slot->seen == NULL)
		bfd_session_start(s, &wanted->config, slot->discriminator, now,
				  slot->discriminator);
	else
		bfd_session_configure(s, &wanted->config, now);
	if (wanted->disabled)
		bfd_session_disable(s, wanted->disabled, now);
	else
		bfd_session_enable(s, now);
	__atomic_store_n(&slot->seen, wanted, __ATOMIC_RELEASE);
}

/* Nothing but packets of BFD waits to be sent. */
static void bfd_flush(struct worker *w)
{
	for (unsigned int port = 0; port < port_count(); port++) {
		struct transmit *t = &w->transmit[port];
		const struct port_queue *q = &w->transmit_queue[port];

		for (unsigned int i = 0; i < FLUSH_TRIES && t->count > 0; i++) {
			unsigned int sent;

			if (w->transmit_by[port] != w->index)
				break; // another worker's queue
			sent = rte_eth_tx_burst(q->dpdk_port, q->queue, t->packet, t->count);
			w->stats.sent += sent;
			t->count -= sent;
			memmove(t->packet, t->packet + sent, t->count * sizeof(*t->packet));
		}
	}
	output_flush(w); // what is left is dropped by name
}

void bfd_run(struct worker *w, uint64_t tsc)
{
	uint32_t highest = __atomic_load_n(&bfd_highest, __ATOMIC_ACQUIRE);
	uint64_t now = microseconds(w, tsc);
	bool alive, behind = w->batch.count == BATCH;

	w->bfd_due = tsc + w->hz / LOOKS;
	if (highest == 0)
		return;
	alive = bfd_all_alive(w, now);
	for (uint32_t i = 1; i <= highest; i++) {
		struct bfd_slot *slot = &bfd_table[i];
		const struct bfd_wanted *wanted;

		if (bfd_worker(i) != w->index)
			continue;
		wanted = __atomic_load_n(&slot->wanted, __ATOMIC_ACQUIRE);
		if (!wanted)
			continue;
		if (slot->seen != wanted)
			bfd_follow(slot, wanted, now);
		if (!behind || now > slot->session.detected + BEHIND_MICROSECONDS)
			bfd_session_expire(&slot->session, now);
		bfd_note(slot);
		if (alive && bfd_session_is_due(&slot->session, now))
			bfd_send(w, slot, now);
	}
	bfd_flush(w);
}
