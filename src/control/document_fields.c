/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/document_fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "balance/persistence.h"
#include "control/bfd_gate.h"
#include "control/decode.h"
#include "control/mode_check.h"
#include "control/server_drain.h"
#include "session/uoa.h"
#include "tunnel/vm_table.h"

/*
 * Everything is checked here that can be known without asking the data plane. Fields of features
 * that are still to come are known, so that a file written for them is refused with the reason;
 * a value that only says "off" is taken.
 */
const char *const document_scheduler_flags[] = {"port", "fallback", NULL};
const char *const document_hash_targets[] = {"sip", "qid", NULL};
const char *const document_removed_words[] = {"keep", "reset", "reschedule", NULL};
const char *const document_client_address_words[] = {"toa", "none", "uoa-option", "uoa-header",
						     NULL};
static const char *const unknown_words[] = {
	[UNKNOWN_RESET] = "reset",
	[UNKNOWN_DROP] = "drop",
	[UNKNOWN_HASH] = "hash",
	NULL,
};

/* Lists */

struct list {
	const char *items;
	size_t size;
	int (*compare)(const void *, const void *);
};

static int list_compare(const void *a, const void *b, void *arg)
{
	const struct list *list = arg;
	unsigned int i = *(const unsigned int *)a, k = *(const unsigned int *)b;
	int order = list->compare(list->items + i * list->size, list->items + k * list->size);

	return order != 0 ? order : (int)i - (int)k;
}

/* Sort a list that was decoded in the order of the document; equal entries are refused. */
static int list_sort(struct decode *d, void **items, size_t count, size_t size,
		     int (*compare)(const void *, const void *))
{
	struct list list = {.items = *items, .size = size, .compare = compare};
	unsigned int *order = malloc((count + 1) * sizeof(*order));
	char *sorted = malloc((count + 1) * size);
	int status = 0;

	if (order == NULL || sorted == NULL) {
		status = decode_fail(d, -ENOMEM, "out of memory");
		goto free_all;
	}
	for (size_t i = 0; i < count; i++)
		order[i] = (unsigned int)i;
	qsort_r(order, count, sizeof(*order), list_compare, &list);
	for (size_t i = 0; i < count; i++) {
		memcpy(sorted + i * size, list.items + order[i] * size, size);
		if (i == 0 || compare(sorted + (i - 1) * size, sorted + i * size) != 0)
			continue;
		decode_enter(d, "[%u]", order[i]);
		status = decode_fail(d, -EINVAL, "is the same as entry [%u] of this list",
				     order[i - 1]);
		goto free_all;
	}
	free(*items);
	*items = sorted;
	sorted = NULL;
free_all:
	free(sorted);
	free(order);
	return status;
}

