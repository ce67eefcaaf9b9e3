/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Answers that a worker makes itself, in the buffer of the packet that asked for them: a TCP reset
 * (RFC 9293, 3.10.7.1) and ICMP errors (RFC 792, 1191, 4443). All of them are limited to
 * ANSWERS_PER_SECOND for each worker, so that nobody can make weir flood a third party; and a
 * quarter more for prefixes that have had few, so that a flood from one does not take them all.
 */
#include "path/answer.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/csum.h"
#include "io/pool.h"
#include "path/odd.h"
#include "path/vpc.h"
#include "session/l4_tcp.h"

enum {
	ANSWERS_PER_SECOND = 10000,
	ANSWERS_BURST = 1000,
	SHARE_PART = 10, // of a second is a window of source_share.h
	SHARE_FEW = 16,
	SHARE_RESERVE = ANSWERS_PER_SECOND / SHARE_PART / 4,
	ANSWER_TTL = 64,
	QUOTE4 = 548,  // so that the whole is at most 576 bytes
	QUOTE6 = 1232, // so that the whole is at most 1280 bytes
};

/* Of what is there for all. */
static bool answer_token(struct worker *w, uint64_t tsc)
{
	struct bucket_tokens *t = &w->answers;
	uint64_t gained;

	if (tsc - t->last > w->hz) // the bucket is full long before that
		t->last = tsc - w->hz;
	gained = (tsc - t->last) * ANSWERS_PER_SECOND / w->hz;
	t->last += gained * w->hz / ANSWERS_PER_SECOND; // what is less than a token counts later
	t->tokens = RTE_MIN(t->tokens + gained, (uint64_t)ANSWERS_BURST);
	if (t->tokens == 0)
		return false;
	t->tokens--;
	return true;
}

static bool answer_allowed(struct worker *w, const struct pkt *p, uint64_t tsc)
{
	if (!answer_token(w, tsc))
		return source_share_take(&w->answer_share, p, tsc, w->hz / SHARE_PART, SHARE_FEW,
					 SHARE_RESERVE);
	source_share_count(&w->answer_share, p, tsc, w->hz / SHARE_PART);
	return true;
}

void answer_trim(struct rte_mbuf *m, unsigned int length)
{
	if (unlikely(m->next)) {
		rte_pktmbuf_free(m->next);
		m->next = NULL;
		m->nb_segs = 1;
	}
	m->data_len = m->pkt_len = length;
}

/* The answer is complete at pkt_l3(p): find the way and count what was answered. */
static void answer_send(struct worker *w, struct batch *b, unsigned int at, enum drop reason)
{
	struct pkt *p = &b->pkt[at];
	bool ipv6 = p->flags & PKT_IPV6;

	w->drops[reason]++;
	w->stats.answered++;
	if (pkt_zone(p)) {
		vpc_answer(w, b, at);
		return;
	}
	b->nexthop[at] = route_of_address(pkt_l3(p) + (ipv6 ? 24 : 16), ipv6, p->hash);
	p->drop = reason; // for trace and capture: what is sent is the answer
	p->fate = FATE_SEND;
}

static void ipv4_fill(struct rte_ipv4_hdr *ip, uint32_t source, uint32_t destination,
		      uint8_t protocol, unsigned int length)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(length),
		.time_to_live = ANSWER_TTL,
		.next_proto_id = protocol,
		.src_addr = source,
		.dst_addr = destination,
	};
	ip->hdr_checksum = ~csum_fold(csum_bytes(ip, sizeof(*ip)));
}

static void ipv6_fill(struct rte_ipv6_hdr *ip, const uint8_t source[16],
		      const uint8_t destination[16], uint8_t protocol, unsigned int length)
{
	ip->vtc_flow = RTE_BE32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16(length - sizeof(*ip));
	ip->proto = protocol;
	ip->hop_limits = ANSWER_TTL;
	memcpy(ip->src_addr, source, 16);
	memcpy(ip->dst_addr, destination, 16);
}

/* Bytes of the IP datagram as its own header says; input() has checked that they are there. */
static unsigned int datagram_length(const struct pkt *p)
{
	const uint8_t *l3 = pkt_l3(p);

	return p->flags & PKT_IPV6 ? 40 + (l3[4] << 8 | l3[5]) : l3[2] << 8 | l3[3];
}

