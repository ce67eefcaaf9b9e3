/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

#define SERVICE_OPTIONS                                                                              \
	{"scheduler",                                                                                \
	 's',                                                                                        \
	 OPTION_TEXT,                                                                                \
	 "NAME",                                                                                     \
	 "scheduler",                                                                                \
	 "how a real server is chosen: wlc, or one of weir.yaml(5)",                                 \
	 "rr wrr lc wlc sed nq sh dh conhash mh fo p2c"},                                            \
		{"scheduler-flags",                                                                  \
		 0,                                                                                  \
		 OPTION_WORDS,                                                                       \
		 "port,fallback",                                                                    \
		 "scheduler_flags",                                                                  \
		 "sh and mh: take the client's port in; none: only its address",                     \
		 "port fallback none"},                                                              \
		{"mode",                                                                             \
		 'm',                                                                                \
		 OPTION_TEXT,                                                                        \
		 "NAME",                                                                             \
		 "mode",                                                                             \
		 "forwarding mode: fullnat, nat, dr or tunnel; snat of a service by match",          \
		 "fullnat nat dr tunnel snat"},                                                      \
		{"unknown-tcp",                                                                      \
		 0,                                                                                  \
		 OPTION_TEXT,                                                                        \
		 "reset|drop|hash",                                                                  \
		 "unknown_tcp",                                                                      \
		 "what a TCP packet gets that belongs to no session and is no SYN",                  \
		 "reset drop hash"},                                                                 \
		{"mss",                                                                              \
		 0,                                                                                  \
		 OPTION_NUMBER,                                                                      \
		 "BYTES",                                                                            \
		 "mss",                                                                              \
		 "clamp the MSS option of both SYNs to this; 0: only as the MTU needs",              \
		 NULL},                                                                              \
		{"announce",	 0,                                                                  \
		 OPTION_BOOLEAN, "yes|no",                                                           \
		 "announce",	 "show the VIP to routing daemons while the service has its quorum", \
		 "yes no"},                                                                          \
		{"quorum",	0,                                                                   \
		 OPTION_NUMBER, "WEIGHT",                                                            \
		 "quorum",	"sum of the weights of live servers that counts as one, default 1",  \
		 NULL},                                                                              \
		{"hysteresis",                                                                       \
		 0,                                                                                  \
		 OPTION_NUMBER,                                                                      \
		 "WEIGHT",                                                                           \
		 "hysteresis",                                                                       \
		 "how far the sum must pass the quorum before it counts as gained or lost",          \
		 NULL},                                                                              \
		{"persistent",                                                                       \
		 'p',                                                                                \
		 OPTION_NUMBER,                                                                      \
		 "SECONDS",                                                                          \
		 "persistent",                                                                       \
		 "new connections of a client go to the server of its last one; 0: each is "         \
		 "scheduled",                                                                        \
		 NULL},                                                                              \
		{"netmask",                                                                          \
		 0,                                                                                  \
		 OPTION_NUMBER,                                                                      \
		 "LENGTH",                                                                           \
		 "netmask",                                                                          \
		 "with --persistent: all clients of one network together; a prefix length",          \
		 NULL},                                                                              \
		{"one-packet",	 0,                                                                  \
		 OPTION_BOOLEAN, "yes|no",                                                           \
		 "one_packet",	 "UDP: each datagram is scheduled alone",                            \
		 "yes no"},                                                                          \
		{"hash-target",                                                                      \
		 0,                                                                                  \
		 OPTION_TEXT,                                                                        \
		 "sip|qid",                                                                          \
		 "hash_target",                                                                      \
		 "what conhash hashes: the client's address, or the connection ID of QUIC",          \
		 "sip qid"},                                                                         \
		{"quic",                                                                             \
		 0,                                                                                  \
		 OPTION_TEXT,                                                                        \
		 "none|dpvs|quic-lb",                                                                \
		 "quic",                                                                             \
		 "UDP: a QUIC connection ID that names a real server leads there, in this layout",   \
		 "none dpvs quic-lb"},                                                               \
		{"quic-lb",                                                                          \
		 0,                                                                                  \
		 OPTION_LIST,                                                                        \
		 "ROTATION=LENGTH",                                                                  \
		 "quic_lb",                                                                          \
		 "with --quic quic-lb: bytes of the server IDs of a configuration rotation, 0 to "   \
		 "6",                                                                                \
		 "0= 1= 2= 3= 4= 5= 6="},                                                            \
		{"removed-servers",                                                                  \
		 0,                                                                                  \
		 OPTION_TEXT,                                                                        \
		 "keep|reset|reschedule",                                                            \
		 "removed_servers",                                                                  \
		 "what becomes of the sessions of a real server that is removed",                    \
		 "keep reset reschedule"},                                                           \
		{"expire-quiescent",                                                                 \
		 0,                                                                                  \
		 OPTION_BOOLEAN,                                                                     \
		 "yes|no",                                                                           \
		 "expire_quiescent",                                                                 \
		 "end the sessions of real servers with weight 0, too",                              \
		 "yes no"},                                                                          \
		{"client-address",                                                                   \
		 0,                                                                                  \
		 OPTION_TEXT,                                                                        \
		 "toa|none|uoa-option|uoa-header",                                                   \
		 "client_address",                                                                   \
		 "how a FullNAT real server is told who the client is",                              \
		 "toa none uoa-option uoa-header"},                                                  \
		{"uoa-max-trail",                                                                    \
		 0,                                                                                  \
		 OPTION_NUMBER,                                                                      \
		 "N",                                                                                \
		 "uoa_max_trail",                                                                    \
		 "datagrams of a session that carry the client's address, default 3"},               \
		{"proxy-protocol",                                                                   \
		 0,                                                                                  \
		 OPTION_TEXT,                                                                        \
		 "disable|v1|v2|v1-insecure|v2-insecure",                                            \
		 "proxy_protocol",                                                                   \
		 "tell real servers the client's address by the PROXY protocol",                     \
		 "disable v1 v2 v1-insecure v2-insecure"},                                           \
		{"syn-proxy",                                                                        \
		 0,                                                                                  \
		 OPTION_SWITCH,                                                                      \
		 "yes|no|auto",                                                                      \
		 "syn_proxy",                                                                        \
		 "answer SYNs with cookies, real servers are asked for who has answered; auto: "     \
		 "during a flood",                                                                   \
		 "yes no auto"},                                                                     \
		{"symmetric-return",                                                                 \
		 0,                                                                                  \
		 OPTION_BOOLEAN,                                                                     \
		 "yes|no",                                                                           \
		 "symmetric_return",                                                                 \
		 "answers leave by the interface and neighbour that the client came by",             \
		 "yes no"},                                                                          \
		{"limit",                                                                            \
		 'l',                                                                                \
		 OPTION_LIST,                                                                        \
		 "LIMIT=VALUE",                                                                      \
		 "limits",                                                                           \
		 "connections, new_connections, packets or bits (per second), also "                 \
		 "per_source.packets "                                                               \
		 "and so on; reaction=drop, reset or prohibited. All that are given, in place of "   \
		 "all that there were",                                                              \
		 "connections= new_connections= packets= bits= reaction=drop reaction=reset "        \
		 "reaction=prohibited per_source.connections= per_source.new_connections= "          \
		 "per_source.packets= per_source.bits= per_source.prefix4= per_source.prefix6="},    \
	{                                                                                            \
		"timeout", 't', OPTION_LIST, "STATE=SECONDS", "timeouts",                            \
			"timeout of one state; may be given several times",                          \
			"syn_sent= syn_recv= established= fin_wait= close_wait= last_ack= "          \
			"time_wait= close= udp_one_way= udp_normal= sctp_init= sctp_init_ack= "      \
			"sctp_cookie= sctp_established= sctp_shutdown= sctp_closed= icmp= synack="   \
	}

