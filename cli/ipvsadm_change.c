/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipvsadm_change.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "face.h"
#include "match_words.h"

/* Interfaces */

void interfaces_free(struct interfaces *interfaces)
{
	json_decref(interfaces->names);
	json_decref(interfaces->owners);
	interfaces->names = interfaces->owners = NULL;
}

static const char *text_of(const json_t *object, const char *field)
{
	return json_string_value(json_object_get(object, field));
}

static enum exit_code interfaces_load(struct interfaces *interfaces)
{
	static const char *const called[] = {"device", "tap", "name"};
	json_t *ports = NULL, *addresses = NULL, *entry;
	size_t i;

	if (interfaces->names)
		return EXIT_OK;
	enum exit_code code = client_get(interfaces->client, "/v1/ports", &ports);
	if (code == EXIT_OK)
		code = client_get(interfaces->client, "/v1/addresses", &addresses);
	if (code == EXIT_OK) {
		interfaces->names = json_object();
		interfaces->owners = json_object();
	}
	json_array_foreach (json_object_get(ports, "ports"), i, entry) {
		for (unsigned int k = 0; k < 3 && code == EXIT_OK; k++) {
			const char *name = text_of(entry, called[k]);
			if (name)
				json_object_set(interfaces->names, name,
						json_object_get(entry, "name"));
		}
	}
	json_array_foreach (json_object_get(addresses, "addresses"), i, entry) {
		const char *text = text_of(entry, "address"),
			   *interface = text_of(entry, "interface");
		char address[ADDR_TEXT];
		if (code != EXIT_OK || !text || !interface)
			continue;
		snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "/"), text);
		json_object_set(interfaces->owners, address, json_object_get(entry, "interface"));
		// Interfaces that are no ports are known by what stands on them.
		if (!json_object_get(interfaces->names, interface))
			json_object_set_new(interfaces->names, interface, json_string(interface));
	}
	json_decref(ports);
	json_decref(addresses);
	return code;
}

/*
 * The interface of a local address. One that has the address already wins over the one that was
 * named; NULL after a message when neither helps.
 */
static const char *interface_choose(struct interfaces *interfaces, const char *address,
				    const char *named)
{
	const char *owner = text_of(interfaces->owners, address);
	const char *name = text_of(interfaces->names, named), *key;
	json_t *value;

	if (owner && (!name || strcmp(owner, name))) {
		fprintf(stderr, "%s: warning: %s is an address of %s, so -F %s is taken as -F %s\n",
			face_name, address, owner, named, owner);
		return owner;
	}
	if (name)
		return name;
	fprintf(stderr, "%s: -F (--ifname): there is no interface \"%s\"; there is:", face_name,
		named);
	json_object_foreach (interfaces->names, key, value)
		fprintf(stderr, " %s", key);
	fputc('\n', stderr);
	return NULL;
}

/* Bodies */

static json_t *settings_body(const struct rule *rule)
{
	const char *text = rule->given[SLOT_SETTINGS].text;
	json_t *body = text ? json_loads(text, 0, NULL) : json_object();

	if (!body)
		abort();
	return body;
}

enum { PERSISTENT_SECONDS = 360 }; // what -p alone means, as in LVS

static void persistence_body(const struct rule *rule, json_t *body)
{
	const char *seconds = rule->given[SLOT_PERSISTENT].text;
	const char *mask = rule->given[SLOT_NETMASK].text;

	if (!rule_has(rule, SLOT_PERSISTENT))
		return;
	json_object_set_new(body, "persistent",
			    json_integer(seconds ? atoi(seconds) : PERSISTENT_SECONDS));
	if (!mask)
		json_object_set_new(body, "netmask", json_null());
	else if (mask[strspn(mask, "0123456789")])
		json_object_set_new(body, "netmask", json_string(mask));
	else
		json_object_set_new(body, "netmask", json_integer(atoi(mask)));
}

/* The tool takes capital letters too. */
static json_t *proxy_protocol_json(const struct rule *rule)
{
	char word[16];
	unsigned int i = 0;

	for (const char *c = rule->given[SLOT_PROXY_PROTOCOL].text; *c && i < sizeof(word) - 1; c++)
		word[i++] = (char)tolower((unsigned char)*c);
	word[i] = '\0';
	return json_string(word);
}

