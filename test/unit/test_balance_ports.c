/* SPDX-License-Identifier: BSD-3-Clause */

/* Local ports: order, maps, history and shares, without packets. */
#include "balance/ports.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ALL = PORT_SPACE - PORTS_FIRST, SERVERS = 3 };

static struct table table;
static struct ports ports;

/* Which session has a port towards a server; 0: none. */
static uint32_t holder[SERVERS][PORT_SPACE];

static void begin(unsigned int worker, unsigned int workers)
{
	hash_start();
	memset(holder, 0, sizeof(holder));
	assert_int_equal(table_create(&table, 0, 2 * ALL, 64, false), 0);
	assert_int_equal(ports_create(&ports, worker, workers), 0);
}

static void end(void)
{
	ports_destroy(&ports);
	table_destroy(&table);
}

static struct key4 reply(unsigned int server, uint16_t port)
{
	return (struct key4){
		.source = 1000 + server,
		.destination = 1,
		.source_port = 80,
		.destination_port = rte_cpu_to_be_16(port),
		.zone_protocol = 6,
	};
}

/* A session to a server; returns its port, 0 when there is none. */
static uint16_t take(unsigned int server, uint16_t seconds, struct port_history *history)
{
	struct port_history ignored;
	struct session *s;
	uint32_t number;
	uint16_t port;

	s = table_allocate(&table, false, &number);
	assert_non_null(s);
	s->key4[1] = reply(server, 0);
	if (ports_choose4(&ports, &table, &s->key4[1], seconds, history ? history : &ignored) < 0) {
		table_free(&table, false, number);
		return 0;
	}
	port = rte_be_to_cpu_16(s->key4[1].destination_port);
	s->key4[0] = (struct key4){.source = number, .source_port = port, .zone_protocol = 6};
	s->state = STATE_ESTABLISHED;
	table_insert(&table, false, number);
	assert_int_equal(holder[server][port], 0);
	holder[server][port] = number;
	return port;
}

static void give(unsigned int server, uint16_t port, uint16_t seconds)
{
	struct key4 key = reply(server, port);

	assert_int_not_equal(holder[server][port], 0);
	ports_release(&ports, &key, false, seconds);
	table_remove(&table, false, holder[server][port]);
	holder[server][port] = 0;
}

static void remember(unsigned int server, uint16_t port, uint16_t seconds, uint32_t sequence)
{
	struct key4 key = reply(server, port);

	ports_remember(&ports, &key, false, seconds, sequence);
}

/* One after the other through all of them, round the end, and every one exactly once. */
static void test_all(void **state)
{
	uint16_t first, port, last;

	begin(0, 1);
	first = last = take(0, 0, NULL);
	for (unsigned int i = 1; i < ALL; i++) {
		port = take(0, 0, NULL);
		assert_int_equal(port, last == PORT_SPACE - 1 ? PORTS_FIRST : last + 1);
		last = port;
	}
	assert_int_equal(take(0, 0, NULL), 0);
	assert_int_equal(ports.pairs[1].used, ALL);
	// Another server has ports of its own.
	assert_int_not_equal(take(1, 0, NULL), 0);
	// The only free one is found wherever it is.
	for (unsigned int i = 0; i < 200; i++) {
		port = PORTS_FIRST + random() % ALL;
		give(0, port, 0);
		assert_int_equal(take(0, 0, NULL), port);
	}
	give(0, first, 0);
	give(0, PORT_SPACE - 1 == first ? PORTS_FIRST : PORT_SPACE - 1, 0);
	assert_int_not_equal(take(0, 0, NULL), 0);
	assert_int_not_equal(take(0, 0, NULL), 0);
	assert_int_equal(take(0, 0, NULL), 0);
	end();
}

