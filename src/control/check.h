/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How real servers are checked. Settings are interned: equal ones are one object that nobody
 * changes, so that the model's objects can be copied as they are and compared by pointer. A
 * service holds complete settings; those of a real server override what they name. Control thread.
 */
enum check_type { CHECK_TCP, CHECK_UDP, CHECK_HTTP, CHECK_PING };
/* What becomes of a real server that is down: weight 0, or out of its service. */
enum check_failure { CHECK_INHIBIT, CHECK_REMOVE };

/* Bits of `named`, in the order of the fields of weir.yaml. */
enum check_field {
	CHECK_HAS_TYPE = 1 << 0,
	CHECK_HAS_PORT = 1 << 1,
	CHECK_HAS_INTERVAL = 1 << 2,
	CHECK_HAS_TIMEOUT = 1 << 3,
	CHECK_HAS_RISE = 1 << 4,
	CHECK_HAS_FALL = 1 << 5,
	CHECK_HAS_ON_FAILURE = 1 << 6,
	CHECK_HAS_PATH = 1 << 7,
	CHECK_HAS_HOST = 1 << 8,
	CHECK_HAS_STATUS = 1 << 9,
	CHECK_HAS_SEND = 1 << 10,
	CHECK_HAS_EXPECT = 1 << 11,
	CHECK_HAS_ALL = (1 << 12) - 1,
};

enum { CHECK_WORDS = 256, CHECK_STATUS = 64 };

/* No pointer and no padding: equal settings are equal bytes. */
struct check {
	uint32_t named;		    // enum check_field: what a real server's own settings name
	uint32_t interval, timeout; // milliseconds
	uint16_t port;		    // 0: that of the real server
	uint16_t rise, fall;	    // checks in a row that make it go up, or down
	uint8_t type;		    // enum check_type
	uint8_t on_failure;	    // enum check_failure
	char path[CHECK_WORDS];	    // http
	char host[CHECK_WORDS];	    // http; empty: the real server's address
	char status[CHECK_STATUS];  // http: "200-299,301"
	char send[CHECK_WORDS];	    // udp
	char expect[CHECK_WORDS];   // http: in the body, udp: in the answer; empty: anything
};

/* In place of a real server's settings: it is not checked, whatever its service says. */
extern const struct check check_none;

/* "http", "remove". */
extern const char *const check_types[], *const check_failures[];

/* Settings where nothing is said. */
void check_defaults(struct check *check, enum check_type type);
/* The one object of these settings; NULL: no memory. */
const struct check *check_intern(const struct check *check);

/*
 * What a real server is checked with, given its service's settings and its own (NULL: none).
 * false: it is not checked.
 */
bool check_effective(const struct check *service, const struct check *server, struct check *out);
bool check_is_wanted(const struct check *service, const struct check *server);
enum check_failure check_on_failure(const struct check *service, const struct check *server);

/*
 * About once a second, between two requests: free settings that nothing in the model names. Whoever
 * keeps settings outside the model must not keep them longer than one callback of the loop.
 */
void check_sweep(void);
void check_stop(void);
