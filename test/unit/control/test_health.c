/* SPDX-License-Identifier: BSD-3-Clause */

/* What is remembered of the health of real servers. */
#include <string.h>

#include "control/health.h"
#include "fakes.h"

static struct service_key key(uint16_t port)
{
	struct service_key made = {.port = port, .protocol = IPPROTO_TCP};

	addr_parse("10.0.0.100", &made.vip);
	return made;
}

static struct addr server(uint32_t number)
{
	return addr_v4(htonl(0x0a010000 + number));
}

static void test_note(void **state)
{
	const struct service_key service = key(80), other = key(81);
	const struct addr addr = server(1);
	const struct health_entry *entry;

	assert_null(health_find(&service, &addr, 80));
	health_note(&service, &addr, 80, "down", "connection refused");
	entry = health_find(&service, &addr, 80);
	assert_non_null(entry);
	assert_string_equal(entry->state, "down");
	assert_string_equal(entry->reason, "connection refused");
	assert_int_equal(entry->changes, 1);
	assert_true(entry->since > 0);
	assert_null(health_find(&other, &addr, 80));
	assert_null(health_find(&service, &addr, 81));
	health_note(&service, &addr, 80, "down", "said again");
	assert_string_equal(entry->reason, "connection refused");
	assert_int_equal(entry->changes, 1);
	health_note(&service, &addr, 80, "up", "connected");
	assert_string_equal(entry->state, "up");
	assert_int_equal(entry->changes, 2);
	health_stop();
}

static void test_long_texts_are_cut(void **state)
{
	const struct service_key service = key(80);
	const struct addr addr = server(1);
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	health_note(&service, &addr, 80, text, text);
	health_note(&service, &addr, 80, text, text);
	assert_int_equal(strlen(health_find(&service, &addr, 80)->state), HEALTH_STATE - 1);
	assert_int_equal(strlen(health_find(&service, &addr, 80)->reason), HEALTH_REASON - 1);
	assert_int_equal(health_find(&service, &addr, 80)->changes, 1);
	health_stop();
}

/* The one whose change is oldest makes room, and slots are used again. */
static void test_bound(void **state)
{
	const struct service_key service = key(80);
	struct addr addr = server(0);
	uint32_t cursor = 0, count = 0;

	for (uint32_t i = 0; i < HEALTH_MAX; i++) {
		addr = server(i);
		health_note(&service, &addr, 80, "up", "connected");
	}
	addr = server(0);
	health_note(&service, &addr, 80, "down", "it changes, so it is the newest now");
	addr = server(HEALTH_MAX);
	health_note(&service, &addr, 80, "up", "one too many");
	assert_non_null(health_find(&service, &addr, 80));
	addr = server(0);
	assert_non_null(health_find(&service, &addr, 80));
	addr = server(1);
	assert_null(health_find(&service, &addr, 80));
	while (health_next(&cursor) != NULL)
		count++;
	assert_int_equal(count, HEALTH_MAX);
	assert_int_equal(cursor, HEALTH_MAX);
	health_stop();
}

static void test_time(void **state)
{
	char text[HEALTH_TIME];

	assert_string_equal(health_time_format(1700000000123, text), "2023-11-14T22:13:20Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_long_texts_are_cut),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
