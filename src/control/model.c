/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/protocol.h"
#include "control/keyed.h"
#include "control/marks.h"
#include "control/sets.h"
#include "control/match_number.h"
#include "control/service_key.h"
#include "session/uoa.h"

/*
 * The model holds what was asked for; what the workers run is made from it by publish.c. Both are
 * changed together and only there, so that what a listing shows is what runs.
 *
 * Services are found by key in a hash table and by number in an array: the number is what the
 * counters go by, and walking by number stands changes between two steps of a long listing.
 */
enum { ONE_PACKET_SECONDS = 3 };

static struct {
	struct keyed services;
	struct model_service **by_number;
	uint32_t numbers; // entries of by_number
	unsigned int server_count;
	struct model_local *pool;
	unsigned int pool_count;
	struct timeouts timeouts;
	uint64_t generation;
	uint64_t check_generation, check_first;
} model = {.services = KEYED_INIT(sizeof(struct service_key))};

const char *health_name(enum health health)
{
	static const char *const names[] = {
		[HEALTH_UNCHECKED] = "unchecked",
		[HEALTH_UP] = "up",
		[HEALTH_DOWN] = "down",
	};

	return names[health];
}

const char *origin_name(enum origin origin)
{
	static const char *const names[ORIGIN_COUNT] = {
		[ORIGIN_FILE] = "file",
		[ORIGIN_REST] = "rest",
		[ORIGIN_IPVS] = "ipvs",
	};

	return names[origin];
}

/* Services */

struct model_service *model_service_new(const struct service_key *key, enum origin origin)
{
	struct model_service *service = calloc(1, sizeof(*service));

	if (service == NULL)
		return NULL;
	service->key = *key;
	service->origin = origin;
	service->unknown_tcp = UNKNOWN_RESET;
	service->quorum = 1;
	service->uoa_max_trail = UOA_TRAIL;
	service->syn_proxy = (struct syn_proxy)SYN_PROXY_DEFAULTS;
	strcpy(service->scheduler, "wlc");
	strcpy(service->mode, key->kind == SERVICE_MATCH ? "snat" : "fullnat");
	service->timeout_set = -1;
	return service;
}

/* A copy of an array, NULL for an empty one. */
static int array_copy(void **copy, const void *array, size_t count, size_t size)
{
	*copy = NULL;
	if (count == 0)
		return 0;
	*copy = malloc(count * size);
	if (*copy == NULL)
		return -ENOMEM;
	memcpy(*copy, array, count * size);
	return 0;
}

struct model_service *model_service_copy(const struct model_service *service)
{
	struct model_service *copy = malloc(sizeof(*copy));
	void *servers = NULL, *locals = NULL;

	if (copy == NULL)
		return NULL;
	*copy = *service;
	memset(&copy->allow, 0, sizeof(copy->allow));
	memset(&copy->deny, 0, sizeof(copy->deny));
	if (array_copy(&servers, service->servers, service->server_count,
		       sizeof(*service->servers)) < 0 ||
	    array_copy(&locals, service->locals, service->local_count, sizeof(*service->locals)) <
		    0) {
		free(servers);
		free(copy);
		return NULL;
	}
	copy->servers = servers;
	copy->locals = locals;
	if (acl_list_copy(&copy->allow, &service->allow) < 0 ||
	    acl_list_copy(&copy->deny, &service->deny) < 0) {
		model_service_free(copy);
		return NULL;
	}
	return copy;
}

void model_service_free(struct model_service *service)
{
	if (service == NULL)
		return;
	free(service->servers);
	free(service->locals);
	acl_list_free(&service->allow);
	acl_list_free(&service->deny);
	free(service);
}

