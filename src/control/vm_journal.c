/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/vm_journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ether.h>

#include "base/log.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/saver.h"
#include "tunnel/vxlan.h"

/*
 * A million VMs are too many to be written whenever one of them changes. There are two files:
 * vpc-vms holds the rows as they once were, and vpc-vms.journal what has changed since, a line
 * each. When the journal has grown, both are replaced: the rows are printed in slices between other
 * work, while changes go on and are noted for the journal that belongs to the new file too. A thread
 * waits for the disk.
 *
 * A row that changes while the others are printed may be printed as it was or as it is: the journal
 * that begins with the printing has its last word. So it does not matter either when weir dies
 * between the two renames: the older journal ends with the same words.
 *
 * A line is "96 172.16.25.30 fa:16:3f:5d:6c:08 10.162.10.13", or "-96 172.16.25.30" of a VM that
 * was removed. What was written when weir died may be half a line at the end, which is left out.
 */
enum {
	SOON = 50,	   // milliseconds that changes are gathered for
	RETRY = 5000,	   // ... after a write that failed
	SLICE = 8192,	   // rows that are printed at once, about a millisecond
	SLICE_PAUSE = 10,  // milliseconds between slices
	GROWN = 1 << 20,   // bytes of a journal, and half of the rows' file, are enough
	BATCH_ROWS = 4096, // that are restored together
	LINE_MOST = 160,
};

static const char first_line[] = "weir-vms 1\n";

struct buffer {
	char *text;
	size_t size, room;
	bool short_of_memory; // something is missing
};

static struct {
	bool started, working, failed;
	bool whole_wanted, printing, printed;
	char path[2][SAVER_PATH], beside[2][SAVER_PATH]; // rows, journal
	size_t bytes[2];				 // as they are on disk
	struct buffer pending;				 // for the journal that is there
	struct buffer rows, since;			 // the files that come next
	uint32_t cursor;
	struct loop_timer write_timer, slice_timer;
	pthread_t thread;
	int done_fd;
	// The thread's.
	struct buffer job[2];
	bool job_is_whole;
	int status;
} journal;

/* Text */

static void buffer_free(struct buffer *b)
{
	free(b->text);
	memset(b, 0, sizeof(*b));
}

static char *buffer_room(struct buffer *b)
{
	size_t room = b->room ? b->room * 2 : 4096;
	char *more;

	if (b->room - b->size >= LINE_MOST)
		return b->text + b->size;
	more = realloc(b->text, room);
	if (!more) {
		b->short_of_memory = true;
		return NULL;
	}
	b->text = more;
	b->room = room;
	return b->text + b->size;
}

/* The likely family by hand: of a million rows that is most of the work. */
static char *put_address(char *at, const struct addr *addr)
{
	if (addr->family == AF_INET6)
		return at + strlen(addr_format(addr, at));
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t byte = addr->bytes[i];

		if (byte >= 100)
			*at++ = '0' + byte / 100;
		if (byte >= 10)
			*at++ = '0' + byte / 10 % 10;
		*at++ = '0' + byte % 10;
		*at++ = i < 3 ? '.' : '\0';
	}
	return at - 1;
}

static char *put_vni(char *at, uint32_t vni)
{
	char digits[10];
	unsigned int count = 0;

	do {
		digits[count++] = '0' + vni % 10;
		vni /= 10;
	} while (vni > 0);
	while (count > 0)
		*at++ = digits[--count];
	*at++ = ' ';
	return at;
}

static char *put_mac(char *at, const uint8_t mac[RTE_ETHER_ADDR_LEN])
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned int i = 0; i < RTE_ETHER_ADDR_LEN; i++) {
		*at++ = hex[mac[i] >> 4];
		*at++ = hex[mac[i] & 15];
		*at++ = i < RTE_ETHER_ADDR_LEN - 1 ? ':' : ' ';
	}
	return at;
}

static void print_row(struct buffer *b, const struct vm_row *row)
{
	char *line = buffer_room(b), *at = line;

	if (!line)
		return;
	at = put_address(put_vni(at, row->vni), &row->addr);
	*at++ = ' ';
	at = put_address(put_mac(at, row->mac), &row->host);
	*at++ = '\n';
	b->size += at - line;
}

static void print_removal(struct buffer *b, uint32_t vni, const struct addr *addr)
{
	char *line = buffer_room(b), *at = line;

	if (!line)
		return;
	*at++ = '-';
	at = put_address(put_vni(at, vni), addr);
	*at++ = '\n';
	b->size += at - line;
}

static void print_first_line(struct buffer *b)
{
	char *at = buffer_room(b);

	if (!at)
		return;
	memcpy(at, first_line, sizeof(first_line) - 1);
	b->size += sizeof(first_line) - 1;
}

/* Writing */

