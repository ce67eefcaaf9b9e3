/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Longest prefix match for IPv4 and IPv6. Values are numbers below 2^30; 0 is what a lookup returns
 * where no prefix matches, and may be stored, too, to shadow a shorter prefix.
 */
int fib_start(void);
void fib_stop(void);

/* Control thread. Add a prefix or change its value; -ENOMEM when the nodes are used up. */
int fib_set(const struct prefix *prefix, uint32_t value);
/*
 * Control thread. Take a prefix away. `cover` is the longest prefix that is left and contains it
 * (NULL: none), with its value.
 */
void fib_clear(const struct prefix *prefix, const struct prefix *cover, uint32_t cover_value);
/* Covers that are not longer than this are of no interest to fib_clear(). */
unsigned int fib_cover_limit(const struct prefix *prefix);

/* Any thread that reports quiescence. Address in network byte order. */
uint32_t fib_lookup4(uint32_t address_be);
uint32_t fib_lookup6(const uint8_t address[16]);

/* Memory that is taken now, in bytes. */
size_t fib_bytes(void);
