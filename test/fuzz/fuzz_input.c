/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Whole frames through the packet path, a few in a batch, with a connection of each family known.
 * An input is a list of records: what to do, where to split the frame, its length (two bytes, high
 * first), and the frame. Checksums can be mended, so that what is behind them is reached too.
 */
#include <stdlib.h>
#include <string.h>

#include "base/csum.h"
#include "fuzz.h"
#include "bfd/table.h"
#include "io/pool.h"
#include "lab.h"
#include "lab_parts.h"
#include "path/bfd.h"
#include "tunnel/vxlan.h"

enum {
	DO_SERVERS = 1 << 0, // by the servers' interface
	DO_KERNEL = 1 << 1,
	DO_HANDED = 1 << 2,
	DO_SPLIT = 1 << 3,
	DO_MEND = 1 << 4,
	DO_RUN = 1 << 5,    // the batch ends here
	DO_WAIT = 1 << 6,   // and time passes
	DO_TUNNEL = 1 << 7, // the frame is a VM's, in a VXLAN packet of its host
	VNI = 96,
	OUTER = 50,
	FRAME_MAX = 1900,
	FIRST_PORT = 2000, // local ports are chosen from here on
};

static bool kernel_sends; // then what is sent need not be well-formed

static void mend_icmp(uint8_t *l4, unsigned int length, uint64_t pseudo)
{
	uint16_t sum;

	if (length < 8)
		return;
	memset(l4 + 2, 0, 2);
	sum = ~csum_fold(pseudo + csum_bytes(l4, length));
	memcpy(l4 + 2, &sum, 2);
}

static void mend(uint8_t *frame, unsigned int length)
{
	uint8_t *l3 = frame + 14;
	unsigned int header = (l3[0] & 0xf) * 4, total = l3[2] << 8 | l3[3];
	uint16_t sum;

	if (length < 14 + 40)
		return;
	if (frame[12] == 0x86 && l3[6] == IPPROTO_ICMPV6) {
		total = RTE_MIN(length - 54, (unsigned int)(l3[4] << 8 | l3[5]));
		mend_icmp(l3 + 40, total, csum_pseudo6(l3 + 8, IPPROTO_ICMPV6, total));
	}
	if (frame[12] != 0x08 || header < 20 || 14 + header > length)
		return;
	memset(l3 + 10, 0, 2);
	sum = ~csum_fold(csum_bytes(l3, header));
	memcpy(l3 + 10, &sum, 2);
	total = RTE_MIN(total, length - 14);
	if (l3[9] == IPPROTO_ICMP && total > header)
		mend_icmp(l3 + header, total - header, 0);
}

/* Put the outer headers before a frame; returns how long it is then. */
static unsigned int wrap(uint8_t *frame, unsigned int length)
{
	const struct packet outer = {.from = "10.1.2.1:50000",
				     .to = "10.1.0.254:4789",
				     .protocol = IPPROTO_UDP,
				     .payload = length + 8,
				     .sum = SUM_ZERO};
	uint8_t whole[PACKET_MAX];
	unsigned int iface;

	lab_frame_in(&outer, whole, &iface);
	memset(whole + 42, 0, 8);
	whole[42] = 8;
	whole[48] = VNI;
	memmove(frame + OUTER, frame, length);
	memcpy(frame, whole, OUTER);
	return length + OUTER;
}

static void vpc_begin(void)
{
	static const char *const addresses[] = {CLIENT, CLIENT6};
	struct vxlan_settings settings = {.address_count = 1, .port = TUNNEL_VXLAN_PORT};
	struct vm_row row = {.vni = VNI, .mac = {2}};

	addr_parse("10.1.0.254", &settings.addresses[0]);
	vxlan_configure(&settings);
	addr_parse("10.1.2.1", &row.host);
	for (unsigned int i = 0; i < 2; i++) {
		addr_parse(addresses[i], &row.addr);
		vm_upsert(&row, 1, 0);
	}
	for (unsigned int udp = 0; udp < 2; udp++) {
		uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;

		service(.vni = VNI, .vip = VIP ":80", .protocol = protocol);
		service(.vni = VNI, .vip = "[" VIP6 "]:80", .protocol = protocol);
	}
}

/* Sessions of all kinds; a peer's discriminators can be guessed. */
static void bfd_begin(void)
{
	struct bfd_wanted wanted = {
		.config = {.min_transmit = 100000, .min_receive = 100000, .multiplier = 3},
	};
	static const struct addr any;
	struct bfd_name names[] = {
		{.kind = BFD_SINGLE_HOP},
		{.kind = BFD_MULTIHOP},
		{.kind = BFD_VXLAN},
		{.kind = BFD_VXLAN, .vni = VNI},
	};
	static const char *const peers[] = {CLIENT, CLIENT6, "10.1.2.1", "10.1.2.1"};

	bfd_table_start(1);
	bfd_listen(true);
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t number;

		wanted.config.key.type = i == 1 ? BFD_AUTH_SHA1 : BFD_AUTH_NONE;
		wanted.config.key.id = 1;
		addr_parse(peers[i], &names[i].peer);
		fuzz_assert(bfd_add(&names[i], &any, &wanted, &number) == 0);
		bfd_table[number].discriminator = number;
	}
}

