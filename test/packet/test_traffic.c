/* SPDX-License-Identifier: BSD-3-Clause */

/* Traffic control: exact on the lab's clock, in order, bounded, and by class. */
#include "lab.h"

#include <string.h>

#include "io/rcu.h"
#include "path/traffic.h"

enum { OUT = 1, FRAME = 1000, PAYLOAD = FRAME - 42, MILLISECOND = LAB_HZ / 1000 };
enum { ONE = 1 << 16, TWO = 2 << 16 };

static struct traffic_spec spec;

static void queue(uint32_t handle, uint32_t parent, enum traffic_kind kind, uint64_t limit)
{
	spec.queues[spec.queue_count++] = (struct traffic_queue_spec){
		.handle = handle, .parent = parent, .kind = kind, .limit = limit};
}

/* 1000 bytes in a millisecond. */
static void shaped(uint32_t handle, uint32_t parent, uint32_t burst, uint64_t limit)
{
	queue(handle, parent, TRAFFIC_TBF, limit);
	spec.queues[spec.queue_count - 1].rate = 8000000;
	spec.queues[spec.queue_count - 1].burst = burst;
}

static void classifier(uint32_t at, uint32_t target, const char *text)
{
	struct traffic_classifier_spec *row = &spec.classifiers[spec.classifier_count++];
	struct error error;

	*row = (struct traffic_classifier_spec){.queue = at, .target = target};
	assert_int_equal(match_parse(text, &row->match, &error), 0);
	row->packets = row->match.family == AF_INET6 ? TRAFFIC_IPV6 : TRAFFIC_IPV4;
}

static void publish(unsigned int port)
{
	spec.egress = spec.ingress = true;
	assert_int_equal(traffic_set(port, &spec), 0);
	rcu_poll();
}

static int traffic_begin(void **state)
{
	memset(&spec, 0, sizeof(spec));
	return lab_begin(state);
}

static int traffic_end(void **state)
{
	for (unsigned int port = 0; port < 2; port++)
		traffic_set(port, NULL);
	rcu_poll();
	shape_forget(OUT);
	return lab_end(state);
}

static void feed(unsigned int port, unsigned int first, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		put(.from = CLIENT ":4000", .to = VIP, .to_port = port, .payload = PAYLOAD,
		    .word = first + i);
	run();
}

static void left(unsigned int port, unsigned int first, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		expect(.from = LOCAL ":*", .to = SERVER, .to_port = port, .payload = PAYLOAD,
		       .word = first + i);
	expect_nothing();
}

/* `ticks` of the clock later. */
static void later(uint64_t ticks)
{
	lab.tsc += ticks;
	lab.w->batch.tsc = lab.tsc;
	traffic_run(lab.w, lab.tsc);
}

static struct traffic_report report(unsigned int port, uint32_t handle)
{
	struct traffic_report out;

	assert_true(traffic_read(port, handle, &out));
	return out;
}

static void echo_services(void)
{
	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	service(.vip = VIP ":81", .protocol = IPPROTO_UDP, .servers = {SERVER ":81"});
}

/* A burst at once, then one frame in each millisecond: not a tick earlier, in their order. */
static void test_rate(void **state)
{
	echo_services();
	shaped(TRAFFIC_ROOT, 0, 2 * FRAME, 100 * FRAME);
	publish(OUT);
	feed(80, 1, 5);
	left(80, 1, 2);
	later(MILLISECOND - 1);
	expect_nothing();
	later(1);
	left(80, 3, 1);
	assert_int_equal(report(OUT, TRAFFIC_ROOT).waiting_packets, 2);
	assert_int_equal(report(OUT, TRAFFIC_ROOT).waiting_bytes, 2 * FRAME);
	feed(80, 6, 1);
	later(MILLISECOND);
	left(80, 4, 1);
	later(2 * MILLISECOND - 1);
	left(80, 5, 1);
	later(1);
	left(80, 6, 1);
	assert_int_equal(report(OUT, TRAFFIC_ROOT).counts.packets, 6);
	assert_int_equal(report(OUT, TRAFFIC_ROOT).counts.bytes, 6 * FRAME);
	assert_int_equal(report(OUT, TRAFFIC_ROOT).counts.overlimits, 4);
	// What was not used is no more than the burst.
	later(LAB_HZ);
	feed(80, 10, 4);
	left(80, 10, 2);
	later(2 * MILLISECOND);
	left(80, 12, 2);
}

/* With a peak rate of twice the rate, a burst is spread over time, too. */
static void test_peak(void **state)
{
	echo_services();
	shaped(TRAFFIC_ROOT, 0, 4 * FRAME, 100 * FRAME);
	spec.queues[0].peakrate = 16000000;
	spec.queues[0].mtu = FRAME;
	publish(OUT);
	feed(80, 1, 8);
	left(80, 1, 1);
	for (unsigned int i = 2; i < 8; i++) {
		later(MILLISECOND / 2 - 1);
		expect_nothing();
		later(1);
		left(80, i, 1);
	}
	later(MILLISECOND /
	      2); // the seventh was the last of the burst and what it gained meanwhile
	expect_nothing();
	later(MILLISECOND / 2);
	left(80, 8, 1);
}