static json_t *service_body(const struct rule *rule)
{
	json_t *body = settings_body(rule), *timeouts;

	if (rule_has(rule, SLOT_SCHEDULER))
		json_object_set_new(body, "scheduler",
				    json_string(rule->given[SLOT_SCHEDULER].text));
	persistence_body(rule, body);
	if (rule_has(rule, SLOT_OPS))
		json_object_set_new(body, "one_packet", json_true());
	if (rule_has(rule, SLOT_SYNPROXY))
		json_object_set_new(
			body, "syn_proxy",
			json_boolean(!strcmp(rule->given[SLOT_SYNPROXY].text, "enable")));
	if (rule_has(rule, SLOT_HASH_TARGET))
		json_object_set_new(body, "hash_target",
				    json_string(rule->given[SLOT_HASH_TARGET].text));
	if (rule_has(rule, SLOT_QUIC))
		json_object_set_new(body, "quic", json_string("dpvs"));
	if (rule_has(rule, SLOT_EXPIRE_QUIESCENT))
		json_object_set_new(body, "expire_quiescent", json_true());
	if (rule_has(rule, SLOT_PROXY_PROTOCOL))
		json_object_set_new(body, "proxy_protocol", proxy_protocol_json(rule));
	if (!rule_has(rule, SLOT_CONN_TIMEOUT))
		return body;
	if (rule->conn_timeout) {
		json_object_set_new(body, "conn_timeout", json_integer(rule->conn_timeout));
	} else if (rule->command->id == RULE_EDIT_SERVICE) {
		timeouts = rule->match.family && rule->match.protocol == 0
				   ? json_pack("{s:n, s:n, s:n, s:n, s:n}", "established",
					       "sctp_established", "udp_one_way", "udp_normal",
					       "icmp")
			   : rule->protocol == IPPROTO_UDP
				   ? json_pack("{s:n, s:n}", "udp_one_way", "udp_normal")
			   : rule->protocol == IPPROTO_SCTP ? json_pack("{s:n}", "sctp_established")
			   : rule->protocol == IPPROTO_TCP  ? json_pack("{s:n}", "established")
							    : json_pack("{s:n}", "icmp");
		json_object_set_new(body, "timeouts", timeouts);
	}
	return body;
}

/* The forwarding mode that an option asks for. */
static const char *forward_mode(const struct rule *rule)
{
	static const struct {
		const char *option, *mode;
	} modes[] = {
		{"fullnat", "fullnat"},	 {"gatewaying", "dr"}, {"ipip", "tunnel"},
		{"masquerading", "nat"}, {"snat", "snat"},
	};
	const struct rule_option *given = rule->given[SLOT_FORWARD].option;
	const char *option = given ? given->name : "gatewaying"; // as in the tool
	unsigned int i = 0;

	while (strcmp(modes[i].option, option))
		i++;
	return modes[i].mode;
}

/* null: none, or one of type ipip. */
static json_t *tunnel_body(const struct rule *rule)
{
	const struct rule_option *sum = rule->given[SLOT_TUN_SUM].option;
	const char *type = rule->given[SLOT_TUN_TYPE].text;
	json_t *body;

	if (!type || !strcmp(type, "ipip"))
		return json_null();
	body = json_pack("{s:s}", "type", type);
	if (rule_has(rule, SLOT_TUN_PORT))
		json_object_set_new(body, "port", json_integer(rule->tunnel_port));
	if (sum && strcmp(sum->name, "tun-nocsum"))
		json_object_set_new(body, "checksum",
				    json_string(strcmp(sum->name, "tun-csum") ? "remote" : "full"));
	return body;
}

static json_t *server_body(const struct rule *rule)
{
	json_t *body = settings_body(rule);

	if (rule_has(rule, SLOT_FORWARD) || rule->command->id == RULE_ADD_SERVER)
		json_object_set_new(body, "mode", json_string(forward_mode(rule)));
	// -i names the tunnel as a whole; another method ends the one that there was.
	if (rule_has(rule, SLOT_TUN_TYPE) ||
	    (rule_has(rule, SLOT_FORWARD) && rule->command->id == RULE_EDIT_SERVER))
		json_object_set_new(body, "tunnel", tunnel_body(rule));
	if (rule_has(rule, SLOT_WEIGHT) || rule->command->id == RULE_ADD_SERVER)
		json_object_set_new(body, "weight", json_integer(rule->weight));
	// As with the weight, the tool of DPVS sends 0 for what is not given; here it stays.
	if (rule_has(rule, SLOT_UPPER))
		json_object_set_new(body, "upper_threshold", json_integer(rule->upper));
	if (rule_has(rule, SLOT_LOWER))
		json_object_set_new(body, "lower_threshold", json_integer(rule->lower));
	return body;
}

/* Requests */

