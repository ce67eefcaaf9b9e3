/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What access lists cost: a new connection with and without lists of a million prefixes, and a
 * packet of somebody whom the node denies. All in turns in one process, as in modes.c, so that what
 * disturbs one case disturbs the others.
 *
 * Arguments: CPU, rounds, prefixes. Prints for each case the median cycles of a packet, and for
 * those with lists the difference to the case without.
 */
#include "lab.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "balance/access.h"
#include "balance/source_list.h"
#include "io/rcu.h"

enum { FLOWS = 16384, BATCHES = 8, CASES = 9, KINDS = 4 };
enum kind { NONE, SHORT, LONG, IPV6 };

static struct {
	int cpu;
	unsigned int rounds, prefixes;
	uint32_t list[KINDS], number, number6;
	struct access *access[KINDS];
	struct addr clients[CASES][FLOWS];
	unsigned int next, flow;
	double *cycles[CASES];
} bench;

static const struct {
	const char *name;
	enum kind kind; // of the list that the service, or the node, has
	bool ipv6, node;
	unsigned int base;
} cases[CASES] = {
	{"new connection", NONE, false, false, 0},
	{"... 1 M prefixes to /24", SHORT, false, false, 0},
	{"... 1 M prefixes beyond /24", LONG, false, false, 0},
	{"new connection, IPv6", NONE, true, false, 3},
	{"... 1 M IPv6 prefixes", IPV6, true, false, 3},
	{"no service", NONE, false, true, 5},
	{"denied by the node, to /24", SHORT, false, true, 6},
	{"denied by the node, beyond /24", LONG, false, true, 7},
	{"denied by the node, IPv6", IPV6, true, true, 8},
};

static uint64_t seed = 88172645463325252u;

static uint64_t random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Anywhere but where clients of this bench are not to be: 10/8, 127/8 and above 223. */
static uint32_t random_v4(void)
{
	uint32_t address;

	do
		address = (uint32_t)random_bits();
	while (address >> 24 == 10 || address >> 24 == 127 || address >> 24 == 0 ||
	       address >> 24 > 223);
	return address;
}

static struct prefix random_prefix(enum kind kind)
{
	struct prefix prefix = {.addr.family = kind == IPV6 ? AF_INET6 : AF_INET};
	unsigned int bits;

	if (kind == IPV6) {
		static const uint8_t lens[] = {32, 48, 48, 48, 56, 64, 64, 128};

		prefix.len = lens[random_bits() % sizeof(lens)];
		for (unsigned int i = 0; i < 4; i++)
			prefix.addr.v6[i] = (uint32_t)random_bits();
		prefix.addr.bytes[0] = 0x20 | (prefix.addr.bytes[0] & 0x1f);
	} else {
		prefix.len = kind == SHORT ? 16 + random_bits() % 9 : 25 + random_bits() % 8;
		prefix.addr.v4 = rte_cpu_to_be_32(random_v4());
	}
	bits = kind == IPV6 ? 128 : 32;
	for (unsigned int bit = prefix.len; bit < bits; bit++)
		prefix.addr.bytes[bit / 8] &= ~(0x80 >> bit % 8);
	return prefix;
}

static void list_fill(enum kind kind)
{
	struct access *access = calloc(1, sizeof(*access) + sizeof(access->entries[0]));
	size_t before = source_bytes();
	uint64_t begin = rte_rdtsc();
	struct prefix prefix;

	bench.list[kind] = source_list_take();
	for (unsigned int i = 0; i < bench.prefixes; i++) {
		prefix = random_prefix(kind);
		assert_int_equal(source_put(bench.list[kind], &prefix, false), 0);
	}
	assert_int_equal(source_commit(), 0);
	printf("list %u: %.2f s, %zu MB\n", kind, (rte_rdtsc() - begin) / (double)rte_get_tsc_hz(),
	       (source_bytes() - before) >> 20);
	begin = rte_rdtsc();
	for (unsigned int i = 0; i < 1000; i++) {
		prefix = random_prefix(kind);
		source_put(bench.list[kind], &prefix, false);
		source_commit();
		rcu_poll();
	}
	printf("list %u: a change %.1f us\n", kind,
	       (rte_rdtsc() - begin) / (double)rte_get_tsc_hz() * 1000);
	access->mask = 1ull << bench.list[kind] % 64;
	access->denied = 1;
	access->entries[0].list = bench.list[kind];
	access->entries[0].hits = access_hits_take();
	bench.access[kind] = access;
}

static struct access *access_of_kind(enum kind kind)
{
	size_t size = sizeof(struct access) + sizeof(struct access_entry);
	struct access *copy = malloc(size);

	memcpy(copy, bench.access[kind], size);
	return copy;
}

