/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

struct service;

/*
 * A line that is divided between the usable servers, each getting a piece as long as its weight,
 * in the order of their addresses: what sh and dh throw their hashes at.
 */
void *shares_prepare(const struct service *service);
uint32_t shares_find(const struct service *service, uint64_t hash);
