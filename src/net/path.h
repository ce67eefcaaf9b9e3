/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The control thread's side of watched destinations; net/nexthop.h has the rest.
 */
int path_start(void);
void path_stop(void);
/* Routes have changed: look at all watched destinations again, beginning with path_review(). */
void path_routes_changed(void);
/* Look at up to `budget` of them; true: there are more. */
bool path_review(unsigned int budget);
unsigned int path_count(void);
