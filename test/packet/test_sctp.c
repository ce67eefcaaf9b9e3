/* SPDX-License-Identifier: BSD-3-Clause */

/* SCTP: associations from INIT to their end, their checksums, tags, and ICMP errors about them. */
#include "lab.h"
#include "session/l4_sctp.h"

/* Chunks. The tags that the ends choose are "abcd" (client) and "wxyz" (server). */
#define INIT                \
	CHUNKS("\1\0\0\x14" \
	       "abcd12341234\0\0\0\1")
#define INIT_ACK            \
	CHUNKS("\2\0\0\x14" \
	       "wxyz12341234\0\0\0\1")
#define COOKIE_ECHO           \
	CHUNKS("\x0a\0\0\x08" \
	       "cook")
#define COOKIE_ACK CHUNKS("\x0b\0\0\4")
#define DATA                \
	CHUNKS("\0\3\0\x15" \
	       "12341234\0\0\0\0hello\0\0\0")
#define SACK                \
	CHUNKS("\3\0\0\x10" \
	       "123412341234")
#define SHUTDOWN            \
	CHUNKS("\7\0\0\x08" \
	       "1234")
#define SACK_SHUTDOWN         \
	CHUNKS("\3\0\0\x10"   \
	       "123412341234" \
	       "\7\0\0\x08"   \
	       "1234")
#define SHUTDOWN_ACK	  CHUNKS("\x08\0\0\4")
#define SHUTDOWN_COMPLETE CHUNKS("\x0e\0\0\4")
#define ABORT		  CHUNKS("\6\0\0\4")
#define ABORT_REFLECTED	  CHUNKS("\6\1\0\4")

enum { CLIENT_TAG = 0x61626364, SERVER_TAG = 0x7778797a };

#define FROM_CLIENT(e, ...)                                                \
	{                                                                  \
		{.from = (e)->client, .to = (e)->vip, __VA_ARGS__},        \
		{                                                          \
			.from = (e)->local, .to = (e)->server, __VA_ARGS__ \
		}                                                          \
	}
#define FROM_SERVER(e, ...)                                              \
	{                                                                \
		{.from = (e)->server, .to = (e)->local, __VA_ARGS__},    \
		{                                                        \
			.from = (e)->vip, .to = (e)->client, __VA_ARGS__ \
		}                                                        \
	}

static void associate(const struct ends *e)
{
	exchange({{.from = e->client, .to = e->vip, INIT},
		  {.from = e->local_any, .to = e->server, INIT}});
	expect_state(STATE_SCTP_INIT);
	exchange(FROM_SERVER(e, .tag = CLIENT_TAG, INIT_ACK));
	expect_state(STATE_SCTP_INIT_ACK);
	exchange(FROM_CLIENT(e, .tag = SERVER_TAG, COOKIE_ECHO));
	expect_state(STATE_SCTP_COOKIE);
	assert_int_equal(lab.w->stats.half_open, 1);
	exchange(FROM_SERVER(e, .tag = CLIENT_TAG, COOKIE_ACK));
	expect_state(STATE_SCTP_ESTABLISHED);
	assert_int_equal(lab.w->stats.half_open, 0);
}

/* An association of each family: every packet's checksum is right again, data of any length. */
static void association(const struct ends *e)
{
	associate(e);
	exchange(FROM_CLIENT(e, .tag = SERVER_TAG, DATA), FROM_SERVER(e, .tag = CLIENT_TAG, SACK),
		 FROM_CLIENT(e, .tag = SERVER_TAG, DATA, .payload = 241),
		 FROM_CLIENT(e, .tag = SERVER_TAG, DATA, .payload = 1400),
		 FROM_SERVER(e, .tag = CLIENT_TAG, DATA, .payload = 513));
	expect_state(STATE_SCTP_ESTABLISHED);
	exchange(FROM_CLIENT(e, .tag = SERVER_TAG, SACK_SHUTDOWN));
	expect_state(STATE_SCTP_SHUTDOWN);
	exchange(FROM_SERVER(e, .tag = CLIENT_TAG, SHUTDOWN_ACK));
	expect_state(STATE_SCTP_SHUTDOWN);
	exchange(FROM_CLIENT(e, .tag = SERVER_TAG, SHUTDOWN_COMPLETE));
	expect_state(STATE_SCTP_CLOSED);
	// the same ports again, at once: another session
	put(.from = e->client, .to = e->vip, INIT);
	run();
	expect(.from = e->local_any, .to = e->server, INIT);
	expect_state(STATE_SCTP_INIT);
	lab_advance(10);
	assert_int_equal(lab_sessions(), 0);
}

static void test_association(void **state)
{
	service(.vip = ends4.vip, .protocol = IPPROTO_SCTP);
	association(&ends4);
}

static void test_association6(void **state)
{
	service(.vip = ends6.vip, .protocol = IPPROTO_SCTP);
	association(&ends6);
}

