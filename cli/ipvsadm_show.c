/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipvsadm_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "face.h"
#include "ipvsadm_change.h"
#include "ipvsadm_format.h"
#include "lines.h"
#include "service_name.h"

/* Services */

/* An array of all services, or of the one that the rule names. */
static int services_get(struct client *client, const struct rule *rule, bool fresh, json_t **out)
{
	char service[CHANGE_PATH] = "/v1/services", path[CHANGE_PATH + 64], worker[32] = "";
	json_t *answer = NULL, *entry;
	size_t i;

	*out = NULL;
	if (rule_has(rule, SLOT_SERVICE))
		change_service_path(rule, service);
	if (rule->cpu)
		snprintf(worker, sizeof(worker), "&worker=%u", rule->cpu - 1);
	snprintf(path, sizeof(path), "%s?fresh=%d%s", service, fresh, worker);
	int code = client_get(client, path, &answer);
	if (code != EXIT_OK)
		return code;
	if (rule_has(rule, SLOT_SERVICE)) {
		*out = json_pack("[o]", answer);
	} else {
		*out = json_array(); // IPVS has no words for a VNI: its services are not shown
		json_array_foreach (json_object_get(answer, "services"), i, entry)
			if (!json_object_get(entry, "vni"))
				json_array_append(*out, entry);
		json_decref(answer);
	}
	json_array_foreach (*out, i, entry)
		match_name_service(entry);
	return EXIT_OK;
}

/* The rows of /v1/rates, to be found by service and server. */
static int rates_get(struct client *client, json_t **out)
{
	json_t *answer = NULL, *row;
	size_t i;
	int code = client_get(client, "/v1/rates", &answer);

	*out = code == EXIT_OK ? json_object() : NULL;
	json_array_foreach (json_object_get(answer, "rates"), i, row) {
		char key[FORMAT_NAME];
		json_t *server = json_pack("{s:O?, s:O?}", "address",
					   json_object_get(row, "server"), "port",
					   json_object_get(row, "server_port"));
		list_rate_key(row, json_object_get(row, "server") ? server : NULL, key);
		json_object_set(*out, key, row);
		json_decref(server);
	}
	json_decref(answer);
	return code;
}

/* A full list begins with a line that scripts skip, and that says which weir this is. */
static int version_line(struct client *client)
{
	json_t *answer = NULL;
	int code = client_get(client, "/v1/version", &answer);
	const char *version = json_string_value(json_object_get(answer, "version"));

	if (code == EXIT_OK)
		printf("IP Virtual Server version %s (size=0)\n", version ? version : "0.0.0");
	json_decref(answer);
	return code;
}

/* Is there such a worker? */
static int cpu_check(struct client *client, const struct rule *rule)
{
	json_t *answer = NULL;

	if (rule->cpu == 0)
		return EXIT_OK;
	int code = client_get(client, "/v1/workers", &answer);
	size_t workers = json_array_size(json_object_get(answer, "workers"));
	json_decref(answer);
	if (code == EXIT_OK && rule->cpu > workers)
		return rule_fail("--cpu %u: there is no such worker; there are %zu, counted from 1",
				 rule->cpu, workers);
	return code;
}

static enum list_view view_of(const struct rule *rule)
{
	static const char *const views[] = {
		[VIEW_STATS] = "stats",
		[VIEW_RATE] = "rate",
		[VIEW_THRESHOLDS] = "thresholds",
		[VIEW_PERSISTENT] = "persistent-conn",
	};
	const struct rule_option *option = rule->given[SLOT_VIEW].option;

	for (unsigned int i = VIEW_STATS; option && i <= VIEW_PERSISTENT; i++)
		if (!strcmp(views[i], option->name))
			return i;
	return VIEW_PLAIN;
}

static struct list list_of(const struct rule *rule)
{
	const struct rule_option *order = rule->given[SLOT_NOSORT].option;

	return (struct list){
		.out = stdout,
		.names.numeric = rule_has(rule, SLOT_NUMERIC),
		.view = view_of(rule),
		.exact = rule_has(rule, SLOT_EXACT),
		.sorted = !order || strcmp(order->name, "nosort") != 0,
	};
}

static int services_list(struct client *client, const struct rule *rule)
{
	struct list list = list_of(rule);
	json_t *services = NULL;
	int code = cpu_check(client, rule);

	if (code == EXIT_OK && list.view == VIEW_RATE && rule->cpu)
		fprintf(stderr, "%s: note: rates are those of all workers together\n", face_name);
	if (code == EXIT_OK && list.view == VIEW_RATE)
		code = rates_get(client, &list.rates);
	if (code == EXIT_OK)
		code = services_get(client, rule, list.view == VIEW_STATS, &services);
	if (code == EXIT_OK && !rule_has(rule, SLOT_SERVICE))
		code = version_line(client);
	if (code == EXIT_OK) {
		list_titles(&list);
		list_services(&list, services);
	}
	names_free(&list.names);
	json_decref(list.rates);
	json_decref(services);
	return code;
}

