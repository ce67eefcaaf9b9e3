/* SPDX-License-Identifier: BSD-3-Clause */
#include "dpip_shape.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "match_words.h"
#include "place.h"

/* "1:0" and "1:" are the same queue. */
static bool handle_is(const char *handle, const char *wanted)
{
	size_t length = strcspn(handle, ":");

	if (!wanted || !strcmp(handle, wanted))
		return true;
	return handle[length] == ':' && !handle[length + 1] &&
	       !strncmp(handle, wanted, length + 1) && !strcmp(wanted + length + 1, "0");
}

static const json_t *row_find(const json_t *rows, const char *handle)
{
	const json_t *row;
	size_t i;

	json_array_foreach (rows, i, row)
		if (handle_is(dpip_text(row, "handle"), handle))
			return row;
	return NULL;
}

/* Does it hang on `ingress`? */
static bool is_ingress(const json_t *queues, const json_t *queue)
{
	for (unsigned int i = 0; queue && i < 100 && *dpip_text(queue, "parent"); i++)
		queue = row_find(queues, dpip_text(queue, "parent"));
	return queue && !strcmp(dpip_text(queue, "handle"), "ingress");
}

static unsigned int classifiers_of(const json_t *classifiers, const char *handle)
{
	const json_t *row;
	unsigned int count = 0;
	size_t i;

	json_array_foreach (classifiers, i, row)
		count += !strcmp(dpip_text(row, "queue"), handle);
	return count;
}

static const char *rate_text(long long rate, char text[static 32])
{
	if (rate >= 1000000000)
		snprintf(text, 32, "%.2fGbps", (double)rate / 1e9);
	else if (rate >= 1000000)
		snprintf(text, 32, "%.2fMbps", (double)rate / 1e6);
	else if (rate >= 1000)
		snprintf(text, 32, "%.2fKbps", (double)rate / 1e3);
	else
		snprintf(text, 32, "%lldbps", rate);
	return text;
}

static void kind_print(const json_t *queue)
{
	const char *kind = dpip_text(queue, "kind");
	char rate[32];

	if (!strcmp(kind, "pfifo_fast")) {
		printf(" bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1");
	} else if (strcmp(kind, "tbf")) {
		printf(" limit %lld", dpip_integer(queue, "limit"));
	} else {
		printf(" rate %s burst %lldB", rate_text(dpip_integer(queue, "rate"), rate),
		       dpip_integer(queue, "burst"));
		if (dpip_integer(queue, "peakrate"))
			printf(" peakrate %s minburst %lldB",
			       rate_text(dpip_integer(queue, "peakrate"), rate),
			       dpip_integer(queue, "mtu"));
		printf(" limit %lldB", dpip_integer(queue, "limit"));
	}
	putchar('\n');
}

static void queue_print(const struct dpip *dpip, const json_t *all, const json_t *queue)
{
	const json_t *queues = json_object_get(all, "queues");
	const char *handle = dpip_text(queue, "handle"), *parent = dpip_text(queue, "parent");

	printf("%sqsch %s %s dev %s parent %s flags 0x%x cls %u", dpip->verbose ? "[00] " : "",
	       dpip_text(queue, "kind"), handle, dpip_text(all, "interface"),
	       *parent ? parent : "0:", is_ingress(queues, queue),
	       classifiers_of(json_object_get(all, "classifiers"), handle));
	kind_print(queue);
	if (!dpip->statistics)
		return;
	printf(" Sent %lld bytes %lld pkts (dropped %lld, overlimits %lld requeues 0)\n",
	       dpip_integer(queue, "bytes"), dpip_integer(queue, "packets"),
	       dpip_integer(queue, "dropped"), dpip_integer(queue, "overlimits"));
	printf(" Backlog %lld bytes %lld pkts\n", dpip_integer(queue, "backlog_bytes"),
	       dpip_integer(queue, "backlog_packets"));
}

static enum exit_code all_get(struct dpip *dpip, const char *device, json_t **all)
{
	char path[PLACE_TEXT];

	snprintf(path, sizeof(path), "/v1/traffic-control/%s", device);
	return client_get(dpip->client, path, all);
}

enum exit_code dpip_qsch_show(struct dpip *dpip, const char *device, const char *handle)
{
	json_t *all, *queue;
	enum exit_code code = all_get(dpip, device, &all);
	size_t i;

	if (code != EXIT_OK)
		return code;
	if (handle && !row_find(json_object_get(all, "queues"), handle))
		code = dpip_refused("there is no queue %s on %s", handle, device);
	json_array_foreach (json_object_get(all, "queues"), i, queue)
		if (handle_is(dpip_text(queue, "handle"), handle))
			queue_print(dpip, all, queue);
	json_decref(all);
	return code;
}

static void classifier_print(const struct dpip *dpip, const json_t *all, const json_t *row)
{
	const char *packets = dpip_text(row, "packets"), *set = dpip_text(row, "set");
	char text[MATCH_TEXT], *at = text;

	printf("%scls %s %s dev %s qsch %s pkttype 0x%s prio %lld ", dpip->verbose ? "[00] " : "",
	       *set ? "ipset" : "match", dpip_text(row, "handle"), dpip_text(all, "interface"),
	       dpip_text(row, "queue"),
	       !strcmp(packets, "ipv4")	  ? "0800"
	       : !strcmp(packets, "ipv6") ? "86dd"
					  : "8100",
	       dpip_integer(row, "priority"));
	if (*set) {
		printf("%s target %s\n", set, dpip_text(row, "target"));
		return;
	}
	match_text(json_object_get(row, "match"), text);
	if (json_object_get(json_object_get(row, "match"), "protocol"))
		for (; *at && *at != ','; at++)
			*at = (char)toupper((unsigned char)*at);
	else
		printf("unspec%s", *text ? "," : "");
	printf("%s target %s\n", text, dpip_text(row, "target"));
}

enum exit_code dpip_cls_show(struct dpip *dpip, const char *device, const char *queue,
			     const char *handle)
{
	json_t *all, *row;
	enum exit_code code = all_get(dpip, device, &all);
	size_t i;

	if (code != EXIT_OK)
		return code;
	json_array_foreach (json_object_get(all, "classifiers"), i, row)
		if (handle_is(dpip_text(row, "handle"), handle) &&
		    handle_is(dpip_text(row, "queue"), queue))
			classifier_print(dpip, all, row);
	json_decref(all);
	return code;
}
