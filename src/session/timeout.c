/* SPDX-License-Identifier: BSD-3-Clause */
#include "session/timeout.h"

#include <errno.h>
#include <string.h>

const struct timeouts timeouts_default = {
	.seconds =
		{
			[STATE_NONE] = 2,
			[STATE_SYN_SENT] = 3,
			[STATE_SYN_RECV] = 30,
			[STATE_ESTABLISHED] = 90,
			[STATE_FIN_WAIT] = 7,
			[STATE_CLOSE_WAIT] = 7,
			[STATE_LAST_ACK] = 7,
			[STATE_TIME_WAIT] = 7,
			[STATE_CLOSE] = 3,
			[STATE_UDP_ONE_WAY] = 300,
			[STATE_UDP_NORMAL] = 300,
			[STATE_SCTP_INIT] = 4,
			[STATE_SCTP_INIT_ACK] = 60,
			[STATE_SCTP_COOKIE] = 60,
			[STATE_SCTP_ESTABLISHED] = 900,
			[STATE_SCTP_SHUTDOWN] = 60,
			[STATE_SCTP_CLOSED] = 4,
			[STATE_ICMP_NORMAL] = 60, // RFC 5508: not less
			[STATE_SYN_PROXY] = 30,
		},
};

/*
 * Set 0 is of sessions that Linux makes itself. Its own timers decide how long those live, so they
 * are kept for two hours without a packet, as its keepalive does.
 */
enum { LINUX_ESTABLISHED = 7200 };

struct timeouts timeout_table[TIMEOUT_SETS];
static uint32_t timeout_users[TIMEOUT_SETS];

int timeout_acquire(const struct timeouts *t)
{
	int free = -ENOSPC;

	for (int i = TIMEOUT_SETS - 1; i > 0; i--) {
		if (timeout_users[i] == 0) {
			free = i;
		} else if (memcmp(&timeout_table[i], t, sizeof(*t)) == 0) {
			timeout_users[i]++;
			return i;
		}
	}
	if (free < 0)
		return free;
	timeout_table[free] = *t;
	timeout_users[free] = 1;
	return free;
}

/*
 * Sessions may go on naming a set that nobody publishes any more. That is harmless: they are then
 * timed by whatever the set is reused for, never by something that is no timeout.
 */
void timeout_release(int number)
{
	timeout_users[number]--;
}

void timeout_start(void)
{
	for (int i = 0; i < TIMEOUT_SETS; i++)
		timeout_table[i] = timeouts_default;
	timeout_table[0].seconds[STATE_ESTABLISHED] = LINUX_ESTABLISHED;
	timeout_table[0].seconds[STATE_SCTP_ESTABLISHED] = LINUX_ESTABLISHED;
}
