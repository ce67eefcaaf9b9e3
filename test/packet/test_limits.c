/* SPDX-License-Identifier: BSD-3-Clause */

/* Limits: what a server, a service and a source may have, and what becomes of the rest. */
#include "lab.h"

#include <stdio.h>
#include <string.h>

#include "balance/overload.h"
#include "io/rcu.h"
#include "lab_parts.h"
#include "path/limit.h"

static const char *const servers[3] = {"192.168.1.1:80", "192.168.1.2:80", "192.168.1.3:80"};

static unsigned int held(const char *endpoint)
{
	const struct server_count *c = &lab.w->balancer.server_counts[lab_server(endpoint)];

	return c->active + c->inactive;
}

static void clients(unsigned int count, uint16_t port)
{
	for (unsigned int i = 0; i < count; i++) {
		put(.from = CLIENT, .from_port = port + i, .to = VIP ":80", .tcp = SYN);
		run();
		lab_forget();
	}
}

/* A reset from a client whose connection is to one server: the state goes, and the session soon. */
static void sessions_end(const char *endpoint, unsigned int count)
{
	uint32_t server = lab_server(endpoint);

	for (uint32_t i = 1; i <= lab.w->table.pool[0].high && count > 0; i++) {
		if (lab.w->table.narrow[i].state == STATE_NONE ||
		    lab.w->table.narrow[i].server != server)
			continue;
		session_end(lab.w, i);
		count--;
	}
	assert_int_equal(count, 0);
	lab.w->ended = false;
}

/* Every scheduler fills the servers up to their thresholds, and then the packet has its name. */
static void test_schedulers(void **state)
{
	static const char *const names[] = {"rr",  "wrr", "lc", "wlc", "sed",	  "nq",
					    "p2c", "sh",  "dh", "mh",  "conhash", "fo"};

	for (unsigned int i = 0; i < 12; i++) {
		lab_flush();
		service(.vip = VIP ":80", .scheduler = names[i],
			.servers = {servers[0], servers[1], servers[2]}, .weights = {1, 7, 2},
			.upper = {5, 9, 3});
		clients(17, 1000);
		assert_int_equal(held(servers[0]), 5);
		assert_int_equal(held(servers[1]), 9);
		assert_int_equal(held(servers[2]), 3);
		clients(1, 2000);
		expect_drop(servers_overloaded);
		// One without a threshold takes the rest.
		service(.vip = VIP ":80", .scheduler = names[i],
			.servers = {servers[0], servers[1], servers[2]}, .weights = {1, 7, 2},
			.upper = {5, 9, 0});
		clients(10, 3000);
		assert_int_equal(held(servers[2]), 13);
		assert_int_equal(held(servers[1]), 9);
	}
}

/* As in LVS: full at the upper one, and again below the lower one, or below three quarters. */
static void test_hysteresis(void **state)
{
	service(.vip = VIP ":80", .servers = {servers[0]}, .upper = {10}, .lower = {4});
	clients(10, 1000);
	sessions_end(servers[0], 1);
	clients(1, 2000);
	expect_drop(servers_overloaded);
	sessions_end(servers[0], 5);
	assert_int_equal(held(servers[0]), 4);
	clients(1, 2000);
	expect_drop(servers_overloaded);
	sessions_end(servers[0], 1);
	clients(7, 2000);
	assert_int_equal(held(servers[0]), 10);
	clients(1, 3000);
	expect_drop(servers_overloaded);
	// A higher one lets it go on at once.
	service(.vip = VIP ":80", .servers = {servers[0]}, .upper = {11});
	clients(1, 3000);
	assert_int_equal(held(servers[0]), 11);
	sessions_end(servers[0], 2);
	clients(1, 4000);
	expect_drop(servers_overloaded); // 9, three quarters of 11 are 8.25
	sessions_end(servers[0], 1);
	clients(3, 4000);
	assert_int_equal(held(servers[0]), 11);
	service(.vip = VIP ":80", .servers = {servers[0]});
	clients(5, 5000);
	assert_int_equal(held(servers[0]), 16);
}

/* Never above, whatever comes and goes. */
static void test_upper_is_1(void **state)
{
	service(.vip = VIP ":80", .servers = {servers[0]}, .upper = {1});
	clients(1, 1000);
	clients(1, 1001);
	expect_drop(servers_overloaded);
	sessions_end(servers[0], 1);
	clients(1, 1002);
	assert_int_equal(held(servers[0]), 1);
}

