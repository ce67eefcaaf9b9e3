/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Owners. Every packet of a session, in both directions, its fragments and the ICMP errors about
 * it, has to be seen by one worker. Which one is a function of the tuple alone, so that it does not
 * matter by which port, on which queue, or in which packet it is quoted. In this order:
 *
 *   to a local address    by the local port, which the session's worker has chosen for that
 *                         (FullNAT, NAT64, SNAT's WAN addresses, and Linux's own connections);
 *                         io/steer_home.c says how, for each port by itself
 *   from a server of NAT  by the end that it is sent to: that is the client
 *   from inside a VNI     to a local address of that VNI by the local port, otherwise by the VM,
 *                         whatever host it is on: not by what a device has hashed, which is the
 *                         outer header, because a VM that moves must find its sessions
 *   otherwise             by the end that it is sent from: that is the client, too
 *
 * The two ends of a NAT session have nothing in common but the client's address and port, and the
 * VIP stands in one direction only; so both directions look at the client, and whatever is sent to
 * a VIP may be NAT's. Who has once been a server of NAT stays one here, because its sessions may
 * still be there.
 *
 * A device that spreads by itself (RSS) has done so by the whole tuple. Where there is one, what
 * clients send belongs to the worker that it gives it to, but not what is sent to a VIP of NAT:
 * with NAT most packets are handed over, in one of the directions at least.
 *
 * Only a packet that has missed asks: a session that is found is owned.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "balance/address_set.h"
#include "base/hash.h"
#include "io/steer_home.h"
#include "path/worker.h"
#include "tunnel/vm_table.h"

int owner_start(unsigned int workers, struct error *error)
{
	return steer_homes_start(workers, error);
}

/* One end of a packet's tuple, in registers: put together in memory it would be waited for. */
struct end {
	uint64_t address[2]; // of IPv4 four bytes, and zeros
	uint16_t port;
};

static inline __attribute__((always_inline)) struct end end_of(const void *key, bool ipv6,
							       bool destination)
{
	const struct key4 *k4 = key;
	const struct key6 *k6 = key;
	uint64_t address[2] = {0};

	if (ipv6) {
		memcpy(&address[0], destination ? k6->destination : k6->source, 8);
		memcpy(&address[1], (destination ? k6->destination : k6->source) + 8, 8);
		return (struct end){{address[0], address[1]},
				    destination ? k6->destination_port : k6->source_port};
	}
	return (struct end){{destination ? k4->destination : k4->source, 0},
			    destination ? k4->destination_port : k4->source_port};
}

static struct addr end_address(const struct end *end, bool ipv6)
{
	struct addr addr = {.family = ipv6 ? AF_INET6 : AF_INET};

	memcpy(addr.bytes, end->address, sizeof(addr.bytes));
	return addr;
}

static uint32_t zone_of_key(const void *key, bool ipv6)
{
	const struct key4 *k4 = key;
	const struct key6 *k6 = key;

	return (ipv6 ? k6->zone_protocol : k4->zone_protocol) >> 8;
}

/* Of replies out of a VNI no device knows the tuple: it is hidden in another packet. */
void owner_home(struct steer_home *home, const void *key, bool ipv6)
{
	struct end local = end_of(key, ipv6, true);
	uint16_t port = STEER_NO_PORT;

	if (zone_of_key(key, ipv6) == 0)
		address_set_local(local.address, ipv6, &port);
	steer_home(home, port, key, ipv6);
}

/* By one end of the tuple: not by the table's hash, whose upper bits choose a bucket. */
static inline unsigned int owner_by_end(unsigned int workers, const struct end *end,
					uint32_t zone_protocol)
{
	uint64_t words[5] = {end->address[0], end->address[1],
			     end->port | (uint64_t)zone_protocol << 32};

	return (uint64_t)hash_five(words) * workers >> 32;
}

/*
 * Compare what the device says of a packet that it gave to this worker with what is computed. Only
 * counted here: control tells of it (steer_distrust()).
 */
static void owner_compare(struct worker *w, const struct pkt *p, const struct port *port,
			  uint32_t hash)
{
	const struct iface *iface = iface_get(p->iface);

	// Of other protocols a device hashes the addresses alone.
	if (pkt_protocol(p) != IPPROTO_TCP && pkt_protocol(p) != IPPROTO_UDP)
		return;
	if ((p->flags & (PKT_HANDED | PKT_FROM_KERNEL | PKT_ICMP_ERROR)) || !iface ||
	    iface->port != port->index || !(p->mbuf->ol_flags & RTE_MBUF_F_RX_RSS_HASH))
		return;
	w->rss_seen[port->index]++;
	if (p->mbuf->hash.rss != hash || steer_queue(port, hash) != w->index)
		w->rss_wrong[port->index]++;
}

