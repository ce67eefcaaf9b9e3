/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The source of outer headers: an address that Linux has on the interface by which the packet
 * leaves, so that it is reachable from there and errors about the packet come back to weir. Of
 * several the first one of a network, as Linux itself would take it; one with a host prefix only
 * when there is nothing else; never a VIP, which the server has itself and would refuse as a
 * source. An interface without addresses borrows that of the first interface that has one.
 */
#include "tunnel/source.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/rcu.h"
#include "net/kernel.h"

const struct source_table *source_table;

struct choice {
	struct source_table *table;
	bool (*skip)(const struct addr *addr);
	uint8_t rank[2][IFACE_MAX]; // of what stands in the table; 0: nothing
};

int source_start(void)
{
	source_table = calloc(1, sizeof(*source_table));
	return source_table ? 0 : -ENOMEM;
}

void source_stop(void)
{
	free((void *)source_table);
	source_table = NULL;
}

/* The addresses that Linux has had for longest come last: the last of a rank counts. */
static void choice_visit(const struct iface *iface, const struct kernel_address *address,
			 bool usable, void *arg)
{
	const struct addr *addr = &address->prefix.addr;
	bool ipv6 = addr->family == AF_INET6;
	uint8_t rank = address->prefix.len == (ipv6 ? 128 : 32) ? 1 : 2;
	struct choice *choice = arg;

	if (!usable || address->scope >= RT_SCOPE_LINK || choice->skip(addr) ||
	    choice->rank[ipv6][iface->index] > rank)
		return;
	choice->rank[ipv6][iface->index] = rank;
	if (ipv6)
		memcpy(choice->table->v6[iface->index], addr->bytes, 16);
	else
		choice->table->v4[iface->index] = addr->v4;
}

static void choice_borrow(struct choice *choice)
{
	struct source_table *t = choice->table;
	unsigned int first[2] = {0, 0};

	for (unsigned int i = IFACE_MAX - 1; i > 0; i--)
		for (unsigned int ipv6 = 0; ipv6 < 2; ipv6++)
			if (choice->rank[ipv6][i])
				first[ipv6] = i;
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		if (!choice->rank[0][i])
			t->v4[i] = t->v4[first[0]];
		if (!choice->rank[1][i])
			memcpy(t->v6[i], t->v6[first[1]], 16);
	}
}

void source_refresh(bool (*skip)(const struct addr *addr))
{
	const struct source_table *before = source_table;
	struct source_table *after = calloc(1, sizeof(*after));
	struct choice choice = {.table = after, .skip = skip};

	if (!after)
		return; // the old ones stay until the next time
	kernel_addresses_visit(choice_visit, &choice);
	choice_borrow(&choice);
	if (memcmp(before, after, sizeof(*after)) == 0) {
		free(after);
		return;
	}
	__atomic_store_n(&source_table, after, __ATOMIC_RELEASE);
	// Not before: until now workers have begun to read the old one, grace period or not.
	if (rcu_defer(free, (void *)before) < 0)
		log_error("out of memory: a table of source addresses is lost");
}
