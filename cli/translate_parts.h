/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "translate.h"

/* What the files of the translator share. */

/* A vrrp_instance. */
struct instance {
	struct instance *next;
	struct block *block;
	const char *name;
	const char *interface;	   // of the VRRP packets; NULL: the file says none
	const char *group;	   // the vrrp_sync_group that it is in, or NULL
	const struct block *vague; // an address in it that only keepalived can tell
};

/* An address of a vrrp_instance. */
struct owned {
	struct addr addr; // first: trees compare it
	struct instance *instance;
};

/* An address that stands in a local_address_group. */
struct local {
	struct addr addr; // first: trees compare it
	const char *port, *tap;
	const struct block *block;
	const struct named *group; // that was read last with it
	struct instance *instance; // that it moves with; NULL: weir puts it on the interface
	const struct block *owner; // the virtual_server that says so
};

/* A block with a name, such as a local_address_group or a virtual_server_group. */
struct named {
	const char *name; // first: trees compare it
	struct block *block;
	struct local **locals;
	unsigned int local_count;
};

struct translation {
	struct blocks *blocks;
	const struct translate_options *options;
	struct findings *findings;
	struct instance *instances;
	void *owned;			  // tree of struct owned
	void *locals;			  // tree of struct local
	void *local_groups;		  // tree of struct named
	void *server_groups;		  // tree of struct named
	void *deny_groups, *allow_groups; // trees of struct named
	void *services; // tree of struct named: "tcp 10.0.0.1:80" or "match ...", to find the same twice
	struct block *statics;	   // static_ipaddress that was added, or NULL
	const struct block *vague; // a definition put to use, which may be a vrrp_instance
	json_t *settings;	   // the list
	json_t *taps;		   // those of the options and of tunnels; NULL: not known
	json_t *tunnels;	   // the list
};

enum { TRANSLATE_RANGE = 4096 }; // addresses of one line

/* translate_names.c: names and addresses */

/* The tree's entry equal to `key`, NULL: there is none; and put one in. */
void *tree_find(void **tree, const void *key, int (*compare)(const void *, const void *));
void tree_put(void **tree, void *item, int (*compare)(const void *, const void *));
int compare_addr(const void *a, const void *b); // of what begins with a struct addr
int compare_name(const void *a, const void *b); // of what begins with a const char *

/* Only keepalived knows what becomes of a word with "$" or "~" in it. */
bool is_vague(const char *word);
/*
 * "A", "A-B" with B an address or its last number: the first address and how many. False when the
 * text is no such range, or one of more than TRANSLATE_RANGE.
 */
bool range_parse(const char *text, struct addr *first, unsigned int *count);
struct addr addr_plus(const struct addr *addr, unsigned int count);
/* weir's port and its interface in Linux, by either name; NULL after an error. */
const char *device_port(struct translation *t, const struct block *block, const char *device);
const char *device_tap(struct translation *t, const struct block *block, const char *device);
/* Is it known for sure to be the name of a port? */
bool device_is_port(const struct translation *t, const char *device);

/* translate_tunnel.c: first of all, because others name them */
void tunnels_read(struct translation *t);

/* translate_vrrp.c */
void vrrp_read(struct translation *t);
/* The instance that an address belongs to, or NULL. */
struct instance *vrrp_owner(struct translation *t, const struct addr *addr);
/* Do two instances always have the same state? */
bool vrrp_together(const struct instance *a, const struct instance *b);
/* Put what moves with instances into them, map devices, follow the drain file. */
void vrrp_finish(struct translation *t);

/* translate_server.c */
void servers_translate(struct translation *t);
/* Is `word` one of the words in `list`, which are separated by spaces? */
bool word_among(const char *list, const char *word);
/* The one value of a statement; NULL after an error. */
const char *statement_value(struct translation *t, const struct block *block);
/* The seconds of establish_timeout; 0 after an error. */
unsigned int established_parse(struct translation *t, const struct block *block, const char *text);

/* translate_match.c: take a virtual_server match out, and make a service of it. */
void match_translate(struct translation *t, struct block *block);

/* translate_access.c: groups of clients; as an access list of the REST API. */
void access_group_check(struct translation *t, const struct named *group); // NULL: nothing
struct named *access_group_find(struct translation *t, bool deny, struct block *block);
json_t *access_group_json(struct translation *t, const struct named *group);
