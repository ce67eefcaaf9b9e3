/* SPDX-License-Identifier: BSD-3-Clause */
/* Our Toeplitz against DPDK's plain one, and queues from 1 to 64. */
#include "io/steer.c"

#include "environment.h"

#include <rte_random.h>
#include <rte_thash.h>

#include <arpa/inet.h>

enum { TUPLES = 500 };

static uint8_t key[52];
static struct steer_toeplitz table;

static void random_bytes(void *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		((uint8_t *)to)[i] = rte_rand();
}

static int setup(void **state)
{
	rte_srand(1);
	random_bytes(key, sizeof(key));
	return steer_toeplitz_init(&table, key, sizeof(key));
}

static uint32_t reference4(uint32_t source, uint32_t destination, uint16_t source_port,
			   uint16_t destination_port)
{
	union rte_thash_tuple tuple = {.v4 = {
					       .src_addr = ntohl(source),
					       .dst_addr = ntohl(destination),
					       .sport = ntohs(source_port),
					       .dport = ntohs(destination_port),
				       }};

	return rte_softrss((uint32_t *)&tuple, RTE_THASH_V4_L4_LEN, key);
}

static uint32_t reference6(const uint8_t *source, const uint8_t *destination, uint16_t source_port,
			   uint16_t destination_port)
{
	uint32_t words[9];

	for (unsigned int i = 0; i < 4; i++) {
		memcpy(&words[i], source + i * 4, 4);
		memcpy(&words[i + 4], destination + i * 4, 4);
		words[i] = ntohl(words[i]);
		words[i + 4] = ntohl(words[i + 4]);
	}
	words[8] = (uint32_t)ntohs(source_port) << 16 | ntohs(destination_port);
	return rte_softrss(words, 9, key);
}

static void test_ipv4(void **state)
{
	for (unsigned int i = 0; i < TUPLES; i++) {
		uint32_t source = rte_rand(), destination = rte_rand();
		uint16_t sport = rte_rand(), dport = rte_rand();
		uint32_t hash = steer_toeplitz4(&table, source, destination, sport, dport);

		assert_int_equal(hash, reference4(source, destination, sport, dport));
		// Linear: the ports' terms and the rest can be had apart.
		assert_int_equal(hash,
				 steer_toeplitz4(&table, source, destination, 0, 0) ^
					 steer_port_term4(&table, STEER_SOURCE_PORT, sport) ^
					 steer_port_term4(&table, STEER_DESTINATION_PORT, dport));
	}
}

static void test_ipv6(void **state)
{
	for (unsigned int i = 0; i < TUPLES; i++) {
		uint8_t source[16], destination[16];
		uint16_t sport = rte_rand(), dport = rte_rand();
		uint32_t hash;

		random_bytes(source, 16);
		random_bytes(destination, 16);
		hash = steer_toeplitz6(&table, source, destination, sport, dport);
		assert_int_equal(hash, reference6(source, destination, sport, dport));
		assert_int_equal(hash,
				 steer_toeplitz6(&table, source, destination, 0, 0) ^
					 steer_port_term6(&table, STEER_SOURCE_PORT, sport) ^
					 steer_port_term6(&table, STEER_DESTINATION_PORT, dport));
	}
}

/* The published verification suite of receive side scaling. */
static void test_known_answer(void **state)
{
	static const uint8_t known[40] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
		0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
		0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
	struct steer_toeplitz t;

	assert_int_equal(steer_toeplitz_init(&t, known, sizeof(known)), 0);
	assert_int_equal(steer_toeplitz4(&t, inet_addr("66.9.149.187"), inet_addr("161.142.100.80"),
					 htons(2794), htons(1766)),
			 0x51ccc178);
	assert_int_equal(steer_toeplitz_init(&t, known, 39), -EINVAL);
}

/* Every queue can be reached by choosing a local port, with a table and without. */
static void check_queues(struct port *port, unsigned int queues)
{
	uint32_t rest = steer_toeplitz4(&table, rte_rand(), rte_rand(), htons(80), 0);
	uint64_t reached = 0;

	for (unsigned int local = 1024; local < 65536; local++) {
		uint32_t term = steer_port_term4(&table, STEER_DESTINATION_PORT, htons(local));
		unsigned int queue = steer_queue(port, rest ^ term);

		assert_true(queue < queues);
		reached |= UINT64_C(1) << queue;
	}
	assert_int_equal(__builtin_popcountll(reached), queues);
}

static void test_queues(void **state)
{
	for (unsigned int queues = 1; queues <= PORT_QUEUES_MAX; queues++) {
		struct port port = {.queue_count = queues};

		check_queues(&port, queues);
		port.rss = true;
		port.rss_reta_size = 128;
		for (unsigned int i = 0; i < port.rss_reta_size; i++)
			port.rss_reta[i] = i % queues;
		check_queues(&port, queues);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_queues),
	};

	return cmocka_run_group_tests_name("steer", tests, setup, NULL);
}
