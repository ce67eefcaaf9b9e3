/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hop numbers: 16 bits, so that a session and a path slot can afford one. The table has its
 * own mapping, of which only what is used costs memory. Numbers are given out oldest first, so that
 * a number that was freed is not seen again soon.
 *
 * The control thread writes an entry while nobody can know its number, and not again until a grace
 * period after it was released. net/retire.h tells when that begins.
 */
#include "net/nexthop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/iface.h"
#include "net/retire.h"

#include <rte_byteorder.h>
#include <rte_ether.h>

struct nexthop *nexthop_table;

static struct memory table_memory;
static struct retired *number_retired; // one for each number
static uint16_t *number_queue;	       // numbers that are free, a ring
static unsigned int queue_head, queue_count;
static bool full_logged;

int nexthop_start(void)
{
	number_retired = calloc(NEXTHOP_MAX, sizeof(*number_retired));
	number_queue = calloc(NEXTHOP_MAX, sizeof(*number_queue));
	queue_head = 0;
	queue_count = 0;
	full_logged = false;
	if (!number_retired || !number_queue ||
	    memory_map(&table_memory, "nexthops", NEXTHOP_MAX * sizeof(*nexthop_table),
		       MEMORY_SMALL) < 0) {
		nexthop_stop();
		return -ENOMEM;
	}
	nexthop_table = table_memory.base;
	for (unsigned int number = NEXTHOP_FIRST; number < NEXTHOP_MAX; number++)
		number_queue[queue_count++] = number;
	return 0;
}

void nexthop_stop(void)
{
	memory_unmap(&table_memory);
	free(number_retired);
	free(number_queue);
	nexthop_table = NULL;
	number_retired = NULL;
	number_queue = NULL;
}

unsigned int nexthop_count(void)
{
	return NEXTHOP_MAX - NEXTHOP_FIRST - queue_count;
}

uint16_t nexthop_create(const struct iface *iface, const struct addr *addr,
			const struct rte_ether_addr *mac, uint16_t mtu)
{
	struct nexthop *nexthop;
	uint16_t number;
	uint8_t *end;

	if (queue_count == 0) {
		if (!full_logged)
			log_error("all %u next hop numbers are in use: further neighbours are "
				  "treated as unresolved",
				  NEXTHOP_MAX - NEXTHOP_FIRST);
		full_logged = true;
		return NEXTHOP_UNRESOLVED;
	}
	number = number_queue[queue_head];
	queue_head = (queue_head + 1) % NEXTHOP_MAX;
	queue_count--;

	nexthop = &nexthop_table[number];
	memcpy(nexthop->header, mac, RTE_ETHER_ADDR_LEN);
	memcpy(nexthop->header + RTE_ETHER_ADDR_LEN, &iface->mac, RTE_ETHER_ADDR_LEN);
	end = nexthop->header + 2 * RTE_ETHER_ADDR_LEN;
	memcpy(end, iface->tags, iface->tag_bytes);
	end += iface->tag_bytes;
	*end++ = 0;
	*end++ = 0;
	nexthop->port = iface->port;
	nexthop->iface = iface->index;
	nexthop->mtu = mtu;
	nexthop->addr = *addr;
	nexthop->header_len = iface->kind == IFACE_TUNNEL ? NEXTHOP_TUNNEL : end - nexthop->header;
	return number;
}

static void nexthop_reclaim(struct retired *retired)
{
	uint16_t number = retired - number_retired;

	memset(&nexthop_table[number], 0, sizeof(*nexthop_table));
	number_queue[(queue_head + queue_count) % NEXTHOP_MAX] = number;
	queue_count++;
	full_logged = false;
}

void nexthop_release(uint16_t number)
{
	assert(number >= NEXTHOP_FIRST && nexthop_table[number].header_len);
	retire(&number_retired[number], nexthop_reclaim);
}
