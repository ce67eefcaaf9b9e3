/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets to Linux and from it through a real TAP in a network namespace of our own, where the
 * other side is a packet socket on the TAP.
 */
#include "io/port.c"
#include "net/punt.c"

#include "environment.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

enum { WORKERS = 2, OURS = 0x88b5, WAIT_MS = 3000 };

static const struct port port = {
	.config = {.name = "dpdk0"}, .mtu = 1500, .link_up = true, .mac = {{2, 0, 0, 0, 0, 1}}};
static struct iface *iface;
static int linux_side;
static unsigned int woken[WORKERS];

static void worker_wake(unsigned int worker)
{
	__atomic_fetch_add(&woken[worker], 1, __ATOMIC_RELAXED);
}

/* Even and odd packets to different workers, by the last byte of the destination. */
static unsigned int worker_choose(const struct rte_mbuf *packet)
{
	return rte_pktmbuf_mtod(packet, const uint8_t *)[5] % WORKERS;
}

static int setup(void **state)
{
	static const struct punt_policer policers[PUNT_CLASSES] = {
		[PUNT_ICMP] = {.packets_per_second = 1000, .burst = 20}};
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(OURS)};
	struct error error;

	assert_int_equal(punt_start(WORKERS, policers, &error), 0);
	port_table[0] = port;
	port_used = 1;
	assert_int_equal(iface_create(&port_table[0], &iface, &error), 0);
	linux_side = socket(AF_PACKET, SOCK_RAW, htons(OURS));
	address.sll_ifindex = iface->kernel_index;
	return bind(linux_side, (struct sockaddr *)&address, sizeof(address));
}

static int teardown(void **state)
{
	close(linux_side);
	iface_destroy(iface);
	punt_stop();
	return 0;
}

static struct rte_mbuf *frame(uint8_t number, unsigned int length)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool_get(-1));
	uint8_t *bytes;

	assert_non_null(m);
	m->data_len = length;
	m->pkt_len = length;
	bytes = rte_pktmbuf_mtod(m, uint8_t *);
	memset(bytes, 0, length);
	memset(bytes, 0xff, 6);
	bytes[6] = 2;
	bytes[12] = OURS >> 8;
	bytes[13] = OURS & 0xff;
	bytes[14] = number;
	return m;
}

/* The next frame that Linux got; its length, 0 when none came. */
static ssize_t linux_receive(uint8_t *bytes, size_t size, int wait_ms)
{
	struct pollfd event = {.fd = linux_side, .events = POLLIN};

	return poll(&event, 1, wait_ms) == 1 ? recv(linux_side, bytes, size, 0) : 0;
}

/* Wait until the thread has counted so many packets as written or lost. */
static void wait_counted(struct punt_stats *stats, uint64_t packets)
{
	struct timespec pause = {.tv_nsec = 1000000};

	for (unsigned int i = 0; i < WAIT_MS; i++) {
		punt_stats(stats);
		if (stats->written + stats->write_down + stats->write_failed >= packets)
			return;
		nanosleep(&pause, NULL);
	}
}

static void test_to_kernel(void **state)
{
	struct rte_mbuf *head = frame(1, 60), *tail = frame(2, 40);
	struct punt_stats stats;
	uint8_t bytes[2048];

	// In two segments, written as one frame.
	assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
	assert_true(punt_to_kernel(0, iface->index, PUNT_REST, head, rte_rdtsc()));
	punt_wake(0);
	assert_int_equal(linux_receive(bytes, sizeof(bytes), WAIT_MS), 100);
	assert_int_equal(bytes[14], 1);
	assert_int_equal(bytes[60 + 14], 2);
	wait_counted(&stats, 1);
	assert_int_equal(stats.queued[PUNT_REST], 1);
	assert_int_equal(stats.written, 1);
}

static void test_policed(void **state)
{
	struct punt_stats stats;
	uint64_t now = rte_rdtsc();
	unsigned int passed = 0;

	// 20 at once over all workers is 10 for each; the clock stands still.
	for (unsigned int i = 0; i < 50; i++) {
		struct rte_mbuf *m = frame(i, 60);

		if (punt_to_kernel(1, iface->index, PUNT_ICMP, m, now))
			passed++;
		else
			rte_pktmbuf_free(m);
	}
	punt_wake(1);
	assert_int_equal(passed, 10);
	punt_stats(&stats);
	assert_int_equal(stats.policed[PUNT_ICMP], 40);
	assert_int_equal(stats.policed[PUNT_NEIGHBOUR], 0);
}

