/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SCTP (RFC 9260) as a balancer sees it.
 *
 *   client INIT                SCTP_INIT
 *   server INIT ACK            SCTP_INIT_ACK
 *   client COOKIE ECHO         SCTP_COOKIE        half-open up to here
 *   server COOKIE ACK          SCTP_ESTABLISHED
 *   SHUTDOWN, SHUTDOWN ACK     SCTP_SHUTDOWN
 *   SHUTDOWN COMPLETE, ABORT   SCTP_CLOSED        when the verification tag is right
 *
 * An INIT in an association that stands may be a restart or a forgery: it is passed on and changes
 * nothing; the ends find out. Addresses inside chunks are left alone: an association has the one
 * path through this balancer, and what comes by another of a client's addresses has no session.
 *
 * The checksum is a CRC32c over the whole packet. A CRC is linear: when four bytes change, it
 * changes by the CRC of their difference followed by as many zero bytes as the packet goes on for.
 * That takes no look at the data, whatever their length and number of segments, and it cannot turn
 * a wrong checksum into a right one.
 */
#include "session/l4_sctp.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_hash_crc.h>

enum {
	CHUNK_DATA = 0,
	CHUNK_INIT = 1,
	CHUNK_INIT_ACK = 2,
	CHUNK_ABORT = 6,
	CHUNK_SHUTDOWN = 7,
	CHUNK_SHUTDOWN_ACK = 8,
	CHUNK_COOKIE_ECHO = 10,
	CHUNK_COOKIE_ACK = 11,
	CHUNK_SHUTDOWN_COMPLETE = 14,
	CHUNK_EVENTS, // chunks of these types can be events

	CHUNK_HEADER = 4,
	CHUNK_INIT_LENGTH = 20, // at least
	CHUNKS_MAX = 8,		// that are looked at before data
	FLAG_REFLECTED = 1,	// the T bit: the tag is the sender's own
};

static const uint8_t chunk_events[CHUNK_EVENTS] = {
	[CHUNK_INIT] = SCTP_INIT,
	[CHUNK_INIT_ACK] = SCTP_INIT_ACK,
	[CHUNK_ABORT] = SCTP_ABORT,
	[CHUNK_SHUTDOWN] = SCTP_SHUTDOWN,
	[CHUNK_SHUTDOWN_ACK] = SCTP_SHUTDOWN_ACK,
	[CHUNK_COOKIE_ECHO] = SCTP_COOKIE_ECHO,
	[CHUNK_COOKIE_ACK] = SCTP_COOKIE_ACK,
	[CHUNK_SHUTDOWN_COMPLETE] = SCTP_SHUTDOWN_COMPLETE,
};

/* Chunks that stand alone in their packet. */
static bool event_is_alone(uint8_t event)
{
	return event == SCTP_INIT || event == SCTP_INIT_ACK || event == SCTP_SHUTDOWN_COMPLETE;
}

static uint32_t tag_of(const uint8_t *sctp)
{
	uint32_t tag;

	memcpy(&tag, sctp + SCTP_TAG, 4);
	return tag;
}

enum drop sctp_parse(const uint8_t *sctp, unsigned int length, unsigned int there, uint8_t *event)
{
	unsigned int at = SCTP_HEADER;

	*event = SCTP_NOTHING;
	if (length < SCTP_HEADER + CHUNK_HEADER || there < SCTP_HEADER + CHUNK_HEADER)
		return DROP_sctp_short;
	for (unsigned int i = 0; i < CHUNKS_MAX && at + CHUNK_HEADER <= there; i++) {
		unsigned int type = sctp[at], size = sctp[at + 2] << 8 | sctp[at + 3];

		if (size < CHUNK_HEADER || size > length - at)
			return DROP_sctp_chunk;
		if (type == CHUNK_DATA)
			break;
		*event = type < CHUNK_EVENTS ? chunk_events[type] : SCTP_NOTHING;
		if (event_is_alone(*event) && (i > 0 || at + RTE_ALIGN_CEIL(size, 4) < length))
			return DROP_sctp_chunk;
		if ((*event == SCTP_INIT || *event == SCTP_INIT_ACK) &&
		    (size < CHUNK_INIT_LENGTH || there < at + CHUNK_INIT_LENGTH))
			return DROP_sctp_chunk;
		if (*event != SCTP_NOTHING)
			break;
		at += RTE_ALIGN_CEIL(size, 4);
	}
	return (*event == SCTP_INIT) == (tag_of(sctp) == 0) ? DROP_none : DROP_sctp_tag;
}

/* Once a state is reached, what belongs to an earlier one changes nothing. */
static enum session_state state_forward(enum session_state state, enum session_state next)
{
	return next > state ? next : state;
}

enum session_state sctp_next_state(enum session_state state, unsigned int direction, uint8_t event)
{
	switch (event) {
	case SCTP_INIT:
		return direction == 0 ? state_forward(state, STATE_SCTP_INIT) : state;
	case SCTP_INIT_ACK:
		return direction == 1 ? state_forward(state, STATE_SCTP_INIT_ACK) : state;
	case SCTP_COOKIE_ECHO:
		return direction == 0 ? state_forward(state, STATE_SCTP_COOKIE) : state;
	case SCTP_COOKIE_ACK: // also ends a restart in the middle of a shutdown
		if (direction == 1 && state != STATE_SCTP_CLOSED)
			return STATE_SCTP_ESTABLISHED;
		return state;
	case SCTP_SHUTDOWN:
	case SCTP_SHUTDOWN_ACK:
		if (state < STATE_SCTP_ESTABLISHED)
			return state;
		return state_forward(state, STATE_SCTP_SHUTDOWN);
	case SCTP_SHUTDOWN_COMPLETE:
	case SCTP_ABORT:
		return STATE_SCTP_CLOSED;
	}
	return state;
}

