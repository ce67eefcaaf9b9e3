/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A worker: gather a batch, walk it through the five stages, keep house, and sleep when there is
 * nothing to do.
 *
 * A round gathers up to BATCH packets from all queues together (queues of its ports, packets that
 * other workers hand over, packets from Linux), so that a batch is as large as there is traffic
 * for. It never waits for a batch to fill. Between batches it sweeps a slice of its sessions and
 * says that it holds no reference to anything published (io/rcu.h).
 *
 * After SPIN_MICROSECONDS without a packet it sleeps, first shortly, then up to a millisecond, and
 * is offline for grace periods meanwhile. Devices can not wake it (the drivers for veth have no
 * receive interrupts); other threads do when they queue something to it.
 */
#include "path/worker.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "io/eal.h"
#include "io/handoff.h"
#include "io/rcu.h"
#include "net/punt.h"
#include "path/bfd.h"
#include "path/observe.h"
#include "path/released.h"
#include "path/traffic.h"

enum {
	SPIN_MICROSECONDS = 50,
	SLEEP_FIRST = 50, // microseconds; doubled each time
	SLEEP_MAX = 1000,
	BOND_BURSTS = 50, // a second
};

void worker_batch(struct worker *w, struct batch *b)
{
	uint64_t policed;

	w->made = w->ended = false;
	w->epoch = __atomic_load_n(&route_epoch, __ATOMIC_ACQUIRE);
	w->observed = __atomic_load_n(&w->observer, __ATOMIC_ACQUIRE);
	policed = unlikely(w->traffic & TRAFFIC_POLICES) ? police(w, b) : 0;
	input(w, b); // parse; sort into flow, local, drop
	if (unlikely(policed))
		police_drop(w, b, policed);
	if (unlikely(observe_active(w)))
		observe_arrivals(w, b);
	lookup(w, b);  // find sessions; the rest is new or belongs to another worker
	balance(w, b); // new: choose a server, make the session, then treat as known
	forward(w, b); // apply what the session says
	output(w, b);  // L2, transmit, hand over, punt, count drops
}

void worker_clock(struct worker *w, uint64_t tsc)
{
	w->batch.tsc = tsc;
	while (tsc >= w->next_second) {
		w->next_second += w->hz;
		w->batch.seconds++;
		w->balancer.persistence.now++;
	}
	w->balancer.seconds = w->batch.seconds;
}

static void batch_add(struct batch *b, struct rte_mbuf **packets, unsigned int count, uint8_t flags)
{
	for (unsigned int i = 0; i < count; i++) {
		struct pkt *p = &b->pkt[b->count++];

		p->mbuf = packets[i];
		p->iface = packets[i]->port; // whoever queued it has put the interface there
		p->flags = flags;
		rte_prefetch0(rte_pktmbuf_mtod(packets[i], void *));
	}
}

/* A share of each batch at most, so that other workers can not starve the rest. */
void worker_take_over(struct worker *w)
{
	struct rte_mbuf *packets[BATCH];
	struct batch *b = &w->batch;
	unsigned int count = handoff_receive(w->index, packets,
					     RTE_MIN(BATCH - b->count, BATCH / 2u));

	w->stats.taken_over += count;
	batch_add(b, packets, count, PKT_HANDED);
	for (unsigned int i = 0; i < count; i++)
		if (handoff_is_parsed(packets[i]))
			b->pkt[b->count - count + i].flags |= PKT_READY;
}

static void receive_queue(struct worker *w, unsigned int queue)
{
	struct batch *b = &w->batch;
	struct rte_mbuf *packets[BATCH];
	unsigned int count = rte_eth_rx_burst(w->receive[queue].dpdk_port, w->receive[queue].queue,
					      packets, BATCH - b->count);

	for (unsigned int i = 0; i < count; i++) {
		struct pkt *p = &b->pkt[b->count++];

		p->mbuf = packets[i];
		p->iface = w->receive[queue].iface;
		p->flags = 0;
	}
}