void change_service_path(const struct rule *rule, char path[static CHANGE_PATH])
{
	char vip[ADDR_TEXT], end[8] = "", match[MATCH_TEXT], piece[MATCH_PATH];

	if (rule->match.family) {
		match_escape(match_format(&rule->match, match), piece);
		snprintf(path, CHANGE_PATH, "/v1/services/match/%s/0", piece);
		return;
	}
	if (rule->mark) {
		snprintf(path, CHANGE_PATH, "/v1/services/fwmark/%s/%u",
			 rule_has(rule, SLOT_IPV6) ? "ipv6" : "ipv4", rule->mark);
		return;
	}
	if (rule->service.port_end)
		snprintf(end, sizeof(end), "-%u", rule->service.port_end);
	snprintf(path, CHANGE_PATH, "/v1/services/%s/%s/%u%s", rule_protocol_name(rule->protocol),
		 addr_format(&rule->service.addr, vip), rule->service.port, end);
}

static int local_change(struct change *change, const struct rule *rule,
			struct interfaces *interfaces)
{
	const char *named = rule->given[SLOT_INTERFACE].text;
	char address[ADDR_TEXT];
	int code = interfaces_load(interfaces);

	if (code != EXIT_OK)
		return code;
	addr_format(&rule->local.addr, address);
	const char *interface = interface_choose(interfaces, address, named);
	if (!interface)
		return EXIT_REFUSED;
	snprintf(change->below, sizeof(change->below), "/local_addresses/%s", address);
	if (rule->command->id == RULE_DELETE_LOCAL)
		return EXIT_OK;
	change->body = json_pack("{s:s}", "interface", interface);
	json_object_set_new(interfaces->owners, address, json_string(interface));
	return EXIT_OK;
}

/* An entry of an access list. */
static void access_below(struct change *change, const char *list, const char *entry)
{
	char piece[MATCH_PATH], bare[ADDR_TEXT];
	struct addr addr;
	uint16_t port;

	// The tool takes a port behind an address, which means nothing.
	if (strncmp(entry, "ipset:", 6) && endpoint_parse(entry, &addr, &port) == 0)
		entry = addr_format(&addr, bare);
	snprintf(change->below, sizeof(change->below), "/%s/%s", list, match_escape(entry, piece));
}

int change_make(struct change *change, const struct rule *rule, struct interfaces *interfaces)
{
	static const struct {
		enum rule_command_id command;
		const char *method;
		bool create;
	} methods[] = {
		{RULE_ADD_SERVICE, "PUT", true},	{RULE_EDIT_SERVICE, "PATCH", false},
		{RULE_DELETE_SERVICE, "DELETE", false}, {RULE_ADD_SERVER, "PUT", true},
		{RULE_EDIT_SERVER, "PATCH", false},	{RULE_DELETE_SERVER, "DELETE", false},
		{RULE_ADD_LOCAL, "PUT", true},		{RULE_DELETE_LOCAL, "DELETE", false},
		{RULE_ADD_DENY, "PUT", true},		{RULE_DELETE_DENY, "DELETE", false},
		{RULE_ADD_ALLOW, "PUT", true},		{RULE_DELETE_ALLOW, "DELETE", false},
	};
	enum rule_command_id id = rule->command->id;
	char address[ADDR_TEXT];

	*change = (struct change){0};
	for (unsigned int i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		if (methods[i].command == id) {
			change->method = methods[i].method;
			change->create = methods[i].create;
		}
	}
	if (!change->method)
		return EXIT_OK;
	change_service_path(rule, change->service);
	if (id == RULE_ADD_LOCAL || id == RULE_DELETE_LOCAL)
		return local_change(change, rule, interfaces);
	if (rule_has(rule, SLOT_DENY))
		access_below(change, "deny", rule->given[SLOT_DENY].text);
	if (rule_has(rule, SLOT_ALLOW))
		access_below(change, "allow", rule->given[SLOT_ALLOW].text);
	if (id == RULE_ADD_SERVICE || id == RULE_EDIT_SERVICE)
		change->body = service_body(rule);
	if (id == RULE_ADD_SERVER || id == RULE_EDIT_SERVER)
		change->body = server_body(rule);
	if (rule_has(rule, SLOT_SERVER))
		snprintf(change->below, sizeof(change->below), "/servers/%s/%u",
			 addr_format(&rule->server.addr, address), rule->server.port);
	return EXIT_OK;
}

enum exit_code change_send(const struct change *change, struct client *client)
{
	char path[sizeof(change->service) + sizeof(change->below)];

	snprintf(path, sizeof(path), "%s%s", change->service, change->below);
	if (change->create)
		return client_create(client, path, change->body);
	return client_request(client, change->method, path, change->body, NULL);
}
