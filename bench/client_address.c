/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What it costs that real servers are told who their clients are: a packet of an established TCP
 * session after its server has been told by TOA, or by the PROXY protocol, beside one of a session
 * that tells nothing; and datagrams with and without UOA. In turns in one process (turns.h).
 * Number: sessions of each.
 */
#include "turns.h"

#include "session/proxy_header.h"

enum { FIRST_PORT = 2000, ISN = 1000, SERVER_ISN = 70000 };

static const struct row {
	const char *name, *vip, *server;
	uint8_t protocol;
	bool toa;
	uint8_t proxy, uoa;
} rows[] = {
	{"plain", VIP ":80", SERVER ":80", IPPROTO_TCP, false, 0, 0},
	{"toa", VIP ":81", SERVER ":81", IPPROTO_TCP, true, 0, 0},
	{"proxy", VIP ":82", SERVER ":82", IPPROTO_TCP, false, PROXY_V2, 0},
	{"udp", VIP ":83", SERVER ":83", IPPROTO_UDP, false, 0, 0},
	{"uoa-option", VIP ":84", SERVER ":84", IPPROTO_UDP, false, 0, CLIENT_ADDRESS_UOA_OPTION},
	{"uoa-header", VIP ":85", SERVER ":85", IPPROTO_UDP, false, 0, CLIENT_ADDRESS_UOA_HEADER},
	{"udp-proxy", VIP ":86", SERVER ":86", IPPROTO_UDP, false, PROXY_V2, 0},
};

static struct packet of_client(const struct row *row, uint16_t port)
{
	struct packet p = {.from = CLIENT, .from_port = port, .to = row->vip};

	if (row->protocol == IPPROTO_UDP) {
		p.payload = 18;
		return p;
	}
	p.tcp = ACK;
	p.sequence = ISN + 1;
	p.acknowledgement = SERVER_ISN + 1;
	return p;
}

static struct packet of_server(const struct row *row, uint16_t port)
{
	struct packet p = {.from = row->server, .to = LOCAL, .to_port = port};

	if (row->protocol == IPPROTO_UDP) {
		p.payload = 18;
		return p;
	}
	p.tcp = ACK;
	p.sequence = SERVER_ISN + 1;
	p.acknowledgement = ISN + 1;
	return p;
}

/* Handshake, and what each side acknowledges of the other's, so that nothing is left to be told. */
static uint16_t tcp_open(const struct row *row, uint16_t port)
{
	struct packet client = of_client(row, port), server;
	uint16_t local;

	client.tcp = SYN;
	client.sequence = ISN;
	client.acknowledgement = 0;
	lab_put(&client);
	run();
	local = turns_local_port(false);
	server = of_server(row, local);
	server.tcp = SYN | ACK;
	server.sequence = SERVER_ISN;
	lab_put(&server);
	run();
	client = of_client(row, port);
	lab_put(&client);
	run();
	server = of_server(row, local);
	server.payload = 1;
	lab_put(&server);
	run();
	client.acknowledgement++;
	client.payload = 1; // with PROXY it has to be seen what the client begins with
	lab_put(&client);
	run();
	assert_false(turns_last_has_extra(false));
	return local;
}

/* More datagrams than carry the address in any form that ends. */
static uint16_t udp_open(const struct row *row, uint16_t port)
{
	struct packet client = of_client(row, port);

	for (unsigned int i = 0; i < 5; i++) {
		lab_put(&client);
		run();
	}
	return turns_local_port(false);
}

static void row_prepare(const struct row *row, unsigned int sessions)
{
	struct play *in = play_new(row->name, "in", sessions);
	struct play *out = play_new(row->name, "out", sessions);

	service(.vip = row->vip, .servers = {row->server}, .protocol = row->protocol,
		.toa = row->toa, .proxy = row->proxy, .uoa = row->uoa);
	for (unsigned int i = 0; i < sessions; i++) {
		uint16_t port = (uint16_t)(FIRST_PORT + i), local;
		struct packet p = of_client(row, port);

		local = row->protocol == IPPROTO_TCP ? tcp_open(row, port) : udp_open(row, port);
		lab_forget();
		play_keep(in, i, &p);
		p = of_server(row, local);
		play_keep(out, i, &p);
	}
}

static void client_address_prepare(void)
{
	unsigned int sessions = turns_argument(0);

	lab_resize(1, 8 * sessions, 100, 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row_prepare(&rows[i], sessions);
}

int main(int argc, char **argv)
{
	return turns_main(argc, argv, " SESSIONS", 1, client_address_prepare);
}
