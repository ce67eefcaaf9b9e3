/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "io/eal.h"

enum { EXIT_SKIPPED = 77 };

/* DPDK without hugepages and devices, for tests that need memory, rings or threads of it. */
static inline void environment_start(size_t megabytes)
{
	struct eal_config config = {
		.instance = "weir-unit", .hugepages = 0, .memory_mb = megabytes, .main_cpu = -1};
	struct error error = {.text = ""};

	if (eal_start(&config, &error) < 0) {
		fprintf(stderr, "skipped: DPDK does not start here: %s\n", error.text);
		exit(EXIT_SKIPPED);
	}
}
