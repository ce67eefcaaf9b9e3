/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Trace: the stages and the fate of the next packets that match a filter, from all workers.
 * Capture: copies of matching packets with their fate, as pcapng. One trace and one capture at a
 * time; the control thread starts them, reads them out a few at a time, and stops them.
 */
struct packet_filter {
	uint8_t protocol;      // 0: any
	uint16_t port;	       // host byte order, either end; 0: any
	int iface;	       // index of the logical interface, 0: any
	struct prefix address; // either end; family AF_UNSPEC: any
	int drop_reason;       // only packets dropped for this; -1: any
};

/* -EBUSY when one is running. */
int trace_begin(const struct packet_filter *filter, uint32_t packets);
/* One line of text for the next traced packet; false when nothing is there yet. */
bool trace_read(char *text, unsigned int size);
bool trace_finished(void); // all that was asked for has been read
void trace_end(void);

int capture_begin(const struct packet_filter *filter, uint32_t packets, uint16_t snap_length);
/* The next bytes of the pcapng stream (header included); 0 when nothing is there yet. */
unsigned int capture_read(uint8_t *bytes, unsigned int size);
bool capture_finished(void);
void capture_end(void);
