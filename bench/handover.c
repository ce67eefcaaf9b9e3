/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a packet costs that reaches the wrong one of two workers, against one that reaches its own.
 *
 * Both are workers as the daemon has them, in the lab of the packet tests (test/packet/lab.h). They
 * take turns, so that only work is measured and no waiting: the first worker gets some batches of
 * packets, of its own flows or of the other one's, then the other one takes over what was handed to
 * it. On two CPUs each has a thread, and what their caches exchange is part of it; on one and the
 * same CPU one thread is both, and only what they do is. How packets get into a batch at first is
 * not measured: that is the device's.
 *
 * Arguments: CPU of the first worker, of the second, rounds, flows, file. Into the file goes a line
 * for each round: what it was, packets, cycles of the first worker, of the second, and a probe as
 * in sample.c, of whichever CPU was slower.
 */
#include "lab.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "io/handoff.h"
#include "io/pool.h"

enum {
	FRAME = 60,
	SLOT = 64,
	BLOCK = 50,  // rounds of a kind; caches are strange to it at first, so those do not count
	BATCHES = 8, // of a round: less than a ring between workers takes
	PROBE_ROUNDS = 32768,
	FIRST_PORT = 1024,
};

struct flows {
	uint8_t (*frame)[SLOT]; // of each the packet that its client sends, in random order
	unsigned int count, next;
};

static struct {
	int cpu[LAB_WORKERS];
	unsigned int rounds, flows;
	FILE *file;
	struct flows of[LAB_WORKERS]; // by the worker that owns them
	unsigned int turn;	      // atomic: of the worker that may run; LAB_WORKERS: stop
	uint64_t cycles[LAB_WORKERS], probe[LAB_WORKERS];
} bench;

static uint64_t probe_ticks(void)
{
	uint64_t sum[6] = {1, 2, 3, 4, 5, 6};
	uint64_t begin = rte_rdtsc_precise();

	for (unsigned int i = 0; i < PROBE_ROUNDS; i++)
		for (unsigned int lane = 0; lane < RTE_DIM(sum); lane++) {
			sum[lane] += i;
			asm volatile("" : "+r"(sum[lane])); // keep it scalar, keep it all
		}
	return rte_rdtsc_precise() - begin;
}

/* One connection, made at the worker that owns it; what its client sends from then on is kept. */
static void flow_make(uint16_t port)
{
	uint64_t before = lab.worker[0].stats.handed_over;
	unsigned int owner;
	struct flows *of;
	struct rte_mbuf *m;

	lab.w = &lab.worker[0];
	put(.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = SYN);
	run();
	owner = lab.worker[0].stats.handed_over > before ? 1 : 0;
	if (owner == 1)
		lab_take_over(1);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK, .handed = true);
	run();
	expect(.from = VIP ":80", .to = CLIENT, .to_port = port, .tcp = SYN | ACK);
	put(.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = ACK, .handed = true);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK);
	of = &bench.of[owner];
	m = lab_packet(
		&(struct packet){.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = ACK});
	assert_in_range(rte_pktmbuf_data_len(m), 54, FRAME);
	memcpy(of->frame[of->count++], rte_pktmbuf_mtod(m, void *), rte_pktmbuf_data_len(m));
	rte_pktmbuf_free(m);
}

static void flows_shuffle(struct flows *of)
{
	uint8_t kept[SLOT];

	for (unsigned int i = of->count - 1; i > 0; i--) {
		unsigned int other = (unsigned int)random() % (i + 1);

		memcpy(kept, of->frame[i], SLOT);
		memcpy(of->frame[i], of->frame[other], SLOT);
		memcpy(of->frame[other], kept, SLOT);
	}
}

/* As a device does it, into an empty batch. */
static void receive(struct worker *w, struct flows *of)
{
	struct batch *b = &w->batch;
	struct rte_mbuf *packets[BATCH];

	assert_int_equal(rte_pktmbuf_alloc_bulk(pool_get(-1), packets, BATCH), 0);
	for (unsigned int i = 0; i < BATCH; i++) {
		memcpy(rte_pktmbuf_mtod(packets[i], void *), of->frame[of->next], SLOT);
		packets[i]->pkt_len = packets[i]->data_len = FRAME;
		packets[i]->port = CLIENTS;
		b->pkt[i].mbuf = packets[i];
		b->pkt[i].iface = CLIENTS;
		b->pkt[i].flags = 0;
		of->next = of->next + 1 < of->count ? of->next + 1 : 0;
	}
	b->count = BATCH;
	lab.received[w->index] += BATCH;
}

