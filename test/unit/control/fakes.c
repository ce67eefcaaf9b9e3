/* SPDX-License-Identifier: BSD-3-Clause */
#include "fakes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>

#include "balance/access.h"
#include "balance/counts.h"
#include "control/claim.h"
#include "control/keyed.h"
#include "control/loop.h"
#include "control/publish.h"
#include "control/remains.h"
#include "io/eal.h"
#include "io/pool.h"
#include "io/rcu.h"
#include "net/iface.h"
#include "net/kernel.h"
#include "path/trace.h"
#include "session/cookie.h"

enum { FAKE_SERVERS = 1 << 17, FAKE_ADDRESSES = 4096, FAKE_ROUTES = 64 };

struct fake fake;

/* Access lists and sets are the real ones, over no workers, for as long as a test program runs. */
__attribute__((constructor)) static void access_begin(void)
{
	if (access_start(0) < 0)
		abort();
}

/* Services: a copy of each spec */

struct published {
	struct service_key key;
	struct service_spec spec;
};

static struct keyed published = KEYED_INIT(sizeof(struct service_key));
static uint32_t number_high;
static uint32_t numbers[FAKE_SERVERS];
static unsigned int number_count;

static bool fails(int *in)
{
	return *in > 0 && --*in == 0;
}

static void published_free(struct published *p)
{
	if (p == NULL)
		return;
	free((void *)p->spec.servers);
	free((void *)p->spec.locals);
	free((void *)p->spec.scheduler);
	free((void *)p->spec.mode);
	free(p);
}

static void *copy(const void *bytes, size_t size)
{
	void *to = malloc(size + 1);

	if (size > 0)
		memcpy(to, bytes, size);
	return to;
}

int service_publish(const struct service_spec *spec, struct error *error)
{
	struct published *p;

	if (fails(&fake.publish_fails_in))
		return error_set(error, -ENOSPC, "servers", "the fake has no room");
	for (unsigned int i = 0; i < spec->server_count; i++)
		assert_true(server_table[spec->servers[i].server].in_use);
	for (unsigned int i = 0; i < spec->local_count; i++)
		assert_int_not_equal(spec->locals[i].iface, 0);
	assert_true(spec->number > 0 && spec->timeouts >= 0);
	p = malloc(sizeof(*p));
	p->key = spec->key;
	p->spec = *spec;
	p->spec.servers = copy(spec->servers, spec->server_count * sizeof(*spec->servers));
	p->spec.locals = copy(spec->locals, spec->local_count * sizeof(*spec->locals));
	p->spec.scheduler = strdup(spec->scheduler);
	p->spec.mode = strdup(spec->mode);
	published_free(keyed_remove(&published, &spec->key));
	keyed_insert(&published, p);
	fake.publishes++;
	return 0;
}

int service_withdraw(const struct service_key *key)
{
	struct published *p = keyed_remove(&published, key);

	if (p == NULL)
		return -ENOENT;
	published_free(p);
	fake.withdraws++;
	return 0;
}

uint32_t service_number_take(void)
{
	if (number_count > 0)
		return numbers[--number_count];
	return ++number_high;
}

void service_number_free(uint32_t number)
{
	assert_true(number > 0);
	numbers[number_count++] = number;
	fake.numbers_free++;
}

static const char *const schedulers[] = {"rr", "wrr", "wlc", NULL};
static const char *const modes[] = {"fullnat", "nat", "dr", "tunnel", "snat", NULL};

