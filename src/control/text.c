/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *text_room(struct text *text, size_t size)
{
	size_t room = text->room ? text->room : 1024;
	char *larger;

	while (room < text->size + size + 1)
		room *= 2;
	if (room != text->room) {
		larger = realloc(text->bytes, room);
		if (larger == NULL) {
			text->failed = true;
			return NULL;
		}
		text->bytes = larger;
		text->room = room;
	}
	return text->bytes + text->size;
}

void text_add_bytes(struct text *text, const void *bytes, size_t size)
{
	char *end = text_room(text, size);

	if (end == NULL)
		return;
	memcpy(end, bytes, size);
	end[size] = '\0';
	text->size += size;
}

void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;
	char *end;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	end = length < 0 ? NULL : text_room(text, (size_t)length);
	if (end == NULL)
		return;
	va_start(arguments, format);
	vsnprintf(end, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->size += (size_t)length;
}

void text_free(struct text *text)
{
	free(text->bytes);
	*text = (struct text){0};
}
