/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "io/batch.h"

/* How real servers write into the connection IDs that they issue who they are; see quic.c. */
enum quic_format { QUIC_NONE, QUIC_DPVS, QUIC_LB };

enum {
	QUIC_ROTATIONS = 7,  // the eighth means: not routable
	QUIC_SERVER_ID = 15, // bytes of the longest server ID
	QUIC_ID_MAX = 20,    // bytes of the longest connection ID
};

struct quic_settings {
	uint8_t format;			   // enum quic_format
	uint8_t id_length[QUIC_ROTATIONS]; // QUIC_LB: of the server ID, by rotation; 0: not in use
};

/* The server ID that a real server was given, length 0: by its address. */
struct quic_server_id {
	uint8_t length;
	uint8_t bytes[QUIC_SERVER_ID];
};

struct service_server;
struct quic_routes;

/*
 * Control: what routing needs of these servers; one block for free(), or NULL when there is no
 * memory. `ids`: of each server, NULL: all by their addresses.
 */
struct quic_routes *quic_prepare(const struct quic_settings *settings,
				 const struct service_server *servers,
				 const struct quic_server_id *const *ids, unsigned int count);
/* Worker: the number of the server that the packet's connection ID names, 0: none. */
uint32_t quic_route(const struct quic_routes *routes, const struct pkt *p);
/*
 * The destination connection ID of a UDP packet. Of a long header (RFC 8999) `*size` is its length;
 * of a short one, which does not say it, as many bytes as there are, but not more than QUIC_ID_MAX.
 * NULL: there is none.
 */
const uint8_t *quic_connection_id(const struct pkt *p, size_t *size);
/* Has it the short header, which only packets after the handshake have? */
bool quic_is_short(const struct pkt *p);
