/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping without losing a wake-up.
 *
 *	sleeper				waker
 *	sleeping = true			put work into a ring
 *	fence				fence
 *	look at the rings		sleeping?
 *	wait on the eventfd		write the eventfd
 *
 * Each side writes, fences, and then reads what the other writes; so at least one of them sees the
 * other: either the sleeper finds the work and does not wait, or the waker finds the flag and
 * writes. The waker takes the flag down by an exchange, so that of many wakers one makes the
 * system call. A late write to the eventfd cuts the next sleep short, once, and does no other
 * harm.
 */
#include "io/idle.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

int idle_start(struct idle *idle)
{
	idle->sleeping = false;
	idle->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return idle->fd < 0 ? -errno : 0;
}

void idle_stop(struct idle *idle)
{
	if (idle->fd >= 0)
		close(idle->fd);
	idle->fd = -1;
}

void idle_begin(struct idle *idle)
{
	__atomic_store_n(&idle->sleeping, true, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void idle_end(struct idle *idle)
{
	uint64_t count;

	__atomic_store_n(&idle->sleeping, false, __ATOMIC_RELAXED);
	// Always: a waker that took the flag down in an earlier round may have written only now.
	if (read(idle->fd, &count, sizeof(count)) < 0)
		return;
}

void idle_sleep(struct idle *idle, unsigned int max_us, bool (*pending)(void *arg), void *arg)
{
	struct pollfd event = {.fd = idle->fd, .events = POLLIN};
	struct timespec limit = {
		.tv_sec = max_us / 1000000,
		.tv_nsec = (long)(max_us % 1000000) * 1000,
	};

	idle_begin(idle);
	// Nothing was written when time ran out: an idle sleeper makes one system call a round. Should
	// a waker write just now, the next round ends at once.
	if (pending && pending(arg))
		idle_end(idle);
	else if (ppoll(&event, 1, &limit, NULL) > 0)
		idle_end(idle);
	else
		__atomic_store_n(&idle->sleeping, false, __ATOMIC_RELAXED);
}

void idle_wake(struct idle *idle)
{
	uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&idle->sleeping, __ATOMIC_RELAXED))
		return;
	if (!__atomic_exchange_n(&idle->sleeping, false, __ATOMIC_ACQ_REL))
		return;
	// Fails only when the count is at its limit, and then the sleeper wakes anyway.
	if (write(idle->fd, &one, sizeof(one)) < 0)
		return;
}
