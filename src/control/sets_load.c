/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sets_load.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/loop.h"
#include "control/sets_journal.h"

/*
 * A body with a million prefixes takes seconds. A thread reads it, makes the set beside what is
 * there, and writes it to the disk. The control thread then shows its prefixes to the classifier
 * in slices, between which it does all its other work, and exchanges the sets. Until then everybody
 * is told and judged by the old one; other changes of the same set wait.
 */
enum {
	POLL = 2,    // milliseconds between looks at the thread
	SLICE = 256, // prefixes: about a millisecond
};

enum stage { IDLE, MAKING, SHOWING, DONE };

static struct {
	enum stage stage;
	bool abandoned;
	char name[SET_NAME_MAX + 1];
	enum set_change change;
	uint8_t origin;
	struct loop_timer timer;
	int status; // what came of it
	struct error error;
	// The thread's until it has said `made`.
	pthread_t thread;
	bool made; // atomic
	bool whole;
	struct request_text body;
	struct set_settings settings; // of `old`, or as the body has them
	const struct set *old;	      // nobody changes it meanwhile
	struct set_build build;
	uint32_t rows;
	size_t bytes;
} load;

bool sets_loading(void)
{
	return load.stage != IDLE;
}

bool sets_load_holds(const char *name)
{
	return (load.stage == MAKING || load.stage == SHOWING) && strcmp(name, load.name) == 0;
}

/* The thread */

static int decode_whole(const json_t *body, struct set_rows *rows, struct error *error)
{
	const json_t *entries = json_object_get(body, "entries");
	const struct set_settings before = load.settings;
	int status = sets_decode_settings(body, load.name, &load.settings, error);

	if (status == 0)
		status = sets_decode_rows(entries, &load.settings, rows, error);
	if (entries == NULL)
		load.change = SET_PUT; // none more
	if (status == 0 && load.old != NULL && memcmp(&load.settings, &before, sizeof(before)) != 0)
		status = error_set(error, -EEXIST, "name",
				   "there is a set \"%s\" already, with other settings", load.name);
	return status;
}

static int make(struct error *error)
{
	json_t *body = request_text_parse(&load.body, error);
	struct set_rows rows = {0};
	bool force = false;
	int status;

	if (body == NULL)
		return error->code;
	if (load.whole)
		status = decode_whole(body, &rows, error);
	else if (load.body.bytes != NULL)
		status = sets_decode_change(body, &load.settings, &rows, &force, error);
	else
		status = 0;
	json_decref(body);
	if (status == 0)
		status = set_build_make(&load.build, &load.settings, load.old, load.change, &rows,
					load.origin, force, error);
	load.rows = rows.count;
	set_rows_free(&rows);
	if (status == 0) {
		status = sets_journal_rows(load.build.set, &load.bytes);
		if (status < 0)
			error_set(error, status, "", "the entries cannot be kept on the disk: %s",
				  strerror(-status));
	}
	return status;
}

static void *make_thread(void *arg)
{
	load.status = make(&load.error);
	free(load.body.bytes);
	load.body.bytes = NULL;
	__atomic_store_n(&load.made, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Control */

static void load_end(int status)
{
	load.status = status;
	set_build_drop(&load.build);
	load.stage = load.abandoned ? IDLE : DONE;
}

/* All is shown. */
static int place(struct error *error)
{
	struct named_set *there = sets_find_named(load.name);
	int status = there ? sets_place(&load.build, there->set, error)
			   : sets_add_build(&load.build, load.origin, error);

	if (status < 0)
		return status;
	sets_journal_begin();
	if (there == NULL)
		sets_journal_make(sets_find_named(load.name));
	sets_journal_load(sets_find(load.name), load.bytes);
	sets_journal_end();
	return 0;
}

/* A step. Returns false when there is nothing to do but to wait. */
static bool load_step(uint32_t most)
{
	int status;

	if (load.stage == MAKING && !__atomic_load_n(&load.made, __ATOMIC_ACQUIRE))
		return false;
	if (load.stage == MAKING) {
		pthread_join(load.thread, NULL);
		load.stage = SHOWING;
		if (load.status < 0)
			load_end(load.status);
		return true;
	}
	status = set_build_show(&load.build, most, &load.error);
	if (status == 0)
		status = place(&load.error);
	if (status <= 0)
		load_end(status);
	return true;
}

static void load_more(void *arg)
{
	bool worked = load_step(SLICE);

	if (load.stage == MAKING || load.stage == SHOWING)
		loop_timer_set(&load.timer, worked ? 0 : POLL);
}

int sets_load_begin(const char *name, enum set_change change, bool whole,
		    const struct request_text *body, uint8_t origin, struct error *error)
{
	struct named_set *there = sets_find_named(name);
	int status;

	if (strlen(name) > SET_NAME_MAX) {
		free(body->bytes);
		return error_set(error, -EINVAL, "name", "has more than %d characters",
				 SET_NAME_MAX);
	}
	memset(&load, 0, sizeof(load));
	strcpy(load.name, name);
	load.change = change;
	load.origin = origin;
	load.whole = whole;
	load.body = *body;
	load.old = there ? there->set : NULL;
	if (there != NULL)
		load.settings = there->set->settings;
	load.timer.fire = load_more;
	status = pthread_create(&load.thread, NULL, make_thread, NULL);
	if (status != 0) {
		free(load.body.bytes);
		return error_set(error, -status, "", "thread: %s", strerror(status));
	}
	load.stage = MAKING;
	loop_timer_set(&load.timer, POLL);
	return 0;
}

int sets_load_result(uint32_t *rows, struct error *error)
{
	if (load.stage != DONE)
		return -EAGAIN;
	load.stage = IDLE;
	*rows = load.rows;
	if (load.status < 0)
		*error = load.error;
	return load.status;
}

void sets_load_abandon(void)
{
	load.abandoned = true;
	if (load.stage == DONE)
		load.stage = IDLE;
}

void sets_load_finish(void)
{
	if (load.stage != MAKING && load.stage != SHOWING)
		return;
	loop_timer_cancel(&load.timer);
	if (load.stage == MAKING) {
		pthread_join(load.thread, NULL);
		load.stage = SHOWING;
		if (load.status < 0)
			load_end(load.status);
	}
	while (load.stage == SHOWING)
		load_step(UINT32_MAX);
}

void sets_load_stop(void)
{
	loop_timer_cancel(&load.timer);
	if (load.stage == MAKING)
		pthread_join(load.thread, NULL);
	if (load.stage != IDLE && load.stage != DONE)
		set_build_drop(&load.build);
	load.stage = IDLE;
}