static void reset_fill(struct rte_tcp_hdr *tcp, const struct pkt *p)
{
	struct rte_tcp_hdr asked = *(struct rte_tcp_hdr *)pkt_l4(p);
	uint32_t segment = datagram_length(p) - p->l4 - (asked.data_off >> 4) * 4 +
			   !!(asked.tcp_flags & TCP_SYN) + !!(asked.tcp_flags & TCP_FIN);

	memset(tcp, 0, sizeof(*tcp));
	tcp->src_port = asked.dst_port;
	tcp->dst_port = asked.src_port;
	tcp->data_off = 5 << 4;
	if (asked.tcp_flags & TCP_ACK) {
		tcp->tcp_flags = TCP_RST;
		tcp->sent_seq = asked.recv_ack;
	} else {
		tcp->tcp_flags = TCP_RST | TCP_ACK;
		tcp->recv_ack = rte_cpu_to_be_32(rte_be_to_cpu_32(asked.sent_seq) + segment);
	}
}

/* Counted as `sent`, or where there is to be no answer dropped as `dropped`. */
static void reset_answer(struct worker *w, struct batch *b, unsigned int at, enum drop sent,
			 enum drop dropped)
{
	struct pkt *p = &b->pkt[at];
	unsigned int header = p->flags & PKT_IPV6 ? sizeof(struct rte_ipv6_hdr)
						  : sizeof(struct rte_ipv4_hdr);
	unsigned int length = header + sizeof(struct rte_tcp_hdr);
	struct rte_tcp_hdr reset;
	uint64_t pseudo;

	if ((p->tcp_flags & TCP_RST) || !answer_allowed(w, p, b->tsc)) {
		pkt_drop(p, dropped);
		return;
	}
	reset_fill(&reset, p);
	if (p->flags & PKT_IPV6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)pkt_l3(p);

		ipv6_fill(ip, p->key6.destination, p->key6.source, IPPROTO_TCP, length);
		pseudo = csum_pseudo6(ip->src_addr, IPPROTO_TCP, sizeof(reset));
	} else {
		ipv4_fill((struct rte_ipv4_hdr *)pkt_l3(p), p->key4.destination, p->key4.source,
			  IPPROTO_TCP, length);
		pseudo = csum_pseudo4(p->key4.source, p->key4.destination, IPPROTO_TCP,
				      sizeof(reset));
	}
	reset.cksum = ~csum_fold(pseudo + csum_bytes(&reset, sizeof(reset)));
	p->l4 = header;
	memcpy(pkt_l4(p), &reset, sizeof(reset));
	answer_trim(p->mbuf, p->l3 + length);
	answer_send(w, b, at, sent);
}

void answer_reset(struct worker *w, struct batch *b, unsigned int at)
{
	reset_answer(w, b, at, DROP_tcp_reset_sent, DROP_tcp_not_syn);
}

void answer_reset_as(struct worker *w, struct batch *b, unsigned int at, enum drop reason)
{
	reset_answer(w, b, at, reason, reason);
}

/*
 * A segment of a session towards the source of one direction's key, from what that side takes for its
 * peer. It is in no batch, so it waits among the parked for its route.
 */
static bool segment_park(struct worker *w, struct rte_mempool *pool, struct session *s, bool wide,
			 unsigned int direction, const struct rte_tcp_hdr *header)
{
	bool ipv6 = session_key_is_ipv6(s, wide, direction);
	unsigned int size = ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	unsigned int length = size + sizeof(*header);
	const struct key4 *k4 = session_key(s, wide, direction);
	const struct key6 *k6 = session_key(s, wide, direction);
	struct rte_mbuf *m = w->parked_count < PARKED ? rte_pktmbuf_alloc(pool) : NULL;
	struct rte_tcp_hdr *tcp;
	struct pkt answer;
	uint64_t pseudo;
	uint8_t *l3;

	if (!m)
		return false;
	l3 = (uint8_t *)rte_pktmbuf_append(m, sizeof(struct rte_ether_hdr) + length) +
	     sizeof(struct rte_ether_hdr);
	tcp = (struct rte_tcp_hdr *)(l3 + size);
	*tcp = *header;
	tcp->data_off = 5 << 4;
	tcp->src_port = ipv6 ? k6->destination_port : k4->destination_port;
	tcp->dst_port = ipv6 ? k6->source_port : k4->source_port;
	if (ipv6) {
		ipv6_fill((struct rte_ipv6_hdr *)l3, k6->destination, k6->source, IPPROTO_TCP,
			  length);
		pseudo = csum_pseudo6(l3 + 8, IPPROTO_TCP, sizeof(*tcp));
	} else {
		ipv4_fill((struct rte_ipv4_hdr *)l3, k4->destination, k4->source, IPPROTO_TCP,
			  length);
		pseudo = csum_pseudo4(k4->destination, k4->source, IPPROTO_TCP, sizeof(*tcp));
	}
	tcp->cksum = ~csum_fold(pseudo + csum_bytes(tcp, sizeof(*tcp)));
	answer = (struct pkt){
		.mbuf = m,
		.hash = session_hash(s, wide, direction ^ 1),
		.l3 = sizeof(struct rte_ether_hdr),
		.flags = ipv6 ? PKT_IPV6 : 0,
	};
	if ((s->flags & SESSION_VPC) && direction != vpc_direction(s) &&
	    !vpc_encapsulate(w, &answer, vpc_vm(s))) {
		rte_pktmbuf_free(m);
		return false;
	}
	w->stats.answered++;
	w->parked[w->parked_count++] = (struct parked){
		.mbuf = m,
		.deadline = w->batch.tsc + w->hz,
		.hash = answer.hash,
		.l3 = answer.l3,
		.ipv6 = answer.flags & PKT_IPV6,
	};
	return true;
}

