/* SPDX-License-Identifier: BSD-3-Clause */

/* Trace and capture: what is told of which packets. */
#include "lab.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "io/rcu.h"
#include "path/observe.h"
#include "path/trace.h"

static struct packet_filter everything(void)
{
	struct packet_filter filter;

	memset(&filter, 0, sizeof(filter));
	filter.drop_reason = -1;
	return filter;
}

static void expect_line(const char *part, const char *other, const char *third)
{
	char line[1024];

	assert_true(trace_read(line, sizeof(line)));
	if (!strstr(line, part) || !strstr(line, other) || !strstr(line, third))
		fail_msg("\"%s\", \"%s\" or \"%s\" is not in: %s", part, other, third, line);
}

static void expect_no_line(void)
{
	char line[1024];

	if (trace_read(line, sizeof(line)))
		fail_msg("more: %s", line);
}

/* A line for each packet, with its stages and its fate. */
static void test_trace(void **state)
{
	struct packet_filter filter = everything();
	struct packet quoted = {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK};

	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80");
	assert_int_equal(trace_begin(&filter, 100), 0);
	assert_int_equal(trace_begin(&filter, 1), -EBUSY);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect_line("worker 0 | input dpdk0: tcp 10.1.0.1:4000 -> 10.0.0.100:80 S, 54 bytes | "
		    "lookup: miss | balance: new session, server 192.168.100.2:80",
		    "| forward: from the client, SYN_RECV, 192.168.100.200:",
		    "| output: sent on dpdk1 to");
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK);
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = ACK);
	put(.from = CLIENT ":4001", .to = VIP ":81", .tcp = SYN);
	put(.from = CLIENT, .to = VIP, .icmp = 8);
	put(.iface = 1, .type = 0x0806, .payload = 46);
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN, .cut = 30);
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .quote = &quoted);
	put(.kernel = true, .from = LOCAL ":99", .to = SERVER ":80", .tcp = SYN);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	run();
	expect_line("input dpdk1: tcp 192.168.100.2:80 -> 192.168.100.200:", "SA, 54 bytes",
		    "lookup: found | forward: from the server, SYN_RECV, 10.0.0.100:80 -> "
		    "10.1.0.1:4000 | output: sent on dpdk0");
	expect_line("10.1.0.1:4001 -> 10.0.0.100:80 A",
		    "lookup: miss | output: dropped and answered, "
		    "tcp_reset_sent",
		    "sent on dpdk0");
	expect_line("lookup: miss | output: dropped, vip_no_service", "", "");
	expect_line("input dpdk0: icmp 10.1.0.1", "output: to Linux", "");
	expect_line("frame of type 0x0806, 60 bytes | output: to Linux", "", "");
	expect_line("dropped, ipv4_short", "", "");
	expect_line("quoted by an ICMP error", "output: sent on dpdk0", "lookup: found");
	expect_line("input dpdk1 from Linux", "new session of Linux",
		    "output: sent as Linux made it");
	expect_line("tcp [2001:db8:1::1]:4000 -> [2001:db8::100]:80 S", "server [2001:db8:2::2]:80",
		    "-> [2001:db8:2::2]:80 | output: sent on dpdk1");
	expect_no_line();
	assert_false(trace_finished());
	trace_end();
	rcu_poll();
	expect_drop(tcp_reset_sent);
	expect_drop(vip_no_service);
	expect_drop(ipv4_short);
	expect_punt(PUNT_ICMP, .from = CLIENT, .to = VIP, .icmp = 8);
	expect_punt(PUNT_NEIGHBOUR, .iface = 1, .type = 0x0806, .payload = 46);
	lab_forget();
}

/* Only what matches, and only as many as asked for. */
static void test_filter(void **state)
{
	static const struct {
		const char *what;
		struct packet_filter filter;
		unsigned int lines;
	} rows[] = {
		{"all", {.drop_reason = -1}, 5},
		{"udp", {.protocol = IPPROTO_UDP, .drop_reason = -1}, 1},
		{"port 4001", {.port = 4001, .drop_reason = -1}, 2},
		{"port 80", {.port = 80, .drop_reason = -1}, 3},
		{"interface", {.iface = 2, .drop_reason = -1}, 1},
		{"address",
		 {.address = {.addr = {.family = AF_INET, .bytes = {10, 1, 2}}, .len = 24},
		  .drop_reason = -1},
		 1},
		{"IPv6",
		 {.address = {.addr = {.family = AF_INET6}, .len = 0}, .drop_reason = -1},
		 0},
		{"reason", {.drop_reason = DROP_vip_no_service}, 2},
		{"none", {.drop_reason = DROP_not_for_us}, 0},
	};

	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char line[1024];
		unsigned int lines = 0;

		assert_int_equal(trace_begin(&rows[i].filter, 100), 0);
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
		put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
		put(.from = "10.1.2.3:4001", .to = VIP ":81", .tcp = SYN);
		put(.from = CLIENT ":4002", .to = VIP ":53");
		put(.from = SERVER ":80", .to = LOCAL ":4003", .tcp = ACK);
		run();
		while (trace_read(line, sizeof(line)))
			lines++;
		if (lines != rows[i].lines)
			print_error("filter \"%s\"\n", rows[i].what);
		assert_int_equal(lines, rows[i].lines);
		trace_end();
		rcu_poll();
		expect_drops(vip_no_service, 2);
		expect_drop(local_no_session);
		lab_forget();
	}
}

