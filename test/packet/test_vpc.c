/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Inside VNIs: VMs behind hosts 10.1.2.1 and up, which reach weir at 10.1.0.254 by VXLAN, and
 * services of each VNI whose real servers are of the underlay.
 */
#include "lab_vpc.h"

#include <string.h>

#include "session/proxy_header.h"

static void vm_connect(uint32_t vni, const char *host, const uint8_t mac[6], const char *server)
{
	vm_put(vni, host, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN, .sequence = 1);
	expect(.from = LOCAL ":*", .to = server, .tcp = SYN, .sequence = 1);
	put(.from = server, .to = LOCAL ":@", .tcp = SYN | ACK, .sequence = 7, .tos = 0x28);
	run();
	vm_expect(vni, host, mac, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = SYN | ACK,
		  .sequence = 7, .tos = 0x28);
	vm_put(vni, host, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = 2);
	expect(.from = LOCAL ":@", .to = server, .tcp = ACK, .sequence = 2);
}

/* Everything is the same in two VNIs but the answers. */
static void test_zones(void **state)
{
	uint16_t first;

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80", .servers = {SERVER ":80"});
	service(.vni = VNI_B, .vip = ZONE_IP ":80", .servers = {SERVER_B ":80"});
	vm_connect(VNI, HOST, mac_a, SERVER ":80");
	first = lab.remembered;
	vm_connect(VNI_B, HOST_B, mac_b, SERVER_B ":80");
	assert_int_equal(lab_sessions(), 2);
	put(.from = SERVER_B ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 10);
	run();
	vm_expect(VNI_B, HOST_B, mac_b, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK,
		  .payload = 10);
	lab.remembered = first;
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 20);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK,
		  .payload = 20);
}

/* The underlay knows nothing of services in a VNI, and a VNI nothing of those outside. */
static void test_apart(void **state)
{
	vpc_begin();
	service(.vip = VIP ":80");
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_put(VNI, HOST, .from = VM ":4000", .to = VIP ":80", .tcp = SYN);
	vm_put(VNI, HOST, .from = VM ":4000", .to = LOCAL ":2000", .tcp = SYN);
	vm_put(VNI, HOST, .from = VM ":4000", .to = SERVER ":80", .tcp = SYN);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":81", .tcp = SYN);
	vm_put(VNI_B, HOST_B, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN);
	expect_drops(vpc_no_service, 5);
	put(.from = CLIENT ":4000", .to = ZONE_IP ":80", .tcp = SYN);
	run();
	expect_drop(not_for_us);
	assert_int_equal(lab_sessions(), 0);
}

static void test_ipv6(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = "[" ZONE_IP6 "]:80");
	vm_put(VNI, HOST6, .from = "[" VM6 "]:4000", .to = "[" ZONE_IP6 "]:80", .tcp = SYN);
	expect(.from = "[" LOCAL6 "]:*", .to = "[" SERVER6 "]:80", .tcp = SYN);
	put(.from = "[" SERVER6 "]:80", .to = "[" LOCAL6 "]:@", .tcp = SYN | ACK);
	run();
	vm_expect(VNI, HOST6, mac_a, .from = "[" ZONE_IP6 "]:80", .to = "[" VM6 "]:4000",
		  .tcp = SYN | ACK);
	put(.from = "[" SERVER6 "]:80", .to = "[" LOCAL6 "]:@", .tcp = ACK, .payload = 1001,
	    .split = 200); // the checksum goes over both segments
	run();
	vm_expect(VNI, HOST6, mac_a, .from = "[" ZONE_IP6 "]:80", .to = "[" VM6 "]:4000",
		  .tcp = ACK, .payload = 1001);
	vm_put(VNI, HOST6, .from = "[" VM6 "]:4000", .to = "[" ZONE_IP6 "]:80", .tcp = ACK,
	       .payload = 7);
	expect(.from = "[" LOCAL6 "]:@", .to = "[" SERVER6 "]:80", .tcp = ACK, .payload = 7);
}

static void test_udp(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":53", .protocol = IPPROTO_UDP,
		.servers = {SERVER ":53"});
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":53", .payload = 9);
	expect(.from = LOCAL ":*", .to = SERVER ":53", .payload = 9);
	put(.from = SERVER ":53", .to = LOCAL ":@", .payload = 1000);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":53", .to = VM ":4000", .payload = 1000);
	// To the port of VXLAN inside a VNI: UDP as any other.
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":4789", .payload = 60);
	expect_drop(vpc_no_service);
}

