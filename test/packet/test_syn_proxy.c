/* SPDX-License-Identifier: BSD-3-Clause */

/* The SYN proxy: cookies, the handshake with the server, and what differs between both sides. */
#include "lab_syn_proxy.h"

#include <string.h>

#include "path/syn_proxy.h"
#include "balance/syn_guard.h"
#include "session/cookie.h"
#include "session/offer.h"

static void carries(const struct ends *e)
{
	uint32_t cookie;

	service(.vip = e->vip, .servers = {e->server}, .syn_proxy = proxy_on);
	cookie = proxy_connect(e);
	exchange({{.from = e->client,
		   .to = e->vip,
		   .tcp = PSH | ACK,
		   .sequence = ISN + 1,
		   .acknowledgement = cookie + 1,
		   .payload = 10},
		  {.from = e->local,
		   .to = e->server,
		   .tcp = PSH | ACK,
		   .sequence = ISN + 1,
		   .acknowledgement = SERVER_ISN + 1,
		   .payload = 10}},
		 {{.from = e->server,
		   .to = e->local,
		   .tcp = ACK,
		   .sequence = SERVER_ISN + 1,
		   .acknowledgement = ISN + 11,
		   .payload = 99},
		  {.from = e->vip,
		   .to = e->client,
		   .tcp = ACK,
		   .sequence = cookie + 1,
		   .acknowledgement = ISN + 11,
		   .payload = 99}},
		 {{.from = e->server,
		   .to = e->local,
		   .tcp = FIN | ACK,
		   .sequence = SERVER_ISN + 100,
		   .acknowledgement = ISN + 11},
		  {.from = e->vip,
		   .to = e->client,
		   .tcp = FIN | ACK,
		   .sequence = cookie + 100,
		   .acknowledgement = ISN + 11}});
	expect_state(STATE_FIN_WAIT);
	assert_int_equal(lab.w->stats.syn_cookies_sent, 1);
	assert_int_equal(lab.w->stats.syn_cookies_accepted, 1);
}

static void test_ipv4(void **state)
{
	carries(&ends4);
}

static void test_ipv6(void **state)
{
	carries(&ends6);
}

/* Nothing is kept for a SYN, and the answer is what the settings say. */
static void test_answer(void **state)
{
	struct syn_proxy settings = proxy_on;
	struct answer a;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	a = proxy_syn_options(&ends4, ALL, sizeof(ALL) - 1);
	assert_int_equal(a.flags, SYN | ACK);
	assert_int_equal(a.acknowledgement, ISN + 1);
	assert_int_equal(a.ttl, 63);
	assert_int_equal(a.window, 2 * 1452);
	assert_int_equal(a.offer.mss, 1452);
	assert_int_equal(a.offer.window_scale, 7);
	assert_true(a.offer.sack && a.offer.timestamps);
	assert_int_equal(a.offer.time_echo, TIME_AT);
	// What the client does not offer it does not get.
	a = proxy_syn(&ends4);
	assert_int_equal(a.offer.window_scale, OFFER_NO_SCALE);
	assert_false(a.offer.sack || a.offer.timestamps);
	assert_int_equal(a.offer.mss, 1452);

	settings.mss = 1000;
	settings.ttl = 9;
	settings.window_scale = 0;
	settings.sack = settings.timestamps = false;
	settings.close_client_window = true;
	service(.vip = VIP ":80", .syn_proxy = settings);
	a = proxy_syn_options(&ends4, ALL, sizeof(ALL) - 1);
	assert_int_equal(a.offer.mss, 1000);
	assert_int_equal(a.ttl, 9);
	assert_int_equal(a.window, 0);
	assert_int_equal(a.offer.window_scale, OFFER_NO_SCALE);
	assert_false(a.offer.sack || a.offer.timestamps);
}

/* The MSS leaves room for headers, and for the option that tells the server who the client is. */
static void test_mss(void **state)
{
	struct syn_proxy settings = proxy_on;

	settings.mss = 9000;
	service(.vip = VIP ":80", .syn_proxy = settings);
	assert_int_equal(proxy_syn(&ends4).offer.mss, 1460);
	service(.vip = VIP ":80", .syn_proxy = settings, .toa = true);
	assert_int_equal(proxy_syn(&ends4).offer.mss, 1452);
	service(.vip = VIP ":80", .syn_proxy = settings, .mss = 1300);
	assert_int_equal(proxy_syn(&ends4).offer.mss, 1300);
	service(.vip = "[" VIP6 "]:80", .syn_proxy = settings, .toa = true);
	assert_int_equal(proxy_syn(&ends6).offer.mss, 1420);
}

