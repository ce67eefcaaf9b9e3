/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_mbuf.h>

#include "control.h"
#include "frame.h"
#include "peers.h"

/*
 * The two ends of the wire: side 0 holds the clients, side 1 the servers. Both are played by the
 * one thread that polls them.
 */
enum { SIDE_CLIENT, SIDE_SERVER, SIDES };

/* Frames waiting to be played, oldest first. */
enum { QUEUE_FRAMES = 2048 };
struct replay_queue {
	uint32_t head, tail;
	struct frame_head *heads; // QUEUE_FRAMES
};

struct replay;

struct replay_side {
	struct replay *replay;
	unsigned int index;
	struct frame_shape shape;	  // of its frames
	const struct frame_shape *answer; // of those it answers; the forwarder translates nothing
	uint16_t port;			  // of DPDK
	// what this side gives to the program
	struct rte_mempool *pool;
	uint8_t *list; // traffic->packets slots, played for ever
	uint64_t position;
	uint64_t received;
	struct replay_queue answers, resets;
	// what it gets
	uint64_t sent __rte_cache_aligned;
	uint64_t others;
	unsigned int captures_due;
	struct rte_mbuf **held; // ring of traffic->held
	uint32_t held_next;
} __rte_cache_aligned;

struct replay {
	struct control *control;
	const struct control_traffic *traffic;
	bool tcp;
	uint64_t phase;
	struct replay_side sides[SIDES];
	uint32_t *order; // which flow each frame of a list belongs to
	uint8_t *learnt; // one slot a flow: what its server sends from now on, in its shape
	uint64_t learnt_count;
	uint64_t started; // flows of the set-up
	uint64_t begun, established, ended;
	uint64_t built; // frames of the servers' list that are there
	uint64_t sample_ticks, sample_next;
	struct peers *peers;	  // NULL: there are none
	uint64_t paced, paced_at; // thousandths of TSC ticks that are not used yet, as of when
};

/*
 * Make both sides from the control block; all memory is taken and touched here, so that what the
 * process takes later is the program's. NULL with errno on failure.
 */
struct replay *replay_new(const char *control_path);
void replay_free(struct replay *replay);

/* The burst functions of DPDK; `queue` is a struct replay_side. */
uint16_t replay_receive(void *queue, struct rte_mbuf **packets, uint16_t count);
uint16_t replay_send(void *queue, struct rte_mbuf **packets, uint16_t count);

/* prepare.c: memory, order and the clients' list; servers' list in pieces. */
int replay_prepare(struct replay *replay);
void replay_release(struct replay *replay);
void replay_build(struct replay *replay, uint64_t frames);
/* sample.c: one sample, and frames for the capture. */
void replay_sample(struct replay *replay);
void replay_capture(struct replay_side *side, struct rte_mbuf **packets, uint16_t count);
