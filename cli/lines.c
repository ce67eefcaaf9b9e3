/* SPDX-License-Identifier: BSD-3-Clause */
#include "lines.h"

#include <stdlib.h>
#include <string.h>

bool lines_take(struct lines *lines, const char *bytes, size_t size,
		bool (*line)(const char *text, void *arg), void *arg)
{
	char *grown = realloc(lines->bytes, lines->size + size + 1);
	bool more = true;

	if (!grown)
		abort();
	memcpy(grown + lines->size, bytes, size);
	lines->bytes = grown;
	lines->size += size;
	grown[lines->size] = 0;

	char *start = grown, *end;
	while (more && (end = memchr(start, '\n', lines->size - (size_t)(start - grown)))) {
		*end = 0;
		more = line(start, arg);
		start = end + 1;
	}
	lines->size -= (size_t)(start - grown);
	memmove(grown, start, lines->size + 1);
	return more;
}

void lines_end(struct lines *lines, bool (*line)(const char *text, void *arg), void *arg)
{
	if (lines->size)
		line(lines->bytes, arg);
	free(lines->bytes);
	*lines = (struct lines){0};
}