static const struct option list_options[] = {
	{"fresh", 0, OPTION_FLAG, NULL, "fresh",
	 "wait until packet and byte counters are exact (at most a second)", NULL},
	{0},
};

static const struct option add_options[] = {
	SERVICE_OPTIONS,
	{"local-address", 'l', OPTION_TEXT, "ADDRESS@INTERFACE", NULL,
	 "a local address of this service's own, instead of the pool's; may be given several times",
	 NULL},
	{"server", 'r', OPTION_TEXT, "ADDRESS:PORT[,WEIGHT]", NULL,
	 "a real server to begin with; may be given several times", NULL},
	{0},
};

static const struct option set_options[] = {SERVICE_OPTIONS, {0}};

static const struct column service_columns[] = {
	{"PROTOCOL", "protocol", false, 0},
	{"SERVICE", "vip+port", false, 0},
	{"SCHEDULER", "scheduler", false, 0},
	{"MODE", "mode", false, 0},
	{"SERVERS", "servers#", true, 0},
	{"ACTIVE", "active", true, 0},
	{"INACTIVE", "inactive", true, 0},
	{"CONNECTIONS", "connections", true, 0},
	{"PACKETS-IN", "packets_in", true, 0},
	{"PACKETS-OUT", "packets_out", true, 0},
	{"BYTES-IN", "bytes_in", true, 0},
	{"BYTES-OUT", "bytes_out", true, 0},
	{0},
};

