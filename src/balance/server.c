/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/address_set.h"
#include "balance/counts.h"
#include "balance/overload.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/rcu.h"
#include "net/nexthop.h"
#include "tunnel/source.h"
#include "tunnel/template.h"
#include "tunnel/vm_table.h"
#include "net/retire.h"

/*
 * A number goes through three states: in use by a service; leaving, while sessions of it live or a
 * worker may still hold the service that names it; free. The list of leaving numbers is short, so
 * that reaping looks at few counters.
 */
struct leaving {
	uint32_t server;
	uint64_t token; // after it no worker can make a session of the server
};

struct server *server_table;
uint32_t *server_path;

static struct memory server_memory, path_memory;
static uint32_t *free_numbers;
static uint32_t free_count, high;
static struct leaving *leaving;
static uint32_t leaving_count, leaving_room;

int server_start(void)
{
	free_numbers = calloc(SERVER_MAX, sizeof(*free_numbers));
	if (!free_numbers)
		return -ENOMEM;
	if (memory_map(&server_memory, "servers", SERVER_MAX * sizeof(struct server),
		       MEMORY_SMALL) < 0)
		goto free_list;
	if (memory_map(&path_memory, "server-paths", SERVER_MAX * sizeof(uint32_t), MEMORY_LARGE) <
	    0)
		goto unmap_servers;
	if (template_start(SERVER_MAX) < 0)
		goto unmap_paths;
	if (source_start() < 0)
		goto stop_templates;
	server_table = server_memory.base;
	server_path = path_memory.base;
	return 0;

stop_templates:
	template_stop();
unmap_paths:
	memory_unmap(&path_memory);
unmap_servers:
	memory_unmap(&server_memory);
free_list:
	free(free_numbers);
	free_numbers = NULL;
	return -ENOMEM;
}

void server_stop(void)
{
	overload_stop();
	source_stop();
	template_stop();
	memory_unmap(&path_memory);
	memory_unmap(&server_memory);
	server_path = NULL;
	server_table = NULL;
	free(free_numbers);
	free_numbers = NULL;
	free(leaving);
	leaving = NULL;
	free_count = high = leaving_count = leaving_room = 0;
}

/* The number of a server that is otherwise complete, 0: there is none left. */
static uint32_t server_enter(struct server *server)
{
	uint32_t number;

	if (free_count > 0)
		number = free_numbers[--free_count];
	else if (high + 1 < SERVER_MAX)
		number = ++high;
	else
		return 0;
	for (unsigned int i = 0; i < counts_workers(); i++)
		memset(&counts_servers(i)[number], 0, sizeof(struct server_count));
	server->generation = server_table[number].generation + 1;
	server->sticky = 1;
	server->in_use = 1;
	server_table[number] = *server;
	server_path[number] = server->path;
	return number;
}

uint32_t server_create(const struct addr *addr, uint16_t port, uint8_t protocol, uint32_t service)
{
	struct server server = {
		.addr = *addr,
		.port = port,
		.protocol = protocol,
		.path = path_watch(addr),
		.service = service,
	};
	uint32_t number = server.path ? server_enter(&server) : 0;

	if (number == 0 && server.path)
		path_release(server.path);
	return number;
}

uint32_t server_create_vm(uint32_t vni, const struct addr *addr, uint16_t port, uint8_t protocol,
			  uint32_t service)
{
	struct server server = {
		.addr = *addr,
		.port = port,
		.protocol = protocol,
		.path = PATH_NONE,
		.service = service,
		.vm = vm_hold(vni, addr),
		.zone = vni,
	};
	uint32_t number = server.vm ? server_enter(&server) : 0;

	if (number == 0 && server.vm)
		vm_let_go(server.vm);
	return number;
}

void server_set_tunnel(uint32_t server, const struct tunnel_settings *settings,
		       const struct addr *source)
{
	template_make(server, settings, &server_table[server].addr, source);
	// Where there is no room, errors about its packets go to Linux, who knows nothing of them.
	server_table[server].tunnel_end = address_set_add(ADDRESS_TUNNEL,
							  &server_table[server].addr) == 0;
}

void server_set_removed(uint32_t server, enum removed_action action)
{
	__atomic_store_n(&server_table[server].removed, action, __ATOMIC_RELAXED);
}

/*
 * Sessions notice it where they ask for their next hop, which costs the others nothing: towards the
 * server there is none any more, and towards their clients all look again.
 */
void server_set_gone(uint32_t server, enum removed_action action)
{
	struct server *s = &server_table[server];

	if (s->gone == action)
		return;
	__atomic_store_n(&s->gone, action, __ATOMIC_RELEASE);
	__atomic_store_n(&server_path[server], action == REMOVED_KEEP ? s->path : PATH_NONE,
			 __ATOMIC_RELEASE);
	route_changed();
}

void server_set_sticky(uint32_t server, bool sticky)
{
	__atomic_store_n(&server_table[server].sticky, sticky, __ATOMIC_RELAXED);
}

void server_remove(uint32_t server)
{
	assert(server_table[server].in_use);
	server_set_gone(server, server_table[server].removed);
	if (leaving_count == leaving_room) {
		uint32_t room = leaving_room ? leaving_room * 2 : 64;
		struct leaving *more = realloc(leaving, room * sizeof(*more));

		if (!more) {
			// The number is lost until the next start; nothing else depends on it.
			log_error("out of memory: server number %u is not freed", server);
			return;
		}
		leaving = more;
		leaving_room = room;
	}
	leaving[leaving_count++] = (struct leaving){.server = server, .token = rcu_token()};
}

int server_hold_address(uint32_t server, uint16_t iface)
{
	if (server_table[server].held)
		return 0;
	if (address_set_add_local(&server_table[server].addr, iface) < 0)
		return -ENOSPC;
	server_table[server].held = 1;
	return 0;
}

static bool server_is_idle(uint32_t server)
{
	for (unsigned int i = 0; i < counts_workers(); i++) {
		const struct server_count *c = &counts_servers(i)[server];

		if (__atomic_load_n(&c->active, __ATOMIC_RELAXED) ||
		    __atomic_load_n(&c->inactive, __ATOMIC_RELAXED))
			return false;
	}
	return true;
}

unsigned int server_reap(void)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < leaving_count; i++) {
		uint32_t number = leaving[i].server;

		if (!rcu_passed(leaving[i].token) || !server_is_idle(number)) {
			leaving[kept++] = leaving[i];
			continue;
		}
		if (server_table[number].vm)
			vm_let_go(server_table[number].vm);
		else
			path_release(server_table[number].path);
		template_clear(number);
		overload_set(number, 0, 0);
		if (server_table[number].tunnel_end)
			address_set_remove(ADDRESS_TUNNEL, &server_table[number].addr);
		if (server_table[number].held)
			address_set_remove(ADDRESS_LOCAL, &server_table[number].addr);
		server_table[number] =
			(struct server){.generation = server_table[number].generation};
		free_numbers[free_count++] = number;
	}
	leaving_count = kept;
	return kept;
}

uint32_t server_highest(void)
{
	return high;
}
