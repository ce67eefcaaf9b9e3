/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How a service answers SYNs itself. Compared as a whole: there are no gaps. */
enum syn_proxy_mode {
	SYN_PROXY_OFF,
	SYN_PROXY_ON,
	SYN_PROXY_AUTO, // during a flood (balance/syn_guard.h)
};

enum { SYN_PROXY_REUSE_STATES = 5 };

struct syn_proxy {
	uint16_t mss;	      // of the SYN-ACK at most
	uint16_t acks;	      // of the client without data, while its server is asked
	uint8_t mode;	      // enum syn_proxy_mode
	uint8_t ttl;	      // of the SYN-ACK,
	uint8_t window_scale; // and what it offers, 0: none
	bool sack, timestamps;
	bool close_client_window; // the SYN-ACK keeps the window closed until the server answers
	bool defer;		  // no server is asked until the client has sent data
	uint8_t retries;	  // of the SYN to the server
	uint8_t saved;		  // segments of the client with data, while its server is asked
	// In which states a session gives way to a client that has proved its address: FIN_WAIT,
	// CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE (session/state.h).
	bool reuse[SYN_PROXY_REUSE_STATES];
};
_Static_assert(sizeof(struct syn_proxy) == 18, "no gaps");

#define SYN_PROXY_DEFAULTS                                                                    \
	{                                                                                     \
		.mss = 1452, .acks = 10, .mode = SYN_PROXY_OFF, .ttl = 63, .window_scale = 7, \
		.sack = true, .timestamps = true, .retries = 3, .saved = 3, .reuse = {        \
			true,                                                                 \
			true,                                                                 \
			true,                                                                 \
			true,                                                                 \
			true                                                                  \
		}                                                                             \
	}
