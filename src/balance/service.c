/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Publishing services. One allocation holds a service with its lists; the hash table maps the key
 * to it, and replacing the value is one store. Both the old service and the place in the hash
 * table of one that was withdrawn are freed after a grace period.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_hash_crc.h>

#include "balance/address_set.h"
#include "balance/counts.h"
#include "balance/matches.h"
#include "balance/limit.h"
#include "balance/mark.h"
#include "balance/overload.h"
#include "balance/ranges.h"
#include "balance/server.h"
#include "balance/service_data.h"
#include "balance/syn_guard.h"
#include "io/rcu.h"
#include "tunnel/vm_table.h"
#include "tunnel/vxlan.h"

static struct rte_hash *services;
static uint32_t *free_numbers;
static uint32_t free_count, high;
static uint32_t wide_count; // services on more than one port; atomic

int service_start(void)
{
	struct rte_hash_parameters parameters = {
		.name = "weir_services",
		.entries = SERVICE_MAX,
		.key_len = sizeof(struct service_key),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
			      RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	free_numbers = calloc(SERVICE_MAX, sizeof(*free_numbers));
	if (!free_numbers)
		return -ENOMEM;
	services = rte_hash_create(&parameters);
	if (!services || limit_start() < 0 || address_set_start() < 0 || ranges_start() < 0 ||
	    syn_guard_start() < 0) {
		service_stop();
		return -ENOMEM;
	}
	return 0;
}

static void service_free(void *arg)
{
	struct service *s = arg;

	if (s->by_hash && s->by_hash->scheduler_data != s->scheduler_data)
		free(s->by_hash->scheduler_data);
	free(s->by_hash);
	free(s->scheduler_data);
	free(s->quic);
	free(s);
}

void service_stop(void)
{
	const void *key;
	void *service;
	uint32_t at = 0;

	while (services && rte_hash_iterate(services, &key, &service, &at) >= 0)
		service_free(service);
	rte_hash_free(services);
	services = NULL;
	matches_stop();
	limit_stop();
	wide_count = 0;
	ranges_stop();
	mark_stop();
	address_set_stop();
	syn_guard_stop();
	free(free_numbers);
	free_numbers = NULL;
	free_count = high = 0;
}

uint32_t service_number_take(void)
{
	uint32_t number;

	if (free_count > 0)
		number = free_numbers[--free_count];
	else if (high + 1 < SERVICE_MAX)
		number = ++high;
	else
		return 0;
	for (unsigned int i = 0; i < counts_workers(); i++)
		memset(&counts_services(i)[number], 0, sizeof(struct service_count));
	return number;
}

static void number_free(void *arg)
{
	free_numbers[free_count++] = (uintptr_t)arg;
}

void service_number_free(uint32_t number)
{
	limit_set(number, &(struct limit_settings){0});
	syn_guard_watch(number, false);
	rcu_defer(number_free, (void *)(uintptr_t)number);
}

const struct service *service_find(const struct service_key *key)
{
	void *service;

	return rte_hash_lookup_data(services, key, &service) < 0 ? NULL : service;
}

static bool key_is_wide(const struct service_key *key)
{
	return key->kind == SERVICE_ADDRESS && (key->port == 0 || key->port_end != 0);
}

bool service_has_wide(void)
{
	return __atomic_load_n(&wide_count, __ATOMIC_RELAXED) > 0;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static int heavier_first(const void *a, const void *b)
{
	const struct service_server *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->server < y->server ? -1 : 1; // an order that does not depend on the request's
}

static const char *server_mode(const struct service_spec *spec, unsigned int i)
{
	return spec->server_modes ? spec->server_modes[i] : spec->mode;
}

/* A scheduler that is one of these chooses the same for a packet of the middle as for the first. */
static bool scheduler_is_hash(const char *name)
{
	return strcmp(name, "mh") == 0 || strcmp(name, "sh") == 0 || strcmp(name, "conhash") == 0;
}

static int service_build_hash(struct service *s)
{
	struct service *h = malloc(sizeof(*h));

	if (!h)
		return -ENOMEM;
	*h = *s;
	s->by_hash = h;
	if (scheduler_is_hash(s->scheduler->name))
		return 0;
	h->scheduler = scheduler_find("mh");
	h->scheduler_flags = SCHEDULER_PORT;
	h->scheduler_data = h->scheduler->prepare(h);
	return h->scheduler_data ? 0 : -ENOMEM;
}

/* What stands before the data of a segment to it. The host of a VM may be reached by IPv6. */
static uint8_t headers_to(const struct server *server)
{
	return (server->addr.family == AF_INET6 ? 60 : 40) + (server->vm ? VXLAN_OUTER6 : 0);
}

static struct service *service_build(const struct service_spec *spec)
{
	struct service *s = calloc(1, sizeof(*s) + spec->server_count * sizeof(*spec->servers) +
					      spec->local_count * sizeof(*spec->locals));
	struct service_server *servers;
	struct service_local *locals;

	if (!s)
		return NULL;
	servers = (struct service_server *)(s + 1);
	locals = (struct service_local *)(servers + spec->server_count);
	for (unsigned int i = 0; i < spec->server_count; i++) {
		// A single word that workers read at a SYN: no need to wait for anything.
		server_table[spec->servers[i].server].mss = spec->mss;
		__atomic_store_n(&server_table[spec->servers[i].server].mode,
				 mode_find(server_mode(spec, i)), __ATOMIC_RELAXED);
		if (strcmp(server_mode(spec, i), "nat") == 0)
			address_set_note_nat(&server_table[spec->servers[i].server].addr,
					     spec->key.kind == SERVICE_ADDRESS ? &spec->key.vip
									       : NULL);
		if (spec->servers[i].weight == 0)
			continue;
		servers[s->server_count++] = spec->servers[i];
		s->thresholds |= overload_is_set(spec->servers[i].server);
		s->server_headers = RTE_MAX(s->server_headers,
					    headers_to(&server_table[spec->servers[i].server]));
		s->weight_gcd = gcd(s->weight_gcd, spec->servers[i].weight);
	}
	qsort(servers, s->server_count, sizeof(*servers), heavier_first);
	if (spec->local_count > 0)
		memcpy(locals, spec->locals, spec->local_count * sizeof(*locals));
	s->key = spec->key;
	s->number = spec->number;
	s->scheduler = scheduler_find(spec->scheduler);
	s->scheduler_flags = spec->scheduler_flags;
	s->timeouts = spec->timeouts;
	s->unknown_tcp = spec->unknown_tcp;
	s->mss = spec->mss;
	s->hash_target = spec->hash_target;
	s->one_packet = spec->one_packet;
	s->symmetric_return = spec->symmetric_return;
	s->client_address = spec->client_address;
	s->uoa_max_trail = spec->uoa_max_trail;
	s->proxy_protocol = spec->proxy_protocol;
	s->syn_proxy = spec->syn_proxy;
	s->limit_reaction = spec->limit_reaction;
	s->persistent = spec->persistent;
	s->persistent_bits = spec->persistent_bits;
	s->weight_max = s->server_count ? servers[0].weight : 0;
	s->servers = servers;
	s->locals = locals;
	s->local_count = spec->local_count;
	if (s->scheduler->prepare && s->server_count > 0) {
		s->scheduler_data = s->scheduler->prepare(s);
		if (!s->scheduler_data) {
			free(s);
			return NULL;
		}
	}
	if (spec->quic.format != QUIC_NONE) {
		s->quic = quic_prepare(&spec->quic, spec->servers, spec->quic_ids,
				       spec->server_count);
		if (!s->quic) {
			service_free(s);
			return NULL;
		}
	}
	if (s->unknown_tcp == UNKNOWN_HASH && s->server_count > 0 && service_build_hash(s) < 0) {
		service_free(s);
		return NULL;
	}
	return s;
}

/* A VIP is weir's own address in its VNI, or means something on the underlay. */
static int vip_add(const struct service_key *key)
{
	return key->zone ? vm_own_add(key->zone, &key->vip)
			 : address_set_add(ADDRESS_VIP, &key->vip);
}

static void vip_remove(const struct service_key *key)
{
	if (key->zone)
		vm_own_remove(key->zone, &key->vip);
	else
		address_set_remove(ADDRESS_VIP, &key->vip);
}

/* Say of all addresses of a service that they are used, or are no longer. */
static void service_forget_addresses(const struct service *s, uint32_t locals)
{
	for (uint32_t i = 0; i < locals; i++)
		address_set_remove(ADDRESS_LOCAL, &s->locals[i].addr);
}

static int service_note_addresses(const struct service *s)
{
	for (uint32_t i = 0; i < s->local_count; i++) {
		if (address_set_add_local(&s->locals[i].addr, s->locals[i].iface) < 0) {
			service_forget_addresses(s, i);
			return -ENOSPC;
		}
	}
	if (s->key.kind == SERVICE_ADDRESS && vip_add(&s->key) < 0) {
		service_forget_addresses(s, s->local_count);
		return -ENOSPC;
	}
	return 0;
}

static void service_forget(const struct service *s)
{
	if (s->key.kind == SERVICE_ADDRESS)
		vip_remove(&s->key);
	service_forget_addresses(s, s->local_count);
}

/* The WAN addresses of a match become local ones, and its rule is tried. */
static int service_enter_match(const struct service *s, const struct service_spec *spec)
{
	const struct match_rule rule = {
		.match = *spec->match,
		.in = spec->match_in,
		.out = spec->match_out,
		.number = s->key.mark,
		.service = s,
	};

	for (unsigned int i = 0; i < spec->server_count; i++)
		if (server_hold_address(spec->servers[i].server, spec->wan_iface) < 0)
			return -ENOSPC;
	return matches_put(&rule);
}

static void service_retire(struct service *s)
{
	service_forget(s);
	rcu_defer(service_free, s);
}

static int service_enter_range(const struct service *s, struct error *error)
{
	struct service_key other = {0};
	int status = ranges_put(&s->key, s, &other);

	if (status == -EEXIST)
		return error_set(error, -EINVAL, "port_end",
				 "the ports %u-%u overlap those of another service, %u-%u",
				 s->key.port, s->key.port_end, other.port, other.port_end);
	if (status < 0)
		return error_set(error, status, NULL,
				 "there is no room for more services on ranges of ports");
	return 0;
}

int service_publish(const struct service_spec *spec, struct error *error)
{
	void *old = NULL;
	struct service *s;
	int status;

	if (!scheduler_exists(spec->scheduler))
		return error_set(error, -EINVAL, "scheduler", "there is no scheduler \"%s\"",
				 spec->scheduler);
	if (!mode_exists(spec->mode))
		return error_set(error, -EINVAL, "mode", "there is no forwarding mode \"%s\"",
				 spec->mode);
	for (unsigned int i = 0; i < spec->server_count; i++)
		if (!mode_exists(server_mode(spec, i)))
			return error_set(error, -EINVAL, "servers",
					 "there is no forwarding mode \"%s\"",
					 server_mode(spec, i));
	s = service_build(spec);
	if (!s)
		return error_set(error, -ENOMEM, NULL, "out of memory");
	if (service_note_addresses(s) < 0)
		goto free_service;
	if (spec->match && service_enter_match(s, spec) < 0) {
		service_forget(s);
		service_free(s);
		return error_set(error, -ENOSPC, NULL,
				 "there is no room for more services by match (at most %d)",
				 MATCHES_MAX);
	}
	rte_hash_lookup_data(services, &spec->key, &old);
	if (spec->key.port_end) {
		status = service_enter_range(s, error);
		if (status < 0)
			goto forget_addresses;
	}
	if (rte_hash_add_key_data(services, &spec->key, s) < 0)
		goto leave_range;
	if (key_is_wide(&spec->key) && !old)
		__atomic_store_n(&wide_count, wide_count + 1, __ATOMIC_RELAXED);
	if (old)
		service_retire(old);
	return 0;

leave_range: // only a new one can fail
	if (spec->key.port_end)
		ranges_put(&spec->key, NULL, NULL);
	status = error_set(error, -ENOSPC, NULL, "the table of services (%d) is full", SERVICE_MAX);
forget_addresses:
	if (spec->match)
		matches_remove(spec->key.mark);
	service_forget(s);
	rcu_defer(service_free, s); // a worker may have seen its range
	return status;

free_service:
	service_free(s);
	return error_set(error, -ENOSPC, NULL, "the table of services (%d) is full", SERVICE_MAX);
}

static void position_free(void *arg)
{
	rte_hash_free_key_with_position(services, (intptr_t)arg);
}

int service_withdraw(const struct service_key *key)
{
	void *old = NULL;
	int32_t position;

	if (rte_hash_lookup_data(services, key, &old) < 0)
		return -ENOENT;
	if (key->kind == SERVICE_MATCH)
		matches_remove(key->mark);
	position = rte_hash_del_key(services, key);
	assert(position >= 0);
	if (key->port_end)
		ranges_put(key, NULL, NULL);
	if (key_is_wide(key))
		__atomic_store_n(&wide_count, wide_count - 1, __ATOMIC_RELAXED);
	rcu_defer(position_free, (void *)(intptr_t)position);
	service_retire(old);
	return 0;
}
