/* SPDX-License-Identifier: BSD-3-Clause */

/* The SYN proxy in VNIs: its client is a VM, or the real server is. */
#include "lab_syn_proxy.h"
#include "lab_vpc.h"

#include <string.h>

#include <rte_ether.h>

#include "tunnel/vni_local.h"

#define ZONE_LOCAL "172.16.25.1"

/* One VM, and how it is reached. */
struct vm_ends {
	const char *host, *vm, *vip, *local, *server;
	unsigned int outer;
	bool ipv6;
	const char *mss; // of the SYN-ACK, as an option: what fits into a VXLAN packet
};
static const struct vm_ends vm4 = {
	.host = HOST,
	.vm = VM ":4000",
	.vip = ZONE_IP ":80",
	.local = LOCAL ":@",
	.server = SERVER ":80",
	.outer = OUTER,
	.mss = "\2\4\x05\x82",
};
static const struct vm_ends vm6 = {
	.host = HOST6,
	.vm = "[" VM6 "]:4000",
	.vip = "[" ZONE_IP6 "]:80",
	.local = "[" LOCAL6 "]:@",
	.server = "[" SERVER6 "]:80",
	.outer = OUTER6,
	.ipv6 = true,
	.mss = "\2\4\x05\x5a",
};

/* A word of TCP in what is about to leave by a VNI's host; `at`: from the TCP header on. */
static uint32_t peek(unsigned int outer, bool ipv6, unsigned int at)
{
	unsigned int length, l4 = RTE_ETHER_HDR_LEN + outer + (ipv6 ? 40 : 20);
	const uint8_t *frame = lab_peek_sent(CLIENTS - 1, &length);
	uint32_t word;

	assert_non_null(frame);
	assert_true(length >= l4 + 20);
	memcpy(&word, frame + l4 + at, 4);
	return rte_be_to_cpu_32(word);
}

static uint32_t vm_syn(const struct vm_ends *e)
{
	uint32_t cookie;

	vm_put(VNI, e->host, .from = e->vm, .to = e->vip, .tcp = SYN, .sequence = ISN);
	cookie = peek(e->outer, e->ipv6, 4);
	vm_expect(VNI, e->host, mac_a, .from = e->vip, .to = e->vm, .tcp = SYN | ACK,
		  .sequence = cookie, .acknowledgement = ISN + 1, .ttl = proxy_on.ttl,
		  .options = e->mss, .option_length = 4,
		  .window = 2 * ((uint8_t)e->mss[2] << 8 | (uint8_t)e->mss[3]));
	assert_int_equal(lab_sessions(), 0);
	return cookie;
}

static void vm_opened(const struct vm_ends *e, uint32_t cookie)
{
	put(.from = e->server, .to = e->local, .tcp = SYN | ACK, .sequence = SERVER_ISN,
	    .acknowledgement = ISN + 1);
	run();
	vm_expect(VNI, e->host, mac_a, .from = e->vip, .to = e->vm, .tcp = ACK,
		  .sequence = cookie + 1, .acknowledgement = ISN + 1);
	expect(.from = e->local, .to = e->server, .tcp = ACK, .sequence = ISN + 1,
	       .acknowledgement = SERVER_ISN + 1);
	expect_state(STATE_ESTABLISHED);
}

static void vm_asked(const struct vm_ends *e)
{
	struct answer a = proxy_sent(SERVERS, e->ipv6);

	assert_int_equal(a.flags, SYN);
	assert_int_equal(a.sequence, ISN);
	lab.remembered = a.port;
}

/* What the VM sends at once is held in its VXLAN packet, and what weir sends for it comes in one. */
static void vm_client(const struct vm_ends *e)
{
	uint32_t cookie;

	vpc_begin();
	service(.vni = VNI, .vip = e->vip, .syn_proxy = proxy_on);
	cookie = vm_syn(e);
	vm_put(VNI, e->host, .from = e->vm, .to = e->vip, .tcp = PSH | ACK, .sequence = ISN + 1,
	       .acknowledgement = cookie + 1, .payload = 100);
	vm_asked(e);
	vm_put(VNI, e->host, .from = e->vm, .to = e->vip, .tcp = PSH | ACK, .sequence = ISN + 101,
	       .acknowledgement = cookie + 1, .payload = 50);
	proxy_tick(1);
	vm_asked(e); // again
	vm_opened(e, cookie);
	expect(.from = e->local, .to = e->server, .tcp = PSH | ACK, .sequence = ISN + 1,
	       .acknowledgement = SERVER_ISN + 1, .payload = 100);
	expect(.from = e->local, .to = e->server, .tcp = PSH | ACK, .sequence = ISN + 101,
	       .acknowledgement = SERVER_ISN + 1, .payload = 50);
	put(.from = e->server, .to = e->local, .tcp = ACK, .sequence = SERVER_ISN + 1,
	    .acknowledgement = ISN + 151, .payload = 9);
	run();
	vm_expect(VNI, e->host, mac_a, .from = e->vip, .to = e->vm, .tcp = ACK,
		  .sequence = cookie + 1, .acknowledgement = ISN + 151, .payload = 9);
	assert_int_equal(lab.w->handshakes.used, 0);
}

static void test_client_ipv4(void **state)
{
	vm_client(&vm4);
}

static void test_client_ipv6(void **state)
{
	vm_client(&vm6);
}

/* A cookie is good in its VNI only, and from the VM's host. */
static void test_cookie_of_vni(void **state)
{
	uint32_t cookie;

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80", .syn_proxy = proxy_on, .drop_unknown = true);
	service(.vni = VNI_B, .vip = ZONE_IP ":80", .syn_proxy = proxy_on, .drop_unknown = true);
	cookie = vm_syn(&vm4);
	vm_put(VNI_B, HOST_B, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK,
	       .sequence = ISN + 1, .acknowledgement = cookie + 1);
	expect_drop(syn_cookie_wrong);
	vm_put(VNI, HOST_B, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK,
	       .sequence = ISN + 1, .acknowledgement = cookie + 1);
	expect_drop(vpc_wrong_host);
}

