/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "translate_parts.h"

/*
 * deny_address_group and allow_address_group: lines of ADDRESS, FIRST-LAST (LAST may be the last
 * byte alone) or ipset:NAME, which become access lists of the services that name the group.
 */

static bool is_set(const char *word)
{
	return !strncmp(word, "ipset:", 6) && word[6];
}

void access_group_check(struct translation *t, const struct named *group)
{
	struct addr first;
	unsigned int count;

	for (struct block *line = group ? group->block->first : NULL; line; line = line->next) {
		const char *word = block_word(t->blocks, line, 0);

		if (line->count != 1 || line->braces)
			finding_error(t->findings, line,
				      "a line of %s is ADDRESS, FIRST-LAST or ipset:NAME",
				      group->block->words[0]);
		else if (!is_set(word) && !range_parse(word, &first, &count))
			finding_error(t->findings, line,
				      "\"%s\" is no address, no range of at most %d addresses and "
				      "no ipset:NAME",
				      word, TRANSLATE_RANGE);
	}
}

struct named *access_group_find(struct translation *t, bool deny, struct block *block)
{
	const char *name = statement_value(t, block);
	struct named *group;

	block_remove(block);
	if (!name)
		return NULL;
	group = tree_find(deny ? &t->deny_groups : &t->allow_groups, &name, compare_name);
	if (!group)
		finding_error(t->findings, block, "there is no %s_address_group \"%s\"",
			      deny ? "deny" : "allow", name);
	return group;
}

json_t *access_group_json(struct translation *t, const struct named *group)
{
	json_t *list = json_array();

	for (struct block *line = group->block->first; line; line = line->next) {
		const char *word = block_word(t->blocks, line, 0);
		char one[ADDR_TEXT], two[ADDR_TEXT], text[2 * ADDR_TEXT + 2];
		struct addr first, last;
		unsigned int count;

		if (is_set(word)) {
			json_array_append_new(list, json_string(word));
		} else if (range_parse(word, &first, &count)) {
			last = addr_plus(&first, count - 1);
			snprintf(text, sizeof(text), "%s-%s", addr_format(&first, one),
				 addr_format(&last, two));
			json_array_append_new(list, json_string(count > 1 ? text : one));
		}
	}
	return list;
}