/* A session is known and there is no way on: the trace says so, and is found by that reason. */
static void test_no_route(void **state)
{
	struct packet_filter filter = everything();

	filter.drop_reason = DROP_no_route;
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	fake_route("192.168.0.0/16", NEXTHOP_NONE, 0);
	fake_routes_changed();
	assert_int_equal(trace_begin(&filter, 10), 0);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK);
	expect_drop(no_route);
	expect_line("10.1.0.1:4000 -> 10.0.0.100:80", "lookup: found", "output: dropped, no_route");
	expect_no_line();
	trace_end();
	rcu_poll();
}

static void test_count(void **state)
{
	struct packet_filter filter = everything();
	char line[1024];

	service(.vip = VIP ":80");
	assert_int_equal(trace_begin(&filter, 3), 0);
	for (unsigned int i = 0; i < 5; i++)
		put(.from = CLIENT, .from_port = 4000 + i, .to = VIP ":80", .tcp = SYN);
	run();
	run();
	lab_forget();
	for (unsigned int i = 0; i < 3; i++) {
		assert_false(trace_finished());
		assert_true(trace_read(line, sizeof(line)));
	}
	assert_true(trace_finished());
	expect_no_line();
	trace_end();
	// More packets than there are records: those that are lost are counted, nothing breaks.
	assert_int_equal(trace_begin(&filter, 100000), 0);
	for (unsigned int i = 0; i < RECORDS + 100; i++) {
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
		if (lab.w->batch.count == BATCH || i == RECORDS + 99) {
			run();
			lab_forget();
		}
	}
	assert_int_equal(observer_get()->missed, 100);
	for (unsigned int i = 0; i < RECORDS; i++)
		assert_true(trace_read(line, sizeof(line)));
	expect_no_line();
	trace_end();
	rcu_poll();
}

/* The control thread may end a trace, and begin another, while a worker is amid a batch. */
static void trace_changes(void)
{
	struct packet_filter filter = everything();

	if (observer_get()) {
		trace_end();
		assert_int_equal(trace_begin(&filter, 10), 0);
	} else {
		assert_int_equal(trace_begin(&filter, 10), 0);
	}
}

static void test_amid_a_batch(void **state)
{
	struct packet_filter filter = everything();
	char line[1024];

	service(.vip = VIP ":80");
	fake_route("10.1.0.0/16", NEXTHOP_UNRESOLVED, CLIENTS);
	fake_routes_changed();
	fake_neigh_hook = trace_changes;
	rcu_worker_online(0);
	for (unsigned int i = 0; i < 10; i++) {
		if (i % 3 == 0 && observer_get())
			trace_end();
		if (i % 5 == 0 && !observer_get())
			trace_begin(&filter, 10);
		for (unsigned int j = 0; j < 10; j++)
			put(.from = CLIENT, .from_port = 100 * i + j + 1, .to = VIP ":80",
			    .tcp = SYN);
		run();
		lab_forget();
		rcu_worker_quiescent(0);
		rcu_poll();
		while (trace_read(line, sizeof(line)))
			assert_non_null(strstr(line, "10.0.0.100:80 S"));
	}
	fake_neigh_hook = NULL;
	trace_end();
	rcu_worker_offline(0);
	assert_int_equal(rcu_poll(), 0);
}

static uint32_t read32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return value;
}

/* A pcapng stream: blocks whose lengths agree, a section, interfaces, and the packets' bytes. */
static void test_capture(void **state)
{
	struct packet_filter filter = everything();
	const struct packet syn = {.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN};
	static uint8_t stream[1 << 17], frame[PACKET_MAX];
	unsigned int size, interfaces = 0, packets = 0;
	uint64_t when = 0;

	service(.vip = VIP ":80");
	assert_int_equal(capture_begin(&filter, 3, 60), 0);
	lab.tsc = rte_rdtsc() - rte_get_tsc_hz() / 1000; // received just before it began
	lab_put(&syn);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 100);
	run();
	lab_forget();
	assert_false(capture_finished());
	size = capture_read(stream, sizeof(stream));
	for (unsigned int at = 0; at < size;) {
		uint32_t type = read32_at(stream + at), length = read32_at(stream + at + 4);

		assert_true(length % 4 == 0 && at + length <= size);
		assert_int_equal(read32_at(stream + at + length - 4), length);
		if (at == 0)
			assert_int_equal(type, 0x0a0d0d0a);
		interfaces += type == 1;
		if (type == 6) {
			uint64_t then = (uint64_t)read32_at(stream + at + 12) << 32 |
					read32_at(stream + at + 16);

			assert_int_equal(read32_at(stream + at + 8), 0);
			assert_int_equal(read32_at(stream + at + 20), packets ? 60 : 54);
			assert_int_equal(read32_at(stream + at + 24), packets ? 154 : 54);
			when = then;
			if (packets++ == 0) {
				packet_build(&syn, 0, frame);
				// after the Ethernet addresses
				assert_memory_equal(stream + at + 28 + 12, frame + 12, 54 - 12);
			}
		}
		at += length;
	}
	assert_int_equal(interfaces, 2);
	assert_int_equal(packets, 2);
	// Nanoseconds since 1970, of this hour.
	assert_in_range(when / 1000000000, time(NULL) - 3600, time(NULL) + 1);
	assert_false(capture_finished());
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	lab_forget();
	assert_true(capture_read(stream, sizeof(stream)) > 0);
	assert_true(capture_finished());
	capture_end();
	rcu_poll();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_trace), lab_test(test_filter),	   lab_test(test_no_route),
		lab_test(test_count), lab_test(test_amid_a_batch), lab_test(test_capture),
	};

	return cmocka_run_group_tests_name("observe", tests, lab_start, lab_stop);
}
