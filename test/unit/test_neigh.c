/* SPDX-License-Identifier: BSD-3-Clause */
/* When Linux is asked about a neighbour, and what workers find, on a clock of our own. */
#include "net/neigh.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <rte_eal.h>

static struct iface iface = {.name = "t0", .index = 1, .mtu = 1500, .up = true};
static uint64_t now = 1000 * 1000;
static uint16_t last_number;
static unsigned int numbers_live, changes, told;
static struct retired *waiting;

struct iface *iface_table[IFACE_MAX] = {[1] = &iface};

uint16_t nexthop_create(const struct iface *on, const struct addr *addr,
			const struct rte_ether_addr *mac, uint16_t mtu)
{
	numbers_live++;
	last_number = last_number ? last_number + 1 : NEXTHOP_FIRST;
	return last_number;
}

void nexthop_release(uint16_t number)
{
	numbers_live--;
}

void route_changed(void)
{
	changes++;
}

void retire(struct retired *object, void (*reclaim)(struct retired *self))
{
	object->reclaim = reclaim;
	object->next = waiting;
	waiting = object;
}

static void reclaim_all(void)
{
	for (struct retired *object = waiting, *next; object; object = next) {
		next = object->next;
		object->reclaim(object);
	}
	waiting = NULL;
}

static void user_changed(struct neigh_user *user)
{
	told++;
}

static const struct addr server = {.family = AF_INET, .bytes = {10, 0, 0, 2}};
static const struct rte_ether_addr mac1 = {{2, 0, 0, 0, 0, 1}}, mac2 = {{2, 0, 0, 0, 0, 2}};

static int start(void **state)
{
	return neigh_start();
}

static int stop(void **state)
{
	neigh_stop();
	reclaim_all();
	return numbers_live; // all are given back
}

/* After `ms`: does the kernel have to be told something? */
static bool due_after(unsigned int ms)
{
	now += ms;
	neigh_tick(now);
	return neigh_next_due(now) != NULL;
}

static void says(uint16_t nud, const struct rte_ether_addr *mac)
{
	neigh_update(1, &server, nud, mac, true);
}

static void test_watched(void **state)
{
	struct neigh_user user;
	uint16_t first;

	assert_int_equal(neigh_attach(&user, 1, &server, user_changed), 0);
	assert_true(due_after(50));
	assert_false(due_after(50)); // not again at once
	assert_true(due_after(1000));
	says(NUD_REACHABLE, &mac1);
	assert_false(due_after(5000));
	first = neigh_lookup(1, &server, 0);
	assert_true(first >= NEXTHOP_FIRST);

	says(NUD_STALE, &mac1);
	assert_true(due_after(50));
	says(NUD_PROBE, &mac1);
	says(NUD_REACHABLE, &mac1);
	assert_int_equal(neigh_lookup(1, &server, 0), first); // nothing has changed for workers

	told = 0;
	says(NUD_REACHABLE, &mac2);
	assert_int_equal(told, 1);
	assert_int_not_equal(neigh_lookup(1, &server, 0), first);

	says(NUD_FAILED, NULL);
	assert_int_equal(neigh_lookup(1, &server, 0), NEXTHOP_UNRESOLVED);
	assert_true(due_after(1000));
	neigh_detach(&user);
	assert_true(due_after(1000)); // to be deleted
	neigh_delete(1, &server);
	assert_null(neigh_search(1, &server));
}

static void test_fixed(void **state)
{
	struct neigh_user user;

	says(NUD_PERMANENT, &mac1);
	assert_int_equal(neigh_attach(&user, 1, &server, user_changed), 0);
	assert_false(due_after(1000));
	assert_true(neigh_lookup(1, &server, 0) >= NEXTHOP_FIRST);
	neigh_detach(&user);
	assert_false(due_after(5000)); // not ours to delete
}

