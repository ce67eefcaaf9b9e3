/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "translate_parts.h"

/*
 * tunnel_group NAME { tunnel_entry DEVICE { kind, remote, local, if } }: each entry is a tunnel
 * interface of weir, which is there before anything else of the file is looked at, so that
 * addresses and matches may name it. The groups themselves have no meaning.
 */
enum { DEVICE_NAME = 15 };

/* weir's field for a word of DPVS, and its value; NULL after an error. */
static const char *field_of(struct translation *t, const struct block *line, const char **value)
{
	const char *word = line->words[0];
	struct addr addr;

	if (line->braces || !(*value = statement_value(t, line)))
		return NULL;
	if (!strcmp(word, "kind")) {
		if (word_among("ipip gre", *value))
			return "kind";
		finding_error(t->findings, line, "kind %s: there is ipip and gre", *value);
	} else if (!strcmp(word, "remote") || !strcmp(word, "local")) {
		if (addr_parse(*value, &addr) == 0)
			return word;
		finding_error(t->findings, line, "%s: \"%s\" is no address", word, *value);
	} else if (!strcmp(word, "if")) {
		*value = device_port(t, line, *value);
		return *value ? "link" : NULL;
	} else {
		finding_error(t->findings, line,
			      "a tunnel_entry has kind, remote, local and if, and no %s", word);
	}
	return NULL;
}

static const char *name_of(struct translation *t, const struct block *entry)
{
	const char *name;
	json_t *other;
	size_t i;

	if (entry->count != 2) {
		finding_error(t->findings, entry, "tunnel_entry takes the name of a device");
		return NULL;
	}
	name = block_word(t->blocks, entry, 1);
	if (strlen(name) > DEVICE_NAME || strchr(name, '/')) {
		finding_error(t->findings, entry, "\"%s\" is no name of a device", name);
		return NULL;
	}
	json_array_foreach (t->tunnels, i, other) {
		if (strcmp(json_string_value(json_object_get(other, "name")), name) == 0) {
			finding_error(t->findings, entry, "there is a tunnel_entry %s already",
				      name);
			return NULL;
		}
	}
	return name;
}

static void entry_read(struct translation *t, const struct block *entry)
{
	static const char *const needed[] = {"kind", "remote"};
	const char *name = name_of(t, entry), *field, *value;
	unsigned int errors = t->findings->errors;
	char tap[DEVICE_NAME + 1];
	json_t *tunnel;

	if (!name)
		return;
	tunnel = json_pack("{s:s}", "name", name);
	for (const struct block *line = entry->first; line; line = line->next) {
		field = field_of(t, line, &value);
		if (field && json_object_get(tunnel, field))
			finding_error(t->findings, line, "%s stands here twice", line->words[0]);
		else if (field)
			json_object_set_new(tunnel, field, json_string(value));
	}
	for (unsigned int i = 0; i < 2 && t->findings->errors == errors; i++)
		if (!json_object_get(tunnel, needed[i]))
			finding_error(t->findings, entry, "the tunnel %s has no %s", name,
				      needed[i]);
	json_array_append_new(t->tunnels, tunnel);
	snprintf(tap, sizeof(tap), "%.11s.kni", name);
	if (t->taps && !json_object_get(t->taps, name))
		json_object_set_new(t->taps, name, json_string(tap));
}

void tunnels_read(struct translation *t)
{
	for (struct block *b = blocks_root(t->blocks)->first, *next; b; b = next) {
		next = b->next;
		if (!block_is(b, "tunnel_group"))
			continue;
		for (const struct block *entry = b->first; entry; entry = entry->next) {
			if (block_is(entry, "tunnel_entry"))
				entry_read(t, entry);
			else
				finding_error(t->findings, entry,
					      "a tunnel_group has tunnel_entry, and no %s",
					      entry->words[0]);
		}
		block_remove(b);
	}
}
