/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VMs that the table does not have, in VNIs that learn them: hosts in 10.1.2.0/24 are believed, and
 * the control thread's part is called by hand.
 */
#include "lab.h"

#include <string.h>

#include "tunnel/vm_learn.h"
#include "tunnel/vxlan.h"

#define VTEP	"10.1.0.254"
#define HOST	"10.1.2.1"
#define HOST_B	"10.1.2.2"
#define STRANGE "10.1.3.1"
#define VM	"172.16.25.30"
#define ZONE_IP "172.16.25.13"

enum { VNI = 96, AGE = 60 };

static const uint8_t ours[6] = {2, 0x77, 0x65, 0x69, 0x72, 1};
static const uint8_t mac_a[6] = {0xfa, 0x16, 0x3f, 0x5d, 0x6c, 0x08};
static const uint8_t mac_b[6] = {0xfa, 0x16, 0x3f, 0x5d, 0x6c, 0x81};
static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0, 0, 1};

static void learn_begin(uint32_t most)
{
	const struct vni_settings learns = {.learn = true, .learn_max = most, .learn_age = AGE};
	struct vxlan_settings settings = {.address_count = 1, .port = TUNNEL_VXLAN_PORT};
	struct prefix hosts;

	addr_parse(VTEP, &settings.addresses[0]);
	memcpy(settings.mac, ours, 6);
	vxlan_configure(&settings);
	fake_route(VTEP "/32", NEXTHOP_LOCAL, 0);
	prefix_parse("10.1.2.0/24", &hosts);
	vm_learn_permit(&hosts, 1);
	vni_set(VNI, &learns);
	service(.vni = VNI, .vip = ZONE_IP ":80");
}

static void vm_put(const char *host, const uint8_t mac[6], struct packet inner)
{
	put(.from = host, .to = VTEP, .from_port = 50000, .to_port = TUNNEL_VXLAN_PORT,
	    .protocol = IPPROTO_UDP, .vni = VNI, .inner = &inner, .inner_from = mac,
	    .sum = SUM_ZERO);
	run();
}
#define vm_put(host, mac, ...) vm_put(host, mac, (struct packet){__VA_ARGS__})
#define SYN_OF_VM	       .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN

/* Control has its turn, and what has waited goes on. */
static void learn_turn(void)
{
	workers_learn();
	run();
}

static void vm_find_row(const char *address, struct vm_row *row)
{
	struct addr addr;
	uint32_t number;

	assert_int_equal(addr_parse(address, &addr), 0);
	number = vm_find(VNI, &addr);
	assert_int_not_equal(number, 0);
	vm_row_of(&vm_table[number], row);
}

/* Where a VM is, and its MAC, as the table has it. */
static void expect_row(const char *address, const char *host, const uint8_t mac[6], bool learned)
{
	struct addr addr;
	struct vm_row row;

	vm_find_row(address, &row);
	assert_int_equal(addr_parse(host, &addr), 0);
	assert_true(addr_equal(&row.host, &addr));
	assert_memory_equal(row.mac, mac, 6);
	assert_int_equal(row.learned, learned);
}

static void vm_add(const char *address, const uint8_t mac[6], const char *host)
{
	struct vm_row row = {.vni = VNI};

	assert_int_equal(addr_parse(address, &row.addr), 0);
	assert_int_equal(addr_parse(host, &row.host), 0);
	memcpy(row.mac, mac, 6);
	assert_int_equal(vm_upsert(&row, 1, 0), 0);
}

/* The first packet waits for its row, and the next one finds it. */
static void test_first_packet(void **state)
{
	learn_begin(10);
	vm_put(HOST, mac_a, SYN_OF_VM);
	expect_nothing();
	assert_int_equal(vm_count(), 0);
	vm_put(HOST, mac_a, SYN_OF_VM); // told once, but it waits too
	assert_int_equal(lab.w->learner.written, 1);
	assert_int_equal(lab.w->learner.waiting_count, 2);
	learn_turn();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN);
	expect_row(VM, HOST, mac_a, true);
	vm_put(HOST, mac_a, .from = VM ":4001", .to = ZONE_IP ":80", .tcp = SYN);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	assert_int_equal(vm_learn_count(VNI), 1);
	assert_int_equal(lab_sessions(), 2);
}

/* A VM's first packet is an ARP request as a rule. */
static void test_arp(void **state)
{
	learn_begin(10);
	vm_put(HOST, mac_a, .type = 0x0806,
	       RAW("\x00\x01\x08\x00\x06\x04\x00\x01\xfa\x16\x3f\x5d\x6c\x08\xac\x10\x19\x1e"
		   "\0\0\0\0\0\0\xac\x10\x19\x0d"));
	expect_nothing();
	learn_turn();
	assert_non_null(lab_next_sent(0, &(unsigned int){0}));
	expect_row(VM, HOST, mac_a, true);
}

