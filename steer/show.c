/* SPDX-License-Identifier: BSD-3-Clause */
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

static const char *status_text(const struct seen *seen, const struct setup_gateway *gateway,
			       const char *key, const char *otherwise)
{
	const json_t *interface = json_object_get(seen->interfaces, gateway->name);
	const json_t *status = json_object_get(interface, "bfd_status");
	const char *text = json_string_value(json_object_get(status, key));

	return text ? text : otherwise;
}

const char *show_state(const struct seen *seen, const struct setup_gateway *gateway)
{
	if (plan_port(seen, gateway->name) == 0)
		return "no port";
	return status_text(seen, gateway, "state", "no answer of Open vSwitch");
}

/* Packets of the buckets that lead to a port: the n-th of the group and of its statistics. */
static json_int_t packets_of(const char *group, const char *statistics, uint32_t port)
{
	json_int_t sum = 0;
	char word[32];
	unsigned int at = 0;

	if (group == NULL || statistics == NULL || port == 0)
		return 0;
	for (const char *b = group; (b = strstr(b, "bucket=")) != NULL; at++) {
		const char *watch = strstr(b, "watch_port:"), *count;

		b += strlen("bucket=");
		if (watch == NULL || strtoul(watch + strlen("watch_port:"), NULL, 10) != port)
			continue;
		snprintf(word, sizeof(word), "bucket%u:packet_count=", at);
		count = strstr(statistics, word);
		if (count != NULL)
			sum += strtoll(count + strlen(word), NULL, 10);
	}
	return sum;
}

static json_t *gateway_show(const struct seen *seen, const struct setup_gateway *g,
			    const char *statistics)
{
	char address[ADDR_TEXT];
	uint32_t port = plan_port(seen, g->name);

	return json_pack(
		"{s:s, s:s, s:i, s:s, s:s, s:b, s:I, s:I, s:s}", "address",
		addr_format(&g->address, address), "name", g->name, "weight", (int)g->weight,
		"state", show_state(seen, g), "peer", status_text(seen, g, "remote_state", "-"),
		"gets_flows",
		g->weight > 0 && strcmp(status_text(seen, g, "forwarding", ""), "true") == 0,
		"flaps", (json_int_t)strtoll(status_text(seen, g, "flap_count", "0"), NULL, 10),
		"packets", packets_of(seen->group, statistics, port), "reason",
		status_text(seen, g, "diagnostic", "-"));
}

static json_t *vm_show(const struct seen *seen, const struct setup_vm *vm)
{
	json_t *vips = json_array();
	char vip[ADDR_TEXT];

	for (uint32_t i = 0; i < vm->vip_count; i++)
		json_array_append_new(vips, json_string(addr_format(&vm->vips[i], vip)));
	return json_pack("{s:s, s:i, s:s, s:s, s:o}", "port", vm->port, "vni", (int)vm->vni, "mac",
			 vm->mac[0] ? vm->mac : "-", "state",
			 plan_port(seen, vm->port) ? "there" : "no port", "vips", vips);
}

json_t *show_make(const struct setup *setup, const struct seen *seen, const char *statistics)
{
	json_t *gateways = json_array(), *vms = json_array();

	for (uint32_t i = 0; i < setup->gateway_count; i++)
		json_array_append_new(gateways,
				      gateway_show(seen, &setup->gateways[i], statistics));
	for (uint32_t i = 0; i < setup->vm_count; i++)
		json_array_append_new(vms, vm_show(seen, &setup->vms[i]));
	return json_pack("{s:s, s:i, s:o, s:o}", "bridge", setup->bridge, "group",
			 (int)setup->group, "gateways", gateways, "vms", vms);
}

void show_print(const json_t *shown)
{
	static const struct column gateways[] = {
		{"Gateway", "address"},	    {"Port", "name"},
		{"Weight", "weight", true}, {"State", "state"},
		{"Peer", "peer"},	    {"Gets flows", "gets_flows"},
		{"Flaps", "flaps", true},   {"Packets", "packets", true},
		{"Reason", "reason"},	    {NULL},
	};
	static const struct column vms[] = {
		{"VM port", "port"}, {"VNI", "vni", true}, {"MAC", "mac"},
		{"State", "state"},  {"VIPs", "vips"},	   {NULL},
	};
	const json_t *list = json_object_get(shown, "vms");

	table_print(json_object_get(shown, "gateways"), gateways);
	if (json_array_size(list) > 0) {
		putchar('\n');
		table_print(list, vms);
	}
}
