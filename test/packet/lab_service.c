/* SPDX-License-Identifier: BSD-3-Clause */

/* Services of the lab, published as the control thread does it. */
#include "lab_parts.h"

#include <stdio.h>
#include <string.h>

#include "balance/overload.h"
#include "balance/service.h"
#include "base/hash.h"
#include "base/match.h"
#include "io/rcu.h"
#include "session/uoa.h"

enum { SERVICES = 32, DEPARTED = 64 };

static struct {
	struct service_key key;
	uint32_t number;
	int timeouts;
	struct service_server servers[LAB_LIST];
	char endpoint[LAB_LIST][ENDPOINT_TEXT];
	unsigned int server_count;
} services[SERVICES];

static uint32_t departed[DEPARTED]; // numbers of services that were withdrawn
static unsigned int departed_count;

/* The place of a service in our list, or an empty one. */
static unsigned int service_place(const struct service_key *key)
{
	unsigned int empty = SERVICES;

	for (unsigned int i = 0; i < SERVICES; i++) {
		if (services[i].number == 0)
			empty = RTE_MIN(empty, i);
		else if (memcmp(&services[i].key, key, sizeof(*key)) == 0)
			return i;
	}
	assert_true(empty < SERVICES);
	return empty;
}

static void match_of(const char *text, struct match *match)
{
	struct error error;

	if (match_parse(text, match, &error) < 0)
		fail_msg("%s: %s: %s", text, error.field, error.text);
}

static uint16_t match_iface(const char *name)
{
	return strcmp(name, "dpdk0") == 0 ? CLIENTS : strcmp(name, "dpdk1") == 0 ? SERVERS : 0;
}

static struct service_key service_key(uint32_t vni, const char *vip, uint8_t protocol)
{
	struct service_key key;

	memset(&key, 0, sizeof(key));
	if (strchr(vip, '=')) {
		struct match match;

		match_of(vip, &match);
		key.vip.family = match.family;
		key.protocol = match.protocol;
		key.kind = SERVICE_MATCH;
		key.mark = (uint32_t)hash_stable(&match, sizeof(match));
		return key;
	}
	assert_int_equal(endpoint_parse(vip, &key.vip, &key.port), 0);
	key.zone = vni;
	key.protocol = protocol ? protocol : IPPROTO_TCP;
	return key;
}

/* The key of what a test describes. */
static struct service_key spec_key(const struct lab_service *spec)
{
	struct service_key key = service_key(spec->vni, spec->vip, spec->protocol);

	key.port_end = spec->port_end;
	if (spec->mark) {
		struct service_key mark = {.kind = SERVICE_MARK, .mark = spec->mark};

		mark.vip.family = key.vip.family;
		return mark;
	}
	return key;
}

/* The number of a server that the service has already, or a new one. */
static uint32_t service_server(unsigned int place, const char *endpoint,
			       const struct lab_service *spec)
{
	static const struct tunnel_settings ipip = {.type = TUNNEL_IPIP};
	static const struct addr nowhere;
	struct addr addr;
	uint16_t port;
	uint32_t number;

	for (unsigned int i = 0; i < services[place].server_count; i++)
		if (strcmp(services[place].endpoint[i], endpoint) == 0)
			return services[place].servers[i].server;
	assert_int_equal(endpoint_parse(endpoint, &addr, &port), 0);
	if (spec->server_vni)
		return server_create_vm(spec->server_vni, &addr, rte_cpu_to_be_16(port),
					services[place].key.protocol, services[place].number);
	number = server_create(&addr, rte_cpu_to_be_16(port), services[place].key.protocol,
			       services[place].number);
	assert_int_not_equal(number, 0);
	if (spec->mode && strcmp(spec->mode, "tunnel") == 0)
		server_set_tunnel(number, spec->tunnel ? spec->tunnel : &ipip, &nowhere);
	return number;
}

static void servers_leave(const struct service_server *before, unsigned int before_count,
			  const struct service_server *now, unsigned int now_count)
{
	for (unsigned int i = 0; i < before_count; i++) {
		bool stays = false;

		for (unsigned int j = 0; j < now_count; j++)
			stays |= now[j].server == before[i].server;
		if (!stays)
			server_remove(before[i].server);
	}
}

static unsigned int locals_fill(const struct lab_service *spec, bool ipv6,
				struct service_local locals[LAB_LIST])
{
	unsigned int count = 0;

	for (; count < LAB_LIST && (count == 0 || spec->locals[count]); count++) {
		const char *text = spec->locals[count];

		memset(&locals[count], 0, sizeof(locals[count]));
		text = text ? text : ipv6 ? LOCAL6 : LOCAL;
		assert_int_equal(addr_parse(text, &locals[count].addr), 0);
		locals[count].iface = spec->iface ? spec->iface : SERVERS;
	}
	return count;
}

static void quic_ids_fill(const struct lab_service *spec, struct quic_server_id ids[LAB_LIST],
			  const struct quic_server_id *places[LAB_LIST])
{
	memset(ids, 0, LAB_LIST * sizeof(*ids));
	for (unsigned int i = 0; i < LAB_LIST; i++) {
		places[i] = &ids[i];
		if (spec->quic_ids[i]) {
			ids[i].length = strlen(spec->quic_ids[i]);
			memcpy(ids[i].bytes, spec->quic_ids[i], ids[i].length);
		}
	}
}

