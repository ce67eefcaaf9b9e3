/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Samples: what the polling thread has done and how much CPU time it had for it. With each goes a
 * probe, a fixed piece of arithmetic that keeps all ALUs of the core busy: when a neighbour on the
 * same core or a lower clock slows it down, the packets beside it are slowed down too, and the
 * sample does not count as quiet. The interval between two samples runs from the end of the first
 * probe to the begin of the second.
 */
#include "replay.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_atomic.h>
#include <rte_cycles.h>

enum { PROBE_ROUNDS = 32768, CAPTURES_EACH = 1 };

static uint64_t clock_of_thread(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static uint64_t probe_ticks(void)
{
	uint64_t sum[6] = {1, 2, 3, 4, 5, 6};
	const uint64_t begin = rte_rdtsc_precise();

	for (unsigned int i = 0; i < PROBE_ROUNDS; i++)
		for (unsigned int lane = 0; lane < RTE_DIM(sum); lane++) {
			sum[lane] += i;
			asm volatile("" : "+r"(sum[lane])); // keep it scalar, keep it all
		}
	return rte_rdtsc_precise() - begin;
}

void replay_sample(struct replay *replay)
{
	struct control *control = replay->control;
	struct control_state *state = &control->state;
	struct control_sample *sample = &control->samples[state->samples % CONTROL_SAMPLES];

	sample->tsc = rte_rdtsc();
	sample->cpu = clock_of_thread();
	sample->phase = replay->phase;
	sample->received = sample->sent = 0;
	for (unsigned int i = 0; i < SIDES; i++) {
		sample->received += replay->sides[i].received;
		sample->sent += replay->sides[i].sent;
		replay->sides[i].captures_due += CAPTURES_EACH;
	}
	sample->ended = replay->ended;
	if (state->thread == 0)
		state->thread = syscall(SYS_gettid);
	sample->probe = probe_ticks();
	sample->cpu_end = clock_of_thread();
	sample->tsc_end = rte_rdtsc();
	replay->sample_next = sample->tsc_end + replay->sample_ticks;
	rte_smp_wmb();
	__atomic_store_n(&state->samples, state->samples + 1, __ATOMIC_RELEASE);
}

void replay_capture(struct replay_side *side, struct rte_mbuf **packets, uint16_t count)
{
	struct replay *replay = side->replay;
	struct control *control = replay->control;

	for (unsigned int i = 0; i < count && side->captures_due; i++, side->captures_due--) {
		struct control_capture *capture =
			&control->captures[control->state.captures % CONTROL_CAPTURES];

		capture->side = side->index;
		capture->phase = replay->phase;
		capture->length = packets[i]->data_len;
		memcpy(capture->frame, rte_pktmbuf_mtod(packets[i], void *),
		       RTE_MIN(packets[i]->data_len, CONTROL_FRAME));
		__atomic_store_n(&control->state.captures, control->state.captures + 1,
				 __ATOMIC_RELEASE);
	}
}
