/* SPDX-License-Identifier: BSD-3-Clause */

/* The SYN proxy, where a client uses a port again whose last session is over and still there. */
#include "lab_syn_proxy.h"

#include <rte_common.h>

enum { ISN_AGAIN = 500000 };

/* A SYN on the same port; the server of the session that is over gets nothing of it. */
static uint32_t syn_again(const struct ends *e)
{
	struct answer a;

	put(.from = e->client, .to = e->vip, .tcp = SYN, .sequence = ISN_AGAIN);
	run();
	a = proxy_sent(CLIENTS, e == &ends6);
	assert_int_equal(a.flags, SYN | ACK);
	assert_int_equal(a.acknowledgement, ISN_AGAIN + 1);
	return a.sequence;
}

/* Who acknowledges the second cookie has ended the first connection, in whatever state. */
static void begins_again(const struct ends *e, enum session_state over)
{
	struct answer a;
	uint32_t cookie;

	expect_state(over);
	lab_forget();
	cookie = syn_again(e);
	expect_state(over);
	// Not with a cookie that is none.
	put(.from = e->client, .to = e->vip, .tcp = ACK, .sequence = ISN_AGAIN + 1,
	    .acknowledgement = cookie + 1025);
	run();
	assert_int_equal(proxy_sent(SERVERS, e == &ends6).flags, ACK);
	put(.from = e->client, .to = e->vip, .tcp = PSH | ACK, .sequence = ISN_AGAIN + 1,
	    .acknowledgement = cookie + 1, .payload = 9);
	run();
	expect_state(STATE_SYN_PROXY);
	a = proxy_sent(SERVERS, e == &ends6);
	assert_int_equal(a.flags, SYN);
	assert_int_equal(a.sequence, ISN_AGAIN);
	lab.remembered = a.port;
	put(.from = e->server, .to = e->local, .tcp = SYN | ACK, .sequence = SERVER_ISN,
	    .acknowledgement = ISN_AGAIN + 1);
	run();
	expect_state(STATE_ESTABLISHED);
	expect(.from = e->vip, .to = e->client, .tcp = ACK, .sequence = cookie + 1,
	       .acknowledgement = ISN_AGAIN + 1);
	expect(.from = e->local, .to = e->server, .tcp = ACK, .sequence = ISN_AGAIN + 1,
	       .acknowledgement = SERVER_ISN + 1);
	expect(.from = e->local, .to = e->server, .tcp = PSH | ACK, .sequence = ISN_AGAIN + 1,
	       .acknowledgement = SERVER_ISN + 1, .payload = 9);
	assert_int_equal(lab.w->stats.syn_cookies_accepted, 2);
}

static const struct ending {
	enum session_state state;
	uint8_t client, server; // what they send: FIN, RST, or nothing
} endings[] = {
	{STATE_FIN_WAIT, 0, FIN | ACK},
	{STATE_CLOSE_WAIT, FIN | ACK, 0},
	{STATE_LAST_ACK, FIN | ACK, FIN | ACK},
	{STATE_CLOSE, 0, RST | ACK},
};

static void ends(const struct ends *e, const struct ending *ending, uint32_t cookie)
{
	if (ending->client)
		put(.from = e->client, .to = e->vip, .tcp = ending->client, .sequence = ISN + 1,
		    .acknowledgement = cookie + 1);
	run();
	if (ending->server)
		put(.from = e->server, .to = e->local, .tcp = ending->server,
		    .sequence = SERVER_ISN + 1, .acknowledgement = ISN + 2);
	run();
}

static void test_reuse(void **state)
{
	for (unsigned int i = 0; i < RTE_DIM(endings); i++) {
		lab.w->stats.syn_cookies_accepted = 0;
		service(.vip = VIP ":80", .syn_proxy = proxy_on);
		ends(&ends4, &endings[i], proxy_connect(&ends4));
		begins_again(&ends4, endings[i].state);
		lab_flush();
		lab_forget();
	}
}

/* Both sides have closed, the server first, which may remember this connection. */
static void test_reuse_time_wait(void **state)
{
	static const struct ending server = {STATE_FIN_WAIT, 0, FIN | ACK};
	uint32_t cookie;

	service(.vip = "[" VIP6 "]:80", .syn_proxy = proxy_on);
	cookie = proxy_connect(&ends6);
	ends(&ends6, &server, cookie);
	put(.from = ends6.client, .to = ends6.vip, .tcp = FIN | ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 2);
	run();
	begins_again(&ends6, STATE_TIME_WAIT);
}

/* In a state that may not be reused the SYN is for the real server, and no cookie ends anything. */
static void test_reuse_refused(void **state)
{
	for (unsigned int i = 0; i < RTE_DIM(endings); i++) {
		struct syn_proxy settings = proxy_on;
		uint32_t again;

		service(.vip = VIP ":80", .syn_proxy = proxy_on);
		ends(&ends4, &endings[i], proxy_connect(&ends4));
		lab_forget();
		again = syn_again(&ends4);
		settings.reuse[endings[i].state - STATE_FIN_WAIT] = false;
		service(.vip = VIP ":80", .syn_proxy = settings);
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = ISN_AGAIN);
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = ISN_AGAIN + 1,
		    .acknowledgement = again + 1);
		run();
		assert_int_equal(proxy_sent(SERVERS, false).flags, SYN);
		assert_int_equal(proxy_sent(SERVERS, false).flags, ACK);
		assert_int_equal(lab_sessions(), 1);
		lab_flush();
		lab_forget();
	}
}

/* Copies of what the connection began with, late: they belong to it, and begin none. */
static void test_reuse_own_cookie(void **state)
{
	uint32_t cookie;

	service(.vip = VIP ":80", .syn_proxy = proxy_on);
	cookie = proxy_connect(&ends4);
	ends(&ends4, &endings[0], cookie);
	lab_forget();
	exchange({{.from = CLIENT ":4000",
		   .to = VIP ":80",
		   .tcp = PSH | ACK,
		   .sequence = ISN + 1,
		   .acknowledgement = cookie + 1,
		   .payload = 10},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = PSH | ACK,
		   .sequence = ISN + 1,
		   .acknowledgement = SERVER_ISN + 1,
		   .payload = 10}});
	expect_state(STATE_FIN_WAIT);
	assert_int_equal(lab.w->stats.syn_cookies_accepted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_reuse),
		lab_test(test_reuse_time_wait),
		lab_test(test_reuse_refused),
		lab_test(test_reuse_own_cookie),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
