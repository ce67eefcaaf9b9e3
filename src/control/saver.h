/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/error.h"
#include "control/loop.h"

/*
 * A file in the state folder that follows something in memory: saver_changed() has it written
 * soon, by a thread that waits for the disk in place of the control thread. Zeroed before first
 * use; everything but the write itself is the control thread's.
 */
enum { SAVER_PATH = PATH_MAX + 24 };

struct saver {
	char path[SAVER_PATH];
	char beside[SAVER_PATH];
	json_t *(*make)(void); // what the file is to hold, a new reference; NULL: no memory
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
};

int saver_start(struct saver *saver, const char *state_dir, const char *name, json_t *(*make)(void),
		struct error *error);
/* Before saver_start() and after saver_stop() this does nothing. */
void saver_changed(struct saver *saver);
/* Write what is not written yet. */
void saver_stop(struct saver *saver);
/* Any thread: a file as a whole, made as `beside` and renamed; and more at its end. Both are synced. */
int saver_replace(const char *path, const char *beside, const char *text, size_t size);
int saver_append(const char *path, const char *text, size_t size);
/* Rename a damaged file to NAME.bad, so that the next write does not destroy what it holds. */
void saver_set_aside(const char *path);