void answer_reset_other(struct worker *w, struct batch *b, const struct pkt *p, struct session *s,
			unsigned int direction)
{
	const struct rte_tcp_hdr *seen = (const struct rte_tcp_hdr *)pkt_l4(p);
	// What the packet would have been, with nothing of it but its place in the stream.
	struct rte_tcp_hdr reset = {.sent_seq = seen->sent_seq, .tcp_flags = TCP_RST};

	if (!session_is_two_way(s) || !answer_allowed(w, p, b->tsc))
		return;
	if (s->flags & SESSION_EXTRA) {
		const struct session_extra *extra = table_extra(&w->table, s);

		reset.sent_seq = rte_cpu_to_be_32(
			rte_be_to_cpu_32(seen->sent_seq) +
			(direction == 0 ? extra->sequence_shift : extra->server_shift));
	}
	segment_park(w, p->mbuf->pool, s, p->session & ENTRY_WIDE, direction ^ 1, &reset);
}

bool answer_probe(struct worker *w, struct session *s, bool wide)
{
	static const struct rte_tcp_hdr probe = {.tcp_flags = TCP_ACK};

	// Half of the room is left to those who wait for a neighbour.
	if (w->parked_count >= PARKED / 2 || !answer_token(w, w->batch.tsc))
		return false;
	return segment_park(w, pool_get(-1), s, wide, 0, &probe);
}

/*
 * Whom an error comes from: the address that was asked, which is weir's own, but of SNAT weir's WAN
 * address, because weir is no more than a hop on the way to the other.
 */
static struct addr icmp_source(struct worker *w, const struct pkt *p)
{
	bool ipv6 = p->flags & PKT_IPV6;

	if (p->session && !(p->session & ENTRY_REVERSE)) {
		struct session *s = table_session(&w->table, p->session);

		if (s->form & FORM_ROUTED)
			return ipv6 ? addr_v6(session_key6(s, 1)->destination)
				    : addr_v4(s->key4[1].destination);
	}
	return ipv6 ? addr_v6(p->key6.destination) : addr_v4(p->key4.destination);
}

/*
 * Put an IP and an ICMP header before the packet, which becomes the quoted one. Returns the ICMP
 * header, type and the rest of it still to be filled in, or NULL when the packet has to be dropped.
 */
static uint8_t *icmp_wrap(struct worker *w, uint64_t tsc, struct pkt *p)
{
	bool ipv6 = p->flags & PKT_IPV6;
	unsigned int header = (ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr)) +
			      8;
	unsigned int quote = RTE_MIN(datagram_length(p), (unsigned int)(ipv6 ? QUOTE6 : QUOTE4));
	struct addr source = icmp_source(w, p);
	uint8_t *l3;

	quote = RTE_MIN(quote, (unsigned int)rte_pktmbuf_data_len(p->mbuf) - p->l3);
	if (!answer_allowed(w, p, tsc))
		return NULL;
	answer_trim(p->mbuf, p->l3 + quote);
	if (!rte_pktmbuf_prepend(p->mbuf, header))
		return NULL;
	l3 = pkt_l3(p);
	if (ipv6)
		ipv6_fill((struct rte_ipv6_hdr *)l3, source.bytes, p->key6.source, IPPROTO_ICMPV6,
			  header + quote);
	else
		ipv4_fill((struct rte_ipv4_hdr *)l3, source.v4, p->key4.source, IPPROTO_ICMP,
			  header + quote);
	memset(l3 + header - 8, 0, 8);
	return l3 + header - 8;
}

