/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Punting. One thread stands between the workers and the TAPs, because workers make no system call
 * for a packet, and because nothing else may delay BGP and VRRP: this thread does nothing else.
 *
 *	worker i:   policer of the class -> ring "urgent" or "rest" of worker i -> punt thread ->
 *TAP TAP -> punt thread -> ring "back" of the worker that punt_worker_choose() names -> worker
 *
 * All rings have one producer and one consumer. Urgent are neighbour discovery and routing: they
 * are emptied, of all workers, before each burst of the rest, so that a flood of pings delays them
 * by one burst at most. When a ring is full the worker keeps the packet and drops it by name;
 * whatever is lost behind a ring is counted here.
 *
 * Sleeping: the thread waits in one epoll for all TAPs and for its own eventfd, which workers write
 * only when it sleeps (io/idle.c). Nothing to do costs nothing.
 *
 * Interfaces come and go on the control thread. This thread finds them by index in each packet and
 * event and keeps no pointer over the top of its loop; punt_forget() returns when it has been
 *there.
 */
#include "net/punt.h"

#include "base/log.h"
#include "io/idle.h"
#include "io/pool.h"
#include "io/ring.h"
#include "io/thread.h"
#include "net/policer.h"

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PUNT_RING = 1024,
	PUNT_BURST = 32,  // packets of one ring at a time
	PUNT_EVENTS = 16, // TAPs that are looked at in one round
	PUNT_SEGMENTS = 16,
	PUNT_WORKERS_MAX = 64,
	PUNT_EVENT_WAKE = 0, // no interface has index 0
};

/* What one worker and the punt thread share. */
struct punt_lane {
	// The worker's.
	struct policer policers[PUNT_CLASSES];
	uint64_t queued[PUNT_CLASSES];
	uint64_t policed[PUNT_CLASSES];
	uint64_t ring_full[PUNT_CLASSES];
	bool gave; // something since the last punt_wake()
	// Constant.
	struct rte_ring *urgent, *rest, *back;
} __rte_cache_aligned;

static struct punt_lane *punt_lanes;
static unsigned int punt_workers;
static struct thread punt_thread;
static struct idle punt_idle;
static int punt_epoll = -1;

static uint64_t punt_request; // atomic; control: raised by punt_forget()
static uint64_t punt_seen;    // atomic; punt thread: the request at the top of its loop

/* The punt thread's counters; others read them. */
static struct punt_stats punt_counters;

void (*punt_worker_wake)(unsigned int worker);
unsigned int (*punt_worker_choose)(const struct rte_mbuf *packet);

const char *punt_class_name(enum punt_class class)
{
	static const char *const names[PUNT_CLASSES] = {"neighbour", "routing", "icmp", "rest"};

	return names[class];
}

/* Counters have one writer; a reader gets a whole value, if an old one. */
static inline void punt_count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

bool punt_allows(unsigned int worker, enum punt_class class, uint64_t now_tsc)
{
	return policer_take(&punt_lanes[worker].policers[class], now_tsc);
}

void punt_refused(unsigned int worker, enum punt_class class)
{
	punt_count(&punt_lanes[worker].policed[class]);
}

bool punt_queue(unsigned int worker, uint16_t iface, enum punt_class class, struct rte_mbuf *packet)
{
	struct punt_lane *lane = &punt_lanes[worker];

	packet->port = iface;
	if (rte_ring_sp_enqueue(class <= PUNT_ROUTING ? lane->urgent : lane->rest, packet) < 0) {
		punt_count(&lane->ring_full[class]);
		return false;
	}
	punt_count(&lane->queued[class]);
	lane->gave = true;
	return true;
}

bool punt_to_kernel(unsigned int worker, uint16_t iface, enum punt_class class,
		    struct rte_mbuf *packet, uint64_t now_tsc)
{
	if (punt_allows(worker, class, now_tsc))
		return punt_queue(worker, iface, class, packet);
	punt_refused(worker, class);
	return false;
}

unsigned int punt_from_kernel(unsigned int worker, struct rte_mbuf **packets, unsigned int max)
{
	return rte_ring_sc_dequeue_burst(punt_lanes[worker].back, (void **)packets, max, NULL);
}

bool punt_pending(unsigned int worker)
{
	return !rte_ring_empty(punt_lanes[worker].back);
}

void punt_wake(unsigned int worker)
{
	struct punt_lane *lane = &punt_lanes[worker];

	if (!lane->gave)
		return;
	lane->gave = false;
	idle_wake(&punt_idle);
}