enum session_state sctp_next_state_one_way(enum session_state state, uint8_t event)
{
	if (event == SCTP_NOTHING && state == STATE_SCTP_COOKIE)
		return STATE_SCTP_ESTABLISHED;
	return sctp_next_state(state, 0, event);
}

bool sctp_state_is_over(enum session_state state)
{
	return state == STATE_SCTP_CLOSED;
}

void sctp_tags_learn(struct session_extra *extra, enum session_state state, unsigned int direction,
		     const uint8_t *sctp, uint8_t event)
{
	const uint8_t *initiate_tag = sctp + SCTP_HEADER + CHUNK_HEADER;

	if (event == SCTP_COOKIE_ACK && direction == 1) {
		// After a restart the client has a new one, and so has the server, not seen yet.
		if (extra->client_tag != tag_of(sctp))
			extra->server_tag = 0;
		extra->client_tag = tag_of(sctp);
	}
	if (state >= STATE_SCTP_ESTABLISHED)
		return;
	if (event == SCTP_INIT && direction == 0)
		memcpy(&extra->client_tag, initiate_tag, 4);
	else if (event == SCTP_INIT_ACK && direction == 1)
		memcpy(&extra->server_tag, initiate_tag, 4);
}

/* The chunk of this event: sctp_parse() has found it. */
static const uint8_t *chunk_find(const uint8_t *sctp, uint8_t event)
{
	const uint8_t *chunk = sctp + SCTP_HEADER;

	while (chunk[0] >= CHUNK_EVENTS || chunk_events[chunk[0]] != event)
		chunk += RTE_ALIGN_CEIL(chunk[2] << 8 | chunk[3], 4);
	return chunk;
}

bool sctp_tag_fits(const struct session_extra *extra, unsigned int direction, const uint8_t *sctp,
		   uint8_t event)
{
	bool ends = event == SCTP_ABORT || event == SCTP_SHUTDOWN_COMPLETE;
	bool reflected = ends && (chunk_find(sctp, event)[1] & FLAG_REFLECTED);
	uint32_t tag = (direction == 0) != reflected ? extra->server_tag : extra->client_tag;

	return tag == 0 || tag == tag_of(sctp);
}

/*
 * The checksum. What becomes of a CRC when 2^i * ZEROS zero bytes follow is linear too: the sum of
 * what becomes of its eight nibbles, each looked up.
 */
enum { ZEROS = 32, ZERO_STEPS = 11 }; // up to 64 kB

static uint32_t zero_steps[ZERO_STEPS][8][16];

static uint32_t zeros_apply(unsigned int step, uint32_t crc)
{
	uint32_t result = 0;

	for (unsigned int nibble = 0; nibble < 8; nibble++)
		result ^= zero_steps[step][nibble][crc >> 4 * nibble & 0xf];
	return result;
}

void sctp_start(void)
{
	for (unsigned int step = 0; step < ZERO_STEPS; step++)
		for (unsigned int i = 0; i < 8 * 16; i++) {
			uint32_t crc = i % 16u << 4 * (i / 16);

			for (unsigned int at = 0; step == 0 && at < ZEROS; at += 8)
				crc = rte_hash_crc_8byte(0, crc);
			if (step > 0)
				crc = zeros_apply(step - 1, zeros_apply(step - 1, crc));
			zero_steps[step][i / 16][i % 16] = crc;
		}
}

/* The CRC when this many zero bytes follow. */
static uint32_t crc_zeros(uint32_t crc, unsigned int zeros)
{
	unsigned int few = zeros % ZEROS;

	for (; few >= 8; few -= 8)
		crc = rte_hash_crc_8byte(0, crc);
	for (; few > 0; few--)
		crc = rte_hash_crc_1byte(0, crc);
	zeros /= ZEROS;
	for (unsigned int step = 0; zeros; step++, zeros >>= 1)
		if (zeros & 1)
			crc = zeros_apply(step, crc);
	return crc;
}

void sctp_ports_change(uint8_t *sctp, unsigned int length, uint32_t ports)
{
	uint32_t before, checksum;

	memcpy(&before, sctp, 4);
	memcpy(sctp, &ports, 4);
	memcpy(&checksum, sctp + SCTP_CHECKSUM, 4);
	checksum ^= rte_cpu_to_le_32(crc_zeros(rte_hash_crc_4byte(before ^ ports, 0), length - 4));
	memcpy(sctp + SCTP_CHECKSUM, &checksum, 4);
}

/* Bytes of a packet stand at any address. */
static uint32_t crc_bytes(const uint8_t *bytes, unsigned int length, uint32_t crc)
{
	uint64_t word;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		crc = rte_hash_crc_8byte(word, crc);
	}
	for (; length > 0; bytes++, length--)
		crc = rte_hash_crc_1byte(*bytes, crc);
	return crc;
}

uint32_t sctp_checksum(const struct rte_mbuf *m, unsigned int offset, unsigned int length)
{
	uint32_t crc = UINT32_MAX;

	for (; m && length > 0; m = m->next) {
		unsigned int there = m->data_len > offset ? m->data_len - offset : 0;

		there = RTE_MIN(there, length);
		crc = crc_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, offset), there, crc);
		length -= there;
		offset -= RTE_MIN(offset, (unsigned int)m->data_len);
	}
	return rte_cpu_to_le_32(~crc);
}