/* The packet becomes an error about it. What stands under [0] is for IPv4, under [1] for IPv6. */
static bool icmp_make(struct worker *w, uint64_t tsc, struct pkt *p, const uint8_t type[2],
		      const uint8_t code[2], uint16_t mtu)
{
	bool ipv6 = p->flags & PKT_IPV6;
	uint8_t *icmp = icmp_wrap(w, tsc, p);
	unsigned int length;
	uint16_t field;
	uint64_t sum;

	if (!icmp)
		return false;
	icmp[0] = type[ipv6];
	icmp[1] = code[ipv6];
	icmp[6] = mtu >> 8;
	icmp[7] = mtu;
	length = rte_pktmbuf_mtod(p->mbuf, uint8_t *) + rte_pktmbuf_data_len(p->mbuf) - icmp;
	sum = csum_bytes(icmp, length);
	if (ipv6)
		sum += csum_pseudo6(pkt_l3(p) + 8, IPPROTO_ICMPV6, length);
	field = ~csum_fold(sum);
	memcpy(icmp + 2, &field, 2);
	return true;
}

/* Answer with an error, counted as `reason`. */
static void icmp_answer(struct worker *w, struct batch *b, unsigned int at, const uint8_t type[2],
			const uint8_t code[2], uint16_t mtu, enum drop reason)
{
	struct pkt *p = &b->pkt[at];

	if (icmp_make(w, b->tsc, p, type, code, mtu))
		answer_send(w, b, at, reason);
	else
		pkt_drop(p, reason);
}

static const uint8_t type_unreachable[2] = {ICMP_DEST_UNREACH, ICMP6_DST_UNREACH};

static const uint8_t type_too_big[2] = {ICMP_DEST_UNREACH, ICMP6_PACKET_TOO_BIG};
static const uint8_t code_too_big[2] = {ICMP_FRAG_NEEDED, 0};

void answer_too_big_as(struct worker *w, struct batch *b, unsigned int at, uint16_t mtu,
		       enum drop reason)
{
	struct pkt *p = &b->pkt[at];

	if (!(p->flags & PKT_IPV6) && !(pkt_l3(p)[6] & 0x40))
		pkt_drop(p, reason);
	else
		icmp_answer(w, b, at, type_too_big, code_too_big, mtu, reason);
}

void answer_too_big(struct worker *w, struct batch *b, unsigned int at, uint16_t mtu)
{
	const struct pkt *p = &b->pkt[at];
	bool told = (p->flags & PKT_IPV6) || (pkt_l3(p)[6] & 0x40);

	answer_too_big_as(w, b, at, mtu, told ? DROP_too_big : DROP_needs_fragmentation);
}

bool answer_make_too_big(struct worker *w, struct pkt *p, uint16_t mtu)
{
	return icmp_make(w, w->batch.tsc, p, type_too_big, code_too_big, mtu);
}

/* Whom the packet is for cannot be reached, for a reason that is none of the sender's business. */
void answer_host_unreachable(struct worker *w, struct batch *b, unsigned int at, enum drop reason)
{
	static const uint8_t code[2] = {ICMP_HOST_UNREACH, ICMP6_DST_UNREACH_ADDR};

	icmp_answer(w, b, at, type_unreachable, code, 0, reason);
}

void answer_ttl_exceeded(struct worker *w, struct batch *b, unsigned int at)
{
	static const uint8_t type[2] = {ICMP_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED};
	static const uint8_t code[2] = {0, 0}; // in transit

	icmp_answer(w, b, at, type, code, 0, DROP_ttl_exceeded);
}

void answer_unreachable(struct worker *w, struct batch *b, unsigned int at)
{
	static const uint8_t code[2] = {ICMP_PORT_UNREACH, ICMP6_DST_UNREACH_NOPORT};

	icmp_answer(w, b, at, type_unreachable, code, 0, DROP_server_gone);
}

void answer_prohibited(struct worker *w, struct batch *b, unsigned int at, enum drop reason)
{
	static const uint8_t code[2] = {ICMP_PKT_FILTERED, ICMP6_DST_UNREACH_ADMIN};

	icmp_answer(w, b, at, type_unreachable, code, 0, reason);
}
