/* SPDX-License-Identifier: BSD-3-Clause */

/* The control thread's view of the workers. It reads what they write and never stops them. */
#include "path/workers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "balance/address_set.h"
#include "balance/limit.h"
#include "balance/overload.h"
#include "base/log.h"
#include "io/handoff.h"
#include "io/steer_home.h"
#include "net/kernel.h"
#include "net/punt.h"
#include "path/nat_log.h"
#include "path/traffic.h"
#include "path/worker.h"
#include "session/l4_sctp.h"
#include "tunnel/path_mtu.h"
#include "tunnel/source.h"

enum { WARN_SECONDS = 10, SPREADING_WRONG = 32 /* packets */ };

static struct worker *workers[WORKERS_MAX];
static unsigned int worker_total;

struct worker *worker_get(unsigned int index)
{
	return workers[index];
}

unsigned int workers_count(void)
{
	return worker_total;
}

/* The punt thread runs before the workers do. */
static void wake_worker(unsigned int index)
{
	if (__atomic_load_n(&worker_total, __ATOMIC_ACQUIRE) > index)
		idle_wake(&workers[index]->idle);
}

static int worker_make(unsigned int index, const struct workers_config *config)
{
	struct worker *w = rte_zmalloc("worker", sizeof(*w), 64);
	int result;

	if (!w)
		return -ENOMEM;
	result = worker_prepare(w, index, config);
	if (result < 0)
		goto free_worker;
	result = vm_learner_create(&w->learner);
	if (result < 0)
		goto release_worker;
	workers[index] = w;
	return 0;

release_worker:
	worker_release(w);
free_worker:
	rte_free(w);
	return result;
}

static void worker_unmake(unsigned int index)
{
	vm_learner_destroy(&workers[index]->learner);
	worker_release(workers[index]);
	rte_free(workers[index]);
}

int workers_start(const struct workers_config *config, struct error *error)
{
	unsigned int started = 0, prepared = 0;
	int result = 0;

	sctp_start();
	limit_clock(rte_get_tsc_hz());
	result = owner_start(config->count, error);
	if (result < 0)
		return result;
	for (; prepared < config->count; prepared++) {
		result = worker_make(prepared, config);
		if (result < 0)
			goto release;
	}
	__atomic_store_n(&worker_total, config->count, __ATOMIC_RELEASE);
	punt_worker_wake = wake_worker;
	punt_worker_choose = owner_of_kernel_packet;
	log_info("session lookup uses %s", table_choose_instructions());
	for (; started < config->count; started++) {
		result = worker_begin(workers[started]);
		if (result < 0)
			goto finish;
	}
	return 0;

finish:
	while (started-- > 0)
		worker_finish(workers[started]);
	worker_total = 0;
release:
	while (prepared-- > 0)
		worker_unmake(prepared);
	return error_set(error, result, "sessions",
			 "the workers' tables do not fit into memory: %s", strerror(-result));
}

void workers_stop(void)
{
	for (unsigned int i = 0; i < worker_total; i++)
		worker_finish(workers[i]);
}

void workers_free(void)
{
	unsigned int total = worker_total;

	traffic_stop();
	worker_total = 0;
	nat_log_stop();
	for (unsigned int i = 0; i < total; i++)
		worker_unmake(i);
}

uint64_t workers_table_bytes(void)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < worker_total; i++) {
		const struct table *t = &workers[i]->table;

		bytes += t->index_memory.bytes + t->pool[0].memory.bytes + t->pool[1].memory.bytes;
	}
	return bytes;
}

