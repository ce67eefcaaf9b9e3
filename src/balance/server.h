/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/service.h"
#include "base/addr.h"
#include "base/error.h"
#include "tunnel/tunnel.h"

/*
 * A real server of one service. Sessions name it by number. The number stays taken while any
 * session uses it, so that removing a server from its service touches no session: the server is
 * then "leaving", serves what it has, and is freed when the last session is gone.
 *
 * A server in a VNI is a VM: it has no path of its own, the line of the VM table says where it is
 * now (tunnel/vm_table.h).
 *
 * Numbers start at 1. The control thread makes and removes; workers read `server_table`.
 */
enum { SERVER_MAX = 1 << 20 };

struct mode;

struct server {
	struct addr addr;
	uint16_t port; // network byte order; 0: that which the client asks for
	uint8_t protocol;
	uint8_t in_use : 1;
	uint8_t held : 1;	 // its address counts as a local one (SNAT)
	uint8_t tunnel_end : 1;	 // its address is in ADDRESS_TUNNEL
	uint32_t path;		 // how to reach it (net/nexthop.h); constant while in use
	uint32_t service;	 // number of its service, for the service's own counters
	uint32_t vm;		 // of a server in a VNI: its number in the VM table; constant
	uint32_t zone;		 // the VNI, 0: of the underlay; constant
	uint16_t mss;		 // of its service: clamp both sides' SYN to this, 0: path MTU only
	uint16_t generation;	 // changes with each use of the number
	uint8_t removed;	 // enum removed_action: what its service wants when it is removed
	uint8_t gone;		 // enum removed_action: not REMOVED_KEEP: its sessions end
	uint8_t sticky;		 // persistent clients may go on to be sent to it
	uint32_t resume;	 // overloaded, it begins again below so many connections
	uint32_t limited;	 // control: its place in the list of those with thresholds, 0: none
	const struct mode *mode; // how new sessions reach it; old ones keep theirs
};

extern struct server *server_table; // SERVER_MAX entries, touched as they are used
extern uint32_t *server_path;	    // path of each, apart and dense: all that a known packet needs

/* Watches the path too. The number, or 0 when the table or the path table is full. */
uint32_t server_create(const struct addr *addr, uint16_t port, uint8_t protocol, uint32_t service);
/* The same of one in a VNI, whether the VM table has it or not; 0: a table is full. */
uint32_t server_create_vm(uint32_t vni, const struct addr *addr, uint16_t port, uint8_t protocol,
			  uint32_t service);
/* Before it is published: how it is reached by a tunnel. Its sessions rely on that for good. */
void server_set_tunnel(uint32_t server, const struct tunnel_settings *settings,
		       const struct addr *source);
/* Stop using it for new sessions; freed by server_reap() once no worker has a session of it. */
void server_remove(uint32_t server);
/*
 * Let its address, a WAN address of SNAT, count as a local one until it is freed. Answers to it come
 * by this interface, 0: nobody knows. 0 or -ENOSPC.
 */
int server_hold_address(uint32_t server, uint16_t iface);
/*
 * Control: what its service wants when it is removed, and whether its sessions end already now, at
 * their next packet. Both are single words that workers read.
 */
void server_set_removed(uint32_t server, enum removed_action action);
void server_set_gone(uint32_t server, enum removed_action action);
void server_set_sticky(uint32_t server, bool sticky);
/* About once a second: free what is no longer used. Returns how many are still leaving. */
unsigned int server_reap(void);

/* The highest number given out so far. */
uint32_t server_highest(void);

int server_start(void);
void server_stop(void);
