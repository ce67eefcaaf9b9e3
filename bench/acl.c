/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What access lists cost: a new connection with and without lists of a million prefixes, and a
 * packet of somebody whom the node denies. In turns in one process (turns.h). Number: prefixes of
 * each list.
 */
#include "turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "balance/access.h"
#include "balance/source_list.h"
#include "io/rcu.h"

enum { CLIENTS_EACH = 16384, CHANGES = 1000 };
enum kind { NONE, SHORT, LONG, IPV6, KINDS };

static const struct row {
	const char *name;
	enum kind kind; // of the list that the service, or the node, has
	bool ipv6, node;
} rows[] = {
	{"new", NONE, false, false},
	{"new-to-24", SHORT, false, false},
	{"new-beyond-24", LONG, false, false},
	{"new-ipv6", NONE, true, false},
	{"new-ipv6-list", IPV6, true, false},
	{"denied-to-24", SHORT, false, true},
	{"denied-beyond-24", LONG, false, true},
	{"denied-ipv6", IPV6, true, true},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *const kind_names[KINDS] = {"none", "to-24", "beyond-24", "ipv6"};

static struct {
	unsigned int prefixes;
	uint32_t list[KINDS], hits[KINDS], number, number6;
	const struct play *plays[ROWS];
} bench;

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Anywhere but where clients of this bench are not to be: 10/8, 127/8 and above 223. */
static uint32_t random_v4(void)
{
	uint32_t address;

	do
		address = (uint32_t)random_bits();
	while (address >> 24 == 10 || address >> 24 == 127 || address >> 24 == 0 ||
	       address >> 24 > 223);
	return address;
}

static struct prefix random_prefix(enum kind kind)
{
	struct prefix prefix = {.addr.family = kind == IPV6 ? AF_INET6 : AF_INET};
	unsigned int bits = kind == IPV6 ? 128 : 32;

	if (kind == IPV6) {
		static const uint8_t lens[] = {32, 48, 48, 48, 56, 64, 64, 128};

		prefix.len = lens[random_bits() % sizeof(lens)];
		for (unsigned int i = 0; i < 4; i++)
			prefix.addr.v6[i] = (uint32_t)random_bits();
		prefix.addr.bytes[0] = 0x20 | (prefix.addr.bytes[0] & 0x1f);
	} else {
		prefix.len = kind == SHORT ? 16 + random_bits() % 9 : 25 + random_bits() % 8;
		prefix.addr.v4 = rte_cpu_to_be_32(random_v4());
	}
	for (unsigned int bit = prefix.len; bit < bits; bit++)
		prefix.addr.bytes[bit / 8] &= ~(0x80 >> bit % 8);
	return prefix;
}

static void figure(enum kind kind, const char *what, double value)
{
	char name[32];

	snprintf(name, sizeof(name), "%s-%s", what, kind_names[kind]);
	turns_figure(name, value);
}

static double seconds_since(uint64_t begin)
{
	return (rte_rdtsc() - begin) / (double)rte_get_tsc_hz();
}

static void list_fill(enum kind kind)
{
	size_t before = source_bytes();
	uint64_t begin = rte_rdtsc();
	struct prefix prefix;
	double longest = 0, all = 0;

	bench.list[kind] = source_list_take();
	bench.hits[kind] = access_hits_take();
	for (unsigned int i = 0; i < bench.prefixes; i++) {
		prefix = random_prefix(kind);
		assert_int_equal(source_put(bench.list[kind], &prefix, false), 0);
	}
	assert_int_equal(source_commit(), 0);
	figure(kind, "seconds", seconds_since(begin));
	figure(kind, "bytes", source_bytes() - before);
	for (unsigned int i = 0; i < CHANGES; i++) {
		double took;

		prefix = random_prefix(kind);
		begin = rte_rdtsc();
		assert_int_equal(source_put(bench.list[kind], &prefix, false), 0);
		assert_int_equal(source_commit(), 0);
		took = seconds_since(begin);
		longest = took > longest ? took : longest;
		all += took;
		rcu_poll();
	}
	figure(kind, "change", all / CHANGES);
	figure(kind, "change-longest", longest);
}

static struct access *list_access(enum kind kind)
{
	struct access *access = calloc(1, sizeof(*access) + sizeof(access->entries[0]));

	access->mask = 1ull << bench.list[kind] % 64;
	access->denied = 1;
	access->entries[0].list = bench.list[kind];
	access->entries[0].hits = bench.hits[kind];
	return access;
}

/* On the list of the row where the node denies, else not. */
static struct addr client_choose(const struct row *row)
{
	for (;;) {
		struct addr addr = random_prefix(row->ipv6 ? IPV6 : LONG).addr;
		struct prefix host = {.addr = addr, .len = row->ipv6 ? 128 : 32};

		if (row->node && row->kind != SHORT) { // few random ones would be
			assert_int_equal(source_put(bench.list[row->kind], &host, false), 0);
			return addr;
		}
		if (row->kind == NONE ||
		    source_has(&source_classes[source_find(addr.bytes, row->ipv6)],
			       bench.list[row->kind], row->ipv6) == row->node)
			return addr;
	}
}

static const struct row *row_of(const struct play *play)
{
	for (unsigned int i = 0; i < ROWS; i++)
		if (bench.plays[i] == play)
			return &rows[i];
	fail_msg("no row of %s", play->name);
	return NULL;
}

static uint32_t holder(const struct row *row)
{
	return row->node ? ACCESS_NODE : row->ipv6 ? bench.number6 : bench.number;
}

static void list_give(struct play *play)
{
	const struct row *row = row_of(play);

	if (row->kind != NONE)
		access_publish(holder(row), list_access(row->kind));
}

static void list_take(struct play *play)
{
	access_publish(holder(row_of(play)), NULL);
	rcu_poll();
}

static void row_prepare(unsigned int at)
{
	const struct row *row = &rows[at];
	struct play *play = play_new(row->name, NULL, CLIENTS_EACH);

	bench.plays[at] = play;
	play->drops = row->node;
	play->before = list_give;
	play->after = list_take;
	play->between = lab_flush;
	for (unsigned int i = 0; i < CLIENTS_EACH; i++) {
		struct addr client = client_choose(row);
		char text[ADDR_TEXT];

		play_keep(play, i,
			  &(struct packet){.from = addr_format(&client, text),
					   .from_port = 1024 + random_bits() % 60000,
					   .to = row->ipv6 ? "[" VIP6 "]:80" : VIP ":80",
					   .tcp = SYN,
					   .iface = CLIENTS});
	}
}

static void acl_prepare(void)
{
	bench.prefixes = turns_argument(0);
	lab_resize(1, 4096, 4096, 100);
	bench.number = service(.vip = VIP ":80");
	bench.number6 = service(.vip = "[" VIP6 "]:80");
	fake_route("0.0.0.0/0", CLIENT_NEXTHOP, 0);
	fake_route("::/0", CLIENT_NEXTHOP, 0);
	for (unsigned int kind = SHORT; kind < KINDS; kind++)
		list_fill(kind);
	for (unsigned int i = 0; i < ROWS; i++)
		row_prepare(i);
	assert_int_equal(source_commit(), 0);
}

int main(int argc, char **argv)
{
	return turns_main(argc, argv, " PREFIXES", 1, acl_prepare);
}