/* Do the fields of the services themselves differ, servers apart? */
static bool service_differs(const struct model_service *a, const struct model_service *b)
{
	return a->unknown_tcp != b->unknown_tcp || a->mss != b->mss || a->check != b->check ||
	       a->announce != b->announce || a->quorum != b->quorum ||
	       a->hysteresis != b->hysteresis || strcmp(a->scheduler, b->scheduler) != 0 ||
	       a->scheduler_flags != b->scheduler_flags || a->hash_target != b->hash_target ||
	       a->removed_servers != b->removed_servers || a->one_packet != b->one_packet ||
	       memcmp(&a->quic, &b->quic, sizeof(a->quic)) != 0 || a->persistent != b->persistent ||
	       a->persistent_bits != b->persistent_bits ||
	       a->expire_quiescent != b->expire_quiescent ||
	       a->symmetric_return != b->symmetric_return ||
	       a->client_address != b->client_address || a->uoa_max_trail != b->uoa_max_trail ||
	       a->proxy_protocol != b->proxy_protocol ||
	       memcmp(&a->syn_proxy, &b->syn_proxy, sizeof(a->syn_proxy)) != 0 ||
	       strcmp(a->mode, b->mode) != 0 ||
	       memcmp(&a->limits, &b->limits, sizeof(a->limits)) != 0 ||
	       memcmp(&a->timeouts, &b->timeouts, sizeof(a->timeouts)) != 0 ||
	       !acl_list_equal(&a->allow, &b->allow) || !acl_list_equal(&a->deny, &b->deny) ||
	       !model_locals_equal(a->locals, a->local_count, b->locals, b->local_count);
}

/* Is the same server configured in another way? */
static bool server_differs(const struct model_server *a, const struct model_server *b)
{
	return a->weight != b->weight || a->upper != b->upper || a->lower != b->lower ||
	       a->check != b->check || a->drain != b->drain || a->drain_until != b->drain_until ||
	       strcmp(a->mode, b->mode) != 0 || a->vni != b->vni ||
	       memcmp(&a->bfd, &b->bfd, sizeof(a->bfd)) != 0 ||
	       memcmp(&a->tunnel, &b->tunnel, sizeof(a->tunnel)) != 0 ||
	       memcmp(&a->quic_id, &b->quic_id, sizeof(a->quic_id)) != 0;
}

uint32_t model_server_weight(const struct model_server *server)
{
	return model_server_is_down(server) || server->drain != DRAIN_NONE ? 0 : server->weight;
}

bool model_server_is_down(const struct model_server *server)
{
	return server->health == HEALTH_DOWN || server->bfd_down;
}

bool model_server_is_checked(const struct model_service *service, const struct model_server *server)
{
	return check_is_wanted(service->check, server->check);
}

const char *model_server_mode(const struct model_service *service,
			      const struct model_server *server)
{
	return *server->mode ? server->mode : service->mode;
}

bool model_server_same_way(const struct model_service *before, const struct model_server *old,
			   const struct model_service *after, const struct model_server *new)
{
	bool was = strcmp(model_server_mode(before, old), "tunnel") == 0;
	bool is = strcmp(model_server_mode(after, new), "tunnel") == 0;

	return was == is &&
	       old->vni == new->vni &&memcmp(&old->tunnel, &new->tunnel, sizeof(old->tunnel)) == 0;
}

bool model_server_is_removed(const struct model_service *service, const struct model_server *server)
{
	return server->health == HEALTH_DOWN &&
	       check_on_failure(service->check, server->check) == CHECK_REMOVE;
}

void model_service_carry_health(const struct model_service *before, struct model_service *after)
{
	for (unsigned int i = 0; i < after->server_count; i++) {
		struct model_server *server = &after->servers[i];
		const struct model_server *old = model_service_find_server(before, &server->addr,
									   server->port);

		server->bfd_down = old && old->bfd_down &&
				   memcmp(&old->bfd, &server->bfd, sizeof(old->bfd)) == 0;
		server->drain = old ? old->drain : DRAIN_NONE;
		server->drain_until = old ? old->drain_until : 0;
		if (old == NULL)
			server->health = HEALTH_UNCHECKED;
		else if (model_server_is_checked(before, old) &&
			 !model_server_is_checked(after, server))
			server->health = HEALTH_UNCHECKED; // nobody would ever say that it is up
		else
			server->health = old->health;
	}
}

bool model_service_equal(const struct model_service *a, const struct model_service *b)
{
	if (service_differs(a, b) || a->server_count != b->server_count)
		return false;
	for (unsigned int i = 0; i < a->server_count; i++) {
		if (model_server_compare(&a->servers[i], &b->servers[i]) != 0 ||
		    (a->servers[i].health == HEALTH_DOWN) !=
			    (b->servers[i].health == HEALTH_DOWN) ||
		    a->servers[i].bfd_down != b->servers[i].bfd_down ||
		    server_differs(&a->servers[i], &b->servers[i]))
			return false;
	}
	return true;
}

