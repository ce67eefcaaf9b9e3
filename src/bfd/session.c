/* SPDX-License-Identifier: BSD-3-Clause */
#include "bfd/session.h"

#include <assert.h>

/*
 * Intervals that both ends have agreed on are not changed at once (section 6.8.3). A slower sending
 * interval and a faster receiving one would let the peer's detection time, or ours, run out before
 * the peer has heard of the change: they are offered at once with Poll, and used from Final on.
 */
static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* What is written into packets: not up, never faster than a second. */
static uint32_t offered_transmit(const struct bfd_session *s)
{
	return s->state == BFD_UP ? s->config.min_transmit
				  : larger(s->config.min_transmit, BFD_SLOW);
}

uint32_t bfd_session_interval(const struct bfd_session *s)
{
	return larger(s->used_transmit, s->remote_min_receive);
}

uint64_t bfd_session_detection(const struct bfd_session *s)
{
	return (uint64_t)s->remote_multiplier * larger(s->used_receive, s->remote_min_transmit);
}

/*
 * When to send after the last packet: up to a quarter earlier than the interval, so that sessions
 * do not fall into step, and with a multiplier of 1 at least a tenth (section 6.8.7).
 */
static uint64_t next_after(const struct bfd_session *s, uint64_t last, uint32_t random)
{
	uint64_t interval = bfd_session_interval(s);
	unsigned int least = s->config.multiplier == 1 ? 10 : 0;

	return last + interval - interval * (least + random % (26 - least)) / 100;
}

/* A shorter interval counts from the last packet, not from the next one. */
static void reschedule(struct bfd_session *s, uint64_t now)
{
	uint64_t latest = s->last_sent + bfd_session_interval(s);

	if (s->last_sent != 0 && latest < s->next_sent)
		s->next_sent = latest > now ? latest : now;
}

static void detection_restart(struct bfd_session *s, uint64_t now)
{
	s->detected = s->remote_multiplier ? now + bfd_session_detection(s) : 0;
}

/* Offer what is configured: at once where that can do no harm, else by Poll. */
static void intervals_offer(struct bfd_session *s, uint64_t now)
{
	uint32_t transmit = offered_transmit(s);

	if (s->state != BFD_UP) {
		s->used_transmit = transmit;
		s->used_receive = s->config.min_receive;
		s->polling = false;
	} else if (transmit != s->used_transmit || s->config.min_receive != s->used_receive) {
		s->polling = true;
		if (transmit < s->used_transmit)
			s->used_transmit = transmit;
		if (s->config.min_receive > s->used_receive)
			s->used_receive = s->config.min_receive;
	}
	reschedule(s, now);
}

static void intervals_agreed(struct bfd_session *s, uint64_t now)
{
	s->polling = false;
	s->used_transmit = offered_transmit(s);
	s->used_receive = s->config.min_receive;
	reschedule(s, now);
}

static void state_set(struct bfd_session *s, enum bfd_state state, enum bfd_diagnostic diagnostic,
		      uint64_t now)
{
	s->diagnostic = diagnostic;
	if (s->state == state)
		return;
	s->state = state;
	s->changed = now;
	s->changes++;
	intervals_offer(s, now);
	// The peer hears of it at once, as far as it wants to hear anything.
	if (s->last_sent != 0 && s->remote_min_receive != 0)
		s->next_sent = now;
}

void bfd_session_start(struct bfd_session *s, const struct bfd_config *config,
		       uint32_t discriminator, uint64_t now, uint32_t random)
{
	assert(discriminator != 0 && config->multiplier != 0);
	*s = (struct bfd_session){
		.config = *config,
		.my_discriminator = discriminator,
		.state = BFD_DOWN,
		.remote_state = BFD_DOWN,
		.remote_min_receive = 1,
		.transmit_sequence = random,
		.next_sent = now,
		.changed = now,
	};
	intervals_offer(s, now);
}

void bfd_session_configure(struct bfd_session *s, const struct bfd_config *config, uint64_t now)
{
	s->config = *config;
	intervals_offer(s, now);
}

void bfd_session_disable(struct bfd_session *s, enum bfd_diagnostic why, uint64_t now)
{
	s->disabled = true;
	s->detected = 0;
	state_set(s, BFD_ADMIN_DOWN, why, now);
}

void bfd_session_enable(struct bfd_session *s, uint64_t now)
{
	if (!s->disabled)
		return;
	s->disabled = false;
	state_set(s, BFD_DOWN, BFD_NO_DIAGNOSTIC, now);
}

void bfd_session_fail(struct bfd_session *s, enum bfd_diagnostic why, uint64_t now)
{
	if (s->state == BFD_UP || s->state == BFD_INIT)
		state_set(s, BFD_DOWN, why, now);
}

/* Is the number one that may come next (sections 6.7.3 and 6.7.4)? */
static bool sequence_is_next(const struct bfd_session *s, uint32_t sequence)
{
	uint32_t ahead = sequence - s->receive_sequence;
	uint32_t least = bfd_auth_is_meticulous(s->config.key.type) ? 1 : 0;

	return !s->sequence_known || (ahead >= least && ahead <= 3u * s->config.multiplier);
}