/* The server in the data centre is told which VM its client is. */
static void test_client_address(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80", .toa = true);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN, .sequence = 1);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .sequence = 1);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK, .sequence = 7,
	    OPTIONS("\2\4\x05\xb4"));
	run();
	// 1,450 bytes fit into a VXLAN packet, but what goes to the server may have 1,500.
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = SYN | ACK,
		  .sequence = 7, OPTIONS("\2\4\x05\x82"));
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = 2,
	       .acknowledgement = 8, .payload = 10);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .sequence = 2,
	       .acknowledgement = 8, .payload = 10, OPTIONS("\xfe\x08\x0f\xa0\xac\x10\x19\x1e"));
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = 12,
	       .acknowledgement = 9);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .sequence = 12,
	       .acknowledgement = 9);
	assert_false(lab_session()->flags & SESSION_EXTRA);
}

/* ... by PROXY protocol also in which VNI, and which address it has asked there. */
static void test_proxy_protocol(void **state)
{
#define HEADER                                               \
	"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x1a\xac\x10\x19\x1e" \
	"\xac\x10\x19\x0d\x0f\xa0\0\x50\xe0\0\4\0\0\0\x60\xe1\0\4\xac\x10\x19\x0d"
	const unsigned int length = sizeof(HEADER) - 1;

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80", .proxy = PROXY_V2);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN, .sequence = 1000);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .sequence = 1000 - length);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK, .sequence = 7,
	    .acknowledgement = 1001 - length);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = SYN | ACK,
		  .sequence = 7, .acknowledgement = 1001, .window = 512 - length);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = 1001,
	       .acknowledgement = 8, .payload = 10);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK | PSH, .sequence = 1001 - length,
	       .acknowledgement = 8, BEFORE(HEADER));
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .sequence = 1001,
	       .acknowledgement = 8, .payload = 10);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .acknowledgement = 1011);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK,
		  .acknowledgement = 1011);
	assert_false(lab_session()->flags & SESSION_EXTRA);
}

/* The VM goes to another host: its session goes along at once. */
static void test_move(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_connect(VNI, HOST, mac_a, SERVER ":80");
	vm_add(VNI, VM, mac_a, HOST_B);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 10);
	run();
	vm_expect(VNI, HOST_B, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK,
		  .payload = 10);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK);
	expect_drop(vpc_wrong_host);
	vm_put(VNI, HOST_B, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK);
}

/* A VM that is removed: nothing more in either direction, and its session ends by itself. */
static void test_removal(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_connect(VNI, HOST, mac_a, SERVER ":80");
	vm_drop(VNI, VM);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 10);
	run();
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK);
	vm_put(VNI, HOST, .from = VM ":4001", .to = ZONE_IP ":80", .tcp = SYN);
	expect_drops(vpc_unknown_vm, 3);
	lab_advance(2);
	assert_int_equal(lab_sessions(), 0);
}

