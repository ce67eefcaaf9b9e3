/* SPDX-License-Identifier: BSD-3-Clause */
/* The lab itself: starting and stopping it, its clock, what is put into it. */
#include "lab.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_ethdev.h>

#include "balance/access.h"
#include "balance/service.h"
#include "base/log.h"
#include "io/eal.h"
#include "io/handoff.h"
#include "io/pool.h"
#include "io/rcu.h"
#include "lab_parts.h"
#include "path/fragment.h"
#include "path/syn_proxy.h"
#include "path/tunnelled.h"
#include "session/cookie.h"
#include "path/vpc_learn.h"
#include "path/workers.c"
#include "tunnel/source.h"
#include "tunnel/vxlan.h"

enum { BUFFERS = 8191 };

struct lab lab;
int lab_hugepages;
static unsigned int buffers_free;
static void ports_start(void)
{
	static const struct port_config configs[] = {
		{.name = "dpdk0", .device = "net_null0,size=1500"},
		{.name = "dpdk1", .device = "net_null1,size=1500"},
	};
	struct pool_config pool = {.buffers = BUFFERS};
	struct error error = {0};

	if (pool_start(&pool, 1, &error) < 0 || port_open_all(configs, 2, LAB_WORKERS, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int queue = 0; queue < LAB_WORKERS; queue++)
			rte_eth_add_tx_callback(port_get(i)->queues[queue].dpdk_port,
						port_get(i)->queues[queue].queue, lab_catch_sent,
						NULL);
}

/*
 * In place of the kernel's: keys and secrets are the same in each run, so that no row depends on
 * what a hash happens to be. An xorshift, whose seed is any number but 0.
 */
ssize_t getrandom(void *bytes, size_t length, unsigned int flags)
{
	static uint64_t number = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < length; i++) {
		number ^= number << 13;
		number ^= number >> 7;
		number ^= number << 17;
		((uint8_t *)bytes)[i] = number;
	}
	return length;
}

int lab_start(void **state)
{
	struct eal_config eal = {
		.instance = "test", .memory_mb = 192, .main_cpu = -1, .hugepages = lab_hugepages};
	struct error error = {0};

	log_set_level(LOG_WARNING);
	if (eal_start(&eal, &error) < 0) {
		fprintf(stderr, "%s: %s\n", error.field, error.text);
		return -1;
	}
	hash_start();
	assert_int_equal(cookie_start(), 0);
	timeout_start();
	sctp_start();
	ports_start();
	fake_punt = lab_catch_punted;
	assert_int_equal(rcu_start(LAB_WORKERS), 0);
	assert_int_equal(handoff_start(LAB_WORKERS, &error), 0);
	assert_int_equal(counts_start(LAB_WORKERS), 0);
	assert_int_equal(server_start(), 0);
	assert_int_equal(vm_table_start(), 0);
	assert_int_equal(service_start(), 0);
	assert_int_equal(access_start(LAB_WORKERS), 0);
	table_choose_instructions();
	return 0;
}

int lab_stop(void **state)
{
	access_stop();
	service_stop();
	vm_table_stop();
	server_stop();
	counts_use(LAB_WORKERS);
	counts_stop();
	handoff_stop();
	rcu_stop();
	port_close_all();
	pool_stop();
	eal_stop();
	return 0;
}

static void world_begin(void)
{
	struct source_table *sources = (struct source_table *)source_table;
	struct addr source;

	fake_start();
	fake_iface_up(CLIENTS, "dpdk0", 0, 1);
	fake_iface_up(SERVERS, "dpdk1", 1, 2);
	fake_nexthop(CLIENT_NEXTHOP, CLIENTS, 1, 1500);
	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1500);
	fake_route("10.1.0.0/16", CLIENT_NEXTHOP, 0);
	fake_route("2001:db8:1::/48", CLIENT_NEXTHOP, 0);
	fake_route("192.168.0.0/16", SERVER_NEXTHOP, 0);
	fake_route("2001:db8:2::/48", SERVER_NEXTHOP, 0);
	fake_route(VIP "/32", NEXTHOP_LOCAL, 0);
	fake_route(VIP6 "/128", NEXTHOP_LOCAL, 0);
	fake_route(LOCAL "/32", NEXTHOP_LOCAL, 0);
	fake_route(LOCAL_B "/32", NEXTHOP_LOCAL, 0);
	fake_route(LOCAL6 "/128", NEXTHOP_LOCAL, 0);
	addr_parse(LOCAL, &source);
	sources->v4[SERVERS] = source.v4;
	addr_parse(LOCAL6, &source);
	memcpy(sources->v6[SERVERS], source.bytes, 16);
}

