/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pair of virtual ports that plays clients and servers against the program under test.
 *
 * Set-up: the clients send one SYN (or datagram) for each flow, in order, with at most
 * traffic->window of them unanswered. The server side answers whatever comes out there, so it needs
 * to know nothing of what the program translates, and keeps for every flow the frame that its
 * server sends from then on. The client side answers the SYN-ACK. When all flows are established,
 * the servers' list is written, a piece with each poll.
 *
 * Measuring: one side plays its list for ever, the other one counts and frees. Lists are streams in
 * memory: every flow several times, in an order that differs from that of creation, so that the
 * program finds its own tables as cold as real traffic would leave them, while the list itself is
 * read ahead by the hardware.
 *
 * New connections: as in the set-up, but with tuples that were never used; a connection is reset
 * by the client RESET_LAG connections after it was established.
 *
 * Threads: all of this runs in the thread that polls both ports. The control block is written here
 * and read by Python, which writes only `phase` and looks at samples that are complete.
 */
#include "replay.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_memcpy.h>
#include <rte_tcp.h>

enum {
	RESET_LAG = 64,
	BUILD_PIECE = 32768,
	CAPTURES_AT_START = 16,
};

static void queue_push(const struct frame_shape *shape, struct replay_queue *queue,
		       const uint8_t *in, enum frame_kind kind)
{
	// The window is far smaller than the queue: only a program that makes up frames fills it.
	if (unlikely(queue->tail - queue->head == QUEUE_FRAMES))
		return;
	frame_head_answer(shape, &queue->heads[queue->tail++ % QUEUE_FRAMES], in, kind);
}

static const struct frame_head *queue_pop(struct replay_queue *queue)
{
	return &queue->heads[queue->head++ % QUEUE_FRAMES];
}

static uint32_t queue_length(const struct replay_queue *queue)
{
	return queue->tail - queue->head;
}

static inline void side_finish(const struct replay_side *side, struct rte_mbuf *m,
			       const struct frame_shape *shape)
{
	m->data_len = shape->length;
	m->pkt_len = shape->length;
	m->port = side->port;
}

static inline void side_received(struct replay_side *side, uint16_t count)
{
	side->received += count;
	side->replay->control->state.received[side->index] = side->received;
}

/* The list, for ever. `slot` is a constant where this is called. */
static __rte_always_inline uint16_t side_play(struct replay_side *side, struct rte_mbuf **packets,
					      uint16_t count, const unsigned int slot)
{
	struct replay *replay = side->replay;
	const uint64_t left = replay->traffic->packets - side->position;
	const uint8_t *frame = side->list + side->position * slot;

	count = RTE_MIN((uint64_t)count, left);
	if (unlikely(rte_pktmbuf_alloc_bulk(side->pool, packets, count) != 0)) {
		replay->control->state.no_buffer++;
		return 0;
	}
	for (unsigned int i = 0; i < count; i++, frame += slot) {
		rte_memcpy(rte_pktmbuf_mtod(packets[i], void *), frame, slot);
		side_finish(side, packets[i], &side->shape);
	}
	side->position += count;
	if (side->position == replay->traffic->packets)
		side->position = 0;
	side_received(side, count);
	return count;
}

/* Does a client have something to begin? Gives its first frame. */
static bool client_begin(struct replay *replay, struct frame_head *head)
{
	const struct frame_shape *shape = &replay->sides[SIDE_CLIENT].shape;
	const struct control_traffic *t = replay->traffic;
	const uint64_t waiting = replay->started + replay->begun - replay->established;

	if (waiting >= t->window)
		return false;
	if (replay->phase == PHASE_SETUP && replay->started < t->flows) {
		frame_head_flow(shape, head, replay->started++,
				shape->tcp ? FRAME_SYN : FRAME_DATAGRAM);
		return true;
	}
	if (replay->phase == PHASE_CONNECTIONS) {
		frame_head_new(shape, head, replay->begun++);
		replay->control->state.begun = replay->begun;
		return true;
	}
	return false;
}

/* Answers first, then resets that are due, then what is new. */
static bool side_next(struct replay_side *side, uint8_t *out)
{
	struct replay *replay = side->replay;
	const uint32_t lag = replay->phase == PHASE_CONNECTIONS ? RESET_LAG : 0;

	struct frame_head begun;

	if (queue_length(&side->answers)) {
		frame_write(side->answer, out, queue_pop(&side->answers));
		return true;
	}
	if (queue_length(&side->resets) > lag) {
		frame_write(side->answer, out, queue_pop(&side->resets));
		replay->control->state.ended = ++replay->ended;
		return true;
	}
	if (side->index == SIDE_SERVER || !client_begin(replay, &begun))
		return false;
	frame_write(&side->shape, out, &begun);
	return true;
}

