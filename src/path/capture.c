/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Capture: records as a pcapng stream (draft-ietf-opsawg-pcapng), one section, one interface block
 * for each logical interface, each packet as it arrived with its stages and fate as a comment.
 */
#include "path/trace.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "path/observe.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	OPTION_COMMENT = 1,
	OPTION_NAME = 2,
	OPTION_RESOLUTION = 9,
	LINK_ETHERNET = 1,
	NANOSECONDS = 9,
	COMMENT_MAX = 1024,
	BLOCK_ROOM = 256 + COMMENT_MAX + RECORD_BYTES,
};

/* Interfaces as numbered in the stream, and the two clocks at one moment. */
static struct {
	bool header_read;
	uint16_t number[IFACE_MAX];
	uint64_t tsc, nanoseconds;
} stream;

struct writer {
	uint8_t *start, *at;
};

static void put32(struct writer *o, uint32_t value)
{
	memcpy(o->at, &value, 4);
	o->at += 4;
}

static void put16(struct writer *o, uint16_t value)
{
	memcpy(o->at, &value, 2);
	o->at += 2;
}

static void put_padded(struct writer *o, const void *bytes, unsigned int length)
{
	memcpy(o->at, bytes, length);
	memset(o->at + length, 0, -length & 3);
	o->at += (length + 3) & ~3u;
}

static void put_option(struct writer *o, uint16_t code, const void *bytes, unsigned int length)
{
	put16(o, code);
	put16(o, length);
	put_padded(o, bytes, length);
}

static uint8_t *block_begin(struct writer *o, uint32_t type)
{
	uint8_t *block = o->at;

	put32(o, type);
	put32(o, 0); // the length, by block_end()
	return block;
}

static void block_end(struct writer *o, uint8_t *block)
{
	uint32_t length = o->at + 4 - block;

	memcpy(block + 4, &length, 4);
	put32(o, length);
}

static void put_interface(struct writer *o, const struct iface *iface)
{
	static const uint8_t resolution = NANOSECONDS;
	uint8_t *block = block_begin(o, BLOCK_INTERFACE);

	put16(o, LINK_ETHERNET);
	put16(o, 0);
	put32(o, RECORD_BYTES);
	put_option(o, OPTION_NAME, iface->name, strlen(iface->name));
	put_option(o, OPTION_RESOLUTION, &resolution, 1);
	put32(o, 0); // end of options
	block_end(o, block);
}

static void put_header(struct writer *o)
{
	static const uint32_t unknown_length[2] = {UINT32_MAX, UINT32_MAX};
	uint8_t *block = block_begin(o, BLOCK_SECTION);
	unsigned int count = 0;

	put32(o, 0x1a2b3c4d);
	put16(o, 1);
	put16(o, 0);
	put_padded(o, unknown_length, sizeof(unknown_length));
	block_end(o, block);
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		if (!iface_get(i))
			continue;
		stream.number[i] = count++;
		put_interface(o, iface_get(i));
	}
}

static void put_packet(struct writer *o, const struct record *r)
{
	// A packet may have been received just before the clocks were read.
	double age = (double)(int64_t)(r->tsc - stream.tsc) * 1e9 / rte_get_tsc_hz();
	uint64_t when = stream.nanoseconds + (int64_t)age;
	uint8_t *block = block_begin(o, BLOCK_PACKET);
	char comment[COMMENT_MAX];

	put32(o, stream.number[r->iface]);
	put32(o, when >> 32);
	put32(o, when);
	put32(o, r->captured);
	put32(o, r->length);
	put_padded(o, r->bytes, r->captured);
	record_describe(r, comment, sizeof(comment));
	put_option(o, OPTION_COMMENT, comment, strlen(comment));
	put32(o, 0);
	block_end(o, block);
}

int capture_begin(const struct packet_filter *filter, uint32_t packets, uint16_t snap_length)
{
	int result = observer_begin(filter, packets, snap_length);
	struct timespec now;

	if (result < 0)
		return result;
	clock_gettime(CLOCK_REALTIME, &now);
	stream.tsc = rte_rdtsc();
	stream.nanoseconds = now.tv_sec * 1000000000UL + now.tv_nsec;
	stream.header_read = false;
	return 0;
}

unsigned int capture_read(uint8_t *bytes, unsigned int size)
{
	struct writer o = {.start = bytes, .at = bytes};
	struct record *r;

	if (!stream.header_read) {
		if (size < 128 + IFACE_MAX * 64)
			return 0;
		put_header(&o);
		stream.header_read = true;
	}
	while (size - (o.at - o.start) >= BLOCK_ROOM && (r = observer_next())) {
		put_packet(&o, r);
		observer_return(r);
	}
	return o.at - o.start;
}

bool capture_finished(void)
{
	return stream.header_read && observer_finished();
}

void capture_end(void)
{
	observer_end();
}