/* A limit counts what waits: packets, bytes; a rate that is changed holds from then on. */
static void test_limits(void **state)
{
	echo_services();
	shaped(TRAFFIC_ROOT, 0, FRAME, 2 * FRAME);
	queue(ONE, TRAFFIC_ROOT, TRAFFIC_PFIFO, 3);
	classifier(TRAFFIC_ROOT, ONE, "udp,to=0.0.0.0:81");
	publish(OUT);
	feed(80, 1, 5); // one leaves, one is the next, and the limit is for both
	expect_drops(traffic_queue_full, 2);
	left(80, 1, 1);
	feed(81, 11, 5);
	expect_drops(traffic_queue_full, 2);
	expect_nothing();
	assert_int_equal(report(OUT, ONE).waiting_packets, 3);
	assert_int_equal(report(OUT, ONE).counts.drops, 2);
	spec.queues[0].rate *= 10;
	publish(OUT);
	assert_int_equal(report(OUT, ONE).waiting_packets, 3);
	for (unsigned int i = 0; i < 5; i++)
		later(MILLISECOND / 10);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .payload = PAYLOAD, .word = 2);
	expect(.from = LOCAL ":*", .to = SERVER ":81", .payload = PAYLOAD, .word = 11);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .payload = PAYLOAD, .word = 3);
	expect(.from = LOCAL ":*", .to = SERVER ":81", .payload = PAYLOAD, .word = 12);
	expect(.from = LOCAL ":*", .to = SERVER ":81", .payload = PAYLOAD, .word = 13);
	expect_nothing();
}

/* A frame that is longer than the burst could never leave. */
static void test_too_long(void **state)
{
	echo_services();
	shaped(TRAFFIC_ROOT, 0, FRAME - 1, 100 * FRAME);
	publish(OUT);
	feed(80, 1, 1);
	expect_drop(traffic_too_long);
}

/* One class is slow and the other is not, and a third is dropped. */
static void test_classes(void **state)
{
	echo_services();
	queue(TRAFFIC_ROOT, 0, TRAFFIC_PFIFO_FAST, 0);
	shaped(ONE, TRAFFIC_ROOT, FRAME, 100 * FRAME);
	shaped(TWO, ONE, FRAME, 100 * FRAME);
	classifier(TRAFFIC_ROOT, ONE, "udp,to=192.168.100.0-192.168.100.255:81");
	publish(OUT);
	feed(81, 1, 2);
	left(81, 1, 1);
	feed(80, 5, 3);
	left(80, 5, 3);
	later(MILLISECOND);
	left(81, 2, 1);
	assert_int_equal(report(OUT, ONE).counts.packets, 2);
	assert_int_equal(report(OUT, TRAFFIC_ROOT).counts.packets, 5);
	classifier(ONE, 0, "udp,to=0.0.0.0:81");
	publish(OUT);
	feed(81, 1, 1);
	expect_drop(traffic_refused);
	spec.queue_count = spec.classifier_count = 0;
	publish(OUT);
	feed(81, 3, 3);
	left(81, 3, 3);
}

/* By TOS: what is interactive overtakes, what is bulk waits for all others. */
static void test_bands(void **state)
{
	static const uint8_t tos[] = {0x08, 0x00, 0x10};

	echo_services();
	shaped(TRAFFIC_ROOT, 0, FRAME, 100 * FRAME);
	queue(ONE, TRAFFIC_ROOT, TRAFFIC_PFIFO_FAST, 0);
	classifier(TRAFFIC_ROOT, ONE, "udp,to=0.0.0.0:80");
	publish(OUT);
	feed(81, 1, 2); // takes the tokens, and is what waits in the root
	left(81, 1, 1);
	for (unsigned int i = 0; i < 3; i++)
		put(.from = CLIENT ":4000", .to = VIP ":80", .payload = PAYLOAD, .word = 10 + i,
		    .tos = tos[i]);
	run();
	for (unsigned int i = 0; i < 4; i++)
		later(MILLISECOND);
	expect(.from = LOCAL ":*", .to = SERVER ":81", .payload = PAYLOAD, .word = 2);
	for (unsigned int i = 3; i-- > 0;)
		expect(.from = LOCAL ":*", .to = SERVER ":80", .payload = PAYLOAD, .word = 10 + i,
		       .tos = tos[i]);
	expect_nothing();
	assert_int_equal(traffic_band(0x00), 1);
	assert_int_equal(traffic_band(0x10), 0);
	assert_int_equal(traffic_band(0x08), 2);
	assert_int_equal(traffic_band(0x18), 1);
}

