/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "translate_parts.h"

/*
 * Local addresses of a service whose VIP belongs to a vrrp_instance move with it. They become
 * addresses of the instance that are not told in its packets (virtual_ipaddress_excluded), so that
 * keepalived puts them on the interface of the node that is master, announces them, and takes them
 * away again: two nodes never answer ARP for one of them.
 */
static const char *const address_blocks[] = {"virtual_ipaddress", "virtual_ipaddress_excluded",
					     "virtual_ip", "virtual_ip_excluded"};

static bool is_address_block(const struct block *block)
{
	for (unsigned int i = 0; i < sizeof(address_blocks) / sizeof(*address_blocks); i++)
		if (block_is(block, address_blocks[i]))
			return true;
	return false;
}

static void instance_read_address(struct translation *t, struct instance *instance,
				  struct block *line)
{
	const char *word = line->count ? block_word(t->blocks, line, 0) : "";
	char text[PREFIX_TEXT];
	struct prefix prefix;

	snprintf(text, sizeof(text), "%s", word);
	if (is_vague(word) || *word == '@' || prefix_parse(text, &prefix) < 0) {
		instance->vague = line; // keepalived will say what is wrong with it, if anything
		return;
	}
	struct owned *owned = tree_find(&t->owned, &prefix.addr, compare_addr);
	if (owned)
		return;
	owned = blocks_take(t->blocks, sizeof(*owned));
	owned->addr = prefix.addr;
	owned->instance = instance;
	tree_put(&t->owned, owned, compare_addr);
}

static void instance_read(struct translation *t, struct block *block)
{
	struct instance *instance = blocks_take(t->blocks, sizeof(*instance));

	bool condition = *block->words[0] == '@';

	instance->block = block;
	instance->name = block->count > 1u + condition ? block->words[1 + condition] : "";
	instance->vague = condition ? block : NULL;
	instance->next = t->instances;
	t->instances = instance;
	for (struct block *b = block->first; b; b = b->next) {
		if (block_is(b, "interface") && b->count > 1)
			instance->interface = block_word(t->blocks, b, 1);
		if (*b->words[0] == '@' && b->braces)
			instance->vague = b;
		if (!is_address_block(b))
			continue;
		for (struct block *line = b->first; line; line = line->next)
			instance_read_address(t, instance, line);
	}
}

static void group_read(struct translation *t, const struct block *block)
{
	struct block *members = block_find(block, "group");

	for (struct block *b = members ? members->first : NULL; b; b = b->next)
		for (unsigned int i = 0; i < b->count; i++) {
			const char *name = block_word(t->blocks, b, i);
			for (struct instance *n = t->instances; n; n = n->next)
				if (!strcmp(n->name, name))
					n->group = block->count > 1 ? block->words[1] : "";
		}
}

void vrrp_read(struct translation *t)
{
	struct block *root = blocks_root(t->blocks);

	for (struct block *b = root->first; b; b = b->next) {
		bool condition = *b->words[0] == '@' && b->count > 1;
		if (!strcmp(b->words[condition], "vrrp_instance"))
			instance_read(t, b);
		if (*b->words[0] == '$' && !strchr(b->words[0], '='))
			t->vague = b; // whatever it stands for
	}
	for (struct block *b = root->first; b; b = b->next)
		if (block_is(b, "vrrp_sync_group"))
			group_read(t, b);
}

struct instance *vrrp_owner(struct translation *t, const struct addr *addr)
{
	struct owned *owned = tree_find(&t->owned, addr, compare_addr);

	return owned ? owned->instance : NULL;
}

bool vrrp_together(const struct instance *a, const struct instance *b)
{
	return a == b || (a->group && b->group && !strcmp(a->group, b->group));
}

/* "dev dpdk0" -> "dev dpdk0.kni" */
static void devices_map(struct translation *t, struct block *block)
{
	for (struct block *b = block->first; b; b = b->next) {
		for (unsigned int i = 0; i + 1 < b->count; i++) {
			const char *device = block_word(t->blocks, b, i + 1);
			bool named = !strcmp(b->words[i], "dev") ||
				     (!i && !strcmp(b->words[i], "interface"));
			if (named && device_is_port(t, device))
				block_set_word(t->blocks, b, i + 1, device_tap(t, b, device));
		}
		if (b->braces)
			devices_map(t, b);
	}
}