static bool among(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

bool scheduler_exists(const char *name)
{
	return among(name, schedulers);
}

bool mode_exists(const char *name)
{
	return among(name, modes);
}

const char *const *scheduler_names(void)
{
	return schedulers;
}

const char *const *mode_names(void)
{
	return modes;
}

const struct service_spec *fake_service(const char *protocol, const char *vip, uint16_t port)
{
	struct service_key key = key_of(protocol, vip, port);
	const struct published *p = keyed_find(&published, &key);

	return p ? &p->spec : NULL;
}

unsigned int fake_service_count(void)
{
	return published.count;
}

const struct service_server *fake_server(const struct service_spec *spec, const char *address)
{
	struct addr addr;

	assert_int_equal(addr_parse(address, &addr), 0);
	for (unsigned int i = 0; i < spec->server_count; i++)
		if (addr_equal(&server_table[spec->servers[i].server].addr, &addr))
			return &spec->servers[i];
	return NULL;
}

/* Servers */

static struct server servers[FAKE_SERVERS];
struct server *server_table = servers;
static uint32_t leaving[FAKE_SERVERS], server_numbers[FAKE_SERVERS];
static unsigned int leaving_count, server_number_count, server_high;

uint32_t server_create(const struct addr *addr, uint16_t port, uint8_t protocol, uint32_t service)
{
	uint32_t number;

	if (fails(&fake.server_fails_in))
		return 0;
	number = server_number_count > 0 ? server_numbers[--server_number_count] : ++server_high;
	assert_true(number < FAKE_SERVERS);
	servers[number] = (struct server){
		.addr = *addr, .port = port, .protocol = protocol, .in_use = 1, .service = service};
	fake.servers_made++;
	return number;
}

uint32_t server_create_vm(uint32_t vni, const struct addr *addr, uint16_t port, uint8_t protocol,
			  uint32_t service)
{
	uint32_t number = server_create(addr, port, protocol, service);

	servers[number].zone = vni;
	return number;
}

void server_remove(uint32_t server)
{
	assert_int_equal(servers[server].in_use, 1);
	leaving[leaving_count++] = server;
	fake.servers_removed++;
}

unsigned int server_reap(void)
{
	while (!fake.sessions && leaving_count > 0) {
		uint32_t number = leaving[--leaving_count];

		memset(&servers[number], 0, sizeof(servers[number]));
		server_numbers[server_number_count++] = number;
	}
	return leaving_count;
}

/* Interfaces and their addresses */

static struct iface ifaces[] = {
	{.name = "dpdk0", .tap_name = "dpdk0.kni", .index = 1, .kernel_index = 1},
	{.name = "dpdk1", .tap_name = "dpdk1.kni", .index = 2, .kernel_index = 2},
};

static struct {
	struct iface *iface;
	struct prefix prefix;
} addresses[FAKE_ADDRESSES];
static unsigned int address_count;

struct iface *iface_table[IFACE_MAX] = {[1] = &ifaces[0], [2] = &ifaces[1]};

struct iface *iface_find(const char *name)
{
	for (unsigned int i = 0; i < 2; i++)
		if (strcmp(ifaces[i].name, name) == 0 || strcmp(ifaces[i].tap_name, name) == 0)
			return &ifaces[i];
	return NULL;
}

void iface_update_carrier(void)
{
}

void workers_iface_traffic(uint16_t iface, struct iface_traffic *out)
{
	memset(out, 0, sizeof(*out));
}

uint64_t kernel_address_generation(void)
{
	return fake.address_generation;
}

struct iface *kernel_address_owner(const struct addr *address)
{
	for (unsigned int i = 0; i < address_count; i++)
		if (addr_equal(&addresses[i].prefix.addr, address))
			return addresses[i].iface;
	return NULL;
}

int kernel_address_add(struct iface *iface, const struct prefix *address)
{
	if (fails(&fake.address_fails_in))
		return -EPERM;
	if (kernel_address_owner(&address->addr) == iface)
		return -EEXIST;
	assert_true(address_count < FAKE_ADDRESSES);
	addresses[address_count].iface = iface;
	addresses[address_count++].prefix = *address;
	fake.address_generation++;
	return 0;
}

int kernel_address_put(struct iface *iface, const struct kernel_address *address, bool exclusive)
{
	const struct kernel_address *had = kernel_address_get(iface, &address->prefix);

	if (had && exclusive)
		return -EEXIST;
	if (!had) {
		int status = kernel_address_add(iface, &address->prefix);

		if (status < 0)
			return status;
		had = kernel_address_get(iface, &address->prefix);
	}
	*(struct kernel_address *)had = *address;
	return 0;
}

const struct kernel_address *kernel_address_get(const struct iface *iface,
						const struct prefix *prefix)
{
	static struct kernel_address known[FAKE_ADDRESSES];

	for (unsigned int i = 0; i < address_count; i++) {
		if (addresses[i].iface == iface && addresses[i].prefix.len == prefix->len &&
		    addr_equal(&addresses[i].prefix.addr, &prefix->addr)) {
			known[i].prefix = *prefix;
			return &known[i];
		}
	}
	return NULL;
}

bool kernel_address_known(const struct addr *address)
{
	return kernel_address_owner(address) != NULL;
}

int kernel_address_delete(struct iface *iface, const struct prefix *address)
{
	for (unsigned int i = 0; i < address_count; i++) {
		if (addresses[i].iface == iface &&
		    addr_equal(&addresses[i].prefix.addr, &address->addr)) {
			addresses[i] = addresses[--address_count];
			fake.address_generation++;
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}

/* Routes and neighbours: those that were put, by destination and metric, or address */

static struct kernel_route routes[FAKE_ROUTES];
static unsigned int route_count, neighbour_count;
static struct addr neighbours[FAKE_ROUTES];

static struct kernel_route *route_of(const struct kernel_route *route)
{
	for (unsigned int i = 0; i < route_count; i++)
		if (routes[i].prefix.len == route->prefix.len &&
		    addr_equal(&routes[i].prefix.addr, &route->prefix.addr) &&
		    (!route->metric || routes[i].metric == route->metric))
			return &routes[i];
	return NULL;
}

int kernel_route_put(const struct kernel_route *route, bool exclusive)
{
	struct kernel_route *had = route_of(route);

	if (fake.route_code)
		return fake.route_code;
	if (had && exclusive)
		return -EEXIST;
	assert_true(route_count < FAKE_ROUTES);
	*(had ? had : &routes[route_count++]) = *route;
	return 0;
}

int kernel_route_delete(const struct kernel_route *route)
{
	struct kernel_route *had = route_of(route);

	if (!had)
		return -ESRCH;
	*had = routes[--route_count];
	return 0;
}

bool kernel_route_present(const struct kernel_route *route)
{
	return route_of(route) != NULL;
}

struct iface *kernel_route_iface(const struct addr *address)
{
	for (unsigned int i = 0; i < route_count; i++)
		if (prefix_contains(&routes[i].prefix, address))
			return routes[i].iface;
	return NULL;
}

struct iface *kernel_route_towards(const struct addr *address)
{
	return kernel_route_iface(address);
}

const struct kernel_route *fake_route(const char *destination)
{
	struct kernel_route route = {.metric = 0};

	assert_int_equal(prefix_parse(destination, &route.prefix), 0);
	return route_of(&route);
}

void fake_link_went_down(const char *interface)
{
	struct iface *iface = iface_find(interface);

	for (unsigned int i = 0; i < route_count;) {
		if (routes[i].iface == iface)
			routes[i] = routes[--route_count];
		else
			i++;
	}
	iface->ups++;
}

int kernel_neighbour_put(const struct iface *iface, const struct addr *address,
			 const struct rte_ether_addr *mac, bool exclusive)
{
	kernel_neighbour_delete(iface, address);
	neighbours[neighbour_count++] = *address;
	return 0;
}

int kernel_neighbour_delete(const struct iface *iface, const struct addr *address)
{
	for (unsigned int i = 0; i < neighbour_count; i++) {
		if (addr_equal(&neighbours[i], address)) {
			neighbours[i] = neighbours[--neighbour_count];
			return 0;
		}
	}
	return -ENOENT;
}

int kernel_link_set_up(int index, bool up)
{
	return 0;
}

int kernel_link_set_mac(int index, const struct rte_ether_addr *mac)
{
	return 0;
}

const char *kernel_reason(int code)
{
	return strerror(-code);
}

unsigned int kernel_networks(struct kernel_network *out, unsigned int max)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < address_count && count < max; i++) {
		const struct prefix *prefix = &addresses[i].prefix;

		if (prefix->len < (prefix->addr.family == AF_INET ? 32 : 128))
			out[count++] = (struct kernel_network){addresses[i].iface,
							       addresses[i].prefix};
	}
	return count;
}

bool fake_has_address(const char *address)
{
	struct addr addr;

	assert_int_equal(addr_parse(address, &addr), 0);
	return kernel_address_owner(&addr) != NULL;
}

void fake_add_address(const char *interface, const char *address)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(address, &prefix), 0);
	assert_int_equal(kernel_address_add(iface_find(interface), &prefix), 0);
}

