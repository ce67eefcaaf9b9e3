/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * From what is wanted and what there is to what has to be done; nothing here asks or changes the
 * switch. Done again when all is done, it comes out empty.
 *
 * What is ours is marked: ports by external_ids, the group by external_ids of the bridge, flows by
 * cookies. A cookie is 0x5753, the group, and a hash of the flow's text, so that a flow that is
 * wanted otherwise has another cookie and nobody has to read flows as the switch prints them.
 */
enum { COOKIE = 0x5753 };

/* What is ours */

void plan_owner(const struct setup *setup, char text[static SETUP_NAME + 16])
{
	snprintf(text, SETUP_NAME + 16, "%s/%u", setup->bridge, setup->group);
}

static const char *text_of(const json_t *object, const char *column, const char *key)
{
	const json_t *map = json_object_get(object, column);
	const char *text = json_string_value(key ? json_object_get(map, key) : map);

	return text ? text : "";
}

static bool is_ours(const struct setup *setup, const json_t *interface)
{
	char owner[SETUP_NAME + 16];

	plan_owner(setup, owner);
	return strcmp(text_of(interface, "external_ids", PLAN_MARK), owner) == 0;
}

static void bridge_key(const struct setup *setup, char text[static SETUP_NAME])
{
	snprintf(text, SETUP_NAME, PLAN_MARK "-%u", setup->group);
}

static bool group_is_ours(const struct setup *setup, const struct seen *seen)
{
	char key[SETUP_NAME];

	bridge_key(setup, key);
	return text_of(seen->bridge, "external_ids", key)[0] != '\0';
}

uint32_t plan_port(const struct seen *seen, const char *name)
{
	const json_t *interface = json_object_get(seen->interfaces, name);
	json_int_t value = json_integer_value(json_object_get(interface, "ofport"));
	bool here = json_is_true(json_object_get(interface, "here"));

	return here && value > 0 && value <= 0xfeff ? value : 0;
}

void plan_cookies(const struct setup *setup, char text[static 64])
{
	snprintf(text, 64, "cookie=0x%04x%04x00000000/0xffffffff00000000", COOKIE, setup->group);
}

/* Ports */

