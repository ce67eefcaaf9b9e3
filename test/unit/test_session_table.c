/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The session table against a list, with more sessions to a bucket than it is made for, so that
 * overflow is the rule; and all instruction sets against each other.
 */
#include "session/table.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SESSIONS = 600, OPERATIONS = 100000, KEYS = 2000 };

static struct table table;

/* What should be there: by width and number of the key, the session's number or 0. */
static uint32_t model[2][KEYS];

static struct key4 make_key4(unsigned int number, unsigned int direction)
{
	return (struct key4){
		.source = number * 0x01000193 + direction,
		.destination = number,
		.source_port = number * 7 + direction,
		.destination_port = 80,
		.zone_protocol = 6,
	};
}

static struct key6 make_key6(unsigned int number, unsigned int direction)
{
	struct key6 key = {
		.source_port = number, .destination_port = direction, .zone_protocol = 17};

	memset(key.source, number, sizeof(key.source));
	memcpy(key.destination, &number, sizeof(number));
	return key;
}

/* A third of the wide sessions have an IPv4 tuple in direction 1, another third in direction 0. */
static bool is_other4(bool wide, unsigned int number, unsigned int direction)
{
	return wide && number % 3 == 2 - direction;
}

static struct key4 make_other4(unsigned int number, unsigned int direction)
{
	return make_key4(number + KEYS, direction);
}

static uint32_t find(bool wide, unsigned int number, unsigned int direction)
{
	struct key4 key4 = is_other4(wide, number, direction) ? make_other4(number, direction)
							      : make_key4(number, direction);
	struct key6 key6 = make_key6(number, direction);

	return wide && !is_other4(wide, number, direction)
		       ? table_find6(&table, &key6, key6_hash(&key6))
		       : table_find4(&table, &key4, key4_hash(&key4));
}

static void model_insert(bool wide, unsigned int key)
{
	uint32_t number;
	struct session *s = table_allocate(&table, wide, &number);

	if (!s) {
		assert_int_equal(table.pool[wide].used, table.pool[wide].capacity);
		return;
	}
	for (unsigned int d = 0; d < 2; d++) {
		if (is_other4(wide, key, d)) {
			*(struct key4 *)session_key(s, true, d) = make_other4(key, d);
			s->form = FORM_FAMILY;
		} else if (wide)
			*session_key6(s, d) = make_key6(key, d);
		else
			s->key4[d] = make_key4(key, d);
	}
	s->state = STATE_ESTABLISHED;
	if (random() % 8 == 0)
		table_extra_allocate(&table, s);
	table_insert(&table, wide, number);
	model[wide][key] = number;
}

static void model_compare(bool wide, unsigned int key)
{
	uint32_t entry = model[wide][key] | (wide ? ENTRY_WIDE : 0);

	if (model[wide][key] == 0)
		entry = 0;
	assert_int_equal(find(wide, key, 0), entry);
	assert_int_equal(find(wide, key, 1), entry ? entry | ENTRY_REVERSE : 0);
}

static unsigned int model_used(bool wide)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < KEYS; i++)
		used += model[wide][i] != 0;
	return used;
}

/* Entries in the index, and what its buckets say of entries that went on. */
static void index_count(unsigned int *entries, unsigned int *overflow)
{
	*entries = *overflow = 0;
	for (uint32_t i = 0; i < table.bucket_count; i++) {
		*overflow += table.buckets[i].overflow;
		for (unsigned int j = 0; j < BUCKET_ENTRIES; j++)
			*entries += table.buckets[i].signature[j] != 0;
	}
}

static void table_begin(uint32_t buckets)
{
	hash_start();
	memset(model, 0, sizeof(model));
	assert_int_equal(table_create(&table, 0, SESSIONS, SESSIONS, false), 0);
	table.bucket_count = buckets;
}

static void random_operations(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int key = random() % KEYS;
		bool wide = random() % 2;

		if (model[wide][key] == 0) {
			model_insert(wide, key);
		} else {
			table_remove(&table, wide, model[wide][key]);
			model[wide][key] = 0;
		}
		model_compare(wide, key);
		model_compare(random() % 2, random() % KEYS);
	}
}

