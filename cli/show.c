/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "service_name.h"
#include "table.h"

/*
 * What is only looked at. The daemon decides which fields there are and in which order; the table
 * shows them all, so that a new field needs no new client.
 */
static enum exit_code show_path(struct client *client, const struct arguments *arguments,
				const char *path, const char *name)
{
	json_t *answer;
	enum exit_code code = client_get(client, path, &answer);

	if (code != EXIT_OK)
		return code;
	json_t *rows = answer_array(answer, name);
	if (arguments->json)
		json_print(answer);
	else if (json_is_array(rows))
		table_print_all(rows);
	else
		object_print(answer, 0);
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code port_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"PORT", "name", false, 0},
		{"DEVICE", "device", false, 0},
		{"DRIVER", "driver", false, 0},
		{"TAP", "tap", false, 0},
		{"LINK", "link_up", false, 0},
		{"MTU", "mtu", true, 0},
		{"QUEUES", "queues", true, 0},
		{"MAC", "mac", false, 0},
		{"PACKETS-IN", "packets_in", true, 0},
		{"PACKETS-OUT", "packets_out", true, 0},
		{"MISSED", "missed", true, 0},
		{"NO-BUFFER", "no_buffer", true, 0},
		{"VXLAN", "vxlan", false, 0},
		{"STEERING", "steering", false, 0},
		{"WHY", "why", false, 0},
		{0},
	};

	return place_list(client, arguments, "/v1/ports", "ports", columns);
}

static enum exit_code neighbour_list(struct client *client, const struct arguments *arguments)
{
	return show_path(client, arguments, "/v1/neighbours", "neighbours");
}

static enum exit_code address_list(struct client *client, const struct arguments *arguments)
{
	return show_path(client, arguments, "/v1/addresses", "addresses");
}

static enum exit_code worker_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"WORKER", "worker", true, 0},
		{"CPU", "cpu", true, 0},
		{"RECEIVED", "packets", true, 0},
		{"SENT", "sent", true, 0},
		{"SEND-FAILED", "send_failed", true, 0},
		{"HANDED-OVER", "handed_over", true, 0},
		{"TAKEN-OVER", "taken_over", true, 0},
		{"LENT", "lent", true, 0},
		{"TO-LINUX", "punted", true, 0},
		{"FROM-LINUX", "from_kernel", true, 0},
		{"REPAIRED", "repaired_checksums", true, 0},
		{"SESSIONS-V4", "sessions", true, 0},
		{"SESSIONS-V6", "sessions_wide", true, 0},
		{"HALF-OPEN", "half_open", true, 0},
		{"EVICTED", "half_open_evicted", true, 0},
		{0},
	};

	return place_list(client, arguments, "/v1/workers", "workers", columns);
}

static enum exit_code rate_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"PROTOCOL", "protocol", false, 0},
		{"SERVICE", "vip+port", false, 0},
		{"SERVER", "server+server_port", false, 0},
		{"CONNECTIONS/S", "connections_per_second", true, 0},
		{"PACKETS-IN/S", "packets_in_per_second", true, 0},
		{"PACKETS-OUT/S", "packets_out_per_second", true, 0},
		{"BITS-IN/S", "bits_in_per_second", true, 0},
		{"BITS-OUT/S", "bits_out_per_second", true, 0},
		{0},
	};

	return place_list(client, arguments, "/v1/rates", "rates", columns);
}

static enum exit_code status_show(struct client *client, const struct arguments *arguments)
{
	return show_path(client, arguments, "/v1/status", "");
}

static enum exit_code version_show(struct client *client, const struct arguments *arguments)
{
	return show_path(client, arguments, "/v1/version", "");
}

/* "via 10.0.0.11 dev dpdk0 weight 1 (resolved)", one text for each leg. */
static void legs_describe(json_t *row)
{
	json_t *legs = json_object_get(row, "legs"), *texts = json_array(), *leg;
	size_t i;

	json_array_foreach (legs, i, leg) {
		const char *via = json_string_value(json_object_get(leg, "via"));
		const char *iface = json_string_value(json_object_get(leg, "interface"));
		const char *device = json_string_value(json_object_get(leg, "device"));
		const char *state = json_string_value(json_object_get(leg, "state"));
		json_int_t weight = json_integer_value(json_object_get(leg, "weight"));

		json_array_append_new(
			texts,
			weight > 1 ? json_sprintf("%s%s%s weight %lld (%s)", via ? via : "",
						  via ? " on " : "", iface ? iface : device,
						  (long long)weight, state)
				   : json_sprintf("%s%s%s (%s)", via ? via : "", via ? " on " : "",
						  iface ? iface : device, state));
	}
	json_object_set_new(row, "legs", texts);
}

