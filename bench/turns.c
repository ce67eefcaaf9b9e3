/* SPDX-License-Identifier: BSD-3-Clause */

/* Kinds of packets in turns in one process: see turns.h. */
#include "turns.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "io/pool.h"
#include "path/traffic.h"

enum {
	SHORTEST = 60,
	BATCHES = 8,	   // of a line
	WARM = 6,	   // lines of a turn that are not written, until caches know the kind
	COUNTED = 10,	   // and those that are
	BATCH_TIME = 6400, // nanoseconds of the lab's clock: ten million packets a second
};

enum ceiling { NO_CEILING, CEILING_SEND, CEILING_DROP };

static struct {
	int cpu;
	unsigned int rounds;
	const char *const *numbers;
	FILE *file;
	struct play plays[TURN_PLAYS];
	unsigned int play_count;
	void (*prepare)(void);
} turns;

static uint64_t probe_ticks(void)
{
	uint64_t sum[6] = {1, 2, 3, 4, 5, 6};
	uint64_t begin = rte_rdtsc_precise();

	for (unsigned int i = 0; i < 4096; i++)
		for (unsigned int lane = 0; lane < RTE_DIM(sum); lane++) {
			sum[lane] += i;
			asm volatile("" : "+r"(sum[lane])); // keep it scalar, keep it all
		}
	return rte_rdtsc_precise() - begin;
}

struct play *play_new(const char *name, const char *direction, unsigned int count)
{
	struct play *play = &turns.plays[turns.play_count++];

	assert_true(turns.play_count <= TURN_PLAYS);
	snprintf(play->name, sizeof(play->name), "%s%s%s", name, direction ? "-" : "",
		 direction ? direction : "");
	play->count = count;
	play->frame = calloc(count, TURN_SLOT);
	return play;
}

void play_keep(struct play *play, unsigned int at, const struct packet *p)
{
	struct rte_mbuf *m = lab_packet(p);
	unsigned int length = rte_pktmbuf_data_len(m);

	assert_in_range(length, 42, TURN_SLOT);
	memcpy(play->frame[at], rte_pktmbuf_mtod(m, void *), length);
	length = RTE_MAX(length, (unsigned int)SHORTEST);
	assert_true(play->length == 0 || play->length == length);
	play->length = length;
	play->iface = m->port;
	rte_pktmbuf_free(m);
}

void turns_figure(const char *name, double value)
{
	fprintf(turns.file, "@%s %.9g\n", name, value);
}

static struct session *session_last(bool wide)
{
	struct table *table = &lab.w->table;

	return table_session(table, table->pool[wide].high | (wide ? ENTRY_WIDE : 0));
}

uint16_t turns_local_port(bool wide)
{
	struct session *s = session_last(wide);
	const void *key = session_key(s, wide, 1);

	return rte_be_to_cpu_16(session_key_is_ipv6(s, wide, 1)
					? ((const struct key6 *)key)->destination_port
					: ((const struct key4 *)key)->destination_port);
}

bool turns_last_has_extra(bool wide)
{
	return session_last(wide)->flags & SESSION_EXTRA;
}

unsigned int turns_argument(unsigned int number)
{
	return strtoul(turns.numbers[number], NULL, 10);
}

/* As a device does it, into an empty batch. A stride: not in the order of creation. */
static void receive(struct worker *w, struct play *play)
{
	struct batch *b = &w->batch;
	struct rte_mbuf *packets[BATCH];

	assert_int_equal(rte_pktmbuf_alloc_bulk(pool_get(-1), packets, BATCH), 0);
	for (unsigned int i = 0; i < BATCH; i++) {
		memcpy(rte_pktmbuf_mtod(packets[i], void *), play->frame[play->next], TURN_SLOT);
		packets[i]->pkt_len = packets[i]->data_len = play->length;
		packets[i]->port = play->iface;
		b->pkt[i].mbuf = packets[i];
		b->pkt[i].iface = play->iface;
		b->pkt[i].flags = 0;
		play->next = (play->next + 37) % play->count;
	}
	b->count = BATCH;
	b->tsc = lab.tsc += BATCH_TIME;
	lab.received[w->index] += BATCH;
}

