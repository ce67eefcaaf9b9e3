/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Real servers in VNIs: clients on the underlay, FullNAT to a VM from a local address of its VNI,
 * in VXLAN packets to the VM's host.
 */
#include "lab_vpc.h"

#include <string.h>

#include "tunnel/vni_local.h"

#define ZONE_LOCAL  "172.16.25.1"
#define ZONE_LOCAL6 "2001:db8:1::aaaa"

enum { PORT_AT4 = 14 + 36 + 14 + 20, PORT_AT6 = 14 + 56 + 14 + 40 }; // of the packet inside

static void locals_set(uint32_t vni, const char *one, const char *other)
{
	struct addr addresses[2];
	unsigned int count = 0;

	if (one)
		assert_int_equal(addr_parse(one, &addresses[count++]), 0);
	if (other)
		assert_int_equal(addr_parse(other, &addresses[count++]), 0);
	assert_int_equal(vni_local_set(vni, addresses, count), 0);
}

static int begin(void **state)
{
	int result = lab_begin(state);

	vpc_begin();
	locals_set(VNI, ZONE_LOCAL, ZONE_LOCAL6);
	locals_set(VNI_B, ZONE_LOCAL, NULL);
	return result;
}

static int end(void **state)
{
	int result = lab_end(state);

	locals_set(VNI, NULL, NULL);
	locals_set(VNI_B, NULL, NULL);
	return result;
}

/* The local port of what is about to leave to a host. */
static void remember_port(unsigned int at)
{
	unsigned int length;
	const uint8_t *frame = lab_peek_sent(0, &length);

	assert_non_null(frame);
	assert_true(length > at + 1);
	lab.remembered = frame[at] << 8 | frame[at + 1];
}

/* A client's packet comes out to the VM's host. */
#define to_vm(vni, host, mac, ...)                                                         \
	({                                                                                 \
		remember_port(PORT_AT4);                                                   \
		vm_expect(vni, host, mac, .from = ZONE_LOCAL, .from_port = lab.remembered, \
			  .to = VM ":80", ##__VA_ARGS__);                                  \
	})
#define from_vm(vni, host, ...)                                                          \
	vm_put(vni, host, .from = VM ":80", .to = ZONE_LOCAL, .to_port = lab.remembered, \
	       ##__VA_ARGS__)

static void connect_vm(const char *vip, uint32_t vni, const char *host, const uint8_t mac[6])
{
	put(.from = CLIENT ":4000", .to = vip, .tcp = SYN, .sequence = 1);
	run();
	to_vm(vni, host, mac, .tcp = SYN, .sequence = 1);
	from_vm(vni, host, .tcp = SYN | ACK, .sequence = 7);
	expect(.iface = CLIENTS, .from = vip, .to = CLIENT ":4000", .tcp = SYN | ACK,
	       .sequence = 7);
	put(.from = CLIENT ":4000", .to = vip, .tcp = ACK, .sequence = 2);
	run();
	to_vm(vni, host, mac, .tcp = ACK, .sequence = 2);
}

/* The same VM address, port and local address in two VNIs. */
static void test_zones(void **state)
{
	uint16_t first;

	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"});
	service(.vip = VIP ":81", .server_vni = VNI_B, .servers = {VM ":80"});
	connect_vm(VIP ":80", VNI, HOST, mac_a);
	first = lab.remembered;
	connect_vm(VIP ":81", VNI_B, HOST_B, mac_b);
	assert_int_equal(lab_sessions(), 2);
	from_vm(VNI_B, HOST_B, .tcp = ACK, .payload = 20);
	expect(.iface = CLIENTS, .from = VIP ":81", .to = CLIENT ":4000", .tcp = ACK,
	       .payload = 20);
	if (first != lab.remembered) { // chosen from each VNI's own, by chance the same
		from_vm(VNI, HOST, .tcp = ACK);
		expect_drop(vpc_no_service);
	}
	lab.remembered = first;
	from_vm(VNI, HOST, .tcp = ACK, .payload = 10);
	expect(.iface = CLIENTS, .from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK,
	       .payload = 10);
	// From the other VM's host: not this VM.
	from_vm(VNI, HOST_B, .tcp = ACK);
	expect_drop(vpc_wrong_host);
	// As if on the underlay.
	put(.iface = SERVERS, .from = VM ":80", .to = ZONE_LOCAL, .to_port = first, .tcp = ACK);
	run();
	expect_drop(not_for_us);
}

static void test_udp(void **state)
{
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP, .server_vni = VNI,
		.servers = {VM ":80"});
	put(.from = CLIENT ":4000", .to = VIP ":53", .payload = 9);
	run();
	to_vm(VNI, HOST, mac_a, .payload = 9);
	from_vm(VNI, HOST, .payload = 1000);
	expect(.iface = CLIENTS, .from = VIP ":53", .to = CLIENT ":4000", .payload = 1000);
}

static void test_ipv6(void **state)
{
	service(.vip = "[" VIP6 "]:80", .server_vni = VNI, .servers = {"[" VM6 "]:80"});
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	run();
	remember_port(PORT_AT6);
	vm_expect(VNI, HOST6, mac_a, .from = ZONE_LOCAL6, .from_port = lab.remembered,
		  .to = "[" VM6 "]:80", .tcp = SYN);
	vm_put(VNI, HOST6, .from = "[" VM6 "]:80", .to = ZONE_LOCAL6, .to_port = lab.remembered,
	       .tcp = SYN | ACK);
	expect(.iface = CLIENTS, .from = "[" VIP6 "]:80", .to = "[" CLIENT6 "]:4000",
	       .tcp = SYN | ACK);
}

/* The VM goes elsewhere, goes away, and comes back: its session goes along. */
static void test_move(void **state)
{
	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"});
	connect_vm(VIP ":80", VNI, HOST, mac_a);
	vm_add(VNI, VM, mac_b, HOST_B);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 5);
	run();
	to_vm(VNI, HOST_B, mac_b, .tcp = ACK, .payload = 5);
	from_vm(VNI, HOST_B, .tcp = ACK);
	expect(.iface = CLIENTS, .from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK);
	vm_drop(VNI, VM);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	from_vm(VNI, HOST_B, .tcp = ACK);
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drops(vpc_unknown_vm, 3);
	lab_advance(2);
	vm_add(VNI, VM, mac_a, HOST);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 6);
	run();
	to_vm(VNI, HOST, mac_a, .tcp = ACK, .payload = 6);
}

