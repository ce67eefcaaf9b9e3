/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "client.h"

/*
 * The tunnel interfaces of keepalived.conf, which weir-run makes before weir gets anything that may
 * name them, and takes away again. A list has the objects of translate(), and for those that weir-run
 * has made, "made": what was there before is left alone. It is kept in a file, because each reload is
 * another process, and one that ended without cleaning up leaves it to the next.
 */

/* Never NULL: without the file an empty list. */
json_t *run_tunnels_load(const char *path);
void run_tunnels_save(const char *path, const json_t *tunnels);

/* Make those of `to`; what was made and is different in `from` is removed first. */
enum exit_code run_tunnels_make(struct client *client, const json_t *from, json_t *to);
/*
 * Remove those of `from` that are not in `to`. One that sessions use still cannot go: `tries` times a
 * tenth of a second it is tried again, and then it becomes one of `stay`, for the next weir-run.
 */
void run_tunnels_remove(struct client *client, const json_t *from, const json_t *to,
			unsigned int tries, json_t *stay);