static enum exit_code route_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer, *row;
	size_t i;
	enum exit_code code = client_get(client, "/v1/routes", &answer);

	if (code != EXIT_OK)
		return code;
	if (arguments->json) {
		json_print(answer);
	} else {
		json_array_foreach (answer_array(answer, "routes"), i, row)
			legs_describe(row);
		table_print_all(answer_array(answer, "routes"));
	}
	json_decref(answer);
	return EXIT_OK;
}

static const struct option drop_options[] = {
	{"all", 'a', OPTION_FLAG, NULL, NULL, "also the reasons that never happened", NULL},
	{0},
};

static const struct column drop_columns[] = {
	{"REASON", "reason", false, 0},
	{"PACKETS", "packets", true, 0},
	{"MEANING", "meaning", false, 0},
	{0},
};

static enum exit_code drop_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer, *rows, *row;
	size_t i;
	enum exit_code code = client_get(client, "/v1/drops", &answer);

	if (code != EXIT_OK)
		return code;
	rows = json_array();
	json_array_foreach (answer_array(answer, "drops"), i, row) {
		if (arguments_option(arguments, "all") ||
		    json_integer_value(json_object_get(row, "packets")))
			json_array_append(rows, row);
	}
	if (arguments->json)
		json_print(rows);
	else if (json_array_size(rows))
		table_print(rows, drop_columns);
	else
		puts("no packet was dropped");
	json_decref(rows);
	json_decref(answer);
	return EXIT_OK;
}

static const struct column counter_columns[] = {
	{"PROTOCOL", "protocol", false, 0},
	{"SERVICE", "service", false, 0},
	{"SERVER", "server", false, 0},
	{"CONNECTIONS", "connections", true, 0},
	{"PACKETS-IN", "packets_in", true, 0},
	{"PACKETS-OUT", "packets_out", true, 0},
	{"BYTES-IN", "bytes_in", true, 0},
	{"BYTES-OUT", "bytes_out", true, 0},
	{0},
};

/* A copy of the row, with "name" telling what it counts. */
static void counter_append(json_t *rows, const json_t *counted, const json_t *service,
			   const char *server)
{
	json_t *row = json_copy((json_t *)counted);
	char text[SERVICE_PATH];

	json_object_set_new(row, "service", json_string(service_endpoint(service, text)));
	json_object_set(row, "protocol", json_object_get(service, "protocol"));
	json_object_set_new(row, "server", json_string(server));
	json_object_del(row, "servers");
	json_array_append_new(rows, row);
}

static enum exit_code counter_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer, *rows, *service, *server;
	size_t i, j;
	// Always a fresh pass: whoever looks at counters wants those of now.
	enum exit_code code = client_get(client, "/v1/services?fresh=1", &answer);

	if (code != EXIT_OK)
		return code;
	rows = json_array();
	json_array_foreach (answer_array(answer, "services"), i, service) {
		match_name_service(service);
		counter_append(rows, service, service, "(all)");
		json_array_foreach (json_object_get(service, "servers"), j, server) {
			const char *address = json_string_value(json_object_get(server, "address"));
			char text[80];
			snprintf(text, sizeof(text),
				 address && strchr(address, ':') ? "[%s]:%lld" : "%s:%lld",
				 address ? address : "-",
				 (long long)json_integer_value(json_object_get(server, "port")));
			counter_append(rows, server, service, text);
		}
	}
	if (arguments->json)
		json_print(rows);
	else
		table_print(rows, counter_columns);
	json_decref(rows);
	json_decref(answer);
	return EXIT_OK;
}

const struct command show_commands[] = {
	{"port", "list", "", NULL, "ports with their device, driver, link and TAP", port_list},
	{"route", "list", "", NULL, "routes as the data path has them", route_list},
	{"neighbour", "list", "", NULL, "neighbours as the data path has them", neighbour_list},
	{"address", "list", "", NULL, "addresses of the TAPs as the data path has them",
	 address_list},
	{"worker", "list", "", NULL, "workers with their packets, sessions and load", worker_list},
	{"drop", "list", "", drop_options,
	 "drop reasons that happened, how often, and what they mean", drop_list},
	{"counter", "list", "", NULL,
	 "exact packets, bytes and connections of services and real servers", counter_list},
	{"rate", "list", "", NULL, "packets, bytes and connections per second", rate_list},
	{"status", NULL, "", NULL, "how the daemon is", status_show},
	{"version", NULL, "", NULL, "which daemon this is", version_show},
	{0},
};