bool model_service_same_origins(const struct model_service *a, const struct model_service *b)
{
	if (a->origin != b->origin || a->overridden != b->overridden ||
	    a->keepalived != b->keepalived || a->server_count != b->server_count ||
	    a->local_count != b->local_count)
		return false;
	for (unsigned int i = 0; i < a->server_count; i++) {
		if (a->servers[i].origin != b->servers[i].origin ||
		    a->servers[i].overridden != b->servers[i].overridden ||
		    a->servers[i].keepalived != b->servers[i].keepalived)
			return false;
	}
	for (unsigned int i = 0; i < a->local_count; i++) {
		if (a->locals[i].origin != b->locals[i].origin)
			return false;
	}
	return true;
}

static bool servers_missing(const struct model_service *before, const struct model_service *after)
{
	for (unsigned int i = 0; i < before->server_count; i++) {
		const struct model_server *server = &before->servers[i];

		if (server->origin == ORIGIN_FILE &&
		    model_service_find_server(after, &server->addr, server->port) == NULL)
			return true;
	}
	return false;
}

void model_service_mark(const struct model_service *before, struct model_service *after)
{
	bool of_file = before->origin == ORIGIN_FILE;

	after->origin = before->origin;
	after->keepalived = before->keepalived;
	after->overridden = before->overridden || (of_file && service_differs(before, after)) ||
			    (of_file && servers_missing(before, after));
	for (unsigned int i = 0; i < after->server_count; i++) {
		struct model_server *server = &after->servers[i];
		const struct model_server *old = model_service_find_server(before, &server->addr,
									   server->port);

		if (old == NULL)
			continue;
		server->origin = old->origin;
		server->keepalived = old->keepalived;
		server->overridden = old->overridden ||
				     (old->origin == ORIGIN_FILE && server_differs(old, server));
	}
	for (unsigned int i = 0; i < after->local_count; i++) {
		struct model_local *local = &after->locals[i];
		const struct model_local *old = model_local_find(before->locals,
								 before->local_count, &local->addr);

		if (old != NULL && strcmp(old->iface, local->iface) == 0)
			local->origin = old->origin;
	}
}

char *model_service_format(const struct service_key *key, char text[static SERVICE_TEXT])
{
	char vip[SERVICE_VIP_TEXT], ports[SERVICE_PORTS_TEXT];

	service_key_vip(key, vip);
	service_key_ports(key, ports);
	if (key->kind == SERVICE_MATCH)
		snprintf(text, SERVICE_TEXT, "match %s", vip);
	else if (key->kind == SERVICE_MARK)
		snprintf(text, SERVICE_TEXT, "fwmark%s %s", key->vip.family == AF_INET6 ? "6" : "",
			 ports);
	else if (key->zone && key->vip.family == AF_INET6)
		snprintf(text, SERVICE_TEXT, "%s [%s]@%u:%s", service_key_protocol(key),
			 addr_format(&key->vip, vip), key->zone, ports);
	else
		snprintf(text, SERVICE_TEXT,
			 key->vip.family == AF_INET6 ? "%s [%s]:%s" : "%s %s:%s",
			 service_key_protocol(key), vip, ports);
	return text;
}

unsigned int model_service_persistent_bits(const struct model_service *service)
{
	if (service->persistent_bits)
		return service->persistent_bits;
	return service->key.vip.family == AF_INET6 ? 128 : 32;
}

struct timeouts model_service_timeouts(const struct model_service *service,
				       const struct timeouts *defaults)
{
	struct timeouts effective = *defaults;

	for (unsigned int i = 0; i < STATE_COUNT; i++) {
		if (service->timeouts.seconds[i] != 0)
			effective.seconds[i] = service->timeouts.seconds[i];
	}
	// Nothing of a datagram remains, but for the time in which its answer may come.
	if (service->one_packet && service->timeouts.seconds[STATE_UDP_ONE_WAY] == 0)
		effective.seconds[STATE_UDP_ONE_WAY] = ONE_PACKET_SECONDS;
	return effective;
}

/* Sorted arrays of servers and of local addresses */