/* The server gets what the client has offered once, as far as weir has taken it up. */
static void test_offer_goes_on(void **state)
{
	struct answer a;
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	a = proxy_syn_options(&ends4, ALL, sizeof(ALL) - 1);
	cookie = a.sequence;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, OPTIONS("\1\1\x08\x0a\x11\x22\x33\x55\0\0\0\x01"));
	run();
	a = proxy_asked(&ends4);
	assert_int_equal(a.offer.mss, 1460);
	assert_int_equal(a.offer.window_scale, 5);
	assert_true(a.offer.sack && a.offer.timestamps);
	assert_int_equal(a.offer.time, 0x11223355);
	assert_int_equal(a.offer.time_echo, 0);
	assert_int_equal(a.window, 512 << 5);
}

/* Times, SACK blocks and windows are each side's own, wherever the options stand. */
static void test_options_shifted(void **state)
{
	uint32_t cookie, told, difference;
	struct answer a;
	char text[32];

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	a = proxy_syn_options(&ends4, ALL, sizeof(ALL) - 1);
	cookie = a.sequence;
	told = a.offer.time;
	memcpy(text, "\1\1\x08\x0a\x11\x22\x33\x55", 8);
	memcpy(text + 8, &(uint32_t){rte_cpu_to_be_32(told)}, 4);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, .options = text, .option_length = 12);
	run();
	proxy_asked(&ends4);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK, .sequence = SERVER_ISN,
	    .acknowledgement = ISN + 1,
	    OPTIONS("\2\4\x05\xb4\4\2\x08\x0a\0\0\x10\0\x11\x22\x33\x55\1\3\3\x09"));
	run();
	// The window that opens: 512 of the SYN-ACK is not scaled, 512 >> 7 is.
	a = proxy_sent(CLIENTS, false);
	assert_int_equal(a.flags, ACK);
	assert_int_equal(a.window, 512 >> 9 << 2);
	assert_int_equal(a.offer.time, told);
	assert_int_equal(a.offer.time_echo, 0x11223355);
	a = proxy_sent(SERVERS, false);
	assert_int_equal(a.offer.time_echo, 0x1000);
	// Towards the client: its time later, its window by the scale that weir has promised.
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .sequence = SERVER_ISN + 1,
	    .acknowledgement = ISN + 1, .payload = 5,
	    OPTIONS("\1\1\x08\x0a\0\0\x10\x07\x11\x22\x33\x55"));
	run();
	a = proxy_sent(CLIENTS, false);
	assert_int_equal(a.offer.time, told + 7);
	assert_int_equal(a.window, 512 << 2);
	// Towards the server: the echo of it, and what was received, in the server's numbers.
	difference = SERVER_ISN - cookie;
	for (unsigned int odd = 0; odd < 2; odd++) {
		uint32_t words[3] = {rte_cpu_to_be_32(told + 7), rte_cpu_to_be_32(cookie + 3),
				     rte_cpu_to_be_32(cookie + 6)};
		char in[24] = "\1\1\x08\x0a\x11\x22\x33\x66....\5\x0a........\1\1", out[24];

		if (odd)
			memcpy(in, "\1\x08\x0a\x11\x22\x33\x66....\1\5\x0a........\1\1", 24);
		memcpy(in + 8 - odd, words, 4);
		memcpy(in + 14, words + 1, 8);
		memcpy(out, in, 24);
		words[0] = rte_cpu_to_be_32(0x1007);
		words[1] = rte_cpu_to_be_32(cookie + 3 + difference);
		words[2] = rte_cpu_to_be_32(cookie + 6 + difference);
		memcpy(out + 8 - odd, words, 4);
		memcpy(out + 14, words + 1, 8);
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
		    .acknowledgement = cookie + 1, .options = in, .option_length = 24);
		run();
		expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .sequence = ISN + 1,
		       .acknowledgement = SERVER_ISN + 1, .options = out, .option_length = 24);
	}
}

