/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The source classifier against a slow search through all entries, with random prefixes of several
 * lists that come, change and go.
 */
#include "balance/source_list.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { LISTS = 6, ENTRIES = 600, ROUNDS = 1200, PROBES = 30 };

static struct source_rest *waiting[ROUNDS + 16]; // for the end of a grace period
static unsigned int waiting_count;

int rcu_defer(void (*done)(void *arg), void *arg)
{
	waiting[waiting_count++] = arg;
	return 0;
}

static void grace(void)
{
	for (unsigned int i = 0; i < waiting_count; i++)
		rest_free(waiting[i]);
	waiting_count = 0;
}

static struct entry {
	bool there, nomatch;
	unsigned int list;
	struct prefix prefix;
} entries[ENTRIES];

static uint32_t lists[LISTS];

static struct addr random_addr(uint8_t family)
{
	struct addr addr = {.family = family};

	// Few distinct bytes, so that prefixes cover each other on all levels.
	for (unsigned int i = 0; i < (family == AF_INET6 ? 16 : 4); i++)
		addr.bytes[i] = random() % 6 ? random() % 3 * 0x55 : random();
	return addr;
}

static void cut(struct prefix *prefix)
{
	for (unsigned int bit = prefix->len; bit < 128; bit++)
		prefix->addr.bytes[bit / 8] &= ~(0x80 >> bit % 8);
}

static bool covers(const struct prefix *prefix, const struct addr *addr)
{
	for (unsigned int bit = 0; bit < prefix->len; bit++)
		if ((prefix->addr.bytes[bit / 8] ^ addr->bytes[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return prefix->addr.family == addr->family;
}

/* Is it on the list? The longest prefix of the list says so. */
static bool naive(const struct addr *addr, unsigned int list)
{
	const struct entry *best = NULL;

	for (unsigned int i = 0; i < ENTRIES; i++)
		if (entries[i].there && entries[i].list == list &&
		    covers(&entries[i].prefix, addr) &&
		    (!best || entries[i].prefix.len > best->prefix.len))
			best = &entries[i];
	return best && !best->nomatch;
}

static bool is_known(const struct prefix *prefix, unsigned int list)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (entries[i].there && entries[i].list == list &&
		    entries[i].prefix.len == prefix->len &&
		    memcmp(&entries[i].prefix.addr, &prefix->addr, sizeof(prefix->addr)) == 0)
			return true;
	return false;
}

/* Long prefixes more often than short ones, but all lengths. */
static unsigned int random_len(unsigned int bits)
{
	switch (random() % 4) {
	case 0:
		return random() % (bits + 1);
	case 1:
		return 8 * (random() % (bits / 8 + 1));
	case 2:
		return bits;
	}
	return bits - random() % (bits / 2);
}

static void change_one(uint8_t family)
{
	unsigned int bits = family == AF_INET6 ? 128 : 32;
	struct entry *e = &entries[random() % ENTRIES];

	if (e->there && random() % 2) {
		source_remove(lists[e->list], &e->prefix);
		e->there = false;
		return;
	}
	if (!e->there) {
		struct prefix prefix = {.addr = random_addr(family), .len = random_len(bits)};
		unsigned int list = random() % LISTS;

		cut(&prefix);
		if (is_known(&prefix, list))
			return;
		*e = (struct entry){.there = true, .list = list, .prefix = prefix};
	}
	e->nomatch = random() % 5 == 0;
	assert_int_equal(source_put(lists[e->list], &e->prefix, e->nomatch), 0);
}

static void probe(uint8_t family)
{
	bool ipv6 = family == AF_INET6;

	for (unsigned int i = 0; i < PROBES; i++) {
		const struct entry *near = &entries[random() % ENTRIES];
		struct addr addr = random_addr(family);
		uint32_t class;

		if (random() % 2 && near->there) { // just inside, or just outside, of a prefix
			unsigned int bit = random() % (ipv6 ? 128 : 32);

			addr = near->prefix.addr;
			addr.bytes[bit / 8] ^= random() % 2 ? 0x80 >> bit % 8 : 0;
		}
		class = source_find(addr.bytes, ipv6);
		for (unsigned int list = 0; list < LISTS; list++)
			assert_int_equal(source_has(&source_classes[class], lists[list], ipv6),
					 naive(&addr, list));
	}
}

static void test_random(void **state)
{
	uint8_t family = *(uint8_t *)*state;

	srandom(family + 7);
	memset(entries, 0, sizeof(entries));
	assert_int_equal(source_list_start(), 0);
	for (unsigned int i = 0; i < LISTS; i++)
		lists[i] = source_list_take();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = random() % 4 ? 1 : 50; i > 0; i--)
			change_one(family);
		assert_int_equal(source_commit(), 0);
		if (round % 4 == 0)
			probe(family);
		if (round % 16 == 0)
			grace();
	}
	for (unsigned int i = 0; i < ENTRIES; i++) {
		if (entries[i].there)
			source_remove(lists[entries[i].list], &entries[i].prefix);
		entries[i].there = false;
	}
	assert_int_equal(source_commit(), 0);
	grace();
	probe(family);
	assert_int_equal(lines_live, 0); // nothing is left behind
	assert_int_equal(tree_live(), 2);
	for (unsigned int i = 0; i < SOURCE_LISTS; i++)
		assert_int_equal(source_classes[i].references, 0);
	source_list_stop();
}

/* Lists that nobody needs any more leave room for others: numbers come again. */
static void test_numbers(void **state)
{
	struct prefix prefix;
	uint32_t first;

	assert_int_equal(source_list_start(), 0);
	first = source_list_take();
	assert_int_equal(prefix_parse("192.0.2.0/24", &prefix), 0);
	assert_int_equal(source_put(first, &prefix, false), 0);
	assert_int_equal(source_commit(), 0);
	assert_true(
		source_has(&source_classes[source_find(prefix.addr.bytes, false)], first, false));
	source_remove(first, &prefix);
	assert_int_equal(source_commit(), 0);
	assert_int_equal(source_find(prefix.addr.bytes, false), 0);
	grace();
	source_list_free(first);
	assert_int_equal(source_list_take(), first);
	source_list_stop();
}

/* All addresses of a family, in one step and with exceptions. */
static void test_everybody(void **state)
{
	struct prefix all, one;
	struct addr other = {0};
	uint32_t list;

	assert_int_equal(source_list_start(), 0);
	list = source_list_take();
	assert_int_equal(prefix_parse("0.0.0.0/0", &all), 0);
	assert_int_equal(prefix_parse("192.0.2.7", &one), 0);
	assert_int_equal(addr_parse("198.51.100.1", &other), 0);
	source_put(list, &all, false);
	source_put(list, &one, true);
	source_commit();
	assert_true(source_has(&source_classes[source_find(other.bytes, false)], list, false));
	assert_false(source_has(&source_classes[source_find(one.addr.bytes, false)], list, false));
	assert_int_equal(addr_parse("2001:db8::1", &other), 0);
	assert_false(source_has(&source_classes[source_find(other.bytes, true)], list, true));
	source_list_stop();
	waiting_count = 0;
}

int main(void)
{
	static uint8_t families[] = {AF_INET, AF_INET6};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_random, &families[0]),
		cmocka_unit_test_prestate(test_random, &families[1]),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