/* The template's server is full: its client goes elsewhere, and is there from now on. */
static void test_persistent(void **state)
{
	service(.vip = VIP ":80", .servers = {servers[0], servers[1]}, .upper = {3, 9},
		.persistent = 300);
	clients(3, 1000);
	assert_int_equal(held(servers[0]) + held(servers[1]), 3);
	clients(9, 2000);
	assert_int_equal(held(servers[0]), 3);
	assert_int_equal(held(servers[1]), 9);
	clients(1, 3000);
	expect_drop(servers_overloaded);
}

/* What is established goes on while its server is full. */
static void test_established(void **state)
{
	service(.vip = VIP ":80", .upper = {1});
	lab_connect(&ends4);
	clients(1, 2000);
	expect_drop(servers_overloaded);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK}});
}

/* So many packets were dropped because the servers are full, since somebody asked. */
static unsigned int refusals(struct worker *w)
{
	unsigned int count = w->drops[DROP_servers_overloaded] -
			     lab.drops_seen[w->index][DROP_servers_overloaded];

	if (count > 0)
		expect_drops(servers_overloaded, count);
	return count;
}

/* Two workers: each has its lease, together never above; control moves them. */
static void test_workers(void **state)
{
	uint32_t server;
	uint64_t all = 0, refused = 0;

	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80", .servers = {servers[0]}, .upper = {20});
	server = lab_server(servers[0]);
	for (unsigned int round = 0; round < 40; round++) {
		for (unsigned int i = 0; i < 4; i++) {
			put(.from = CLIENT, .from_port = 1000 + round * 4 + i, .to = VIP ":80",
			    .tcp = SYN);
			run();
			lab_take_over(1);
			lab_forget();
			lab.w = &lab.worker[0];
		}
		all = 0;
		for (unsigned int i = 0; i < 2; i++) {
			const struct server_count *c = &counts_servers(i)[server];

			all += c->active + c->inactive;
		}
		assert_true(all <= 20);
		overload_tick();
		rcu_poll();
	}
	assert_int_equal(all, 20);
	assert_true(overload_is_on(server));
	for (unsigned int i = 0; i < 2; i++) {
		lab.w = &lab.worker[i];
		refused += refusals(lab.w);
	}
	assert_int_equal(refused, 140);
}

/* Packets from one client port each, put together; returns how many were forwarded. */
static unsigned int burst(const char *client, unsigned int count, uint16_t port, uint8_t flags)
{
	unsigned int sent = 0, length;

	for (unsigned int i = 0; i < count; i++) {
		put(.from = client, .from_port = port + i, .to = VIP ":80", .tcp = flags);
		run();
	}
	while (lab_next_sent(1, &length))
		sent++;
	return sent;
}

/* Connections of a service: never more, and as many again as end. */
static void test_service_connections(void **state)
{
	service(.vip = VIP ":80", .limits = {.service = {[LIMIT_CONNECTIONS] = 5}});
	assert_int_equal(burst(CLIENT, 8, 1000, SYN), 5);
	expect_drops(limit_connections, 3);
	assert_int_equal(held(SERVER ":80"), 5);
	sessions_end(SERVER ":80", 2);
	assert_int_equal(burst(CLIENT, 3, 2000, SYN), 2);
	expect_drop(limit_connections);
}

/* A rate has a tenth of a second to spare, and after that what time gives. */
static void test_new_connections(void **state)
{
	unsigned int sent;

	service(.vip = VIP ":80", .limits = {.service = {[LIMIT_NEW] = 50}});
	assert_int_equal(burst(CLIENT, 20, 1000, SYN), 5);
	expect_drops(limit_new_connections, 15);
	lab_advance(1);
	assert_int_equal(burst(CLIENT, 20, 2000, SYN), 5);
	expect_drops(limit_new_connections, 15);
	// What has begun goes on whatever the rate.
	assert_int_equal(burst(CLIENT, 1, 1000, ACK), 1);
	sent = 0;
	for (unsigned int i = 0; i < 100; i++) {
		lab.tsc += LAB_HZ / 100; // a hundred attempts in a second
		sent += burst(CLIENT, 1, 3000 + i, SYN);
	}
	assert_in_range(sent, 45, 50);
	expect_drops(limit_new_connections, 100 - sent);
}

