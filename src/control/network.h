/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <jansson.h>

#include "base/error.h"
#include "net/kernel.h"

/*
 * What doors put into Linux: addresses, routes, neighbours, and settings of ports. See network.c.
 * Control thread only.
 */
struct network_address {
	TAILQ_ENTRY(network_address) all;
	char iface[IFACE_NAME];
	struct kernel_address is;
	int64_t valid_until; // seconds since 1970, or KERNEL_FOREVER
	int64_t preferred_until;
	bool pending; // could not be put back yet
};

struct network_route {
	TAILQ_ENTRY(network_route) all;
	char iface[IFACE_NAME];
	struct kernel_route is; // its interface is looked up by name when it is needed
	uint8_t scope;		// enum network_scope
	bool pending;
};

/* kni_host: the destination is for Linux, which it is by being an address of Linux. */
enum network_scope { SCOPE_HOST, SCOPE_KNI_HOST, SCOPE_LINK, SCOPE_GLOBAL, SCOPE_NONE };

struct network_neighbour {
	TAILQ_ENTRY(network_neighbour) all;
	char iface[IFACE_NAME];
	struct addr addr;
	struct rte_ether_addr mac;
	bool pending;
};

/* What a PATCH of a port names, and what of it is kept (everything but `up`). */
struct network_port {
	TAILQ_ENTRY(network_port) all;
	char name[IFACE_NAME];
	int8_t promiscuous, all_multicast, up; // -1: not said
	bool has_mac;
	struct rte_ether_addr mac;
};

/* Put back what was put before the last stop, and keep STATE_DIR/network.json from now on. */
int network_start(const char *state_dir, struct error *error);
void network_stop(void);
/* Something that network.json keeps has changed. */
void network_changed(void);
/* An interface is gone, and with it all that was put on it. */
void network_forget(const char *iface);
/* About ten times a second: put back what went with a link that is up again. */
void network_tick(void);

/*
 * Put and take away. `exclusive`: -EEXIST when Linux has it. `*existed` says whether one was
 * replaced. -ENODEV, -ENOENT, -EBUSY (a local address), or what Linux said; nothing has changed
 * then.
 */
int network_address_put(const struct network_address *wanted, bool exclusive, bool *existed,
			struct error *error);
int network_address_delete(const char *iface, const struct prefix *prefix, struct error *error);
/* `wanted` gets the interface that the gateway is on when it names none. */
int network_route_put(struct network_route *wanted, bool exclusive, bool *existed,
		      struct error *error);
/* By destination, and by what else is not 0, empty or SCOPE_NONE. */
int network_route_delete(const struct network_route *which, struct error *error);
int network_neighbour_put(const struct network_neighbour *wanted, bool exclusive, bool *existed,
			  struct error *error);
int network_neighbour_delete(const struct network_neighbour *which, struct error *error);
int network_port_patch(const struct network_port *wanted, struct error *error);

/* Appended to the routes that Linux has: those of scope kni_host. A new reference. */
json_t *network_kni_hosts_json(void);

/* network_json.c: bodies and what is saved. Errors name the field. */
int network_decode_prefix(const char *field, const char *address, const char *length, bool network,
			  struct prefix *prefix, struct error *error);
int network_decode_address(const json_t *body, struct network_address *address,
			   struct error *error);
int network_decode_route(const json_t *body, struct network_route *route, struct error *error);
int network_decode_neighbour(const json_t *body, struct network_neighbour *neighbour,
			     struct error *error);
int network_decode_port(const json_t *body, struct network_port *port, struct error *error);
int network_decode_scope(const char *word, struct network_route *route, struct error *error);
json_t *network_address_json(const struct network_address *address);
json_t *network_route_json(const struct network_route *route);
json_t *network_neighbour_json(const struct network_neighbour *neighbour);
json_t *network_port_json(const struct network_port *port);
/* Of an entry of the saved file: the key as well as the body. */
int network_load_address(const json_t *entry, struct network_address *address, struct error *error);
int network_load_route(const json_t *entry, struct network_route *route, struct error *error);
int network_load_neighbour(const json_t *entry, struct network_neighbour *neighbour,
			   struct error *error);
int network_load_port(const json_t *entry, struct network_port *port, struct error *error);

/* The interface of that name; -ENODEV with those that there are. */
int network_iface(const char *name, struct iface **iface, struct error *error);