static void test_no_local_address(void **state)
{
	locals_set(VNI, NULL, ZONE_LOCAL6);
	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"});
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drop(no_local_address);
	assert_int_equal(lab_sessions(), 0);
}

/* Routes change: answers find the new way to the client. */
static void test_client_route(void **state)
{
	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"});
	connect_vm(VIP ":80", VNI, HOST, mac_a);
	fake_route(CLIENT "/32", SERVER_NEXTHOP, 0);
	fake_routes_changed();
	from_vm(VNI, HOST, .tcp = ACK);
	expect(.iface = SERVERS, .from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK);
}

static void test_sizes(void **state)
{
	const unsigned int fits = 1500 - OUTER - 40;

	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"});
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, OPTIONS("\x02\x04\x05\xb4"));
	run();
	to_vm(VNI, HOST, mac_a, .tcp = SYN, OPTIONS("\x02\x04\x05\x82"));
	from_vm(VNI, HOST, .tcp = SYN | ACK, OPTIONS("\x02\x04\x05\xb4"));
	expect(.iface = CLIENTS, .from = VIP ":80", .to = CLIENT ":4000", .tcp = SYN | ACK,
	       OPTIONS("\x02\x04\x05\x82"));
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = fits);
	run();
	to_vm(VNI, HOST, mac_a, .tcp = ACK, .payload = fits);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = fits + 1);
	run();
	expect(.iface = CLIENTS, .from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1450,
	       .ttl = 64, .may_fragment = true, .quoted = 548,
	       .quote = &(struct packet){
		       .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = fits + 1});
	expect_drop(too_big);
}

/* Errors of the VM's side go to the client, and those of the client's side to the VM. */
static void test_icmp_errors(void **state)
{
	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"});
	connect_vm(VIP ":80", VNI, HOST, mac_a);
	vm_put(VNI, HOST, .from = VM, .to = ZONE_LOCAL, .icmp = 3, .code = 3,
	       .quote = &(struct packet){.from = ZONE_LOCAL,
					 .from_port = lab.remembered,
					 .to = VM ":80",
					 .tcp = ACK,
					 .ttl = 60});
	expect(.iface = CLIENTS, .from = VIP, .to = CLIENT, .icmp = 3, .code = 3,
	       .quote = &(struct packet){
		       .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .ttl = 60});
	put(.from = "10.1.9.9", .to = VIP, .icmp = 3, .code = 4, .rest = 1300,
	    .quote = &(struct packet){.from = VIP ":80",
				      .to = CLIENT ":4000",
				      .tcp = ACK,
				      .payload = 100,
				      .ttl = 60});
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_LOCAL, .to = VM, .icmp = 3, .code = 4,
		  .rest = 1300,
		  .quote = &(struct packet){.from = VM ":80",
					    .to = ZONE_LOCAL,
					    .to_port = lab.remembered,
					    .tcp = ACK,
					    .payload = 100,
					    .ttl = 60});
}

