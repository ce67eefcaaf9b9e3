/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * The states of a session, for all protocols in one numbering, so that a timeout set is one array.
 * The names are those that ipvsadm -c prints.
 */
enum session_state {
	STATE_NONE,
	STATE_SYN_SENT,
	STATE_SYN_RECV,
	STATE_ESTABLISHED,
	STATE_FIN_WAIT,
	STATE_CLOSE_WAIT,
	STATE_LAST_ACK,
	STATE_TIME_WAIT,
	STATE_CLOSE,
	STATE_UDP_ONE_WAY,
	STATE_UDP_NORMAL,
	STATE_SCTP_INIT, // in the order in which an association goes through them
	STATE_SCTP_INIT_ACK,
	STATE_SCTP_COOKIE,
	STATE_SCTP_ESTABLISHED,
	STATE_SCTP_SHUTDOWN,
	STATE_SCTP_CLOSED,
	STATE_ICMP_NORMAL,
	STATE_SYN_PROXY, // the client's handshake is complete, the server's is not
	STATE_COUNT,
};

const char *session_state_name(enum session_state state);
