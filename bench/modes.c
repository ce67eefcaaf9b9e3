/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a packet costs in each mode, against FullNAT: all of them in turns in one process.
 *
 * The worker is as the daemon has it, in the lab of the packet tests (test/packet/lab.h), without
 * device. What disturbs one mode disturbs the others in the same milliseconds, so that ratios are far
 * steadier than between runs of the daemon. How packets get into the batch is not measured. Sending
 * is: DPDK's null device frees them, which "ceiling" does alone.
 *
 * Arguments: CPU, rounds, flows of each mode, VMs, file. Into the file goes a line for each round and
 * mode: its name, packets, cycles, and a probe as in sample.c.
 */
#include "lab.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "io/pool.h"
#include "tunnel/vxlan.h"

enum {
	SLOT = 128,
	SHORTEST = 60,
	BATCHES = 8,  // of a round
	WARM = 6,     // rounds after a change, until caches know the mode
	COUNTED = 10, // rounds that count
	FIRST_PORT = 2000,
	ZONE = 96,
	HOSTS = 250,
	FIRST_VM = 0xac100001, // 172.16.0.1
	FIRST_HOST = 0x0a010301,
};

#define VTEP	"10.1.0.254"
#define ZONE_IP "172.31.255.13"

/* Packets of one mode in one direction. */
struct play {
	char name[24];
	uint16_t iface;
	unsigned int length, next;
	uint8_t (*frame)[SLOT];
};

struct row {
	const char *name, *mode, *client, *vip, *server, *local;
	uint32_t vni;
	bool wide;
};

static struct {
	int cpu;
	unsigned int rounds, flows, vms;
	FILE *file;
	struct play plays[24];
	unsigned int play_count;
} bench;

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

static struct play *play_new(const char *name, const char *direction)
{
	struct play *play = &bench.plays[bench.play_count++];

	assert_true(bench.play_count <= RTE_DIM(bench.plays));
	snprintf(play->name, sizeof(play->name), "%s-%s", name, direction);
	play->frame = calloc(bench.flows, SLOT);
	return play;
}

static void play_keep(struct play *play, unsigned int at, const struct packet *p)
{
	struct rte_mbuf *m = lab_packet(p);
	unsigned int length = rte_pktmbuf_data_len(m);

	assert_in_range(length, 54, SLOT);
	memcpy(play->frame[at], rte_pktmbuf_mtod(m, void *), length);
	play->length = RTE_MAX(length, (unsigned int)SHORTEST);
	play->iface = m->port;
	rte_pktmbuf_free(m);
}

/* VMs and hosts stand in rows: neighbours in the table are neighbours nowhere else. */
static unsigned int vm_of_flow(unsigned int flow)
{
	return flow * 7919u % bench.vms;
}

static void vms_add(void)
{
	struct vm_row *rows = calloc(bench.vms, sizeof(*rows));

	for (unsigned int i = 0; i < bench.vms; i++) {
		rows[i].vni = ZONE;
		rows[i].addr = addr_v4(rte_cpu_to_be_32(FIRST_VM + i));
		rows[i].host = addr_v4(rte_cpu_to_be_32(FIRST_HOST + i % HOSTS));
		rows[i].mac[0] = 2;
		memcpy(&rows[i].mac[2], &i, 4);
	}
	assert_int_equal(vm_upsert(rows, bench.vms, 0), 0);
	free(rows);
}

static void vpc_begin(void)
{
	struct vxlan_settings settings = {
		.address_count = 1, .port = TUNNEL_VXLAN_PORT, .mac = {2, 0x77, 0x65, 0x69, 0x72}};

	addr_parse(VTEP, &settings.addresses[0]);
	vxlan_configure(&settings);
	fake_route(VTEP "/32", NEXTHOP_LOCAL, 0);
	vms_add();
}

