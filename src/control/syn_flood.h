/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/* Ten times a second: whether automatic SYN proxies are on, and a line in the log when that changes. */
void syn_flood_tick(void);
