/* SPDX-License-Identifier: BSD-3-Clause */
#include "findings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A file of a million mistakes is told of by its first thousand. */
enum { FINDINGS_SHOWN = 1000 };

static void finding_add(struct findings *findings, const struct block *block, const char *kind,
			const char *format, va_list arguments)
{
	char *sentence = NULL, *line = NULL;

	if (findings->errors + findings->notes > FINDINGS_SHOWN)
		return;
	if (findings->errors + findings->notes == FINDINGS_SHOWN) {
		format = "and more";
		kind = "";
	}
	if (vasprintf(&sentence, format, arguments) < 0 ||
	    asprintf(&line, "%s:%u: %s%s\n", block->file, block->line, kind, sentence) < 0)
		abort();
	size_t length = strlen(line);
	findings->text = realloc(findings->text, findings->size + length + 1);
	if (!findings->text)
		abort();
	memcpy(findings->text + findings->size, line, length + 1);
	findings->size += length;
	free(sentence);
	free(line);
}

void finding_error(struct findings *findings, const struct block *block, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	finding_add(findings, block, "error: ", format, arguments);
	va_end(arguments);
	findings->errors++;
}

void finding_note(struct findings *findings, const struct block *block, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	finding_add(findings, block, "note: ", format, arguments);
	va_end(arguments);
	findings->notes++;
}

void findings_print(struct findings *findings, const char *program, FILE *out)
{
	for (const char *line = findings->text; line && *line; line = strchr(line, '\n') + 1)
		fprintf(out, "%s: %.*s\n", program, (int)strcspn(line, "\n"), line);
	findings_free(findings);
}

void findings_free(struct findings *findings)
{
	free(findings->text);
	*findings = (struct findings){0};
}
