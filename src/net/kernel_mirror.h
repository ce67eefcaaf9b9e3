/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <libmnl/libmnl.h>

#include "base/addr.h"
#include "base/error.h"
#include "net/iface.h"

/*
 * What the files of the rtnetlink mirror share (kernel*.c): control thread only.
 *
 * Each part takes in messages of its kind. `event` tells what happened just now from what a dump
 * says, which may be older than an event that was taken in since the dump began. A dump is
 * announced by *_dump_begin() and closed by *_dump_end(); if it was complete, what it did not name
 * is swept out.
 */
enum kernel_dump {
	DUMP_LINK,
	DUMP_ADDRESS,
	DUMP_NEXTHOP,
	DUMP_ROUTE4,
	DUMP_ROUTE6,
	DUMP_NEIGH4,
	DUMP_NEIGH6,
	DUMP_COUNT,
};

/* kernel.c */
uint64_t kernel_now_ms(void);
/* Ask for dumps (a mask of 1 << DUMP_...), soon. */
void kernel_want_dumps(uint32_t mask);
enum {
	DUMPS_ALL = (1 << DUMP_COUNT) - 1,
	DUMPS_ROUTES = 1 << DUMP_NEXTHOP | 1 << DUMP_ROUTE4 | 1 << DUMP_ROUTE6,
	DUMPS_NEIGHS = 1 << DUMP_NEIGH4 | 1 << DUMP_NEIGH6,
};

/* kernel_message.c: reading attributes, writing and sending requests */
enum { ATTRIBUTES_MAX = 64 };
/* Fill `table` (ATTRIBUTES_MAX entries) with the attributes behind `header_size` bytes. */
void attributes_of_message(const struct nlmsghdr *message, size_t header_size,
			   const struct nlattr **table);
void attributes_of_nest(const struct nlattr *nest, const struct nlattr **table);
/* Those of a structure inside an attribute (RTA_MULTIPATH's next hops). */
void attributes_of_bytes(const void *bytes, size_t size, const struct nlattr **table);
uint32_t attribute_u32(const struct nlattr *attribute, uint32_t otherwise);
/* False when it is absent or has not the size of an address of the family. */
bool attribute_addr(const struct nlattr *attribute, int family, struct addr *addr);

struct mnl_socket *kernel_socket_open(size_t receive_buffer, bool blocking, struct error *error);
/*
 * Send a request and wait for its acknowledgement: 0 or the kernel's negative errno. In the second
 * case `reason` (may be NULL) holds what the kernel says about it, or nothing.
 */
enum { KERNEL_REASON = 120 };
int kernel_request(struct mnl_socket *socket, struct nlmsghdr *message, char *reason);

/* kernel_link.c */
struct kernel_link {
	int index;
	char name[IFNAMSIZ];
	uint32_t flags;
};
int link_start(void);
void link_stop(void);
void link_message(const struct nlmsghdr *message, bool event);
void link_dump_begin(void);
void link_dump_end(bool complete);
const struct kernel_link *link_find(int index);
/* "dpdk0.kni", or "if7" for an interface that is not known (any more). */
const char *link_name(int index);

/* kernel_address.c */
int address_start(void);
void address_stop(void);
void address_message(const struct nlmsghdr *message, bool event);
void address_dump_begin(void);
void address_dump_end(bool complete);
void address_link_gone(int index);

/* kernel_put.c: what doors ask for */
int put_start(struct error *error);
void put_stop(void);

/* kernel_object.c: next hop objects (ip nexthop) */
struct rib_leg {
	int link; // ifindex
	uint16_t weight;
	struct addr gateway; // AF_UNSPEC: on the link
};
int object_start(void);
void object_stop(void);
void object_message(const struct nlmsghdr *message, bool event);
void object_dump_begin(void);
void object_dump_end(bool complete);
/*
 * The legs of an object or group of objects, at most `max`; how many there are, or -ENOENT when it
 * is not known. `*blackhole` says that it drops.
 */
int object_legs(uint32_t id, struct rib_leg *legs, unsigned int max, bool *blackhole);

/* kernel_rib.c */
int rib_start(void);
void rib_stop(void);
unsigned int rib_count(void); // prefixes
void rib_dump_begin(uint8_t family);
void rib_dump_end(uint8_t family, bool complete);
/* A link went down or away: some routes vanish with it without a message. */
void rib_links_changed(void);
/* A next hop object changed: so did the routes that use one. */
void rib_objects_changed(void);
/* An interface became ours, or ceased to be: what its routes lead to has changed. */
void rib_all_changed(void);
/* The end of the last dump, or something else, is still being worked on: start no new one. */
bool rib_scanning(void);
/* Bring up to `budget` changed prefixes into the data path; true: there are more. */
bool rib_apply(unsigned int budget);

/* kernel_route.c: RTM_NEWROUTE and RTM_DELROUTE to struct rib_route */
void route_message(const struct nlmsghdr *message, bool event);

/* kernel_neigh.c */
int neigh_mirror_start(struct error *error);
void neigh_mirror_stop(void);
int neigh_mirror_fd(void);
void neigh_message(const struct nlmsghdr *message, bool event);
/* Ask the kernel about those that are due. */
void neigh_mirror_tick(uint64_t now_ms);
/* Take in what the kernel answered to that. */
void neigh_mirror_read(void);