static void test_wrong_host(void **state)
{
	const struct vni_settings trusted = {.trusted = true};

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_put(VNI, HOST_B, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN);
	vm_put(VNI, HOST6, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN);
	expect_drops(vpc_wrong_host, 2);
	vni_set(VNI, &trusted);
	vm_put(VNI, HOST_B, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	vni_set(VNI, NULL);
}

/* A VXLAN packet with something wrong, `outer` over the right one. */
#define odd(...)                                                                                   \
	({                                                                                         \
		const struct packet inner = {.from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN}; \
		put(.from = HOST ":50000", .to = VTEP ":4789", .protocol = IPPROTO_UDP,            \
		    .vni = VNI, .inner = &inner, .sum = SUM_ZERO, ##__VA_ARGS__);                  \
		run();                                                                             \
	})

static void test_malformed(void **state)
{
	struct packet syn = {.from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN};
	struct packet vlan = syn, shorter = syn, fragment = syn, cut = {RAW("")};

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	odd(.vxlan_flags = 0x80);
	odd(.vxlan_flags = 0xf7);
	expect_drops(tunnel_header, 2);
	odd(.vni = VNI + 1);
	odd(.vni = 0xffffff);
	expect_drops(vxlan_unknown_vni, 2);
	vlan.vlan = 7;
	odd(.inner = &vlan);
	expect_drop(vxlan_inner_vlan);
	shorter.ip_length = 41;
	odd(.inner = &shorter);
	odd(.inner = &shorter, .pad = 6); // padding of the frame is not the VM's
	shorter.ip_length = 0;
	shorter.cut = 25; // 15 bytes of an IP header
	odd(.inner = &shorter);
	expect_drops(vxlan_inner_truncated, 3);
	fragment.fragment = 0x2000;
	odd(.inner = &fragment);
	expect_drop(vxlan_inner_fragment);
	cut.cut = 1;
	odd(.inner = &cut);
	expect_drop(tunnel_short);
	odd(OPTIONS4("\x01\x01\x01\x01"));
	expect_drop(vxlan_outer);
	odd(.inner = &(struct packet){.from = VM_B ":4000", .to = ZONE_IP ":80", .tcp = SYN});
	expect_drop(vpc_unknown_vm);
	odd(.to = LOCAL ":4789"); // not where VXLAN arrives
	expect_drop(local_no_session);
	odd(.pad = 6);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
}

/* A VM with RST, an ACK out of nowhere: answered inside its VNI. */
static void test_reset(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK,
	       .acknowledgement = 99);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = RST,
		  .sequence = 99, .ttl = 64, .may_fragment = true, .no_window = true);
	expect_drop(tcp_reset_sent);
}

static void test_too_big(void **state)
{
	const unsigned int fits = 1500 - OUTER - 40;
	const struct vni_settings narrow = {.mtu = 1400};

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_connect(VNI, HOST, mac_a, SERVER ":80");
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = fits);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK,
		  .payload = fits);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = fits + 1);
	run();
	expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 4, .rest = 1450, .ttl = 64,
	       .may_fragment = true, .quoted = 548,
	       .quote = &(struct packet){.from = SERVER ":80",
					 .to = LOCAL,
					 .to_port = lab.remembered,
					 .tcp = ACK,
					 .payload = fits + 1});
	expect_drop(too_big);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = fits + 1,
	    .may_fragment = true);
	run();
	expect_drop(needs_fragmentation);
	// The settings of the VNI say less than the way.
	vni_set(VNI, &narrow);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 1361);
	run();
	expect_drop(too_big);
	lab_forget();
	vni_set(VNI, NULL);
	// From the VM to a server behind a narrow link: the answer is inside the VNI.
	nexthop_table[SERVER_NEXTHOP].mtu = 1300;
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .payload = 1261);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP, .to = VM, .icmp = 3, .code = 4, .rest = 1300,
		  .ttl = 64, .may_fragment = true, .quoted = 548,
		  .quote = &(struct packet){
			  .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .payload = 1261});
	expect_drop(too_big);
	nexthop_table[SERVER_NEXTHOP].mtu = 1500;
}

/* A router on the way to a host takes less: the sender of the next large packet is told. */
static void test_path_mtu(void **state)
{
	const struct packet outer = {.from = VTEP ":50000",
				     .to = HOST ":4789",
				     .payload = 1472,
				     .protocol = IPPROTO_UDP};
	const unsigned int fits = 1400 - OUTER - 40;

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_connect(VNI, HOST, mac_a, SERVER ":80");
	put(.from = "10.1.9.9", .to = VTEP, .icmp = 3, .code = 4, .rest = 1400, .quote = &outer);
	run();
	expect_drop(tunnel_error);
	path_mtu_gather(&lab.w->reports, 1000);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = fits);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK,
		  .payload = fits);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = fits + 1);
	run();
	expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 4, .rest = 1350, .ttl = 64,
	       .may_fragment = true, .quoted = 548,
	       .quote = &(struct packet){.from = SERVER ":80",
					 .to = LOCAL,
					 .to_port = lab.remembered,
					 .tcp = ACK,
					 .payload = fits + 1});
	expect_drop(too_big);
	path_mtu_age(1000 + PATH_MTU_SECONDS); // a larger one is tried again
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = fits + 1);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK,
		  .payload = fits + 1);
}

