/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"
#include "session/offer.h"

/* What a client has proved that acknowledged a cookie. */
struct syn_proof {
	struct offer offer;   // of the client; `time` its latest, `time_echo` weir's own
	uint32_t isn, cookie; // of its SYN and of weir's SYN-ACK
	uint16_t window;
	bool proven;
};

/*
 * syn_proxy.c: is a TCP packet without a session, to a service that has a SYN proxy at all, for it
 * now?
 */
bool syn_proxy_is_wanted(const struct worker *w, const struct pkt *p,
			 const struct service *service);
/* syn_proxy.c: does the segment acknowledge a cookie, and nothing beyond it? */
bool syn_proxy_proves(const struct pkt *p, struct syn_proof *proof);
/*
 * syn_proxy.c: a TCP packet without a session, to a service with a SYN proxy. False: its fate is
 * settled. Else, when `proof` says so, it is the first packet of a client that is what it says.
 */
bool syn_proxy_first(struct worker *w, struct batch *b, unsigned int at,
		     const struct service *service, struct syn_proof *proof);
/*
 * syn_proxy.c: the packet becomes the SYN that the client has sent once. What it carries is held in
 * the handshake, whose number is returned; 0: dropped, there is no room.
 */
uint32_t syn_proxy_become_syn(struct worker *w, struct pkt *p, const struct service *service,
			      const struct syn_proof *proof);
/* syn_proxy.c: no session could be made: the client is told by a reset, counted as `reason`. */
void syn_proxy_refuse(struct worker *w, struct batch *b, unsigned int at,
		      const struct syn_proof *proof);
/* syn_proxy.c: the client's window, as its SYN says it. */
rte_be16_t syn_proxy_window(const struct handshake *one);
/* syn_proxy.c: `header` bytes of TCP are the whole segment: mend lengths and checksums. */
void syn_proxy_finish(struct pkt *p, unsigned int header);

/* syn_proxy_server.c: the session of a handshake was made; its SYN is this packet. */
void syn_proxy_begin(struct worker *w, struct pkt *p, struct session *s, uint32_t handshake);
/* syn_proxy_server.c: a packet of a session in STATE_SYN_PROXY. False: its fate is settled. */
bool syn_proxy_event(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		     unsigned int direction);
/* syn_proxy_server.c: a session in STATE_SYN_PROXY ends. */
void syn_proxy_end(struct worker *w, struct session *s);
/* syn_proxy_server.c: handshakes whose server is silent. */
void syn_proxy_run(struct worker *w, uint64_t now);
/* syn_proxy_server.c: what weir itself sends, and what it has held, into the next batch. */
void syn_proxy_released(struct worker *w, struct batch *b);
