/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sets_journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/saver.h"
#include "control/set_build.h"
#include "control/text.h"

/*
 * A set may have millions of entries, too many to be written whenever one changes. So a change is a
 * few lines at the end of a file. They are given to Linux before the change is answered: from then
 * on the death of weir undoes nothing. A thread waits for the disk for all changes that come within
 * a moment; a loss of power may cost those of the last one.
 *
 *	make {"name": "bad", "type": "hash:net", ...}
 *	put bad 1 0 192.0.2.0/24<tab>comment	origin, nomatch
 *	take bad 192.0.2.0/24
 *	flush bad
 *	remove bad
 *	load bad 7				its entries are what is in sets.rows.7
 *	group 512				the next 512 bytes are one change
 *
 * What was written when weir or the machine died may be half a line, or half a group, at the end,
 * which is left out. Entries that come by the million are in a file of their own, as the end of a
 * line that puts them, which whoever made them has written already.
 *
 * When the file has grown to more than twice what is in it, it is written anew, in slices between
 * other work, while changes go on and are noted for the new file too. An entry that changes while
 * the others are printed may be printed as it was or as it is: the lines since the beginning, which
 * stand behind, have the last word.
 */
enum {
	SOON = 50,	   // milliseconds that changes wait for the disk together
	RETRY = 5000,	   // ... after a write that failed
	GROWN = 32 << 20,  // bytes beyond twice what is needed
	SLICE = 1024,	   // entries that are printed at once, about a millisecond
	SLICE_PAUSE = 5,   // milliseconds between slices
	PIECE = 256 << 10, // bytes of rows that are written at once
	LINE_MOST = SET_ENTRY_TEXT + SET_NAME_MAX + SET_COMMENT_MAX + 32,
};

static struct {
	bool started, failed;
	int fd;
	char path[SAVER_PATH], beside[SAVER_PATH], rows[SAVER_PATH];
	size_t bytes, whole; // as it is, and as it was when it was written anew
	unsigned int loads;  // number of the last file of rows
	// The present change.
	struct text group;
	unsigned int depth, lines;
	// The file that comes next.
	int next_fd; // -1: there is none
	bool printed;
	size_t next_bytes;
	unsigned int next_loads; // files of rows that there were when it was begun
	struct text since;
	uint64_t number, content; // of the set that is printed
	uint32_t cursor;
	struct loop_timer slice_timer;
	// Waiting for the disk.
	struct loop_timer sync_timer;
	bool syncing, unsynced, sync_next;
	pthread_t thread;
	int done_fd, sync_fd, sync_status;
} journal;

static void failed(int status)
{
	if (!journal.failed)
		log_error("%s: %s: sets will not be as they are after a restart", journal.path,
			  strerror(-status));
	journal.failed = true;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes += written;
			size -= (size_t)written;
		}
	}
	return 0;
}

static void rows_path(char path[static SAVER_PATH], unsigned int number)
{
	snprintf(path, SAVER_PATH, "%.*s.%u", (int)sizeof(journal.rows) - 12, journal.rows, number);
}

/* Lines */

/* What stands behind "put NAME ". */
static void print_row(struct text *text, const struct set_settings *settings,
		      const struct set_item *item, bool nomatch, const char *comment,
		      uint8_t origin)
{
	char *line = text_room(text, LINE_MOST), *at = line;

	if (line == NULL)
		return;
	at += sprintf(at, "%u %d ", origin, nomatch);
	at += strlen(set_format(settings, item, at));
	at += sprintf(at, "\t%s\n", settings->comment ? comment : "");
	text->size += at - line;
}

static void print_entry(struct text *text, const struct set *set, const struct set_entry *entry)
{
	struct set_item item;

	set_entry_item(set, entry, &item);
	print_row(text, &set->settings, &item, set_entry_nomatch(entry), set_entry_comment(entry),
		  set_entry_mark(entry));
}

static void print_make(struct text *text, const struct named_set *named)
{
	json_t *object = sets_json(named);
	char *json = json_dumps(object, JSON_COMPACT);

	if (json == NULL)
		text->failed = true;
	else
		text_add(text, "make %s\n", json);
	free(json);
	json_decref(object);
}

static bool noting(void)
{
	journal.lines += journal.started;
	return journal.started;
}

void sets_journal_make(const struct named_set *named)
{
	if (noting())
		print_make(&journal.group, named);
}

void sets_journal_remove(const char *name)
{
	if (noting())
		text_add(&journal.group, "remove %s\n", name);
}

void sets_journal_put(const struct set *set, const struct set_row *row, uint8_t origin)
{
	if (!noting())
		return;
	text_add(&journal.group, "put %s ", set->settings.name);
	print_row(&journal.group, &set->settings, &row->item, row->nomatch, row->comment, origin);
}

