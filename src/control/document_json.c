/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/bfd_gate.h"
#include "control/document.h"
#include "control/document_fields.h"

#include "balance/overload.h"
#include "balance/syn_guard.h"
#include "control/match_number.h"
#include "control/server_drain.h"
#include "control/service_key.h"
#include "session/proxy_header.h"
#include "session/uoa.h"
#include "tunnel/vm_table.h"

/*
 * Objects of the model as JSON. What has its default value is written all the same where people
 * look for it (scheduler, mode, weight), and left out where it would only be noise.
 */
static const char *const timeout_names[STATE_COUNT] = {
	[STATE_SYN_SENT] = "syn_sent",
	[STATE_SYN_RECV] = "syn_recv",
	[STATE_ESTABLISHED] = "established",
	[STATE_FIN_WAIT] = "fin_wait",
	[STATE_CLOSE_WAIT] = "close_wait",
	[STATE_LAST_ACK] = "last_ack",
	[STATE_TIME_WAIT] = "time_wait",
	[STATE_CLOSE] = "close",
	[STATE_UDP_ONE_WAY] = "udp_one_way",
	[STATE_UDP_NORMAL] = "udp_normal",
	[STATE_SCTP_INIT] = "sctp_init",
	[STATE_SCTP_INIT_ACK] = "sctp_init_ack",
	[STATE_SCTP_COOKIE] = "sctp_cookie",
	[STATE_SCTP_ESTABLISHED] = "sctp_established",
	[STATE_SCTP_SHUTDOWN] = "sctp_shutdown",
	[STATE_SCTP_CLOSED] = "sctp_closed",
	[STATE_ICMP_NORMAL] = "icmp",
	[STATE_SYN_PROXY] = "synack",
};

static const char *const unknown_words[] = {
	[UNKNOWN_RESET] = "reset",
	[UNKNOWN_DROP] = "drop",
	[UNKNOWN_HASH] = "hash",
};

const char *document_timeout_name(enum session_state state)
{
	return timeout_names[state];
}

json_t *document_timeouts_json(const struct timeouts *timeouts)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < STATE_COUNT; i++) {
		if (timeout_names[i] != NULL && timeouts->seconds[i] != 0)
			json_object_set_new(object, timeout_names[i],
					    json_integer(timeouts->seconds[i]));
	}
	return object;
}

/* Where an object came from, for listings and for what is persisted. */
static void marks_add(json_t *object, uint8_t origin, bool overridden, bool keepalived)
{
	json_object_set_new(object, "origin", json_string(origin_name(origin)));
	if (overridden)
		json_object_set_new(object, "overridden", json_true());
	if (keepalived)
		json_object_set_new(object, "keepalived", json_true());
}

json_t *document_local_json(const struct model_local *local, bool marks)
{
	char text[ADDR_TEXT];
	json_t *object = json_pack("{s:s, s:s}", "address", addr_format(&local->addr, text),
				   "interface", local->iface);

	if (local->unclaimed)
		json_object_set_new(object, "claim", json_false());
	if (marks)
		marks_add(object, local->origin, false, false);
	return object;
}

json_t *document_locals_json(const struct model_local *locals, unsigned int count, bool marks)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(list, document_local_json(&locals[i], marks));
	return list;
}

static json_t *tunnel_json(const struct tunnel_settings *tunnel)
{
	json_t *object = json_pack("{s:s}", "type", tunnel_type_words[tunnel->type]);

	if (tunnel->type == TUNNEL_GUE)
		json_object_set_new(object, "port", json_integer(tunnel->port));
	if (tunnel->checksum != TUNNEL_CHECKSUM_NONE)
		json_object_set_new(object, "checksum",
				    json_string(tunnel_checksum_words[tunnel->checksum]));
	return object;
}

/* Where a real server in a VNI is now; null: the VM table does not have it. */
static json_t *host_json(const struct model_server *server)
{
	uint32_t number = vm_find(server->vni, &server->addr);
	const struct vm_host *host = vm_host_of(&vm_table[number]);
	char text[ADDR_TEXT];
	struct addr addr;

	if (host == NULL)
		return json_null();
	vm_host_address(host, &addr);
	return json_string(addr_format(&addr, text));
}

