/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/*
 * What is wrong with something a user asked for: a code for programs, the field that is wrong
 * ("services[3].servers[0].weight"), and a sentence that says what would be right.
 */
struct error {
	int code;	 // negative errno
	char field[128]; // empty when no single field is to blame
	char text[256];
};

/* Fill in and return the code, so that a function can `return error_set(...)`. */
int error_set(struct error *e, int code, const char *field, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
