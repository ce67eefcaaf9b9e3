/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/persist.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "control/ipvs_settings.h"
#include "control/loop.h"

/*
 * The whole model is written, not the changes: a few megabytes at ten thousand services, at most
 * a few times a second, and there is no second format that could disagree with the first. The
 * file is made beside, synced and renamed, so that what stands there is always complete.
 *
 * Changes that come together are written together: the first one starts a timer, which grows with
 * what the last write took, so that a burst of single changes costs at most a tenth of the thread.
 * The control thread makes the text; a thread of its own for each write waits for the disk.
 *
 * What is restored: when the start file is the one that the saved model stood on, the saved model
 * as it is, changes to the file's objects included. When the file is another one, it is applied to
 * the saved model (control.c), as if by `weirctl apply`.
 */
enum { PERSIST_SOON = 50, PERSIST_SHARE = 10, PERSIST_RETRY = 5000, MODEL_VERSION = 1 };

static struct {
	char path[PATH_MAX + 16];
	char beside[PATH_MAX + 24];
	uint64_t digest;
	bool started;
	bool wanted;  // something changed since the text was made
	bool writing; // a thread is at it
	bool failed;  // the last write; said once
	unsigned int pause;
	struct loop_timer timer;
	pthread_t thread;
	int done_fd; // the thread is ready
	char *text;
	size_t size;
	int status; // of the thread's write
} persist = {.done_fd = -1};

/* Reading */

static bool any_interface(const char *name, const void *arg)
{
	return true; // one that has gone is found out when the object is published
}

/* Set a damaged file aside, so that the next write does not destroy what a person may want. */
static void set_aside(const char *path)
{
	char aside[PATH_MAX + 24];

	snprintf(aside, sizeof(aside), "%s.bad", path);
	if (rename(path, aside) < 0)
		log_warning("%s could not be renamed: %s", path, strerror(errno));
}

/* Settings for the IPVS door. A model that was saved before there were any has none. */
static void settings_restore(const json_t *json)
{
	struct ipvs_settings *settings;
	struct error error;

	if (json == NULL)
		return;
	if (ipvs_settings_decode(json, true, &settings, &error) == 0)
		ipvs_settings_use(settings);
	else
		log_warning("saved settings for the IPVS door are left out: %s: %s", error.field,
			    error.text);
}

static int saved_decode(const json_t *json, struct document *document, uint64_t *digest,
			struct error *error)
{
	const struct document_source source = {
		.origin = ORIGIN_FILE, .saved = true, .has_interface = any_interface};
	const char *text = json_string_value(json_object_get(json, "file_digest"));
	json_int_t version = json_integer_value(json_object_get(json, "version"));

	if (version != MODEL_VERSION)
		return error_set(error, -EINVAL, "version", "is %lld, not %d", (long long)version,
				 MODEL_VERSION);
	if (text == NULL || sscanf(text, "%" SCNx64, digest) != 1)
		return error_set(error, -EINVAL, "file_digest", "is missing");
	settings_restore(json_object_get(json, "ipvs"));
	return document_decode(json_object_get(json, "model"), &source, document, error);
}

int persist_load(const char *state_dir, struct document *document, uint64_t *digest,
		 struct error *error)
{
	char path[sizeof(persist.path)];
	json_error_t where;
	json_t *json;
	int status;

	snprintf(path, sizeof(path), "%s/model.json", state_dir);
	if (access(path, F_OK) < 0)
		return error_set(error, -ENOENT, "", "there is no %s", path);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
	if (json == NULL)
		status = error_set(error, -EINVAL, "", "line %d: %s", where.line, where.text);
	else
		status = saved_decode(json, document, digest, error);
	json_decref(json);
	if (status == -EINVAL)
		set_aside(path);
	return status;
}

/* Writing */