json_t *document_server_json(const struct model_server *server, bool marks)
{
	char text[ADDR_TEXT], reference[BFD_REFERENCE], quic_id[QUIC_ID_TEXT];
	json_t *object = json_pack("{s:s, s:i, s:I}", "address", addr_format(&server->addr, text),
				   "port", server->port, "weight", (json_int_t)server->weight);

	if (*server->mode)
		json_object_set_new(object, "mode", json_string(server->mode));
	if (server->upper)
		json_object_set_new(object, "upper_threshold", json_integer(server->upper));
	if (server->lower)
		json_object_set_new(object, "lower_threshold", json_integer(server->lower));
	if (marks && overload_is_on(server->number))
		json_object_set_new(object, "overloaded", json_true());
	if (server->tunnel.type != TUNNEL_IPIP)
		json_object_set_new(object, "tunnel", tunnel_json(&server->tunnel));
	if (server->vni)
		json_object_set_new(object, "vni", json_integer(server->vni));
	if (server->quic_id.length)
		json_object_set_new(
			object, "quic_id",
			json_string(document_quic_id_format(&server->quic_id, quic_id)));
	if (server->vni && marks)
		json_object_set_new(object, "host", host_json(server));
	if (server->check == &check_none)
		json_object_set_new(object, "check", json_null());
	else if (server->check != NULL)
		json_object_set_new(object, "check", document_check_json(server->check));
	if (server->bfd.peer.family != AF_UNSPEC)
		json_object_set_new(object, "bfd",
				    json_string(bfd_reference_format(&server->bfd, reference)));
	if (marks)
		marks_add(object, server->origin, server->overridden, server->keepalived);
	if (marks && server->drain != DRAIN_NONE)
		json_object_set_new(object, "drain", json_string("draining"));
	if (marks && server->drain != DRAIN_NONE && server->drain_until != 0)
		json_object_set_new(
			object, "drain_until",
			json_integer((json_int_t)server_drain_until_wall(server->drain_until)));
	if (marks && server->health != HEALTH_UNCHECKED)
		json_object_set_new(object, "health", json_string(health_name(server->health)));
	return object;
}

static json_t *scheduler_flags_json(uint8_t flags)
{
	json_t *list = json_array();

	for (unsigned int i = 0; document_scheduler_flags[i]; i++)
		if (flags & 1 << i)
			json_array_append_new(list, json_string(document_scheduler_flags[i]));
	return list;
}

/* The key as a file has it. */
static json_t *key_json(const struct service_key *key)
{
	char text[ADDR_TEXT];
	json_t *object;

	if (key->kind == SERVICE_MATCH)
		return json_pack("{s:o}", "match", document_match_json(match_of_key(key)));
	if (key->kind == SERVICE_MARK)
		return json_pack("{s:s, s:I, s:s}", "protocol", "fwmark", "fwmark",
				 (json_int_t)key->mark, "family",
				 key->vip.family == AF_INET6 ? "ipv6" : "ipv4");
	object = json_object();
	service_key_add(object, key);
	if (key->zone) {
		json_object_set_new(object, "vip", json_string(addr_format(&key->vip, text)));
		json_object_set_new(object, "vni", json_integer(key->zone));
	}
	return object;
}

