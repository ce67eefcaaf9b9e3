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
	FIXED = sizeof(struct rte_tcp_hdr),
	USUAL = 20, // bytes of options
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

/*
 * What a flood and most clients send, because Linux does: MSS, SACK permitted, timestamps, a NOP and
 * the window scale, in this order. Three comparisons instead of a walk from option to option.
 */
static inline bool offer_read_usual(struct offer *offer, const uint8_t *options)
{
	uint32_t mss = read32(options), sack_time = read32(options + 4);
	uint32_t scale = read32(options + 16);

	if (mss >> 16 != (OPTION_MSS << 8 | 4) ||
	    sack_time != (OPTION_SACK_PERMITTED << 24 | 2 << 16 | OPTION_TIME << 8 | 10) ||
	    scale >> 8 != (OPTION_NOP << 16 | OPTION_SCALE << 8 | 3))
		return false;
	*offer = (struct offer){
		.mss = mss & UINT16_MAX,
		.window_scale = RTE_MIN(scale & UINT8_MAX, (uint32_t)SCALE_MAX),
		.sack = true,
		.timestamps = true,
		.time = read32(options + 8),
		.time_echo = read32(options + 12),
	};
	return true;
}

void offer_read(struct offer *offer, const uint8_t *tcp, unsigned int header)
{
	if (header == FIXED + USUAL && offer_read_usual(offer, tcp + FIXED))
		return;
	*offer = (struct offer){.mss = OFFER_MSS_DEFAULT, .window_scale = OFFER_NO_SCALE};
	for (unsigned int at = FIXED; at < header;) {
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

/*
 * Options are written in words of four bytes, as they are read again for the checksum: a processor
 * waits for what was stored in smaller pieces.
 */
static inline unsigned int write32(uint8_t *out, unsigned int length, uint32_t value)
{
	value = rte_cpu_to_be_32(value);
	memcpy(out + length, &value, 4);
	return length + 4;
}

static inline unsigned int write_time(const struct offer *offer, uint8_t *out, unsigned int length,
				      uint32_t before)
{
	length = write32(out, length, before << 16 | OPTION_TIME << 8 | 10);
	length = write32(out, length, offer->time);
	return write32(out, length, offer->time_echo);
}

unsigned int offer_write(const struct offer *offer, uint8_t *out)
{
	const uint32_t nops = OPTION_NOP << 8 | OPTION_NOP;
	uint32_t sack = offer->sack ? OPTION_SACK_PERMITTED << 8 | 2 : nops;
	unsigned int length = write32(out, 0, OPTION_MSS << 24 | 4 << 16 | offer->mss);

	if (offer->timestamps)
		length = write_time(offer, out, length, sack);
	else if (offer->sack)
		length = write32(out, length, sack << 16 | nops);
	if (offer->window_scale != OFFER_NO_SCALE)
		length = write32(out, length,
				 OPTION_NOP << 24 | OPTION_SCALE << 16 | 3 << 8 |
					 offer->window_scale);
	return length;
}

unsigned int offer_write_time(const struct offer *offer, uint8_t *out)
{
	return offer->timestamps ? write_time(offer, out, 0, OPTION_NOP << 8 | OPTION_NOP) : 0;
}