/* Packets of both directions count together, established ones and the first. */
static void test_packets(void **state)
{
	unsigned int sent = 0, length;

	service(.vip = VIP ":80", .limits = {.service = {[LIMIT_PACKETS] = 100}});
	lab_connect(&ends4); // three packets
	for (unsigned int i = 0; i < 20; i++) {
		put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK);
		run();
	}
	while (lab_next_sent(0, &length))
		sent++;
	assert_int_equal(sent, 7);
	expect_drops(limit_packets, 13);
	// Another service beside it is not limited, nor has it an extra line.
	service(.vip = VIP ":81");
	for (unsigned int i = 0; i < 50; i++) {
		put(.from = CLIENT ":5000", .to = VIP ":81", .tcp = i ? ACK : SYN);
		run();
	}
	for (sent = 0; lab_next_sent(1, &length); sent++)
		;
	assert_int_equal(sent, 50);
	assert_int_equal(lab.w->table.extra_pool.used, 1);
}

/* Sessions that were there before are limited within two passes of the sweep. */
static void test_packets_of_old_sessions(void **state)
{
	static const struct limit_settings settings = {
		.service = {[LIMIT_PACKETS] = 100}, .prefix4 = 32, .prefix6 = 128};
	uint32_t number = service(.vip = VIP ":80");
	unsigned int sent = 0, length;

	lab_connect(&ends4);
	assert_int_equal(lab.w->table.extra_pool.used, 0);
	assert_int_equal(limit_set(number, &settings), 0);
	lab_advance(3);
	assert_int_equal(lab.w->table.extra_pool.used, 1);
	for (unsigned int i = 0; i < 20; i++) {
		put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK);
		run();
	}
	while (lab_next_sent(0, &length))
		sent++;
	assert_int_equal(sent, 10); // a tenth of a second's worth
	expect_drops(limit_packets, 10);
}

static void test_bits(void **state)
{
	unsigned int sent = 0, length;

	// A tenth of a second is 4,000 bits: five datagrams of 100 bytes, and the one that fills it.
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP,
		.limits = {.service = {[LIMIT_BITS] = 40000}});
	for (unsigned int i = 0; i < 20; i++) {
		put(.from = CLIENT ":5000", .to = VIP ":53", .payload = 72);
		run();
	}
	while (lab_next_sent(1, &length))
		sent++;
	assert_int_equal(sent, 5);
	expect_drops(limit_bits, 15);
}

/* Of each source its own; a prefix is one source. */
static void test_sources(void **state)
{
	service(.vip = VIP ":80",
		.limits = {.source = {[LIMIT_CONNECTIONS] = 3}, .prefix4 = 24, .prefix6 = 64});
	assert_int_equal(burst("10.1.0.1", 2, 1000, SYN), 2);
	assert_int_equal(burst("10.1.0.99", 2, 1000, SYN), 1);
	expect_drop(source_connections);
	assert_int_equal(burst("10.1.1.1", 5, 1000, SYN), 3);
	expect_drops(source_connections, 2);
	sessions_end(SERVER ":80", 6);
	assert_int_equal(lab.w->sources.used, 2);
	assert_int_equal(burst("10.1.0.1", 4, 2000, SYN), 3);
	expect_drop(source_connections);
}

static void test_source_rates(void **state)
{
	service(.vip = VIP ":80", .limits = {.source = {[LIMIT_NEW] = 20, [LIMIT_PACKETS] = 100},
					     .prefix4 = 32,
					     .prefix6 = 64});
	for (unsigned int i = 1; i < 4; i++) {
		char client[20];

		snprintf(client, sizeof(client), "10.1.0.%u", i);
		assert_int_equal(burst(client, 5, 1000, SYN), 2);
		expect_drops(source_new_connections, 3);
		for (unsigned int k = 0; k < 30; k++)
			burst(client, 1, 1000, ACK);
		expect_drops(source_packets, 22);
	}
}

