/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "lab.h"

/*
 * Measuring without device and daemon: kinds of packets in turns in one process, through one worker
 * in the lab of the packet tests (test/packet/lab.h). What disturbs one kind disturbs the others in
 * the same milliseconds, so that their differences are far steadier than between runs of the
 * daemon.
 *
 * Measured are all stages of a batch, with traffic_run() where the loop of the daemon would call
 * it. How packets get into the batch is not: their frames are prepared and copied there before.
 * Sending is (DPDK's null device frees them), and so is the freeing of what is dropped; two more
 * turns, "ceiling" and "ceiling-drop", do these alone.
 */
enum { TURN_SLOT = 128, TURN_PLAYS = 24 };

/* Packets of one kind, all of the same length. */
struct play {
	char name[24];
	uint16_t iface;
	unsigned int length, count, next;
	bool drops;		       // every packet of it is dropped; otherwise none may be
	void (*before)(struct play *); // its turn; may be NULL
	void (*after)(struct play *);  // its turn
	void (*between)(void);	       // what the batches of a counted line have left, likewise
	uint8_t (*frame)[TURN_SLOT];
};

struct play *play_new(const char *name, const char *direction, unsigned int count);
void play_keep(struct play *play, unsigned int at, const struct packet *p);

/* A figure that is no line of a round: how long something took. */
void turns_figure(const char *name, double value);

/* The local port of the session that was made last. */
uint16_t turns_local_port(bool wide);
/* ... and that it needs its extra line no longer, or still does. */
bool turns_last_has_extra(bool wide);

/*
 * The program: NAME CPU ROUNDS FILE and `more` numbers, which are returned by turns_argument().
 * `prepare` makes services and plays. Into the file goes a line for each eight batches of a play:
 * its name, packets, cycles, and the slower of two probes as in sample.c, before and after; and a
 * line "@NAME VALUE" for each figure.
 */
int turns_main(int argc, char **argv, const char *more, unsigned int numbers,
	       void (*prepare)(void));
unsigned int turns_argument(unsigned int number);