/* Clients of a case: on its list where the node denies, else not. Long before they are used. */
static void clients_choose(unsigned int which)
{
	enum kind kind = cases[which].kind;
	bool ipv6 = cases[which].ipv6, denied = cases[which].node && kind != NONE;

	for (unsigned int i = 0; i < FLOWS; i++) {
		struct addr *addr = &bench.clients[which][i];

		for (;;) {
			*addr = random_prefix(ipv6 ? IPV6 : LONG).addr;
			if (denied && kind != SHORT) { // few random ones would be
				struct prefix host = {.addr = *addr, .len = ipv6 ? 128 : 32};

				source_put(bench.list[kind], &host, false);
				break;
			}
			if (kind == NONE ||
			    source_has(&source_classes[source_find(addr->bytes, ipv6)],
				       bench.list[kind], ipv6) == denied)
				break;
		}
	}
	source_commit();
}

static void case_run(unsigned int which, bool counts)
{
	struct worker *w = lab.w;
	uint64_t cycles = 0;

	access_publish(ACCESS_NODE, NULL);
	access_publish(bench.number, NULL);
	access_publish(bench.number6, NULL);
	if (cases[which].kind != NONE)
		access_publish(cases[which].node   ? ACCESS_NODE
			       : cases[which].ipv6 ? bench.number6
						   : bench.number,
			       access_of_kind(cases[which].kind));
	for (unsigned int i = 0; i < BATCHES; i++) {
		struct batch *b = &w->batch;
		uint64_t begin;

		for (unsigned int k = 0; k < BATCH; k++) {
			char text[ADDR_TEXT];
			struct packet p = {.to = cases[which].ipv6 ? "[" VIP6 "]:80"
						 : cases[which].node && cases[which].kind == NONE
							 ? VIP ":99"
							 : VIP ":80",
					   .tcp = SYN,
					   .iface = CLIENTS};

			p.from = addr_format(&bench.clients[which][bench.flow++ % FLOWS], text);
			p.from_port = 1024 + random_bits() % 60000;
			memset(&b->pkt[k], 0, sizeof(b->pkt[k]));
			b->pkt[k].mbuf = lab_packet(&p);
			b->pkt[k].iface = CLIENTS;
		}
		b->count = BATCH;
		lab.received[w->index] += BATCH;
		begin = rte_rdtsc();
		worker_batch(w, b);
		cycles += rte_rdtsc() - begin;
	}
	if (counts)
		bench.cycles[which][bench.next] = cycles / (double)(BATCHES * BATCH);
	lab_flush();
	w->batch.count = 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void bench_rounds(void **state)
{
	double median[CASES];
	cpu_set_t set;

	lab_resize(1, FLOWS, FLOWS, 100);
	bench.number = service(.vip = VIP ":80");
	bench.number6 = service(.vip = "[" VIP6 "]:80");
	fake_route("0.0.0.0/0", CLIENT_NEXTHOP, 0);
	fake_route("::/0", CLIENT_NEXTHOP, 0);
	for (unsigned int kind = SHORT; kind < KINDS; kind++)
		list_fill(kind);
	for (unsigned int i = 0; i < CASES; i++)
		clients_choose(i);
	CPU_ZERO(&set);
	CPU_SET(bench.cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	lab.transmit_unseen = true;
	for (unsigned int i = 0; i < CASES; i++)
		bench.cycles[i] = calloc(bench.rounds, sizeof(double));
	for (bench.next = 0; bench.next < bench.rounds; bench.next++)
		for (unsigned int i = 0; i < CASES; i++)
			for (unsigned int warm = 0; warm < 3; warm++)
				case_run(i, warm == 2);
	for (unsigned int i = 0; i < CASES; i++) {
		qsort(bench.cycles[i], bench.rounds, sizeof(double), by_value);
		median[i] = bench.cycles[i][bench.rounds / 4];
		printf("%-34s %7.1f cycles", cases[i].name, median[i]);
		if (cases[i].base != i)
			printf("  %+7.1f", median[i] - median[cases[i].base]);
		putchar('\n');
	}
}

static int bench_end(void **state)
{
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bench_rounds, lab_begin, bench_end)};

	if (argc != 4) {
		fprintf(stderr, "usage: acl CPU ROUNDS PREFIXES\n");
		return EXIT_FAILURE;
	}
	lab_hugepages = -1;
	bench.cpu = atoi(argv[1]);
	bench.rounds = atoi(argv[2]);
	bench.prefixes = atoi(argv[3]);

	return cmocka_run_group_tests(tests, lab_start, lab_stop) == 0 ? EXIT_SUCCESS
								       : EXIT_FAILURE;
}
