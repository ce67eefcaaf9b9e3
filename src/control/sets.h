/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "balance/set.h"
#include "base/error.h"

/*
 * Named sets by name, as every door sees them. Control thread only. A set has an origin (control/
 * model.h), and each entry of it too: applying a document takes away what came from a document
 * before and is not in it any more, and leaves the rest.
 */
struct named_set {
	struct set *set;
	uint64_t number; // grows with each that is made
	uint8_t origin;
};

/* Entries of a document or a request, before they are put into a set. */
struct set_row {
	struct set_item item;
	bool nomatch;
	char comment[SET_COMMENT_MAX + 1];
};

struct set_rows {
	struct set_row *rows;
	uint32_t count, room;
	uint32_t limit; // more are refused with -E2BIG; 0: none
};

/* A set of a document. */
struct set_wanted {
	struct set_settings settings;
	struct set_rows rows;
};

struct sets_wanted {
	struct set_wanted *sets;
	unsigned int count;
};

struct set *sets_find(const char *name); // NULL: there is none
struct named_set *sets_find_named(const char *name);
/* All of them, in the order of their making; NULL at the end. */
struct named_set *sets_next(unsigned int *cursor);

/* -EEXIST, -ENOMEM; -EBUSY: something refers to it; -ENOENT. */
int sets_make(const struct set_settings *settings, uint8_t origin, struct error *error);
int sets_remove(const char *name, struct error *error);
/*
 * Put rows into a set, or take them out, all or nothing: the error names the row. What is there
 * already is changed when `force`, and else refused; what is not there is left out when `force`.
 */
int sets_put(struct set *set, const struct set_rows *rows, uint8_t origin, bool force,
	     struct error *error);
int sets_take(struct set *set, const struct set_rows *rows, bool force, struct error *error);
/* The rows in place of all that there is. */
int sets_replace(struct set *set, const struct set_rows *rows, uint8_t origin, struct error *error);
int sets_flush(struct set *set, struct error *error);
/* The same without a word in the journal, for those who write it themselves. */
struct set_build;
int sets_add(const struct set_settings *settings, uint8_t origin, struct error *error);
int sets_add_build(struct set_build *build, uint8_t origin, struct error *error);
int sets_place(struct set_build *build, struct set *set, struct error *error);
void sets_drop(struct named_set *gone);

/*
 * sets_document.c. Check what is wanted against what is there; make it so, but remove nothing that
 * may still be referred to. What was made so waits for sets_apply_end(): it stays, and is noted in
 * the journal, or all sets are as they were. Last, remove what came from a document and is not
 * wanted.
 * -EINVAL, -ENOMEM, -ENOSPC, and nothing has changed.
 */
int sets_check_wanted(const struct sets_wanted *wanted, struct error *error);
int sets_apply(const struct sets_wanted *wanted, struct error *error);
void sets_apply_end(bool keep);
void sets_prune(const struct sets_wanted *wanted);
void sets_wanted_free(struct sets_wanted *wanted);
void sets_stop(void);

/* document_sets.c: decoding. `path` of errors begins with "sets[2]", "entries[7]". */
int sets_decode(const json_t *list, struct sets_wanted *wanted, struct error *error);
int sets_decode_settings(const json_t *body, const char *name, struct set_settings *settings,
			 struct error *error);
int sets_decode_rows(const json_t *list, const struct set_settings *settings, struct set_rows *rows,
		     struct error *error);
/* A body {"entries": [...], "force": true}. */
int sets_decode_change(const json_t *body, const struct set_settings *settings,
		       struct set_rows *rows, bool *force, struct error *error);
int sets_decode_row(const char *text, const struct set_settings *settings, struct set_rows *rows,
		    struct error *error);
void set_rows_free(struct set_rows *rows);
/* Settings and what is counted; one entry as a row has it. */
json_t *sets_json(const struct named_set *named);
/* All of them with their entries, as a file has them. */
json_t *sets_config_json(void);
json_t *sets_entry_json(const struct set *set, const struct set_entry *entry, bool origin);