static void test_requested(void **state)
{
	neigh_request(1, &server);
	neigh_request(1, &server);
	neigh_request(7, &server); // no such interface
	assert_true(due_after(50));
	assert_false(due_after(50));
	says(NUD_REACHABLE, &mac1);
	says(NUD_STALE, &mac1);
	assert_false(due_after(5000));
	assert_true(due_after(11000)); // verified
	for (unsigned int i = 0; i < 40; i++) {
		neigh_lookup(1, &server, 0);
		due_after(15000);
	}
	assert_true(neigh_wanted(neigh_search(1, &server)));
	for (unsigned int i = 0; i < 25; i++)
		due_after(15000);
	assert_false(neigh_wanted(neigh_search(1, &server)));
	neigh_delete(1, &server);
	assert_null(neigh_search(1, &server));
}

/* Nobody answers: forgotten, until a worker asks again. */
static void test_requested_in_vain(void **state)
{
	neigh_request(1, &server);
	assert_true(due_after(50));
	says(NUD_FAILED, NULL);
	assert_false(due_after(1000));
	neigh_delete(1, &server);
	for (unsigned int i = 0; i < 5; i++)
		assert_false(due_after(1000));
	assert_null(neigh_search(1, &server));
	neigh_request(1, &server);
	assert_true(due_after(50));
	due_after(10000);
}

static void test_dump(void **state)
{
	says(NUD_REACHABLE, &mac1);
	neigh_dump_begin(AF_INET);
	neigh_dump_end(AF_INET, true);
	assert_null(neigh_search(1, &server)); // it was not named

	says(NUD_REACHABLE, &mac1);
	neigh_dump_begin(AF_INET);
	neigh_dump_end(AF_INET, false);
	assert_non_null(neigh_search(1, &server));

	// An event is newer than what a dump says that had begun before.
	neigh_dump_begin(AF_INET);
	neigh_delete(1, &server);
	neigh_update(1, &server, NUD_REACHABLE, &mac1, false);
	assert_int_equal(neigh_lookup(1, &server, 0), NEXTHOP_UNRESOLVED);
	neigh_dump_end(AF_INET, true);
	assert_null(neigh_search(1, &server));

	neigh_dump_begin(AF_INET);
	says(NUD_REACHABLE, &mac2);
	neigh_update(1, &server, NUD_FAILED, NULL, false);
	neigh_dump_end(AF_INET, true);
	assert_true(neigh_lookup(1, &server, 0) >= NEXTHOP_FIRST);
}

static void test_mtu(void **state)
{
	uint16_t wide, narrow;

	says(NUD_REACHABLE, &mac1);
	neigh_add_mtu(1, 1400);
	wide = neigh_lookup(1, &server, 0);
	narrow = neigh_lookup(1, &server, 1400);
	assert_true(narrow >= NEXTHOP_FIRST && narrow != wide);
	assert_int_equal(neigh_lookup(1, &server, 1300), wide);
	says(NUD_REACHABLE, &mac2);
	assert_int_not_equal(neigh_lookup(1, &server, 1400), narrow);
	assert_int_not_equal(neigh_lookup(1, &server, 1400), neigh_lookup(1, &server, 0));
	iface.mtu = 1400;
	neigh_iface_changed(1);
	iface.mtu = 1500;
	assert_int_equal(numbers_live, 1); // both are the same now
}

static void test_iface_gone(void **state)
{
	struct neigh_user user;

	assert_int_equal(neigh_attach(&user, 1, &server, user_changed), 0);
	says(NUD_REACHABLE, &mac1);
	neigh_iface_gone(1);
	assert_int_equal(neigh_lookup(1, &server, 0), NEXTHOP_UNRESOLVED);
	neigh_detach(&user);
	assert_null(neigh_search(1, &server));
}

int main(void)
{
	static char *eal[] = {"test", "--no-huge", "--no-pci",	     "--no-shconf",
			      "-m",   "16",	   "--no-telemetry", "--log-level=lib.eal:error"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_watched, start, stop),
		cmocka_unit_test_setup_teardown(test_fixed, start, stop),
		cmocka_unit_test_setup_teardown(test_requested, start, stop),
		cmocka_unit_test_setup_teardown(test_requested_in_vain, start, stop),
		cmocka_unit_test_setup_teardown(test_dump, start, stop),
		cmocka_unit_test_setup_teardown(test_mtu, start, stop),
		cmocka_unit_test_setup_teardown(test_iface_gone, start, stop),
	};

	if (rte_eal_init(sizeof(eal) / sizeof(eal[0]), eal) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