static void word_add(json_t *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void word_add(json_t *words, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	json_array_append_new(words, json_vsprintf(format, arguments));
	va_end(arguments);
}

static json_t *options_wanted(const struct setup *setup, const struct setup_gateway *g)
{
	char address[ADDR_TEXT], local[ADDR_TEXT];
	json_t *options = json_pack("{s:s, s:s}", "remote_ip", addr_format(&g->address, address),
				    "key", "flow");

	if (setup->local.family != AF_UNSPEC)
		json_object_set_new(options, "local_ip",
				    json_string(addr_format(&setup->local, local)));
	json_object_set_new(options, "dst_port", json_sprintf("%u", setup->port));
	return options;
}

static json_t *bfd_wanted(const struct setup *setup)
{
	return json_pack("{s:s, s:o, s:o, s:o}", "enable", "true", "min_tx",
			 json_sprintf("%u", setup->bfd_interval), "min_rx",
			 json_sprintf("%u", setup->bfd_interval), "mult",
			 json_sprintf("%u", setup->bfd_multiplier));
}

/* Make a column have these values and no other. */
static void column_set(json_t *words, const char *name, const char *column, const json_t *seen,
		       const json_t *wanted)
{
	const char *key;
	json_t *value;

	if (json_equal(seen, wanted))
		return;
	word_add(words, "--");
	word_add(words, "clear");
	word_add(words, "Interface");
	word_add(words, "%s", name);
	word_add(words, "%s", column);
	word_add(words, "--");
	word_add(words, "set");
	word_add(words, "Interface");
	word_add(words, "%s", name);
	json_object_foreach ((json_t *)wanted, key, value)
		word_add(words, "%s:%s=\"%s\"", column, key, json_string_value(value));
}

static int port_plan(const struct setup *setup, const struct seen *seen, uint32_t at,
		     struct plan *plan, struct error *error)
{
	const struct setup_gateway *g = &setup->gateways[at];
	json_t *interface = json_object_get(seen->interfaces, g->name);
	const char *problem = text_of(interface, "error", NULL);
	json_t *options = options_wanted(setup, g), *bfd = bfd_wanted(setup);
	char field[64], owner[SETUP_NAME + 16];
	int status = 0;

	plan_owner(setup, owner);
	snprintf(field, sizeof(field), "gateways[%u].name", at);
	if (interface == NULL) {
		for (const char *const *word =
			     (const char *const[]){"--", "add-port", setup->bridge, g->name, "--",
						   "set", "Interface", g->name, "type=vxlan", NULL};
		     *word != NULL; word++)
			word_add(plan->database, "%s", *word);
		word_add(plan->database, "external_ids:%s=\"%s\"", PLAN_MARK, owner);
	} else if (!is_ours(setup, interface)) {
		status = error_set(error, -EEXIST, field,
				   "\"%s\" is a port that is there already and was not made for "
				   "group %u of this bridge; give another name",
				   g->name, setup->group);
	}
	if (status == 0) {
		column_set(plan->database, g->name, "options",
			   json_object_get(interface, "options"), options);
		column_set(plan->database, g->name, "bfd", json_object_get(interface, "bfd"), bfd);
	}
	if (plan_port(seen, g->name) == 0 && problem[0] != '\0')
		json_array_append_new(
			plan->warnings,
			json_sprintf("gateways[%u]: Open vSwitch cannot make port %s: "
				     "%s",
				     at, g->name, problem));
	else if (plan_port(seen, g->name) == 0)
		plan->waits = true;
	json_decref(options);
	json_decref(bfd);
	return status;
}

static bool is_wanted(const struct setup *setup, const char *name)
{
	for (uint32_t i = 0; i < setup->gateway_count; i++)
		if (strcmp(setup->gateways[i].name, name) == 0)
			return true;
	return false;
}

static void ports_remove(const struct setup *setup, const struct seen *seen, bool all,
			 json_t *words)
{
	const char *name;
	json_t *interface;

	json_object_foreach (seen->interfaces, name, interface) {
		if (!is_ours(setup, interface) || (!all && is_wanted(setup, name)))
			continue;
		word_add(words, "--");
		word_add(words, "--if-exists");
		word_add(words, "del-port");
		word_add(words, "%s", setup->bridge);
		word_add(words, "%s", name);
	}
}

static int database_plan(const struct setup *setup, const struct seen *seen, struct plan *plan,
			 struct error *error)
{
	char key[SETUP_NAME];
	int status = 0;

	if (!group_is_ours(setup, seen)) {
		bridge_key(setup, key);
		for (const char *const *word =
			     (const char *const[]){"--", "set", "Bridge", setup->bridge, NULL};
		     *word != NULL; word++)
			word_add(plan->database, "%s", *word);
		word_add(plan->database, "external_ids:%s=made", key);
	}
	for (uint32_t i = 0; i < setup->gateway_count && status == 0; i++)
		status = port_plan(setup, seen, i, plan, error);
	ports_remove(setup, seen, false, plan->database);
	return status;
}

json_t *plan_removal(const struct setup *setup, const struct seen *seen)
{
	json_t *words = json_array();
	char key[SETUP_NAME];

	ports_remove(setup, seen, true, words);
	if (group_is_ours(setup, seen)) {
		bridge_key(setup, key);
		for (const char *const *word =
			     (const char *const[]){"--", "remove", "Bridge", setup->bridge,
						   "external_ids", key, NULL};
		     *word != NULL; word++)
			word_add(words, "%s", *word);
	}
	return words;
}

/* Flows */

struct flows {
	const struct setup *setup;
	FILE *out; // those that are wanted, with cookies
};

static void flow_put(const struct flows *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void flow_put(const struct flows *f, const char *format, ...)
{
	const struct addr none = {0};
	char text[384];
	va_list arguments;
	uint32_t hash = 0;

	va_start(arguments, format);
	snprintf(text, 32, "table=%u,priority=%u,", f->setup->table, f->setup->priority);
	vsnprintf(text + strlen(text), sizeof(text) - strlen(text), format, arguments);
	va_end(arguments);
	for (const char *c = text; *c != '\0'; c++)
		hash = setup_hash(&none, hash * 31 + (unsigned char)*c);
	fprintf(f->out, "cookie=0x%04x%04x%08x,%s\n", COOKIE, f->setup->group, hash, text);
}

static void flows_out(const struct flows *f, const struct setup_vm *vm, uint32_t port)
{
	uint32_t group = f->setup->group;

	if (vm->vip_count == 0)
		flow_put(f, "in_port=%u,actions=set_field:%u->tun_id,group:%u", port, vm->vni,
			 group);
	for (uint32_t i = 0; i < vm->vip_count; i++) {
		bool ipv6 = vm->vips[i].family == AF_INET6;
		char vip[ADDR_TEXT];

		addr_format(&vm->vips[i], vip);
		flow_put(f, "in_port=%u,%s=%s,actions=set_field:%u->tun_id,group:%u", port,
			 ipv6 ? "ipv6,ipv6_dst" : "ip,nw_dst", vip, vm->vni, group);
		flow_put(f, "in_port=%u,%s=%s,actions=set_field:%u->tun_id,group:%u", port,
			 ipv6 ? "icmp6,icmpv6_type=135,nd_target" : "arp,arp_tpa", vip, vm->vni,
			 group);
	}
}

static void flows_back(const struct flows *f, const struct seen *seen, const struct setup_vm *vm,
		       uint32_t port)
{
	char mac[32] = "";

	if (vm->mac[0] != '\0')
		snprintf(mac, sizeof(mac), ",dl_dst=%s", vm->mac);
	for (uint32_t i = 0; i < f->setup->gateway_count; i++) {
		uint32_t gateway = plan_port(seen, f->setup->gateways[i].name);

		if (gateway != 0)
			flow_put(f, "in_port=%u,tun_id=%u%s,actions=output:%u", gateway, vm->vni,
				 mac, port);
	}
}

static char *flows_wanted(const struct setup *setup, const struct seen *seen, json_t *warnings)
{
	struct flows f = {.setup = setup};
	char *text = NULL;
	size_t size;

	f.out = open_memstream(&text, &size);
	for (uint32_t i = 0; i < setup->vm_count; i++) {
		uint32_t port = plan_port(seen, setup->vms[i].port);

		if (port == 0) {
			json_array_append_new(
				warnings,
				json_sprintf("vms[%u].port: the bridge has no port %s yet", i,
					     setup->vms[i].port));
			continue;
		}
		flows_out(&f, &setup->vms[i], port);
		flows_back(&f, seen, &setup->vms[i], port);
	}
	fclose(f.out);
	return text;
}

static int cookie_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

struct cookies {
	uint64_t *values;
	size_t count;
};

static struct cookies cookies_of(const char *lines)
{
	struct cookies c = {0};
	size_t room = 0;

	for (const char *at = lines; (at = strstr(at, "cookie=")) != NULL; at++) {
		if (c.count == room) {
			room = room * 2 + 64;
			c.values = reallocarray(c.values, room, sizeof(*c.values));
			if (c.values == NULL)
				abort(); // a small program for which there is no memory
		}
		c.values[c.count++] = strtoull(at + strlen("cookie="), NULL, 0);
	}
	if (c.count > 0)
		qsort(c.values, c.count, sizeof(*c.values), cookie_compare);
	return c;
}

static bool cookies_have(const struct cookies *c, uint64_t value)
{
	return c->count > 0 && bsearch(&value, c->values, c->count, sizeof(value), cookie_compare);
}

static void flows_plan(const struct setup *setup, const struct seen *seen, struct plan *plan)
{
	char *wanted = flows_wanted(setup, seen, plan->warnings), *rest = wanted, *line;
	struct cookies there = cookies_of(seen->flows), here = cookies_of(wanted);
	size_t size;
	FILE *out = open_memstream(&plan->flows_removed, &size);

	for (size_t i = 0; i < there.count; i++)
		if (!cookies_have(&here, there.values[i]))
			fprintf(out, "cookie=0x%016" PRIx64 "/-1\n", there.values[i]);
	fclose(out);
	out = open_memstream(&plan->flows_added, &size);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0' &&
		    !cookies_have(&there, strtoull(line + strlen("cookie="), NULL, 0)))
			fprintf(out, "%s\n", line);
	fclose(out);
	free(here.values);
	free(there.values);
	free(wanted);
}

/* The whole */

static int bridge_check(const struct setup *setup, const struct seen *seen, struct error *error)
{
	const json_t *protocols = json_object_get(seen->bridge, "protocols"), *one;
	bool speaks = json_array_size(protocols) == 0;
	size_t i;

	json_array_foreach ((json_t *)protocols, i, one)
		speaks |= strcmp(json_string_value(one) ?: "", "OpenFlow15") == 0;
	if (!speaks)
		return error_set(error, -EPROTO, "bridge",
				 "\"%s\" does not speak OpenFlow15, which groups that hash need: "
				 "ovs-vsctl add bridge %s protocols OpenFlow15",
				 setup->bridge, setup->bridge);
	if (seen->group != NULL && seen->group[0] != '\0' && !group_is_ours(setup, seen))
		return error_set(error, -EEXIST, "group",
				 "%u is there already and was not made by weir-vpc-steer; take "
				 "another number, or remove it: ovs-ofctl -O OpenFlow15 del-groups "
				 "%s group_id=%u",
				 setup->group, setup->bridge, setup->group);
	return 0;
}

int plan_make(const struct setup *setup, const struct seen *seen, struct plan *plan,
	      struct error *error)
{
	int status = bridge_check(setup, seen, error);

	*plan = (struct plan){.database = json_array(), .warnings = json_array()};
	if (status == 0)
		status = database_plan(setup, seen, plan, error);
	if (status < 0 || seen->group == NULL)
		return status;
	plan->group = group_wanted(setup, seen);
	if (group_equal(plan->group, seen->group))
		plan->group[0] = '\0';
	flows_plan(setup, seen, plan);
	return 0;
}

static bool is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

bool plan_is_empty(const struct plan *plan)
{
	return json_array_size(plan->database) == 0 && is_empty(plan->group) &&
	       is_empty(plan->flows_added) && is_empty(plan->flows_removed);
}

void plan_free(struct plan *plan)
{
	json_decref(plan->database);
	json_decref(plan->warnings);
	free(plan->group);
	free(plan->flows_added);
	free(plan->flows_removed);
	memset(plan, 0, sizeof(*plan));
}

void seen_free(struct seen *seen)
{
	json_decref(seen->interfaces);
	json_decref(seen->bridge);
	free(seen->group);
	free(seen->flows);
	memset(seen, 0, sizeof(*seen));
}
