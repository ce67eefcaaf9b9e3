/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/model.h"
#include "control/set_build.h"
#include "control/sets.h"
#include "control/sets_journal.h"
#include "control/sets_load.h"

/*
 * Sets of a document. What the document changes in a set is made beside it (set_build.c) and takes
 * its place, but what was there before is kept until the rest of the document has been taken too.
 * When that is refused, each set gets back what it had.
 */
struct pending {
	char name[SET_NAME_MAX + 1];
	bool made; // there was none
	uint8_t origin_before;
	struct set_build build; // what was there before
};

static struct pending *pending;
static unsigned int pending_count;

static bool settings_equal(const struct set_settings *a, const struct set_settings *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The same but for what can be changed while it is there. */
static bool settings_fit(const struct set_settings *a, const struct set_settings *b)
{
	struct set_settings copy = *b;

	copy.maxelem = a->maxelem;
	copy.hashsize = a->hashsize;
	copy.comment = a->comment;
	return settings_equal(a, &copy);
}

int sets_check_wanted(const struct sets_wanted *wanted, struct error *error)
{
	char field[24];

	for (unsigned int i = 0; i < wanted->count; i++) {
		const struct set *set = sets_find(wanted->sets[i].settings.name);

		if (set == NULL || settings_fit(&set->settings, &wanted->sets[i].settings))
			continue;
		snprintf(field, sizeof(field), "sets[%u]", i);
		return error_set(
			error, -EINVAL, field,
			"set \"%s\" is there with another type, family or range: remove it "
			"first, or choose another name",
			set->settings.name);
	}
	return 0;
}

/* Are these very entries, said in the same words, all that documents have in the set? */
static bool content_equal(const struct set *set, const struct set_wanted *one)
{
	const struct set_entry *entry;
	uint32_t cursor = 0, of_documents = 0;

	if (!settings_equal(&set->settings, &one->settings))
		return false;
	for (uint32_t i = 0; i < one->rows.count; i++) {
		const struct set_row *row = &one->rows.rows[i];

		entry = set_find(set, &row->item);
		if (entry == NULL || set_entry_mark(entry) != ORIGIN_FILE ||
		    set_entry_nomatch(entry) != row->nomatch ||
		    (set->settings.comment && strcmp(set_entry_comment(entry), row->comment) != 0))
			return false;
	}
	while ((entry = set_next(set, &cursor)) != NULL)
		of_documents += set_entry_mark(entry) == ORIGIN_FILE;
	return of_documents == one->rows.count; // rows that say the same twice are no matter
}

static int apply_one(const struct set_wanted *one, struct pending *undo, struct error *error)
{
	struct named_set *there = sets_find_named(one->settings.name);
	const struct set *old = there ? there->set : NULL;
	int status;

	strcpy(undo->name, one->settings.name);
	undo->made = there == NULL;
	undo->origin_before = there ? there->origin : ORIGIN_FILE;
	if (there != NULL) {
		there->origin = ORIGIN_FILE;
		if (content_equal(old, one))
			return 0;
	}
	status = set_build_make(&undo->build, &one->settings, old, SET_DOCUMENT, &one->rows,
				ORIGIN_FILE, true, error);
	if (status == 0)
		status = set_build_show(&undo->build, UINT32_MAX, error);
	if (status == 0 && there == NULL)
		status = sets_add_build(&undo->build, ORIGIN_FILE, error);
	else if (status == 0)
		status = sets_place(&undo->build, there->set, error);
	if (status < 0 && there != NULL)
		there->origin = undo->origin_before;
	if (status < 0)
		set_build_drop(&undo->build);
	return status;
}

static void error_in_set(unsigned int at, struct error *error)
{
	const struct error inner = *error;
	char field[sizeof(inner.field) + 16];

	snprintf(field, sizeof(field), "sets[%u]%s%s", at, inner.field[0] ? "." : "", inner.field);
	error_set(error, inner.code, field, "%s", inner.text);
}

int sets_apply(const struct sets_wanted *wanted, struct error *error)
{
	int status = 0;

	sets_load_finish();
	pending = calloc(wanted->count + 1, sizeof(*pending));
	pending_count = 0;
	if (pending == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	for (unsigned int i = 0; i < wanted->count && status == 0; i++) {
		status = apply_one(&wanted->sets[i], &pending[i], error);
		if (status < 0)
			error_in_set(i, error);
		else
			pending_count++;
	}
	if (status < 0)
		sets_apply_end(false);
	return status;
}

static void undo_one(struct pending *undo)
{
	struct named_set *there = sets_find_named(undo->name);
	struct error error;

	there->origin = undo->origin_before;
	if (undo->made)
		sets_drop(there); // nothing that was refused refers to it
	else if (undo->build.set != NULL && set_build_place(&undo->build, there->set, &error) < 0)
		log_error("set %s keeps what was refused: %s", undo->name, error.text);
}

/* What has changed, entry by entry. */
static void journal_differences(const struct named_set *there, const struct set *before)
{
	const struct set *set = there->set;
	struct set_entry *entry, *old;
	struct set_item item;
	uint32_t cursor = 0;

	sets_journal_make(there);
	while (before != NULL && (entry = set_next(before, &cursor)) != NULL) {
		set_entry_item(before, entry, &item);
		if (set_find(set, &item) == NULL)
			sets_journal_take(set, &item);
	}
	for (cursor = 0; (entry = set_next(set, &cursor)) != NULL;) {
		struct set_row row = {.nomatch = set_entry_nomatch(entry)};

		set_entry_item(set, entry, &row.item);
		old = before ? set_find(before, &row.item) : NULL;
		if (old != NULL && set_entry_mark(old) == set_entry_mark(entry) &&
		    set_entry_nomatch(old) == row.nomatch &&
		    strcmp(set_entry_comment(old), set_entry_comment(entry)) == 0)
			continue;
		strcpy(row.comment, set_entry_comment(entry));
		sets_journal_put(set, &row, set_entry_mark(entry));
	}
}

static void keep_one(struct pending *undo)
{
	const struct named_set *there = sets_find_named(undo->name);

	if (undo->made || undo->build.set != NULL)
		journal_differences(there, undo->build.set);
	else if (undo->origin_before != there->origin)
		sets_journal_make(there);
}

void sets_apply_end(bool keep)
{
	if (keep)
		sets_journal_begin();
	for (unsigned int i = 0; i < pending_count; i++) {
		if (keep)
			keep_one(&pending[i]);
		else
			undo_one(&pending[i]);
		set_build_drop(&pending[i].build);
	}
	if (keep)
		sets_journal_end();
	free(pending);
	pending = NULL;
	pending_count = 0;
}

static bool is_wanted(const struct sets_wanted *wanted, const char *name)
{
	for (unsigned int i = 0; i < wanted->count; i++)
		if (strcmp(wanted->sets[i].settings.name, name) == 0)
			return true;
	return false;
}

void sets_prune(const struct sets_wanted *wanted)
{
	struct named_set *one;
	struct error ignored;
	unsigned int at = 0;

	while ((one = sets_next(&at)) != NULL) {
		const struct set *set = one->set;

		if (one->origin != ORIGIN_FILE || is_wanted(wanted, set->settings.name))
			continue;
		if (set->references == 0)
			at -= sets_remove(set->settings.name, &ignored) == 0;
		else
			log_warning("set \"%s\" is not in the file any more and stays: it is "
				    "referred to %u times",
				    set->settings.name, set->references);
	}
}