/* A client's packet of a flow, within a VXLAN packet where the mode has a VNI. */
static void client_packet(const struct row *mode, unsigned int flow, uint8_t flags,
			  void (*use)(struct play *, unsigned int, const struct packet *),
			  struct play *play)
{
	char vm[INET_ADDRSTRLEN], host[INET_ADDRSTRLEN];
	struct packet p = {.from = mode->client,
			   .from_port = FIRST_PORT + flow % 60000,
			   .to = mode->vip,
			   .tcp = flags};
	struct packet outer = {.from = host,
			       .to = VTEP,
			       .from_port = 50000 + flow % 1000,
			       .to_port = TUNNEL_VXLAN_PORT,
			       .protocol = IPPROTO_UDP,
			       .vni = mode->vni,
			       .inner = &p,
			       .sum = SUM_ZERO};
	unsigned int number = vm_of_flow(flow);
	uint32_t address;

	if (mode->vni == 0) {
		use(play, flow, &p);
		return;
	}
	address = rte_cpu_to_be_32(FIRST_VM + number);
	inet_ntop(AF_INET, &address, vm, sizeof(vm));
	address = rte_cpu_to_be_32(FIRST_HOST + number % HOSTS);
	inet_ntop(AF_INET, &address, host, sizeof(host));
	p.from = vm;
	use(play, flow, &outer);
}

static void packet_run(struct play *play, unsigned int flow, const struct packet *p)
{
	lab_put(p);
	run();
}

/* The local port of the session that was made last. */
static uint16_t local_port(bool wide)
{
	struct table *table = &lab.w->table;
	uint32_t entry = table->pool[wide].high | (wide ? ENTRY_WIDE : 0);
	struct session *s = table_session(table, entry);
	const void *key = session_key(s, wide, 1);

	return rte_be_to_cpu_16(session_key_is_ipv6(s, wide, 1)
					? ((const struct key6 *)key)->destination_port
					: ((const struct key4 *)key)->destination_port);
}

/* All flows of a mode; what both sides send from then on is kept. */
static void mode_begin(const struct row *mode)
{
	struct lab_service spec = {.vni = mode->vni,
				   .vip = mode->vip,
				   .mode = mode->mode,
				   .servers = {mode->server},
				   .locals = {mode->local}};
	struct play *in = play_new(mode->name, "in"), *out = NULL;
	struct packet answer = {.from = mode->server, .to = mode->local, .tcp = SYN | ACK};

	if (mode->local)
		out = play_new(mode->name, "out");
	lab_service(&spec);
	for (unsigned int flow = 0; flow < bench.flows; flow++) {
		client_packet(mode, flow, SYN, packet_run, NULL);
		if (out) {
			answer.to_port = local_port(mode->wide);
			answer.tcp = SYN | ACK;
			packet_run(NULL, flow, &answer);
			answer.tcp = ACK;
			play_keep(out, flow, &answer);
		}
		client_packet(mode, flow, ACK, packet_run, NULL);
		client_packet(mode, flow, ACK, play_keep, in);
		lab_forget();
	}
}

/* As a device does it, into an empty batch. A stride: not in the order of creation. */
static void receive(struct worker *w, struct play *play)
{
	struct batch *b = &w->batch;
	struct rte_mbuf *packets[BATCH];

	assert_int_equal(rte_pktmbuf_alloc_bulk(pool_get(-1), packets, BATCH), 0);
	for (unsigned int i = 0; i < BATCH; i++) {
		memcpy(rte_pktmbuf_mtod(packets[i], void *), play->frame[play->next], SLOT);
		packets[i]->pkt_len = packets[i]->data_len = play->length;
		packets[i]->port = play->iface;
		b->pkt[i].mbuf = packets[i];
		b->pkt[i].iface = play->iface;
		b->pkt[i].flags = 0;
		play->next = (play->next + 37) % bench.flows;
	}
	b->count = BATCH;
	lab.received[w->index] += BATCH;
}

