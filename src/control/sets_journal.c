/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sets_journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "balance/source_list.h"
#include "base/log.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/saver.h"

/*
 * A set may have millions of entries, too many to be written whenever one changes. So every change
 * is a line at the end of a file, and the file is written anew, with what there is and nothing else,
 * at the start and when it has grown to more than twice what that would be. Lines are handed to
 * Linux within a moment; they outlive weir, and a loss of power may cost those of the last seconds.
 *
 *	make {"name": "bad", "type": "hash:net", ...}
 *	put bad 1 0 192.0.2.0/24<tab>comment	origin, nomatch
 *	take bad 192.0.2.0/24
 *	flush bad
 *	remove bad
 *
 * What was written when weir died may be half a line at the end, which is left out.
 */
enum { SOON = 50, GROWN = 32 << 20, LINE_MOST = 1024 };

static struct {
	FILE *file; // NULL: there was nothing to be written yet
	bool started;
	char path[SAVER_PATH], beside[SAVER_PATH];
	size_t bytes, whole; // as it is, and as it was when it was written anew
	bool waiting;	     // for the timer
	bool failed;
	struct loop_timer timer;
} journal;

static void line_failed(void)
{
	if (!journal.failed)
		log_error("%s: %s: sets will not be as they are after a restart", journal.path,
			  strerror(errno));
	journal.failed = true;
}

static void journal_whole(void);

static void journal_flush(void *arg)
{
	journal.waiting = false;
	if (journal.file != NULL && fflush(journal.file) != 0)
		line_failed();
	if (journal.bytes > 2 * journal.whole + GROWN)
		journal_whole();
}

static void line_written(int length)
{
	if (length < 0)
		line_failed();
	else
		journal.bytes += (size_t)length;
	if (journal.waiting)
		return;
	journal.waiting = true;
	journal.timer.fire = journal_flush;
	loop_timer_set(&journal.timer, SOON);
}

static bool journal_ready(void)
{
	if (journal.file == NULL && journal.started)
		journal_whole();
	return journal.file != NULL;
}

static int print_make(FILE *file, const struct named_set *named)
{
	json_t *object = sets_json(named);
	char *text = json_dumps(object, JSON_COMPACT);
	int length = text ? fprintf(file, "make %s\n", text) : -1;

	free(text);
	json_decref(object);
	return length;
}

static int print_put(FILE *file, const struct set *set, const struct set_item *item, bool nomatch,
		     const char *comment, uint8_t origin)
{
	char text[SET_ENTRY_TEXT];

	return fprintf(file, "put %s %u %d %s\t%s\n", set->settings.name, origin, nomatch,
		       set_format(&set->settings, item, text), comment);
}

void sets_journal_make(const struct named_set *named)
{
	if (journal_ready())
		line_written(print_make(journal.file, named));
}

void sets_journal_remove(const char *name)
{
	if (journal_ready())
		line_written(fprintf(journal.file, "remove %s\n", name));
}

void sets_journal_put(const struct set *set, const struct set_row *row, uint8_t origin)
{
	if (journal_ready())
		line_written(print_put(journal.file, set, &row->item, row->nomatch,
				       set->settings.comment ? row->comment : "", origin));
}

void sets_journal_take(const struct set *set, const struct set_item *item)
{
	char text[SET_ENTRY_TEXT];

	if (journal_ready())
		line_written(fprintf(journal.file, "take %s %s\n", set->settings.name,
				     set_format(&set->settings, item, text)));
}

void sets_journal_flush(const struct set *set)
{
	if (journal_ready())
		line_written(fprintf(journal.file, "flush %s\n", set->settings.name));
}

/* All that there is, in place of the file. */
static void journal_whole(void)
{
	FILE *file = fopen(journal.beside, "w");
	struct named_set *named;
	unsigned int at = 0;
	bool good = file != NULL;

	while (good && (named = sets_next(&at)) != NULL) {
		struct set_entry *entry;
		struct set_item item;
		uint32_t cursor = 0;

		good = print_make(file, named) > 0;
		while (good && (entry = set_next(named->set, &cursor)) != NULL) {
			set_entry_item(named->set, entry, &item);
			good = print_put(file, named->set, &item, set_entry_nomatch(entry),
					 set_entry_comment(entry), set_entry_mark(entry)) > 0;
		}
	}
	good = good && fflush(file) == 0 && rename(journal.beside, journal.path) == 0;
	if (!good) {
		line_failed();
		if (file != NULL)
			fclose(file);
		return;
	}
	if (journal.file != NULL)
		fclose(journal.file);
	journal.file = file;
	journal.failed = false;
	journal.bytes = journal.whole = (size_t)ftell(file);
}

