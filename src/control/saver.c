/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/saver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

/*
 * The file is made beside, synced and renamed, so that what stands there is always complete.
 *
 * Changes that come together are written together: the first one starts a timer, which grows with
 * what the last write took, so that a burst of single changes costs at most a tenth of the thread.
 * The control thread makes the text; a thread of its own for each write waits for the disk.
 */
enum { SAVER_SOON = 50, SAVER_SHARE = 10, SAVER_RETRY = 5000 };

void saver_set_aside(const char *path)
{
	char aside[SAVER_PATH + 8];

	snprintf(aside, sizeof(aside), "%s.bad", path);
	if (rename(path, aside) < 0)
		log_warning("%s could not be renamed: %s", path, strerror(errno));
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

/* Make the rename itself last. */
static void folder_sync(const char *path)
{
	char folder[SAVER_PATH];
	char *end;
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	end = strrchr(folder, '/');
	*end = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int saver_replace(const char *path, const char *beside, const char *text, size_t size)
{
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	int status;

	if (fd < 0)
		return -errno;
	status = write_all(fd, text, size);
	if (status == 0 && fsync(fd) < 0)
		status = -errno;
	close(fd);
	if (status == 0 && rename(beside, path) < 0)
		status = -errno;
	if (status < 0)
		unlink(beside);
	else
		folder_sync(path);
	return status;
}

int saver_append(const char *path, const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	int status;

	if (fd < 0)
		return -errno;
	status = write_all(fd, text, size);
	if (status == 0 && fdatasync(fd) < 0)
		status = -errno;
	close(fd);
	return status;
}

static int file_replace(const struct saver *saver)
{
	return saver_replace(saver->path, saver->beside, saver->text, saver->size);
}

static void *write_thread(void *arg)
{
	struct saver *saver = arg;
	const uint64_t one = 1;

	saver->status = file_replace(saver);
	if (write(saver->done_fd, &one, sizeof(one)) < 0)
		abort(); // an eventfd with room for 2^64 - 1
	return NULL;
}

static int text_make(struct saver *saver)
{
	uint64_t begin = loop_clock();
	json_t *json;

	json = saver->make();
	saver->text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
	json_decref(json);
	if (saver->text == NULL)
		return -ENOMEM;
	saver->size = strlen(saver->text);
	saver->wanted = false;
	saver->pause = SAVER_SOON + SAVER_SHARE * (unsigned int)(loop_clock() - begin);
	return 0;
}

/* What came of a write. */
static void write_judge(struct saver *saver, int status)
{
	free(saver->text);
	saver->text = NULL;
	if (status < 0 && !saver->failed)
		log_error("what changes cannot be kept over a restart: %s: %s", saver->path,
			  strerror(-status));
	if (status == 0 && saver->failed)
		log_notice("%s is written again", saver->path);
	saver->failed = status < 0;
	if (status < 0)
		saver->wanted = true;
}

static void write_begin(void *arg)
{
	struct saver *saver = arg;
	int status;

	if (saver->writing || !saver->wanted)
		return;
	status = text_make(saver);
	if (status == 0)
		status = -pthread_create(&saver->thread, NULL, write_thread, saver);
	if (status < 0) {
		write_judge(saver, status);
		loop_timer_set(&saver->timer, SAVER_RETRY);
		return;
	}
	saver->writing = true;
}

static void write_join(struct saver *saver)
{
	uint64_t count;

	pthread_join(saver->thread, NULL);
	if (read(saver->done_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_warning("eventfd: %s", strerror(errno));
	saver->writing = false;
	write_judge(saver, saver->status);
}

static void write_done(void *arg)
{
	struct saver *saver = arg;

	write_join(saver);
	if (saver->wanted)
		loop_timer_set(&saver->timer, saver->failed ? SAVER_RETRY : saver->pause);
}

void saver_changed(struct saver *saver)
{
	if (!saver->started)
		return;
	saver->wanted = true;
	if (!saver->writing && !saver->timer.running)
		loop_timer_set(&saver->timer, saver->pause);
}

int saver_start(struct saver *saver, const char *state_dir, const char *name, json_t *(*make)(void),
		struct error *error)
{
	int status;

	memset(saver, 0, sizeof(*saver));
	snprintf(saver->path, sizeof(saver->path), "%s/%s", state_dir, name);
	snprintf(saver->beside, sizeof(saver->beside), "%s/%s.new", state_dir, name);
	saver->make = make;
	saver->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (saver->done_fd < 0)
		return error_set(error, -errno, "", "eventfd: %s", strerror(errno));
	status = loop_watch(saver->done_fd, write_done, saver);
	if (status < 0) {
		close(saver->done_fd);
		return error_set(error, status, "", "epoll: %s", strerror(-status));
	}
	saver->timer = (struct loop_timer){.fire = write_begin, .arg = saver};
	saver->pause = SAVER_SOON;
	saver->started = true;
	return 0;
}

void saver_stop(struct saver *saver)
{
	if (!saver->started)
		return;
	saver->started = false;
	loop_timer_cancel(&saver->timer);
	if (saver->writing)
		write_join(saver);
	if (saver->wanted)
		write_judge(saver, text_make(saver) == 0 ? file_replace(saver) : -ENOMEM);
	loop_unwatch(saver->done_fd);
	close(saver->done_fd);
}
