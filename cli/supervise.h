/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

/*
 * Stand in for a daemon that is started with something prepared for it: run it, hand signals on to
 * it, prepare again before a reload, and end with its exit code.
 */
struct supervise {
	char **words;	      // the daemon's command line, NULL at the end
	const char *pid_file; // to hold our process id; NULL: none
	bool background;      // go on in the background once the daemon is started
	/* In a process of its own, before SIGHUP is handed on. 0: all is well. */
	int (*prepare)(void *arg);
	void *arg;
};

/* The exit code: the daemon's, 128 and the number of the signal that ended it, or 1, 2, 127. */
int supervise(const struct supervise *supervise);
