/* SPDX-License-Identifier: BSD-3-Clause */

/* The options that are negotiated in TCP's handshake: RFC 9293, RFC 7323, RFC 2018. */
#include "session/offer.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_SCALE = 3,
	OPTION_SACK_PERMITTED = 4,
	OPTION_TIME = 8,
	SCALE_MAX = 14,
};

static uint32_t read32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return rte_be_to_cpu_32(value);
}

static void offer_option(struct offer *offer, const uint8_t *option)
{
	switch (option[0]) {
	case OPTION_MSS:
		if (option[1] == 4)
			offer->mss = option[2] << 8 | option[3];
		break;
	case OPTION_SCALE:
		if (option[1] == 3)
			offer->window_scale = RTE_MIN(option[2], SCALE_MAX);
		break;
	case OPTION_SACK_PERMITTED:
		offer->sack = option[1] == 2;
		break;
	case OPTION_TIME:
		if (option[1] == 10) {
			offer->timestamps = true;
			offer->time = read32(option + 2);
			offer->time_echo = read32(option + 6);
		}
		break;
	default:
		break;
	}
}

void offer_read(struct offer *offer, const uint8_t *tcp, unsigned int header)
{
	*offer = (struct offer){.mss = OFFER_MSS_DEFAULT, .window_scale = OFFER_NO_SCALE};
	for (unsigned int at = sizeof(struct rte_tcp_hdr); at < header;) {
		if (tcp[at] == OPTION_END)
			return;
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= header || tcp[at + 1] < 2 || at + tcp[at + 1] > header)
			return;
		offer_option(offer, tcp + at);
		at += tcp[at + 1];
	}
}

static void write_time(const struct offer *offer, uint8_t *out)
{
	uint32_t times[2] = {rte_cpu_to_be_32(offer->time), rte_cpu_to_be_32(offer->time_echo)};

	out[0] = OPTION_TIME;
	out[1] = 10;
	memcpy(out + 2, times, 8);
}

unsigned int offer_write(const struct offer *offer, uint8_t *out)
{
	unsigned int length = 4;

	out[0] = OPTION_MSS;
	out[1] = 4;
	out[2] = offer->mss >> 8;
	out[3] = offer->mss;
	if (offer->sack || offer->timestamps) {
		// In four bytes together, so that what follows is aligned.
		out[length] = offer->sack ? OPTION_SACK_PERMITTED : OPTION_NOP;
		out[length + 1] = offer->sack ? 2 : OPTION_NOP;
		if (offer->timestamps)
			write_time(offer, out + length + 2);
		else
			memset(out + length + 2, OPTION_NOP, 2);
		length += offer->timestamps ? 12 : 4;
	}
	if (offer->window_scale != OFFER_NO_SCALE) {
		out[length] = OPTION_NOP;
		out[length + 1] = OPTION_SCALE;
		out[length + 2] = 3;
		out[length + 3] = offer->window_scale;
		length += 4;
	}
	return length;
}

unsigned int offer_write_time(const struct offer *offer, uint8_t *out)
{
	if (!offer->timestamps)
		return 0;
	out[0] = out[1] = OPTION_NOP;
	write_time(offer, out + 2);
	return OFFER_TIME_BYTES;
}