static void test_time_to_live(void **state)
{
	const struct packet last = {.from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .ttl = 1};

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_connect(VNI, HOST, mac_a, SERVER ":80");
	vm_put(VNI, HOST, .from = last.from, .to = last.to, .tcp = ACK, .ttl = 1);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP, .to = VM, .icmp = 11, .ttl = 64,
		  .may_fragment = true, .quote = &last);
	expect_drop(ttl_exceeded);
}

static void test_mss(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	service(.vni = VNI, .vip = "[" ZONE_IP6 "]:80");
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN,
	       OPTIONS("\x02\x04\x05\xb4"));
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, OPTIONS("\x02\x04\x05\x82"));
	vm_put(VNI, HOST6, .from = "[" VM6 "]:4000", .to = "[" ZONE_IP6 "]:80", .tcp = SYN,
	       OPTIONS("\x02\x04\x05\xa0"));
	expect(.from = "[" LOCAL6 "]:*", .to = "[" SERVER6 "]:80", .tcp = SYN,
	       OPTIONS("\x02\x04\x05\x5a"));
}

/* An ICMP error of a router on the underlay goes to the VM; one of the VM's goes to the server. */
static void test_icmp_errors(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_connect(VNI, HOST, mac_a, SERVER ":80");
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .code = 4, .rest = 1300,
	    .quote = &(struct packet){.from = LOCAL,
				      .from_port = lab.remembered,
				      .to = SERVER ":80",
				      .tcp = ACK,
				      .payload = 100,
				      .ttl = 60});
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP, .to = VM, .icmp = 3, .code = 4, .rest = 1300,
		  .quote = &(struct packet){.from = VM ":4000",
					    .to = ZONE_IP ":80",
					    .tcp = ACK,
					    .payload = 100,
					    .ttl = 60});
	vm_put(VNI, HOST, .from = VM, .to = ZONE_IP, .icmp = 3, .code = 3,
	       .quote = &(struct packet){
		       .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK, .ttl = 60});
	expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 3,
	       .quote = &(struct packet){.from = SERVER ":80",
					 .to = LOCAL,
					 .to_port = lab.remembered,
					 .tcp = ACK,
					 .ttl = 60});
	// About a session of another VNI it says nothing.
	vm_put(VNI_B, HOST_B, .from = VM, .to = ZONE_IP, .icmp = 3, .code = 3,
	       .quote = &(struct packet){
		       .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK, .ttl = 60});
	expect_drop(icmp_error_no_session);
}

#define ARP(operation, sender, target_mac, target) \
	.type = 0x0806, RAW("\x00\x01\x08\x00\x06\x04\x00" operation sender target_mac target)
#define MAC_A_BYTES "\xfa\x16\x3f\x5d\x6c\x08"
#define OURS_BYTES  "\x02\x77\x65\x69\x72\x01"
#define VM_BYTES    "\xac\x10\x19\x1e"
#define ZONE_BYTES  "\xac\x10\x19\x0d"
#define NO_MAC	    "\0\0\0\0\0\0"

static void test_arp(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	vm_put(VNI, HOST, ARP("\x01", MAC_A_BYTES VM_BYTES, NO_MAC, ZONE_BYTES));
	vm_expect(VNI, HOST, mac_a, ARP("\x02", OURS_BYTES ZONE_BYTES, MAC_A_BYTES, VM_BYTES));
	vm_put(VNI, HOST_B, ARP("\x01", MAC_A_BYTES VM_BYTES, NO_MAC, ZONE_BYTES));
	expect_drop(vpc_wrong_host);
	vm_put(VNI_B, HOST_B, ARP("\x01", MAC_A_BYTES VM_BYTES, NO_MAC, ZONE_BYTES));
	vm_put(VNI, HOST, ARP("\x01", MAC_A_BYTES VM_BYTES, NO_MAC, VM_BYTES));
	vm_put(VNI, HOST, ARP("\x02", MAC_A_BYTES VM_BYTES, NO_MAC, ZONE_BYTES));
	vm_put(VNI, HOST, .type = 0x88cc, RAW("LLDP"));
	expect_drops(vpc_no_service, 4);
	vm_put(VNI, HOST, .type = 0x0806, RAW("\x00\x01\x08\x00\x06\x04\x00"));
	expect_drop(vxlan_inner_truncated);
}