/* Of a cookie each bit counts, and so do the tuple and the client's sequence number. */
static void test_forged(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on, .drop_unknown = true);
	service(.vip = VIP ":81", .syn_proxy = proxy_on, .drop_unknown = true);
	cookie = proxy_syn(&ends4).sequence;
	for (unsigned int bit = 0; bit < 32; bit++) {
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
		    .acknowledgement = (cookie ^ 1u << bit) + 1);
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK,
		    .sequence = ((uint32_t)ISN ^ 1u << bit) + 1, .acknowledgement = cookie + 1);
		run();
		expect_drops(syn_cookie_wrong, 2);
	}
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	put(.from = CLIENT ":4000", .to = VIP ":81", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	put(.from = "10.1.0.2:4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	// Right, but nothing that acknowledges.
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = RST | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	run();
	expect_drops(syn_cookie_wrong, 5);
	assert_int_equal(lab_sessions(), 0);
	proxy_acknowledge(&ends4, cookie);
}

/* A client whose cookie is none is told, as of any unknown segment. */
static void test_wrong_is_reset(void **state)
{
	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = 5,
	    .acknowledgement = 77);
	run();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = RST, .sequence = 77,
	       .no_window = true, .ttl = 64, .may_fragment = true);
	expect_drop(syn_cookie_wrong);
}

static void test_expired(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on, .drop_unknown = true);
	for (unsigned int periods = 1; periods <= 6; periods++) {
		cookie = proxy_syn(&ends4).sequence;
		for (unsigned int i = 0; i < periods; i++)
			assert_int_equal(cookie_rotate(), 0);
		if (periods < 2) {
			proxy_acknowledge(&ends4, cookie);
			lab_flush();
			lab_forget();
			continue;
		}
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
		    .acknowledgement = cookie + 1);
		run();
		expect_drop(syn_cookie_wrong);
	}
}

/* By the clock: a cookie lives for one to two periods. */
static void test_clock(void **state)
{
	struct offer offer = {.mss = 1460, .window_scale = 3}, got;
	struct key4 key = {.source = 1};
	uint32_t cookie;

	cookie_tick(1000);
	cookie = cookie_make(&key, false, 5, &offer);
	cookie_tick(1000 + COOKIE_PERIOD - 1);
	cookie_tick(1000 + COOKIE_PERIOD);
	assert_true(cookie_check(&key, false, 5, cookie, &got));
	assert_int_equal(got.mss, 1460);
	assert_int_equal(got.window_scale, 3);
	cookie_tick(1000 + 2 * COOKIE_PERIOD - 1);
	assert_true(cookie_check(&key, false, 5, cookie, &got));
	cookie_tick(1000 + 2 * COOKIE_PERIOD);
	assert_false(cookie_check(&key, false, 5, cookie, &got));
	// The machine stood still.
	cookie = cookie_make(&key, false, 5, &offer);
	cookie_tick(1000 + 4 * COOKIE_PERIOD);
	assert_false(cookie_check(&key, false, 5, cookie, &got));
}

/* The ACK again, of a session that there is: it belongs to it and makes none. */
static void test_replayed(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	cookie = proxy_connect(&ends4);
	exchange({{.from = CLIENT ":4000",
		   .to = VIP ":80",
		   .tcp = ACK,
		   .sequence = ISN + 1,
		   .acknowledgement = cookie + 1},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = ACK,
		   .sequence = ISN + 1,
		   .acknowledgement = SERVER_ISN + 1}});
	assert_int_equal(lab_sessions(), 1);
	assert_int_equal(lab.w->stats.syn_cookies_accepted, 1);
}

/* Data that comes while the server is asked is held, and follows the ACK in its order. */
static void test_held(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	cookie = proxy_syn(&ends4).sequence;
	// The ACK was lost; the data proves as much.
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, .payload = 100);
	run();
	proxy_asked(&ends4);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .sequence = ISN + 101,
	    .acknowledgement = cookie + 1, .payload = 200);
	run();
	expect_nothing();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .sequence = ISN + 301,
	    .acknowledgement = cookie + 1, .payload = 300);
	run();
	expect_drop(syn_proxy_held_full);
	proxy_agree(&ends4);
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .sequence = cookie + 1,
	       .acknowledgement = ISN + 1);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .sequence = ISN + 1,
	       .acknowledgement = SERVER_ISN + 1);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = PSH | ACK, .sequence = ISN + 1,
	       .acknowledgement = SERVER_ISN + 1, .payload = 100);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = PSH | ACK, .sequence = ISN + 101,
	       .acknowledgement = SERVER_ISN + 1, .payload = 200);
	assert_int_equal(lab.w->handshakes.used, 0);
	assert_int_equal(lab.w->handshakes.packets, 0);
}