static enum bfd_wrong packet_judge(struct bfd_session *s, const struct bfd_packet *p,
				   uint8_t *bytes)
{
	enum bfd_wrong wrong;
	uint32_t sequence = 0;

	if (p->your_discriminator != 0 && p->your_discriminator != s->my_discriminator)
		return BFD_WRONG_YOUR_DISCRIMINATOR;
	wrong = bfd_auth_check(&s->config.key, bytes, &sequence);
	if (wrong != BFD_FINE || !bfd_auth_has_sequence(s->config.key.type))
		return wrong;
	if (!sequence_is_next(s, sequence))
		return BFD_WRONG_SEQUENCE;
	s->sequence_known = true;
	s->receive_sequence = sequence;
	return BFD_FINE;
}

/* Section 6.8.6, from "If bfd.SessionState is AdminDown" on. */
static void state_follow(struct bfd_session *s, uint64_t now)
{
	if (s->remote_state == BFD_ADMIN_DOWN) {
		if (s->state != BFD_DOWN)
			state_set(s, BFD_DOWN, BFD_NEIGHBOUR_DOWN, now);
	} else if (s->state == BFD_DOWN) {
		if (s->remote_state == BFD_DOWN)
			state_set(s, BFD_INIT, BFD_NO_DIAGNOSTIC, now);
		else if (s->remote_state == BFD_INIT)
			state_set(s, BFD_UP, BFD_NO_DIAGNOSTIC, now);
	} else if (s->state == BFD_INIT) {
		if (s->remote_state == BFD_INIT || s->remote_state == BFD_UP)
			state_set(s, BFD_UP, BFD_NO_DIAGNOSTIC, now);
	} else if (s->remote_state == BFD_DOWN) {
		state_set(s, BFD_DOWN, BFD_NEIGHBOUR_DOWN, now);
	}
}

static void gap_note(struct bfd_session *s, uint64_t now)
{
	if (s->state == BFD_UP && now - s->last_received > s->longest_gap)
		s->longest_gap = now - s->last_received;
	s->last_received = now;
}

enum bfd_wrong bfd_session_receive(struct bfd_session *s, const struct bfd_packet *p,
				   uint8_t *bytes, uint64_t now)
{
	enum bfd_wrong wrong = packet_judge(s, p, bytes);

	if (wrong != BFD_FINE) {
		s->discarded++;
		return wrong;
	}
	s->received++;
	gap_note(s, now);
	s->your_discriminator = p->my_discriminator;
	s->remote_state = p->state;
	s->remote_diagnostic = p->diagnostic;
	s->remote_demand = p->demand;
	s->remote_multiplier = p->multiplier;
	s->remote_min_receive = p->min_receive;
	s->remote_min_transmit = p->min_transmit;
	if (s->polling && p->final)
		intervals_agreed(s, now);
	else
		reschedule(s, now);
	if (s->disabled)
		return BFD_FINE;
	state_follow(s, now);
	detection_restart(s, now);
	s->answer_due = s->answer_due || p->poll;
	return BFD_FINE;
}

bool bfd_session_expire(struct bfd_session *s, uint64_t now)
{
	bool was_alive = s->state == BFD_UP || s->state == BFD_INIT;

	if (s->detected == 0 || now < s->detected)
		return false;
	// Nobody is there: forget what it said, so that whoever comes next is listened to.
	s->detected = 0;
	s->your_discriminator = 0;
	s->remote_state = BFD_DOWN;
	s->remote_multiplier = 0;
	s->remote_min_receive = 1;
	s->remote_min_transmit = 0;
	s->sequence_known = false;
	if (was_alive)
		state_set(s, BFD_DOWN, BFD_TIME_EXPIRED, now);
	return was_alive;
}

/* May periodic packets be sent (section 6.8.7)? */
static bool may_send(const struct bfd_session *s)
{
	return s->remote_min_receive != 0 && (!s->config.passive || s->your_discriminator != 0);
}

bool bfd_session_is_due(const struct bfd_session *s, uint64_t now)
{
	return s->answer_due || (may_send(s) && now >= s->next_sent);
}

unsigned int bfd_session_send(struct bfd_session *s, uint64_t now, uint32_t random,
			      uint8_t bytes[static BFD_LENGTH_MAX])
{
	struct bfd_packet p = {
		.state = s->state,
		.diagnostic = s->diagnostic,
		.final = s->answer_due,
		.poll = s->polling && !s->answer_due, // never both (section 6.5)
		.multiplier = s->config.multiplier,
		.my_discriminator = s->my_discriminator,
		.your_discriminator = s->your_discriminator,
		.min_transmit = offered_transmit(s),
		.min_receive = s->config.min_receive,
	};
	bool periodic = now >= s->next_sent;

	s->answer_due = false;
	if (periodic || s->last_sent == 0) {
		s->last_sent = now;
		s->next_sent = next_after(s, now, random);
	}
	s->sent++;
	bfd_packet_encode(&p, bytes);
	return bfd_auth_sign(&s->config.key, s->transmit_sequence++, bytes);
}

uint64_t bfd_session_deadline(const struct bfd_session *s)
{
	uint64_t deadline = s->detected ? s->detected : UINT64_MAX;

	if (s->answer_due)
		return 0;
	if (may_send(s) && s->next_sent < deadline)
		deadline = s->next_sent;
	return deadline;
}