/* Connections */

struct connections {
	struct list list;
	unsigned int cpu;
	unsigned long found;
	struct lines lines;
	/* For -G: how many there are by format_local_key(), instead of a list. */
	json_t *counts;
};

static bool connection_line(const char *text, void *arg)
{
	struct connections *connections = arg;
	json_t *session = json_loads(text, 0, NULL), *field;
	char key[FORMAT_NAME];

	if (!session)
		return true; // an empty line
	field = json_object_get(session, "worker");
	if (connections->cpu && json_integer_value(field) + 1 != connections->cpu)
		goto out;
	connections->found++;
	if (!connections->counts) {
		list_connection(&connections->list, session);
		goto out;
	}
	format_local_key(json_string_value(json_object_get(session, "protocol")),
			 json_string_value(json_object_get(session, "vip")),
			 json_integer_value(json_object_get(session, "vip_port")),
			 json_string_value(json_object_get(session, "local")), key);
	field = json_object_get(connections->counts, key);
	json_object_set_new(connections->counts, key, json_integer(json_integer_value(field) + 1));
out:
	json_decref(session);
	return true;
}

static bool connection_bytes(const char *bytes, size_t size, void *arg)
{
	struct connections *connections = arg;

	return lines_take(&connections->lines, bytes, size, connection_line, connections);
}

static int connections_walk(struct client *client, const char *query,
			    struct connections *connections)
{
	char path[CHANGE_PATH + 128];

	snprintf(path, sizeof(path), "/v1/sessions%s", query);
	int code = client_stream(client, path, connection_bytes, connections);
	lines_end(&connections->lines, connection_line, connections);
	return code;
}

/* What belongs to one service. */
static void service_query(const struct rule *rule, char *query, size_t room)
{
	char vip[ENDPOINT_TEXT], path[CHANGE_PATH];

	*query = '\0';
	if (rule->match.family)
		return; // has none by which sessions could be found
	if (rule->mark || rule->service.port_end ||
	    (rule_has(rule, SLOT_SERVICE) && rule->service.port == 0)) {
		change_service_path(rule, path);
		snprintf(query, room, "?service=%s", path + strlen("/v1/services/"));
	} else if (rule_has(rule, SLOT_SERVICE))
		snprintf(query, room, "?protocol=%s&vip=%s", rule_protocol_name(rule->protocol),
			 endpoint_format(&rule->service.addr, rule->service.port, vip));
}

/* A template looks like a session of a client without a port, in the state NONE. */
static bool template_line(const char *text, void *arg)
{
	json_t *row = json_loads(text, 0, NULL);
	const char *client = json_string_value(json_object_get(row, "client"));
	const char *none = client && strchr(client, ':') ? "::" : "0.0.0.0";
	const char *protocol = json_string_value(json_object_get(row, "protocol"));
	bool more = true;
	char *line;

	if (!row)
		return true; // an empty line
	if (service_mark(row))
		json_object_set_new(row, "vip", json_string(none));
	json_object_set_new(row, "vip_port", json_incref(json_object_get(row, "port")));
	json_object_set_new(row, "client_port", json_integer(0));
	json_object_set_new(row, "local", json_string(none));
	json_object_set_new(row, "local_port", json_integer(0));
	json_object_set_new(
		row, "state",
		json_string(protocol && !strcmp(protocol, "tcp") ? "NONE" : "UDP_NONE"));
	line = json_dumps(row, JSON_COMPACT);
	if (line)
		more = connection_line(line, arg);
	free(line);
	json_decref(row);
	return more;
}

static bool template_bytes(const char *bytes, size_t size, void *arg)
{
	struct connections *connections = arg;

	return lines_take(&connections->lines, bytes, size, template_line, connections);
}

static int templates_walk(struct client *client, const struct rule *rule,
			  struct connections *connections)
{
	char path[CHANGE_PATH + 64] = "/v1/templates", service[CHANGE_PATH];

	if (rule_has(rule, SLOT_SERVICE)) {
		change_service_path(rule, service);
		snprintf(path, sizeof(path), "/v1/templates?service=%s",
			 service + strlen("/v1/services/"));
	}
	int code = client_stream(client, path, template_bytes, connections);
	lines_end(&connections->lines, template_line, connections);
	return code;
}

