/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Datagrams to a service that routes by QUIC connection ID: whatever they hold, the answer is one of
 * its servers or none, and nothing beyond the datagram is read. The input is the payload, after one
 * byte that chooses a server: an ID made of that one's address and the rest as nonce leads to it.
 */
#include <netinet/in.h>
#include <string.h>

#include "balance/quic.h"
#include "balance/server.h"
#include "fuzz.h"

enum { SERVERS = 6, ETHER = 14, IP = 20, UDP = 8, PAYLOAD_MAX = 1400 };

static struct server servers[SERVERS + 1];
struct server *server_table = servers;
static struct quic_routes *dpvs, *lb;

static void server_set(unsigned int number, const char *address, uint16_t port)
{
	servers[number].port = htons(port);
	fuzz_assert(addr_parse(address, &servers[number].addr) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct quic_settings by_address = {.format = QUIC_DPVS};
	const struct quic_settings by_id = {.format = QUIC_LB, .id_length = {1, 4, 2, 6, 15, 0, 3}};
	const struct quic_server_id none = {0}, given = {.length = 3, .bytes = "abc"};
	const struct quic_server_id *ids[SERVERS] = {&none, &none, &none, &none, &none, &given};
	struct service_server list[SERVERS];

	server_set(1, "192.168.100.2", 443);
	server_set(2, "192.168.100.3", 443);
	server_set(3, "192.168.100.3", 444);
	server_set(4, "2001:db8::3", 443);
	server_set(5, "2001:db8::4", 443);
	server_set(6, "10.0.0.9", 443);
	for (unsigned int i = 0; i < SERVERS; i++)
		list[i] = (struct service_server){i + 1, i % 2};
	dpvs = quic_prepare(&by_address, list, NULL, SERVERS);
	lb = quic_prepare(&by_id, list, ids, SERVERS);
	return dpvs && lb ? 0 : 1;
}

static uint32_t route(const struct quic_routes *routes, const uint8_t *payload, size_t size)
{
	unsigned int length = ETHER + IP + UDP + size;
	uint8_t *frame = malloc(length); // so that a read beyond it is seen
	struct rte_mbuf m = {.buf_addr = frame, .data_len = length, .pkt_len = length};
	struct pkt p = {.mbuf = &m, .l3 = ETHER, .l4 = IP, .key4.zone_protocol = IPPROTO_UDP};
	uint32_t server;

	memset(frame, 0, length - size);
	frame[ETHER + IP + 4] = (UDP + size) >> 8;
	frame[ETHER + IP + 5] = UDP + size;
	if (size > 0)
		memcpy(frame + length - size, payload, size);
	server = quic_route(routes, &p);
	fuzz_assert(server <= SERVERS);
	free(frame);
	return server;
}

/* A short header with the ID that this server issues, as a server that knows dpvs's layout. */
static void check_issued(unsigned int number, const uint8_t *nonce, size_t size)
{
	const struct addr *addr = &servers[number].addr;
	unsigned int there = addr->family == AF_INET6 ? 16 : 4, bytes = there == 16 ? 8 : 4;
	uint8_t id[2 + 8 + 2 + PAYLOAD_MAX] = {0x40, nonce[0]}, plain[10];

	memcpy(plain, addr->bytes + there - bytes, bytes);
	memcpy(plain + bytes, &servers[number].port, 2);
	id[2] = (bytes - 1) << 5 | 0x10;
	for (unsigned int i = 0; i < bytes + 2; i++) {
		id[2 + i] |= plain[i] >> 4;
		id[3 + i] = plain[i] << 4;
	}
	id[4 + bytes] |= nonce[0] & 0xf;
	memcpy(id + 5 + bytes, nonce, size);
	fuzz_assert(route(dpvs, id, 5 + bytes + size) == number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > PAYLOAD_MAX)
		return 0;
	route(dpvs, data + 1, size - 1);
	route(lb, data + 1, size - 1);
	if (size > 4)
		check_issued(1 + data[0] % SERVERS, data + 1, size - 1);
	return 0;
}
