/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/set_build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/access.h"
#include "balance/source_list.h"
#include "control/acl.h"
#include "control/loop.h"
#include "control/model.h"
#include "io/rcu.h"

/*
 * A change that is more than a few rows is not made in the set that workers ask. A second set is
 * made beside it, apart from everything, so that a thread may do it. Its prefixes then are a list
 * of their own in the classifier, some at a time, which nobody refers to. At last both sets change
 * places: whoever refers to the set refers to the new list from one moment to the next. What was
 * there before leaves the classifier some prefixes at a time, when a grace period is over.
 *
 * So a change is made as a whole or not at all, what is asked meanwhile is answered from the old
 * content, and the control thread never stands still for it. The price is memory for both.
 */
enum { RETIRE_SLICE = 256, RETIRE_PAUSE = 1 };

/* Making: any thread */

static int copy_entries(struct set *set, const struct set *old, enum set_change change)
{
	struct set_entry *entry;
	struct set_item item;
	uint32_t cursor = 0;
	int status = 0;

	if (old == NULL || change == SET_REPLACE)
		return 0;
	while (status == 0 && (entry = set_next(old, &cursor)) != NULL) {
		if (change == SET_DOCUMENT && set_entry_mark(entry) == ORIGIN_FILE)
			continue;
		set_entry_item(old, entry, &item);
		status = set_add(set, &item, set_entry_nomatch(entry), set_entry_comment(entry),
				 set_entry_mark(entry), true);
	}
	return status;
}

static int change_rows(struct set *set, enum set_change change, const struct set_rows *rows,
		       uint8_t origin, bool force, struct error *error)
{
	int status = 0;

	for (uint32_t i = 0; i < rows->count; i++) {
		const struct set_row *row = &rows->rows[i];

		if (change == SET_TAKE)
			status = set_remove(set, &row->item);
		else
			status = set_add(set, &row->item, row->nomatch, row->comment, origin,
					 force || change >= SET_REPLACE);
		if (status < 0 && !(status == -ENOENT && force))
			return set_row_error(set, i, status, error);
	}
	return 0;
}

int set_build_make(struct set_build *build, const struct set_settings *settings,
		   const struct set *old, enum set_change change, const struct set_rows *rows,
		   uint8_t origin, bool force, struct error *error)
{
	int status;

	if (change >= SET_REPLACE && rows->count > settings->maxelem)
		return error_set(error, -ENOSPC, "entries", "%u entries are more than maxelem, %u",
				 rows->count, settings->maxelem);
	build->set = set_new_apart(settings);
	status = build->set ? copy_entries(build->set, old, change) : -ENOMEM;
	if (status < 0)
		status = error_set(error, status, "entries",
				   status == -ENOSPC ? "there are more entries than maxelem"
						     : "out of memory for sets");
	else
		status = change_rows(build->set, change, rows, origin, force, error);
	if (status == 0 && set_is_list(settings)) {
		build->prefixes = set_prefixes(build->set);
		if (build->prefixes == NULL)
			status = error_set(error, -ENOMEM, "entries", "out of memory for sets");
	}
	if (status < 0 && build->set != NULL) {
		set_free_apart(build->set);
		build->set = NULL;
	}
	return status;
}

/* Showing: control */

int set_build_show(struct set_build *build, uint32_t most, struct error *error)
{
	struct set *set = build->set;
	int status = 0;

	if (build->prefixes == NULL)
		return 0;
	if (set->list == 0)
		set->list = source_list_take();
	if (set->list == 0)
		return error_set(error, -ENOSPC, "", "there is no room for more sets");
	for (; build->shown < set->count && most > 0 && status == 0; most--) {
		const struct set_prefix *next = &build->prefixes[build->shown];

		status = source_put(set->list, &next->prefix, next->nomatch);
		build->shown += status == 0;
	}
	if (source_commit() < 0 && status == 0)
		status = -ENOMEM;
	if (status < 0)
		return error_set(error, status, "entries",
				 status == -ENOSPC
					 ? "there is no room for more combinations of sets"
					 : "out of memory for sets");
	return build->shown < set->count;
}

static void prefixes_free(struct set_build *build)
{
	free(build->prefixes);
	build->prefixes = NULL;
}

int set_build_place(struct set_build *build, struct set *set, struct error *error)
{
	if (acl_set_move(set, build->set->list) < 0)
		return error_set(error, -ENOMEM, "", "out of memory for access lists");
	set_exchange(set, build->set);
	prefixes_free(build);
	if (set->references > 0)
		access_changed();
	return 0;
}

struct set *set_build_take(struct set_build *build)
{
	struct set *set = build->set;

	prefixes_free(build);
	set->apart = false;
	build->set = NULL;
	return set;
}

/* What a build that failed has shown leaves the classifier: nobody has ever referred to it. */
static void unshow(struct set_build *build)
{
	for (uint32_t i = 0; i < build->shown; i++)
		source_remove(build->set->list, &build->prefixes[i].prefix);
	source_commit();
	source_list_free(build->set->list);
	build->set->list = 0;
}

void set_build_drop(struct set_build *build)
{
	if (build->set == NULL)
		return;
	if (!build->set->apart) {
		set_retire(build->set);
	} else {
		if (build->set->list != 0)
			unshow(build);
		set_free_apart(build->set);
	}
	build->set = NULL;
	prefixes_free(build);
}

/* Retiring */

struct retired {
	struct retired *next;
	struct set *set;
	uint64_t token; // of the grace period before
	uint32_t cursor;
};

static struct retired *retired_first, **retired_last = &retired_first;
static struct loop_timer retire_timer;

struct set *set_retired_find(uint64_t content)
{
	for (struct retired *one = retired_first; one != NULL; one = one->next)
		if (one->set->content == content)
			return one->set;
	return NULL;
}

static void retire_first(void)
{
	struct retired *one = retired_first;

	retired_first = one->next;
	if (retired_first == NULL)
		retired_last = &retired_first;
	set_free(one->set);
	free(one);
}

static void retire_more(void *arg)
{
	struct retired *one = retired_first;

	if (one == NULL)
		return;
	if (one->set->readers == 0 && rcu_passed(one->token) &&
	    !set_dissolve(one->set, &one->cursor, RETIRE_SLICE))
		retire_first();
	loop_timer_set(&retire_timer, RETIRE_PAUSE);
}

void set_retire(struct set *set)
{
	struct retired *one = calloc(1, sizeof(*one));

	if (one == NULL) {
		set_free(set);
		return;
	}
	one->set = set;
	one->token = rcu_token();
	*retired_last = one;
	retired_last = &one->next;
	retire_timer.fire = retire_more;
	if (!retire_timer.running)
		loop_timer_set(&retire_timer, RETIRE_PAUSE);
}

void set_retired_stop(void)
{
	loop_timer_cancel(&retire_timer);
	while (retired_first != NULL)
		retire_first();
}
