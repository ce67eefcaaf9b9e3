/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

/* Is this a list of numbers and ranges as in `status`, and does it have this number? */
bool check_status_valid(const char *list);
bool check_status_has(const char *list, unsigned int status);