/* Asked again after one and two seconds more, then the client is reset. */
static void test_silent(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	cookie = proxy_syn(&ends4).sequence;
	proxy_acknowledge(&ends4, cookie);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, .payload = 100);
	run();
	proxy_tick(1);
	proxy_asked(&ends4);
	proxy_tick(1);
	expect_nothing();
	proxy_tick(1);
	proxy_asked(&ends4);
	proxy_tick(4);
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = RST | ACK, .sequence = cookie + 1,
	       .acknowledgement = ISN + 1, .no_window = true);
	expect_drop(syn_proxy_abandoned);
	expect_state(STATE_CLOSE);
	assert_int_equal(lab.w->stats.syn_proxy_silent, 1);
	assert_int_equal(lab.w->handshakes.used, 0);
	lab_advance(4);
	assert_int_equal(lab_sessions(), 0);
}

static void test_refused(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	cookie = proxy_syn(&ends4).sequence;
	proxy_acknowledge(&ends4, cookie);
	// Not of this connection: nothing.
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST | ACK, .acknowledgement = ISN + 2);
	run();
	expect_drop(syn_proxy_waiting);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST | ACK, .acknowledgement = ISN + 1,
	    .no_window = true);
	run();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = RST | ACK, .sequence = cookie + 1,
	       .acknowledgement = ISN + 1, .no_window = true);
	expect_state(STATE_CLOSE);
	assert_int_equal(lab.w->stats.syn_proxy_refused, 1);
	assert_int_equal(lab.w->handshakes.used, 0);
}

/* An older connection of the server's own on this port: a reset ends it; the SYN comes again. */
static void test_server_remembers(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	cookie = proxy_syn(&ends4).sequence;
	proxy_acknowledge(&ends4, cookie);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .sequence = 9,
	    .acknowledgement = 4711);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = RST, .sequence = 4711,
	       .no_window = true, .ttl = 64, .may_fragment = true);
	expect_drop(tcp_reset_sent);
	proxy_tick(1);
	proxy_asked(&ends4);
	proxy_agree(&ends4);
	lab_forget();
	expect_state(STATE_ESTABLISHED);
}

/* A client that gives up takes the server's part with it, and nothing stays. */
static void test_client_gives_up(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	cookie = proxy_syn(&ends4).sequence;
	proxy_acknowledge(&ends4, cookie);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, .payload = 100);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = RST, .sequence = ISN + 101);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = RST, .sequence = ISN + 1);
	expect_drop(syn_proxy_abandoned);
	expect_state(STATE_CLOSE);
	assert_int_equal(lab.w->handshakes.used, 0);
	assert_int_equal(lab.w->handshakes.packets, 0);
}

static void test_ack_storm(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	cookie = proxy_syn(&ends4).sequence;
	proxy_acknowledge(&ends4, cookie);
	for (unsigned int i = 0; i < 5; i++)
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
		    .acknowledgement = cookie + 1);
	// Nor is a SYN anything to it, or what acknowledges something else.
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = ISN);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 2);
	run();
	expect_drops(syn_proxy_waiting, 5);
	expect_drops(syn_proxy_ack_storm, 2);
}

/* No server: the client, which takes itself for connected, is told. */
static void test_no_server(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on, .drained = {true});
	cookie = proxy_syn(&ends4).sequence;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, .payload = 5);
	run();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = RST, .sequence = cookie + 1,
	       .no_window = true, .ttl = 64, .may_fragment = true);
	expect_drop(no_server);
	assert_int_equal(lab.w->handshakes.used, 0);
}

static void test_deferred(void **state)
{
	struct syn_proxy settings = proxy_on;
	uint32_t cookie;

	settings.defer = true;
	service(.vip = VIP ":80", .syn_proxy = settings);
	cookie = proxy_syn(&ends4).sequence;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	run();
	expect_drop(syn_proxy_deferred);
	assert_int_equal(lab_sessions(), 0);
	settings.close_client_window = true;
	service(.vip = VIP ":80", .syn_proxy = settings);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	run();
	assert_int_equal(proxy_sent(CLIENTS, false).window, 2 * 536);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1, .payload = 7);
	run();
	proxy_asked(&ends4);
}

