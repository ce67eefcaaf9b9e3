/* SPDX-License-Identifier: BSD-3-Clause */
#include "session/state.h"

#include <assert.h>

static const char *const state_names[] = {
	[STATE_NONE] = "NONE",
	[STATE_SYN_SENT] = "SYN_SENT",
	[STATE_SYN_RECV] = "SYN_RECV",
	[STATE_ESTABLISHED] = "ESTABLISHED",
	[STATE_FIN_WAIT] = "FIN_WAIT",
	[STATE_CLOSE_WAIT] = "CLOSE_WAIT",
	[STATE_LAST_ACK] = "LAST_ACK",
	[STATE_TIME_WAIT] = "TIME_WAIT",
	[STATE_CLOSE] = "CLOSE",
	[STATE_UDP_ONE_WAY] = "UDP_ONE_WAY",
	[STATE_UDP_NORMAL] = "UDP_NORMAL",
	[STATE_SCTP_INIT] = "INIT",
	[STATE_SCTP_INIT_ACK] = "INIT_ACK",
	[STATE_SCTP_COOKIE] = "COOKIE",
	[STATE_SCTP_ESTABLISHED] = "ESTABLISHED",
	[STATE_SCTP_SHUTDOWN] = "SHUTDOWN",
	[STATE_SCTP_CLOSED] = "CLOSED",
	[STATE_ICMP_NORMAL] = "ICMP_NORMAL",
	[STATE_SYN_PROXY] = "SYNACK", // as DPVS calls it
};
_Static_assert(sizeof(state_names) / sizeof(*state_names) == STATE_COUNT, "a name for each state");

const char *session_state_name(enum session_state state)
{
	assert(state < STATE_COUNT);
	return state_names[state];
}
