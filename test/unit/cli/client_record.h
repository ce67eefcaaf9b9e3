/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

/*
 * A client that talks to nobody: it writes down what was asked, and answers from here. A request
 * is refused when its text, "PUT /v1/... {...}", holds `refuse`; GET gives what `answers` has for
 * the path.
 */
struct client {
	char text[16384]; // a line for each request
	const char *refuse;
	json_t *answers;
	int quiet;
	unsigned int refusals_told; // refusals that were not quiet
};

/* Keep what is printed on standard error from here on; messages_end() gives it, for free(). */
void messages_begin(void);
char *messages_end(void);
