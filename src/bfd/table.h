/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "bfd/session.h"

/*
 * All BFD sessions, by number. See table.c.
 *
 * The control thread makes and removes them and says what it wants of each; one worker runs it and
 * is the only one that writes `session`. Others read it as a copy that may be a moment old.
 */
enum { BFD_SESSIONS_MAX = 4095 };

/* RFC 5881, RFC 5883, and inside VXLAN as Open vSwitch speaks it. */
enum bfd_kind { BFD_SINGLE_HOP, BFD_MULTIHOP, BFD_VXLAN, BFD_KINDS };

/* What tells sessions apart, compared as a whole. */
struct bfd_name {
	struct addr peer;
	uint32_t vni;  // of BFD_VXLAN, else 0
	uint32_t kind; // enum bfd_kind
	uint32_t zero; // it is hashed in words of eight bytes
} __attribute__((aligned(8)));

/* What control wants of a session; replaced as a whole. */
struct bfd_wanted {
	struct bfd_config config;
	uint8_t disabled; // enum bfd_diagnostic: administratively down for this reason; 0: it is not
};

struct bfd_slot {
	struct bfd_name name;
	struct addr local; // unspecified: that of the interface by which its packets leave
	uint32_t number;   // of this slot
	uint32_t discriminator;
	uint32_t path;			 // to the peer
	uint32_t host;			 // BFD_VXLAN: the outer header to it (tunnel/vm_host.h)
	bool in_use;			 // control
	const struct bfd_wanted *wanted; // atomic; NULL: nobody may touch it (any more)

	const struct bfd_wanted *seen; // worker: what it has followed
	struct bfd_session session;    // worker
	uint8_t noted;		       // worker: the state that bfd_note() has seen last
} __attribute__((aligned(64)));

extern struct bfd_slot *bfd_table; // by number, from 1; touched as it is used
extern uint32_t bfd_highest;	   // atomic: no number above it is in use; 0: there is no session

/* A packet of an unknown peer that wants a session; see bfd_hear(). */
struct bfd_heard {
	struct bfd_name name;
	struct addr local; // where it was sent to
};

/* A session's state has changed. */
struct bfd_change {
	struct bfd_name name;
	uint8_t from, to;		       // enum bfd_state
	uint8_t diagnostic, remote_diagnostic; // enum bfd_diagnostic
};

int bfd_table_start(unsigned int workers);
void bfd_table_stop(void);

/* Control: 0 when it is there already (-EEXIST), or the table is full (-ENOSPC), or -ENOMEM. */
int bfd_add(const struct bfd_name *name, const struct addr *local, const struct bfd_wanted *wanted,
	    uint32_t *number);
int bfd_change(uint32_t number, const struct bfd_wanted *wanted);
void bfd_remove(uint32_t number);
/* Control: a copy of what the worker has; false: the worker has not taken it up yet. */
bool bfd_read(uint32_t number, struct bfd_session *session);

/* Control: do packets of unknown peers matter? Then take one of those that workers have heard. */
void bfd_listen(bool wanted);
bool bfd_next_heard(struct bfd_heard *heard);

/* Control: the next change that workers have noted; false: there is none. */
bool bfd_next_change(struct bfd_change *change);

/* Any thread: the number, 0 when there is none. */
uint32_t bfd_find(const struct bfd_name *name);
/* Worker: by what a packet names as "your discriminator". */
uint32_t bfd_by_discriminator(uint32_t discriminator);
/* Worker: is there any use in looking at packets of BFD? */
bool bfd_is_wanted(void);
/* Worker: tell control of an unknown peer, if control wants to know and keeps up. */
void bfd_hear(unsigned int worker, const struct bfd_heard *heard);
/* Worker: after anything that may have changed a session's state: let control know. */
void bfd_note(struct bfd_slot *slot);
/* The worker that runs a session. */
unsigned int bfd_worker(uint32_t number);
