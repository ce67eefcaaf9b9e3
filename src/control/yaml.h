/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "base/error.h"

/*
 * YAML (and so JSON) text to JSON values, by the core schema of YAML 1.2: plain scalars become
 * null, true and false, whole numbers and fractions; "yes" and "on" are text. Refused with the
 * line named: a second document, anchors and aliases, tags other than !!str, duplicate keys,
 * nesting deeper than YAML_DEPTH, numbers that do not fit 64 bits.
 * Returns a new reference (null for an empty document), or NULL after filling in `error`.
 */
enum { YAML_DEPTH = 32 };

json_t *yaml_parse(const char *text, size_t size, struct error *error);
