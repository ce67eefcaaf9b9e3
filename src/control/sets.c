/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/access.h"
#include "balance/source_list.h"
#include "base/log.h"
#include "control/model.h"
#include "control/set_build.h"
#include "control/sets_journal.h"

enum { SETS_MAX = 16384 };

static struct {
	struct named_set *sets;
	unsigned int count, room;
	uint64_t contents; // how many there have been
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

/* Room for one more. */
static int sets_room(const char *name, struct error *error)
{
	if (sets_find(name) != NULL)
		return error_set(error, -EEXIST, "name", "there is a set \"%s\" already", name);
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
	return 0;
}

static void sets_enter(struct set *set, uint8_t origin)
{
	set->content = ++named.contents;
	named.sets[named.count++] =
		(struct named_set){.set = set, .origin = origin, .number = named.contents};
}

int sets_add(const struct set_settings *settings, uint8_t origin, struct error *error)
{
	int status = sets_room(settings->name, error);
	struct set *set = status == 0 ? set_new(settings) : NULL;

	if (status < 0)
		return status;
	if (set == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	sets_enter(set, origin);
	return 0;
}

int sets_add_build(struct set_build *build, uint8_t origin, struct error *error)
{
	int status = sets_room(build->set->settings.name, error);

	if (status == 0)
		sets_enter(set_build_take(build), origin);
	return status;
}

int sets_make(const struct set_settings *settings, uint8_t origin, struct error *error)
{
	int status = set_check(settings, error);

	if (status == 0)
		status = sets_add(settings, origin, error);
	if (status < 0)
		return status;
	sets_journal_begin();
	sets_journal_make(&named.sets[named.count - 1]);
	sets_journal_end();
	return 0;
}

/* Without a word in the journal. */
void sets_drop(struct named_set *gone)
{
	unsigned int place = gone - named.sets;

	set_retire(gone->set);
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
	sets_journal_begin();
	sets_journal_remove(name);
	sets_journal_end();
	sets_drop(found);
	return 0;
}

int set_row_error(const struct set *set, uint32_t row, int status, struct error *error)
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
		set_row_error(set, --i, status, error);
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

	sets_journal_begin();
	for (uint32_t i = 0; status == 0 && i < rows->count; i++)
		sets_journal_put(set, &rows->rows[i], origin);
	sets_journal_end();
	return status;
}

int sets_take(struct set *set, const struct set_rows *rows, bool force, struct error *error)
{
	int status = rows_change(set, rows, true, 0, force, error);

	sets_journal_begin();
	for (uint32_t i = 0; status == 0 && i < rows->count; i++)
		sets_journal_take(set, &rows->rows[i].item);
	sets_journal_end();
	return status;
}

/* The change as a whole, at once. */
static int build_now(struct set_build *build, struct set *set, struct error *error)
{
	int status = set_build_show(build, UINT32_MAX, error);

	if (status == 0)
		status = sets_place(build, set, error);
	set_build_drop(build);
	return status;
}

int sets_place(struct set_build *build, struct set *set, struct error *error)
{
	build->set->content = ++named.contents;
	return set_build_place(build, set, error);
}

int sets_replace(struct set *set, const struct set_rows *rows, uint8_t origin, struct error *error)
{
	struct set_build build = {0};
	int status = set_build_make(&build, &set->settings, set, SET_REPLACE, rows, origin, true,
				    error);

	if (status == 0)
		status = build_now(&build, set, error);
	if (status < 0)
		return status;
	sets_journal_begin();
	sets_journal_flush(set);
	for (uint32_t i = 0; i < rows->count; i++)
		sets_journal_put(set, &rows->rows[i], origin);
	sets_journal_end();
	return 0;
}

int sets_flush(struct set *set, struct error *error)
{
	const struct set_rows none = {0};

	return sets_replace(set, &none, 0, error);
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
	set_retired_stop();
	while (named.count > 0)
		set_free(named.sets[--named.count].set);
	free(named.sets);
	memset(&named, 0, sizeof(named));
}