static uint64_t read64(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static uint32_t read32(const uint32_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void server_add(unsigned int worker, uint32_t server, struct traffic *out)
{
	const struct server_count *c = &counts_servers(worker)[server];

	out->connections += read64(&c->connections);
	out->active += read32(&c->active);
	out->inactive += read32(&c->inactive);
	out->packets_in += read64(&c->packets[0]);
	out->packets_out += read64(&c->packets[1]);
	out->bytes_in += read64(&c->bytes[0]);
	out->bytes_out += read64(&c->bytes[1]);
}

void workers_server_share(unsigned int worker, uint32_t server, struct traffic *out)
{
	memset(out, 0, sizeof(*out));
	server_add(worker, server, out);
}

void workers_server_traffic(uint32_t server, struct traffic *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < worker_total; i++)
		server_add(i, server, out);
}

static void service_add(unsigned int worker, uint32_t service, struct traffic *out)
{
	const struct service_count *c = &counts_services(worker)[service];

	out->connections += read64(&c->connections);
	out->active += read32(&c->active);
	out->inactive += read32(&c->inactive);
	out->packets_in += read64(&c->packets[0]);
	out->packets_out += read64(&c->packets[1]);
	out->bytes_in += read64(&c->bytes[0]);
	out->bytes_out += read64(&c->bytes[1]);
}

void workers_service_share(unsigned int worker, uint32_t service, struct traffic *out)
{
	memset(out, 0, sizeof(*out));
	service_add(worker, service, out);
}

uint32_t workers_server_templates(uint32_t server)
{
	uint32_t templates = 0;

	for (unsigned int i = 0; i < worker_total; i++)
		templates += read32(&counts_servers(i)[server].persistent);
	return templates;
}

/* The cursor: worker in the upper half, then the number. */
bool workers_template_next(uint64_t *cursor, unsigned int budget, struct persistence_view *out,
			   bool *found)
{
	*found = false;
	for (; budget > 0; budget--) {
		unsigned int index = *cursor >> 32;
		uint32_t number = *cursor;

		if (index >= worker_total)
			return false;
		if (number >= read32(&workers[index]->balancer.persistence.high)) {
			*cursor = (uint64_t)(index + 1) << 32;
			continue;
		}
		(*cursor)++;
		*found = persistence_view(&workers[index]->balancer.persistence, number + 1, out);
		if (*found) {
			out->worker = index;
			return true;
		}
	}
	return true;
}

uint64_t workers_mark_hits(unsigned int counter)
{
	uint64_t hits = 0;

	for (unsigned int i = 0; i < worker_total; i++)
		hits += read64(&workers[i]->balancer.mark_hits[counter]);
	return hits;
}

void workers_service_traffic(uint32_t service, struct traffic *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < worker_total; i++)
		service_add(i, service, out);
}

/*
 * A pass that is under way has gone past some sessions already: the one after it is the first that
 * has seen them all. The workers count passes alone, so each is told its own number.
 */
uint64_t workers_pass_begin(void)
{
	for (unsigned int i = 0; i < worker_total; i++) {
		uint64_t pass = __atomic_load_n(&workers[i]->pass, __ATOMIC_ACQUIRE);

		__atomic_store_n(&workers[i]->pass_wanted, pass + 2, __ATOMIC_RELEASE);
		idle_wake(&workers[i]->idle);
	}
	return 1;
}

bool workers_pass_over(uint64_t pass)
{
	for (unsigned int i = 0; i < worker_total; i++)
		if (__atomic_load_n(&workers[i]->pass, __ATOMIC_ACQUIRE) < workers[i]->pass_wanted)
			return false;
	return true;
}

void worker_stats(unsigned int worker, struct worker_stats *out)
{
	const struct worker *w = workers[worker];

	*out = w->stats; // single words, each at most a moment old
	out->local_ports_exhausted = w->balancer.ports_exhausted;
	out->extra_lines = w->table.extra_pool.used;
}

uint64_t worker_drops(unsigned int worker, unsigned int reason)
{
	// What waited in a queue that control removed is nobody's; the first worker stands for it.
	if (reason == DROP_traffic_removed && worker == 0)
		return traffic_discarded();
	return read64(&workers[worker]->drops[reason]);
}

/*
 * Copy a line that its worker may be changing: twice, until both copies are the same. It never
 * takes many tries, because what changes in every packet is in the line too.
 */