/* Write one packet, in as many pieces as it has, to its interface's TAP. */
static void punt_write(struct rte_mbuf *packet)
{
	const struct iface *iface = iface_get(packet->port);
	struct iovec pieces[PUNT_SEGMENTS];
	struct rte_mbuf *segment;
	int count = 0;

	for (segment = packet; segment && count < PUNT_SEGMENTS; segment = segment->next) {
		pieces[count].iov_base = rte_pktmbuf_mtod(segment, void *);
		pieces[count++].iov_len = segment->data_len;
	}
	if (!iface || segment)
		punt_count(&punt_counters.write_failed);
	else if (writev(iface->tap_fd, pieces, count) >= 0)
		punt_count(&punt_counters.written);
	else if (errno == EIO)
		punt_count(&punt_counters.write_down);
	else
		punt_count(&punt_counters.write_failed);
	rte_pktmbuf_free(packet);
}

static unsigned int punt_drain_ring(struct rte_ring *ring)
{
	struct rte_mbuf *packets[PUNT_BURST];
	unsigned int count;

	count = rte_ring_sc_dequeue_burst(ring, (void **)packets, PUNT_BURST, NULL);
	for (unsigned int i = 0; i < count; i++)
		punt_write(packets[i]);
	return count;
}

static unsigned int punt_drain_urgent(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < punt_workers; i++)
		count += punt_drain_ring(punt_lanes[i].urgent);
	return count;
}

/* One round over the rings of all workers. */
static unsigned int punt_drain(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < punt_workers; i++) {
		count += punt_drain_urgent();
		count += punt_drain_ring(punt_lanes[i].rest);
	}
	return count;
}

/* Is there a reason not to sleep? */
static bool punt_has_work(void)
{
	if (thread_stopping(&punt_thread) ||
	    __atomic_load_n(&punt_request, __ATOMIC_ACQUIRE) != punt_seen)
		return true;
	for (unsigned int i = 0; i < punt_workers; i++)
		if (!rte_ring_empty(punt_lanes[i].urgent) || !rte_ring_empty(punt_lanes[i].rest))
			return true;
	return false;
}

/*
 * Read one frame. The byte behind the buffer tells a frame that fits from one that was cut. Returns
 * 0, or negative errno when there is nothing more to be read; `*out` is NULL for a frame that was
 * lost.
 */
static int punt_read(const struct iface *iface, struct rte_mempool *pool, struct rte_mbuf **out)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);
	uint8_t beyond[64];
	struct iovec pieces[2] = {{.iov_len = 0}, {beyond, sizeof(beyond)}};
	ssize_t length;

	*out = NULL;
	if (packet) {
		pieces[0].iov_base = rte_pktmbuf_mtod(packet, void *);
		pieces[0].iov_len = rte_pktmbuf_tailroom(packet);
	}
	length = readv(iface->tap_fd, pieces, 2);
	if (length < 0) {
		int result = -errno;

		rte_pktmbuf_free(packet);
		return result;
	}
	if (!packet) {
		punt_count(&punt_counters.received_no_buffer);
	} else if ((size_t)length > pieces[0].iov_len) {
		punt_count(&punt_counters.received_too_long);
		rte_pktmbuf_free(packet);
	} else {
		packet->data_len = length;
		packet->pkt_len = length;
		packet->port = iface->index;
		*out = packet;
	}
	return 0;
}

/* Give a packet to the worker that is to have it; remembers whom to wake. */
static void punt_dispatch(struct rte_mbuf *packet, uint64_t *woken)
{
	unsigned int worker = punt_worker_choose ? punt_worker_choose(packet) : 0;

	assert(worker < punt_workers);
	if (rte_ring_sp_enqueue(punt_lanes[worker].back, packet) < 0) {
		punt_count(&punt_counters.received_ring_full);
		rte_pktmbuf_free(packet);
		return;
	}
	punt_count(&punt_counters.received);
	*woken |= UINT64_C(1) << worker;
}

/* Take up to a burst of frames from a TAP. */
static void punt_read_tap(const struct iface *iface)
{
	const struct port *port = port_get(iface->port);
	struct rte_mempool *pool = pool_get(port ? port->socket : -1);
	uint64_t woken = 0;
	int result = 0;

	for (unsigned int i = 0; i < PUNT_BURST && result == 0; i++) {
		struct rte_mbuf *packet;

		result = punt_read(iface, pool, &packet);
		if (packet)
			punt_dispatch(packet, &woken);
	}
	while (woken && punt_worker_wake) {
		punt_worker_wake(__builtin_ctzll(woken));
		woken &= woken - 1;
	}
	if (result == 0 || result == -EAGAIN || result == -EINTR)
		return;
	// The TAP was deleted under us: without this the epoll would return for ever.
	epoll_ctl(punt_epoll, EPOLL_CTL_DEL, iface->tap_fd, NULL);
	log_error("%s: cannot be read any more (%s): packets from Linux on it are lost",
		  iface->tap_name, strerror(-result));
}

/* Read all TAPs that are ready, waiting for one or for a worker when `sleep`. */
static void punt_poll(bool sleep)
{
	struct epoll_event events[PUNT_EVENTS];
	int count;

	if (sleep) {
		idle_begin(&punt_idle);
		sleep = !punt_has_work();
	}
	count = epoll_wait(punt_epoll, events, PUNT_EVENTS, sleep ? -1 : 0);
	idle_end(&punt_idle);
	for (int i = 0; i < count; i++) {
		const struct iface *iface = iface_get(events[i].data.u32);

		if (iface)
			punt_read_tap(iface);
	}
}