/* A wrong checksum stays wrong, by the same; several segments; one that hardware was to make. */
static void test_checksum(void **state)
{
	service(.vip = ends4.vip, .protocol = IPPROTO_SCTP);
	associate(&ends4);
	exchange(FROM_CLIENT(&ends4, .tag = SERVER_TAG, DATA, .payload = 100, .sum = SUM_BROKEN),
		 FROM_SERVER(&ends4, .tag = CLIENT_TAG, DATA, .payload = 100, .sum = SUM_BROKEN),
		 FROM_CLIENT(&ends4, .tag = SERVER_TAG, DATA, .payload = 700, .split = 60),
		 FROM_CLIENT(&ends4, .tag = SERVER_TAG, DATA, .payload = 7, .pad = 9));
	lab_forget();
	fake_iface[CLIENTS].repair = true;
	exchange({{.from = CLIENT ":4000",
		   .to = VIP ":80",
		   .tag = SERVER_TAG,
		   DATA,
		   .payload = 700,
		   .sum = SUM_PARTIAL,
		   .split = 60},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tag = SERVER_TAG,
		   DATA,
		   .payload = 700}});
	assert_int_equal(lab.w->stats.repaired_checksums, 1);
}

/* What ends an association is believed with the right tag only. */
static void test_tags(void **state)
{
	service(.vip = ends4.vip, .protocol = IPPROTO_SCTP);
	associate(&ends4);
	exchange(FROM_CLIENT(&ends4, .tag = 7, ABORT), FROM_SERVER(&ends4, .tag = 7, ABORT),
		 FROM_SERVER(&ends4, .tag = SERVER_TAG, ABORT),
		 FROM_CLIENT(&ends4, .tag = SERVER_TAG, ABORT_REFLECTED),
		 FROM_CLIENT(&ends4, .tag = 7, SHUTDOWN),
		 FROM_CLIENT(&ends4, .tag = 7, SHUTDOWN_COMPLETE));
	expect_state(STATE_SCTP_ESTABLISHED);
	// an INIT on it is passed on, and changes nothing
	exchange(FROM_CLIENT(&ends4, INIT));
	expect_state(STATE_SCTP_ESTABLISHED);
	exchange(FROM_CLIENT(&ends4, .tag = CLIENT_TAG, ABORT_REFLECTED));
	expect_state(STATE_SCTP_CLOSED);
	lab_advance(6);
	assert_int_equal(lab_sessions(), 0);
	associate(&ends4);
	exchange(FROM_SERVER(&ends4, .tag = CLIENT_TAG, ABORT));
	expect_state(STATE_SCTP_CLOSED);
}

/* Half-open ones are limited with those of TCP; a service says how long they live. */
static void test_limits(void **state)
{
	static const struct timeouts timeouts = {
		.seconds = {[STATE_SCTP_INIT] = 20, [STATE_SCTP_ESTABLISHED] = 40}};

	lab_resize(1, 10, 10, 10);
	service(.vip = ends4.vip, .protocol = IPPROTO_SCTP, .timeouts = &timeouts);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", INIT},
		  {.from = LOCAL ":*", .to = SERVER ":80", INIT}},
		 {{.from = CLIENT ":4001", .to = VIP ":80", INIT},
		  {.from = LOCAL ":*", .to = SERVER ":80", INIT}});
	put(.from = CLIENT ":4002", .to = VIP ":80", INIT);
	run();
	expect_drop(half_open_full);
	lab_advance(19);
	assert_int_equal(lab_sessions(), 2);
	lab_advance(2);
	assert_int_equal(lab_sessions(), 0);
}

/* An error that quotes eight bytes, or the whole packet with its checksum. */
static void error_about(unsigned int quoted)
{
	struct packet sent = {
		.from = LOCAL ":@", .to = SERVER ":80", .tag = SERVER_TAG, DATA, .payload = 40};
	struct packet known = {
		.from = CLIENT ":4000", .to = VIP ":80", .tag = SERVER_TAG, DATA, .payload = 40};

	put(.from = SERVER, .to = LOCAL, .icmp = 3, .code = 2, .quote = &sent, .quoted = quoted);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 2, .quote = &known, .quoted = quoted);
}

static void test_icmp(void **state)
{
	service(.vip = ends4.vip, .protocol = IPPROTO_SCTP);
	associate(&ends4);
	error_about(28);
	error_about(0);
	expect_state(STATE_SCTP_ESTABLISHED);
}

/* What Linux itself begins from a local address. */
static void test_kernel(void **state)
{
	service(.vip = ends4.vip, .protocol = IPPROTO_SCTP);
	put(.kernel = true, .from = LOCAL ":5000", .to = SERVER ":9", INIT);
	run();
	expect(.from = LOCAL ":5000", .to = SERVER ":9", INIT, .ttl = 64);
	expect_state(STATE_SCTP_INIT);
	put(.from = SERVER ":9", .to = LOCAL ":5000", .tag = CLIENT_TAG, INIT_ACK);
	run();
	expect_punt(PUNT_REST, .from = SERVER ":9", .to = LOCAL ":5000", .tag = CLIENT_TAG,
		    INIT_ACK);
	expect_state(STATE_SCTP_INIT_ACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_association), lab_test(test_association6), lab_test(test_checksum),
		lab_test(test_tags),	    lab_test(test_limits),	 lab_test(test_icmp),
		lab_test(test_kernel),
	};

	return cmocka_run_group_tests_name("sctp", tests, lab_start, lab_stop);
}
