/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "balance/counts.h"
#include "control/decode.h"
#include "control/model.h"
#include "control/rest.h"
#include "control/top.h"
#include "net/iface.h"
#include "path/workers.h"

/*
 * What Linux counts and knows in weir's namespace, as the files of /proc/net have it, and the flows
 * that carry most.
 */

/* IPv6 */

/* What the data path has forwarded of IPv6, of one worker or all (-1). */
static void forwarded_get(int worker, uint64_t packets[2], uint64_t bytes[2])
{
	const struct model_service *service;
	uint32_t cursor = 0;

	memset(packets, 0, 2 * sizeof(*packets));
	memset(bytes, 0, 2 * sizeof(*bytes));
	while ((service = model_next(&cursor)) != NULL) {
		if (service->key.vip.family != AF_INET6 || service->number == 0)
			continue;
		for (unsigned int i = 0; i < workers_count(); i++) {
			const struct service_count *count = &counts_services(i)[service->number];

			for (unsigned int d = 0; d < 2 && (worker < 0 || worker == (int)i); d++) {
				packets[d] += count->packets[d];
				bytes[d] += count->bytes[d];
			}
		}
	}
}

static json_t *forwarded_json(int worker)
{
	uint64_t packets[2], bytes[2];

	forwarded_get(worker, packets, bytes);
	return json_pack("{s:I, s:I, s:I, s:I}", "packets_in", (json_int_t)packets[0],
			 "packets_out", (json_int_t)packets[1], "bytes_in", (json_int_t)bytes[0],
			 "bytes_out", (json_int_t)bytes[1]);
}

/* "Ip6InReceives   12" of all interfaces of ours, added up by name without the "Ip6". */
static void linux_counters_add(const struct iface *iface, json_t *sums)
{
	char path[64 + IFACE_NAME], name[64];
	long long value;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/net/dev_snmp6/%s", iface->tap_name);
	file = fopen(path, "re");
	if (file == NULL)
		return; // IPv6 is off there
	while (fscanf(file, "%63s %lld", name, &value) == 2) {
		if (strncmp(name, "Ip6", 3) == 0)
			json_object_set_new(sums, name + 3,
					    json_integer(value + json_integer_value(json_object_get(
									 sums, name + 3))));
	}
	fclose(file);
}

int rest_ipv6_get(struct request *request, struct error *error)
{
	json_t *sums = json_object(), *each = json_array();

	for (unsigned int i = 1; i < IFACE_MAX; i++)
		if (iface_get(i) != NULL)
			linux_counters_add(iface_get(i), sums);
	for (unsigned int i = 0; i < workers_count(); i++)
		json_array_append_new(each, forwarded_json((int)i));
	return request_reply(request, 200,
			     json_pack("{s:o, s:o, s:o}", "linux", sums, "forwarded",
				       forwarded_json(-1), "workers", each));
}

/* Multicast */

/* Addresses of the link layer: "5  dpdk0.kni  1  0  01005e000001". */
static void link_groups_add(json_t *list)
{
	FILE *file = fopen("/proc/net/dev_mcast", "re");
	char name[64], hex[64];
	int index, users, global;

	while (file != NULL &&
	       fscanf(file, "%d %63s %d %d %63s", &index, name, &users, &global, hex) == 5) {
		const struct iface *iface = iface_find(name);
		char mac[24];

		if (iface == NULL || strlen(hex) != 12)
			continue;
		snprintf(mac, sizeof(mac), "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", hex, hex + 2, hex + 4,
			 hex + 6, hex + 8, hex + 10);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:i}", "interface", iface->name,
						"family", "link", "address", mac, "users", users));
	}
	if (file != NULL)
		fclose(file);
}

/*
 * Groups of IPv4: a line with the interface's index and name, followed by indented lines whose
 * first word is the group in the byte order of the machine.
 */
static void ipv4_groups_add(json_t *list)
{
	FILE *file = fopen("/proc/net/igmp", "re");
	const struct iface *iface = NULL;
	char line[160], name[64];
	unsigned int group;
	int index, users;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%d %63s", &index, name) == 2 && line[0] != '\t') {
			name[strcspn(name, ":")] = '\0';
			iface = iface_find(name);
		} else if (iface != NULL && sscanf(line, "%x %d", &group, &users) == 2) {
			struct addr addr = addr_v4(group);
			char text[ADDR_TEXT];

			json_array_append_new(list,
					      json_pack("{s:s, s:s, s:s, s:i}", "interface",
							iface->name, "family", "inet", "address",
							addr_format(&addr, text), "users", users));
		}
	}
	if (file != NULL)
		fclose(file);
}

static bool hex_addr(const char *hex, struct addr *addr)
{
	*addr = (struct addr){.family = AF_INET6};
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		addr->bytes[i] = (uint8_t)byte;
	}
	return true;
}

static void ipv6_groups_add(json_t *list)
{
	FILE *file = fopen("/proc/net/igmp6", "re");
	char name[64], hex[64], line[200];
	int index, users;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const struct iface *iface;
		struct addr addr;
		char text[ADDR_TEXT];

		if (sscanf(line, "%d %63s %63s %d", &index, name, hex, &users) != 4)
			continue;
		iface = iface_find(name);
		if (iface != NULL && strlen(hex) == 32 && hex_addr(hex, &addr))
			json_array_append_new(list,
					      json_pack("{s:s, s:s, s:s, s:i}", "interface",
							iface->name, "family", "inet6", "address",
							addr_format(&addr, text), "users", users));
	}
	if (file != NULL)
		fclose(file);
}

int rest_multicast_list(struct request *request, struct error *error)
{
	json_t *list = json_array();

	link_groups_add(list);
	ipv4_groups_add(list);
	ipv6_groups_add(list);
	return request_reply(request, 200, json_pack("{s:o}", "groups", list));
}

/* The flows that carry most */

static json_t *top_answer(void)
{
	return json_pack("{s:b, s:f, s:o}", "enabled", top_enabled(), "interval_seconds",
			 top_interval(), "top", top_json());
}

static int top_wait(struct request *request, void *arg, struct error *error)
{
	return top_want() ? request_reply(request, 200, top_answer()) : 0;
}

int rest_top_get(struct request *request, struct error *error)
{
	return request_poll(request, top_wait, NULL, NULL);
}

int rest_top_put(struct request *request, struct error *error)
{
	struct top_body {
		bool enabled;
	} wanted = {0};
	static const struct field fields[] = {
		{"enabled", decode_boolean, FIELD_OF(struct top_body, enabled), .required = true},
		{NULL},
	};
	struct decode d = {.error = error};
	json_t *body = request_body(request, error);
	int status = body != NULL ? decode_object(&d, body, fields, &wanted) : error->code;

	json_decref(body);
	if (status < 0)
		return status;
	top_enable(wanted.enabled);
	return request_reply(request, 200, json_pack("{s:b}", "enabled", top_enabled()));
}
