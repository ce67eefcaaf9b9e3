/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What one side of a TCP connection offers by the options of its SYN or SYN-ACK. */
enum {
	OFFER_NO_SCALE = 15,	 // no window scale; the largest is 14 (RFC 7323)
	OFFER_MSS_DEFAULT = 536, // of who says nothing (RFC 9293)
	OFFER_OPTIONS_MAX = 20,	 // bytes that offer_write() writes
	OFFER_TIME_BYTES = 12,	 // bytes that offer_write_time() writes
};

struct offer {
	uint16_t mss;
	uint8_t window_scale; // 0 to 14, OFFER_NO_SCALE
	bool sack, timestamps;
	uint32_t time, time_echo; // host order; only with timestamps
};

/* Of a TCP header, `header` bytes long with its options. Malformed ones end the list. */
void offer_read(struct offer *offer, const uint8_t *tcp, unsigned int header);
/* The options of a SYN or SYN-ACK; returns their length, a multiple of four. */
unsigned int offer_write(const struct offer *offer, uint8_t *out);
/* The options of any other segment: timestamps or nothing. */
unsigned int offer_write_time(const struct offer *offer, uint8_t *out);
