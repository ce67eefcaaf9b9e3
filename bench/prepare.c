/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory and lists. Everything is anonymous memory in huge pages where the kernel gives them, and
 * touched before the program has made its first session.
 */
#include "replay.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>

enum { SAMPLES_PER_SECOND = 200, HUGE = 2 << 20 };

static size_t memory_size(uint64_t count, size_t one)
{
	return RTE_ALIGN_CEIL(count * one, (size_t)HUGE);
}

static void *memory_take(uint64_t count, size_t one)
{
	const size_t size = memory_size(count, one);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, size, MADV_HUGEPAGE);
	memset(memory, 0, size);
	return memory;
}

static void memory_give(void *memory, uint64_t count, size_t one)
{
	if (memory)
		munmap(memory, memory_size(count, one));
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Every flow equally often, in random order. */
static void order_shuffle(uint32_t *order, const struct control_traffic *t)
{
	uint64_t state = t->seed | 1;

	for (uint64_t i = 0; i < t->packets; i++)
		order[i] = i % t->flows;
	for (uint64_t i = t->packets - 1; i > 0; i--) {
		const uint64_t other = random_next(&state) % (i + 1);
		const uint32_t flow = order[i];

		order[i] = order[other];
		order[other] = flow;
	}
}

/* Flow of rank r drawn with a weight of (r + 1) ^ -exponent; ranks are scattered over the flows. */
static int order_draw(uint32_t *order, const struct control_traffic *t)
{
	const uint64_t scatter = 2654435761; // a prime, so that every rank has its own flow
	double *below = malloc(t->flows * sizeof(*below));
	uint64_t state = t->seed | 1;
	double total = 0;

	if (below == NULL)
		return -ENOMEM;
	for (uint64_t rank = 0; rank < t->flows; rank++)
		below[rank] = total += pow(rank + 1, t->zipf / -1000.0);
	for (uint64_t i = 0; i < t->packets; i++) {
		const double drawn = (random_next(&state) >> 11) * 0x1p-53 * total;
		uint64_t low = 0, high = t->flows - 1;

		while (low < high) {
			const uint64_t middle = (low + high) / 2;

			if (below[middle] < drawn)
				low = middle + 1;
			else
				high = middle;
		}
		order[i] = low * scatter % t->flows;
	}
	free(below);
	return 0;
}

int replay_prepare(struct replay *replay)
{
	const struct control_traffic *t = replay->traffic;
	struct replay_side *client = &replay->sides[SIDE_CLIENT];
	const struct frame_shape *shape = &client->shape;
	int error = 0;

	replay->order = memory_take(t->packets, sizeof(*replay->order));
	replay->learnt = memory_take(t->flows, replay->sides[SIDE_SERVER].shape.slot);
	if (replay->order == NULL || replay->learnt == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < SIDES; i++) {
		struct replay_side *side = &replay->sides[i];

		side->replay = replay;
		side->index = i;
		side->answer = &side->shape;
		side->list = memory_take(t->packets, side->shape.slot);
		side->answers.heads = memory_take(QUEUE_FRAMES, sizeof(struct frame_head));
		side->resets.heads = memory_take(QUEUE_FRAMES, sizeof(struct frame_head));
		side->held = t->held ? memory_take(t->held, sizeof(struct rte_mbuf *)) : NULL;
		if (side->list == NULL || side->answers.heads == NULL ||
		    side->resets.heads == NULL || (t->held && side->held == NULL))
			return -ENOMEM;
	}
	if (t->zipf)
		error = order_draw(replay->order, t);
	else
		order_shuffle(replay->order, t);
	if (error)
		return error;
	for (uint64_t i = 0; i < t->packets; i++) {
		struct frame_head head;

		frame_head_flow(shape, &head, replay->order[i],
				shape->tcp ? FRAME_ACK : FRAME_DATAGRAM);
		frame_write(shape, client->list + i * shape->slot, &head);
	}
	return 0;
}

void replay_release(struct replay *replay)
{
	const struct control_traffic *t = replay->traffic;

	for (unsigned int i = 0; i < SIDES; i++) {
		struct replay_side *side = &replay->sides[i];

		memory_give(side->list, t->packets, side->shape.slot);
		memory_give(side->answers.heads, QUEUE_FRAMES, sizeof(struct frame_head));
		memory_give(side->resets.heads, QUEUE_FRAMES, sizeof(struct frame_head));
		memory_give(side->held, t->held, sizeof(struct rte_mbuf *));
	}
	memory_give(replay->learnt, t->flows, replay->sides[SIDE_SERVER].shape.slot);
	memory_give(replay->order, t->packets, sizeof(*replay->order));
}

/* The servers' list: the same order, so that a Zipf law is one on this side too. */
void replay_build(struct replay *replay, uint64_t frames)
{
	const unsigned int slot = replay->sides[SIDE_SERVER].shape.slot;
	uint8_t *list = replay->sides[SIDE_SERVER].list;

	for (; frames && replay->built < replay->traffic->packets; frames--, replay->built++)
		memcpy(list + replay->built * slot,
		       replay->learnt + (uint64_t)replay->order[replay->built] * slot, slot);
	replay->control->state.built = replay->built;
}

static int replay_shape(struct replay *replay, const struct control_traffic *t)
{
	const uint64_t families[SIDES] = {t->family, t->server_family};
	int error = 0;

	replay->traffic = t;
	replay->tcp = t->protocol == IPPROTO_TCP;
	for (unsigned int i = 0; i < SIDES && !error; i++)
		error = frame_shape_init(&replay->sides[i].shape, t, families[i],
					 i == SIDE_CLIENT && t->way == WAY_VXLAN);
	return error;
}

struct replay *replay_new(const char *control_path)
{
	const int fd = open(control_path, O_RDWR | O_CLOEXEC);
	struct replay *replay = NULL;
	int error = errno;

	if (fd < 0)
		goto failed;
	if (posix_memalign((void **)&replay, RTE_CACHE_LINE_SIZE, sizeof(*replay)) != 0) {
		error = ENOMEM;
		goto close_file;
	}
	memset(replay, 0, sizeof(*replay));
	replay->control = mmap(NULL, sizeof(*replay->control), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_POPULATE, fd, 0);
	if (replay->control == MAP_FAILED) {
		error = errno;
		goto free_replay;
	}
	error = EINVAL;
	if (replay->control->traffic.magic != CONTROL_MAGIC ||
	    replay->control->traffic.size != sizeof(*replay->control) ||
	    replay_shape(replay, &replay->control->traffic) != 0)
		goto unmap_control;
	error = -replay_prepare(replay);
	if (error)
		goto release_memory;
	if (replay->traffic->peers > 0)
		replay->peers = peers_new(replay->control, rte_get_tsc_hz());
	error = replay->traffic->peers > 0 && replay->peers == NULL ? ENOMEM : 0;
	if (error)
		goto release_memory;
	replay->control->state.tsc_hz = rte_get_tsc_hz();
	replay->sample_ticks = rte_get_tsc_hz() / SAMPLES_PER_SECOND;
	close(fd);
	return replay;

release_memory:
	replay_release(replay);
unmap_control:
	munmap(replay->control, sizeof(*replay->control));
free_replay:
	free(replay);
close_file:
	close(fd);
failed:
	errno = error;
	return NULL;
}

void replay_free(struct replay *replay)
{
	peers_free(replay->peers);
	replay_release(replay);
	munmap(replay->control, sizeof(*replay->control));
	free(replay);
}
