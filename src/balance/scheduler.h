/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

struct balancer;
struct service;

/*
 * A scheduler: one file sched_NAME.c that defines `scheduler_NAME`, and one word in meson.build.
 * Called by a worker for the first packet of a session; must not be called with no usable server.
 */
struct scheduler {
	const char *name;
	/* The server's number. `hash` is of the client's tuple. */
	uint32_t (*choose)(struct balancer *b, const struct service *service, uint32_t hash);
};

const struct scheduler *scheduler_find(const char *name); // NULL when there is none
