/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

/*
 * The addresses and routes of an interface as the kernel told them, for takeover.c: each the body
 * of an RTM_NEWADDR or RTM_NEWROUTE message, header structure and attributes.
 */
struct takeover_message {
	bool route;
	uint32_t size;
	uint8_t *body;
};

struct takeover_record {
	char device[16];
	int index; // the device's, which the messages name
	struct takeover_message *messages;
	unsigned int count;
};

enum { TAKEOVER_REQUEST = 16384 }; // a longer message is not kept

/* Keep a copy, unless the same is there. 0 or -ENOMEM. */
int takeover_record_add(struct takeover_record *record, bool route, const void *body, size_t size);
/*
 * Keep what a message of a dump says, if it is an address or route of the record's device that
 * moves. 0, -ENOMEM, or -EOPNOTSUPP for one that would have to move and cannot.
 */
int takeover_record_take(struct takeover_record *record, const struct nlmsghdr *message);
void takeover_record_clear(struct takeover_record *record);

bool takeover_has_gateway(const struct takeover_message *m);
/* "10.0.0.1/24" or "default via 10.0.0.254", for the log and for people who read the file. */
const char *takeover_describe(const struct takeover_message *m, char *text, size_t size);

/*
 * Make the request of this type (RTM_NEWADDR, RTM_DELROUTE, ...) for what the message describes,
 * on interface `to` instead of `from`. `buffer`: TAKEOVER_REQUEST * 2 bytes.
 */
struct nlmsghdr *takeover_request(char *buffer, const struct takeover_message *m, uint16_t type,
				  int from, int to);