static void workers_begin(unsigned int count, unsigned int sessions, unsigned int sessions_wide,
			  unsigned int half_open_percent)
{
	struct workers_config config = {
		.count = count,
		.sessions = sessions,
		.sessions_wide = sessions_wide,
		.half_open_percent = half_open_percent,
	};
	struct error error = {0};

	if (owner_start(count, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
	for (unsigned int i = 0; i < count; i++) {
		struct worker *w = &lab.worker[i];

		config.cpus[i] = -1;
		assert_int_equal(worker_prepare(w, i, &config), 0);
		assert_int_equal(vm_learner_create(&w->learner), 0);
		w->hz = LAB_HZ;
		w->next_second = lab.tsc + LAB_HZ;
		w->last_sweep = lab.tsc;
		workers[i] = w;
	}
	limit_clock(LAB_HZ);
	lab.workers = worker_total = count;
	counts_use(count);
	lab.w = &lab.worker[0];
}

static void workers_end(void)
{
	for (unsigned int i = 0; i < lab.workers; i++) {
		vm_learner_destroy(&lab.worker[i].learner);
		worker_release(&lab.worker[i]);
	}
}

static uint64_t no_pass(void)
{
	return 0;
}

static bool no_pass_over(uint64_t pass)
{
	return true;
}

/* All sessions are gone, so that numbers need no pass over them. */
static void vms_clean(void)
{
	const struct vm *vm;
	uint32_t cursor = 0;

	while ((vm = vm_next(&cursor)))
		vm_remove(vm->vni, &vm->addr);
	while (vm_reap(no_pass, no_pass_over) > 0)
		rcu_poll();
	vxlan_configure(NULL);
}

/* Take away all that tests make; what is not gone then is a leak. */
static void lab_clean(void)
{
	lab_flush();
	lab_withdraw_all();
	vms_clean();
	rcu_poll();
	server_reap();
	workers_end();
	worker_total = lab.workers = 0;
}

int lab_begin(void **state)
{
	if (lab.workers) // the last test failed half-way
		lab_clean();
	memset(&lab, 0, sizeof(lab));
	lab_catch_begin();
	lab.tsc = 1000UL * LAB_HZ;
	buffers_free = rte_mempool_avail_count(pool_get(-1));
	world_begin();
	workers_begin(1, 1000, 1000, 100);
	return 0;
}

void lab_resize(unsigned int count, unsigned int sessions, unsigned int sessions_wide,
		unsigned int half_open_percent)
{
	lab_flush();
	workers_end();
	workers_begin(count ? count : 1, sessions ? sessions : 1000,
		      sessions_wide ? sessions_wide : 1000,
		      half_open_percent ? half_open_percent : 100);
}

int lab_end(void **state)
{
	lab_check();
	lab_expect_nothing(__FILE__, __LINE__);
	lab_flush();
	for (unsigned int i = 0; i < lab.workers; i++) {
		assert_int_equal(lab.worker[i].stats.half_open, 0);
		assert_int_equal(lab.worker[i].table.pool[0].used, 0);
		assert_int_equal(lab.worker[i].table.pool[1].used, 0);
		for (uint32_t pair = 1; pair <= lab.worker[i].balancer.ports.pair_high; pair++)
			assert_int_equal(lab.worker[i].balancer.ports.pairs[pair].used, 0);
	}
	lab_clean();
	assert_int_equal(rcu_poll(), 0);
	assert_int_equal(server_reap(), 0);
	assert_int_equal(fake_paths(), 0);
	assert_int_equal(rte_mempool_avail_count(pool_get(-1)), buffers_free);
	return 0;
}

struct rte_mbuf *lab_packet(const struct packet *p)
{
	uint8_t frame[PACKET_MAX];
	unsigned int iface, length = lab_frame_in(p, frame, &iface);
	unsigned int first = p->split ? p->split : length;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool_get(-1));

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, first), frame, first);
	if (first < length) {
		struct rte_mbuf *rest = rte_pktmbuf_alloc(pool_get(-1));

		memcpy(rte_pktmbuf_append(rest, length - first), frame + first, length - first);
		rte_pktmbuf_chain(m, rest);
	}
	m->port = iface;
	m->hash.usr = HAND_OWNER;
	return m;
}

void lab_put(const struct packet *p)
{
	struct batch *b = &lab.w->batch;
	struct pkt *put = &b->pkt[b->count++];

	assert_true(b->count <= BATCH);
	put->mbuf = lab_packet(p);
	put->iface = put->mbuf->port;
	put->flags = (p->kernel ? PKT_FROM_KERNEL : 0) | (p->handed ? PKT_HANDED : 0);
}

void lab_run(void)
{
	struct batch *b = &lab.w->batch;

	lab.received[lab.w->index] += b->count;
	worker_clock(lab.w, lab.tsc);
	worker_batch(lab.w, b);
	b->count = 0;
	while (tunnelled_released(lab.w, b), vpc_learn_released(lab.w, b),
	       syn_proxy_released(lab.w, b), b->count > 0 || reassembly_released(lab.w, b) > 0) {
		worker_batch(lab.w, b);
		b->count = 0;
	}
	lab_flow_check(lab.w);
}

void lab_take_over(unsigned int worker)
{
	struct worker *w = &lab.worker[worker];
	struct rte_mbuf *packets[BATCH];
	unsigned int count = handoff_receive(worker, packets, BATCH - w->batch.count);

	lab.w = w;
	for (unsigned int i = 0; i < count; i++) {
		struct pkt *p = &w->batch.pkt[w->batch.count++];

		p->mbuf = packets[i];
		p->iface = packets[i]->port;
		p->flags = PKT_HANDED | (handoff_is_parsed(packets[i]) ? PKT_READY : 0);
	}
	w->stats.taken_over += count;
	lab_run();
}

void lab_advance(unsigned int seconds)
{
	enum { SLICES = 16 };

	for (unsigned int slice = 0; slice < seconds * SLICES; slice++) {
		lab.tsc += LAB_HZ / SLICES;
		for (unsigned int i = 0; i < lab.workers; i++) {
			worker_clock(&lab.worker[i], lab.tsc);
			if (lab.worker[i].parked_count)
				output_parked(&lab.worker[i], lab.tsc);
			reassembly_expire(&lab.worker[i], lab.tsc);
			sweep(&lab.worker[i], lab.tsc);
			lab_flow_check(&lab.worker[i]);
		}
	}
}

void lab_flush(void)
{
	for (unsigned int i = 0; i < lab.workers; i++) {
		struct worker *w = &lab.worker[i];

		for (unsigned int at = 0; at < w->batch.count; at++)
			rte_pktmbuf_free(w->batch.pkt[at].mbuf);
		w->batch.count = 0;
		lab_sessions_visit(w, session_end);
	}
	server_reap();
}