static void put_frame(uint8_t what, uint8_t split, const uint8_t *bytes, unsigned int length)
{
	struct batch *b = &lab.w->batch;
	struct pkt *p = &b->pkt[b->count++];
	unsigned int first = (what & DO_SPLIT) && split < length ? split : length;
	uint8_t frame[FRAME_MAX + 64] = {0};
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool_get(-1));

	memcpy(frame, bytes, length);
	if (what & DO_MEND)
		mend(frame, length);
	if (what & DO_TUNNEL) {
		length = wrap(frame, length);
		first = length;
	}
	memcpy(rte_pktmbuf_append(m, first), frame, first);
	if (first < length) {
		struct rte_mbuf *rest = rte_pktmbuf_alloc(pool_get(-1));

		memcpy(rte_pktmbuf_append(rest, length - first), frame + first, length - first);
		rte_pktmbuf_chain(m, rest);
	}
	p->mbuf = m;
	p->iface = m->port = what & DO_SERVERS ? SERVERS : CLIENTS;
	p->flags = what & DO_KERNEL ? PKT_FROM_KERNEL : what & DO_HANDED ? PKT_HANDED : 0;
	kernel_sends |= (what & DO_KERNEL) != 0;
}

/* What leaves has the lengths that it says and, for IPv4, a good header. */
static void sent_check(const uint8_t *frame, unsigned int length)
{
	const uint8_t *l3 = frame + 14;
	unsigned int header = (l3[0] & 0xf) * 4;

	if (kernel_sends)
		return;
	fuzz_assert(length >= 14 + 20 + 1); // the last fragment may have one byte
	if (frame[12] == 0x86) {
		fuzz_assert(l3[0] >> 4 == 6 && l3[7] > 0);
		fuzz_assert(54u + (l3[4] << 8 | l3[5]) <= length);
		return;
	}
	fuzz_assert(frame[12] == 0x08 && l3[0] >> 4 == 4 && header >= 20 && l3[8] > 0);
	fuzz_assert(14u + (l3[2] << 8 | l3[3]) <= length && 14 + header <= length);
	fuzz_assert(csum_fold(csum_bytes(l3, header)) == 0xffff);
}

static void run_batch(void)
{
	const uint8_t *frame;
	unsigned int length;

	struct bfd_heard heard;

	lab_run();
	lab.w->stats.loops++;
	bfd_run(lab.w, lab.tsc);
	while (bfd_next_heard(&heard))
		;
	lab_check();
	for (unsigned int port = 0; port < 2; port++)
		while ((frame = lab_next_sent(port, &length)))
			sent_check(frame, length);
	lab_forget();
	lab_forget_punted();
}

static const struct tunnel_settings gre = {.type = TUNNEL_GRE, .checksum = TUNNEL_CHECKSUM_FULL};
static const struct tunnel_settings gue = {.type = TUNNEL_GUE, .port = 6080};

static void connections_begin(void)
{
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = VIP ":80");
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80");
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:64", .tcp = SYN);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:64");
	put(.from = CLIENT ":4000", .to = VIP ":46", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = VIP ":46");
	put(.from = CLIENT ":4000", .to = VIP ":47", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = VIP ":47");
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:47", .tcp = SYN);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:47");
	put(.from = CLIENT ":4000", .to = VIP ":80",
	    CHUNKS("\1\0\0\x14"
		   "abcd12341234\0\0\0\1"));
	lab_next_port(FIRST_PORT);
	run_batch();
}

/* What only DPDK's memory points to would be taken for a leak. */
static void services_end(void)
{
	lab_flush();
	lab_withdraw_all();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	lab_start(NULL);
	lab_begin(NULL);
	hash_secret = (struct hash_secret){
		{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93}};
	fake_iface[CLIENTS].repair = true;
	service(.vip = VIP ":80", .mss = 1000, .toa = true);
	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	service(.vip = "[" VIP6 "]:80", .drop_unknown = true, .toa = true);
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_UDP);
	service(.vip = VIP ":80", .protocol = IPPROTO_SCTP);
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_SCTP);
	for (unsigned int udp = 0; udp < 2; udp++) {
		uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;

		service(.vip = "[" VIP6 "]:64", .protocol = protocol, .servers = {SERVER ":80"},
			.locals = {LOCAL_B});
		service(.vip = VIP ":46", .protocol = protocol, .servers = {"[" SERVER6 "]:81"},
			.locals = {LOCAL6});
		service(.vip = VIP ":47", .protocol = protocol, .mode = "tunnel",
			.tunnel = udp ? &gre : NULL,
			.servers = {udp ? "[" SERVER6 "]:47" : SERVER ":47"});
		service(.vip = "[" VIP6 "]:47", .protocol = protocol, .mode = "tunnel",
			.tunnel = udp ? &gue : NULL,
			.servers = {udp ? SERVER ":47" : "[" SERVER6 "]:47"});
	}
	vpc_begin();
	bfd_begin();
	atexit(bfd_table_stop);
	atexit(services_end);
	connections_begin(); // from now on there are pairs whose next port can be set
	lab_flush();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int buffers = rte_mempool_avail_count(pool_get(-1));

	kernel_sends = false;
	lab.tsc += LAB_HZ;
	connections_begin();
	while (size >= 4) {
		unsigned int length = data[2] << 8 | data[3];

		length = RTE_MIN(RTE_MIN(length, size - 4), (unsigned int)FRAME_MAX);
		put_frame(data[0], data[1], data + 4, length);
		if ((data[0] & (DO_RUN | DO_WAIT)) || lab.w->batch.count == BATCH)
			run_batch();
		if (data[0] & DO_WAIT)
			lab_advance(1);
		data += 4 + length;
		size -= 4 + length;
	}
	if (lab.w->batch.count > 0)
		run_batch();
	path_mtu_gather(&lab.w->reports, 0); // and nothing of it stays
	path_mtu_age(PATH_MTU_SECONDS);
	lab_advance(2); // what waits for a neighbour is given up
	lab_flush();
	fuzz_assert(rte_mempool_avail_count(pool_get(-1)) == buffers);
	return 0;
}
