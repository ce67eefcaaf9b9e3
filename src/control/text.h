/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Text that grows: what streams and the metrics are written into. Zeroed before first use. */
struct text {
	char *bytes;
	size_t size;
	size_t room;
	bool failed; // out of memory: what was added is not complete
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const void *bytes, size_t size);
/* Room for `size` more bytes, to be filled in by the caller, who then raises `size`; or NULL. */
char *text_room(struct text *text, size_t size);
void text_free(struct text *text);