static void all_compare(void)
{
	unsigned int entries, overflow;

	for (unsigned int wide = 0; wide < 2; wide++) {
		for (unsigned int key = 0; key < KEYS; key++)
			model_compare(wide, key);
		assert_int_equal(table.pool[wide].used, model_used(wide));
	}
	index_count(&entries, &overflow);
	assert_int_equal(entries, 2 * (model_used(0) + model_used(1)));
}

static void all_remove(void)
{
	unsigned int entries, overflow;

	for (unsigned int wide = 0; wide < 2; wide++)
		for (unsigned int key = 0; key < KEYS; key++)
			if (model[wide][key])
				table_remove(&table, wide, model[wide][key]);
	index_count(&entries, &overflow);
	assert_int_equal(entries, 0);
	assert_int_equal(overflow, 0);
	assert_int_equal(table.pool[0].used + table.pool[1].used + table.extra_pool.used, 0);
	table_destroy(&table);
}

static void test_random(void **state)
{
	// 2,400 entries when all is full: four fifths of the places, instead of half of them
	static const uint32_t bucket_counts[] = {290, 340, 452};

	for (unsigned int i = 0; i < 3; i++) {
		table_begin(bucket_counts[i]);
		random_operations(OPERATIONS / 3);
		all_compare();
		all_remove();
	}
}

/* Numbers are given out from 1 and, once freed, again; zeroed each time. */
static void test_pool(void **state)
{
	uint32_t number;

	table_begin(452);
	for (uint32_t i = 1; i <= SESSIONS; i++) {
		memset(table_allocate(&table, true, &number), 0xff, sizeof(struct session_wide));
		assert_int_equal(number, i);
		table.wide[i].head.extra = 0;
	}
	assert_null(table_allocate(&table, true, &number));
	table_free(&table, true, 7);
	table_free(&table, true, 9);
	for (unsigned int i = 0; i < 2; i++) {
		static const uint8_t zero[sizeof(struct session_wide)];
		struct session *s = table_allocate(&table, true, &number);

		assert_true(number == (i ? 7 : 9));
		assert_memory_equal(s, zero, sizeof(zero));
	}
	assert_null(table_allocate(&table, true, &number));
	table_destroy(&table);
	assert_int_equal(table_create(&table, 0, (uint64_t)ENTRY_NUMBER + 1, 1, false), -EINVAL);
}

static void batch_fill(struct batch *b)
{
	memset(b, 0, sizeof(*b));
	for (unsigned int i = 0; i < BATCH; i++) {
		struct pkt *p = &b->pkt[i];
		unsigned int key = random() % KEYS, direction = random() % 2;

		if (random() % 2 && is_other4(true, key, direction)) {
			p->key4 = make_other4(key, direction);
			p->hash = key4_hash(&p->key4);
		} else if (random() % 2) {
			p->flags = PKT_IPV6;
			p->key6 = make_key6(key, direction);
			p->hash = key6_hash(&p->key6);
		} else {
			p->key4 = make_key4(key, direction);
			p->hash = key4_hash(&p->key4);
		}
		if (random() % 8)
			lane_add(&b->flow, i);
		p->session = 12345; // what was there before must not matter
	}
}

static void batch_compare(void (*find_batch)(struct table *t, struct batch *b))
{
	static struct batch b;
	unsigned int known = 0, miss = 0;

	batch_fill(&b);
	find_batch(&table, &b);
	assert_int_equal(b.known.count + b.miss.count, b.flow.count);
	for (unsigned int i = 0; i < b.flow.count; i++) {
		const struct pkt *p = &b.pkt[b.flow.at[i]];
		uint32_t entry = p->flags & PKT_IPV6 ? table_find6(&table, &p->key6, p->hash)
						     : table_find4(&table, &p->key4, p->hash);

		assert_int_equal(p->session, entry);
		if (entry)
			assert_int_equal(b.known.at[known++], b.flow.at[i]);
		else
			assert_int_equal(b.miss.at[miss++], b.flow.at[i]);
	}
}