/* Neighbour discovery overtakes what fills the other ring, and has room of its own. */
static void test_urgent(void **state)
{
	unsigned int rest = 0, before = 0;
	uint8_t bytes[2048] = {0};
	struct rte_mbuf *m;

	for (;;) {
		m = frame(0, 60);
		if (!punt_to_kernel(0, iface->index, PUNT_REST, m, rte_rdtsc()))
			break;
		rest++;
	}
	rte_pktmbuf_free(m);
	assert_int_equal(rest, PUNT_RING - 1);
	assert_true(punt_to_kernel(0, iface->index, PUNT_NEIGHBOUR, frame(9, 60), rte_rdtsc()));
	// The thread sleeps until now, for nobody woke it.
	punt_wake(0);
	while (linux_receive(bytes, sizeof(bytes), WAIT_MS) > 0 && bytes[14] != 9)
		before++;
	assert_int_equal(bytes[14], 9);
	assert_true(before <= PUNT_BURST);
}

/* Take `count` packets as a worker would, within the time. */
static unsigned int take(unsigned int worker, struct rte_mbuf **packets, unsigned int count)
{
	struct timespec pause = {.tv_nsec = 1000000};
	unsigned int taken = 0;

	for (unsigned int i = 0; i < WAIT_MS && taken < count; i++) {
		taken += punt_from_kernel(worker, packets + taken, count - taken);
		if (taken < count)
			nanosleep(&pause, NULL);
	}
	return taken;
}

static void linux_send(uint8_t number, size_t length)
{
	uint8_t bytes[4096] = {2, 0, 0, 0, 0, number, 2};

	bytes[12] = OURS >> 8;
	bytes[13] = OURS & 0xff;
	assert_int_equal(send(linux_side, bytes, length, 0), length);
}

static void test_from_kernel(void **state)
{
	struct rte_mbuf *packets[8];

	for (unsigned int i = 0; i < 8; i++)
		linux_send(i, 60 + i);
	for (unsigned int worker = 0; worker < WORKERS; worker++) {
		assert_int_equal(take(worker, packets, 4), 4);
		for (unsigned int i = 0; i < 4; i++) {
			unsigned int number = i * 2 + worker;

			assert_int_equal(packets[i]->pkt_len, 60 + number);
			assert_int_equal(packets[i]->port, iface->index);
			assert_int_equal(rte_pktmbuf_mtod(packets[i], uint8_t *)[5], number);
		}
		rte_pktmbuf_free_bulk(packets, 4);
		assert_false(punt_pending(worker));
		assert_true(__atomic_load_n(&woken[worker], __ATOMIC_RELAXED) > 0);
	}
}

/* A frame beyond the buffer is counted and does not stand in the way of the next. */
static void test_too_long(void **state)
{
	struct rte_mbuf *packet;
	struct punt_stats stats;

	assert_int_equal(system("ip link set dpdk0.kni mtu 3000"), 0);
	linux_send(0, 2049);
	linux_send(0, 2048);
	assert_int_equal(take(0, &packet, 1), 1);
	assert_int_equal(packet->pkt_len, 2048);
	rte_pktmbuf_free(packet);
	punt_stats(&stats);
	assert_int_equal(stats.received_too_long, 1);
	assert_int_equal(stats.received, 1);
}

static void test_lost_by_name(void **state)
{
	struct punt_stats stats;

	assert_int_equal(system("ip link set dpdk0.kni down"), 0);
	assert_true(punt_to_kernel(0, iface->index, PUNT_ROUTING, frame(1, 60), rte_rdtsc()));
	assert_true(punt_to_kernel(0, IFACE_MAX - 1, PUNT_ROUTING, frame(1, 60), rte_rdtsc()));
	punt_wake(0);
	wait_counted(&stats, 2);
	assert_int_equal(stats.write_down, 1);
	assert_int_equal(stats.write_failed, 1);
}

/* A TAP deleted by hand must not make the thread spin. */
static void test_deleted_tap_costs_nothing(void **state)
{
	struct timespec pause = {.tv_nsec = 300000000}, cpu_before, cpu_after;
	clockid_t clock;

	assert_int_equal(system("ip link del dpdk0.kni"), 0);
	assert_int_equal(pthread_getcpuclockid(punt_thread.id, &clock), 0);
	nanosleep(&pause, NULL);
	clock_gettime(clock, &cpu_before);
	nanosleep(&pause, NULL);
	clock_gettime(clock, &cpu_after);
	assert_int_equal(cpu_after.tv_sec, cpu_before.tv_sec);
	assert_true(cpu_after.tv_nsec - cpu_before.tv_nsec < 5000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_to_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_urgent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_from_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted_tap_costs_nothing, setup, teardown),
	};
	struct pool_config config = {.buffers = 4096};
	struct error error;

	if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up") != 0) {
		fprintf(stderr, "skipped: no network namespace of our own here\n");
		return EXIT_SKIPPED;
	}
	// Linux would send of its own accord: it has nothing to say on an interface without addresses.
	if (system("sysctl -qw net.ipv6.conf.default.disable_ipv6=1") != 0)
		return 1;
	environment_start(64);
	if (pool_start(&config, 1, &error) < 0)
		return 1;
	punt_worker_wake = worker_wake;
	punt_worker_choose = worker_choose;
	return cmocka_run_group_tests_name("punt", tests, NULL, NULL);
}