static bool has_device(const struct block *line)
{
	for (unsigned int i = 0; i < line->count; i++)
		if (!strcmp(line->words[i], "dev"))
			return true;
	return false;
}

/* dpdk_interface: VIPs stand on that port, VRRP packets go where `interface` says. */
static void instance_take_device(struct translation *t, struct instance *instance)
{
	struct block *statement = block_find(instance->block, "dpdk_interface");
	const char *tap;

	if (!statement)
		return;
	if (statement->count != 2) {
		finding_error(t->findings, statement, "dpdk_interface takes the name of a port");
		return;
	}
	tap = device_tap(t, statement, block_word(t->blocks, statement, 1));
	block_remove(statement);
	if (!tap || (instance->interface && !strcmp(instance->interface, tap)))
		return;
	for (struct block *b = instance->block->first; b; b = b->next)
		for (struct block *line = is_address_block(b) ? b->first : NULL; line;
		     line = line->next)
			if (!has_device(line)) {
				block_add_word(t->blocks, line, "dev");
				block_add_word(t->blocks, line, tap);
			}
}

static void instance_add_local(struct translation *t, const struct local *local)
{
	struct block *block = local->instance->block;
	struct block *excluded = block_find(block, "virtual_ipaddress_excluded");
	char address[ADDR_TEXT], line[256];

	if (!excluded) {
		excluded = block_add(t->blocks, block, false, local->owner,
				     "virtual_ipaddress_excluded");
		excluded->braces = true;
	}
	snprintf(line, sizeof(line), "%s/%d dev %.64s", addr_format(&local->addr, address),
		 local->addr.family == AF_INET ? 32 : 128, local->tap);
	block_add(t->blocks, excluded, false, local->block, line);
}

/* A drained node gives its VIPs up: weight 0 makes anything but "0" in the file a fault. */
static void instance_follow_drain(struct translation *t, struct instance *instance)
{
	struct block *tracked = block_find(instance->block, "track_file");

	if (!tracked) {
		tracked = block_add(t->blocks, instance->block, false, instance->block,
				    "track_file");
		tracked->braces = true;
	}
	block_add(t->blocks, tracked, false, instance->block, "weir_drain weight 0");
}

static void drain_define(struct translation *t)
{
	struct block *root = blocks_root(t->blocks), *defined, *file;
	char quoted[4096];

	if (!t->instances || !t->options->drain_file)
		return;
	// keepalived knows a track_file only after its definition, so it stands first.
	defined = block_add(t->blocks, root, true, t->instances->block, "track_file weir_drain");
	defined->braces = true;
	file = block_add(t->blocks, defined, false, defined, "file");
	snprintf(quoted, sizeof(quoted), "\"%s\"", t->options->drain_file);
	block_add_word(t->blocks, file, quoted);
	block_add(t->blocks, defined, false, defined, "weight 0");
}

/* Addresses that the file's author already gave to the instance need not be added. */
static void locals_place(struct translation *t, struct block *block)
{
	for (struct block *b = block->first; b; b = b->next) {
		struct addr addr;
		unsigned int count;

		if (!b->count || !range_parse(block_word(t->blocks, b, 0), &addr, &count))
			continue;
		for (unsigned int i = 0; i < count; i++) {
			struct addr one = addr_plus(&addr, i);
			const struct local *local = tree_find(&t->locals, &one, compare_addr);
			if (local && local->instance && local->block == b &&
			    vrrp_owner(t, &one) == NULL)
				instance_add_local(t, local);
		}
	}
}

void vrrp_finish(struct translation *t)
{
	struct block *root = blocks_root(t->blocks), *next;

	for (struct instance *n = t->instances; n; n = n->next)
		instance_take_device(t, n);
	for (struct block *b = root->first; b; b = next) {
		next = b->next;
		if (!block_is(b, "local_address_group"))
			continue;
		locals_place(t, b);
		block_remove(b);
	}
	for (struct block *b = root->first; b; b = b->next)
		if (b->braces && !block_is(b, "virtual_server"))
			devices_map(t, b);
	for (struct instance *n = t->instances; n && t->options->drain_file; n = n->next)
		instance_follow_drain(t, n);
	drain_define(t);
}