/* Random connections against what is known to be taken; used counts and the maps agree. */
static void test_random(void **state)
{
	begin(0, 1);
	for (unsigned int i = 0; i < 60000; i++) {
		unsigned int server = random() % SERVERS;

		if (random() % 5 < 3) {
			assert_int_not_equal(take(server, i / 1000, NULL), 0);
		} else {
			uint16_t port = random();

			for (unsigned int tries = 0; tries < 2000 && !holder[server][port]; tries++)
				port++;
			if (holder[server][port])
				give(server, port, i / 1000);
		}
		if (random() % 1000 == 0)
			ports.pairs[1 + random() % ports.pair_high].cursor = random();
	}
	for (unsigned int server = 0; server < SERVERS; server++) {
		struct key4 key = reply(server, 0);
		struct port_pair *pair = pair_find(&ports, &key, false);
		unsigned int used = 0;

		for (unsigned int port = 0; port < PORT_SPACE; port++) {
			used += holder[server][port] != 0;
			// A map may not know of a port in use yet; it never holds a free one.
			if (pair->map && port >= PORTS_FIRST && !holder[server][port])
				assert_false(ports.maps[pair->map].taken[port / 64] >> port % 64 &
					     1);
		}
		assert_int_equal(pair->used, used);
	}
	end();
}

static void test_map(void **state)
{
	uint16_t first;

	begin(0, 1);
	first = take(0, 0, NULL);
	for (unsigned int i = 0; i < LOOKUPS_BEFORE_MAP - 1; i++)
		take(0, 0, NULL);
	ports.pairs[1].cursor = first;
	assert_int_not_equal(take(0, 0, NULL), 0);
	assert_int_equal(ports.pairs[1].map, 0);
	for (unsigned int i = 0; i < LOOKUPS_BEFORE_MAP; i++)
		take(0, 0, NULL);
	ports.pairs[1].cursor = first;
	assert_int_not_equal(take(0, 0, NULL), 0);
	assert_int_not_equal(ports.pairs[1].map, 0);
	end();
}

/* When all maps are given out, ports are still chosen rightly. */
static void test_no_map_left(void **state)
{
	begin(0, 1);
	ports.map_high = PORTS_MAPS_MAX;
	for (unsigned int i = 0; i < 500; i++)
		take(0, 0, NULL);
	ports.pairs[1].cursor -= 400;
	assert_int_not_equal(take(0, 0, NULL), 0);
	assert_int_equal(ports.pairs[1].map, 0);
	end();
}

static void test_history(void **state)
{
	struct port_history history;
	uint16_t port;

	begin(0, 1);
	port = take(0, 100, NULL);
	remember(0, port, 110, 0xdeadbeef);
	give(0, port, 117);
	ports.pairs[1].cursor = port;
	assert_int_equal(take(0, 110 + PORTS_HOLD_SECONDS, &history), port);
	assert_true(history.recent);
	assert_int_equal(history.sequence, 0xdeadbeef);
	// It is told once: the connection that was told has numbers of its own.
	give(0, port, 171);
	ports.pairs[1].cursor = port;
	assert_int_equal(take(0, 172, &history), port);
	assert_false(history.recent);
	remember(0, port, 180, 5);
	give(0, port, 181);
	ports.pairs[1].cursor = port;
	assert_int_equal(take(0, 180 + PORTS_HOLD_SECONDS + 1, &history), port);
	assert_false(history.recent);
	// The clock goes round after 65,536 seconds.
	remember(0, port, 65530, 6);
	give(0, port, 65531);
	ports.pairs[1].cursor = port;
	assert_int_equal(take(0, 10, &history), port);
	assert_true(history.recent);
	assert_int_equal(history.sequence, 6);
	// Of another port nothing is known.
	take(0, 10, &history);
	assert_false(history.recent);
	end();
}

/* A map that is given back and used by another pair says nothing about the first one's ports. */
static void test_tidy(void **state)
{
	struct port_history history;
	uint16_t port, other;

	begin(0, 1);
	port = take(0, 0, NULL);
	remember(0, port, 1, 77);
	give(0, port, 2);
	ports_tidy(&ports, 2 + IDLE_SECONDS - 1, 8);
	assert_int_equal(ports.pairs[1].in_use, 1);
	ports_tidy(&ports, 2 + IDLE_SECONDS, 8);
	assert_int_equal(ports.pairs[1].in_use, 0);
	other = take(1, 130, NULL);
	assert_int_equal(ports.pair_high, 1);
	remember(1, other, 131, 78);
	assert_int_equal(ports.map_high, 1);
	ports.pairs[1].cursor = port;
	take(1, 132, &history);
	assert_false(history.recent);
	// One that is in use stays.
	ports_tidy(&ports, 132 + 2 * IDLE_SECONDS, 8);
	assert_int_equal(ports.pairs[1].in_use, 1);
	end();
}

