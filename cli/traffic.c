/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic control: queueing disciplines of ports, and the classifiers that choose among them. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "match_words.h"
#include "place.h"
#include "table.h"

static const struct option queue_options[] = {
	{"parent", 0, OPTION_TEXT, "HANDLE", "parent",
	 "the queue that it is a child of (default root)", "root ingress"},
	{"kind", 'k', OPTION_TEXT, "KIND", "kind", "pfifo, bfifo, pfifo_fast or tbf",
	 "pfifo bfifo pfifo_fast tbf"},
	{"limit", 'l', OPTION_NUMBER, "N", "limit", "packets of a pfifo, else bytes that may wait",
	 NULL},
	{"rate", 'r', OPTION_TEXT, "RATE", "rate", "of a tbf, in bit/s, such as 20m", NULL},
	{"burst", 'b', OPTION_NUMBER, "BYTES", "burst", "what may leave at once", NULL},
	{"latency", 0, OPTION_NUMBER, "MS", "latency",
	 "how long a packet may wait, in place of --limit", NULL},
	{"peakrate", 0, OPTION_TEXT, "RATE", "peakrate", "also within a burst", NULL},
	{"mtu", 0, OPTION_NUMBER, "BYTES", "mtu", "the burst of the peak rate", NULL},
	{0},
};

static const struct option classifier_options[] = {
	{"queue", 'q', OPTION_TEXT, "HANDLE", "queue",
	 "where packets are when it looks at them (default root)", "root ingress"},
	{"match", 'm', OPTION_TEXT, "PATTERN", "match",
	 "such as tcp,to=10.0.0.0/8:80,oif=dpdk0.100", NULL},
	{"set", 0, OPTION_TEXT, "SET[,src|,dst]", "set", "in place of --match: addresses in a set",
	 NULL},
	{"packets", 0, OPTION_TEXT, "TYPE", "packets", "ipv4 (the default), ipv6 or vlan",
	 "ipv4 ipv6 vlan"},
	{"priority", 0, OPTION_NUMBER, "N", "priority", "a higher one is asked first (default 0)",
	 NULL},
	{"target", 't', OPTION_TEXT, "HANDLE", "target", "a child of that queue, or drop", "drop"},
	{0},
};

/* GET all, and print the rows of one list of each port, with the port's name. */
static enum exit_code rows_list(struct client *client, const struct arguments *arguments,
				const char *list, const struct column *columns)
{
	json_t *answer, *port, *row, *rows;
	enum exit_code code = client_get(client, "/v1/traffic-control", &answer);
	char text[MATCH_TEXT];
	size_t i, at;

	if (code != EXIT_OK)
		return code;
	rows = json_array();
	json_array_foreach (json_object_get(answer, "traffic_control"), i, port) {
		json_array_foreach (json_object_get(port, list), at, row) {
			const json_t *match = json_object_get(row, "match");

			json_object_set(row, "interface", json_object_get(port, "interface"));
			if (match && !arguments->json)
				json_object_set_new(row, "match",
						    json_string(match_text(match, text)));
			json_array_append(rows, row);
		}
	}
	if (arguments->json)
		json_print(rows);
	else
		table_print(rows, columns);
	json_decref(rows);
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code queue_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"INTERFACE", "interface", false, 0},
		{"HANDLE", "handle", false, 0},
		{"PARENT", "parent", false, 0},
		{"KIND", "kind", false, 0},
		{"RATE", "rate", true, 0},
		{"BURST", "burst", true, 0},
		{"LIMIT", "limit", true, 0},
		{"PACKETS", "packets", true, 0},
		{"BYTES", "bytes", true, 0},
		{"DROPPED", "dropped", true, 0},
		{"OVERLIMITS", "overlimits", true, 0},
		{"BACKLOG", "backlog_packets", true, 0},
		{0},
	};

	return rows_list(client, arguments, "queues", columns);
}

static enum exit_code classifier_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"INTERFACE", "interface", false, 0}, {"HANDLE", "handle", false, 0},
		{"QUEUE", "queue", false, 0},	      {"PRIORITY", "priority", true, 0},
		{"PACKETS", "packets", false, 0},     {"MATCH", "match", false, 0},
		{"TARGET", "target", false, 0},	      {0},
	};

	return rows_list(client, arguments, "classifiers", columns);
}

/* "dpdk0", "1:" -> "/v1/traffic-control/dpdk0/queues/1:". */
static void place_row(const struct arguments *arguments, const char *list,
		      char path[static PLACE_TEXT])
{
	char *interface = curl_easy_escape(NULL, arguments->positional[0], 0);
	char *handle = curl_easy_escape(NULL, arguments->positional[1], 0);

	snprintf(path, PLACE_TEXT, "/v1/traffic-control/%.64s/%s/%.64s", interface ? interface : "",
		 list, handle ? handle : "");
	curl_free(interface);
	curl_free(handle);
}

static enum exit_code row_put(struct client *client, const struct arguments *arguments,
			      const char *list)
{
	json_t *body = arguments_body(arguments);
	char path[PLACE_TEXT];
	enum exit_code code = EXIT_USAGE;

	place_row(arguments, list, path);
	if (body)
		code = client_request(client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code queue_put(struct client *client, const struct arguments *arguments)
{
	return row_put(client, arguments, "queues");
}

static enum exit_code classifier_put(struct client *client, const struct arguments *arguments)
{
	return row_put(client, arguments, "classifiers");
}

static enum exit_code queue_delete(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];

	place_row(arguments, "queues", path);
	return place_delete(client, path);
}

static enum exit_code classifier_delete(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];

	place_row(arguments, "classifiers", path);
	return place_delete(client, path);
}

const struct command traffic_commands[] = {
	{"queue", "list", "", NULL, "the queues of traffic control, with what they have counted",
	 queue_list},
	{"queue", "put", "INTERFACE HANDLE", queue_options,
	 "a queue, new or in place of the one that is there; HANDLE: root, ingress or such as 1:",
	 queue_put},
	{"queue", "delete", "INTERFACE HANDLE", NULL, "remove a queue and what hangs on it",
	 queue_delete},
	{"classifier", "list", "", NULL, "what chooses among queues", classifier_list},
	{"classifier", "put", "INTERFACE HANDLE", classifier_options,
	 "a classifier, new or changed; HANDLE: such as 1:, or auto", classifier_put},
	{"classifier", "delete", "INTERFACE HANDLE", NULL, "remove a classifier",
	 classifier_delete},
	{0},
};
