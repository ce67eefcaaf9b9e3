/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "io/batch.h"
#include "net/iface.h"

/*
 * Named sets: what access lists and classifiers refer to by name, with the types of DPVS (and of
 * ipset in Linux). Sets of addresses and networks alone are lists of the source classifier
 * (balance/source_list.h), so that testing an address costs nothing more; the others are hash
 * tables, which whoever refers to them asks by set_has_packet().
 */
enum set_type {
	SET_HASH_IP,
	SET_HASH_NET,
	SET_HASH_IP_PORT,
	SET_HASH_NET_PORT,
	SET_BITMAP_IP,
	SET_BITMAP_PORT,
	SET_BITMAP_IP_MAC,
	SET_HASH_NET_PORT_IFACE,
	SET_HASH_IP_PORT_IP,
	SET_HASH_IP_PORT_NET,
	SET_HASH_NET_PORT_NET,
	SET_HASH_NET_PORT_NET_PORT,
	SET_TYPES,
};

/* What an entry of a type consists of, in this order. */
enum set_part {
	SET_IP = 1,
	SET_NET = 2, // an address with the length of a prefix
	SET_PORT = 4,
	SET_MAC = 8,
	SET_IFACE = 16,
	SET_SECOND_IP = 32,
	SET_SECOND_NET = 64,
	SET_SECOND_PORT = 128,
	SET_BITMAP = 256, // its entries lie in a range, given when it was made
};

enum {
	SET_NAME_MAX = 32,
	SET_COMMENT_MAX = 32,
	SET_HASHSIZE = 1024, // defaults
	SET_MAXELEM = 65535,
	SET_MAXELEM_MAX = 1 << 22,
	SET_RANGE_MAX = 65536, // of a bitmap
	SET_ENTRY_TEXT = 3 * PREFIX_TEXT + IFACE_NAME + 32,
};

extern const char *const set_type_words[]; // by enum set_type, NULL at the end
unsigned int set_type_parts(enum set_type type);

/* What a set was made with. A member that its type has no use for is zero. */
struct set_settings {
	char name[SET_NAME_MAX + 1];
	uint8_t type;	   // enum set_type
	uint8_t family;	   // AF_INET, AF_INET6; of bitmap:port none
	bool comment;	   // entries may have one
	uint32_t hashsize; // shown; the table grows by itself
	uint32_t maxelem;
	struct addr range_first, range_last; // of bitmap:ip and bitmap:ip,mac
	uint16_t port_first, port_last;	     // of bitmap:port
	uint8_t port_protocol;		     // of bitmap:port: of entries without one
};

/* One entry. What its type has no part for is zero. */
struct set_item {
	struct prefix first, second;
	uint16_t port, port_second; // host byte order
	uint8_t protocol;	    // of both ports, 0: any
	uint8_t mac[6];
	char iface[IFACE_NAME];
};

struct set_entry;
struct set_table;
struct set {
	struct set_settings settings; // what workers read of them is constant
	uint32_t list;		      // atomic: of the source classifier, 0: ask set_has_packet()
	uint32_t count;		      // of entries
	uint32_t references;	      // of control, from lists and classifiers
	uint32_t readers; // of control, of this content: it stays as long as there are any
	uint64_t content; // which it is: exchanged with the rest
	bool apart;	  // only its maker knows of it
	size_t bytes;
	struct set_table *table; // atomic
	uint64_t lengths[2][3];	 // atomic: bit L: there is an entry with this length
	uint32_t of_length[2][129];
};

/* Control thread. NULL: no memory, or too many sets. */
struct set *set_new(const struct set_settings *settings);
/* Nobody refers to it any more, but for workers that began before. */
void set_free(struct set *set);
/*
 * The same in slices, when no worker can refer to it any more: `most` entries less. False: none is
 * left, and set_free() takes no time. *cursor is 0 at first.
 */
bool set_dissolve(struct set *set, uint32_t *cursor, uint32_t most);
/*
 * Workers see what these three change at the next source_commit() when the set is a list of the
 * classifier, at once otherwise. -EEXIST: it is there (with other words about it when `force`:
 * these are taken, 0). -ENOSPC: the set is full. -ENOMEM. -ENOENT.
 */
int set_add(struct set *set, const struct set_item *item, bool nomatch, const char *comment,
	    uint8_t mark, bool force);
int set_remove(struct set *set, const struct set_item *item);
void set_clear(struct set *set);

/*
 * A set that only its maker knows of, any thread: to be filled by set_add() and set_remove(). It is
 * no list of the classifier. set_free_apart(): when it has not been exchanged.
 */
struct set *set_new_apart(const struct set_settings *settings);
void set_free_apart(struct set *set);
/*
 * Control: a set gets the content of another one of the same type and family, list and limits
 * included, and the other way round. Workers ask for either, and may go on to read the old one to
 * the end of a grace period: then set_free() for it, and nothing before.
 */
void set_exchange(struct set *set, struct set *other);
/* The entries of a set that can be a list, sorted so that neighbours stand together. Any thread. */
struct set_prefix {
	struct prefix prefix;
	bool nomatch;
};
bool set_is_list(const struct set_settings *settings);
struct set_prefix *set_prefixes(const struct set *set); // set->count of them; NULL: no memory

/* Is this very entry in the set? Of networks: does one hold it, and not as an exception? */
bool set_has(const struct set *set, const struct set_item *item);
/* What there is to say of the entry itself; NULL: not there. */
struct set_entry *set_find(const struct set *set, const struct set_item *item);
/* Entries in no order; *cursor is 0 at first; NULL at the end. */
struct set_entry *set_next(const struct set *set, uint32_t *cursor);
/* Another one whenever a cursor of set_next() has lost its meaning. */
uint64_t set_table_number(const struct set *set);
void set_entry_item(const struct set *set, const struct set_entry *entry, struct set_item *item);
bool set_entry_nomatch(const struct set_entry *entry);
uint8_t set_entry_mark(const struct set_entry *entry);
void set_entry_set_mark(struct set_entry *entry, uint8_t mark);
const char *set_entry_comment(const struct set_entry *entry); // "": none

/*
 * Worker: is a packet in the set, by its source, or by its destination? The address and port of
 * that side are an entry's first ones, those of the other side its second ones; a MAC is that of
 * the frame's sender. For sets of all types. For packets that have a key.
 */
bool set_has_packet(const struct set *set, const struct pkt *p, bool destination);

/*
 * set_text.c: entries as people write them, "10.0.0.0/8,tcp:80-90". `each` gets every entry that a
 * range stands for; what it returns other than 0 ends it and is returned. -EINVAL with a sentence.
 */
int set_parse(const struct set_settings *settings, const char *text,
	      int (*each)(const struct set_item *item, void *arg), void *arg, struct error *error);
char *set_format(const struct set_settings *settings, const struct set_item *item,
		 char text[static SET_ENTRY_TEXT]);
/* "192.168.0.0/16", "10.0.0.1-10.0.0.9" or "tcp:1-1024" of a bitmap. */
int set_parse_range(struct set_settings *settings, const char *text, struct error *error);
char *set_format_range(const struct set_settings *settings, char text[static SET_ENTRY_TEXT]);
/* Whether addresses are a bitmap's or a set's of this family, all parts being there. */
int set_check(const struct set_settings *settings, struct error *error);