static void test_instructions(void **state)
{
	for (unsigned int i = 0; i < 3; i++) {
		table_begin(290 + 100 * i);
		random_operations(5000);
		for (unsigned int j = 0; j < 300; j++) {
			batch_compare(find_batch_scalar);
#ifdef __x86_64__
			batch_compare(find_batch_sse4);
			if (rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0)
				batch_compare(find_batch_avx2);
			if (rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0 &&
			    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0)
				batch_compare(find_batch_avx512);
#endif
			table_choose_instructions();
			batch_compare(table_find_batch);
		}
		all_remove();
	}
}

/* Each way of comparing signatures sees the same, in every place and with all neighbours set. */
static void test_match(void **state)
{
	for (unsigned int i = 0; i < 20000; i++) {
		struct bucket b;
		uint16_t wanted = 1 + random() % 4;
		uint32_t mask;

		memset(&b, 0xff, sizeof(b));
		for (unsigned int j = 0; j < BUCKET_ENTRIES; j++) {
			b.signature[j] = random() % 5;
			b.entry[j] = wanted | (uint32_t)wanted << 16;
		}
		b.overflow = b.spare = wanted;
		mask = match_scalar(&b, wanted);
#ifdef __x86_64__
		assert_int_equal(match_sse4(&b, wanted), mask);
#endif
	}
}

/*
 * Who chooses addresses may find tuples of both families with one hash and the same bytes. None of
 * them is taken for the other: neither in a session of IPv6 alone, nor in one of two families.
 */
static void test_families_apart(void **state)
{
	struct key6 key6 = make_key6(1, 0);
	struct key4 key4 = make_key4(1, 0), bytes;
	struct session *s;
	uint32_t number;

	table_begin(1);
	// An IPv6 tuple with the hash of the IPv4 tuple that its first bytes are.
	do {
		uint64_t random_bytes[2] = {random(), random() | 6UL << 32};

		memcpy(key6.source, random_bytes, 16);
		memcpy(&bytes, random_bytes, 16);
	} while (signature_of(key6_hash(&key6)) != signature_of(key4_hash(&bytes)));
	s = table_allocate(&table, true, &number);
	*session_key6(s, 0) = key6;
	*session_key6(s, 1) = make_key6(2, 1);
	table_insert(&table, true, number);
	assert_int_equal(find_any(&table, &key6, true, key6_hash(&key6)), number | ENTRY_WIDE);
	assert_int_equal(find_any(&table, &bytes, false, key4_hash(&bytes)), 0);
	table_remove(&table, true, number);

	s = table_allocate(&table, true, &number);
	s->form = FORM_FAMILY;
	*session_key6(s, 0) = key6;
	*(struct key4 *)session_key(s, true, 1) = key4;
	table_insert(&table, true, number);
	assert_int_equal(find_any(&table, &key4, false, key4_hash(&key4)),
			 number | ENTRY_WIDE | ENTRY_REVERSE);
	assert_int_equal(find_any(&table, &bytes, false, key4_hash(&bytes)), 0);
	// And one whose bytes are those of the IPv4 tuple with zeros behind, but for its protocol.
	memset(&key6, 0, sizeof(key6));
	memcpy(&key6, &key4, sizeof(key4));
	do {
		key6.source_port = random();
		key6.destination_port = random();
		key6.zone_protocol = 6;
	} while (signature_of(key6_hash(&key6)) != signature_of(key4_hash(&key4)));
	assert_int_equal(find_any(&table, &key6, true, key6_hash(&key6)), 0);
	table_remove(&table, true, number);
	table_destroy(&table);
}

static void test_turn(void **state)
{
	struct key6 key = make_key6(4711, 1), turned = key6_turn(&key), again = key6_turn(&turned);
	struct key4 narrow = make_key4(4711, 1), other = key4_turn(&narrow);

	assert_memory_equal(&key, &again, sizeof(key));
	assert_memory_equal(key.source, turned.destination, 16);
	assert_int_equal(turned.source_port, key.destination_port);
	assert_int_equal(other.source, narrow.destination);
	assert_int_equal(other.destination_port, narrow.source_port);
	assert_int_equal(other.zone_protocol, narrow.zone_protocol);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	     cmocka_unit_test(test_pool),
		cmocka_unit_test(test_instructions), cmocka_unit_test(test_match),
		cmocka_unit_test(test_turn),	     cmocka_unit_test(test_families_apart),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
