/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/retire.h"

#include <stddef.h>

#include "io/rcu.h"
#include "net/nexthop.h"

enum { EPOCH_INTERVAL_MS = 10 };

uint8_t route_epoch;

static struct retired *retire_list;
static bool epoch_due;
static uint64_t epoch_raised_ms;

void retire(struct retired *object, void (*reclaim)(struct retired *self))
{
	object->reclaim = reclaim;
	object->next = retire_list;
	retire_list = object;
	epoch_due = true;
}

static void retire_reclaim(void *arg)
{
	for (struct retired *object = arg, *next; object; object = next) {
		next = object->next;
		object->reclaim(object);
	}
}

void route_changed(void)
{
	epoch_due = true;
}

bool route_publish(uint64_t now_ms)
{
	struct retired *list = retire_list;

	if (!epoch_due)
		return false;
	if (now_ms - epoch_raised_ms < EPOCH_INTERVAL_MS)
		return true;
	__atomic_store_n(&route_epoch, (uint8_t)(route_epoch + 1), __ATOMIC_RELEASE);
	epoch_raised_ms = now_ms;
	epoch_due = false;
	if (!list)
		return false;
	if (rcu_defer(retire_reclaim, list) < 0)
		epoch_due = true; // no memory: keep the list and try again
	else
		retire_list = NULL;
	return epoch_due;
}

void retire_stop(void)
{
	struct retired *list = retire_list;

	retire_list = NULL;
	epoch_due = false;
	retire_reclaim(list);
}