static void turn_give(unsigned int worker)
{
	__atomic_store_n(&bench.turn, worker, __ATOMIC_RELEASE);
}

static bool turn_wait(unsigned int worker)
{
	unsigned int turn;

	while ((turn = __atomic_load_n(&bench.turn, __ATOMIC_ACQUIRE)) != worker)
		if (turn == LAB_WORKERS)
			return false;
	return true;
}

static void pin(unsigned int worker)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(bench.cpu[worker], &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void second_turn(void)
{
	struct worker *w = &lab.worker[1];
	uint64_t begin;

	begin = rte_rdtsc();
	for (w->batch.count = 0; worker_take_over(w), w->batch.count > 0; w->batch.count = 0) {
		lab.received[1] += w->batch.count;
		worker_batch(w, &w->batch);
	}
	bench.cycles[1] = rte_rdtsc() - begin;
}

static void *second_run(void *arg)
{
	pin(1);
	assert_int_equal(rte_thread_register(), 0);
	while (turn_wait(1)) {
		bench.probe[1] = probe_ticks();
		second_turn();
		turn_give(0);
	}
	rte_thread_unregister();
	return NULL;
}

/* Some batches of the flows that `owner` owns, all received by the first worker. */
static void round_run(unsigned int owner, bool counts)
{
	struct worker *w = &lab.worker[0];
	bool one = bench.cpu[0] == bench.cpu[1];

	bench.probe[0] = probe_ticks();
	bench.cycles[0] = bench.cycles[1] = bench.probe[1] = 0;
	for (unsigned int i = 0; i < BATCHES; i++) {
		uint64_t begin;

		receive(w, &bench.of[owner]);
		begin = rte_rdtsc();
		worker_batch(w, &w->batch);
		bench.cycles[0] += rte_rdtsc() - begin;
	}
	if (owner == 1 && one) {
		second_turn();
	} else if (owner == 1) {
		turn_give(1);
		turn_wait(0);
	}
	if (counts)
		fprintf(bench.file, "%s %u %lu %lu %lu\n", owner ? "handed" : "own",
			BATCHES * BATCH, bench.cycles[0], bench.cycles[1],
			RTE_MAX(bench.probe[0], bench.probe[1]));
}

static void bench_rounds(void **state)
{
	bool one = bench.cpu[0] == bench.cpu[1];
	pthread_t second;

	lab_resize(2, 2 * bench.flows, 0, 0);
	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < LAB_WORKERS; i++)
		bench.of[i].frame = calloc(bench.flows, SLOT);
	for (unsigned int i = 0; i < bench.flows; i++)
		flow_make(FIRST_PORT + i);
	for (unsigned int i = 0; i < LAB_WORKERS; i++)
		flows_shuffle(&bench.of[i]);
	lab.transmit_unseen = true;
	pin(0);
	if (!one)
		assert_int_equal(pthread_create(&second, NULL, second_run, NULL), 0);
	for (unsigned int i = 0; i < bench.rounds; i++)
		round_run(i / BLOCK % LAB_WORKERS, i % BLOCK >= BLOCK / 5);
	turn_give(LAB_WORKERS);
	if (!one)
		pthread_join(second, NULL);
	lab.worker[0].batch.count = lab.worker[1].batch.count = 0;
	assert_int_equal(lab.worker[0].stats.handed_over - lab.worker[1].stats.taken_over, 0);
	assert_int_equal(lab_sessions(), bench.flows);
	for (unsigned int i = 0; i < LAB_WORKERS; i++)
		free(bench.of[i].frame);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {lab_test(bench_rounds)};
	int result;

	if (argc != 6) {
		fprintf(stderr, "usage: handover CPU CPU ROUNDS FLOWS FILE\n");
		return EXIT_FAILURE;
	}
	lab_hugepages = -1;
	bench.cpu[0] = atoi(argv[1]);
	bench.cpu[1] = atoi(argv[2]);
	bench.rounds = atoi(argv[3]);
	bench.flows = atoi(argv[4]);
	bench.file = fopen(argv[5], "w");
	if (!bench.file) {
		perror(argv[5]);
		return EXIT_FAILURE;
	}
	result = cmocka_run_group_tests(tests, lab_start, lab_stop);
	fclose(bench.file);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