/* An answer belongs to the worker that has chosen the local port, wherever it comes in. */
static void test_owner(void **state)
{
	lab_resize(LAB_WORKERS, 0, 0, 0);
	vpc_begin();
	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"});
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int owner;

		lab.w = &lab.worker[0];
		put(.from = CLIENT, .from_port = 4000 + i, .to = VIP ":80", .tcp = SYN);
		run();
		owner = lab_peek_sent(0, &(unsigned int){0}) ? 0 : 1;
		if (owner == 1)
			lab_take_over(1);
		lab.w = &lab.worker[owner];
		to_vm(VNI, HOST, mac_a, .tcp = SYN);
		lab.w = &lab.worker[owner ^ 1];
		from_vm(VNI, HOST, .tcp = SYN | ACK);
		assert_null(lab_peek_sent(0, &(unsigned int){0}));
		lab_take_over(owner);
		expect(.iface = CLIENTS, .from = VIP ":80", .to = CLIENT, .to_port = 4000 + i,
		       .tcp = SYN | ACK);
	}
	assert_int_equal(lab_sessions(), 8);
}

/* The server is taken away: both ends are told, the VM in its VNI. */
static void test_server_gone(void **state)
{
	struct lab_service spec = {.vip = VIP ":80",
				   .server_vni = VNI,
				   .servers = {VM ":80"},
				   .removed = REMOVED_RESET};

	vm_add(VNI, VM_B, mac_b, HOST_B);
	lab_service(&spec);
	connect_vm(VIP ":80", VNI, HOST, mac_a);
	spec.servers[0] = VM_B ":80";
	lab_service(&spec);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = 1000,
	    .acknowledgement = 77);
	run();
	expect_drop(tcp_reset_sent);
	expect(.iface = CLIENTS, .from = VIP ":80", .to = CLIENT ":4000", .tcp = RST,
	       .sequence = 77, .ttl = 64, .may_fragment = true, .no_window = true);
	output_parked(lab.w, lab.tsc + LAB_HZ);
	to_vm(VNI, HOST, mac_a, .tcp = RST, .sequence = 1000, .ttl = 64, .may_fragment = true,
	      .no_window = true);
	assert_int_equal(lab_sessions(), 0);
}

#define WAN	"192.168.100.50"
#define OUTSIDE "192.168.9.9"

/* Out of a VNI by a WAN address, and only where a match says so; VMs of two VNIs share the address. */
static void test_snat(void **state)
{
	fake_route(WAN "/32", NEXTHOP_LOCAL, 0);
	service(.vip = "from=172.16.25.0/24,vni=96", .servers = {WAN ":0"});
	vm_put(VNI, HOST, .from = VM ":4000", .to = OUTSIDE ":80", .tcp = SYN);
	expect(.from = WAN ":*", .to = OUTSIDE ":80", .tcp = SYN);
	put(.from = OUTSIDE ":80", .to = WAN ":@", .tcp = SYN | ACK);
	run();
	vm_expect(VNI, HOST, mac_a, .from = OUTSIDE ":80", .to = VM ":4000", .tcp = SYN | ACK);
	vm_put(VNI, HOST, .from = VM ":4000", .to = OUTSIDE ":80", .tcp = ACK, .payload = 7);
	expect(.from = WAN ":@", .to = OUTSIDE ":80", .tcp = ACK, .payload = 7);
	vm_put(VNI_B, HOST_B, .from = VM ":4000", .to = OUTSIDE ":80", .tcp = SYN);
	expect_drop(vpc_no_service);
	service(.vip = "from=172.16.25.0/24,vni=101", .servers = {WAN ":0"});
	vm_put(VNI_B, HOST_B, .from = VM ":4000", .to = OUTSIDE ":80", .tcp = SYN);
	expect(.from = WAN ":*", .to = OUTSIDE ":80", .tcp = SYN);
	put(.from = OUTSIDE ":80", .to = WAN ":@", .tcp = SYN | ACK);
	run();
	vm_expect(VNI_B, HOST_B, mac_b, .from = OUTSIDE ":80", .to = VM ":4000", .tcp = SYN | ACK);
	// The same tuple on the underlay is no match's, and what is inside stays inside.
	put(.iface = CLIENTS, .from = VM ":4000", .to = OUTSIDE ":80", .tcp = SYN);
	run();
	expect_drop(not_for_us);
	vm_add(VNI, VM_B, mac_b, HOST_B);
	vm_put(VNI, HOST, .from = VM ":4001", .to = VM_B ":80", .tcp = SYN);
	vm_put(VNI, HOST, .from = VM ":4001", .to = ZONE_LOCAL ":80", .tcp = SYN);
	expect_drops(vpc_no_service, 2);
	vm_put(VNI, HOST_B, .from = VM ":4001", .to = OUTSIDE ":80", .tcp = SYN);
	expect_drop(vpc_wrong_host);
}