/* What waits in a queue that is removed is dropped, and counted. */
static void test_removed(void **state)
{
	uint64_t before = traffic_discarded();

	echo_services();
	shaped(TRAFFIC_ROOT, 0, FRAME, 100 * FRAME);
	publish(OUT);
	feed(80, 1, 4);
	left(80, 1, 1);
	assert_int_equal(traffic_set(OUT, NULL), 0);
	rcu_poll();
	assert_int_equal(traffic_discarded() - before, 3);
	assert_int_equal(worker_drops(0, DROP_traffic_removed), traffic_discarded());
	feed(80, 5, 2);
	left(80, 5, 2);
}

/* What the device does not take waits, in order, and is not dropped. */
static void test_device_full(void **state)
{
	echo_services();
	queue(TRAFFIC_ROOT, 0, TRAFFIC_PFIFO, 100);
	publish(OUT);
	lab.transmit_refuses = true;
	feed(80, 1, 40);
	expect_nothing();
	lab.transmit_refuses = false;
	later(1);
	left(80, 1, 40);
}

/* The other worker's packets go through the owner's queues. */
static void test_two_workers(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	echo_services();
	shaped(TRAFFIC_ROOT, 0, FRAME, 100 * FRAME);
	publish(OUT);
	assert_int_equal(lab.worker[0].transmit_by[OUT], 1);
	assert_int_equal(lab.worker[1].transmit_by[OUT], TRANSMIT_SHAPED);
	assert_int_equal(lab.worker[0].transmit_by[0], 0);
	for (unsigned int i = 1; i <= 3; i++)
		put(.from = CLIENT ":4000", .to = VIP ":80", .payload = PAYLOAD, .word = i,
		    .handed = true);
	run();
	expect_nothing();
	lab_take_over(1);
	left(80, 1, 1);
	lab.w = &lab.worker[1];
	later(MILLISECOND);
	left(80, 2, 1);
	later(MILLISECOND);
	left(80, 3, 1);
}

/* Policing: the tokens of all workers together are those of the rate. */
static void test_police(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	echo_services();
	shaped(TRAFFIC_INGRESS, 0, 8 * FRAME, 1);
	publish(0);
	assert_int_equal(lab.worker[0].traffic, TRAFFIC_POLICES | TRAFFIC_RUNS);
	assert_int_equal(lab.worker[1].traffic, TRAFFIC_POLICES);
	later(1);
	// Half of the burst is the other worker's.
	for (unsigned int i = 1; i <= 6; i++)
		put(.from = LOCAL, .to = VIP, .iface = CLIENTS, .icmp = 13, .payload = FRAME - 42);
	run();
	expect_drops(traffic_policed, 2);
	lab_forget_punted();
	later(MILLISECOND);
	for (unsigned int i = 1; i <= 3; i++)
		put(.from = LOCAL, .to = VIP, .iface = CLIENTS, .icmp = 13, .payload = FRAME - 42);
	run();
	expect_drops(traffic_policed, 2);
	lab_forget_punted();
	assert_int_equal(report(0, TRAFFIC_INGRESS).counts.packets, 5);
	assert_int_equal(report(0, TRAFFIC_INGRESS).counts.bytes, 5 * FRAME);
	assert_int_equal(report(0, TRAFFIC_INGRESS).counts.drops, 4);
}

/* At ingress, by class; what another worker hands over was policed there. */
static void test_police_classes(void **state)
{
	echo_services();
	queue(TRAFFIC_INGRESS, 0, TRAFFIC_PFIFO, 1);
	shaped(ONE, TRAFFIC_INGRESS, FRAME, 1);
	classifier(TRAFFIC_INGRESS, ONE, "udp,to=0.0.0.0:81");
	classifier(TRAFFIC_INGRESS, 0, "udp,from=10.1.0.9");
	publish(0);
	later(1);
	feed(81, 1, 3);
	expect_drops(traffic_policed, 2);
	left(81, 1, 1);
	feed(80, 1, 3);
	left(80, 1, 3);
	put(.from = "10.1.0.9:4000", .to = VIP ":80", .payload = 10);
	run();
	expect_drop(traffic_refused);
	put(.from = "10.1.0.9:4000", .to = VIP ":80", .payload = 10, .handed = true);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .payload = 10);
	put(.from = "10.1.0.9:4000", .to = VIP ":80", .payload = 10, .sum = SUM_BROKEN, .cut = 20);
	run();
	expect_drop(ipv4_short); // a frame that is wrong keeps its own name
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, traffic_begin, traffic_end)
		ROW(test_rate),	    ROW(test_peak),	      ROW(test_limits),
		ROW(test_too_long), ROW(test_classes),	      ROW(test_bands),
		ROW(test_removed),  ROW(test_device_full),    ROW(test_two_workers),
		ROW(test_police),   ROW(test_police_classes),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