static json_t *model_json(void)
{
	json_t *services = json_array();
	const struct model_service *service;
	const struct model_local *pool;
	unsigned int pool_count;
	uint32_t cursor = 0;
	char digest[24];

	while ((service = model_next(&cursor)) != NULL)
		json_array_append_new(services, document_service_json(service, true));
	pool = model_pool(&pool_count);
	snprintf(digest, sizeof(digest), "%016" PRIx64, persist.digest);
	return json_pack("{s:i, s:s, s:o, s:{s:o, s:o, s:o}}", "version", MODEL_VERSION,
			 "file_digest", digest, "ipvs", ipvs_settings_json(), "model", "timeouts",
			 document_timeouts_json(model_timeouts()), "local_addresses",
			 document_locals_json(pool, pool_count, true), "services", services);
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
	char folder[PATH_MAX + 16];
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

static int file_replace(void)
{
	int fd = open(persist.beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	int status;

	if (fd < 0)
		return -errno;
	status = write_all(fd, persist.text, persist.size);
	if (status == 0 && fsync(fd) < 0)
		status = -errno;
	close(fd);
	if (status == 0 && rename(persist.beside, persist.path) < 0)
		status = -errno;
	if (status < 0)
		unlink(persist.beside);
	else
		folder_sync(persist.path);
	return status;
}

static void *write_thread(void *arg)
{
	const uint64_t one = 1;

	persist.status = file_replace();
	if (write(persist.done_fd, &one, sizeof(one)) < 0)
		abort(); // an eventfd with room for 2^64 - 1
	return NULL;
}

static int text_make(void)
{
	uint64_t begin = loop_clock();
	json_t *json = model_json();

	persist.text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (persist.text == NULL)
		return -ENOMEM;
	persist.size = strlen(persist.text);
	persist.wanted = false;
	persist.pause = PERSIST_SOON + PERSIST_SHARE * (unsigned int)(loop_clock() - begin);
	return 0;
}

/* What came of a write. */
static void write_judge(int status)
{
	free(persist.text);
	persist.text = NULL;
	if (status < 0 && !persist.failed)
		log_error("what changes cannot be kept over a restart: %s: %s", persist.path,
			  strerror(-status));
	if (status == 0 && persist.failed)
		log_notice("%s is written again", persist.path);
	persist.failed = status < 0;
	if (status < 0)
		persist.wanted = true;
}

static void write_begin(void *arg)
{
	int status;

	if (persist.writing || !persist.wanted)
		return;
	status = text_make();
	if (status == 0)
		status = -pthread_create(&persist.thread, NULL, write_thread, NULL);
	if (status < 0) {
		write_judge(status);
		loop_timer_set(&persist.timer, PERSIST_RETRY);
		return;
	}
	persist.writing = true;
}

static void write_join(void)
{
	uint64_t count;

	pthread_join(persist.thread, NULL);
	if (read(persist.done_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_warning("eventfd: %s", strerror(errno));
	persist.writing = false;
	write_judge(persist.status);
}

static void write_done(void *arg)
{
	write_join();
	if (persist.wanted)
		loop_timer_set(&persist.timer, persist.failed ? PERSIST_RETRY : persist.pause);
}

void persist_changed(void)
{
	if (!persist.started)
		return;
	persist.wanted = true;
	if (!persist.writing && !persist.timer.running)
		loop_timer_set(&persist.timer, persist.pause);
}

void persist_set_digest(uint64_t digest)
{
	persist.digest = digest;
	persist_changed();
}

int persist_start(const char *state_dir, uint64_t digest, struct error *error)
{
	int status;

	snprintf(persist.path, sizeof(persist.path), "%s/model.json", state_dir);
	snprintf(persist.beside, sizeof(persist.beside), "%s/model.json.new", state_dir);
	persist.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (persist.done_fd < 0)
		return error_set(error, -errno, "", "eventfd: %s", strerror(errno));
	status = loop_watch(persist.done_fd, write_done, NULL);
	if (status < 0) {
		close(persist.done_fd);
		persist.done_fd = -1;
		return error_set(error, status, "", "epoll: %s", strerror(-status));
	}
	persist.timer = (struct loop_timer){.fire = write_begin};
	persist.pause = PERSIST_SOON;
	persist.started = true;
	persist_set_digest(digest);
	return 0;
}

void persist_stop(void)
{
	if (!persist.started)
		return;
	persist.started = false;
	loop_timer_cancel(&persist.timer);
	if (persist.writing)
		write_join();
	if (persist.wanted)
		write_judge(text_make() == 0 ? file_replace() : -ENOMEM);
	loop_unwatch(persist.done_fd);
	close(persist.done_fd);
	persist.done_fd = -1;
}
