/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a packet costs in each mode, against FullNAT: all of them in turns in one process (turns.h).
 * Numbers: flows of each mode, VMs.
 */
#include "turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/vxlan.h"

enum {
	FIRST_PORT = 2000,
	ZONE = 96,
	HOSTS = 250,
	FIRST_VM = 0xac100001, // 172.16.0.1
	FIRST_HOST = 0x0a010301,
};

#define VTEP	"10.1.0.254"
#define ZONE_IP "172.31.255.13"

struct row {
	const char *name, *mode, *client, *vip, *server, *local;
	uint32_t vni;
	bool wide;
};

static struct {
	unsigned int flows, vms;
} bench;

/* VMs and hosts stand in rows: neighbours in the table are neighbours nowhere else. */
static unsigned int vm_of_flow(unsigned int flow)
{
	return flow * 7919u % bench.vms;
}

static void vms_add(void)
{
	struct vm_row *rows = calloc(bench.vms, sizeof(*rows));

	for (unsigned int i = 0; i < bench.vms; i++) {
		rows[i].vni = ZONE;
		rows[i].addr = addr_v4(rte_cpu_to_be_32(FIRST_VM + i));
		rows[i].host = addr_v4(rte_cpu_to_be_32(FIRST_HOST + i % HOSTS));
		rows[i].mac[0] = 2;
		memcpy(&rows[i].mac[2], &i, 4);
	}
	assert_int_equal(vm_upsert(rows, bench.vms, 0), 0);
	free(rows);
}

static void vpc_begin(void)
{
	struct vxlan_settings settings = {
		.address_count = 1, .port = TUNNEL_VXLAN_PORT, .mac = {2, 0x77, 0x65, 0x69, 0x72}};

	addr_parse(VTEP, &settings.addresses[0]);
	vxlan_configure(&settings);
	fake_route(VTEP "/32", NEXTHOP_LOCAL, 0);
	vms_add();
}

/* A client's packet of a flow, within a VXLAN packet where the mode has a VNI. */
static void client_packet(const struct row *mode, unsigned int flow, uint8_t flags,
			  void (*use)(struct play *, unsigned int, const struct packet *),
			  struct play *play)
{
	char vm[INET_ADDRSTRLEN], host[INET_ADDRSTRLEN];
	struct packet p = {.from = mode->client,
			   .from_port = FIRST_PORT + flow % 60000,
			   .to = mode->vip,
			   .tcp = flags};
	struct packet outer = {.from = host,
			       .to = VTEP,
			       .from_port = 50000 + flow % 1000,
			       .to_port = TUNNEL_VXLAN_PORT,
			       .protocol = IPPROTO_UDP,
			       .vni = mode->vni,
			       .inner = &p,
			       .sum = SUM_ZERO};
	unsigned int number = vm_of_flow(flow);
	uint32_t address;

	if (mode->vni == 0) {
		use(play, flow, &p);
		return;
	}
	address = rte_cpu_to_be_32(FIRST_VM + number);
	inet_ntop(AF_INET, &address, vm, sizeof(vm));
	address = rte_cpu_to_be_32(FIRST_HOST + number % HOSTS);
	inet_ntop(AF_INET, &address, host, sizeof(host));
	p.from = vm;
	use(play, flow, &outer);
}

static void packet_run(struct play *play, unsigned int flow, const struct packet *p)
{
	lab_put(p);
	run();
}

/* All flows of a mode; what both sides send from then on is kept. */
static void mode_begin(const struct row *mode)
{
	struct lab_service spec = {.vni = mode->vni,
				   .vip = mode->vip,
				   .mode = mode->mode,
				   .servers = {mode->server},
				   .locals = {mode->local}};
	struct play *in = play_new(mode->name, "in", bench.flows), *out = NULL;
	struct packet answer = {.from = mode->server, .to = mode->local, .tcp = SYN | ACK};

	if (mode->local)
		out = play_new(mode->name, "out", bench.flows);
	lab_service(&spec);
	for (unsigned int flow = 0; flow < bench.flows; flow++) {
		client_packet(mode, flow, SYN, packet_run, NULL);
		if (out) {
			answer.to_port = turns_local_port(mode->wide);
			answer.tcp = SYN | ACK;
			packet_run(NULL, flow, &answer);
			answer.tcp = ACK;
			play_keep(out, flow, &answer);
		}
		client_packet(mode, flow, ACK, packet_run, NULL);
		client_packet(mode, flow, ACK, play_keep, in);
		lab_forget();
	}
}

static void modes_begin(void)
{
	static const struct row modes[] = {
		{"fullnat", "fullnat", CLIENT, VIP ":80", SERVER ":80", LOCAL, 0, false},
		{"tunnel", "tunnel", CLIENT, VIP ":81", SERVER ":81", NULL, 0, false},
		{"dr", "dr", CLIENT, VIP ":82", SERVER_B ":82", NULL, 0, false},
		{"nat64", "fullnat", CLIENT6, "[" VIP6 "]:83", SERVER ":83", LOCAL, 0, true},
		{"nat46", "fullnat", CLIENT, VIP ":84", "[" SERVER6 "]:84", LOCAL6, 0, true},
		{"fullnat6", "fullnat", CLIENT6, "[" VIP6 "]:85", "[" SERVER6 "]:85", LOCAL6, 0,
		 true},
		{"vpc", "fullnat", NULL, ZONE_IP ":86", SERVER ":86", LOCAL, ZONE, false},
	};

	bench.flows = turns_argument(0);
	bench.vms = turns_argument(1);
	lab_resize(1, 4 * bench.flows + 100, 4 * bench.flows + 100, 0);
	fake_neighbour(20, SERVERS, 9, SERVER_B);
	for (unsigned int i = 0; i < RTE_DIM(modes); i++) {
		if (modes[i].vni)
			vpc_begin();
		mode_begin(&modes[i]);
	}
}

int main(int argc, char **argv)
{
	return turns_main(argc, argv, " FLOWS VMS", 2, modes_begin);
}