static enum exit_code service_list(struct client *client, const struct arguments *arguments)
{
	char *query = arguments_query(arguments), path[PLACE_TEXT];
	json_t *answer, *service;
	size_t i;

	snprintf(path, sizeof(path), "/v1/services%s", query);
	free(query);
	enum exit_code code = client_get(client, path, &answer);
	if (code != EXIT_OK)
		return code;
	if (arguments->json) {
		json_print(answer);
	} else {
		json_array_foreach (answer_array(answer, "services"), i, service)
			match_name_service(service);
		table_print(answer_array(answer, "services"), service_columns);
	}
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code service_show(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT], *query;
	enum exit_code code = place_service(arguments, 0, path);

	if (code != EXIT_OK)
		return code;
	query = arguments_query(arguments);
	strncat(path, query, sizeof(path) - strlen(path) - 1);
	free(query);
	return place_show(client, arguments, path);
}

/* "192.168.1.2:80,100" as an entry of "servers"; a WAN address of a match has no port. */
static enum exit_code server_option_put(const struct arguments *arguments, json_t *body,
					const char *value)
{
	const char *comma = strchr(value, ',');
	char endpoint[ENDPOINT_TEXT], text[ADDR_TEXT], *end = NULL;
	long weight = comma ? strtol(comma + 1, &end, 10) : 1;
	struct addr addr;
	uint16_t port = 0;

	snprintf(endpoint, sizeof(endpoint), "%.*s",
		 comma ? (int)(comma - value) : (int)strlen(value), value);
	bool bare = place_is_match(arguments, 0) && addr_parse(endpoint, &addr) == 0;
	if ((!bare && endpoint_parse(endpoint, &addr, &port) < 0) || (comma && (!comma[1] || *end)))
		return usage_error(arguments->command,
				   "--server: \"%s\" is not ADDRESS:PORT or ADDRESS:PORT,WEIGHT",
				   value);
	json_array_append_new(json_object_get(body, "servers"),
			      json_pack("{s:s, s:i, s:i}", "address", addr_format(&addr, text),
					"port", port, "weight", (int)weight));
	return EXIT_OK;
}

/* "192.168.1.200@dpdk1" as an entry of "local_addresses". */
static enum exit_code local_option_put(const struct arguments *arguments, json_t *body,
				       const char *value)
{
	const char *at = strchr(value, '@');
	char address[ADDR_TEXT];
	struct addr addr;

	snprintf(address, sizeof(address), "%.*s", at ? (int)(at - value) : 0, value);
	if (!at || !at[1] || addr_parse(address, &addr) < 0)
		return usage_error(arguments->command,
				   "--local-address: \"%s\" is not ADDRESS@INTERFACE", value);
	json_array_append_new(json_object_get(body, "local_addresses"),
			      json_pack("{s:s, s:s}", "address", address, "interface", at + 1));
	return EXIT_OK;
}

static enum exit_code service_add(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = place_service(arguments, 0, path);
	json_t *body = code == EXIT_OK ? arguments_body(arguments) : NULL;

	if (!body)
		return EXIT_USAGE;
	for (unsigned int i = 0; i < arguments->given_count && code == EXIT_OK; i++) {
		const char *name = arguments->given[i].option->name;
		bool server = !strcmp(name, "server");

		if (!server && strcmp(name, "local-address"))
			continue;
		const char *field = server ? "servers" : "local_addresses";
		if (!json_object_get(body, field))
			json_object_set_new(body, field, json_array());
		code = (server ? server_option_put : local_option_put)(arguments, body,
								       arguments->given[i].value);
	}
	if (code != EXIT_OK) {
		json_decref(body);
		return code;
	}
	return place_add(client, arguments, path, body);
}

static enum exit_code service_set(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = place_service(arguments, 0, path);

	return code == EXIT_OK ? place_set(client, arguments, path) : code;
}

static enum exit_code service_delete(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = place_service(arguments, 0, path);

	return code == EXIT_OK ? place_delete(client, path) : code;
}

const struct command service_commands[] = {
	{"service", "list", "", list_options, "all virtual services with their counters",
	 service_list},
	{"service", "show", "PROTOCOL VIP:PORT", list_options,
	 "one service with its settings and its real servers", service_show},
	{"service", "add", "PROTOCOL VIP:PORT", add_options, "make a service", service_add},
	{"service", "set", "PROTOCOL VIP:PORT", set_options,
	 "change settings of a service; its sessions go on", service_set},
	{"service", "delete", "PROTOCOL VIP:PORT", NULL, "remove a service", service_delete},
	{0},
};