/* Of all services together. */
static void test_node(void **state)
{
	const struct limit_settings settings = {
		.source = {[LIMIT_CONNECTIONS] = 3}, .prefix4 = 32, .prefix6 = 64};

	assert_int_equal(limit_set(0, &settings), 0);
	service(.vip = VIP ":80");
	service(.vip = VIP ":81");
	assert_int_equal(burst(CLIENT, 2, 1000, SYN), 2);
	for (unsigned int i = 0; i < 2; i++) {
		put(.from = CLIENT, .from_port = 2000 + i, .to = VIP ":81", .tcp = SYN);
		run();
		lab_forget();
	}
	expect_drop(source_connections);
	assert_int_equal(burst("10.1.0.2", 3, 1000, SYN), 3);
	lab_flush();
	assert_int_equal(burst(CLIENT, 4, 3000, SYN), 3);
	expect_drop(source_connections);
	assert_int_equal(limit_set(0, &(struct limit_settings){0}), 0);
}

/*
 * More sources than there is room for: who has connections is never forgotten, and where all of a
 * set have, a newcomer is refused.
 */
static void test_sources_full(void **state)
{
	struct limit_source_key key = {.family = AF_INET, .service = 9, .bits = 32};
	struct limit_sources *sources = &lab.w->sources;
	unsigned int kept = 0, refused = 0;

	limit_sources_clock(sources, lab.tsc, 1);
	for (uint32_t i = 0; i < 200; i++) {
		memcpy(key.prefix, &i, 4);
		assert_true(limit_source_begin(sources, &key));
	}
	for (uint32_t i = 1000; i < 4 * LIMIT_SOURCES; i++) {
		memcpy(key.prefix, &i, 4);
		limit_sources_clock(sources, lab.tsc, 2 + i % 7);
		assert_non_null(limit_source_get(sources, &key));
	}
	assert_true(sources->used <= LIMIT_SOURCES);
	for (uint32_t i = 0; i < 200; i++) {
		memcpy(key.prefix, &i, 4);
		kept += limit_source_find(sources, &key) != NULL;
	}
	assert_int_equal(kept, 200);
	assert_int_equal(sources->full, 0);
	for (uint32_t i = 1000; i < 1000 + 2 * LIMIT_SOURCES; i++) {
		memcpy(key.prefix, &i, 4);
		refused += !limit_source_begin(sources, &key);
	}
	assert_int_equal(sources->full, refused);
	assert_true(refused >= LIMIT_SOURCES);
	assert_int_equal(sources->used, LIMIT_SOURCES);
}

/* Everybody does what it has to do, until nobody has anything more. */
static void workers_settle(void)
{
	for (unsigned int round = 0; round < 6; round++) {
		for (unsigned int i = 0; i < lab.workers; i++) {
			lab.w = &lab.worker[i];
			limit_run(lab.w);
			lab_take_over(i);
		}
	}
	lab.w = &lab.worker[0];
	lab_forget();
}

/* SYNs of one client that this worker owns; returns how many sessions it has begun. */
static unsigned int syns_at(unsigned int worker, const char *client, unsigned int count,
			    uint16_t port)
{
	uint64_t before = lab.worker[worker].stats.sessions;

	for (unsigned int i = 0; i < count; i++) {
		lab.w = &lab.worker[worker];
		put(.from = client, .from_port = port + i, .to = VIP ":80", .tcp = SYN,
		    .handed = true);
		run();
		workers_settle();
	}
	return lab.worker[worker].stats.sessions - before;
}

static void sessions_end_at(unsigned int worker)
{
	lab_sessions_visit(&lab.worker[worker], session_end);
	lab.worker[worker].ended = false;
	workers_settle();
}