/* A server that refuses, and one that is silent: the VM is reset in its VNI. */
static void test_client_is_reset(void **state)
{
	uint32_t cookie;

	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80", .syn_proxy = proxy_on);
	cookie = vm_syn(&vm4);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = ISN + 1,
	       .acknowledgement = cookie + 1);
	vm_asked(&vm4);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST | ACK, .acknowledgement = ISN + 1,
	    .no_window = true);
	run();
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = RST | ACK,
		  .sequence = cookie + 1, .acknowledgement = ISN + 1, .no_window = true);
	assert_int_equal(lab.w->stats.syn_proxy_refused, 1);
	lab_flush();
	cookie = vm_syn(&vm4);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = ISN + 1,
	       .acknowledgement = cookie + 1);
	proxy_tick(1);
	proxy_tick(2);
	lab_forget();
	proxy_tick(4);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = RST | ACK,
		  .sequence = cookie + 1, .acknowledgement = ISN + 1, .no_window = true);
	assert_int_equal(lab.w->stats.syn_proxy_silent, 1);
}

/* The window that opens, for a client that has nothing to say yet. */
static void test_client_deferred(void **state)
{
	struct syn_proxy settings = proxy_on;
	uint32_t cookie;

	settings.defer = settings.close_client_window = true;
	vpc_begin();
	service(.vni = VNI, .vip = ZONE_IP ":80", .syn_proxy = settings);
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = SYN, .sequence = ISN);
	cookie = peek(OUTER, false, 4);
	lab_forget();
	vm_put(VNI, HOST, .from = VM ":4000", .to = ZONE_IP ":80", .tcp = ACK, .sequence = ISN + 1,
	       .acknowledgement = cookie + 1);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_IP ":80", .to = VM ":4000", .tcp = ACK,
		  .sequence = cookie + 1, .acknowledgement = ISN + 1, .ttl = 64, .window = 2 * 536);
	assert_int_equal(lab_sessions(), 0);
}

static void locals_set(const char *one)
{
	struct addr address;

	if (one)
		assert_int_equal(addr_parse(one, &address), 0);
	assert_int_equal(vni_local_set(VNI, &address, one ? 1 : 0), 0);
}

/* The VM serves: its client is on the underlay. */
static void test_server(void **state)
{
	uint32_t cookie;
	struct answer a;

	vpc_begin();
	locals_set(ZONE_LOCAL);
	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"}, .syn_proxy = proxy_on);
	a = proxy_syn(&ends4);
	cookie = a.sequence;
	assert_int_equal(a.offer.mss, 1500 - OUTER6 - 40); // its host may have IPv6 tomorrow
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, .payload = 30);
	run();
	lab.remembered = peek(OUTER, false, 0) >> 16;
	lab_forget();
	// An older connection of its own: a reset ends it.
	vm_put(VNI, HOST, .from = VM ":80", .to = ZONE_LOCAL, .to_port = lab.remembered, .tcp = ACK,
	       .sequence = 9, .acknowledgement = 4711);
	vm_expect(VNI, HOST, mac_a, .from = ZONE_LOCAL, .from_port = lab.remembered, .to = VM ":80",
		  .tcp = RST, .sequence = 4711, .no_window = true, .ttl = 64, .may_fragment = true);
	expect_drop(tcp_reset_sent);
	vm_put(VNI, HOST, .from = VM ":80", .to = ZONE_LOCAL, .to_port = lab.remembered,
	       .tcp = SYN | ACK, .sequence = SERVER_ISN, .acknowledgement = ISN + 1);
	expect(.iface = CLIENTS, .from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK,
	       .sequence = cookie + 1, .acknowledgement = ISN + 1);
	lab.w->tunnel_id--; // what is sent is expected one by one
	vm_expect(VNI, HOST, mac_a, .from = ZONE_LOCAL, .from_port = lab.remembered, .to = VM ":80",
		  .tcp = ACK, .sequence = ISN + 1, .acknowledgement = SERVER_ISN + 1);
	lab.w->tunnel_id++;
	vm_expect(VNI, HOST, mac_a, .from = ZONE_LOCAL, .from_port = lab.remembered, .to = VM ":80",
		  .tcp = PSH | ACK, .sequence = ISN + 1, .acknowledgement = SERVER_ISN + 1,
		  .payload = 30);
	expect_state(STATE_ESTABLISHED);
	locals_set(NULL);
}

/* A VM that does not answer: what weir says for it comes out of its VNI. */
static void test_server_is_silent(void **state)
{
	uint32_t cookie;

	vpc_begin();
	locals_set(ZONE_LOCAL);
	service(.vip = VIP ":80", .server_vni = VNI, .servers = {VM ":80"}, .syn_proxy = proxy_on);
	cookie = proxy_syn(&ends4).sequence;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	run();
	proxy_tick(1);
	proxy_tick(2);
	lab_forget();
	proxy_tick(4);
	expect(.iface = CLIENTS, .from = VIP ":80", .to = CLIENT ":4000", .tcp = RST | ACK,
	       .sequence = cookie + 1, .acknowledgement = ISN + 1, .no_window = true);
	assert_int_equal(lab.w->stats.syn_proxy_silent, 1);
	locals_set(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_client_ipv4),	 lab_test(test_client_ipv6),
		lab_test(test_cookie_of_vni),	 lab_test(test_client_is_reset),
		lab_test(test_client_deferred),	 lab_test(test_server),
		lab_test(test_server_is_silent),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
