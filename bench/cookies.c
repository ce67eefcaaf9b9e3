/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the SYN proxy costs: a SYN that is answered with a cookie, an acknowledgement of none, and a
 * packet of an established session whose numbers are shifted, beside one of a plain session. All in
 * turns in one process, as in modes.c. What is measured are all stages of a batch, with the freeing
 * of what is dropped and without the device.
 *
 * Arguments: CPU, rounds. Prints the lower quartile of the cycles of a packet for each case, and for
 * the session of the SYN proxy the difference to the plain one.
 */
#include "lab.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_tcp.h>

enum { BATCHES = 16, SESSIONS = 256, ISN = 1000, SERVER_ISN = 70000 };

/* What a client of today offers. */
static const char options[] = "\2\4\x05\xb4\4\2\x08\x0a\x11\x22\x33\x44\0\0\0\0\1\3\3\7";

static struct {
	int cpu;
	unsigned int rounds, next;
	uint32_t cookies[SESSIONS];
	uint16_t ports[SESSIONS], plain_ports[SESSIONS];
	uint64_t random;
} bench = {.random = 88172645463325252u};

enum which { SYN4, SYN6, WRONG4, WRONG6, PLAIN_IN, PROXIED_IN, PLAIN_OUT, PROXIED_OUT, CASES };

static double *cycles[CASES];

static const struct {
	const char *name;
	int base; // the case that it is compared with, -1: none
} cases[CASES] = {
	[SYN4] = {"SYN, answered with a cookie", -1},
	[SYN6] = {"... IPv6", -1},
	[WRONG4] = {"ACK of no cookie", -1},
	[WRONG6] = {"... IPv6", -1},
	[PLAIN_IN] = {"established, to the server", -1},
	[PROXIED_IN] = {"... of the SYN proxy", PLAIN_IN},
	[PLAIN_OUT] = {"established, to the client", -1},
	[PROXIED_OUT] = {"... of the SYN proxy", PLAIN_OUT},
};

static const struct syn_proxy on = {.mode = SYN_PROXY_ON,
				    .mss = 1452,
				    .ttl = 63,
				    .window_scale = 7,
				    .sack = true,
				    .timestamps = true,
				    .retries = 3,
				    .acks = 10,
				    .saved = 3};

static uint64_t random_bits(void)
{
	bench.random ^= bench.random << 13;
	bench.random ^= bench.random >> 7;
	bench.random ^= bench.random << 17;
	return bench.random;
}

/* What was sent last by this interface: its TCP header. */
static struct rte_tcp_hdr sent(unsigned int iface)
{
	unsigned int length;
	const uint8_t *frame = lab_next_sent(iface - 1, &length);
	struct rte_tcp_hdr tcp;

	assert_non_null(frame);
	memcpy(&tcp, frame + 34, sizeof(tcp));
	return tcp;
}

/* Sessions of the SYN proxy on port 80 and plain ones on port 81, both established. */
static void sessions_open(void)
{
	for (unsigned int i = 0; i < SESSIONS; i++) {
		uint16_t from = (uint16_t)(2000 + i);
		struct rte_tcp_hdr tcp;

		put(.from = CLIENT, .from_port = from, .to = VIP ":80", .tcp = SYN, .sequence = ISN,
		    .options = options, .option_length = sizeof(options) - 1);
		run();
		bench.cookies[i] = rte_be_to_cpu_32(sent(CLIENTS).sent_seq);
		put(.from = CLIENT, .from_port = from, .to = VIP ":80", .tcp = ACK,
		    .sequence = ISN + 1, .acknowledgement = bench.cookies[i] + 1,
		    .options = "\1\1\x08\x0a\x11\x22\x33\x45\0\0\0\1", .option_length = 12);
		run();
		tcp = sent(SERVERS);
		bench.ports[i] = rte_be_to_cpu_16(tcp.src_port);
		put(.from = SERVER ":80", .to = LOCAL, .to_port = bench.ports[i], .tcp = SYN | ACK,
		    .sequence = SERVER_ISN, .acknowledgement = ISN + 1, .options = options,
		    .option_length = sizeof(options) - 1);
		run();
		lab_run(); // what it has made itself
		lab_forget();
		put(.from = CLIENT, .from_port = from, .to = VIP ":81", .tcp = SYN,
		    .sequence = ISN);
		run();
		bench.plain_ports[i] = rte_be_to_cpu_16(sent(SERVERS).src_port);
		put(.from = SERVER ":81", .to = LOCAL, .to_port = bench.plain_ports[i],
		    .tcp = SYN | ACK, .sequence = SERVER_ISN, .acknowledgement = ISN + 1);
		put(.from = CLIENT, .from_port = from, .to = VIP ":81", .tcp = ACK,
		    .sequence = ISN + 1, .acknowledgement = SERVER_ISN + 1);
		run();
		lab_forget();
	}
}