static void *write_thread(void *arg)
{
	const uint64_t one = 1;

	if (journal.job_is_whole) {
		for (unsigned int i = 0; i < 2 && (i == 0 || journal.status == 0); i++)
			journal.status = saver_replace(journal.path[i], journal.beside[i],
						       journal.job[i].text, journal.job[i].size);
	} else {
		journal.status = saver_append(journal.path[1], journal.job[1].text,
					      journal.job[1].size);
	}
	if (write(journal.done_fd, &one, sizeof(one)) < 0)
		abort(); // an eventfd with room for 2^64 - 1
	return NULL;
}

static void job_end(void)
{
	if (journal.status < 0 && !journal.failed)
		log_error("what changes cannot be kept over a restart: %s: %s", journal.path[1],
			  strerror(-journal.status));
	if (journal.status == 0 && journal.failed)
		log_notice("%s is written again", journal.path[1]);
	journal.failed = journal.status < 0;
	if (journal.failed)
		journal.whole_wanted = true; // the journal may end anywhere
	else if (journal.job_is_whole)
		journal.bytes[0] = journal.bytes[1] = 0;
	for (unsigned int i = 0; i < 2; i++) {
		if (!journal.failed)
			journal.bytes[i] += journal.job[i].size;
		buffer_free(&journal.job[i]);
	}
	if (journal.bytes[1] > GROWN + journal.bytes[0] / 2)
		journal.whole_wanted = true;
}

/* What the thread is to write; false: nothing. */
static bool job_take(void)
{
	journal.job_is_whole = journal.printed;
	if (journal.printed) {
		journal.job[0] = journal.rows;
		journal.job[1] = journal.since; // and so all that is pending
		memset(&journal.rows, 0, sizeof(journal.rows));
		memset(&journal.since, 0, sizeof(journal.since));
		buffer_free(&journal.pending);
		journal.printed = false;
		return true;
	}
	if (journal.pending.size == 0)
		return false;
	journal.job[1] = journal.pending;
	memset(&journal.pending, 0, sizeof(journal.pending));
	return true;
}

static void print_begin(void);

static void write_begin(void *arg)
{
	if (journal.working)
		return;
	if (journal.whole_wanted && !journal.printing && !journal.printed)
		print_begin();
	if (!job_take())
		return;
	journal.status = -pthread_create(&journal.thread, NULL, write_thread, NULL);
	if (journal.status == 0) {
		journal.working = true;
		return;
	}
	job_end();
	loop_timer_set(&journal.write_timer, RETRY);
}

static void write_join(void)
{
	uint64_t count;

	pthread_join(journal.thread, NULL);
	if (read(journal.done_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_warning("eventfd: %s", strerror(errno));
	journal.working = false;
	job_end();
}

static void write_done(void *arg)
{
	write_join();
	if (journal.pending.size > 0 || journal.whole_wanted || journal.printed)
		loop_timer_set(&journal.write_timer, journal.failed ? RETRY : SOON);
}

static void write_soon(void)
{
	if (journal.pending.short_of_memory || journal.since.short_of_memory)
		journal.whole_wanted = true;
	if (!journal.working && !journal.write_timer.running)
		loop_timer_set(&journal.write_timer, SOON);
}

/* All rows, a slice at a time */

static void print_slice(uint32_t rows)
{
	const struct vm *vm = NULL;
	struct vm_row row;

	while (rows-- > 0 && (vm = vm_next(&journal.cursor)) != NULL) {
		if (vm->origin == ORIGIN_FILE || vm->learned)
			continue;
		vm_row_of(vm, &row);
		print_row(&journal.rows, &row);
	}
	journal.printing = vm != NULL;
	if (journal.printing)
		return;
	journal.printed = !journal.rows.short_of_memory && !journal.since.short_of_memory;
	journal.whole_wanted = !journal.printed;
}

static void print_more(void *arg)
{
	print_slice(SLICE);
	if (journal.printing)
		loop_timer_set(&journal.slice_timer, SLICE_PAUSE);
	else
		write_soon();
}

static void print_begin(void)
{
	buffer_free(&journal.rows);
	buffer_free(&journal.since);
	print_first_line(&journal.rows);
	journal.cursor = 0;
	journal.printing = true;
	loop_timer_set(&journal.slice_timer, SLICE_PAUSE);
}

/* Changes */

void vm_journal_put(const struct vm_row *rows, uint32_t count)
{
	for (uint32_t i = 0; journal.started && i < count; i++) {
		print_row(&journal.pending, &rows[i]);
		if (journal.printing || journal.printed)
			print_row(&journal.since, &rows[i]);
	}
	if (journal.started)
		write_soon();
}

void vm_journal_remove(uint32_t vni, const struct addr *addr)
{
	if (!journal.started)
		return;
	print_removal(&journal.pending, vni, addr);
	if (journal.printing || journal.printed)
		print_removal(&journal.since, vni, addr);
	write_soon();
}

/* Restoring */

struct restore {
	struct vm_row rows[BATCH_ROWS];
	unsigned int count, left_out;
	uint8_t origin;
	uint32_t mark;
};

static void restore_flush(struct restore *r)
{
	if (r->count > 0 && vm_upsert(r->rows, r->count, r->mark) < 0)
		r->left_out += r->count;
	r->count = 0;
}

static bool parse_vni(const char *text, uint32_t *vni)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*vni = (uint32_t)number;
	return *text >= '0' && *text <= '9' && *end == '\0' && number >= 1 && number <= VNI_MAX;
}

/* False: it is no line of these. */
static bool restore_line(struct restore *r, char *line)
{
	bool removal = *line == '-';
	char *rest = line + removal, *words[5];
	struct vm_row row = {.origin = r->origin};
	struct rte_ether_addr mac;
	unsigned int count = 0;

	while (count < 5 && (words[count] = strsep(&rest, " ")) != NULL)
		count++;
	if (count != (removal ? 2 : 4) || !parse_vni(words[0], &row.vni) ||
	    addr_parse(words[1], &row.addr) < 0)
		return false;
	if (removal) {
		restore_flush(r);
		vm_remove(row.vni, &row.addr);
		return true;
	}
	if (rte_ether_unformat_addr(words[2], &mac) < 0 || addr_parse(words[3], &row.host) < 0)
		return false;
	memcpy(row.mac, mac.addr_bytes, sizeof(row.mac));
	if (row.host.family == AF_INET6 ? !vxlan.has_v6 : vxlan.v4 == 0) {
		r->left_out++;
		return true;
	}
	r->rows[r->count++] = row;
	if (r->count == BATCH_ROWS)
		restore_flush(r);
	return true;
}

static void restore_file(struct restore *r, const char *path, bool headed)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	unsigned int number = 0;

	while (file != NULL && (length = getline(&line, &room, file)) > 0) {
		bool whole = line[length - 1] == '\n';

		number++;
		if (headed && number == 1 && strcmp(line, first_line) == 0)
			continue;
		if (whole)
			line[length - 1] = '\0';
		if (whole && !(headed && number == 1) && restore_line(r, line))
			continue;
		log_warning("%s, line %u: what follows is left out", path, number);
		break;
	}
	free(line);
	if (file != NULL)
		fclose(file);
	restore_flush(r);
}

