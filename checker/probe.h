/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include "target.h"

/*
 * A check on its way. probe_begin() starts one, probe_clock() ends one whose time is over, and in
 * between the answer may come; each of them calls probe_ended() when the result is known.
 */

/* 0: begun, or ended already. -EAGAIN: this host cannot begin one now, which says nothing. */
int probe_begin(struct target *target);
void probe_clock(struct target *target);
/* End it without a result; nothing when there is none. */
void probe_cancel(struct target *target);

/* A socket for the target is made: it leaves by the target's device. 0 or negative errno. */
int probe_bind(const struct target *target, int fd);
/* The number of the target's device, 0: there is none. */
unsigned int probe_device(const struct target *target);
/* The caller's: what came of a check. The text is of the moment. */
void probe_ended(struct target *target, bool good, const char *result);

/* A descriptor's or a library's error as people say it: "connection refused". */
const char *probe_reason(int error);
/* Does this error concern us and not the server? */
bool probe_is_ours(int error);

/* ping.c: one socket for each family, opened when it is first needed. */
int ping_begin(struct target *target);
void ping_stop(void);
/* http.c: over libcurl. */
int http_begin(struct target *target);
void http_cancel(struct target *target);
void http_stop(void);