static int connections_list(struct client *client, const struct rule *rule)
{
	struct connections connections = {.list = list_of(rule), .cpu = rule->cpu};
	char query[CHANGE_PATH + 64], endpoint[ENDPOINT_TEXT], vip[ENDPOINT_TEXT];
	int code = cpu_check(client, rule);

	service_query(rule, query, sizeof(query));
	if (rule_has(rule, SLOT_SOCKPAIR)) {
		if (rule_has(rule, SLOT_SERVICE))
			return rule_fail("--sockpair names the service itself; leave out -%c",
					 rule->given[SLOT_SERVICE].option->letter);
		snprintf(query, sizeof(query), "?protocol=%s&client=%s&vip=%s",
			 rule_protocol_name(rule->pair_protocol),
			 endpoint_format(&rule->pair_client.addr, rule->pair_client.port, endpoint),
			 endpoint_format(&rule->pair_vip.addr, rule->pair_vip.port, vip));
	}
	if (code == EXIT_OK && connections.list.view == VIEW_PERSISTENT)
		code = templates_walk(client, rule, &connections);
	else if (code == EXIT_OK)
		code = connections_walk(client, query, &connections);
	names_free(&connections.list.names);
	if (code == EXIT_OK && rule_has(rule, SLOT_SOCKPAIR) && !connections.found) {
		fprintf(stderr, "%s: connection specified not found\n", face_name);
		return EXIT_REFUSED;
	}
	return code;
}

/* Timeouts */

static int timeouts_list(struct client *client)
{
	json_t *answer = NULL;
	int code = client_get(client, "/v1/timeouts", &answer);

	if (code == EXIT_OK)
		printf("Timeout (tcp tcpfin udp): %lld %lld %lld\n",
		       (long long)json_integer_value(json_object_get(answer, "established")),
		       (long long)json_integer_value(json_object_get(answer, "fin_wait")),
		       (long long)json_integer_value(json_object_get(answer, "udp_normal")));
	json_decref(answer);
	return code;
}

int show_list(struct client *client, const struct rule *rule)
{
	const struct rule_option *subject = rule->given[SLOT_SUBJECT].option;

	if (!subject)
		return services_list(client, rule);
	if (!strcmp(subject->name, "connection"))
		return connections_list(client, rule);
	if (!strcmp(subject->name, "timeout"))
		return timeouts_list(client);
	// --daemon: none runs, and an empty list says so. But is there a weir at all?
	return client_get(client, "/v1/version", NULL);
}

/* Local addresses */

/* Addresses of the pool that fit a service: what it uses when it has none of its own. */
static json_t *pool_for(const json_t *pool, const json_t *service)
{
	const char *vip = json_string_value(json_object_get(service, "vip"));
	bool wide = vip ? strchr(vip, ':') != NULL : service_mark_is_ipv6(service);
	json_t *fitting = json_array(), *entry;
	size_t i;

	json_array_foreach ((json_t *)pool, i, entry) {
		const char *owner = json_string_value(json_object_get(entry, "service"));
		const char *text = json_string_value(json_object_get(entry, "address"));
		if (owner && text && !strcmp(owner, "(pool)") &&
		    (strchr(text, ':') != NULL) == wide)
			json_array_append(fitting, entry);
	}
	return fitting;
}

int show_local(struct client *client, const struct rule *rule)
{
	struct connections connections = {.cpu = rule->cpu, .counts = json_object()};
	json_t *services = NULL, *answer = NULL, *service;
	char query[CHANGE_PATH + 64];
	size_t i;
	int code = cpu_check(client, rule);

	if (code == EXIT_OK)
		code = services_get(client, rule, false, &services);
	if (code == EXIT_OK)
		code = client_get(client, "/v1/local_addresses", &answer);
	service_query(rule, query, sizeof(query));
	if (code == EXIT_OK)
		code = connections_walk(client, query, &connections);
	if (code == EXIT_OK) {
		list_local_titles(stdout);
		json_array_foreach (services, i, service) {
			if (match_of_service(service))
				continue; // has WAN addresses
			json_t *own = json_incref(json_object_get(service, "local_addresses"));
			if (json_array_size(own) == 0) {
				json_decref(own);
				own = pool_for(json_object_get(answer, "local_addresses"), service);
			}
			list_local(stdout, service, own, connections.counts);
			json_decref(own);
		}
	}
	json_decref(connections.counts);
	json_decref(answer);
	json_decref(services);
	return code;
}

/* Lists of clients, denied or allowed, a line for each entry. */
int show_access(struct client *client, const struct rule *rule)
{
	bool deny = rule->command->id == RULE_GET_DENY;
	json_t *services = NULL, *service, *entry;
	int code = services_get(client, rule, false, &services);
	size_t i, k;

	if (code == EXIT_OK)
		list_access_titles(stdout, deny);
	json_array_foreach (services, i, service) {
		json_array_foreach (json_object_get(service, deny ? "deny" : "allow"), k, entry)
			list_access(stdout, service, json_string_value(entry));
	}
	json_decref(services);
	return code;
}

int show_save(struct client *client)
{
	json_t *config = NULL, *service;
	size_t i;
	int code = client_get(client, "/v1/config", &config);

	json_array_foreach (json_object_get(config, "services"), i, service)
		save_service(stdout, service);
	json_decref(config);
	return code;
}
