/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/iface.h"
#include "tunnel/decapsulate.h"
#include "tunnel/template.h"

/*
 * Tunnel interfaces: logical interfaces whose wire is an outer header to one other host. See
 * device.c. Control makes and removes them; workers find them by index, and by outer headers.
 */
enum { TUNNEL_INHERIT = -1, TUNNEL_OVERHEAD_MAX = 74, TUNNEL_SEQUENCE = 4 };

struct tunnel_config {
	char name[IFACE_NAME];
	char link[IFACE_NAME]; // what must come by this interface, "": by any
	char tap[IFACE_NAME];  // "": "<name>.kni", cut to 15
	uint8_t kind;	       // enum tunnel_kind
	bool has_input_key, has_output_key;
	bool input_checksum, output_checksum; // GRE
	bool input_sequence, output_sequence; // GRE: numbers are passed over, are sent
	uint32_t input_key, output_key;	      // VXLAN: the network identifier, in both
	struct addr local, remote;	      // of one family; `local` unspecified: by the routes
	int16_t ttl, tos;		      // TUNNEL_INHERIT: that of the packet inside
	uint16_t port;			      // VXLAN
	uint16_t mtu; // 0: what is left of the interface towards the other side
};

struct tunnel_device {
	struct tunnel_config config;
	struct template outer; // but for the tail
	uint8_t tail[8];       // GRE's key and number, VXLAN's header
	uint8_t tail_at, tail_length;
	uint32_t sequence; // w: of the only worker that there is with output_sequence
	uint8_t length;	   // of everything before the packet or frame inside
	uint16_t iface;	   // its own
	uint16_t link;	   // 0: any
	uint32_t path;	   // to the other side
};

extern const struct tunnel_device *tunnel_devices[IFACE_MAX]; // atomic; by interface

/* Fields of the error are those of the config. */
int device_create_tunnel(struct tunnel_config *config, struct iface **out, struct error *error);
void device_remove_tunnel(struct iface *iface);
/* The names, and a place where they are missing. */
void device_complete_tunnel(struct tunnel_config *config);

/*
 * Worker, the only one: the number of the next packet of an interface that numbers them, into the
 * end of what stands behind the template.
 */
static inline void device_number(const struct tunnel_device *d, uint8_t *tail)
{
	uint32_t *sequence = &((struct tunnel_device *)d)->sequence;
	uint32_t number = rte_cpu_to_be_32((*sequence)++);

	memcpy(tail + d->tail_length - TUNNEL_SEQUENCE, &number, sizeof(number));
}

static inline const struct tunnel_device *device_get(unsigned int iface)
{
	return iface < IFACE_MAX ? __atomic_load_n(&tunnel_devices[iface], __ATOMIC_ACQUIRE) : NULL;
}

/* Control: the outer header of an interface's packets, for what the way is known to take; or NULL. */
struct template *device_template(unsigned int iface);

/* Worker: is there any tunnel interface? */
extern unsigned int tunnel_device_count; // atomic
/* Worker: that of an outer packet by its addresses and what was read of it, or NULL. */
const struct tunnel_device *device_find(const struct addr *local, const struct addr *remote,
					const struct tunnel_outer *outer);
/* Worker: is there one between these hosts, with whatever key? Is a port one of VXLAN here? */
bool device_is_between(const struct addr *local, const struct addr *remote, uint8_t kind);
bool device_is_vxlan_port(uint16_t port);
