/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/access.h"
#include "balance/source_list.h"
#include "base/log.h"
#include "control/model.h"
#include "control/sets_journal.h"

enum { SETS_MAX = 16384 };

static struct {
	struct named_set *sets;
	unsigned int count, room;
} named;

struct named_set *sets_find_named(const char *name)
{
	for (unsigned int i = 0; i < named.count; i++)
		if (strcmp(named.sets[i].set->settings.name, name) == 0)
			return &named.sets[i];
	return NULL;
}

struct set *sets_find(const char *name)
{
	struct named_set *found = sets_find_named(name);

	return found ? found->set : NULL;
}

struct named_set *sets_next(unsigned int *cursor)
{
	return *cursor < named.count ? &named.sets[(*cursor)++] : NULL;
}

static int sets_add(const struct set_settings *settings, uint8_t origin, struct error *error)
{
	struct set *set;

	if (sets_find(settings->name) != NULL)
		return error_set(error, -EEXIST, "name", "there is a set \"%s\" already",
				 settings->name);
	if (named.count >= SETS_MAX)
		return error_set(error, -ENOSPC, "", "there are %d sets already, the most",
				 SETS_MAX);
	if (named.count == named.room) {
		unsigned int room = named.room ? 2 * named.room : 16;
		struct named_set *larger = realloc(named.sets, room * sizeof(*larger));

		if (larger == NULL)
			return error_set(error, -ENOMEM, "", "out of memory");
		named.sets = larger;
		named.room = room;
	}
	set = set_new(settings);
	if (set == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	named.sets[named.count++] = (struct named_set){.set = set, .origin = origin};
	return 0;
}

int sets_make(const struct set_settings *settings, uint8_t origin, struct error *error)
{
	int status = set_check(settings, error);

	if (status == 0)
		status = sets_add(settings, origin, error);
	if (status == 0)
		sets_journal_make(&named.sets[named.count - 1]);
	return status;
}

static void sets_drop(unsigned int place)
{
	sets_journal_remove(named.sets[place].set->settings.name);
	set_free(named.sets[place].set);
	named.count--;
	memmove(&named.sets[place], &named.sets[place + 1],
		(named.count - place) * sizeof(*named.sets));
}

int sets_remove(const char *name, struct error *error)
{
	struct named_set *found = sets_find_named(name);

	if (found == NULL)
		return error_set(error, -ENOENT, "", "there is no set \"%.40s\"", name);
	if (found->set->references > 0)
		return error_set(error, -EBUSY, "",
				 "set \"%s\" is referred to %u times, by access lists or "
				 "classifiers",
				 name, found->set->references);
	sets_drop(found - named.sets);
	return 0;
}

static int row_error(const struct set *set, uint32_t row, int status, struct error *error)
{
	char field[24];

	snprintf(field, sizeof(field), "entries[%u]", row);
	switch (status) {
	case -EEXIST:
		return error_set(error, status, field, "is in set \"%s\" already",
				 set->settings.name);
	case -ENOENT:
		return error_set(error, status, field, "is not in set \"%s\"", set->settings.name);
	case -ENOSPC:
		return error_set(
			error, status, field,
			"set \"%s\" is full with %u entries (maxelem), or there is no room "
			"for more combinations of sets",
			set->settings.name, set->settings.maxelem);
	}
	return error_set(error, status, field, "out of memory");
}

/* What a change has done to a row that was there before it. */
struct undo {
	bool was, nomatch;
	uint8_t mark;
	char comment[SET_COMMENT_MAX + 1];
};

static void undo_note(const struct set *set, const struct set_row *row, struct undo *undo)
{
	const struct set_entry *entry = set_find(set, &row->item);

	undo->was = entry != NULL;
	if (entry == NULL)
		return;
	undo->nomatch = set_entry_nomatch(entry);
	undo->mark = set_entry_mark(entry);
	strcpy(undo->comment, set_entry_comment(entry));
}

static void undo_all(struct set *set, const struct set_rows *rows, const struct undo *undo,
		     uint32_t count)
{
	while (count-- > 0) {
		const struct set_row *row = &rows->rows[count];

		if (undo[count].was)
			set_add(set, &row->item, undo[count].nomatch, undo[count].comment,
				undo[count].mark, true);
		else
			set_remove(set, &row->item);
	}
	source_commit();
}

static void sets_changed(struct set *set)
{
	if (set->references > 0)
		access_changed();
}

/* One row, in or out. Rows that came through a door stay when the file has them too. */
static int row_change(struct set *set, const struct set_row *row, bool take, uint8_t origin,
		      bool force)
{
	int status;

	if (!take)
		return set_add(set, &row->item, row->nomatch, row->comment, origin, force);
	status = set_remove(set, &row->item);
	return status == -ENOENT && force ? 0 : status;
}

static int rows_change(struct set *set, const struct set_rows *rows, bool take, uint8_t origin,
		       bool force, struct error *error)
{
	struct undo *undo = malloc((rows->count + 1) * sizeof(*undo));
	uint32_t i = 0;
	int status = 0;

	if (undo == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	for (; i < rows->count && status == 0; i++) {
		undo_note(set, &rows->rows[i], &undo[i]);
		status = row_change(set, &rows->rows[i], take, origin, force);
	}
	if (status < 0)
		row_error(set, --i, status, error);
	else if (source_commit() < 0)
		status = error_set(error, -ENOMEM, "", "out of memory for sets");
	if (status < 0)
		undo_all(set, rows, undo, i);
	else
		sets_changed(set);
	free(undo);
	return status;
}

int sets_put(struct set *set, const struct set_rows *rows, uint8_t origin, bool force,
	     struct error *error)
{
	int status = rows_change(set, rows, false, origin, force, error);

	for (uint32_t i = 0; status == 0 && i < rows->count; i++)
		sets_journal_put(set, &rows->rows[i], origin);
	return status;
}

int sets_take(struct set *set, const struct set_rows *rows, bool force, struct error *error)
{
	int status = rows_change(set, rows, true, 0, force, error);

	for (uint32_t i = 0; status == 0 && i < rows->count; i++)
		sets_journal_take(set, &rows->rows[i].item);
	return status;
}

/* Remove what is not marked with `seen`, of those that `origin` made; ORIGIN_COUNT: of all. */
static void entries_prune(struct set *set, uint8_t seen, uint8_t origin)
{
	struct set_entry *entry;
	struct set_item item;
	uint32_t cursor = 0;

	while ((entry = set_next(set, &cursor)) != NULL) {
		uint8_t mark = set_entry_mark(entry);

		if (mark & seen) {
			set_entry_set_mark(entry, mark & ~seen);
		} else if (origin == ORIGIN_COUNT || mark == origin) {
			set_entry_item(set, entry, &item);
			sets_journal_take(set, &item);
			set_remove(set, &item);
		}
	}
}

/* The rows, and of what was there before what another origin made, or with ORIGIN_COUNT nothing. */
static int entries_renew(struct set *set, const struct set_rows *rows, uint8_t origin,
			 uint8_t prune, struct error *error)
{
	enum { SEEN = 0x80 };
	int status = 0;

	// Those that go may make room for those that come.
	for (uint32_t i = 0; i < rows->count; i++) {
		struct set_entry *entry = set_find(set, &rows->rows[i].item);

		if (entry != NULL)
			set_entry_set_mark(entry, set_entry_mark(entry) | SEEN);
	}
	entries_prune(set, SEEN, prune);
	for (uint32_t i = 0; i < rows->count && status == 0; i++)
		status = row_change(set, &rows->rows[i], false, origin, true);
	if (status == 0)
		status = source_commit();
	else
		source_commit();
	for (uint32_t i = 0; status == 0 && i < rows->count; i++)
		sets_journal_put(set, &rows->rows[i], origin);
	sets_changed(set);
	if (status < 0)
		return error_set(error, status, "entries", "out of memory for sets");
	return 0;
}

/* How many entries the rows are, each counted once. */
static int rows_fit(const struct set *set, const struct set_rows *rows, struct error *error)
{
	if (rows->count <= set->settings.maxelem)
		return 0;
	return error_set(error, -ENOSPC, "entries", "%u entries are more than maxelem, %u",
			 rows->count, set->settings.maxelem);
}

int sets_replace(struct set *set, const struct set_rows *rows, uint8_t origin, struct error *error)
{
	int status = rows_fit(set, rows, error);

	return status < 0 ? status : entries_renew(set, rows, origin, ORIGIN_COUNT, error);
}

void sets_flush(struct set *set)
{
	sets_journal_flush(set);
	set_clear(set);
	source_commit();
	sets_changed(set);
}

/* Documents */

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

int sets_apply(const struct sets_wanted *wanted, struct error *error)
{
	for (unsigned int i = 0; i < wanted->count; i++) {
		const struct set_wanted *one = &wanted->sets[i];
		struct named_set *there = sets_find_named(one->settings.name);
		int status = there ? 0 : sets_make(&one->settings, ORIGIN_FILE, error);

		if (status < 0)
			return status;
		there = sets_find_named(one->settings.name);
		there->origin = ORIGIN_FILE;
		there->set->settings.maxelem = one->settings.maxelem;
		there->set->settings.hashsize = one->settings.hashsize;
		there->set->settings.comment = one->settings.comment;
		sets_journal_make(there);
		status = entries_renew(there->set, &one->rows, ORIGIN_FILE, ORIGIN_FILE, error);
		if (status < 0)
			return status;
	}
	return 0;
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
	for (unsigned int i = named.count; i-- > 0;) {
		const struct set *set = named.sets[i].set;

		if (named.sets[i].origin != ORIGIN_FILE || is_wanted(wanted, set->settings.name))
			continue;
		if (set->references == 0)
			sets_drop(i);
		else
			log_warning("set \"%s\" is not in the file any more and stays: it is "
				    "referred to %u times",
				    set->settings.name, set->references);
	}
}

void set_rows_free(struct set_rows *rows)
{
	free(rows->rows);
	memset(rows, 0, sizeof(*rows));
}

void sets_wanted_free(struct sets_wanted *wanted)
{
	for (unsigned int i = 0; i < wanted->count; i++)
		set_rows_free(&wanted->sets[i].rows);
	free(wanted->sets);
	memset(wanted, 0, sizeof(*wanted));
}

void sets_stop(void)
{
	while (named.count > 0)
		set_free(named.sets[--named.count].set);
	free(named.sets);
	memset(&named, 0, sizeof(named));
}