static uint64_t ceiling_run(struct worker *w, enum ceiling ceiling)
{
	struct rte_mbuf *packets[BATCH];
	uint64_t begin;

	for (unsigned int k = 0; k < BATCH; k++)
		packets[k] = w->batch.pkt[k].mbuf;
	begin = rte_rdtsc();
	if (ceiling == CEILING_SEND)
		rte_eth_tx_burst(w->transmit_queue[0].dpdk_port, w->transmit_queue[0].queue,
				 packets, BATCH);
	else
		rte_pktmbuf_free_bulk(packets, BATCH);
	return rte_rdtsc() - begin;
}

static uint64_t batch_run(struct worker *w)
{
	uint64_t begin = rte_rdtsc();

	worker_batch(w, &w->batch);
	if (unlikely(w->traffic))
		traffic_run(w, w->batch.tsc);
	return rte_rdtsc() - begin;
}

static void line_run(struct play *play, enum ceiling ceiling, bool counts)
{
	struct worker *w = lab.w;
	uint64_t cycles = 0, probe = counts ? probe_ticks() : 0, after;

	for (unsigned int i = 0; i < BATCHES; i++) {
		receive(w, play);
		cycles += ceiling ? ceiling_run(w, ceiling) : batch_run(w);
	}
	w->batch.count = 0;
	after = counts ? probe_ticks() : 0;
	if (play->between && !ceiling)
		play->between();
	if (!counts)
		return;
	fprintf(turns.file, "%s %u %lu %lu\n",
		ceiling == CEILING_SEND	  ? "ceiling"
		: ceiling == CEILING_DROP ? "ceiling-drop"
					  : play->name,
		BATCHES * BATCH, cycles, RTE_MAX(probe, after));
}

static uint64_t drops(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < DROP_COUNT; i++)
		sum += lab.w->drops[i];
	return sum;
}

static void turn_run(struct play *play, enum ceiling ceiling)
{
	uint64_t before = drops(), all = (WARM + COUNTED) * BATCHES * BATCH;

	if (play->before && !ceiling)
		play->before(play);
	for (unsigned int i = 0; i < WARM + COUNTED; i++)
		line_run(play, ceiling, i >= WARM);
	if (play->after && !ceiling)
		play->after(play);
	if (drops() - before == (play->drops && !ceiling ? all : 0))
		return;
	for (unsigned int i = 0; i < DROP_COUNT; i++)
		if (lab.w->drops[i] > 0)
			fprintf(stderr, "dropped until now: %s %lu\n", drop_name(i),
				lab.w->drops[i]);
	fail_msg("%s: %lu of %lu packets were dropped", play->name, drops() - before, all);
}

static void turns_run(void **state)
{
	cpu_set_t set;

	turns_figure("tsc_hz", rte_get_tsc_hz());
	turns.prepare();
	CPU_ZERO(&set);
	CPU_SET(turns.cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	lab.transmit_unseen = true;
	for (unsigned int round = 0; round < turns.rounds; round++) {
		for (unsigned int i = 0; i < turns.play_count; i++)
			turn_run(&turns.plays[i], NO_CEILING);
		turn_run(&turns.plays[0], CEILING_SEND);
		turn_run(&turns.plays[0], CEILING_DROP);
	}
	for (unsigned int i = 0; i < turns.play_count; i++)
		free(turns.plays[i].frame);
}

/* What the lab checks in the end does not hold of packets that it has not seen. */
static int turns_end(void **state)
{
	return 0;
}

int turns_main(int argc, char **argv, const char *more, unsigned int numbers, void (*prepare)(void))
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(turns_run, lab_begin, turns_end)};
	int result;

	if (argc != (int)(4 + numbers)) {
		fprintf(stderr, "usage: %s CPU ROUNDS FILE%s\n", argv[0], more);
		return EXIT_FAILURE;
	}
	lab_hugepages = -1;
	turns.cpu = atoi(argv[1]);
	turns.rounds = atoi(argv[2]);
	turns.numbers = (const char *const *)argv + 4;
	turns.prepare = prepare;
	turns.file = fopen(argv[3], "w");
	if (!turns.file) {
		perror(argv[3]);
		return EXIT_FAILURE;
	}
	result = cmocka_run_group_tests(tests, lab_start, lab_stop);
	fclose(turns.file);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
