/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control.h"

/*
 * Frames of one shape: family and protocol are the same for all flows on one side of a run, and
 * every frame is the shortest that the wire carries. A frame is a model, one for each kind, with a
 * head filled in.
 */
enum { FRAME_SLOT_MAX = 128 };

enum frame_kind { FRAME_SYN, FRAME_SYN_ACK, FRAME_ACK, FRAME_RST, FRAME_DATAGRAM, FRAME_KINDS };

/* What differs between frames of a kind, in network byte order. */
struct frame_head {
	uint8_t addresses[32]; // source, then destination: 8 bytes or 32
	uint8_t macs[12];      // destination, then source
	uint16_t ports[2];     // source, destination
	uint32_t sequence, ack;
	uint32_t kind;
};

struct frame_model {
	uint8_t bytes[FRAME_SLOT_MAX]; // zero where the head goes
	uint64_t l3_sum, l4_sum;       // of what does not differ, not folded
};

struct frame_shape {
	const struct control_traffic *traffic;
	bool wide; // IPv6
	bool tcp;
	uint8_t source, destination; // where the addresses are
	uint8_t protocol;	     // where the protocol is
	uint8_t l4;
	uint8_t outer;	// bytes of outer headers before all this: 0, or those of VXLAN
	uint8_t length; // of the whole frame, without FCS
	uint8_t slot;	// bytes that it takes in memory: 64 or 128
	struct frame_model models[FRAME_KINDS];
};

/*
 * `family` is that of one side, `vxlan`: within VXLAN. 0, or -EINVAL when the control block asks
 * for what is not known.
 */
int frame_shape_init(struct frame_shape *shape, const struct control_traffic *traffic,
		     uint64_t family, bool vxlan);

/* Of a client towards the VIP: its SYN, ACK or datagram. `flow` counts those of the set-up. */
void frame_head_flow(const struct frame_shape *shape, struct frame_head *head, uint64_t flow,
		     enum frame_kind kind);
/* The SYN of a new connection, with a tuple that no flow has. */
void frame_head_new(const struct frame_shape *shape, struct frame_head *head, uint64_t number);
/* What the host that gets `in` sends back. */
void frame_head_answer(const struct frame_shape *shape, struct frame_head *head, const uint8_t *in,
		       enum frame_kind kind);
/* The whole frame, shape->slot bytes. */
void frame_write(const struct frame_shape *shape, uint8_t *out, const struct frame_head *head);

/* The frame within a VXLAN packet over IPv4, or the frame itself; and its length. */
const uint8_t *frame_open(const uint8_t *in, uint32_t *length);
/* Has `in`, without outer headers, our shape, so that it can be answered? */
bool frame_known(const struct frame_shape *shape, const uint8_t *in, uint32_t length);
/* The frame within IPv4 in IPv4, FRAME_SLOT_MAX bytes of it at most; its length, 0: it is none. */
uint32_t frame_inner(uint8_t *out, const uint8_t *in, uint32_t length);
/* TCP flags, 0 for UDP. */
static inline uint8_t frame_flags(const struct frame_shape *shape, const uint8_t *in)
{
	return shape->tcp ? in[shape->l4 + 13] : 0;
}