/* By a new connection, by one that lives, and with another card. */
static void test_move(void **state)
{
	learn_begin(10);
	vm_put(HOST, mac_a, SYN_OF_VM);
	learn_turn();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	vm_put(HOST_B, mac_a, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = 9);
	expect_nothing();
	learn_turn();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .sequence = 9);
	expect_row(VM, HOST_B, mac_a, true);
	vm_put(HOST, mac_b, .from = VM ":4001", .to = ZONE_IP ":80", .tcp = SYN);
	learn_turn();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect_row(VM, HOST, mac_b, true);
	vm_put(HOST, mac_a, .from = VM ":4002", .to = ZONE_IP ":80", .tcp = SYN);
	learn_turn();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect_row(VM, HOST, mac_a, true);
	assert_int_equal(vm_count(), 1);
	assert_int_equal(vm_host_count(), 1);
}

/* What is configured stays as it is, also where it was learned before. */
static void test_configured(void **state)
{
	learn_begin(10);
	vm_put(HOST, mac_a, SYN_OF_VM);
	learn_turn();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	vm_add(VM, mac_a, HOST_B);
	expect_row(VM, HOST_B, mac_a, false);
	assert_int_equal(vm_learn_count(VNI), 0);
	vm_put(HOST, mac_a, SYN_OF_VM);
	vm_put(HOST, mac_a, .from = VM ":4001", .to = ZONE_IP ":80", .tcp = SYN);
	expect_drops(vpc_wrong_host, 2);
	assert_int_equal(lab.w->learner.waiting_count, 0);
	// Heard, and then configured before control has its turn.
	vm_put(HOST, mac_a, .from = "172.16.25.31:4000", .to = ZONE_IP ":80", .tcp = SYN);
	vm_add("172.16.25.31", mac_b, HOST_B);
	learn_turn();
	expect_drop(vpc_wrong_host);
	expect_row("172.16.25.31", HOST_B, mac_b, false);
}

/* Who is not believed, and what is no VM's address. */
static void test_not_learned(void **state)
{
	learn_begin(10);
	vm_put(STRANGE, mac_a, SYN_OF_VM);
	vm_put(HOST, group, SYN_OF_VM);
	vm_put(HOST, NULL, SYN_OF_VM); // no MAC
	vm_put(HOST, mac_a, .from = ZONE_IP ":4000", .to = ZONE_IP ":80", .tcp = SYN);
	expect_drops(vpc_unknown_vm, 4);
	vm_put(HOST, mac_a, .from = "127.0.0.1:4000", .to = ZONE_IP ":80", .tcp = SYN);
	expect_drop(ipv4_source);
	assert_int_equal(lab.w->learner.written, 0);
	// It may no longer be learned when control has its turn.
	vm_put(HOST, mac_a, SYN_OF_VM);
	vni_set(VNI, &(struct vni_settings){0});
	learn_turn();
	expect_drop(vpc_unknown_vm);
	vm_put(HOST, mac_a, SYN_OF_VM);
	expect_drop(vpc_unknown_vm);
	assert_int_equal(vm_count(), 0);
}

/* A flood: no more rows, told VMs and waiting packets than are allowed. */
static void test_bounds(void **state)
{
	char from[32];

	learn_begin(VM_LEARN_RING - 4);
	for (unsigned int i = 0; i < VM_LEARN_RING + 3; i++) {
		snprintf(from, sizeof(from), "172.16.26.%u:4000", i + 1);
		vm_put(HOST, mac_a, .from = from, .to = ZONE_IP ":80", .tcp = SYN);
	}
	expect_drops(vpc_learn_busy, 3);
	learn_turn();
	assert_int_equal(vm_count(), VM_LEARN_RING - 4);
	for (unsigned int i = 0; i < VM_LEARN_RING - 4; i++)
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect_drops(vpc_unknown_vm, 4);
	vm_put(HOST, mac_a, SYN_OF_VM);
	expect_drop(vpc_learn_full);
	// Moves need no room.
	vm_put(HOST_B, mac_a, .from = "172.16.26.1:4001", .to = ZONE_IP ":80", .tcp = SYN);
	learn_turn();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect_row("172.16.26.1", HOST_B, mac_a, true);
	// A smaller bound takes away what is too much.
	vni_set(VNI, &(struct vni_settings){.learn = true, .learn_max = 3, .learn_age = AGE});
	assert_int_equal(vm_count(), 3);
	vni_set(VNI, NULL);
	assert_int_equal(vm_count(), 0);
	assert_int_equal(vm_host_count(), 0);
}

/* Another host's clock tells nothing: what a trusted VNI learns moves too. */
static void test_trusted(void **state)
{
	learn_begin(10);
	vni_set(VNI, &(struct vni_settings){
			     .learn = true, .learn_max = 10, .learn_age = AGE, .trusted = true});
	vm_put(HOST, mac_a, SYN_OF_VM);
	learn_turn();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	vm_put(HOST_B, mac_a, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK);
	learn_turn();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK);
	expect_row(VM, HOST_B, mac_a, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_first_packet), lab_test(test_arp),	 lab_test(test_move),
		lab_test(test_configured),   lab_test(test_not_learned), lab_test(test_bounds),
		lab_test(test_trusted),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
