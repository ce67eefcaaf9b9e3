/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No code of src/bfd: a mistake there must not be made here too. A peer that is down sends as often
 * as one that is up, so that a thousand come up within moments.
 *
 * What counts is written into the control block: how many are up, how often one that was up went
 * down, the longest time between two packets to one of them while it was up, and the longest time
 * between two polls: when the polling thread had no CPU, nothing can be sent.
 */
#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

enum {
	ETHER = 14,
	IP = 20,
	BFD = ETHER + IP + 8,
	BFD_BYTES = 24,
	PORT_MULTIHOP = 4784,
	SOURCE_PORT = 49152,
	MULTIPLIER = 3,
	DOWN = 1,
	INIT = 2,
	UP = 3,
};

struct peer {
	uint64_t due;		// TSC at which it sends
	uint64_t last;		// ... at which it got something, 0: not yet
	uint32_t discriminator; // of the program
	uint8_t state;
};

struct peers {
	struct control *control;
	uint64_t interval; // TSC ticks
	uint64_t seed;
	uint64_t polled, mark;
	uint32_t count, next, look;
	struct peer peer[];
};

static uint64_t random_next(struct peers *peers)
{
	peers->seed ^= peers->seed << 13;
	peers->seed ^= peers->seed >> 7;
	peers->seed ^= peers->seed << 17;
	return peers->seed;
}

struct peers *peers_new(struct control *control, uint64_t hz)
{
	const struct control_traffic *t = &control->traffic;
	struct peers *peers = calloc(1, sizeof(*peers) + t->peers * sizeof(*peers->peer));

	if (peers == NULL)
		return NULL;
	peers->control = control;
	peers->count = t->peers;
	peers->interval = hz / 1000000 * t->interval;
	peers->seed = t->seed | 1;
	for (uint32_t i = 0; i < peers->count; i++)
		peers->peer[i] = (struct peer){.due = random_next(peers) % peers->interval,
					       .state = DOWN};
	return peers;
}

void peers_free(struct peers *peers)
{
	free(peers);
}

static void peer_set(struct peers *peers, struct peer *peer, uint8_t state)
{
	struct control_state *counts = &peers->control->state;

	counts->peers_up += (state == UP) - (peer->state == UP);
	counts->peers_flaps += peer->state == UP && state != UP;
	peer->state = state;
}

static uint32_t first_peer(const struct peers *peers)
{
	uint32_t address;

	memcpy(&address, peers->control->traffic.peer + 12, 4);
	return rte_be_to_cpu_32(address);
}

static void put32(uint8_t *at, uint32_t number)
{
	number = rte_cpu_to_be_32(number);
	memcpy(at, &number, 4);
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t number;

	memcpy(&number, at, 4);
	return rte_be_to_cpu_32(number);
}

static void frame_fill(struct peers *peers, uint32_t number, uint8_t *out)
{
	static const uint8_t head[24] = {2, 0, 0,    0, 0,   1,	   2,	 0, 0,
					 0, 0, 0xaa, 8, 0,   0x45, 0xc0, 0, IP + 8 + BFD_BYTES,
					 0, 0, 0x40, 0, 255, 17};
	const struct control_traffic *t = &peers->control->traffic;
	const struct peer *peer = &peers->peer[number];
	uint32_t sum = 0;

	memset(out, 0, PEERS_FRAME);
	memcpy(out, head, sizeof(head));
	put32(out + ETHER + 12, first_peer(peers) + number);
	memcpy(out + ETHER + 16, t->gateway + 12, 4);
	for (unsigned int i = ETHER; i < ETHER + IP; i += 2)
		sum += out[i] << 8 | out[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	out[ETHER + 10] = sum >> 8;
	out[ETHER + 11] = sum;
	put32(out + ETHER + IP, SOURCE_PORT << 16 | PORT_MULTIHOP);
	out[ETHER + IP + 5] = 8 + BFD_BYTES; // no checksum (RFC 768)
	out[BFD] = 1 << 5;
	out[BFD + 1] = peer->state << 6;
	out[BFD + 2] = MULTIPLIER;
	out[BFD + 3] = BFD_BYTES;
	put32(out + BFD + 4, number + 1);
	put32(out + BFD + 8, peer->discriminator);
	put32(out + BFD + 12, t->interval);
	put32(out + BFD + 16, t->interval);
}

/* New figures from here on. */
static void peers_mark(struct peers *peers)
{
	struct control_state *counts = &peers->control->state;

	if (peers->mark == peers->control->mark)
		return;
	peers->mark = peers->control->mark;
	counts->peers_flaps = counts->peers_gap = counts->peers_stall = 0;
	counts->peers_given = counts->peers_got = 0;
	counts->peers_marked = peers->mark;
}

bool peers_next(struct peers *peers, uint64_t now, uint8_t *out)
{
	struct control_state *counts = &peers->control->state;

	if (peers->polled && now - peers->polled > counts->peers_stall)
		counts->peers_stall = now - peers->polled;
	peers->polled = now;
	peers_mark(peers);
	// A few with each poll: all are looked at many times in an interval.
	for (unsigned int i = 0; i < 16 && i < peers->count; i++) {
		uint32_t number = peers->next;
		struct peer *peer = &peers->peer[number];

		peers->next = number + 1 < peers->count ? number + 1 : 0;
		if (now < peer->due)
			continue;
		peer->due = now + peers->interval - random_next(peers) % (peers->interval / 4);
		frame_fill(peers, number, out);
		counts->peers_given++;
		return true;
	}
	return false;
}

bool peers_take(struct peers *peers, uint64_t now, const uint8_t *frame, uint32_t length)
{
	struct control_state *counts = &peers->control->state;
	uint32_t number = get32(frame + ETHER + 16) - first_peer(peers);
	uint8_t theirs = frame[BFD + 1] >> 6;
	struct peer *peer;

	if (length < BFD + BFD_BYTES || frame[23] != 17 ||
	    (get32(frame + ETHER + IP) & 0xffff) != PORT_MULTIHOP || number >= peers->count)
		return false;
	peer = &peers->peer[number];
	if (peer->state == UP && peer->last && now - peer->last > counts->peers_gap)
		counts->peers_gap = now - peer->last;
	peer->last = now;
	peer->discriminator = get32(frame + BFD + 4);
	counts->peers_got++;
	if (peer->state == DOWN && theirs == DOWN)
		peer_set(peers, peer, INIT);
	else if (peer->state != UP && (theirs == INIT || theirs == UP) &&
		 !(peer->state == DOWN && theirs == UP))
		peer_set(peers, peer, UP);
	else if (peer->state == UP && theirs <= DOWN)
		peer_set(peers, peer, DOWN);
	return true;
}

void peers_look(struct peers *peers, uint64_t now)
{
	struct peer *peer = &peers->peer[peers->look];

	peers->look = peers->look + 1 < peers->count ? peers->look + 1 : 0;
	if (peer->state == UP && now - peer->last > MULTIPLIER * peers->interval)
		peer_set(peers, peer, DOWN);
}