static void test_ping(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	service(.vni = VNI, .vip = "[" ZONE_IP6 "]:80");
	vm_put(VNI, HOST, .from = VM, .to = ZONE_IP, .icmp = 8, .rest = 0x12340001, .payload = 56);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP, .to = VM, .icmp = 0, .protocol = IPPROTO_ICMP,
		  .rest = 0x12340001, .payload = 56, .ttl = 64);
	vm_put(VNI, HOST6, .from = VM6, .to = ZONE_IP6, .icmp = 128, .rest = 0x12340001,
	       .payload = 56);
	vm_expect(VNI, HOST6, mac_a, .from = ZONE_IP6, .to = VM6, .icmp = 129, .rest = 0x12340001,
		  .payload = 56, .ttl = 64);
	vm_put(VNI, HOST, .from = VM, .to = VIP, .icmp = 8, .payload = 56);
	vm_put(VNI_B, HOST_B, .from = VM, .to = ZONE_IP, .icmp = 8, .payload = 56);
	expect_drops(vpc_no_service, 2);
}

/* RFC 4861: asked at the address's multicast group. */
static void test_neighbour_discovery(void **state)
{
	static const char target[] = "\x20\x01\x0d\xb8\x00\x01\0\0\0\0\0\0\0\0\0\x13";
	struct packet solicitation = {
		.from = VM6, .to = "ff02::1:ff00:13", .icmp = 135, .payload = 24, .ttl = 255};
	struct packet outer = tunnel_in(VNI, HOST6, &solicitation);
	uint8_t frame[PACKET_MAX], *icmp = frame + 14 + 40 + 30 + 40;
	unsigned int length;
	const uint8_t *got;
	struct rte_mbuf *m;
	struct addr from, to;
	uint16_t port, sum;

	vpc_begin();
	service(.vni = VNI, .vip = "[" ZONE_IP6 "]:80");
	packet_end(VM6, 0, &from, &port);
	packet_end("ff02::1:ff00:13", 0, &to, &port);
	m = lab_packet(&outer);
	memcpy(frame, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_data_len(m));
	memcpy(icmp + 8, target, 16);
	memcpy(icmp + 24, "\x01\x01" MAC_A_BYTES, 8);
	memset(icmp + 2, 0, 2);
	sum = packet_checksum(icmp, 32, packet_pseudo(&from, &to, IPPROTO_ICMPV6, 32));
	icmp[2] = sum >> 8;
	icmp[3] = sum;
	memcpy(rte_pktmbuf_mtod(m, void *), frame, rte_pktmbuf_data_len(m));
	lab.w->batch.pkt[0].mbuf = m;
	lab.w->batch.pkt[0].iface = m->port;
	lab.w->batch.pkt[0].flags = 0;
	lab.w->batch.count = 1;
	run();
	got = lab_next_sent(0, &length);
	assert_non_null(got);
	assert_int_equal(length, 14 + 40 + 30 + 40 + 32);
	got += 14 + 40 + 30;
	packet_end(ZONE_IP6, 0, &to, &port);
	assert_memory_equal(got + 8, to.bytes, 16);
	assert_memory_equal(got + 24, from.bytes, 16);
	assert_int_equal(got[7], 255);
	assert_int_equal(
		packet_checksum(got + 40, 32, packet_pseudo(&to, &from, IPPROTO_ICMPV6, 32)), 0);
	assert_memory_equal(got + 40 + 4, "\x60\0\0\0", 4);
	assert_memory_equal(got + 40 + 8, target, 16);
	assert_memory_equal(got + 40 + 24, "\x02\x01" OURS_BYTES, 8);
	// A wrong checksum, and somebody else's address.
	lab_put(&outer);
	run();
	expect_drop(vpc_no_service);
}

/* The owner is a function of the VM's tuple, wherever the VXLAN packet has come in. */
static void test_owner(void **state)
{
	bool seen[LAB_WORKERS] = {false};

	lab_resize(LAB_WORKERS, 0, 0, 0);
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	for (unsigned int i = 0; i < 16; i++) {
		const struct packet inner = {
			.from = VM, .from_port = 4000 + i, .to = ZONE_IP ":80", .tcp = SYN};
		struct packet outer = tunnel_in(VNI, HOST, &inner);
		unsigned int owner;

		lab.w = &lab.worker[0];
		lab_put(&outer);
		run();
		owner = lab_peek_sent(1, &(unsigned int){0}) ? 0 : 1;
		if (owner == 1)
			lab_take_over(1);
		seen[owner] = true;
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	}
	assert_true(seen[0] && seen[1]);
	assert_int_equal(lab_sessions(), 16);
}