/* A move takes SNAT's sessions along; pings go out, errors come in. */
static void test_snat_ping(void **state)
{
	fake_route(WAN "/32", NEXTHOP_LOCAL, 0);
	service(.vip = "from=172.16.25.0/24,vni=96", .servers = {WAN ":0"});
	vm_put(VNI, HOST, .from = VM, .to = OUTSIDE, .icmp = 8, .rest = 0x12340001, .payload = 56);
	assert_int_equal(lab_sessions(), 1);
	lab_forget();
	vm_put(VNI, HOST, .from = VM, .to = ZONE_LOCAL, .icmp = 8, .rest = 0x12340001,
	       .payload = 56);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_LOCAL, .to = VM, .icmp = 0,
		  .protocol = IPPROTO_ICMP, .rest = 0x12340001, .payload = 56, .ttl = 64);
	vm_put(VNI, HOST, .from = VM ":4000", .to = OUTSIDE ":80", .tcp = SYN);
	expect(.from = WAN ":*", .to = OUTSIDE ":80", .tcp = SYN);
	vm_add(VNI, VM, mac_a, HOST_B);
	put(.from = "192.168.8.8", .to = WAN, .icmp = 3, .code = 4, .rest = 1300,
	    .quote = &(struct packet){.from = WAN,
				      .from_port = lab.remembered,
				      .to = OUTSIDE ":80",
				      .tcp = SYN,
				      .ttl = 60});
	run();
	vm_expect(VNI, HOST_B, mac_a, .from = "192.168.8.8", .to = VM, .icmp = 3, .code = 4,
		  .rest = 1300,
		  .quote = &(struct packet){
			  .from = VM ":4000", .to = OUTSIDE ":80", .tcp = SYN, .ttl = 60});
}

/* Linux on the TAP of a VNI, which has the MAC of this VM's station (lab_frame_in()). */
enum { TAP = 4 };
static const uint8_t mac_tap[6] = {2, 0, 0, 0, 0x0c, TAP};

static void tap_begin(void)
{
	fake_vni(TAP, "vni96", VNI);
	vni_set_iface(VNI, TAP);
	vm_add(VNI, VM, mac_tap, HOST);
	vm_add(VNI, VM6, mac_tap, HOST6);
}

static void tap_end(void)
{
	vni_set_iface(VNI, 0);
}

#define from_tap(...)	   put(.kernel = true, .iface = TAP, ##__VA_ARGS__)
#define to_tap(class, ...) expect_punt(class, .iface = TAP, ##__VA_ARGS__)

/* Connections of Linux keep their port, and FullNAT does not take it. */
static void test_tap_connection(void **state)
{
	tap_begin();
	from_tap(.from = ZONE_LOCAL ":5000", .to = VM ":80", .tcp = SYN);
	run();
	vm_expect(VNI, HOST, mac_tap, .from = ZONE_LOCAL ":5000", .to = VM ":80", .tcp = SYN,
		  .ttl = PACKET_TTL);
	vm_put(VNI, HOST, .from = VM ":80", .to = ZONE_LOCAL ":5000", .tcp = SYN | ACK);
	to_tap(PUNT_REST, .from = VM ":80", .to = ZONE_LOCAL ":5000", .tcp = SYN | ACK,
	       .ttl = PACKET_TTL);
	lab_next_port(5000);
	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"});
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	remember_port(PORT_AT4);
	assert_int_not_equal(lab.remembered, 5000);
	to_vm(VNI, HOST, mac_tap, .tcp = SYN);
	// The VM may answer, not begin; and only from its host.
	vm_put(VNI, HOST_B, .from = VM ":80", .to = ZONE_LOCAL ":5000", .tcp = ACK);
	expect_drop(vpc_wrong_host);
	vm_put(VNI, HOST, .from = VM ":81", .to = ZONE_LOCAL ":5000", .tcp = SYN);
	vm_put(VNI, HOST, .from = VM ":80", .to = ZONE_LOCAL ":22", .tcp = SYN);
	expect_drops(vpc_no_service, 2);
	vm_drop(VNI, VM);
	from_tap(.from = ZONE_LOCAL ":5001", .to = VM ":80", .tcp = SYN);
	run();
	vm_put(VNI, HOST, .from = VM ":80", .to = ZONE_LOCAL ":5000", .tcp = ACK);
	expect_drops(vpc_unknown_vm, 2);
	from_tap(.from = ZONE_LOCAL ":5001", .to = VM_B ":80", .tcp = SYN);
	run();
	expect_drop(vpc_not_for_vm);
	lab_advance(2);
	assert_int_equal(lab_sessions(), 1);
	tap_end();
}