void sets_journal_take(const struct set *set, const struct set_item *item)
{
	char text[SET_ENTRY_TEXT];

	if (noting())
		text_add(&journal.group, "take %s %s\n", set->settings.name,
			 set_format(&set->settings, item, text));
}

void sets_journal_flush(const struct set *set)
{
	if (noting())
		text_add(&journal.group, "flush %s\n", set->settings.name);
}

/* The file anew */

static void next_drop(void)
{
	if (journal.next_fd >= 0) {
		close(journal.next_fd);
		unlink(journal.beside);
	}
	journal.next_fd = -1;
	journal.printed = false;
	text_free(&journal.since);
}

static void next_begin(void)
{
	next_drop();
	journal.next_fd = open(journal.beside, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
			       0640);
	journal.next_bytes = 0;
	journal.next_loads = journal.loads;
	journal.number = 0;
	journal.content = 0;
	journal.cursor = 0;
	if (journal.next_fd < 0)
		failed(-errno);
}

/* The set that is to be printed: this one still, or the one behind it. */
static const struct named_set *next_set(void)
{
	struct named_set *named;
	unsigned int at = 0;

	while ((named = sets_next(&at)) != NULL)
		if (named->number >= journal.number)
			return named;
	return NULL;
}

/* Some entries more; false: there are none, or it failed. */
static bool next_print(uint32_t most)
{
	const struct named_set *named = next_set();
	struct text text = {0};
	struct set_entry *entry;
	int status;

	while (named != NULL && most > 0) {
		// One whose table was exchanged meanwhile is printed from its beginning.
		if (named->number != journal.number ||
		    journal.content != set_table_number(named->set)) {
			print_make(&text, named);
			journal.cursor = 0;
		}
		journal.number = named->number;
		journal.content = set_table_number(named->set);
		while (most > 0 && (entry = set_next(named->set, &journal.cursor)) != NULL) {
			text_add(&text, "put %s ", named->set->settings.name);
			print_entry(&text, named->set, entry);
			most--;
		}
		if (most > 0) {
			journal.number++;
			named = next_set();
		}
	}
	status = text.failed ? -ENOMEM : write_all(journal.next_fd, text.bytes, text.size);
	journal.next_bytes += text.size;
	text_free(&text);
	if (status < 0) {
		failed(status);
		next_drop();
	}
	journal.printed = status == 0 && named == NULL;
	return status == 0 && named != NULL;
}

/* Files of rows that no line names any more. */
static void rows_remove(unsigned int last)
{
	char path[SAVER_PATH];

	for (unsigned int i = last; i > 0; i--) {
		rows_path(path, i);
		if (unlink(path) < 0)
			return; // and so are those before it
	}
}

/* It has all that there is, and takes the place of the file. */
static void next_place(void)
{
	int status = journal.since.failed
			     ? -ENOMEM
			     : write_all(journal.next_fd, journal.since.bytes, journal.since.size);

	if (status == 0 && rename(journal.beside, journal.path) < 0)
		status = -errno;
	if (status < 0) {
		failed(status);
		next_drop();
		return;
	}
	if (journal.fd >= 0)
		close(journal.fd);
	journal.fd = journal.next_fd;
	journal.whole = journal.next_bytes;
	journal.bytes = journal.next_bytes + journal.since.size;
	journal.unsynced |= journal.since.size > 0;
	if (journal.failed)
		log_notice("%s is written again", journal.path);
	journal.failed = false;
	journal.next_fd = -1;
	next_drop();
	rows_remove(journal.next_loads);
}

/* The disk */

static void *sync_thread(void *arg)
{
	const uint64_t one = 1;

	journal.sync_status = fdatasync(journal.sync_fd) < 0 ? -errno : 0;
	if (write(journal.done_fd, &one, sizeof(one)) < 0)
		abort(); // an eventfd with room for 2^64 - 1
	return NULL;
}

static void sync_soon(void)
{
	if (!journal.syncing && !journal.sync_timer.running)
		loop_timer_set(&journal.sync_timer, journal.failed ? RETRY : SOON);
}

static void sync_begin(void *arg)
{
	bool grown = journal.failed || journal.bytes > 2 * journal.whole + GROWN;

	if (journal.syncing)
		return;
	if (grown && journal.next_fd < 0) {
		next_begin();
		loop_timer_set(journal.next_fd < 0 ? &journal.sync_timer : &journal.slice_timer,
			       journal.next_fd < 0 ? RETRY : SLICE_PAUSE);
	}
	journal.sync_next = journal.printed;
	if (!journal.sync_next && !journal.unsynced)
		return;
	journal.sync_fd = journal.sync_next ? journal.next_fd : journal.fd;
	if (!journal.sync_next)
		journal.unsynced = false;
	journal.syncing = pthread_create(&journal.thread, NULL, sync_thread, NULL) == 0;
	if (!journal.syncing) {
		journal.unsynced = true;
		loop_timer_set(&journal.sync_timer, RETRY);
	}
}