/* The data centre is a VLAN: tags on its side, VXLAN on the other. */
static void test_vlan(void **state)
{
	enum { DC = 3, DC_NEXTHOP = 40 };

	vpc_begin();
	fake_vlan(DC, "dpdk1.200", SERVERS, 0x8100, 200);
	fake_nexthop(DC_NEXTHOP, DC, DC, 1500);
	fake_route("192.168.0.0/16", DC_NEXTHOP, 0);
	service(.vni = VNI, .vip = ZONE_IP ":80", .iface = DC);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .vlan = 200, .iface = DC);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK, .vlan = 200, .iface = DC);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = SYN | ACK);
}

/* Fragments that a server sends are cut no further, but go through. */
static void test_fragments_from_server(void **state)
{
	unsigned int length;
	const uint8_t *frame;

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":53", .protocol = IPPROTO_UDP,
		.servers = {SERVER ":53"});
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":53", .payload = 9);
	expect(.from = LOCAL ":*", .to = SERVER ":53", .payload = 9);
	put(.from = SERVER ":53", .to = LOCAL ":@", .payload = 800, .fragment = 0x2000, .id = 7);
	run();
	frame = lab_peek_sent(0, &length); // all that comes from the VIP has ids of weir's
	assert_non_null(frame);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":53", .to = VM ":4000", .payload = 800,
		  .fragment = 0x2000, .id = frame[68] << 8 | frame[69]);
}

/* Ports of a service in a VNI: any, a range; marks of the underlay mean nothing there. */
static void test_ports(void **state)
{
	struct lab_service any = {.vni = VNI, .vip = ZONE_IP ":0", .servers = {SERVER ":0"}};
	struct lab_service range = {
		.vni = VNI, .vip = ZONE_IP ":8000", .port_end = 8010, .servers = {SERVER_B ":90"}};

	vpc_begin();
	lab_service(&any);
	lab_service(&range);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":81", .tcp = SYN);
	expect(.from = LOCAL ":*", .to = SERVER ":81", .tcp = SYN);
	put(.from = SERVER ":81", .to = LOCAL ":@", .tcp = SYN | ACK);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":81", .to = VM ":4000", .tcp = SYN | ACK);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":8010", .tcp = SYN);
	expect(.from = LOCAL ":*", .to = SERVER_B ":90", .tcp = SYN);
	vm_put(VNI_B, HOST_B, .from = VM ":4000", .to = ZONE_IP ":8010", .tcp = SYN);
	expect_drop(vpc_no_service);
}

/* The server was removed: both ends are told, the VM in its VNI. */
static void test_server_gone(void **state)
{
	struct lab_service spec = {.vni = VNI,
				   .vip = ZONE_IP ":80",
				   .servers = {SERVER ":80"},
				   .removed = REMOVED_RESET};

	vpc_begin();
	lab_service(&spec);
	vm_connect(VNI, HOST, mac_a, SERVER ":80");
	spec.servers[0] = SERVER_B ":80";
	lab_service(&spec);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .sequence = 500,
	    .acknowledgement = 900);
	run();
	expect_drop(tcp_reset_sent);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = RST, .sequence = 900, .ttl = 64,
	       .may_fragment = true, .no_window = true);
	output_parked(lab.w, lab.tsc + LAB_HZ);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = RST,
		  .sequence = 500, .ttl = 64, .may_fragment = true, .no_window = true);
	assert_int_equal(lab_sessions(), 0);
	vm_connect(VNI, HOST, mac_a, SERVER_B ":80");
	spec.servers[0] = SERVER ":80";
	lab_service(&spec);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = 1000,
	       .acknowledgement = 77);
	expect_drop(tcp_reset_sent);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = RST,
		  .sequence = 77, .ttl = 64, .may_fragment = true, .no_window = true);
	output_parked(lab.w, lab.tsc + 2 * LAB_HZ);
	expect(.from = LOCAL ":@", .to = SERVER_B ":80", .tcp = RST, .sequence = 1000, .ttl = 64,
	       .may_fragment = true, .no_window = true);
	assert_int_equal(lab_sessions(), 0);
}

