/* SPDX-License-Identifier: BSD-3-Clause */

/* VIPs and local addresses, counted by their users; and what is refused of a service. */
#include "environment.h"

#include <errno.h>
#include <string.h>

#include "balance/address_set.h"
#include "balance/server.h"
#include "balance/service_data.h"
#include "io/rcu.h"

static struct addr address(unsigned int number)
{
	uint8_t bytes[16] = {0x20, 1, number >> 8, number};

	return number % 2 ? addr_v4(number) : addr_v6(bytes);
}

/* Random users come and go in both roles; the set always says the same as the counts. */
static void test_random(void **state)
{
	static unsigned int users[ADDRESS_ROLES][500];

	for (unsigned int i = 0; i < 50000; i++) {
		unsigned int role = random() % ADDRESS_ROLES, number = random() % 500;
		struct addr addr = address(number);

		if (users[role][number] && random() % 2) {
			address_set_remove(role, &addr);
			users[role][number]--;
		} else if (users[role][number] < 3) {
			assert_int_equal(address_set_add(role, &addr), 0);
			users[role][number]++;
		}
		assert_int_equal(address_set_has(role, &addr), users[role][number] > 0);
		number = random() % 500;
		addr = address(number);
		assert_int_equal(address_set_has(role, &addr), users[role][number] > 0);
		if (i % 100 == 0)
			rcu_poll();
	}
	for (unsigned int role = 0; role < ADDRESS_ROLES; role++) {
		for (unsigned int number = 0; number < 500; number++) {
			struct addr addr = address(number);

			while (users[role][number]) {
				address_set_remove(role, &addr);
				users[role][number]--;
			}
			address_set_remove(role, &addr); // one that is not there
			assert_false(address_set_has(role, &addr));
		}
	}
	assert_int_equal(rcu_poll(), 0);
}

static void test_service(void **state)
{
	struct service_local locals[2];
	struct service_spec spec = {
		.number = service_number_take(),
		.scheduler = "rr",
		.mode = "fullnat",
		.locals = locals,
		.local_count = 2,
	};
	struct error error;
	const struct service *first, *second;

	memset(&spec.key, 0, sizeof(spec.key));
	spec.key.vip = address(3);
	spec.key.port = 80;
	spec.key.protocol = 6;
	locals[0] = (struct service_local){address(5), 1};
	locals[1] = (struct service_local){address(7), 1};
	assert_null(service_find(&spec.key));
	assert_int_equal(service_withdraw(&spec.key), -ENOENT);
	spec.scheduler = "best";
	assert_int_equal(service_publish(&spec, &error), -EINVAL);
	assert_string_equal(error.field, "scheduler");
	spec.scheduler = "wrr";
	spec.mode = "magic";
	assert_int_equal(service_publish(&spec, &error), -EINVAL);
	assert_string_equal(error.field, "mode");
	assert_false(address_set_has(ADDRESS_VIP, &spec.key.vip));
	spec.mode = "fullnat";
	assert_int_equal(service_publish(&spec, &error), 0);
	first = service_find(&spec.key);
	assert_non_null(first);
	assert_true(address_set_has(ADDRESS_VIP, &spec.key.vip));
	assert_true(address_set_has(ADDRESS_LOCAL, &locals[1].addr));
	assert_false(address_set_has(ADDRESS_VIP, &locals[1].addr));
	// Replaced: what both name stays, what only the old one named goes.
	spec.local_count = 1;
	assert_int_equal(service_publish(&spec, &error), 0);
	second = service_find(&spec.key);
	assert_ptr_not_equal(first, second);
	assert_true(address_set_has(ADDRESS_VIP, &spec.key.vip));
	assert_true(address_set_has(ADDRESS_LOCAL, &locals[0].addr));
	assert_false(address_set_has(ADDRESS_LOCAL, &locals[1].addr));
	spec.key.port = 81;
	assert_null(service_find(&spec.key));
	spec.key.port = 80;
	assert_int_equal(service_withdraw(&spec.key), 0);
	assert_null(service_find(&spec.key));
	assert_false(address_set_has(ADDRESS_VIP, &spec.key.vip));
	assert_false(address_set_has(ADDRESS_LOCAL, &locals[0].addr));
	service_number_free(spec.number);
	rcu_poll();
	assert_int_equal(service_number_take(), spec.number);
}

/* Order, weights and sums that the schedulers rely on. */
static void test_service_servers(void **state)
{
	static const struct service_server servers[] = {{3, 4}, {1, 0}, {2, 12}, {5, 8}, {4, 12}};
	struct service_spec spec = {
		.number = 9,
		.scheduler = "wrr",
		.mode = "fullnat",
		.mss = 1234,
		.servers = servers,
		.server_count = 5,
	};
	const struct service *service;
	struct error error;

	memset(&spec.key, 0, sizeof(spec.key));
	spec.key.vip = address(9);
	assert_int_equal(service_publish(&spec, &error), 0);
	service = service_find(&spec.key);
	assert_int_equal(service->server_count, 4);
	assert_int_equal(service->weight_max, 12);
	assert_int_equal(service->weight_gcd, 4);
	assert_int_equal(service->servers[0].server, 2);
	assert_int_equal(service->servers[1].server, 4);
	assert_int_equal(service->servers[2].server, 5);
	assert_int_equal(service->servers[3].server, 3);
	assert_int_equal(server_table[1].mss, 1234); // a server that is drained has sessions too
	assert_int_equal(service_withdraw(&spec.key), 0);
	rcu_poll();
}

static int start(void **state)
{
	environment_start(128);
	if (rcu_start(2) < 0 || server_start() < 0)
		return -1;
	return service_start();
}

static int stop(void **state)
{
	service_stop();
	server_stop();
	rcu_stop();
	eal_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_service_servers),
	};

	return cmocka_run_group_tests_name("address_set", tests, start, stop);
}