unsigned int fake_address_count(void)
{
	return address_count;
}

int kernel_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fd;
}

void kernel_read(void)
{
}

void kernel_tick(void)
{
}

/* Two routes, in pieces of one. */
struct kernel_listing {
	unsigned int told;
};

struct kernel_listing *kernel_listing_open(void)
{
	return calloc(1, sizeof(struct kernel_listing));
}

json_t *kernel_listing_next(struct kernel_listing *listing, unsigned int prefixes)
{
	static const char *const destinations[] = {"10.0.0.0/24", "192.168.100.0/24"};

	if (listing->told == 2)
		return NULL;
	return json_pack("[{s:s}]", "destination", destinations[listing->told++]);
}

void kernel_listing_close(struct kernel_listing *listing)
{
	free(listing);
}

json_t *kernel_neighbours_json(void)
{
	return json_array();
}

json_t *kernel_addresses_json(void)
{
	return json_array();
}

unsigned int port_count(void)
{
	return 0;
}

struct port *port_get(unsigned int index)
{
	return NULL;
}

struct port *port_find(const char *name)
{
	return NULL;
}

void workers_ports(void (*visit)(unsigned int worker, const struct port_use *use, void *arg),
		   void *arg)
{
}

struct rte_mempool *pool_get(int socket)
{
	return NULL;
}

struct service_count *counts_services(unsigned int worker)
{
	return NULL;
}

bool port_poll_links(void)
{
	return false;
}

bool eal_uses_hugepages(void)
{
	return false;
}