static struct packet packet_of(enum which which, unsigned int at)
{
	uint16_t from = (uint16_t)(2000 + at % SESSIONS);
	struct packet p = {.iface = CLIENTS, .tcp = ACK, .sequence = ISN + 1};

	switch (which) {
	case SYN4:
	case SYN6:
		p.tcp = SYN;
		p.options = options;
		p.option_length = sizeof(options) - 1;
		p.sequence = (uint32_t)random_bits();
		p.acknowledgement = 0;
		break;
	case WRONG4:
	case WRONG6:
		p.acknowledgement = (uint32_t)random_bits();
		break;
	default:
		break;
	}
	if (which <= WRONG6) {
		bool ipv6 = which == SYN6 || which == WRONG6;

		p.from = ipv6 ? CLIENT6 : CLIENT;
		p.to = ipv6 ? "[" VIP6 "]:80" : VIP ":80";
		p.from_port = (uint16_t)(3000 + random_bits() % 60000);
		return p;
	}
	p.options = "\1\1\x08\x0a\x11\x22\x33\x46\0\0\0\1";
	p.option_length = 12;
	if (which == PLAIN_IN || which == PROXIED_IN) {
		p.from = CLIENT;
		p.from_port = from;
		p.to = which == PLAIN_IN ? VIP ":81" : VIP ":80";
		p.acknowledgement =
			(which == PLAIN_IN ? SERVER_ISN : bench.cookies[at % SESSIONS]) + 1;
		return p;
	}
	p.iface = SERVERS;
	p.from = which == PLAIN_OUT ? SERVER ":81" : SERVER ":80";
	p.to = LOCAL;
	p.to_port = (which == PLAIN_OUT ? bench.plain_ports : bench.ports)[at % SESSIONS];
	p.sequence = SERVER_ISN + 1;
	p.acknowledgement = ISN + 1;
	return p;
}

static void case_run(enum which which, bool counts)
{
	struct worker *w = lab.w;
	struct batch *b = &w->batch;
	uint64_t spent = 0;

	for (unsigned int i = 0; i < BATCHES; i++) {
		uint64_t begin;

		for (unsigned int k = 0; k < BATCH; k++) {
			struct packet p = packet_of(which, i * BATCH + k);

			memset(&b->pkt[k], 0, sizeof(b->pkt[k]));
			b->pkt[k].mbuf = lab_packet(&p);
			b->pkt[k].iface = p.iface;
		}
		b->count = BATCH;
		lab.received[w->index] += BATCH;
		begin = rte_rdtsc();
		worker_batch(w, b);
		spent += rte_rdtsc() - begin;
		b->count = 0;
	}
	if (counts)
		cycles[which][bench.next] = (double)spent / (BATCHES * BATCH);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void bench_rounds(void **state)
{
	double quartile[CASES];
	cpu_set_t set;

	service(.vip = VIP ":80", .syn_proxy = on, .drop_unknown = true);
	service(.vip = "[" VIP6 "]:80", .syn_proxy = on, .drop_unknown = true);
	service(.vip = VIP ":81", .servers = {SERVER ":81"});
	sessions_open();
	CPU_ZERO(&set);
	CPU_SET(bench.cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	lab.transmit_unseen = true;
	for (unsigned int i = 0; i < CASES; i++)
		cycles[i] = calloc(bench.rounds, sizeof(double));
	for (bench.next = 0; bench.next < bench.rounds; bench.next++)
		for (unsigned int i = 0; i < CASES; i++)
			for (unsigned int warm = 0; warm < 3; warm++)
				case_run(i, warm == 2);
	for (unsigned int i = 0; i < CASES; i++) {
		qsort(cycles[i], bench.rounds, sizeof(double), by_value);
		quartile[i] = cycles[i][bench.rounds / 4];
		printf("%-30s %7.1f cycles", cases[i].name, quartile[i]);
		if (cases[i].base >= 0)
			printf("  %+7.1f", quartile[i] - quartile[cases[i].base]);
		putchar('\n');
	}
	printf("cookies %lu, of no cookie %lu, no session %lu\n", lab.w->stats.syn_cookies_sent,
	       lab.w->drops[DROP_syn_cookie_wrong], lab.w->drops[DROP_local_no_session]);
}

static int bench_end(void **state)
{
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bench_rounds, lab_begin, bench_end)};

	if (argc != 3) {
		fprintf(stderr, "usage: cookies CPU ROUNDS\n");
		return EXIT_FAILURE;
	}
	lab_hugepages = -1;
	bench.cpu = atoi(argv[1]);
	bench.rounds = atoi(argv[2]);
	return cmocka_run_group_tests(tests, lab_start, lab_stop) == 0 ? EXIT_SUCCESS
								       : EXIT_FAILURE;
}