/* How its sessions begin and end, where that is not as usual. */
static void sessions_add(json_t *object, const struct model_service *service)
{
	json_t *syn_proxy;

	if (service->persistent)
		json_object_set_new(object, "persistent", json_integer(service->persistent));
	if (service->persistent_bits)
		json_object_set_new(object, "netmask", json_integer(service->persistent_bits));
	if (service->one_packet)
		json_object_set_new(object, "one_packet", json_true());
	if (service->hash_target != HASH_SOURCE)
		json_object_set_new(object, "hash_target",
				    json_string(document_hash_targets[service->hash_target]));
	if (service->quic.format != QUIC_NONE)
		json_object_set_new(object, "quic",
				    json_string(document_quic_words[service->quic.format]));
	if (service->quic.format == QUIC_LB)
		json_object_set_new(object, "quic_lb", document_quic_lb_json(&service->quic));
	if (service->removed_servers != REMOVED_KEEP)
		json_object_set_new(object, "removed_servers",
				    json_string(document_removed_words[service->removed_servers]));
	if (service->expire_quiescent)
		json_object_set_new(object, "expire_quiescent", json_true());
	if (service->client_address != CLIENT_ADDRESS_TOA)
		json_object_set_new(
			object, "client_address",
			json_string(document_client_address_words[service->client_address]));
	if (service->uoa_max_trail != UOA_TRAIL)
		json_object_set_new(object, "uoa_max_trail", json_integer(service->uoa_max_trail));
	if (service->proxy_protocol != PROXY_DISABLE)
		json_object_set_new(
			object, "proxy_protocol",
			json_string(document_proxy_protocol_words[service->proxy_protocol]));
	syn_proxy = document_syn_proxy_json(&service->syn_proxy);
	if (json_is_false(syn_proxy))
		json_decref(syn_proxy);
	else
		json_object_set_new(object, "syn_proxy", syn_proxy);
	if (service->symmetric_return)
		json_object_set_new(object, "symmetric_return", json_true());
}

/* How often each limit has refused a connection or a packet. */
static json_t *refused_json(uint32_t service)
{
	json_t *object = json_object();
	uint64_t refused[LIMIT_KINDS], of_sources[LIMIT_KINDS];

	limit_refusals(service, refused, of_sources);
	for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++)
		json_object_set_new(object, document_limit_kinds[kind],
				    json_integer((json_int_t)(refused[kind] + of_sources[kind])));
	return object;
}

json_t *document_service_json(const struct model_service *service, bool marks)
{
	json_t *timeouts = document_timeouts_json(&service->timeouts);
	json_t *servers = json_array();
	json_t *object = key_json(&service->key);

	json_object_update_new(object,
			       json_pack("{s:s, s:s, s:s, s:i}", "scheduler", service->scheduler,
					 "mode", service->mode, "unknown_tcp",
					 unknown_words[service->unknown_tcp], "mss", service->mss));
	if (service->scheduler_flags)
		json_object_set_new(object, "scheduler_flags",
				    scheduler_flags_json(service->scheduler_flags));
	sessions_add(object, service);
	if (limit_is_any(&service->limits) || service->limits.reaction != LIMIT_DROP)
		json_object_set_new(object, "limits", document_limits_json(&service->limits));
	if (marks && limit_is_any(&service->limits))
		json_object_set_new(object, "limits_refused", refused_json(service->number));
	if (marks && service->syn_proxy.mode == SYN_PROXY_AUTO)
		json_object_set_new(object, "syn_proxy_on",
				    json_boolean(syn_guard_is_on(service->number)));
	if (service->announce)
		json_object_set_new(object, "announce", json_true());
	if (service->quorum != 1)
		json_object_set_new(object, "quorum", json_integer(service->quorum));
	if (service->hysteresis != 0)
		json_object_set_new(object, "hysteresis", json_integer(service->hysteresis));
	if (json_object_size(timeouts) > 0)
		json_object_set(object, "timeouts", timeouts);
	json_decref(timeouts);
	if (service->check != NULL)
		json_object_set_new(object, "check", document_check_json(service->check));
	if (service->allow.count > 0)
		json_object_set_new(object, "allow", acl_list_json(&service->allow));
	if (service->deny.count > 0)
		json_object_set_new(object, "deny", acl_list_json(&service->deny));
	if (marks)
		marks_add(object, service->origin, service->overridden, service->keepalived);
	if (service->local_count > 0)
		json_object_set_new(
			object, "local_addresses",
			document_locals_json(service->locals, service->local_count, marks));
	for (unsigned int i = 0; i < service->server_count; i++)
		json_array_append_new(servers, document_server_json(&service->servers[i], marks));
	json_object_set_new(object, "servers", servers);
	return object;
}