/* Decode all entries of a list of objects into a new array, sorted. */
static int list_decode(struct decode *d, const json_t *value, size_t maximum, size_t size,
		       int (*entry)(struct decode *d, const json_t *value, void *item),
		       int (*compare)(const void *, const void *), void **items,
		       unsigned int *count)
{
	size_t length, entries;
	int status = decode_list_size(d, value, maximum, &entries);
	char *array;

	if (status < 0)
		return status;
	array = calloc(entries + 1, size);
	if (array == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	*items = array;
	for (size_t i = 0; i < entries; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = entry(d, json_array_get(value, i), array + i * size);
		if (status < 0)
			goto free_items;
		decode_leave(d, length);
	}
	status = list_sort(d, items, entries, size, compare);
	if (status < 0)
		goto free_items;
	*count = (unsigned int)entries;
	return 0;

free_items:
	free(*items);
	*items = NULL;
	return status;
}

/* Marks: read back from what was saved, ignored in what people send. */

static int decode_origin(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	const struct document_context *context = d->context;
	const char *text = json_string_value(value);

	if (!context->source->saved)
		return 0;
	for (unsigned int i = 0; text != NULL && i < ORIGIN_COUNT; i++) {
		if (strcmp(text, origin_name(i)) == 0) {
			*((uint8_t *)target + field->offset) = (uint8_t)i;
			return 0;
		}
	}
	return decode_fail(d, -EINVAL, "is no origin");
}

static int decode_overridden(struct decode *d, const json_t *value, const struct field *field,
			     void *target)
{
	const struct document_context *context = d->context;

	return context->source->saved ? decode_boolean(d, value, field, target) : 0;
}

/* What the last check said is found out, not configured: it is a mark too. */
static int decode_health(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	static const char *const words[] = {"unchecked", "up", "down", NULL};
	const struct document_context *context = d->context;
	const struct field word = {.offset = field->offset, .size = 1, .more = words};

	return context->source->saved ? decode_word(d, value, &word, target) : 0;
}

static int decode_finding(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	return 0;
}

/* A drain is asked for by a request of its own; what was saved goes on. */
static int decode_drain(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	const struct document_context *context = d->context;

	if (context->source->saved)
		*((uint8_t *)target + field->offset) = DRAIN_WAITING;
	return 0;
}

static int decode_drain_until(struct decode *d, const json_t *value, const struct field *field,
			      void *target)
{
	const struct document_context *context = d->context;
	json_int_t wall = json_integer_value(value);

	if (context->source->saved && wall > 0)
		((struct model_server *)target)->drain_until =
			server_drain_until_loop((uint64_t)wall);
	return 0;
}

/* Counters of a listing, so that what was read can be sent back. */
#define COUNTERS_IGNORED                                                                        \
	{"connections", decode_ignore}, {"active", decode_ignore}, {"inactive", decode_ignore}, \
		{"packets_in", decode_ignore}, {"packets_out", decode_ignore},                  \
		{"bytes_in", decode_ignore},                                                    \
	{                                                                                       \
		"bytes_out", decode_ignore                                                      \
	}

/* Addresses */

/* An address that one host can have. */
int document_check_unicast(struct decode *d, const struct addr *addr)
{
	char text[ADDR_TEXT];

	if (addr_is_unspecified(addr) || addr_is_multicast(addr) ||
	    (addr->family == AF_INET && addr->bytes[0] == 127) ||
	    (addr->family == AF_INET && addr->v4 == INADDR_NONE) ||
	    (addr->family == AF_INET6 &&
	     memcmp(addr->bytes, &in6addr_loopback, sizeof(addr->bytes)) == 0))
		return decode_fail(d, -EINVAL, "%s is no unicast address", addr_format(addr, text));
	return 0;
}

int document_decode_unicast(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	int status = decode_address(d, value, field, target);

	if (status < 0)
		return status;
	return document_check_unicast(d, (struct addr *)((char *)target + field->offset));
}

static int decode_interface(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	const struct document_source *source =
		((const struct document_context *)d->context)->source;
	int status = decode_text(d, value, field, target);
	const char *name = (const char *)target + field->offset;
	bool exists;

	if (status < 0)
		return status;
	exists = source->has_interface ? source->has_interface(name, source->arg)
				       : iface_find(name) != NULL;
	return exists ? 0 : decode_fail(d, -EINVAL, "there is no interface \"%s\"", name);
}

static int decode_claim(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	bool claim;
	int status = decode_boolean(d, value, &(struct field){.size = sizeof(claim)}, &claim);

	if (status == 0)
		((struct model_local *)target)->unclaimed = !claim;
	return status;
}

#define COUNTERS_IGNORED_OF_LOCAL                         \
	{"used", decode_ignore}, {"free", decode_ignore}, \
	{                                                 \
		"missed", decode_ignore                   \
	}

const struct field document_local_fields[] = {
	{"address", document_decode_unicast, FIELD_OF(struct model_local, addr), .required = true},
	{"interface", decode_interface, FIELD_OF(struct model_local, iface), .minimum = 1,
	 .required = true},
	{"claim", decode_claim},
	{"origin", decode_origin, FIELD_OF(struct model_local, origin)},
	COUNTERS_IGNORED_OF_LOCAL,
	{NULL},
};

static int local_compare(const void *a, const void *b)
{
	return addr_compare(&((const struct model_local *)a)->addr,
			    &((const struct model_local *)b)->addr);
}

static int local_entry(struct decode *d, const json_t *value, void *item)
{
	const struct document_context *context = d->context;
	struct model_local *local = item;

	local->origin = (uint8_t)context->source->origin;
	return decode_object(d, value, document_local_fields, local);
}

int document_decode_locals(struct decode *d, const json_t *value, struct model_local **locals,
			   unsigned int *count)
{
	void *items = NULL;
	int status;

	free(*locals);
	*locals = NULL;
	*count = 0;
	status = list_decode(d, value, DOCUMENT_LOCALS, sizeof(struct model_local), local_entry,
			     local_compare, &items, count);
	if (status == 0)
		*locals = items;
	return status;
}

static int decode_locals(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	struct model_service *service = target;

	return document_decode_locals(d, value, &service->locals, &service->local_count);
}

/* A word that the data plane knows, or one that it will know, or a mistake. */
static int decode_choice(struct decode *d, const json_t *value, const struct field *field,
			 void *target, bool exists(const char *), const char *const *names,
			 const char *const *later)
{
	const char *text = json_string_value(value);
	char list[128] = "";
	int status = decode_text(d, value, field, target);

	if (text == NULL || exists(text))
		return status;
	for (unsigned int i = 0; names[i] != NULL; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			 names[i]);
	for (; later != NULL && *later != NULL; later++) {
		if (strcmp(*later, text) == 0)
			return decode_fail(d, -EOPNOTSUPP, "%s is not available yet; there is: %s",
					   text, list);
	}
	return decode_fail(d, -EINVAL, "\"%.32s\" is none of: %s", text, list);
}

static int decode_mode(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	static const char *const later[] = {"dr", "tunnel", "nat64", "nat46", NULL};

	return decode_choice(d, value, field, target, mode_exists, mode_names(), later);
}

/* Real servers */

static const struct field tunnel_fields[] = {
	{"type", decode_word, FIELD_OF(struct tunnel_settings, type), .more = tunnel_type_words},
	{"port", decode_integer, FIELD_OF(struct tunnel_settings, port), .minimum = 1,
	 .maximum = 65535},
	{"checksum", decode_word, FIELD_OF(struct tunnel_settings, checksum),
	 .more = tunnel_checksum_words},
	{NULL},
};

static int tunnel_fail(struct decode *d, const char *field, const char *text)
{
	decode_enter(d, ".%s", field);
	return decode_fail(d, -EINVAL, "%s", text);
}

/* The short form, "TYPE[:PORT][+CHECKSUM]", as the object that it stands for. */
static int tunnel_expand(struct decode *d, const json_t *value, json_t **object)
{
	char text[40], *sum, *port, *end = "";
	unsigned long number = 0;

	*object = NULL;
	if (snprintf(text, sizeof(text), "%s", json_string_value(value)) >= (int)sizeof(text))
		return decode_fail(d, -EINVAL, "must be TYPE[:PORT][+CHECKSUM]");
	sum = strchr(text, '+');
	if (sum != NULL)
		*sum++ = '\0';
	port = strchr(text, ':');
	if (port != NULL) {
		*port++ = '\0';
		number = strtoul(port, &end, 10);
		if (*port == '\0' || *end != '\0')
			return tunnel_fail(d, "port", "must be a number, 1 to 65535");
	}
	*object = json_pack("{s:s}", "type", text);
	if (port != NULL)
		json_object_set_new(*object, "port", json_integer((json_int_t)number));
	if (sum != NULL)
		json_object_set_new(*object, "checksum", json_string(sum));
	return 0;
}

/* How a server of mode tunnel is reached; given, it is given as a whole. */
static int decode_tunnel(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	struct tunnel_settings tunnel = {.type = TUNNEL_IPIP};
	json_t *expanded = NULL;
	int status = json_is_string(value) ? tunnel_expand(d, value, &expanded) : 0;

	if (status == 0 && !json_is_null(value))
		status = decode_object(d, expanded ? expanded : value, tunnel_fields, &tunnel);
	json_decref(expanded);
	if (status < 0)
		return status;
	if (tunnel.port != 0 && tunnel.type != TUNNEL_GUE)
		return tunnel_fail(d, "port", "only a tunnel of type gue has a port");
	if (tunnel.checksum != TUNNEL_CHECKSUM_NONE && tunnel.type == TUNNEL_IPIP)
		return tunnel_fail(d, "checksum", "a tunnel of type ipip has no checksum");
	if (tunnel.checksum == TUNNEL_CHECKSUM_REMOTE && tunnel.type != TUNNEL_GUE)
		return tunnel_fail(d, "checksum", "remote is only for a tunnel of type gue");
	if (tunnel.port == 0 && tunnel.type == TUNNEL_GUE)
		tunnel.port = TUNNEL_GUE_PORT;
	((struct model_server *)target)->tunnel = tunnel;
	return 0;
}

const struct field document_server_fields[] = {
	{"address", document_decode_unicast, FIELD_OF(struct model_server, addr), .required = true},
	{"port", decode_integer, FIELD_OF(struct model_server, port), .maximum = 65535},
	{"weight", decode_integer, FIELD_OF(struct model_server, weight), .maximum = 65535},
	{"mode", decode_mode, FIELD_OF(struct model_server, mode), .minimum = 1},
	{"origin", decode_origin, FIELD_OF(struct model_server, origin)},
	{"overridden", decode_overridden, FIELD_OF(struct model_server, overridden)},
	{"keepalived", decode_overridden, FIELD_OF(struct model_server, keepalived)},
	COUNTERS_IGNORED,
	{"inhibit", decode_later, .more = "inhibiting a real server"},
	{"upper_threshold", decode_integer, FIELD_OF(struct model_server, upper),
	 .maximum = INT32_MAX},
	{"lower_threshold", decode_integer, FIELD_OF(struct model_server, lower),
	 .maximum = INT32_MAX},
	{"overloaded", decode_finding},
	{"vni", document_decode_server_vni},
	{"quic_id", document_decode_quic_id},
	{"host", decode_finding},
	{"tunnel", decode_tunnel},
	{"check", document_decode_server_check},
	{"bfd", decode_bfd_reference, FIELD_OF(struct model_server, bfd)},
	{"bfd_state", decode_finding},
	{"health", decode_health, FIELD_OF(struct model_server, health)},
	{"removed", decode_finding},
	{"drain", decode_drain, FIELD_OF(struct model_server, drain)},
	{"drain_until", decode_drain_until},
	{"drain_remaining", decode_finding},
	{"persistent_connections", decode_finding},
	{NULL},
};

/*
 * What the mode makes of the port, and whether it goes with the rest. Where the packet stays as it
 * is, no port means that of the service.
 */
int document_judge_server(struct decode *d, struct model_server *server)
{
	const struct document_context *context = d->context;
	const struct model_service *service = context->service;
	bool one_way = mode_is_one_way(model_server_mode(service, server));
	struct error inner;
	int status;

	if (server->port == 0 && one_way && service->key.port_end == 0)
		server->port = service->key.port;
	status = document_check_port(d, server);
	if (status == 0)
		status = document_check_thresholds(d, server);
	if (status < 0)
		return status;
	status = mode_check_server(service, server, &inner);
	if (status < 0) {
		decode_enter(d, ".%s", inner.field);
		return decode_fail(d, status, "%s", inner.text);
	}
	return one_way ? 0 : document_check_family(d, server);
}

static int server_entry(struct decode *d, const json_t *value, void *item)
{
	const struct document_context *context = d->context;
	struct model_server *server = item;
	int status;

	server->origin = (uint8_t)context->source->origin;
	server->weight = 1;
	status = decode_object(d, value, document_server_fields, server);
	if (status == 0)
		status = document_check_wan(d, &context->service->key, server);
	if (status == 0)
		status = document_judge_server_vni(d, server);
	return status < 0 ? status : document_judge_server(d, server);
}

static int server_compare(const void *a, const void *b)
{
	return model_server_compare(a, b);
}

static int decode_servers(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct model_service *service = target;
	void *servers = NULL;
	int status;

	free(service->servers);
	service->servers = NULL;
	service->server_count = 0;
	status = list_decode(d, value, SERVICE_SERVERS_MAX, sizeof(struct model_server),
			     server_entry, server_compare, &servers, &service->server_count);
	if (status == 0)
		service->servers = servers;
	return status;
}

/* Services */

static int decode_scheduler(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	return decode_choice(d, value, field, target, scheduler_exists, scheduler_names(), NULL);
}

/* Any of "port" and "fallback"; servers that are down are never chosen, with or without the last. */
static int decode_scheduler_flags(struct decode *d, const json_t *value, const struct field *field,
				  void *target)
{
	struct model_service *service = target;
	struct field place = {.size = 1, .more = document_scheduler_flags};
	size_t length, count;
	uint8_t index, flags = 0;
	int status = decode_list_size(d, value, 2, &count);

	for (size_t i = 0; status == 0 && i < count; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_word(d, json_array_get(value, i), &place, &index);
		if (status == 0)
			flags |= 1 << index;
		decode_leave(d, length);
	}
	if (status == 0)
		service->scheduler_flags = flags;
	return status;
}

/* A number of seconds, or null for the default. */
static int decode_seconds(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	if (!json_is_null(value))
		return decode_integer(d, value, field, target);
	*(uint16_t *)((char *)target + field->offset) = 0;
	return 0;
}

#define TIMEOUT(name, state)                                                                       \
	{                                                                                          \
		name, decode_seconds, offsetof(struct timeouts, seconds[state]), sizeof(uint16_t), \
			1, TIMEOUT_MAX                                                             \
	}

const struct field document_timeout_fields[] = {
	TIMEOUT("syn_sent", STATE_SYN_SENT),
	TIMEOUT("syn_recv", STATE_SYN_RECV),
	TIMEOUT("established", STATE_ESTABLISHED),
	TIMEOUT("fin_wait", STATE_FIN_WAIT),
	TIMEOUT("close_wait", STATE_CLOSE_WAIT),
	TIMEOUT("last_ack", STATE_LAST_ACK),
	TIMEOUT("time_wait", STATE_TIME_WAIT),
	TIMEOUT("close", STATE_CLOSE),
	TIMEOUT("udp_one_way", STATE_UDP_ONE_WAY),
	TIMEOUT("udp_normal", STATE_UDP_NORMAL),
	TIMEOUT("sctp_init", STATE_SCTP_INIT),
	TIMEOUT("sctp_init_ack", STATE_SCTP_INIT_ACK),
	TIMEOUT("sctp_cookie", STATE_SCTP_COOKIE),
	TIMEOUT("sctp_established", STATE_SCTP_ESTABLISHED),
	TIMEOUT("sctp_shutdown", STATE_SCTP_SHUTDOWN),
	TIMEOUT("sctp_closed", STATE_SCTP_CLOSED),
	TIMEOUT("icmp", STATE_ICMP_NORMAL),
	TIMEOUT("synack", STATE_SYN_PROXY),
	{NULL},
};

static int decode_timeouts(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	struct timeouts *timeouts = &((struct model_service *)target)->timeouts;

	if (!json_is_null(value)) // a PATCH leaves what it does not name
		return decode_object(d, value, document_timeout_fields, timeouts);
	memset(timeouts, 0, sizeof(*timeouts));
	return 0;
}

/* The name that the tools of DPVS have for the timeout of what is established. */
static int decode_conn_timeout(struct decode *d, const json_t *value, const struct field *field,
			       void *target)
{
	struct model_service *service = target;
	struct field seconds = {.size = 2, .minimum = 1, .maximum = TIMEOUT_MAX};
	uint16_t number;
	int status = decode_integer(d, value, &seconds, &number);

	if (status < 0)
		return status;
	if (service->key.protocol == 0) { // by mark, or by a match of all protocols
		if (service->key.kind == SERVICE_MATCH)
			service->timeouts.seconds[STATE_ICMP_NORMAL] = number;
		service->timeouts.seconds[STATE_ESTABLISHED] = number;
		service->timeouts.seconds[STATE_SCTP_ESTABLISHED] = number;
		service->timeouts.seconds[STATE_UDP_ONE_WAY] = number;
		service->timeouts.seconds[STATE_UDP_NORMAL] = number;
	} else if (service->key.protocol == IPPROTO_TCP) {
		service->timeouts.seconds[STATE_ESTABLISHED] = number;
	} else if (service->key.protocol == IPPROTO_SCTP) {
		service->timeouts.seconds[STATE_SCTP_ESTABLISHED] = number;
	} else if (service->key.protocol != IPPROTO_UDP) {
		service->timeouts.seconds[STATE_ICMP_NORMAL] = number;
	} else {
		service->timeouts.seconds[STATE_UDP_ONE_WAY] = number;
		service->timeouts.seconds[STATE_UDP_NORMAL] = number;
	}
	return 0;
}

static const struct field service_fields[] = {
	{"vip", document_decode_unicast, FIELD_OF(struct model_service, key.vip)},
	{"port", decode_integer, FIELD_OF(struct model_service, key.port), .maximum = 65535},
	{"port_end", decode_integer, FIELD_OF(struct model_service, key.port_end),
	 .maximum = 65535},
	{"protocol", document_decode_protocol_field},
	{"fwmark", document_decode_mark, FIELD_OF(struct model_service, key.mark), .minimum = 1,
	 .maximum = UINT32_MAX},
	{"family", document_decode_family},
	{"scheduler", decode_scheduler, FIELD_OF(struct model_service, scheduler), .minimum = 1},
	{"scheduler_flags", decode_scheduler_flags},
	{"mode", decode_mode, FIELD_OF(struct model_service, mode), .minimum = 1},
	{"unknown_tcp", decode_word, FIELD_OF(struct model_service, unknown_tcp),
	 .more = unknown_words},
	{"mss", decode_integer, FIELD_OF(struct model_service, mss), .maximum = 65495},
	{"announce", decode_boolean, FIELD_OF(struct model_service, announce)},
	{"quorum", decode_integer, FIELD_OF(struct model_service, quorum), .minimum = 1,
	 .maximum = UINT32_MAX},
	{"hysteresis", decode_integer, FIELD_OF(struct model_service, hysteresis),
	 .maximum = UINT32_MAX},
	{"timeouts", decode_timeouts},
	{"conn_timeout", decode_conn_timeout},
	{"local_addresses", decode_locals},
	{"servers", decode_servers},
	{"origin", decode_origin, FIELD_OF(struct model_service, origin)},
	{"overridden", decode_overridden, FIELD_OF(struct model_service, overridden)},
	{"keepalived", decode_overridden, FIELD_OF(struct model_service, keepalived)},
	COUNTERS_IGNORED,
	{"persistent", document_decode_persistent, FIELD_OF(struct model_service, persistent),
	 .maximum = PERSISTENCE_SECONDS_MAX},
	{"netmask", document_decode_netmask},
	{"one_packet", decode_boolean, FIELD_OF(struct model_service, one_packet)},
	{"match", document_decode_match},
	{"vni", document_decode_vni, FIELD_OF(struct model_service, key.zone), .minimum = 1,
	 .maximum = VNI_MAX},
	{"zone", decode_later, .more = "a service in a zone"},
	{"syn_proxy", document_decode_syn_proxy},
	{"proxy_protocol", decode_word, FIELD_OF(struct model_service, proxy_protocol),
	 .more = document_proxy_protocol_words},
	{"client_address", decode_word, FIELD_OF(struct model_service, client_address),
	 .more = document_client_address_words},
	{"uoa_max_trail", decode_integer, FIELD_OF(struct model_service, uoa_max_trail),
	 .maximum = UOA_TRAIL_MAX},
	{"quic", document_decode_quic},
	{"quic_lb", document_decode_quic_lb},
	{"hash_target", decode_word, FIELD_OF(struct model_service, hash_target),
	 .more = document_hash_targets},
	{"expire_quiescent", decode_boolean, FIELD_OF(struct model_service, expire_quiescent)},
	{"removed_servers", decode_word, FIELD_OF(struct model_service, removed_servers),
	 .more = document_removed_words},
	{"dest_check", decode_later},
	{"check", document_decode_check},
	{"allow", document_decode_acl, FIELD_OF(struct model_service, allow)},
	{"deny", document_decode_acl, FIELD_OF(struct model_service, deny)},
	{"limits", document_decode_limits},
	{"limits_refused", decode_finding},
	{"syn_proxy_on", decode_finding},
	{"bps", document_decode_bps},
	{"limit_proportion", document_decode_proportion},
	{"symmetric_return", decode_boolean, FIELD_OF(struct model_service, symmetric_return)},
	{NULL},
};

/* The value that an object has for one of the table's fields. */
static int field_decode_early(struct decode *d, const json_t *json, const struct field *fields,
			      const char *name, struct model_service *service)
{
	const json_t *value = json_object_get(json, name);
	size_t length;
	int status;

	if (value == NULL)
		return 0;
	while (strcmp(fields->name, name) != 0)
		fields++;
	length = decode_enter(d, ".%s", name);
	status = fields->decode(d, value, fields, service);
	if (status == 0)
		decode_leave(d, length);
	return status;
}

int document_fields_service(struct decode *d, const json_t *json, struct model_service *service)
{
	// The settings of checks depend on the protocol, and those of servers on the service's.
	static const char *const early[] = {"vip",    "port",	"port_end", "protocol", "vni",
					    "fwmark", "family", "match",    "mode",	"check"};
	struct document_context *context = d->context;
	int status;

	for (unsigned int i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
		status = field_decode_early(d, json, service_fields, early[i], service);
		if (status < 0)
			return status;
	}
	context->service = service;
	status = decode_object(d, json, service_fields, service);
	if (status == 0)
		status = document_judge_checks(d, service);
	if (status == 0)
		status = document_judge_match(d, json, service);
	if (status == 0)
		status = document_judge_vni(d, service);
	if (status == 0)
		status = document_judge_quic(d, service);
	if (status == 0)
		status = document_judge_proxy(d, service);
	if (status == 0)
		status = document_judge_client_address(d, service);
	if (status == 0)
		status = document_judge_syn_proxy(d, service);
	if (status < 0)
		return status;
	if (service->hysteresis >= service->quorum) {
		decode_enter(d, ".hysteresis");
		return decode_fail(d, -EINVAL, "must be less than the quorum, which is %u",
				   service->quorum);
	}
	return document_judge_key(d, json, service);
}
