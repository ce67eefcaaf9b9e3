/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What limits cost where nothing is refused: a packet of an established session and a new
 * connection of a service with limits, of the service as a whole and of each source too, beside a
 * service without any. In turns in one process (turns.h). Number: established sessions of each; 0:
 * new connections instead, which end after each line.
 */
#include "turns.h"

#include <stdio.h>

#include "balance/limit.h"

enum { FIRST_PORT = 2000, NEW = 16384 };

/* So much that nothing is refused. */
#define CONNECTIONS 1000000
#define RATE	    1000000000
#define BITS	    (RATE * 1000ull)
#define CONNECT	    [LIMIT_CONNECTIONS] = CONNECTIONS, [LIMIT_NEW] = RATE
#define METER	    [LIMIT_PACKETS] = RATE, [LIMIT_BITS] = BITS
#define PREFIXES    .prefix4 = 32, .prefix6 = 64

static const struct row {
	const char *name, *vip, *server;
	struct limit_settings limits;
} rows[] = {
	{"no-limit", VIP ":80", SERVER ":80", {.prefix4 = 0}},
	{"connections", VIP ":81", SERVER ":81", {.service = {CONNECT}, PREFIXES}},
	{"packets", VIP ":82", SERVER ":82", {.service = {METER}, PREFIXES}},
	{"all", VIP ":83", SERVER ":83", {.service = {CONNECT, METER}, PREFIXES}},
	{"sources",
	 VIP ":84",
	 SERVER ":84",
	 {.service = {CONNECT, METER}, .source = {CONNECT, METER}, PREFIXES}},
};

/* A connection from anywhere in 10.1/16, so that each source is limited on its own. */
static void client_put(const struct row *row, unsigned int at, uint8_t flags,
		       void (*use)(struct play *, unsigned int, const struct packet *),
		       struct play *play)
{
	char from[INET_ADDRSTRLEN];
	struct packet p = {.from = from,
			   .from_port = (uint16_t)(FIRST_PORT + at),
			   .to = row->vip,
			   .tcp = flags};

	snprintf(from, sizeof(from), "10.1.%u.%u", at * 7919u / 251 % 251, at * 7919u % 251);
	use(play, at, &p);
}

static void packet_run(struct play *play, unsigned int at, const struct packet *p)
{
	lab_put(p);
	run();
}

static void established_prepare(const struct row *row, unsigned int sessions)
{
	struct play *in = play_new(row->name, "in", sessions);

	for (unsigned int i = 0; i < sessions; i++) {
		client_put(row, i, SYN, packet_run, NULL);
		put(.from = row->server, .to = LOCAL, .to_port = turns_local_port(false),
		    .tcp = SYN | ACK);
		run();
		client_put(row, i, ACK, packet_run, NULL);
		lab_forget();
		client_put(row, i, ACK, play_keep, in);
	}
}

static void sessions_end(void)
{
	lab_flush();
	limit_tick();
}

static void new_prepare(const struct row *row)
{
	struct play *new = play_new(row->name, "new", NEW);

	new->between = sessions_end;
	for (unsigned int i = 0; i < NEW; i++)
		client_put(row, i, SYN, play_keep, new);
}

static void limits_prepare(void)
{
	unsigned int sessions = turns_argument(0);

	lab_resize(1, RTE_MAX(8 * sessions, 4096u), 100, 100);
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		service(.vip = rows[i].vip, .servers = {rows[i].server}, .limits = rows[i].limits);
		if (sessions)
			established_prepare(&rows[i], sessions);
		else
			new_prepare(&rows[i]);
	}
}

int main(int argc, char **argv)
{
	return turns_main(argc, argv, " SESSIONS", 1, limits_prepare);
}
