/* SPDX-License-Identifier: BSD-3-Clause */
#include "translate.h"

#include <search.h>
#include <string.h>

#include "translate_parts.h"

/*
 * Everything that stock keepalived knows stays as it is written. The words of DPVS are taken out of
 * the tree where they are understood:
 *
 *   local_address_group, laddr_group_name  settings, and addresses of vrrp_instances
 *   lb_kind FNAT                           lb_kind NAT and the mode fullnat in the settings
 *   establish_timeout                      timeouts in the settings
 *   virtual_server match                   a service in the settings
 *   tunnel_group                           tunnel interfaces
 *   dpdk_interface, vip_bind_dev           "dev" of addresses
 *   nb_sock_retry                          retry
 *
 * and are errors everywhere else: a file is translated as a whole or not at all, because half of
 * it would balance something that nobody has asked for.
 */
static const char *const dpvs_words[] = {
	"local_address_group",
	"laddr_group_name",
	"daddr_group_name",
	"waddr_group_name",
	"syn_proxy",
	"expire_quiescent_conn",
	"quic",
	"proxy_protocol",
	"establish_timeout",
	"limit_proportion",
	"bps",
	"hash_target",
	"vip_bind_dev",
	"dpdk_interface",
	"nb_sock_retry",
	"src-range",
	"dst-range",
	"iif",
	"oif",
	"tunnel_group",
	"tunnel_entry",
	"deny_address_group",
	"allow_address_group",
};

static bool is_dpvs_word(const char *word)
{
	for (unsigned int i = 0; i < sizeof(dpvs_words) / sizeof(*dpvs_words); i++)
		if (!strcmp(dpvs_words[i], word))
			return true;
	return false;
}

/* What is left after everything that is understood has been taken out. */
static void leftovers_refuse(struct translation *t, const struct block *block)
{
	for (const struct block *b = block->first; b; b = b->next) {
		bool condition = *b->words[0] == '@' && b->count > 1;
		const char *word = b->words[condition];
		const char *value = b->count > 1u + condition ? b->words[1 + condition] : "";

		if (condition && (is_dpvs_word(word) || !strcmp(value, "FNAT") ||
				  !strcmp(word, "virtual_server_group")))
			finding_error(t->findings, b,
				      "%s behind the condition %s is not understood", word,
				      b->words[0]);
		else if (is_dpvs_word(word))
			finding_error(t->findings, b, "%s means nothing here", word);
		leftovers_refuse(t, b);
	}
}

static void local_add(struct translation *t, struct named *group, const struct block *line,
		      const struct addr *addr, const char *port, const char *tap)
{
	struct local *local = tree_find(&t->locals, addr, compare_addr);
	struct local **locals;

	if (!local) {
		local = blocks_take(t->blocks, sizeof(*local));
		local->addr = *addr;
		local->port = port;
		local->tap = tap;
		local->block = line;
		local->instance = vrrp_owner(t, addr);
		tree_put(&t->locals, local, compare_addr);
	} else if (strcmp(local->port, port)) {
		finding_error(t->findings, line, "this address is on %s in %s:%u", local->port,
			      local->block->file, local->block->line);
	}
	if (local->group == group) {
		finding_error(t->findings, line, "this address stands in the group twice");
		return;
	}
	local->group = group;
	if (!(group->local_count & (group->local_count + 1))) {
		locals = blocks_take(t->blocks, (group->local_count + 1) * 2 * sizeof(*locals));
		if (group->local_count)
			memcpy(locals, group->locals, group->local_count * sizeof(*locals));
		group->locals = locals;
	}
	group->locals[group->local_count++] = local;
}

static void local_group_line(struct translation *t, struct named *group, struct block *line)
{
	const char *range = block_word(t->blocks, line, 0);
	const char *device = block_word(t->blocks, line, 1);
	struct addr first;
	unsigned int count;

	if (line->count != 2 || line->braces) {
		finding_error(t->findings, line,
			      "a line of local_address_group is ADDRESS[-LAST] INTERFACE");
		return;
	}
	if (!range_parse(range, &first, &count)) {
		finding_error(t->findings, line,
			      "\"%s\" is no address and no range of at most %d addresses", range,
			      TRANSLATE_RANGE);
		return;
	}
	if (group->local_count + count > TRANSLATE_RANGE) {
		finding_error(t->findings, line, "the group has more than %d addresses",
			      TRANSLATE_RANGE);
		return;
	}
	const char *port = device_port(t, line, device);
	const char *tap = port ? device_tap(t, line, device) : NULL;
	for (unsigned int i = 0; tap && i < count; i++) {
		struct addr addr = addr_plus(&first, i);
		local_add(t, group, line, &addr, port, tap);
	}
}

static struct named *named_read(struct translation *t, struct block *block, void **tree)
{
	struct named *named = blocks_take(t->blocks, sizeof(*named));
	const struct named *other;

	if (block->count != 2) {
		finding_error(t->findings, block, "%s takes a name", block->words[0]);
		return NULL;
	}
	named->name = block_word(t->blocks, block, 1);
	named->block = block;
	other = tree_find(tree, named, compare_name);
	if (other) {
		finding_error(t->findings, block, "%s %s stands in %s:%u already", block->words[0],
			      named->name, other->block->file, other->block->line);
		return NULL;
	}
	tree_put(tree, named, compare_name);
	return named;
}

/* The groups that virtual servers name. */
static void groups_read(struct translation *t)
{
	for (struct block *b = blocks_root(t->blocks)->first, *next; b; b = next) {
		next = b->next;
		if (block_is(b, "virtual_server_group")) {
			named_read(t, b, &t->server_groups);
		} else if (block_is(b, "local_address_group")) {
			struct named *group = named_read(t, b, &t->local_groups);
			for (struct block *line = b->first; line && group; line = line->next)
				local_group_line(t, group, line);
		} else if (block_is(b, "deny_address_group") ||
			   block_is(b, "allow_address_group")) {
			bool deny = block_is(b, "deny_address_group");

			access_group_check(
				t, named_read(t, b, deny ? &t->deny_groups : &t->allow_groups));
			block_remove(b);
		}
	}
}

static void node_keep(void *node)
{
	// The entries of the trees belong to the file's tree.
}

json_t *translate(struct blocks *blocks, const struct translate_options *options,
		  struct findings *findings)
{
	struct translation t = {.blocks = blocks, .options = options, .findings = findings};

	t.settings = json_array();
	t.tunnels = json_array();
	t.taps = json_copy((json_t *)options->taps);
	tunnels_read(&t);
	vrrp_read(&t);
	groups_read(&t);
	servers_translate(&t);
	vrrp_finish(&t);
	leftovers_refuse(&t, blocks_root(blocks));
	tdestroy(t.owned, node_keep);
	tdestroy(t.locals, node_keep);
	tdestroy(t.local_groups, node_keep);
	tdestroy(t.deny_groups, node_keep);
	tdestroy(t.allow_groups, node_keep);
	tdestroy(t.server_groups, node_keep);
	tdestroy(t.services, node_keep);
	json_decref(t.taps);
	return json_pack("{s:o, s:o}", "services", t.settings, "tunnels", t.tunnels);
}
