/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the SYN proxy costs: a SYN that is answered with a cookie, an acknowledgement of none, and a
 * packet of an established session whose numbers are shifted, beside one of a plain session. In
 * turns in one process (turns.h). No numbers.
 */
#include "turns.h"

#include <stdlib.h>
#include <string.h>

#include <rte_tcp.h>

enum { FLOOD = 16384, SESSIONS = 1000, FIRST_PORT = 2000, ISN = 1000, SERVER_ISN = 70000 };

/* What a client of today offers. */
static const char options[] = "\2\4\x05\xb4\4\2\x08\x0a\x11\x22\x33\x44\0\0\0\0\1\3\3\7";
#define OFFER .options = options, .option_length = sizeof(options) - 1
#define TIMES(own, other) \
	.options = "\1\1\x08\x0a\x11\x22\x33" own "\0\0\0" other, .option_length = 12

static const struct syn_proxy on = {.mode = SYN_PROXY_ON,
				    .mss = 1452,
				    .ttl = 63,
				    .window_scale = 7,
				    .sack = true,
				    .timestamps = true,
				    .retries = 3,
				    .acks = 10,
				    .saved = 3};

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* What was sent last by this interface: its TCP header. */
static struct rte_tcp_hdr sent(unsigned int iface)
{
	unsigned int length;
	const uint8_t *frame = lab_next_sent(iface - 1, &length);
	struct rte_tcp_hdr tcp;

	assert_non_null(frame);
	memcpy(&tcp, frame + 34, sizeof(tcp));
	return tcp;
}

/* Spoofed clients of a /16, whose sequence numbers and cookies are anything. */
static void flood(const char *name, const char *client, const char *vip, uint8_t flags)
{
	struct play *play = play_new(name, NULL, FLOOD);

	play->drops = !(flags & SYN);
	for (unsigned int i = 0; i < FLOOD; i++) {
		struct packet p = {.from = client,
				   .from_port = (uint16_t)(4096 + random_bits() % 60000),
				   .to = vip,
				   .tcp = flags,
				   .sequence = (uint32_t)random_bits()};

		if (flags & SYN) {
			p.options = options;
			p.option_length = sizeof(options) - 1;
		} else {
			p.acknowledgement = (uint32_t)random_bits();
		}
		play_keep(play, i, &p);
	}
}

#define play_put(play, at, ...) play_keep(play, at, &(struct packet){__VA_ARGS__})

/* A session on port 81. Both sides send with times: as many bytes as those of the other session. */
static void plain_open(struct play *in, struct play *out, unsigned int at)
{
	uint16_t from = (uint16_t)(FIRST_PORT + at), local;

	put(.from = CLIENT, .from_port = from, .to = VIP ":81", .tcp = SYN, .sequence = ISN);
	run();
	local = turns_local_port(false);
	put(.from = SERVER ":81", .to = LOCAL, .to_port = local, .tcp = SYN | ACK,
	    .sequence = SERVER_ISN, .acknowledgement = ISN + 1);
	run();
	put(.from = CLIENT, .from_port = from, .to = VIP ":81", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = SERVER_ISN + 1);
	run();
	lab_forget();
	play_put(in, at, .from = CLIENT, .from_port = from, .to = VIP ":81", .tcp = ACK,
		 .sequence = ISN + 1, .acknowledgement = SERVER_ISN + 1, TIMES("\x46", "\1"));
	play_put(out, at, .from = SERVER ":81", .to = LOCAL, .to_port = local, .tcp = ACK,
		 .sequence = SERVER_ISN + 1, .acknowledgement = ISN + 1, TIMES("\x46", "\1"));
}

/* One of the SYN proxy, on port 80. */
static void proxied_open(struct play *in, struct play *out, unsigned int at)
{
	uint16_t from = (uint16_t)(FIRST_PORT + at), local;
	uint32_t cookie;

	put(.from = CLIENT, .from_port = from, .to = VIP ":80", .tcp = SYN, .sequence = ISN, OFFER);
	run();
	cookie = rte_be_to_cpu_32(sent(CLIENTS).sent_seq);
	put(.from = CLIENT, .from_port = from, .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, TIMES("\x45", "\1"));
	run();
	local = rte_be_to_cpu_16(sent(SERVERS).src_port);
	put(.from = SERVER ":80", .to = LOCAL, .to_port = local, .tcp = SYN | ACK,
	    .sequence = SERVER_ISN, .acknowledgement = ISN + 1, OFFER);
	run();
	lab_run(); // what it has made itself
	lab_forget();
	assert_true(turns_last_has_extra(false));
	play_put(in, at, .from = CLIENT, .from_port = from, .to = VIP ":80", .tcp = ACK,
		 .sequence = ISN + 1, .acknowledgement = cookie + 1, TIMES("\x46", "\1"));
	play_put(out, at, .from = SERVER ":80", .to = LOCAL, .to_port = local, .tcp = ACK,
		 .sequence = SERVER_ISN + 1, .acknowledgement = ISN + 1, TIMES("\x46", "\1"));
}

static void cookies_prepare(void)
{
	struct play *plain_in, *plain_out, *in, *out;

	lab_resize(1, 4 * SESSIONS, 100, 0);
	service(.vip = VIP ":80", .syn_proxy = on, .drop_unknown = true);
	service(.vip = "[" VIP6 "]:80", .syn_proxy = on, .drop_unknown = true);
	service(.vip = VIP ":81", .servers = {SERVER ":81"});
	flood("syn", CLIENT, VIP ":80", SYN);
	flood("syn-ipv6", CLIENT6, "[" VIP6 "]:80", SYN);
	flood("ack", CLIENT, VIP ":80", ACK);
	flood("ack-ipv6", CLIENT6, "[" VIP6 "]:80", ACK);
	plain_in = play_new("plain", "in", SESSIONS);
	in = play_new("syn-proxy", "in", SESSIONS);
	plain_out = play_new("plain", "out", SESSIONS);
	out = play_new("syn-proxy", "out", SESSIONS);
	for (unsigned int i = 0; i < SESSIONS; i++) {
		plain_open(plain_in, plain_out, i);
		proxied_open(in, out, i);
	}
}

int main(int argc, char **argv)
{
	return turns_main(argc, argv, "", 0, cookies_prepare);
}