static void worker_receive(struct worker *w)
{
	struct batch *b = &w->batch;
	struct rte_mbuf *packets[BATCH];
	unsigned int count;

	b->count = 0;
	released(w, b);
	if (w->count > 1)
		worker_take_over(w);
	count = punt_from_kernel(w->index, packets, RTE_MIN(BATCH - b->count, BATCH / 4u));
	w->stats.from_kernel += count;
	batch_add(b, packets, count, PKT_FROM_KERNEL);
	for (unsigned int i = 0; i < w->receive_count && b->count < BATCH; i++) {
		unsigned int queue = (w->stats.loops + i) % w->receive_count;

		receive_queue(w, queue);
	}
}

/* Is there something that other threads queued, or that control waits for? */
static bool worker_pending(void *arg)
{
	struct worker *w = arg;

	return thread_stopping(&w->thread) || (w->count > 1 && handoff_pending(w->index)) ||
	       punt_pending(w->index) || vpc_learn_pending(w) || w->handshakes.ready ||
	       __atomic_load_n(&w->pass_wanted, __ATOMIC_RELAXED) > w->pass;
}

/*
 * The bonding driver sends LACP's frames within bursts, at the latest every 100 ms: make empty ones,
 * by one worker.
 */
static void worker_bonds(struct worker *w, uint64_t now)
{
	bool any = false;

	for (unsigned int i = 0; w->index == 0 && i < port_count(); i++) {
		if (port_get(i)->config.bond.member_count == 0)
			continue;
		rte_eth_tx_burst(w->transmit_queue[i].dpdk_port, w->transmit_queue[i].queue, NULL,
				 0);
		any = true;
	}
	w->bonds_due = any ? now + w->hz / BOND_BURSTS : UINT64_MAX;
}

static void worker_run(struct thread *thread)
{
	struct worker *w = thread->arg;
	unsigned int sleep = SLEEP_FIRST;
	uint64_t spin = w->hz / 1000000 * SPIN_MICROSECONDS, last_packet = rte_rdtsc();

	rcu_worker_online(w->index);
	w->last_sweep = last_packet;
	w->next_second = last_packet + w->hz;
	while (!thread_stopping(thread)) {
		uint64_t now = rte_rdtsc();

		worker_clock(w, now);
		worker_receive(w);
		w->stats.loops++;
		if (w->batch.count > 0) {
			w->stats.batches++;
			w->stats.packets += w->batch.count;
			worker_batch(w, &w->batch);
			last_packet = now;
			sleep = SLEEP_FIRST;
		} else {
			w->stats.loops_idle++;
		}
		if (unlikely(w->parked_count > 0))
			output_parked(w, now);
		if (unlikely(w->frag.used > 0))
			reassembly_expire(w, now);
		if (unlikely(now >= w->handshakes.due))
			syn_proxy_run(w, now);
		if (unlikely(now >= w->bfd_due))
			bfd_run(w, now);
		if (unlikely(now >= w->bonds_due))
			worker_bonds(w, now);
		if (unlikely(w->traffic) && traffic_run(w, now))
			sleep = SLEEP_FIRST;
		sweep(w, now);
		punt_wake(w->index);
		rcu_worker_quiescent(w->index);
		if (w->batch.count > 0)
			w->stats.cycles_busy += rte_rdtsc() - now;
		else if (now - last_packet > spin) {
			rcu_worker_offline(w->index);
			idle_sleep(&w->idle, sleep, worker_pending, w);
			rcu_worker_online(w->index);
			sleep = RTE_MIN(sleep * 2, (unsigned int)SLEEP_MAX);
		}
	}
	rcu_worker_offline(w->index);
}

/* The queues that this worker polls: its own of each port, for the port's untagged interface. */
static void worker_queues(struct worker *w)
{
	w->receive_count = 0;
	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *port = port_get(i);

		w->transmit_queue[i] = port->queues[w->index];
		w->transmit_by[i] = port->tx_shared ? w->index % port->tx_queue_count : w->index;
	}
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		const struct iface *iface = iface_get(i);
		const struct port *port = iface ? port_get(iface->port) : NULL;

		if (!port || iface->kind != IFACE_PORT)
			continue;
		w->port_iface[iface->port] = i;
		if (w->index >= port->rx_queue_count)
			continue;
		w->receive[w->receive_count].dpdk_port = port->queues[w->index].dpdk_port;
		w->receive[w->receive_count].queue = port->queues[w->index].queue;
		w->receive[w->receive_count].iface = i;
		w->receive_count++;
	}
}