/* ... or the VM's next packet chooses again. */
static void test_reschedule(void **state)
{
	struct lab_service spec = {.vni = VNI,
				   .vip = ZONE_IP ":53",
				   .protocol = IPPROTO_UDP,
				   .servers = {SERVER ":53"},
				   .removed = REMOVED_RESCHEDULE};

	vpc_begin();
	lab_service(&spec);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":53");
	expect(.from = LOCAL ":*", .to = SERVER ":53");
	spec.servers[0] = SERVER_B ":53";
	lab_service(&spec);
	put(.from = SERVER ":53", .to = LOCAL ":@");
	run();
	expect_drop(server_gone);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":53");
	expect(.from = LOCAL ":*", .to = SERVER_B ":53");
	put(.from = SERVER_B ":53", .to = LOCAL ":@");
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":53", .to = VM ":4000");
	assert_int_equal(lab_sessions(), 1);
}

static void test_one_packet(void **state)
{
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":53", .protocol = IPPROTO_UDP, .one_packet = true,
		.servers = {SERVER ":53"});
	for (unsigned int i = 0; i < 2; i++) {
		vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":53");
		expect(.from = LOCAL ":*", .to = SERVER ":53");
	}
	assert_int_equal(lab_sessions(), 2);
	put(.from = SERVER ":53", .to = LOCAL ":@");
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":53", .to = VM ":4000");
	assert_int_equal(lab_sessions(), 1);
}

/* The server that the packet which is out now is for. */
static const char *persistent_server(void)
{
	unsigned int length;
	const uint8_t *frame = lab_peek_sent(1, &length);
	struct addr addr;
	uint16_t port;

	assert_non_null(frame);
	packet_end(SERVER, 0, &addr, &port);
	return memcmp(frame + 30, addr.bytes, 4) == 0 ? SERVER ":80" : SERVER_B ":80";
}

/* Workers ask each other for the home of a template, with the packet in its VXLAN packet. */
static void test_persistence(void **state)
{
	const char *first = NULL;

	lab_resize(LAB_WORKERS, 0, 0, 0);
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80", .servers = {SERVER ":80", SERVER_B ":80"},
		.persistent = 100);
	for (unsigned int i = 0; i < 16; i++) {
		const struct packet inner = {
			.from = VM, .from_port = 4000 + i, .to = ZONE_IP ":80", .tcp = SYN};
		struct packet outer = tunnel_in(VNI, HOST, &inner);
		const char *server;

		lab.w = &lab.worker[0];
		lab_put(&outer);
		run();
		for (unsigned int hop = 1; hop <= 4 && !lab_peek_sent(1, &(unsigned int){0}); hop++)
			lab_take_over(hop % LAB_WORKERS);
		server = persistent_server();
		if (!first)
			first = server;
		assert_string_equal(server, first);
		expect(.from = LOCAL ":*", .to = server, .tcp = SYN);
	}
	assert_int_equal(lab_sessions(), 16);
}

/* What routers marked outside is marked inside, or the packet is dropped (RFC 6040). */
static void test_congestion(void **state)
{
	struct packet marked = {.from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN, .tos = 0x28};

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80");
	odd(.inner = &marked, .tos = 3);
	expect_drop(tunnel_congestion);
	marked.tos = 0x2a;
	odd(.inner = &marked, .tos = 3);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .tos = 0x2b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_zones),	       lab_test(test_apart),
		lab_test(test_ipv6),	       lab_test(test_udp),
		lab_test(test_client_address), lab_test(test_proxy_protocol),
		lab_test(test_move),	       lab_test(test_removal),
		lab_test(test_wrong_host),     lab_test(test_malformed),
		lab_test(test_reset),	       lab_test(test_too_big),
		lab_test(test_time_to_live),   lab_test(test_mss),
		lab_test(test_icmp_errors),    lab_test(test_arp),
		lab_test(test_ping),	       lab_test(test_neighbour_discovery),
		lab_test(test_owner),	       lab_test(test_fragments_from_server),
		lab_test(test_vlan),	       lab_test(test_ports),
		lab_test(test_server_gone),    lab_test(test_reschedule),
		lab_test(test_one_packet),     lab_test(test_persistence),
		lab_test(test_congestion),     lab_test(test_path_mtu),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