/* Automatic: in peace a SYN makes a session; during a flood and at the cap it gets a cookie. */
static void test_automatic(void **state)
{
	const struct syn_guard_settings settings = {
		.service_rate = 100, .node_rate = 1000000, .quiet = 1};
	struct syn_proxy automatic = proxy_on;
	struct answer a;
	uint32_t service;

	automatic.mode = SYN_PROXY_AUTO;
	service = lab_service(&(struct lab_service){.vip = VIP ":80", .syn_proxy = automatic});
	syn_guard_set(&settings);
	assert_int_equal(syn_guard_watch(service, true), 0);
	for (uint16_t port = 2000; port < 2064; port++)
		lab_syn(port);
	assert_int_equal(lab_sessions(), 64);
	assert_int_equal(lab.w->stats.syn_cookies_sent, 0);
	lab_forget();
	syn_guard_tick(); // 64 in a tenth of a second
	assert_true(syn_guard_is_on(service));
	assert_in_range(syn_guard_rate(service), 100, 640);
	put(.from = ends4.client, .to = ends4.vip, .tcp = SYN, .sequence = ISN);
	run();
	assert_int_equal(lab_sessions(), 64);
	a = proxy_sent(CLIENTS, false);
	assert_int_equal(lab.w->stats.syn_cookies_sent, 1);
	// Off after a second of quiet, and not before; the cookie is as good as it was.
	for (unsigned int i = 0; i < 10; i++)
		syn_guard_tick();
	assert_true(syn_guard_is_on(service));
	for (unsigned int i = 0; i < 20; i++)
		syn_guard_tick();
	assert_false(syn_guard_is_on(service));
	proxy_acknowledge(&ends4, a.sequence);
	assert_int_equal(lab.w->stats.syn_cookies_accepted, 1);
	assert_int_equal(lab_sessions(), 65);
	lab_forget();
	lab.w->half_open_max = 64; // all of it is used
	put(.from = CLIENT ":3000", .to = VIP ":80", .tcp = SYN, .sequence = ISN);
	run();
	assert_int_equal(lab.w->stats.syn_cookies_sent, 2);
	assert_int_equal(lab_sessions(), 65);
	lab_forget();
	syn_guard_watch(service, false);
}

/* The server is told who the client is, in its own numbers. */
static void test_with_toa(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on, .toa = true);
	cookie = proxy_syn(&ends4).sequence;
	proxy_acknowledge(&ends4, cookie);
	proxy_agree(&ends4);
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .sequence = cookie + 1,
	       .acknowledgement = ISN + 1);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .sequence = ISN + 1,
	       .acknowledgement = SERVER_ISN + 1, OPTIONS("\xfe\x08\x0f\xa0\x0a\x01\x00\x01"));
	exchange({{.from = CLIENT ":4000",
		   .to = VIP ":80",
		   .tcp = ACK,
		   .sequence = ISN + 1,
		   .acknowledgement = cookie + 1,
		   .payload = 5},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = ACK,
		   .sequence = ISN + 1,
		   .acknowledgement = SERVER_ISN + 1,
		   .payload = 5,
		   OPTIONS("\xfe\x08\x0f\xa0\x0a\x01\x00\x01")}},
		 {{.from = CLIENT ":4000",
		   .to = VIP ":80",
		   .tcp = ACK,
		   .sequence = ISN + 6,
		   .acknowledgement = cookie + 2},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = ACK,
		   .sequence = ISN + 6,
		   .acknowledgement = SERVER_ISN + 2}});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_ipv4),
		lab_test(test_ipv6),
		lab_test(test_answer),
		lab_test(test_mss),
		lab_test(test_offer_goes_on),
		lab_test(test_options_shifted),
		lab_test(test_forged),
		lab_test(test_wrong_is_reset),
		lab_test(test_expired),
		lab_test(test_clock),
		lab_test(test_replayed),
		lab_test(test_held),
		lab_test(test_silent),
		lab_test(test_refused),
		lab_test(test_server_remembers),
		lab_test(test_client_gives_up),
		lab_test(test_ack_storm),
		lab_test(test_no_server),
		lab_test(test_deferred),
		lab_test(test_automatic),
		lab_test(test_with_toa),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
