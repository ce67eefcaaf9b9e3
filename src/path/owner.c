/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Owners. Every packet of a session, in both directions, its fragments and the ICMP errors about
 * it, has to be seen by one worker; which one follows from the tuple alone. There are two ways,
 * chosen once at start:
 *
 * RSS: all ports spread by Toeplitz with the same key and table. The owner is the worker on whose
 * queue the devices put the tuple, and local ports are chosen so that replies come there too:
 * nothing is handed over but fragments and ICMP errors.
 *
 * Hand-over: devices spread as they like.
 *   to a local address    from the local port: its worker has chosen the port so
 *   from a local address  likewise (what Linux sends)
 *   otherwise             from the hash of the tuple
 *
 * Only a packet that has missed asks: a session that is found is owned.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "balance/address_set.h"
#include "balance/ports.h"
#include "base/log.h"
#include "io/steer.h"
#include "path/worker.h"

static struct steer_toeplitz toeplitz;
static const struct port *rss_port; // stands for all; NULL: hand-over

static bool rss_same(const struct port *a, const struct port *b)
{
	return a->rss && b->rss && a->rss_key_len == b->rss_key_len &&
	       memcmp(a->rss_key, b->rss_key, a->rss_key_len) == 0 &&
	       a->rss_reta_size == b->rss_reta_size &&
	       memcmp(a->rss_reta, b->rss_reta, a->rss_reta_size * sizeof(*a->rss_reta)) == 0;
}

void owner_start(unsigned int workers)
{
	bool same = workers > 1 && port_count() > 0;

	rss_port = NULL;
	for (unsigned int i = 0; i < port_count(); i++)
		same = same && rss_same(port_get(0), port_get(i)) &&
		       port_get(i)->rx_queue_count == workers;
	if (same &&
	    steer_toeplitz_init(&toeplitz, port_get(0)->rss_key, port_get(0)->rss_key_len) == 0)
		rss_port = port_get(0);
	if (workers > 1)
		log_info("packets find their worker by %s",
			 rss_port ? "the devices' own spreading (RSS)"
				  : "hand-over between workers");
}

bool owner_is_rss(void)
{
	return rss_port != NULL;
}

unsigned int owner_by_rss(const void *key, bool ipv6)
{
	const struct key4 *k4 = key;
	const struct key6 *k6 = key;

	if (ipv6)
		return steer_queue(rss_port,
				   steer_toeplitz6(&toeplitz, k6->source, k6->destination,
						   k6->source_port, k6->destination_port));
	return steer_queue(rss_port, steer_toeplitz4(&toeplitz, k4->source, k4->destination,
						     k4->source_port, k4->destination_port));
}

/* The upper bits of the hash choose a bucket: take others, or a worker's buckets fill unevenly. */
static unsigned int owner_by_hash(unsigned int workers, uint32_t hash)
{
	return ((uint64_t)(hash * 0x9e3779b1u) * workers) >> 32;
}

unsigned int owner_of(const struct worker *w, const struct pkt *p)
{
	bool ipv6 = p->flags & PKT_IPV6;
	struct addr local;
	uint16_t port;

	if (w->count == 1)
		return 0;
	if (p->flags & PKT_FROM_KERNEL)
		return w->index; // the punt thread has chosen
	if (rss_port)
		return owner_by_rss(&p->key4, ipv6);
	local = ipv6 ? addr_v6(p->key6.destination) : addr_v4(p->key4.destination);
	if (!address_set_has(ADDRESS_LOCAL, &local))
		return owner_by_hash(w->count, p->hash);
	port = rte_be_to_cpu_16(ipv6 ? p->key6.destination_port : p->key4.destination_port);
	return ports_owner(w->count, port);
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
	uint16_t ports[2];

	if (at == 0 || workers_count() == 0)
		return 0;
	memcpy(ports, rte_pktmbuf_mtod_offset(packet, uint8_t *, at), sizeof(ports));
	if (!rss_port)
		return ports_owner(workers_count(), rte_be_to_cpu_16(ports[0]));
	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(ether + 1);
		struct key4 answer = {ip->dst_addr, ip->src_addr, ports[1], ports[0], 0};

		return owner_by_rss(&answer, false);
	} else {
		const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)(ether + 1);
		struct key6 answer = {.source_port = ports[1], .destination_port = ports[0]};

		memcpy(answer.source, ip->dst_addr, 16);
		memcpy(answer.destination, ip->src_addr, 16);
		return owner_by_rss(&answer, true);
	}
}