uint32_t lab_service(const struct lab_service *spec)
{
	struct service_key key = spec_key(spec);
	unsigned int place = service_place(&key), count = 0;
	bool ipv6 = key.vip.family == AF_INET6;
	struct service_server servers[LAB_LIST];
	char endpoint[LAB_LIST][ENDPOINT_TEXT];
	struct service_local locals[LAB_LIST];
	const struct quic_server_id *quic_places[LAB_LIST];
	struct quic_server_id quic_ids[LAB_LIST];
	struct error error = {0};
	struct service_spec published;
	struct match match;

	if (services[place].number == 0) {
		services[place].key = key;
		services[place].number = service_number_take();
		services[place].timeouts = timeout_acquire(spec->timeouts ? spec->timeouts
									  : &timeouts_default);
	}
	for (; count < LAB_LIST && (count == 0 || spec->servers[count]); count++) {
		const char *text = spec->servers[count];

		text = text ? text : ipv6 ? "[" SERVER6 "]:80" : SERVER ":80";
		snprintf(endpoint[count], sizeof(endpoint[count]), "%s", text);
		servers[count].server = service_server(place, text, spec);
		servers[count].weight = spec->drained[count]   ? 0
					: spec->weights[count] ? spec->weights[count]
							       : 1;
	}
	quic_ids_fill(spec, quic_ids, quic_places);
	published = (struct service_spec){
		.key = key,
		.number = services[place].number,
		.scheduler = spec->scheduler ? spec->scheduler : "rr",
		.mode = spec->mode ? spec->mode : "fullnat",
		.timeouts = services[place].timeouts,
		.unknown_tcp = spec->drop_unknown   ? UNKNOWN_DROP
			       : spec->hash_unknown ? UNKNOWN_HASH
						    : UNKNOWN_RESET,
		.mss = spec->mss,
		.hash_target = spec->qid ? HASH_QUIC : HASH_SOURCE,
		.quic = spec->quic,
		.quic_ids = quic_places,
		.one_packet = spec->one_packet,
		.symmetric_return = spec->symmetric,
		.proxy_protocol = spec->proxy,
		.client_address = spec->uoa   ? spec->uoa
				  : spec->toa ? CLIENT_ADDRESS_TOA
					      : CLIENT_ADDRESS_NONE,
		.uoa_max_trail = spec->trail ? spec->trail : UOA_TRAIL,
		.syn_proxy = spec->syn_proxy,
		.persistent = spec->persistent,
		.persistent_bits = spec->persistent_bits ? spec->persistent_bits
				   : ipv6		 ? 128
							 : 32,
		.servers = servers,
		.server_count = count,
		.locals = locals,
		.local_count = locals_fill(spec, ipv6, locals),
	};
	if (key.kind == SERVICE_MATCH) {
		match_of(spec->vip, &match);
		published.mode = "snat";
		published.match = &match;
		published.match_in = match_iface(match.in);
		published.match_out = match_iface(match.out);
		published.local_count = 0;
	}
	for (unsigned int i = 0; i < count; i++) {
		server_set_removed(servers[i].server, spec->removed);
		assert_int_equal(overload_set(servers[i].server, spec->upper[i], spec->lower[i]),
				 0);
	}
	published.limit_reaction = spec->limits.reaction;
	assert_int_equal(limit_set(published.number, &spec->limits), 0);
	assert_int_equal(service_publish(&published, &error), 0);
	servers_leave(services[place].servers, services[place].server_count, servers, count);
	memcpy(services[place].servers, servers, sizeof(servers));
	memcpy(services[place].endpoint, endpoint, sizeof(endpoint));
	services[place].server_count = count;
	rcu_poll();
	return services[place].number;
}

/* The number is given back later: sessions still count on it. */
static void service_withdraw_at(unsigned int place)
{
	assert_int_equal(service_withdraw(&services[place].key), 0);
	servers_leave(services[place].servers, services[place].server_count, NULL, 0);
	timeout_release(services[place].timeouts);
	assert_true(departed_count < DEPARTED);
	departed[departed_count++] = services[place].number;
	memset(&services[place], 0, sizeof(services[place]));
	rcu_poll();
}

void lab_withdraw(const char *vip, uint8_t protocol)
{
	struct service_key key = service_key(0, vip, protocol);

	service_withdraw_at(service_place(&key));
}

void lab_withdraw_all(void)
{
	for (unsigned int i = 0; i < SERVICES; i++)
		if (services[i].number)
			service_withdraw_at(i);
	while (departed_count > 0)
		service_number_free(departed[--departed_count]);
}

uint32_t lab_server(const char *endpoint)
{
	for (unsigned int i = 0; i < SERVICES; i++)
		for (unsigned int j = 0; j < services[i].server_count; j++)
			if (strcmp(services[i].endpoint[j], endpoint) == 0)
				return services[i].servers[j].server;
	fail_msg("no server %s", endpoint);
	return 0;
}
