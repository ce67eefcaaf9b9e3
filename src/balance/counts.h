/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * What each worker counts of each real server and service. Only worker i writes counts of worker
 * i; control reads all of them and adds them up. A line is cleared by control when its
 * number is given out, at a time when no worker can have a session of it.
 */
struct server_count {
	uint32_t active;    // sessions in state ESTABLISHED or UDP_NORMAL
	uint32_t inactive;  // all others
	uint32_t elsewhere; // control writes: active * 256 + inactive of the other workers, for wlc
	uint32_t persistent;  // templates of persistence that name it
	uint64_t connections; // ever made
	uint64_t packets[2];  // by direction; as of the last fold
	uint64_t bytes[2];
	uint32_t lease;	  // control writes: one more than it may have here (overload.h), 0: any
	uint32_t stopped; // the lease that was found used up, else 0
} __attribute__((aligned(64)));

struct service_count {
	uint64_t connections;
	uint64_t packets[2];
	uint64_t bytes[2];
	uint32_t active, inactive;
	uint32_t handshakes_begun, handshakes_done; // of TCP; modulo 2^32 (balance/syn_guard.c)
} __attribute__((aligned(64)));

int counts_start(unsigned int workers);
void counts_stop(void);
unsigned int counts_workers(void);
void counts_use(unsigned int workers);			  // tests: of those started, as many as run
struct server_count *counts_servers(unsigned int worker); // by server number
struct service_count *counts_services(unsigned int worker); // by service number