static bool session_copy(const struct table *t, uint32_t entry, struct session_wide *out)
{
	size_t size = entry & ENTRY_WIDE ? sizeof(struct session_wide) : sizeof(struct session);
	const struct session *line = table_session(t, entry);
	struct session_wide again;

	for (unsigned int tries = 0; tries < 8; tries++) {
		memcpy(out, line, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		memcpy(&again, line, size);
		if (memcmp(out, &again, size) == 0)
			return out->head.state != STATE_NONE && out->head.state < STATE_COUNT;
	}
	return false;
}

/* One direction's tuple, of whichever family it is. */
struct ends_view {
	struct addr source, destination;
	uint16_t source_port, destination_port;
	uint32_t zone_protocol;
};

static struct ends_view session_ends(struct session *s, bool wide, unsigned int direction)
{
	const struct key6 *k6 = session_key(s, wide, direction);
	const struct key4 *k4 = session_key(s, wide, direction);

	if (session_key_is_ipv6(s, wide, direction))
		return (struct ends_view){
			.source = addr_v6(k6->source),
			.destination = addr_v6(k6->destination),
			.source_port = rte_be_to_cpu_16(k6->source_port),
			.destination_port = rte_be_to_cpu_16(k6->destination_port),
			.zone_protocol = k6->zone_protocol,
		};
	return (struct ends_view){
		.source = addr_v4(k4->source),
		.destination = addr_v4(k4->destination),
		.source_port = rte_be_to_cpu_16(k4->source_port),
		.destination_port = rte_be_to_cpu_16(k4->destination_port),
		.zone_protocol = k4->zone_protocol,
	};
}

static void session_show_ends(struct session *s, bool wide, struct session_view *out)
{
	struct ends_view client = session_ends(s, wide, 0), server = session_ends(s, wide, 1);

	out->client = client.source;
	out->vip = client.destination;
	out->local = server.destination;
	out->destination = server.source;
	out->client_port = client.source_port;
	out->vip_port = client.destination_port;
	out->local_port = server.destination_port;
	out->destination_port = server.source_port;
	out->protocol = client.zone_protocol & 0xff;
	out->zone = client.zone_protocol >> 8;
	out->server_zone = server.zone_protocol >> 8;
}

static bool session_show(const struct worker *w, uint32_t entry, struct session_view *out)
{
	struct session_wide copy;
	struct session *s = &copy.head;
	uint16_t age, timeout;

	// What another worker has taken stands there.
	if (!session_copy(&w->table, entry, &copy) || (s->form & FORM_LENT))
		return false;
	memset(out, 0, sizeof(*out));
	session_show_ends(s, entry & ENTRY_WIDE, out);
	age = w->batch.seconds - s->stamp;
	timeout = timeout_table[s->timeouts].seconds[s->state];
	out->worker = w->index;
	out->state = s->state;
	out->server = s->server;
	if (!session_is_two_way(s))
		out->destination = server_table[s->server].addr; // may be of the other family
	out->service = server_table[s->server].service;
	out->expires = age < timeout ? timeout - age : 0;
	out->packets_in = s->packets[0];
	out->packets_out = s->packets[1];
	out->bytes_in = s->bytes[0];
	out->bytes_out = s->bytes[1];
	return true;
}

void workers_iface_traffic(uint16_t iface, struct iface_traffic *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < worker_total; i++) {
		const struct iface_count *count = &workers[i]->iface_count[iface];

		for (unsigned int d = 0; d < 2; d++) {
			out->packets[d] += read64(&count->packets[d]);
			out->bytes[d] += read64(&count->bytes[d]);
		}
	}
}

void workers_ports(void (*visit)(unsigned int worker, const struct port_use *use, void *arg),
		   void *arg)
{
	for (unsigned int i = 0; i < worker_total; i++) {
		const struct ports *p = &workers[i]->balancer.ports;
		uint32_t high = read32(&p->pair_high);
		struct port_use use;

		for (uint32_t number = 1; number <= high; number++)
			if (ports_use(p, number, &use))
				visit(i, &use, arg);
	}
}