size_t pool_bytes(void)
{
	return 1 << 20;
}

/* Grace periods */

uint64_t rcu_token(void)
{
	return ++fake.tokens;
}

bool rcu_passed(uint64_t token)
{
	return !fake.grace_held;
}

unsigned int rcu_poll(void)
{
	return 0;
}

/* Workers */

static const struct session_view *sessions;
static unsigned int session_count;

void fake_set_sessions(const struct session_view *views, unsigned int count)
{
	sessions = views;
	session_count = count;
}

unsigned int workers_count(void)
{
	return 2;
}

void workers_tick(void)
{
}

void workers_learn(void)
{
}

void cookie_tick(uint64_t now)
{
}

uint64_t workers_table_bytes(void)
{
	return 1 << 20;
}

void workers_server_share(unsigned int worker, uint32_t server, struct traffic *out)
{
	*out = (struct traffic){.connections = worker};
}

void workers_service_share(unsigned int worker, uint32_t service, struct traffic *out)
{
	*out = (struct traffic){.connections = worker};
}

void workers_server_traffic(uint32_t server, struct traffic *out)
{
	*out = (struct traffic){.connections = server, .packets_in = 10 * fake.passes};
}

void workers_service_traffic(uint32_t service, struct traffic *out)
{
	*out = (struct traffic){.connections = service, .packets_in = 100 * fake.passes};
}

uint64_t workers_pass_begin(void)
{
	return ++fake.passes;
}

bool workers_pass_over(uint64_t pass)
{
	return !fake.pass_held;
}

void worker_stats(unsigned int worker, struct worker_stats *out)
{
	*out = (struct worker_stats){.cpu = -1, .packets = 7, .sessions = session_count};
}

uint64_t worker_drops(unsigned int worker, unsigned int reason)
{
	return reason == 1 ? 5 : 0;
}

bool workers_session_next(uint64_t *cursor, unsigned int budget, struct session_view *out,
			  bool *found)
{
	*found = *cursor < session_count;
	if (*found)
		*out = sessions[(*cursor)++];
	return *found;
}

/* Trace and capture: one line, one block */

static unsigned int trace_lines;

int trace_begin(const struct packet_filter *filter, uint32_t packets)
{
	if (trace_lines > 0)
		return -EBUSY;
	trace_lines = packets + 1;
	return 0;
}

bool trace_read(char *text, unsigned int size)
{
	if (trace_lines <= 1)
		return false;
	snprintf(text, size, "packet %u", --trace_lines);
	return true;
}

bool trace_finished(void)
{
	return trace_lines == 1;
}

void trace_end(void)
{
	trace_lines = 0;
}

int capture_begin(const struct packet_filter *filter, uint32_t packets, uint16_t snap_length)
{
	return -EBUSY;
}

unsigned int capture_read(uint8_t *bytes, unsigned int size)
{
	return 0;
}

bool capture_finished(void)
{
	return true;
}

void capture_end(void)
{
}

/* Helpers */

void fake_reset(void)
{
	for (uint32_t i = 0; i < published.capacity; i++)
		published_free(published.slots[i]);
	keyed_free(&published);
	memset(servers, 0, sizeof(servers));
	number_high = number_count = server_high = server_number_count = leaving_count = 0;
	address_count = 0;
	route_count = neighbour_count = 0;
	session_count = 0;
	trace_lines = 0;
	memset(&fake, 0, sizeof(fake));
}

json_t *json_of(const char *text)
{
	char *quoted = strdup(text);
	json_error_t where;
	json_t *json;

	for (char *c = quoted; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = json_loads(quoted, JSON_REJECT_DUPLICATES, &where);
	if (json == NULL)
		fail_msg("%s in %s", where.text, text);
	free(quoted);
	return json;
}

struct service_key key_of(const char *protocol, const char *vip, uint16_t port)
{
	struct service_key key = {.port = port};

	key.protocol = strcasecmp(protocol, "tcp") == 0 ? IPPROTO_TCP : IPPROTO_UDP;
	assert_int_equal(addr_parse(vip, &key.vip), 0);
	return key;
}

struct document document_of(const char *text)
{
	const struct document_source source = {.origin = ORIGIN_FILE};
	struct document document;
	struct error error = {0};
	json_t *json = json_of(text);

	if (document_decode(json, &source, &document, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
	json_decref(json);
	return document;
}

int apply_text(const char *text, struct error *error)
{
	struct document document = document_of(text);
	struct edit edit = {0};
	int status = edit_apply(&edit, &document, error);

	if (status == 0)
		status = publish_edit(&edit, error);
	edit_free(&edit);
	document_free(&document);
	return status;
}

void settle(void)
{
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(loop_round(0), 0);
}