static void sync_join(void)
{
	uint64_t count;

	pthread_join(journal.thread, NULL);
	if (read(journal.done_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_warning("eventfd: %s", strerror(errno));
	journal.syncing = false;
	if (journal.sync_status < 0)
		failed(journal.sync_status);
}

static void sync_done(void *arg)
{
	sync_join();
	if (journal.sync_next && journal.sync_status == 0)
		next_place();
	else if (journal.sync_next)
		next_drop();
	if (journal.unsynced || journal.failed)
		sync_soon();
}

static void print_more(void *arg)
{
	if (journal.next_fd < 0)
		return;
	if (next_print(SLICE))
		loop_timer_set(&journal.slice_timer, SLICE_PAUSE);
	else
		sync_soon();
}

/* Changes */

void sets_journal_begin(void)
{
	journal.depth++;
}

static void group_write(const char *head)
{
	size_t size = strlen(head) + journal.group.size;
	struct text all = {0};
	int status;

	text_add(&all, "%s", head);
	text_add_bytes(&all, journal.group.bytes, journal.group.size);
	status = all.failed || journal.group.failed ? -ENOMEM
						    : write_all(journal.fd, all.bytes, all.size);
	if (status == 0)
		journal.bytes += size;
	else
		failed(status); // it may end in half a change: the next file is written anew
	if (journal.next_fd >= 0)
		text_add_bytes(&journal.since, all.bytes, all.size);
	journal.since.failed |= status == -ENOMEM;
	text_free(&all);
	journal.unsynced = true;
	sync_soon();
}

void sets_journal_end(void)
{
	char head[32] = "";

	if (--journal.depth > 0 || journal.lines == 0)
		return;
	if (journal.lines > 1)
		snprintf(head, sizeof(head), "group %zu\n", journal.group.size);
	group_write(head);
	text_free(&journal.group);
	journal.lines = 0;
}

int sets_journal_rows(const struct set *set, size_t *bytes)
{
	int fd = open(journal.rows, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	struct text text = {0};
	struct set_entry *entry;
	uint32_t cursor = 0;
	int status = fd < 0 ? -errno : 0;

	*bytes = 0;
	while (status == 0) {
		entry = set_next(set, &cursor);
		if (entry != NULL)
			print_entry(&text, set, entry);
		if (text.failed)
			status = -ENOMEM;
		if (status < 0 || (entry != NULL && text.size < PIECE))
			continue;
		status = write_all(fd, text.bytes, text.size);
		*bytes += text.size;
		text.size = 0;
		if (entry == NULL)
			break;
	}
	text_free(&text);
	if (status == 0 && fdatasync(fd) < 0)
		status = -errno;
	if (fd >= 0)
		close(fd);
	return status;
}

void sets_journal_load(const struct set *set, size_t bytes)
{
	char path[SAVER_PATH];

	if (!journal.started)
		return;
	rows_path(path, ++journal.loads);
	if (rename(journal.rows, path) < 0)
		failed(-errno);
	else if (noting())
		text_add(&journal.group, "load %s %u\n", set->settings.name, journal.loads);
	journal.bytes += bytes;
}

/*
 * Reading. Sets are no lists of the classifier until all has been read: then they are sorted, and a
 * million prefixes take a third of the time.
 */

static int set_enter(const struct set_settings *settings)
{
	struct set_build build = {.set = set_new_apart(settings)};
	struct error error;
	int status = build.set ? sets_add_build(&build, ORIGIN_REST, &error) : -ENOMEM;

	set_build_drop(&build);
	if (status == 0)
		sets_find(settings->name)->apart = true;
	return status;
}

static void sets_show(void)
{
	struct named_set *named;
	struct error error;
	unsigned int at = 0;

	while ((named = sets_next(&at)) != NULL) {
		struct set_build build = {.set = named->set};
		bool list = set_is_list(&named->set->settings);

		build.prefixes = list ? set_prefixes(named->set) : NULL;
		if (list &&
		    (build.prefixes == NULL || set_build_show(&build, UINT32_MAX, &error) < 0))
			log_error("set %s: out of memory", named->set->settings.name);
		set_build_take(&build);
	}
}

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
		named = sets_find_named(name);
		if (named == NULL)
			status = set_enter(&settings);
		else // its settings have changed
			named->set->settings = settings;
		named = sets_find_named(name);
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

static int line_row(struct set *set, char *text)
{
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

static int line_put(char *text)
{
	struct set *set = line_set(&text);

	return line_row(set, text);
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

/* Each whole line of a file, without its end. Returns how many bytes they were. */
static size_t lines_read(FILE *file, int (*each)(void *arg, char *line, size_t at), void *arg,
			 const char *path)
{
	char *line = NULL;
	size_t room = 0, bytes = 0;
	unsigned int number = 0, bad = 0;
	ssize_t length;

	while ((length = getline(&line, &room, file)) > 0 && line[length - 1] == '\n') {
		int status;

		number++;
		line[length - 1] = '\0';
		status = each(arg, line, bytes + (size_t)length);
		if (status == -ENODATA)
			break;
		if (status < 0 && bad++ == 0)
			log_warning("%s: line %u is not understood and left out", path, number);
		bytes += (size_t)length;
	}
	free(line);
	return bytes;
}

static int row_read(void *arg, char *line, size_t at)
{
	return line_row(arg, line);
}

static int line_load(char *text)
{
	struct set *set = line_set(&text);
	unsigned int number;
	char path[SAVER_PATH];
	FILE *file;

	if (set == NULL || text == NULL || sscanf(text, "%u", &number) != 1)
		return -EINVAL;
	rows_path(path, number);
	file = fopen(path, "re");
	if (file == NULL)
		return -errno;
	set_clear(set);
	lines_read(file, row_read, set, path);
	fclose(file);
	return 0;
}

/* `left`: bytes behind the line. */
static int line_group(const char *text, size_t left)
{
	size_t size;

	if (sscanf(text, "%zu", &size) != 1)
		return -EINVAL;
	return size <= left ? 0 : -ENODATA;
}

static int line_read(void *arg, char *line, size_t at)
{
	const size_t *size = arg;
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
	if (strcmp(word, "load") == 0)
		return line_load(text);
	if (strcmp(word, "group") == 0)
		return line_group(text, *size - at);
	if (strcmp(word, "remove") == 0) {
		sets_remove(text, &error); // it may have gone while the file was written
		return 0;
	}
	set = strcmp(word, "flush") == 0 ? sets_find(text) : NULL;
	if (set == NULL)
		return -EINVAL;
	set_clear(set);
	return 0;
}

static void journal_read(void)
{
	FILE *file = fopen(journal.path, "re");
	struct stat stat;
	size_t size;

	if (file == NULL)
		return;
	if (fstat(fileno(file), &stat) == 0) {
		size = (size_t)stat.st_size;
		lines_read(file, line_read, &size, journal.path);
	}
	fclose(file);
}

/* Start and stop */

/* What a weir that died has left; all that is named has been read. */
static void rows_remove_all(const char *state_dir)
{
	DIR *folder = opendir(state_dir);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (strncmp(entry->d_name, "sets.rows", 9) == 0)
			unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder != NULL)
		closedir(folder);
}

int sets_journal_start(const char *state_dir, struct error *error)
{
	int status;

	memset(&journal, 0, sizeof(journal));
	journal.fd = journal.next_fd = -1;
	snprintf(journal.path, sizeof(journal.path), "%s/sets.journal", state_dir);
	snprintf(journal.beside, sizeof(journal.beside), "%s/sets.journal.new", state_dir);
	snprintf(journal.rows, sizeof(journal.rows), "%s/sets.rows", state_dir);
	journal.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (journal.done_fd < 0)
		return error_set(error, -errno, "", "eventfd: %s", strerror(errno));
	status = loop_watch(journal.done_fd, sync_done, NULL);
	if (status < 0) {
		close(journal.done_fd);
		return error_set(error, status, "", "epoll: %s", strerror(-status));
	}
	journal.sync_timer.fire = sync_begin;
	journal.slice_timer.fire = print_more;
	journal_read();
	sets_show();
	journal.started = true;
	next_begin();
	while (journal.next_fd >= 0 && next_print(SLICE))
		;
	if (journal.next_fd >= 0 && fdatasync(journal.next_fd) < 0)
		failed(-errno);
	if (journal.printed)
		next_place();
	if (!journal.failed)
		rows_remove_all(state_dir);
	return 0;
}

void sets_journal_stop(void)
{
	if (!journal.started)
		return;
	journal.started = false;
	loop_timer_cancel(&journal.sync_timer);
	loop_timer_cancel(&journal.slice_timer);
	if (journal.syncing)
		sync_join();
	next_drop();
	if (journal.fd >= 0) {
		if (journal.unsynced && fdatasync(journal.fd) < 0)
			failed(-errno);
		close(journal.fd);
	}
	text_free(&journal.group);
	loop_unwatch(journal.done_fd);
	close(journal.done_fd);
	journal.fd = -1;
}