/* So many were dropped at both workers since somebody asked. */
#define expect_drops_at_all(name, count)                                                          \
	do {                                                                                      \
		unsigned int all = 0;                                                             \
		for (unsigned int i = 0; i < lab.workers; i++) {                                  \
			all += lab.worker[i].drops[DROP_##name] - lab.drops_seen[i][DROP_##name]; \
			lab.drops_seen[i][DROP_##name] = lab.worker[i].drops[DROP_##name];        \
		}                                                                                 \
		assert_int_equal(all, count);                                                     \
	} while (0)

/*
 * Two workers: a source has its limit at whichever its connections come to, and never more; below
 * the number of workers too. Some of the clients have their home at the one, some at the other.
 */
static void test_sources_of_workers(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	for (unsigned int most = 1; most < 5; most++) {
		service(.vip = VIP ":80",
			.limits = {.source = {[LIMIT_CONNECTIONS] = most}, .prefix4 = 32});
		for (unsigned int i = 1; i < 12; i++) {
			char client[20];

			snprintf(client, sizeof(client), "10.1.0.%u", i);
			for (unsigned int worker = 0; worker < 2; worker++) {
				assert_int_equal(syns_at(worker, client, most + 2, 1000), most);
				assert_int_equal(syns_at(1 - worker, client, 1, 2000), 0);
				expect_drops_at_all(source_connections, 3);
				sessions_end_at(worker);
			}
			assert_int_equal(syns_at(0, client, 1, 1000), 1);
			assert_int_equal(syns_at(1, client, most, 2000), most - 1);
			expect_drops_at_all(source_connections, 1);
			sessions_end_at(0);
			sessions_end_at(1);
		}
		assert_int_equal(lab.worker[0].sources.surplus, 0);
		assert_int_equal(lab.worker[1].sources.surplus, 0);
	}
}

/* A SYN that comes twice while it is asked for is one connection, and its credit is not lost. */
static void test_sources_repeated(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80", .limits = {.source = {[LIMIT_CONNECTIONS] = 2}, .prefix4 = 32});
	for (unsigned int i = 1; i < 12; i++) {
		char client[20];

		snprintf(client, sizeof(client), "10.1.0.%u", i);
		for (unsigned int worker = 0; worker < 2; worker++) {
			lab.w = &lab.worker[worker];
			for (unsigned int k = 0; k < 2; k++) {
				put(.from = client, .from_port = 1000, .to = VIP ":80", .tcp = SYN,
				    .handed = true);
				run();
			}
			workers_settle();
			assert_int_equal(lab_sessions(), 1);
			assert_int_equal(syns_at(worker, client, 3, 2000), 1);
			sessions_end_at(worker);
			lab_advance(3);
			expect_drops_at_all(source_connections, 2);
			assert_int_equal(lab.worker[worker].sources.surplus, 0);
		}
	}
}

/* Limits of the node and of the service, by prefixes of other lengths, so with other homes. */
static void test_sources_at_two_levels(void **state)
{
	const struct limit_settings node = {
		.source = {[LIMIT_CONNECTIONS] = 4}, .prefix4 = 24, .prefix6 = 64};

	lab_resize(2, 1000, 1000, 0);
	assert_int_equal(limit_set(0, &node), 0);
	service(.vip = VIP ":80", .limits = {.source = {[LIMIT_CONNECTIONS] = 3}, .prefix4 = 32});
	for (unsigned int i = 1; i < 12; i++) {
		char client[2][20];

		snprintf(client[0], sizeof(client[0]), "10.1.%u.1", i);
		snprintf(client[1], sizeof(client[1]), "10.1.%u.2", i);
		assert_int_equal(syns_at(0, client[0], 4, 1000), 3);
		assert_int_equal(syns_at(1, client[1], 4, 1000), 1);
		expect_drops_at_all(source_connections, 4);
	}
	lab_flush();
	workers_settle();
	assert_int_equal(limit_set(0, &(struct limit_settings){0}), 0);
}

/* Of a persistent service the packet goes to the home of its template as well. */
static void test_sources_persistent(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80", .persistent = 300,
		.limits = {.source = {[LIMIT_CONNECTIONS] = 3}, .prefix4 = 32});
	for (unsigned int i = 1; i < 12; i++) {
		char client[20];

		snprintf(client, sizeof(client), "10.1.0.%u", i);
		assert_int_equal(syns_at(i % 2, client, 5, 1000), 3);
		expect_drops_at_all(source_connections, 2);
	}
}

/* Packets of a source that come to both workers: the rate, and what its home gave in advance. */
static void test_source_rates_of_workers(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80", .limits = {.source = {[LIMIT_PACKETS] = 400}, .prefix4 = 32});
	for (unsigned int i = 1; i < 8; i++) {
		unsigned int sent = 0, length;
		char client[20];

		snprintf(client, sizeof(client), "10.1.0.%u", i);
		assert_int_equal(syns_at(0, client, 1, 1000) + syns_at(1, client, 1, 2000), 2);
		for (unsigned int k = 0; k < 2000; k++) { // in one second
			lab.tsc += LAB_HZ / 2000;
			for (unsigned int worker = 0; worker < 2; worker++) {
				worker_clock(&lab.worker[worker], lab.tsc);
				limit_run(&lab.worker[worker]);
			}
			lab.w = &lab.worker[k % 3 == 0];
			put(.from = client, .from_port = k % 3 ? 1000 : 2000, .to = VIP ":80",
			    .tcp = ACK, .handed = true);
			run();
			while (lab_next_sent(1, &length))
				sent++;
		}
		// 400 and a tenth of a second's; of the other worker as much, and one packet.
		assert_in_range(sent, 380, 440 + 40 + 1);
		expect_drops_at_all(source_packets, 2000 - sent);
	}
}

/* New connections of a source at two workers: one bucket. */
static void test_source_new_of_workers(void **state)
{
	unsigned int begun = 0;

	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80", .limits = {.source = {[LIMIT_NEW] = 20}, .prefix4 = 32});
	for (unsigned int k = 0; k < 100; k++) {
		lab.tsc += LAB_HZ / 100;
		begun += syns_at(k % 2, CLIENT, 1, 1000 + k);
	}
	assert_in_range(begun, 19, 23);
	expect_drops_at_all(source_new_connections, 100 - begun);
}

/*
 * Many clients of UDP that nobody answers: they have their share of the table and the oldest gives
 * way, whatever its age; those that were answered, and TCP, have nothing to do with it.
 */
static void test_udp_flood(void **state)
{
	lab_resize(1, 100, 100, 25);
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP, .servers = {SERVER ":53"});
	service(.vip = VIP ":80");
	put(.from = CLIENT ":5000", .to = VIP ":53");
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":53");
	put(.from = SERVER ":53", .to = LOCAL ":@");
	run();
	expect(.from = VIP ":53", .to = CLIENT ":5000");
	lab_connect(&ends4);
	assert_int_equal(lab.w->stats.one_way, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		put(.from = "10.1.7.1", .from_port = 1000 + i, .to = VIP ":53");
		run();
		lab_forget();
	}
	assert_int_equal(lab.w->stats.one_way, lab.w->half_open_max);
	assert_int_equal(lab.w->stats.one_way_evicted, 1000 - lab.w->half_open_max);
	assert_int_equal(lab.w->stats.half_open, 0);
	// Who was answered is still known, and a new connection of TCP finds room.
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":*", .to = SERVER ":80", .tcp = ACK}});
	assert_int_equal(burst("10.1.9.9", 1, 1000, SYN), 1);
}