/* `send`: nothing but that, of the packets that came. */
static void round_run(struct play *play, bool send, bool counts)
{
	struct worker *w = lab.w;
	uint64_t cycles = 0, probe = counts ? probe_ticks() : 0;

	for (unsigned int i = 0; i < BATCHES; i++) {
		struct rte_mbuf *packets[BATCH];
		uint64_t begin;

		receive(w, play);
		for (unsigned int k = 0; send && k < BATCH; k++)
			packets[k] = w->batch.pkt[k].mbuf;
		begin = rte_rdtsc();
		if (send)
			rte_eth_tx_burst(w->transmit_queue[0].dpdk_port, w->transmit_queue[0].queue,
					 packets, BATCH);
		else
			worker_batch(w, &w->batch);
		cycles += rte_rdtsc() - begin;
	}
	if (counts)
		fprintf(bench.file, "%s %u %lu %lu\n", send ? "ceiling" : play->name,
			BATCHES * BATCH, cycles, probe);
}

static void modes_begin(void)
{
	static const struct row modes[] = {
		{"fullnat", "fullnat", CLIENT, VIP ":80", SERVER ":80", LOCAL, 0, false},
		{"tunnel", "tunnel", CLIENT, VIP ":81", SERVER ":81", NULL, 0, false},
		{"dr", "dr", CLIENT, VIP ":82", SERVER_B ":82", NULL, 0, false},
		{"nat64", "fullnat", CLIENT6, "[" VIP6 "]:83", SERVER ":83", LOCAL, 0, true},
		{"nat46", "fullnat", CLIENT, VIP ":84", "[" SERVER6 "]:84", LOCAL6, 0, true},
		{"fullnat6", "fullnat", CLIENT6, "[" VIP6 "]:85", "[" SERVER6 "]:85", LOCAL6, 0,
		 true},
		{"vpc", "fullnat", NULL, ZONE_IP ":86", SERVER ":86", LOCAL, ZONE, false},
	};

	fake_neighbour(20, SERVERS, 9, SERVER_B);
	for (unsigned int i = 0; i < RTE_DIM(modes); i++) {
		if (modes[i].vni)
			vpc_begin();
		mode_begin(&modes[i]);
	}
}

static uint64_t drops(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < DROP_COUNT; i++)
		sum += lab.w->drops[i];
	return sum;
}

static void bench_rounds(void **state)
{
	cpu_set_t set;
	uint64_t before;

	lab_resize(1, 4 * bench.flows + 100, 4 * bench.flows + 100, 0);
	modes_begin();
	CPU_ZERO(&set);
	CPU_SET(bench.cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	lab.transmit_unseen = true;
	before = drops();
	for (unsigned int round = 0; round < bench.rounds; round++) {
		for (unsigned int i = 0; i < (WARM + COUNTED) * bench.play_count; i++)
			round_run(&bench.plays[i / (WARM + COUNTED)], false,
				  i % (WARM + COUNTED) >= WARM);
		for (unsigned int i = 0; i < WARM + COUNTED; i++)
			round_run(&bench.plays[0], true, i >= WARM);
		lab.w->batch.count = 0;
		for (unsigned int i = 0; i < bench.play_count; i++)
			bench.plays[i].next = round % bench.flows;
	}
	assert_int_equal(drops(), before);
	for (unsigned int i = 0; i < bench.play_count; i++)
		free(bench.plays[i].frame);
}

/* What the lab checks in the end does not hold of packets that it has not seen. */
static int bench_end(void **state)
{
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bench_rounds, lab_begin, bench_end)};
	int result;

	if (argc != 6) {
		fprintf(stderr, "usage: modes CPU ROUNDS FLOWS VMS FILE\n");
		return EXIT_FAILURE;
	}
	lab_hugepages = -1;
	bench.cpu = atoi(argv[1]);
	bench.rounds = atoi(argv[2]);
	bench.flows = atoi(argv[3]);
	bench.vms = atoi(argv[4]);
	bench.file = fopen(argv[5], "w");
	if (!bench.file) {
		perror(argv[5]);
		return EXIT_FAILURE;
	}
	result = cmocka_run_group_tests(tests, lab_start, lab_stop);
	fclose(bench.file);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
