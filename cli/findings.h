/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdio.h>

#include "blocks.h"

/*
 * What a reader of somebody's file has to say about it: each sentence with the file and line that
 * it is about. An error means that the file must not be put to use; a note is for the reader.
 */
struct findings {
	char *text; // lines "FILE:LINE: error: ..."; NULL: nothing was found
	size_t size;
	unsigned int errors, notes;
};

void finding_error(struct findings *findings, const struct block *block, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void finding_note(struct findings *findings, const struct block *block, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Print them, each after the name of the program, and forget them. */
void findings_print(struct findings *findings, const char *program, FILE *out);
void findings_free(struct findings *findings);