/* Refused with a reset, or an ICMP error that says why; UDP has no reset. */
static void test_reactions(void **state)
{
	service(.vip = VIP ":80", .upper = {1},
		.limits = {.service = {[LIMIT_CONNECTIONS] = 9}, .reaction = LIMIT_RESET});
	clients(1, 1000);
	put(.from = CLIENT ":2000", .to = VIP ":80", .tcp = SYN, .sequence = 100);
	run();
	assert_int_equal(lab.w->stats.answered, 1);
	lab_forget();
	expect_drop(servers_overloaded);
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP,
		.limits = {.service = {[LIMIT_CONNECTIONS] = 1}, .reaction = LIMIT_RESET});
	put(.from = CLIENT ":2000", .to = VIP ":53");
	run();
	lab_forget();
	put(.from = CLIENT ":2001", .to = VIP ":53");
	run();
	lab_forget();
	assert_int_equal(lab.w->stats.answered, 2);
	expect_drop(limit_connections);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_schedulers),
		lab_test(test_hysteresis),
		lab_test(test_upper_is_1),
		lab_test(test_persistent),
		lab_test(test_established),
		lab_test(test_workers),
		lab_test(test_service_connections),
		lab_test(test_new_connections),
		lab_test(test_packets),
		lab_test(test_packets_of_old_sessions),
		lab_test(test_bits),
		lab_test(test_sources),
		lab_test(test_source_rates),
		lab_test(test_node),
		lab_test(test_sources_full),
		lab_test(test_sources_of_workers),
		lab_test(test_sources_repeated),
		lab_test(test_sources_at_two_levels),
		lab_test(test_sources_persistent),
		lab_test(test_source_rates_of_workers),
		lab_test(test_source_new_of_workers),
		lab_test(test_udp_flood),
		lab_test(test_reactions),
	};

	return cmocka_run_group_tests_name("limits", tests, lab_start, lab_stop);
}
