/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * FullNAT: the server sees a local address and a local port, so that its answers come back here
 * from anywhere. Local addresses that stand on the interface towards the server are used in turn;
 * when one has no port left towards this server, the next is tried. A server in a VNI sees a local
 * address of that VNI.
 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "balance/mode_nat64.h"
#include "net/nexthop.h"
#include "session/l4_tcp.h"
#include "tunnel/vni_local.h"

static uint16_t fullnat_iface(const struct server *server, uint32_t hash)
{
	uint16_t nexthop = path_nexthop(server->path, hash);

	return nexthop >= NEXTHOP_FIRST ? nexthop_table[nexthop].iface : 0;
}

static bool fullnat_fits(const struct service_local *local, const struct server *server,
			 uint16_t iface)
{
	return local->addr.family == server->addr.family && (iface == 0 || local->iface == iface);
}

static int fullnat_port(struct balancer *b, const struct server *server,
			const struct service_local *local, const struct pkt *p, struct session *s,
			struct port_history *history)
{
	if (unlikely(nat64_applies(server, p)))
		return nat64_bind(b, server, local, p, s, history);
	s->form = FORM_REWRITE | FORM_PORT;
	if (p->flags & PKT_IPV6) {
		struct key6 *key = session_key6(s, 1);

		memcpy(key->source, server->addr.bytes, 16);
		memcpy(key->destination, local->addr.bytes, 16);
		key->source_port = mode_server_port(server, p);
		key->zone_protocol = server->zone << 8 | pkt_protocol(p);
		return ports_choose6(&b->ports, b->table, key, b->seconds, history);
	}
	s->key4[1] = key4_make(server->addr.v4, local->addr.v4, mode_server_port(server, p), 0,
			       server->zone << 8 | pkt_protocol(p));
	return ports_choose4(&b->ports, b->table, &s->key4[1], b->seconds, history);
}

/*
 * The server still remembers an earlier connection on this port: begin this one's sequence numbers
 * beyond it. Half a window more, for segments of the old one that never arrived here.
 */
static void fullnat_shift(struct balancer *b, struct session *s, const struct pkt *p,
			  const struct port_history *history)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)pkt_l4(p);
	struct session_extra *extra = s->flags & SESSION_EXTRA ? table_extra(b->table, s)
							       : table_extra_allocate(b->table, s);

	if (extra)
		extra->sequence_shift = history->sequence + UINT16_MAX -
					rte_be_to_cpu_32(tcp->sent_seq);
}

static void fullnat_remember(struct balancer *b, struct session *s, const struct pkt *p,
			     const struct port_history *history)
{
	if (history->recent && pkt_protocol(p) == IPPROTO_TCP)
		fullnat_shift(b, s, p, history);
}

/* To a VM, from a local address of its VNI. */
static enum drop fullnat_bind_vm(struct balancer *b, struct service_state *state,
				 const struct server *server, const struct pkt *p,
				 struct session *s)
{
	const struct vni_locals *locals = vni_local_get(server->zone);
	enum drop reason = DROP_no_local_address;
	struct service_local local = {0};
	struct port_history history;

	s->flags |= SESSION_VPC;
	for (unsigned int i = 0; locals && i < locals->count; i++) {
		if (++state->local >= locals->count)
			state->local = 0;
		local.addr = locals->address[state->local];
		if (local.addr.family != server->addr.family)
			continue;
		if (fullnat_port(b, server, &local, p, s, &history) == 0) {
			fullnat_remember(b, s, p, &history);
			return DROP_none;
		}
		reason = DROP_no_local_port;
	}
	return reason;
}

static enum drop fullnat_bind(struct balancer *b, const struct service *service,
			      const struct server *server, const struct pkt *p, struct session *s)
{
	struct service_state *state = &b->service_states[service->number];
	uint16_t iface;
	enum drop reason = DROP_no_local_address;
	struct port_history history;

	if (unlikely(server->vm))
		return fullnat_bind_vm(b, state, server, p, s);
	iface = fullnat_iface(server, p->hash);
	for (uint32_t i = 0; i < service->local_count; i++) {
		const struct service_local *local;

		if (++state->local >= service->local_count)
			state->local = 0;
		local = &service->locals[state->local];
		if (!fullnat_fits(local, server, iface))
			continue;
		if (fullnat_port(b, server, local, p, s, &history) == 0) {
			fullnat_remember(b, s, p, &history);
			return DROP_none;
		}
		reason = DROP_no_local_port;
	}
	return reason;
}

const struct mode mode_fullnat = {.name = "fullnat", .translates = true, .bind = fullnat_bind};
