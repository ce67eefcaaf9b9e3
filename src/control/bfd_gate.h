/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"
#include "bfd/table.h"

/*
 * What follows BFD sessions: real servers (`bfd` of a server), and the announcement of VIPs
 * (`announce.bfd`). Sessions are named as in paths of the API, "multihop/192.0.2.1" or
 * "vxlan/10.90.0.11@96"; without a kind single_hop is meant. Control thread only.
 */
struct announce_config;
struct model_server;
struct decode;
struct field;

enum { BFD_REFERENCE = 80, BFD_GATES = 32 };

/* Into a struct bfd_name at the field's offset; null: none (the peer is unspecified). */
int decode_bfd_reference(struct decode *d, const json_t *value, const struct field *field,
			 void *target);
char *bfd_reference_format(const struct bfd_name *name, char text[static BFD_REFERENCE]);

/* Why VIPs may not be announced, a sentence; NULL: enough sessions are up, or none is asked for. */
const char *bfd_gate_withheld(const struct announce_config *config);

/* For listings: what its session says of a real server. */
void bfd_gate_add(json_t *object, const struct model_server *server);

/* Twenty times a second, after bfd_tick(): real servers go down and come up with their sessions. */
void bfd_gate_tick(void);
void bfd_gate_stop(void);
