/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"

/*
 * Run a program to its end. `input` goes to its standard input (NULL: nothing does). Its standard
 * output comes back in `output` (the caller frees; NULL: not wanted). When it fails, what it said
 * becomes the error's text: -EIO, or -ENOENT when there is no such program.
 */
int command_run(char *const *words, const char *input, char **output, struct error *error);