int model_server_compare(const struct model_server *a, const struct model_server *b)
{
	int order = addr_compare(&a->addr, &b->addr);

	return order != 0 ? order : (int)a->port - (int)b->port;
}

static int local_compare(const struct model_local *a, const struct model_local *b)
{
	return addr_compare(&a->addr, &b->addr);
}

static int server_compare_items(const void *a, const void *b)
{
	return model_server_compare(a, b);
}

static int local_compare_items(const void *a, const void *b)
{
	return local_compare(a, b);
}

/* Where the item stands in a sorted array, or where it would have to. */
static unsigned int sorted_place(const void *array, unsigned int count, size_t size,
				 const void *item, int (*compare)(const void *, const void *),
				 bool *found)
{
	unsigned int low = 0, high = count;

	*found = false;
	while (low < high) {
		unsigned int middle = (low + high) / 2;
		int order = compare((const char *)array + middle * size, item);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Put an item into a sorted array, in the place of an equal one when there is one. -ENOMEM. */
static int sorted_put(void **array, unsigned int *count, size_t size, const void *item,
		      int (*compare)(const void *, const void *))
{
	bool found;
	unsigned int place = sorted_place(*array, *count, size, item, compare, &found);
	char *larger;

	if (!found) {
		larger = realloc(*array, (*count + 1) * size);
		if (larger == NULL)
			return -ENOMEM;
		*array = larger;
		memmove(larger + (place + 1) * size, larger + place * size,
			(*count - place) * size);
		(*count)++;
	}
	memcpy((char *)*array + place * size, item, size);
	return 0;
}

static int sorted_remove(void *array, unsigned int *count, size_t size, const void *item,
			 int (*compare)(const void *, const void *))
{
	bool found;
	unsigned int place = sorted_place(array, *count, size, item, compare, &found);
	char *hole = (char *)array + place * size;

	if (!found)
		return -ENOENT;
	(*count)--;
	memmove(hole, hole + size, (*count - place) * size);
	return 0;
}

int model_service_put_server(struct model_service *service, const struct model_server *server)
{
	void *servers = service->servers;
	int status;

	if (service->server_count >= SERVICE_SERVERS_MAX &&
	    model_service_find_server(service, &server->addr, server->port) == NULL)
		return -ENOSPC;
	status = sorted_put(&servers, &service->server_count, sizeof(*server), server,
			    server_compare_items);
	service->servers = servers;
	return status;
}

struct model_server *model_service_find_server(const struct model_service *service,
					       const struct addr *addr, uint16_t port)
{
	struct model_server key = {.addr = *addr, .port = port};
	bool found;
	unsigned int place = sorted_place(service->servers, service->server_count, sizeof(key),
					  &key, server_compare_items, &found);

	return found ? &service->servers[place] : NULL;
}

int model_service_remove_server(struct model_service *service, const struct addr *addr,
				uint16_t port)
{
	struct model_server key = {.addr = *addr, .port = port};

	return sorted_remove(service->servers, &service->server_count, sizeof(key), &key,
			     server_compare_items);
}

int model_local_put(struct model_local **locals, unsigned int *count,
		    const struct model_local *local)
{
	void *array = *locals;
	int status = sorted_put(&array, count, sizeof(*local), local, local_compare_items);

	*locals = array;
	return status;
}

struct model_local *model_local_find(struct model_local *locals, unsigned int count,
				     const struct addr *addr)
{
	struct model_local key = {.addr = *addr};
	bool found;
	unsigned int place = sorted_place(locals, count, sizeof(key), &key, local_compare_items,
					  &found);

	return found ? &locals[place] : NULL;
}

int model_local_remove(struct model_local *locals, unsigned int *count, const struct addr *addr)
{
	struct model_local key = {.addr = *addr};

	return sorted_remove(locals, count, sizeof(key), &key, local_compare_items);
}

bool model_locals_equal(const struct model_local *a, unsigned int a_count,
			const struct model_local *b, unsigned int b_count)
{
	if (a_count != b_count)
		return false;
	for (unsigned int i = 0; i < a_count; i++) {
		if (local_compare(&a[i], &b[i]) != 0 || strcmp(a[i].iface, b[i].iface) != 0 ||
		    a[i].unclaimed != b[i].unclaimed)
			return false;
	}
	return true;
}

/* The whole */

void model_start(void)
{
	struct timespec now;

	model.timeouts = timeouts_default;
	clock_gettime(CLOCK_REALTIME, &now);
	model.check_generation = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	model.check_first = model.check_generation;
}

void model_stop(void)
{
	match_numbers_stop();
	marks_stop();
	acl_stop();
	sets_stop();
	for (uint32_t i = 0; i < model.services.capacity; i++)
		model_service_free(model.services.slots[i]);
	keyed_free(&model.services);
	free(model.by_number);
	free(model.pool);
	model.by_number = NULL;
	model.pool = NULL;
	model.numbers = 0;
	model.server_count = 0;
	model.pool_count = 0;
}

struct model_service *model_find(const struct service_key *key)
{
	return keyed_find(&model.services, key);
}

struct model_service *model_next(uint32_t *cursor)
{
	while (*cursor < model.numbers) {
		struct model_service *service = model.by_number[(*cursor)++];

		if (service != NULL)
			return service;
	}
	return NULL;
}

struct model_service *model_by_number(uint32_t number)
{
	return number < model.numbers ? model.by_number[number] : NULL;
}

unsigned int model_service_count(void)
{
	return model.services.count;
}

unsigned int model_server_count(void)
{
	return model.server_count;
}

const struct model_local *model_pool(unsigned int *count)
{
	*count = model.pool_count;
	return model.pool;
}

const struct timeouts *model_timeouts(void)
{
	return &model.timeouts;
}

uint64_t model_generation(void)
{
	return model.generation;
}

uint64_t model_check_generation(void)
{
	return model.check_generation;
}

uint64_t model_check_first_generation(void)
{
	return model.check_first;
}

static bool has_checks(const struct model_service *service)
{
	for (unsigned int i = 0; service != NULL && i < service->server_count; i++) {
		if (model_server_is_checked(service, &service->servers[i]))
			return true;
	}
	return false;
}

static bool checks_differ(const struct model_service *a, const struct model_service *b)
{
	if (a == NULL || b == NULL || a->check != b->check || a->server_count != b->server_count)
		return true;
	for (unsigned int i = 0; i < a->server_count; i++) {
		if (a->servers[i].check != b->servers[i].check ||
		    a->servers[i].vni != b->servers[i].vni ||
		    model_server_compare(&a->servers[i], &b->servers[i]) != 0)
			return true;
	}
	return false;
}

static void check_generation_count(const struct model_service *old, const struct model_service *new)
{
	if ((has_checks(old) || has_checks(new)) && checks_differ(old, new))
		model.check_generation++;
}

int model_reserve(uint32_t highest_number, uint32_t services)
{
	struct model_service **larger;
	uint32_t numbers = model.numbers ? model.numbers : 64;

	if (keyed_reserve(&model.services, services) < 0)
		return -ENOMEM;
	if (highest_number < model.numbers)
		return 0;
	while (numbers <= highest_number)
		numbers *= 2;
	larger = realloc(model.by_number, numbers * sizeof(struct model_service *));
	if (larger == NULL)
		return -ENOMEM;
	memset(larger + model.numbers, 0, (numbers - model.numbers) * sizeof(*larger));
	model.by_number = larger;
	model.numbers = numbers;
	return 0;
}

static struct model_service *service_take(const struct service_key *key)
{
	struct model_service *old = keyed_remove(&model.services, key);

	model.generation++;
	if (old != NULL) {
		model.by_number[old->number] = NULL;
		model.server_count -= old->server_count;
	}
	return old;
}

struct model_service *model_replace(struct model_service *service)
{
	struct model_service *old = service_take(&service->key);

	keyed_insert(&model.services, service); // model_reserve() made room
	model.by_number[service->number] = service;
	model.server_count += service->server_count;
	check_generation_count(old, service);
	return old;
}

struct model_service *model_take(const struct service_key *key)
{
	struct model_service *old = service_take(key);

	check_generation_count(old, NULL);
	return old;
}

struct model_local *model_set_pool(struct model_local *pool, unsigned int count)
{
	struct model_local *old = model.pool;

	model.pool = pool;
	model.pool_count = count;
	model.generation++;
	return old;
}

void model_set_timeouts(const struct timeouts *timeouts)
{
	model.timeouts = *timeouts;
	model.generation++;
}
