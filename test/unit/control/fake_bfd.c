/* SPDX-License-Identifier: BSD-3-Clause */

/* A table of BFD sessions that no worker runs. */
#include <errno.h>
#include <string.h>

#include "bfd/table.h"

enum { FAKE_SESSIONS = 8 };

static struct bfd_slot slots[FAKE_SESSIONS + 1];

struct bfd_slot *bfd_table = slots;
uint32_t bfd_highest;

uint32_t bfd_find(const struct bfd_name *name)
{
	for (uint32_t i = 1; i <= bfd_highest; i++)
		if (slots[i].in_use && memcmp(&slots[i].name, name, sizeof(*name)) == 0)
			return i;
	return 0;
}

int bfd_add(const struct bfd_name *name, const struct addr *local, const struct bfd_wanted *wanted,
	    uint32_t *number)
{
	for (*number = 1; *number <= FAKE_SESSIONS && slots[*number].in_use;)
		++*number;
	if (*number > FAKE_SESSIONS)
		return -ENOSPC;
	slots[*number] = (struct bfd_slot){.name = *name, .local = *local, .in_use = true};
	if (*number > bfd_highest)
		bfd_highest = *number;
	return bfd_change(*number, wanted);
}

int bfd_change(uint32_t number, const struct bfd_wanted *wanted)
{
	bfd_session_start(&slots[number].session, &wanted->config, number, 0, 0);
	if (wanted->disabled)
		bfd_session_disable(&slots[number].session, wanted->disabled, 0);
	return 0;
}

void bfd_remove(uint32_t number)
{
	slots[number].in_use = false;
}

bool bfd_read(uint32_t number, struct bfd_session *session)
{
	*session = slots[number].session;
	return true;
}

void bfd_listen(bool wanted)
{
}

bool bfd_next_heard(struct bfd_heard *heard)
{
	return false;
}

bool bfd_next_change(struct bfd_change *change)
{
	return false;
}

unsigned int bfd_worker(uint32_t number)
{
	return 0;
}
