/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Cut a stream of bytes into lines. Give a zeroed one to lines_take() with each piece that comes,
 * and call lines_end() for a last line without an end and to free it.
 */
struct lines {
	char *bytes;
	size_t size;
};

/* Calls `line` with each whole line, without its end; false when `line` returned false. */
bool lines_take(struct lines *lines, const char *bytes, size_t size,
		bool (*line)(const char *text, void *arg), void *arg);
void lines_end(struct lines *lines, bool (*line)(const char *text, void *arg), void *arg);
