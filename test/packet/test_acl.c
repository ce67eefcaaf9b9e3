/* SPDX-License-Identifier: BSD-3-Clause */

/* Access lists: who may begin something, by the node and by a service, and what it does to sessions. */
#include "lab.h"

#include <stdlib.h>
#include <string.h>

#include "balance/access.h"
#include "balance/source_list.h"

static uint32_t list_of(const char *text)
{
	uint32_t list = source_list_take();
	struct prefix prefix;

	assert_int_not_equal(list, 0);
	assert_int_equal(prefix_parse(text, &prefix), 0);
	assert_int_equal(source_put(list, &prefix, false), 0);
	assert_int_equal(source_commit(), 0);
	return list;
}

/* Lists of one prefix each (NULL: none); returns the counters of those denied, allowed, on none. */
static void lists(uint32_t number, const char *deny, const char *allow, uint32_t hits[3])
{
	struct access *access = calloc(1, sizeof(*access) + 2 * sizeof(access->entries[0]));
	const char *texts[] = {deny, allow};

	for (unsigned int i = 0; i < 2; i++) {
		struct access_entry *entry = &access->entries[access->denied + access->allowed];

		hits[i] = 0;
		if (!texts[i])
			continue;
		entry->list = list_of(texts[i]);
		entry->hits = hits[i] = access_hits_take();
		access->mask |= 1ull << entry->list % 64;
		if (i == 0)
			access->denied++;
		else
			access->allowed++;
	}
	access->missed = hits[2] = access_hits_take();
	access_publish(number, access);
	access_changed();
}

static void test_service(void **state)
{
	uint32_t number = service(.vip = VIP ":80"), hits[3];

	service(.vip = VIP ":81");
	lists(number, CLIENT "/32", NULL, hits);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drop(acl_denied);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK); // no reset in answer either
	run();
	expect_drop(acl_denied);
	assert_int_equal(access_hits(hits[0]), 2);
	exchange({{.from = CLIENT ":4000", .to = VIP ":81", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN}},
		 {{.from = "10.1.0.2:4000", .to = VIP ":80", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN}});
	access_publish(number, NULL);
}

static void test_allow(void **state)
{
	uint32_t number = service(.vip = VIP ":80"), hits[3];

	lists(number, "10.1.0.128/25", "10.1.0.0/24", hits);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN}});
	put(.from = "10.1.0.129:4000", .to = VIP ":80", .tcp = SYN); // on both
	run();
	expect_drop(acl_denied);
	put(.from = "10.1.1.1:4000", .to = VIP ":80", .tcp = SYN); // on none
	run();
	expect_drop(acl_not_allowed);
	assert_int_equal(access_hits(hits[0]), 1);
	assert_int_equal(access_hits(hits[1]), 1);
	assert_int_equal(access_hits(hits[2]), 1);
	access_publish(number, NULL);
}

static void test_ipv6(void **state)
{
	uint32_t number = service(.vip = "[" VIP6 "]:80"), hits[3];

	lists(number, "2001:db8:1::/64", NULL, hits);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	run();
	expect_drop(acl_denied);
	access_publish(number, NULL);
}

/* Known sessions are not judged; what has none is dropped whatever it is for. */
static void test_node(void **state)
{
	uint32_t hits[3];

	service(.vip = VIP ":80");
	access_set_keep(true);
	lab_advance(3); // what tests before have changed is over
	lab_connect(&ends4);
	lists(ACCESS_NODE, "10.1.0.0/24", NULL, hits);
	lab_advance(3);
	exchange({{.from = ends4.client, .to = ends4.vip, .tcp = ACK},
		  {.from = ends4.local, .to = ends4.server, .tcp = ACK}});
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":4001", .to = VIP ":99", .tcp = SYN); // no service
	put(.from = CLIENT ":179", .to = "10.0.0.1:179", .tcp = SYN);
	put(.from = "10.1.1.1:4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect_drops(acl_node_denied, 3);
	assert_int_equal(access_hits(hits[0]), 3);
	access_publish(ACCESS_NODE, NULL);
	access_set_keep(false);
}

/* Within two passes, and only of who would not be let in. */
static void test_sessions_end(void **state)
{
	uint32_t hits[3];
	uint64_t ended = lab.w->stats.acl_ended;

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	exchange({{.from = "10.1.1.1:4000", .to = VIP ":80", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN}});
	assert_int_equal(lab_sessions(), 2);
	lists(ACCESS_NODE, CLIENT, NULL, hits);
	lab_advance(3);
	assert_int_equal(lab_sessions(), 1);
	assert_int_equal(lab.w->stats.acl_ended - ended, 1);
	assert_int_equal(access_hits(hits[0]), 0); // nobody came
	access_publish(ACCESS_NODE, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_service), lab_test(test_allow),	     lab_test(test_ipv6),
		lab_test(test_node),	lab_test(test_sessions_end),
	};

	return cmocka_run_group_tests_name("acl", tests, lab_start, lab_stop);
}