static __rte_noinline uint16_t side_converse(struct replay_side *side, struct rte_mbuf **packets,
					     uint16_t count)
{
	uint16_t made = 0;

	if (unlikely(rte_pktmbuf_alloc_bulk(side->pool, packets, count) != 0)) {
		side->replay->control->state.no_buffer++;
		return 0;
	}
	while (made < count && side_next(side, rte_pktmbuf_mtod(packets[made], uint8_t *)))
		side_finish(side, packets[made++], side->answer);
	if (made < count)
		rte_pktmbuf_free_bulk(packets + made, count - made);
	side_received(side, made);
	return made;
}

/* Packets of BFD peers that are due; not counted, they are answered and not forwarded. */
static uint16_t side_peers(struct replay_side *side, struct rte_mbuf **packets, uint16_t count,
			   uint64_t now)
{
	struct peers *peers = side->replay->peers;
	uint16_t made = 0;
	uint8_t frame[PEERS_FRAME];

	peers_look(peers, now);
	while (made < count && peers_next(peers, now, frame)) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(side->pool);

		if (m == NULL)
			break;
		memcpy(rte_pktmbuf_mtod(m, void *), frame, PEERS_FRAME);
		m->data_len = m->pkt_len = PEERS_FRAME;
		m->port = side->port;
		packets[made++] = m;
	}
	return made;
}

/* How many packets of the list are due. What could not be sent while there was no CPU is lost. */
static uint16_t side_due(struct replay *replay, uint16_t count, uint64_t now)
{
	const uint64_t pace = replay->control->pace;

	if (pace == 0)
		return 0;
	replay->paced += (now - replay->paced_at) * 1000;
	replay->paced_at = now;
	replay->paced = RTE_MIN(replay->paced, count * pace);
	count = replay->paced / pace;
	replay->paced -= count * pace;
	return count;
}

static __rte_noinline uint16_t side_play_with_peers(struct replay_side *side,
						    struct rte_mbuf **packets, uint16_t count)
{
	const uint64_t now = rte_rdtsc();
	uint16_t made = side_peers(side, packets, count, now);
	uint16_t due = side_due(side->replay, count - made, now);

	return due ? made + side_play(side, packets + made, due, 64) : made;
}

static __rte_noinline void replay_enter(struct replay *replay, uint64_t phase)
{
	replay_sample(replay); // ends the interval of the phase before
	replay->phase = phase;
	for (unsigned int i = 0; i < SIDES; i++)
		replay->sides[i].captures_due = CAPTURES_AT_START;
	replay_sample(replay);
	replay->control->state.entered = phase;
}

uint16_t replay_receive(void *queue, struct rte_mbuf **packets, uint16_t count)
{
	struct replay_side *side = queue;
	struct replay *replay = side->replay;
	const uint64_t phase = replay->control->phase;

	if (side->index == SIDE_CLIENT) {
		if (unlikely(phase != replay->phase))
			replay_enter(replay, phase);
		else if (phase != PHASE_IDLE && unlikely(rte_rdtsc() >= replay->sample_next))
			replay_sample(replay);
	}
	if ((replay->phase == PHASE_INBOUND && side->index == SIDE_CLIENT) ||
	    (replay->phase == PHASE_OUTBOUND && side->index == SIDE_SERVER))
		return side->shape.slot == 64 ? side_play(side, packets, count, 64)
					      : side_play(side, packets, count, 128);
	if (replay->phase == PHASE_PEERS)
		return side->index == SIDE_CLIENT ? side_play_with_peers(side, packets, count) : 0;
	if (replay->phase == PHASE_SETUP && side->index == SIDE_SERVER &&
	    replay->established == replay->traffic->flows)
		replay_build(replay, BUILD_PIECE);
	if (replay->phase != PHASE_SETUP && replay->phase < PHASE_CONNECTIONS)
		return 0;
	return side_converse(side, packets, count);
}

static void client_take(struct replay_side *side, const uint8_t *frame, bool answer)
{
	struct replay *replay = side->replay;

	if (!answer)
		return;
	if (replay->tcp)
		queue_push(side->answer, &side->answers, frame, FRAME_ACK);
	if (replay->phase != PHASE_SETUP)
		queue_push(side->answer, &side->resets, frame, FRAME_RST);
	replay->control->state.established = ++replay->established;
}

/* Direct routing and tunnels: the answer reaches the client by another way. */
static void server_answer_directly(struct replay *replay, const uint8_t *frame)
{
	const struct frame_shape *shape = &replay->sides[SIDE_CLIENT].shape;
	uint8_t answer[FRAME_SLOT_MAX];
	struct frame_head head;

	frame_head_answer(shape, &head, frame, shape->tcp ? FRAME_SYN_ACK : FRAME_DATAGRAM);
	frame_write(shape, answer, &head);
	memcpy(answer, "\x02\0\0\0\0\xaa\x02\0\0\0\0\x01", 12);
	client_take(&replay->sides[SIDE_CLIENT], answer, true);
}