static void test_taken_by_linux(void **state)
{
	struct key4 key = reply(0, 33000), low = reply(0, 22);
	uint16_t port;

	begin(1, 2);
	assert_int_equal(ports_take4(&ports, &table, &key, 0), -EBUSY); // the other worker's
	key = reply(0, 33001);
	assert_int_equal(ports_take4(&ports, &table, &key, 0), 0);
	ports_release(&ports, &key, false, 0);
	low = reply(0, 23);
	assert_int_equal(ports_take4(&ports, &table, &low, 0), 0);
	remember(0, 1025, 0, 1); // there is a map from now on
	ports_release(&ports, &low, false, 0);
	// Below 1024 nothing becomes free for anybody else.
	ports.pairs[1].cursor = 0;
	port = take(0, 0, NULL);
	assert_int_equal(port, 1025);
	key = reply(0, 1025);
	assert_int_equal(ports_take4(&ports, &table, &key, 0), -EBUSY);
	end();
}

static struct port odd_port = {.rss = true, .rss_reta_size = 4, .rss_reta = {0, 1, 1, 0}};
static struct steer_toeplitz odd_table;

static void home_odd(struct steer_home *home, const void *key, bool ipv6)
{
	const struct key4 *k = key;

	*home = (struct steer_home){
		.rss = &odd_port,
		.toeplitz = &odd_table,
		.workers = 2,
		.rest = steer_toeplitz4(&odd_table, k->source, k->destination, k->source_port, 0),
	};
}

/* With any way to say who owns a port, each worker takes all of its own and no other. */
static void test_shares(void **state)
{
	static const unsigned int counts[] = {2, 3, 5, 64};
	unsigned int all = 0;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int workers = counts[i], worker = random() % workers, taken = 0;
		uint16_t port;

		begin(worker, workers);
		while ((port = take(0, 0, NULL))) {
			assert_int_equal(port % workers, worker);
			taken++;
		}
		assert_in_range(taken, ALL / workers, ALL / workers + 1);
		end();
	}
	for (unsigned int worker = 0; worker < 2; worker++) {
		uint16_t port;

		begin(worker, 2);
		steer_toeplitz_default(&odd_table);
		ports.home = home_odd;
		while ((port = take(1, 0, NULL))) {
			struct key4 key = reply(1, port);
			uint32_t hash = steer_toeplitz4(&odd_table, key.source, key.destination,
							key.source_port, key.destination_port);

			assert_int_equal(steer_queue(&odd_port, hash), worker);
			all++;
		}
		end();
	}
	assert_int_equal(all, ALL);
}

static void test_ipv6(void **state)
{
	struct key6 key = {.source = {1}, .destination = {2}, .source_port = 80};
	struct key6 other = {.source = {3}, .destination = {2}, .source_port = 80};
	struct port_history history;
	uint16_t port;

	begin(0, 1);
	assert_int_equal(ports_choose6(&ports, &table, &key, 0, &history), 0);
	port = rte_be_to_cpu_16(key.destination_port);
	assert_true(port >= PORTS_FIRST);
	ports_remember(&ports, &key, true, 5, 99);
	ports_release(&ports, &key, true, 5);
	ports.pairs[1].cursor = port;
	assert_int_equal(ports_choose6(&ports, &table, &key, 6, &history), 0);
	assert_int_equal(rte_be_to_cpu_16(key.destination_port), port);
	assert_true(history.recent);
	assert_int_equal(history.sequence, 99);
	assert_int_equal(ports_choose6(&ports, &table, &other, 6, &history), 0);
	assert_false(history.recent);
	assert_int_equal(ports.pair_high, 2);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_no_map_left),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_tidy),
		cmocka_unit_test(test_taken_by_linux),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