static void test_tap_others(void **state)
{
	tap_begin();
	from_tap(.from = ZONE_LOCAL, .to = VM, .icmp = 8, .rest = 0x12340001, .payload = 56);
	run();
	vm_expect(VNI, HOST, mac_tap, .from = ZONE_LOCAL, .to = VM, .icmp = 8, .rest = 0x12340001,
		  .payload = 56, .ttl = PACKET_TTL);
	vm_put(VNI, HOST, .from = VM, .to = ZONE_LOCAL, .icmp = 0, .protocol = IPPROTO_ICMP,
	       .rest = 0x12340001, .payload = 56);
	to_tap(PUNT_ICMP, .from = VM, .to = ZONE_LOCAL, .icmp = 0, .protocol = IPPROTO_ICMP,
	       .rest = 0x12340001, .payload = 56, .ttl = PACKET_TTL);
	from_tap(.from = "[" ZONE_LOCAL6 "]:5000", .to = "[" VM6 "]:53", .payload = 9);
	run();
	vm_expect(VNI, HOST6, mac_tap, .from = "[" ZONE_LOCAL6 "]:5000", .to = "[" VM6 "]:53",
		  .payload = 9, .ttl = PACKET_TTL);
	vm_put(VNI, HOST6, .from = "[" VM6 "]:53", .to = "[" ZONE_LOCAL6 "]:5000", .payload = 90);
	to_tap(PUNT_REST, .from = "[" VM6 "]:53", .to = "[" ZONE_LOCAL6 "]:5000", .payload = 90,
	       .ttl = PACKET_TTL);
	// Not from a local address; and not for one station.
	from_tap(.from = "172.16.25.9:5000", .to = VM ":80", .tcp = SYN);
	from_tap(.type = 0x88cc, RAW("LLDP"));
	run();
	expect_drops(vpc_not_for_vm, 2);
	tap_end();
}

#define ARP(operation, sender_mac, sender, target_mac, target) \
	.type = 0x0806,                                        \
	RAW("\x00\x01\x08\x00\x06\x04\x00" operation sender_mac sender target_mac target)
#define TAP_BYTES    "\x02\0\0\0\0\x04"
#define VM_MAC_BYTES "\x02\0\0\0\x0c\x04"
#define NO_MAC	     "\0\0\0\0\0\0"
#define LOCAL_BYTES  "\xac\x10\x19\x01"
#define VM_BYTES     "\xac\x10\x19\x1e"

static void test_tap_arp(void **state)
{
	tap_begin();
	from_tap(ARP("\x01", TAP_BYTES, LOCAL_BYTES, NO_MAC, VM_BYTES));
	run();
	to_tap(PUNT_NEIGHBOUR, ARP("\x02", VM_MAC_BYTES, VM_BYTES, TAP_BYTES, LOCAL_BYTES));
	from_tap(ARP("\x01", TAP_BYTES, LOCAL_BYTES, NO_MAC, "\xac\x10\x19\x63"));
	run();
	expect_drop(vpc_unknown_vm);
	from_tap(ARP("\x02", TAP_BYTES, LOCAL_BYTES, TAP_BYTES, LOCAL_BYTES));
	run();
	expect_drop(vpc_not_for_vm);
	tap_end();
}

#define row(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_zones),
		row(test_udp),
		row(test_ipv6),
		row(test_move),
		row(test_no_local_address),
		row(test_client_route),
		row(test_sizes),
		row(test_icmp_errors),
		row(test_owner),
		row(test_server_gone),
		row(test_snat),
		row(test_snat_ping),
		row(test_tap_connection),
		row(test_tap_others),
		row(test_tap_arp),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