/* The cursor: worker in the upper 24 bits, then one bit of width, then the number. */
bool workers_session_next(uint64_t *cursor, unsigned int budget, struct session_view *out,
			  bool *found)
{
	*found = false;
	for (; budget > 0; budget--) {
		unsigned int index = *cursor >> 40, wide = *cursor >> 32 & 1;
		uint32_t number = *cursor;

		if (index >= worker_total)
			return false;
		if (number >=
		    __atomic_load_n(&workers[index]->table.pool[wide].high, __ATOMIC_RELAXED)) {
			*cursor = wide ? (uint64_t)(index + 1) << 40
				       : (uint64_t)index << 40 | 1UL << 32;
			continue;
		}
		(*cursor)++;
		if (session_show(workers[index], (number + 1) | (wide ? ENTRY_WIDE : 0), out)) {
			*found = true;
			return true;
		}
	}
	return true;
}

/* Say it when connections had to be refused for want of a local port, but not over and over. */
static void warn_exhausted(void)
{
	static uint64_t warned, next;
	uint64_t exhausted = 0, now = rte_get_tsc_cycles();

	for (unsigned int i = 0; i < worker_total; i++)
		exhausted += read64(&workers[i]->balancer.ports_exhausted);
	if (exhausted == warned || now < next)
		return;
	log_warning("%lu connections were refused because all local ports towards their server are "
		    "in use: add local addresses",
		    exhausted - warned);
	warned = exhausted;
	next = now + WARN_SECONDS * rte_get_tsc_hz();
}

/* Does each device that spreads by itself put packets where it says? */
static void compare_spreading(void)
{
	for (unsigned int i = 0; i < port_count(); i++) {
		uint64_t seen = 0, wrong = 0;

		for (unsigned int k = 0; k < worker_total; k++) {
			seen += read64(&workers[k]->rss_seen[i]);
			wrong += read64(&workers[k]->rss_wrong[i]);
		}
		if (wrong >= SPREADING_WRONG && wrong > seen / 2)
			steer_distrust(port_get(i), wrong, seen);
	}
}

static bool is_vip(const struct addr *addr)
{
	return address_set_has(ADDRESS_VIP, addr);
}

/* Where tunnels are sent from follows Linux's addresses at once, and what is a VIP in a second. */
static void sources_follow(void)
{
	enum { TICKS = 10 };
	static uint64_t seen;
	static unsigned int ticks;
	uint64_t now = kernel_address_generation();

	if (now == seen && ++ticks < TICKS)
		return;
	seen = now;
	ticks = 0;
	source_refresh(is_vip);
}

static uint32_t monotonic_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_sec;
}

static void path_mtus_follow(void)
{
	uint32_t seconds = monotonic_seconds();

	for (unsigned int i = 0; i < worker_total; i++)
		path_mtu_gather(&worker_get(i)->reports, seconds);
	path_mtu_age(seconds / 8 * 8); // a look at all servers
}

void workers_learn(void)
{
	struct vm_learner *learners[WORKERS_MAX];
	uint16_t seconds[WORKERS_MAX];

	vm_learn_clock(monotonic_seconds());
	for (unsigned int i = 0; i < worker_total; i++) {
		learners[i] = &workers[i]->learner;
		seconds[i] = __atomic_load_n(&workers[i]->batch.seconds, __ATOMIC_RELAXED);
		if (vm_learn_gather(learners[i]) > 0)
			idle_wake(&workers[i]->idle);
	}
	vm_learn_expire(learners, seconds, worker_total);
}

void workers_tick(void)
{
	warn_exhausted();
	sources_follow();
	path_mtus_follow();
	overload_tick();
	limit_tick();
	if (worker_total < 2)
		return;
	compare_spreading();
	for (uint32_t server = 1; server <= server_highest(); server++) {
		uint32_t load[WORKERS_MAX], sum = 0;

		for (unsigned int i = 0; i < worker_total; i++) {
			const struct server_count *c = &counts_servers(i)[server];

			load[i] = read32(&c->active) * 256 + read32(&c->inactive);
			sum += load[i];
		}
		for (unsigned int i = 0; i < worker_total; i++)
			__atomic_store_n(&counts_servers(i)[server].elsewhere, sum - load[i],
					 __ATOMIC_RELAXED);
	}
}