/* A frame for a server: answer it, and in the set-up remember what the server sends later. */
static void server_take(struct replay_side *side, const uint8_t *frame, bool first)
{
	struct replay *replay = side->replay;
	const struct frame_shape *shape = side->answer;
	const unsigned int slot = side->shape.slot;
	struct frame_head later;

	if (!first)
		return;
	if (replay->traffic->way == WAY_BOTH || replay->traffic->way == WAY_VXLAN)
		queue_push(shape, &side->answers, frame,
			   shape->tcp ? FRAME_SYN_ACK : FRAME_DATAGRAM);
	else
		server_answer_directly(replay, frame);
	if (replay->phase == PHASE_SETUP && replay->learnt_count < replay->traffic->flows) {
		frame_head_answer(shape, &later, frame, shape->tcp ? FRAME_ACK : FRAME_DATAGRAM);
		frame_write(&side->shape, replay->learnt + replay->learnt_count * slot, &later);
		replay->control->state.learnt = ++replay->learnt_count;
	}
}

static __rte_noinline void side_take(struct replay_side *side, struct rte_mbuf **packets,
				     uint16_t count)
{
	const struct frame_shape *client = &side->replay->sides[SIDE_CLIENT].shape, *shape;
	const bool tcp = side->replay->tcp;

	for (unsigned int i = 0; i < count; i++) {
		const uint8_t *whole = rte_pktmbuf_mtod(packets[i], const uint8_t *);
		uint32_t length = packets[i]->data_len;
		uint8_t inner[FRAME_SLOT_MAX];
		const uint8_t *frame = frame_open(whole, &length);
		uint8_t flags;

		// The forwarder, which is the ceiling, puts nothing into a tunnel.
		if (side->index == SIDE_SERVER && side->replay->traffic->way == WAY_TUNNEL &&
		    frame[side->shape.protocol] == IPPROTO_IPIP) {
			length = frame_inner(inner, frame, length);
			frame = inner;
		}
		if (frame == whole + side->shape.outer && frame_known(&side->shape, frame, length))
			shape = &side->shape;
		else if (frame_known(client, frame, length))
			shape = client;
		else
			continue;
		side->answer = shape;
		flags = frame_flags(shape, frame);
		if (side->index == SIDE_SERVER)
			server_take(side, frame, !tcp || flags == RTE_TCP_SYN_FLAG);
		else
			client_take(side, frame,
				    !tcp || flags == (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG));
	}
}

/* Free as a NIC does: when the descriptor comes round again. */
static __rte_noinline void side_hold(struct replay_side *side, struct rte_mbuf **packets,
				     uint16_t count)
{
	for (unsigned int i = 0; i < count; i++) {
		rte_pktmbuf_free(side->held[side->held_next]);
		side->held[side->held_next] = packets[i];
		if (++side->held_next == side->replay->traffic->held)
			side->held_next = 0;
	}
}

uint16_t replay_send(void *queue, struct rte_mbuf **packets, uint16_t count)
{
	struct replay_side *side = queue;
	struct replay *replay = side->replay;
	const bool tunnel = side->index == SIDE_SERVER && replay->traffic->way == WAY_TUNNEL;
	const uint8_t protocol = replay->traffic->protocol;
	const uint8_t outer = tunnel				  ? IPPROTO_IPIP
			      : replay->traffic->way == WAY_VXLAN ? IPPROTO_UDP
								  : protocol;
	unsigned int ours = 0;

	for (unsigned int i = 0; i < count; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(packets[i], const uint8_t *);
		const uint8_t found = frame[frame[12] == 0x86 ? 20 : 23];

		ours += found == protocol || found == outer;
	}
	if (unlikely(replay->phase == PHASE_PEERS && side->index == SIDE_CLIENT))
		for (unsigned int i = 0; i < count; i++)
			peers_take(replay->peers, rte_rdtsc(),
				   rte_pktmbuf_mtod(packets[i], const uint8_t *),
				   packets[i]->data_len);
	if (unlikely(side->captures_due))
		replay_capture(side, packets, count);
	if (unlikely(replay->phase == PHASE_SETUP || replay->phase == PHASE_CONNECTIONS ||
		     replay->phase == PHASE_DRAIN))
		side_take(side, packets, count);
	if (side->held)
		side_hold(side, packets, count);
	else
		rte_pktmbuf_free_bulk(packets, count);
	side->sent += ours;
	side->others += count - ours;
	replay->control->state.sent[side->index] = side->sent;
	replay->control->state.others[side->index] = side->others;
	return count;
}