/* Of a tuple that is not sent to a local address. */
static inline __attribute__((always_inline)) unsigned int
owner_by_client(struct worker *w, const struct pkt *p, const struct end *destination, bool ipv6)
{
	bool anywhere, nat = address_set_any_nat(&anywhere);
	struct end source = end_of(&p->key4, ipv6, false);
	uint32_t zone_protocol = ipv6 ? p->key6.zone_protocol : p->key4.zone_protocol;
	const struct port *rss = steer_reference();
	struct addr addr;

	if (nat) {
		addr = end_address(&source, ipv6);
		if (address_set_has(ADDRESS_NAT_SERVER, &addr))
			return owner_by_end(w->count, destination, zone_protocol);
		addr = end_address(destination, ipv6);
		nat = address_set_has(ADDRESS_NAT_VIP, &addr);
	}
	if (rss) {
		uint32_t hash = steer_hash(rss, &p->key4, ipv6);

		owner_compare(w, p, rss, hash);
		if (!anywhere && !nat)
			return steer_queue(rss, hash);
	}
	return owner_by_end(w->count, &source, zone_protocol);
}

static inline __attribute__((always_inline)) unsigned int
owner_of_family(struct worker *w, const struct pkt *p, bool ipv6)
{
	struct steer_home home;
	struct end local;
	uint16_t port;

	local = end_of(&p->key4, ipv6, true);
	if (!address_set_local(local.address, ipv6, &port))
		return owner_by_client(w, p, &local, ipv6);
	steer_home(&home, port, &p->key4, ipv6);
	if (home.rss)
		owner_compare(w, p, home.rss, steer_hash(home.rss, &p->key4, ipv6));
	return steer_home_worker(&home, rte_be_to_cpu_16(local.port));
}

static unsigned int owner_of_vm(const struct worker *w, const struct pkt *p)
{
	bool ipv6 = p->flags & PKT_IPV6;
	uint32_t to = ipv6 ? vm_find6(pkt_zone(p), p->key6.destination)
			   : vm_find4(pkt_zone(p), p->key4.destination);
	struct end source = end_of(&p->key4, ipv6, false), local;
	struct steer_home home;

	if (__atomic_load_n(&vm_table[to].local, __ATOMIC_RELAXED)) {
		local = end_of(&p->key4, ipv6, true);
		owner_home(&home, &p->key4, ipv6);
		return steer_home_worker(&home, rte_be_to_cpu_16(local.port));
	}
	return owner_by_end(w->count, &source,
			    ipv6 ? p->key6.zone_protocol : p->key4.zone_protocol);
}

unsigned int owner_of(struct worker *w, const struct pkt *p)
{
	if (w->count == 1)
		return 0;
	if (p->flags & PKT_FROM_KERNEL)
		return w->index; // the punt thread has chosen
	if (pkt_zone(p))
		return owner_of_vm(w, p);
	return p->flags & PKT_IPV6 ? owner_of_family(w, p, true) : owner_of_family(w, p, false);
}

/* Offset of the ports of a packet that has such, of IPv6 without extension headers, or 0. */
static unsigned int owner_ports_offset(const struct rte_mbuf *packet)
{
	const uint8_t *frame = rte_pktmbuf_mtod(packet, const uint8_t *);
	const struct rte_ether_hdr *ether = (const struct rte_ether_hdr *)frame;
	const struct rte_ipv4_hdr *ipv4 = (const struct rte_ipv4_hdr *)(ether + 1);
	const struct rte_ipv6_hdr *ipv6 = (const struct rte_ipv6_hdr *)(ether + 1);
	unsigned int length = rte_pktmbuf_data_len(packet), at;
	uint8_t protocol;

	// Linux pads nothing here: an IPv4 packet may be shorter than an IPv6 header.
	if (length < sizeof(*ether) + sizeof(*ipv4))
		return 0;
	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		at = sizeof(*ether) + (ipv4->version_ihl & 0xf) * 4;
		protocol = ipv4->next_proto_id;
	} else if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		at = sizeof(*ether) + sizeof(*ipv6);
		protocol = ipv6->proto;
	} else {
		return 0;
	}
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP)
		return 0;
	return at + 4 <= length ? at : 0;
}

/*
 * Of a packet that Linux sends: the worker that the answer will reach if the packet keeps its port.
 */
unsigned int owner_of_kernel_packet(const struct rte_mbuf *packet)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(packet, const struct rte_ether_hdr *);
	unsigned int at = owner_ports_offset(packet);
	const struct iface *iface;
	struct steer_home home;
	uint16_t ports[2];
	uint32_t zone;

	if (at == 0 || workers_count() < 2)
		return 0;
	memcpy(ports, rte_pktmbuf_mtod_offset(packet, uint8_t *, at), sizeof(ports));
	iface = iface_get(packet->port);
	zone = iface && iface->kind == IFACE_VNI ? iface->vni << 8 : 0;
	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(ether + 1);
		struct key4 answer = {ip->dst_addr, ip->src_addr, ports[1], ports[0], zone};

		owner_home(&home, &answer, false);
	} else {
		const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)(ether + 1);
		struct key6 answer = {.source_port = ports[1],
				      .destination_port = ports[0],
				      .zone_protocol = zone};

		memcpy(answer.source, ip->dst_addr, 16);
		memcpy(answer.destination, ip->src_addr, 16);
		owner_home(&home, &answer, true);
	}
	return steer_home_worker(&home, rte_be_to_cpu_16(ports[0]));
}