static void paths_set(const char *state_dir)
{
	static const char *const names[2] = {"vpc-vms", "vpc-vms.journal"};

	for (unsigned int i = 0; i < 2; i++) {
		snprintf(journal.path[i], SAVER_PATH, "%s/%s", state_dir, names[i]);
		snprintf(journal.beside[i], SAVER_PATH, "%s/%s.new", state_dir, names[i]);
	}
}

unsigned int vm_journal_restore(const char *state_dir, uint8_t origin, uint32_t mark)
{
	struct restore *r = calloc(1, sizeof(*r));
	unsigned int left_out;

	if (!r) {
		log_error("out of memory: VMs that are kept are left out");
		return 0;
	}
	r->origin = origin;
	r->mark = mark;
	paths_set(state_dir);
	restore_file(r, journal.path[0], true);
	restore_file(r, journal.path[1], false);
	left_out = r->left_out;
	free(r);
	return left_out;
}

/* Start and stop */

int vm_journal_start(const char *state_dir, bool whole, struct error *error)
{
	int status;

	memset(&journal, 0, sizeof(journal));
	paths_set(state_dir);
	journal.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (journal.done_fd < 0)
		return error_set(error, -errno, "", "eventfd: %s", strerror(errno));
	status = loop_watch(journal.done_fd, write_done, NULL);
	if (status < 0) {
		close(journal.done_fd);
		return error_set(error, status, "", "epoll: %s", strerror(-status));
	}
	journal.write_timer = (struct loop_timer){.fire = write_begin};
	journal.slice_timer = (struct loop_timer){.fire = print_more};
	journal.started = true;
	// A journal that is there may end in half a line, to which nothing may be added.
	journal.whole_wanted = whole || access(journal.path[1], F_OK) == 0;
	if (journal.whole_wanted)
		write_soon();
	return 0;
}

/* The last words. After a write that failed, everything: the journal may end anywhere. */
static void stop_write(void)
{
	if (!journal.failed) {
		if (journal.pending.size > 0)
			saver_append(journal.path[1], journal.pending.text, journal.pending.size);
		return;
	}
	buffer_free(&journal.rows);
	print_first_line(&journal.rows);
	journal.cursor = 0;
	print_slice(UINT32_MAX);
	if (journal.printed && saver_replace(journal.path[0], journal.beside[0], journal.rows.text,
					     journal.rows.size) == 0)
		unlink(journal.path[1]);
}

void vm_journal_stop(void)
{
	if (!journal.started)
		return;
	journal.started = false;
	loop_timer_cancel(&journal.write_timer);
	loop_timer_cancel(&journal.slice_timer);
	if (journal.working)
		write_join();
	stop_write();
	for (unsigned int i = 0; i < 2; i++)
		buffer_free(&journal.job[i]);
	buffer_free(&journal.pending);
	buffer_free(&journal.rows);
	buffer_free(&journal.since);
	loop_unwatch(journal.done_fd);
	close(journal.done_fd);
}
