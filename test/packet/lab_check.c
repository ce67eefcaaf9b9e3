/* SPDX-License-Identifier: BSD-3-Clause */

/* Sessions as the tables have them, and whether all counters say the same. */
#include "lab_parts.h"

#include <string.h>

void lab_sessions_visit(struct worker *w, void (*visit)(struct worker *w, uint32_t entry))
{
	for (unsigned int wide = 0; wide < 2; wide++) {
		for (uint32_t i = 1; i <= w->table.pool[wide].high; i++) {
			uint32_t entry = i | (wide ? ENTRY_WIDE : 0);

			if (table_session(&w->table, entry)->state != STATE_NONE)
				visit(w, entry);
		}
	}
}

/* Each packet that was put or made here has gone exactly one way. */
void lab_flow_check(struct worker *w)
{
	uint64_t gone = w->stats.sent + w->stats.punted + w->stats.handed_over + w->parked_count +
			w->frag.custody + w->stats.bfd_taken + w->learner.waiting_count +
			w->stats.shaped + w->handshakes.packets;

	for (unsigned int i = 0; i < DROP_COUNT; i++)
		gone += w->drops[i];
	assert_int_equal(lab.received[w->index] + w->stats.answered + w->stats.fragments_made +
				 w->stats.bfd_sent + w->stats.proxy_made +
				 w->stats.syn_proxy_segments,
			 gone);
	assert_int_equal(w->drops[DROP_none], 0);
	assert_int_equal(w->stats.send_failed, w->drops[DROP_transmit_full]);
}

unsigned int lab_sessions(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < lab.workers; i++)
		count += lab.worker[i].table.pool[0].used + lab.worker[i].table.pool[1].used;
	return count;
}

static struct session *session_seen;

static void session_note(struct worker *w, uint32_t entry)
{
	session_seen = table_session(&w->table, entry);
}

struct session *lab_session(void)
{
	assert_int_equal(lab_sessions(), 1);
	for (unsigned int i = 0; i < lab.workers; i++)
		lab_sessions_visit(&lab.worker[i], session_note);
	return session_seen;
}

void lab_expect_state(enum session_state state, const char *file, int line)
{
	enum session_state now = lab_session()->state;

	if (now != state) {
		print_error("state %s, not %s\n", session_state_name(now),
			    session_state_name(state));
		_fail(file, line);
	}
}

/* What the sessions say, to be compared with what was counted meanwhile. */
static struct {
	uint32_t sessions, half_open, ports;
	uint32_t active[256], inactive[256]; // by server
	uint32_t service_active[256], service_inactive[256];
} sum;

static void session_sum(struct worker *w, uint32_t entry)
{
	struct session *s = table_session(&w->table, entry);
	bool wide = entry & ENTRY_WIDE;

	if (!(s->form & FORM_LENT))
		sum.half_open += s->state == STATE_SYN_SENT || s->state == STATE_SYN_RECV ||
				 s->state == STATE_SCTP_INIT || s->state == STATE_SCTP_INIT_ACK ||
				 s->state == STATE_SCTP_COOKIE;
	sum.sessions++;
	sum.ports += (s->form & FORM_PORT) != 0;
	assert_true(s->server < 256);
	if (s->server) {
		uint32_t service = server_table[s->server].service;

		if (s->state == STATE_ESTABLISHED || s->state == STATE_UDP_NORMAL ||
		    s->state == STATE_SCTP_ESTABLISHED || s->state == STATE_ICMP_NORMAL) {
			sum.active[s->server]++;
			sum.service_active[service]++;
		} else {
			sum.inactive[s->server]++;
			sum.service_inactive[service]++;
		}
	}
	for (unsigned int d = 0; d < (session_is_two_way(s) ? 2 : 1); d++) {
		const void *key = session_key(s, wide, d);
		uint32_t found = session_key_is_ipv6(s, wide, d)
					 ? table_find6(&w->table, key, session_hash(s, wide, d))
					 : table_find4(&w->table, key, session_hash(s, wide, d));

		if (d == 0 && (s->form & FORM_ONE_PACKET))
			assert_int_not_equal(found, entry); // known by the answer alone
		else
			assert_int_equal(found, entry | (d ? ENTRY_REVERSE : 0));
	}
}

void lab_check(void)
{
	for (unsigned int i = 0; i < lab.workers; i++) {
		struct worker *w = &lab.worker[i];
		uint32_t ports = 0;

		memset(&sum, 0, sizeof(sum));
		lab_sessions_visit(w, session_sum);
		lab_flow_check(w);
		assert_int_equal(w->stats.half_open, sum.half_open);
		assert_int_equal(w->stats.sessions, w->table.pool[0].used);
		assert_int_equal(w->stats.sessions_wide, w->table.pool[1].used);
		assert_int_equal(sum.sessions, w->table.pool[0].used + w->table.pool[1].used);
		for (uint32_t pair = 1; pair <= w->balancer.ports.pair_high; pair++)
			ports += w->balancer.ports.pairs[pair].used;
		assert_int_equal(ports, sum.ports);
		for (unsigned int server = 1; server < 256; server++) {
			assert_int_equal(w->balancer.server_counts[server].active,
					 sum.active[server]);
			assert_int_equal(w->balancer.server_counts[server].inactive,
					 sum.inactive[server]);
			assert_int_equal(w->balancer.service_counts[server].active,
					 sum.service_active[server]);
			assert_int_equal(w->balancer.service_counts[server].inactive,
					 sum.service_inactive[server]);
		}
	}
}