/* Reading */

static int line_make(const char *text)
{
	json_t *object = json_loads(text, 0, NULL);
	const char *name = json_string_value(json_object_get(object, "name"));
	const char *origin = json_string_value(json_object_get(object, "origin"));
	struct set_settings settings;
	struct named_set *named;
	struct error error;
	int status = name ? sets_decode_settings(object, name, &settings, &error) : -EINVAL;

	if (status == 0) {
		status = sets_make(&settings, ORIGIN_REST, &error);
		named = sets_find_named(name);
		if (status == -EEXIST && named != NULL) { // its settings have changed
			named->set->settings.maxelem = settings.maxelem;
			named->set->settings.hashsize = settings.hashsize;
			named->set->settings.comment = settings.comment;
			status = 0;
		}
		if (named != NULL && origin != NULL)
			named->origin = strcmp(origin, "file") == 0 ? ORIGIN_FILE : ORIGIN_REST;
	}
	json_decref(object);
	return status;
}

static struct set *line_set(char **text)
{
	char *name = strsep(text, " ");

	return name ? sets_find(name) : NULL;
}

static int line_put(char *text)
{
	struct set *set = line_set(&text);
	struct set_rows rows = {0};
	unsigned int origin;
	int nomatch, at, status;
	char *comment;
	struct error error;

	if (set == NULL || text == NULL || sscanf(text, "%u %d %n", &origin, &nomatch, &at) != 2)
		return -EINVAL;
	text += at;
	comment = strchr(text, '\t');
	if (comment == NULL)
		return -EINVAL;
	*comment++ = '\0';
	status = sets_decode_row(text, &set->settings, &rows, &error);
	for (uint32_t i = 0; i < rows.count && status == 0; i++)
		status = set_add(set, &rows.rows[i].item, nomatch, comment, (uint8_t)origin, true);
	set_rows_free(&rows);
	return status;
}

static int line_take(char *text)
{
	struct set *set = line_set(&text);
	struct set_rows rows = {0};
	struct error error;
	int status = set && text ? sets_decode_row(text, &set->settings, &rows, &error) : -EINVAL;

	for (uint32_t i = 0; i < rows.count && status == 0; i++)
		set_remove(set, &rows.rows[i].item);
	set_rows_free(&rows);
	return status;
}

static int line_read(char *line)
{
	char *text = line, *word = strsep(&text, " ");
	struct error error;
	struct set *set;

	if (text == NULL)
		return -EINVAL;
	if (strcmp(word, "make") == 0)
		return line_make(text);
	if (strcmp(word, "put") == 0)
		return line_put(text);
	if (strcmp(word, "take") == 0)
		return line_take(text);
	if (strcmp(word, "remove") == 0)
		return sets_remove(text, &error);
	set = strcmp(word, "flush") == 0 ? sets_find(text) : NULL;
	if (set == NULL)
		return -EINVAL;
	set_clear(set);
	return 0;
}

static void journal_read(void)
{
	FILE *file = fopen(journal.path, "r");
	char line[LINE_MOST];
	unsigned int number = 0, bad = 0;

	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		size_t length = strlen(line);

		number++;
		if (length == 0 || line[length - 1] != '\n')
			continue;
		line[length - 1] = '\0';
		if (line_read(line) < 0 && bad++ == 0)
			log_warning("%s: line %u is not understood and left out", journal.path,
				    number);
	}
	fclose(file);
}

void sets_journal_start(const char *state_dir)
{
	unsigned int at = 0;

	snprintf(journal.path, sizeof(journal.path), "%s/sets.journal", state_dir);
	snprintf(journal.beside, sizeof(journal.beside), "%s/sets.journal.new", state_dir);
	journal_read();
	source_commit();
	journal.started = true;
	if (sets_next(&at) != NULL)
		journal_whole();
}

void sets_journal_stop(void)
{
	loop_timer_cancel(&journal.timer);
	journal.started = false;
	if (journal.file == NULL)
		return;
	if (fflush(journal.file) != 0 || fsync(fileno(journal.file)) < 0)
		line_failed();
	fclose(journal.file);
	memset(&journal, 0, sizeof(journal));
}