static void punt_run(struct thread *self)
{
	unsigned int count = 0;

	while (!thread_stopping(self)) {
		__atomic_store_n(&punt_seen, __atomic_load_n(&punt_request, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
		punt_poll(count == 0);
		count = punt_drain();
	}
	// What workers gave before they stopped: a goodbye of BGP or VRRP may be among it.
	while (punt_drain() > 0)
		;
}

static int punt_epoll_add(int fd, uint32_t index)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};

	return epoll_ctl(punt_epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int punt_watch(const struct iface *iface)
{
	return punt_epoll < 0 ? 0 : punt_epoll_add(iface->tap_fd, iface->index);
}

void punt_forget(const struct iface *iface)
{
	uint64_t request;

	if (punt_epoll < 0)
		return;
	epoll_ctl(punt_epoll, EPOLL_CTL_DEL, iface->tap_fd, NULL);
	if (!punt_thread.running)
		return;
	request = __atomic_add_fetch(&punt_request, 1, __ATOMIC_ACQ_REL);
	idle_wake(&punt_idle);
	while (__atomic_load_n(&punt_seen, __ATOMIC_ACQUIRE) < request)
		usleep(20);
}

static int punt_lane_start(struct punt_lane *lane, const struct punt_policer *policers)
{
	for (unsigned int class = 0; class < PUNT_CLASSES; class ++)
		policer_init(&lane->policers[class], policers[class].packets_per_second,
			     policers[class].burst, punt_workers, rte_get_tsc_hz());
	lane->urgent = ring_create(PUNT_RING);
	lane->rest = ring_create(PUNT_RING);
	lane->back = ring_create(PUNT_RING);
	return lane->urgent && lane->rest && lane->back ? 0 : -ENOMEM;
}

/* The epoll with the eventfd and all TAPs that there are. */
static int punt_epoll_start(void)
{
	int result;

	punt_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (punt_epoll < 0)
		return -errno;
	result = punt_epoll_add(punt_idle.fd, PUNT_EVENT_WAKE);
	for (unsigned int i = 1; i < IFACE_MAX && result == 0; i++) {
		const struct iface *iface = iface_get(i);

		if (iface)
			result = punt_watch(iface);
	}
	return result;
}

int punt_start(unsigned int workers, const struct punt_policer policers[PUNT_CLASSES],
	       struct error *error)
{
	int result = -ENOMEM;

	assert(workers >= 1 && workers <= PUNT_WORKERS_MAX && !punt_lanes);
	memset(&punt_counters, 0, sizeof(punt_counters));
	punt_workers = workers;
	punt_idle.fd = -1;
	punt_lanes = rte_zmalloc("punt", workers * sizeof(*punt_lanes), RTE_CACHE_LINE_SIZE);
	if (!punt_lanes)
		goto failed;
	for (unsigned int i = 0; i < workers; i++) {
		result = punt_lane_start(&punt_lanes[i], policers);
		if (result < 0)
			goto failed;
	}
	result = idle_start(&punt_idle);
	if (result == 0)
		result = punt_epoll_start();
	if (result == 0)
		result = thread_start(&punt_thread, "weir-punt", THREAD_LIKE_MAIN, punt_run, NULL);
	if (result == 0)
		return 0;

failed:
	punt_stop();
	return error_set(error, result, "", "the punt thread does not start: %s",
			 strerror(-result));
}

void punt_stop(void)
{
	if (!punt_lanes)
		return;
	if (punt_thread.running) {
		thread_ask_stop(&punt_thread);
		idle_wake(&punt_idle);
		thread_stop(&punt_thread);
	}
	if (punt_epoll >= 0)
		close(punt_epoll);
	punt_epoll = -1;
	idle_stop(&punt_idle);
	for (unsigned int i = 0; i < punt_workers; i++) {
		ring_destroy(punt_lanes[i].urgent);
		ring_destroy(punt_lanes[i].rest);
		ring_destroy(punt_lanes[i].back);
	}
	rte_free(punt_lanes);
	punt_lanes = NULL;
}

static uint64_t punt_read_counter(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void punt_stats(struct punt_stats *out)
{
	*out = punt_counters;
	for (unsigned int i = 0; punt_lanes && i < punt_workers; i++) {
		const struct punt_lane *lane = &punt_lanes[i];

		for (unsigned int class = 0; class < PUNT_CLASSES; class ++) {
			out->queued[class] += punt_read_counter(&lane->queued[class]);
			out->policed[class] += punt_read_counter(&lane->policed[class]);
			out->ring_full[class] += punt_read_counter(&lane->ring_full[class]);
		}
	}
}
