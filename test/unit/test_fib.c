/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The trie against a slow search through a list, with random prefixes that come, change and go.
 */
#include "net/fib.c"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { PREFIXES = 400, ROUNDS = 6000, PROBES = 40 };

static struct retired *waiting; // what was retired and not reclaimed yet

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

static struct model {
	bool there;
	struct prefix prefix;
	uint32_t value;
} model[PREFIXES];

static struct addr random_addr(uint8_t family)
{
	struct addr addr = {.family = family};

	// Few distinct bytes, so that prefixes cover each other on all levels.
	for (unsigned int i = 0; i < (family == AF_INET6 ? 16 : 4); i++)
		addr.bytes[i] = random() % 4 ? random() % 3 * 0x55 : random();
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

static const struct model *longest(const struct addr *addr, unsigned int below)
{
	const struct model *best = NULL;

	for (unsigned int i = 0; i < PREFIXES; i++)
		if (model[i].there && model[i].prefix.len < below &&
		    covers(&model[i].prefix, addr) &&
		    (!best || model[i].prefix.len > best->prefix.len))
			best = &model[i];
	return best;
}

static bool known(const struct prefix *prefix)
{
	for (unsigned int i = 0; i < PREFIXES; i++)
		if (model[i].there && model[i].prefix.len == prefix->len &&
		    !memcmp(&model[i].prefix.addr, &prefix->addr, sizeof(prefix->addr)))
			return true;
	return false;
}

static uint32_t lookup(const struct addr *addr)
{
	return addr->family == AF_INET6 ? fib_lookup6(addr->bytes) : fib_lookup4(addr->v4);
}

static void change_one(uint8_t family)
{
	struct model *one = &model[random() % PREFIXES];
	unsigned int bits = family == AF_INET6 ? 128 : 32;

	if (one->there && one->prefix.addr.family == family && random() % 2) {
		const struct model *cover = longest(&one->prefix.addr, one->prefix.len);

		one->there = false;
		fib_clear(&one->prefix, cover ? &cover->prefix : NULL, cover ? cover->value : 0);
		return;
	}
	if (!one->there) {
		struct prefix prefix = {.addr = random_addr(family), .len = random() % (bits + 1)};

		cut(&prefix);
		if (known(&prefix))
			return;
		one->prefix = prefix;
		one->there = true;
	}
	one->value = random() % 1000;
	assert_int_equal(fib_set(&one->prefix, one->value), 0);
}

static void probe(uint8_t family)
{
	for (unsigned int i = 0; i < PROBES; i++) {
		struct addr addr = random_addr(family);
		const struct model *best = longest(&addr, 129);

		assert_int_equal(lookup(&addr), best ? best->value : 0);
	}
}

static void clear_all(void)
{
	for (unsigned int i = 0; i < PREFIXES; i++) {
		const struct model *cover;

		if (!model[i].there)
			continue;
		model[i].there = false;
		cover = longest(&model[i].prefix.addr, model[i].prefix.len);
		fib_clear(&model[i].prefix, cover ? &cover->prefix : NULL,
			  cover ? cover->value : 0);
	}
}

static void test_random(void **state)
{
	uint8_t family = *(uint8_t *)*state;

	srandom(family);
	assert_int_equal(fib_start(), 0);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		change_one(family);
		if (round % 8 == 0)
			probe(family);
		if (round % 64 == 0)
			reclaim_all();
	}
	clear_all();
	reclaim_all();
	probe(family);
	assert_int_equal(nodes_live, 0); // nothing is left behind
	fib_stop();
}

static void set(const char *text, uint32_t value)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	assert_int_equal(fib_set(&prefix, value), 0);
}

static void test_shadow(void **state)
{
	assert_int_equal(fib_start(), 0);
	set("0.0.0.0/0", 7);
	set("10.0.0.0/8", 8);
	set("10.1.0.0/16", 0); // through an interface that is not ours
	set("10.1.2.0/24", 9);
	assert_int_equal(fib_lookup4(htonl(0x01020304)), 7);
	assert_int_equal(fib_lookup4(htonl(0x0a020304)), 8);
	assert_int_equal(fib_lookup4(htonl(0x0a010304)), 0);
	assert_int_equal(fib_lookup4(htonl(0x0a010204)), 9);
	fib_stop();
}

/* When the nodes are used up, the caller hears of it, and what is there still works. */
static void test_full(void **state)
{
	struct prefix prefix = {.addr.family = AF_INET6, .len = 128};
	uint32_t made = 0;

	assert_int_equal(fib_start(), 0);
	set("2001:db8::/32", 5);
	nodes_made = NODE_MAX - 20;
	for (prefix.addr.bytes[0] = 0x30;; prefix.addr.bytes[0]++, made++)
		if (fib_set(&prefix, 1) < 0)
			break;
	assert_true(made < 20);
	reclaim_all();
	assert_int_equal(fib_lookup6((const uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, 1}), 5);
	assert_int_equal(fib_lookup6(prefix.addr.bytes), 0);
	fib_stop();
}

int main(void)
{
	static uint8_t ipv4 = AF_INET, ipv6 = AF_INET6;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_random, &ipv4),
		cmocka_unit_test_prestate(test_random, &ipv6),
		cmocka_unit_test(test_shadow),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