int worker_prepare(struct worker *w, unsigned int index, const struct workers_config *config)
{
	// Each worker's share and a quarter more, because shares are not even.
	uint64_t slack = config->count > 1 ? 4 : UINT64_MAX;
	uint64_t sessions = config->sessions / config->count;
	uint64_t wide = config->sessions_wide / config->count;
	int result;

	memset(w, 0, sizeof(*w));
	w->index = index;
	w->count = config->count;
	w->cpu = config->cpus[index];
	w->hz = rte_get_tsc_hz();
	w->punt_unknown = config->punt_unknown_vip_tcp;
	w->sweep_at[0] = w->sweep_at[1] = 1;
	sessions += sessions / slack;
	wide += wide / slack;
	w->half_open_max = (sessions + wide) * config->half_open_percent / 100;
	result = table_create(&w->table, index, sessions, wide, eal_uses_hugepages());
	if (result < 0)
		return result;
	result = half_open_create(&w->half_open[0], index, false,
				  RTE_MIN(sessions, w->half_open_max));
	if (result == 0)
		result = half_open_create(&w->half_open[1], index, true,
					  RTE_MIN(wide, w->half_open_max));
	for (unsigned int wide_too = 0; result == 0 && wide_too < 2; wide_too++)
		result = half_open_create(&w->one_way[wide_too], index, wide_too,
					  RTE_MIN(wide_too ? wide : sessions, w->half_open_max));
	if (result == 0)
		result = frag_create(&w->frag, index);
	if (result == 0)
		result = limit_sources_create(&w->sources, index, config->count);
	if (result == 0)
		result = handshakes_create(&w->handshakes, index);
	if (result == 0)
		result = ports_create(&w->balancer.ports, index, config->count);
	if (result < 0)
		goto destroy_half_open;
	result = memory_map(&w->service_state_memory, "service-states",
			    SERVICE_MAX * sizeof(struct service_state), MEMORY_SMALL);
	if (result < 0)
		goto destroy_ports;
	result = persistence_create(&w->balancer.persistence, index, counts_servers(index));
	if (result < 0)
		goto unmap_states;
	result = idle_start(&w->idle);
	if (result < 0)
		goto destroy_persistence;
	w->balancer.ports.home = owner_home;
	w->balancer.worker = index;
	w->balancer.workers = config->count;
	w->balancer.table = &w->table;
	w->balancer.server_counts = counts_servers(index);
	w->balancer.service_counts = counts_services(index);
	w->balancer.service_states = w->service_state_memory.base;
	w->stats.cpu = w->cpu;
	w->stats.session_capacity = sessions;
	w->stats.session_wide_capacity = wide;
	worker_queues(w);
	return 0;

destroy_persistence:
	persistence_destroy(&w->balancer.persistence);
unmap_states:
	memory_unmap(&w->service_state_memory);
destroy_ports:
	ports_destroy(&w->balancer.ports);
destroy_half_open:
	handshakes_destroy(&w->handshakes);
	frag_destroy(&w->frag);
	limit_sources_destroy(&w->sources);
	half_open_destroy(&w->one_way[1]);
	half_open_destroy(&w->one_way[0]);
	half_open_destroy(&w->half_open[1]);
	half_open_destroy(&w->half_open[0]);
	table_destroy(&w->table);
	return result;
}

void worker_release(struct worker *w)
{
	for (unsigned int i = 0; i < w->parked_count; i++)
		rte_pktmbuf_free(w->parked[i].mbuf);
	idle_stop(&w->idle);
	persistence_destroy(&w->balancer.persistence);
	memory_unmap(&w->service_state_memory);
	ports_destroy(&w->balancer.ports);
	handshakes_destroy(&w->handshakes);
	frag_destroy(&w->frag);
	limit_sources_destroy(&w->sources);
	half_open_destroy(&w->one_way[1]);
	half_open_destroy(&w->one_way[0]);
	half_open_destroy(&w->half_open[1]);
	half_open_destroy(&w->half_open[0]);
	table_destroy(&w->table);
}

int worker_begin(struct worker *w)
{
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", w->index);
	return thread_start(&w->thread, name, w->cpu, worker_run, w);
}

void worker_finish(struct worker *w)
{
	__atomic_store_n(&w->thread.stop, true, __ATOMIC_RELAXED);
	idle_wake(&w->idle);
	thread_stop(&w->thread);
}
