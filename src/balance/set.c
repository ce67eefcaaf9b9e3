/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A set is a hash table of entries that workers may read: open addressing, a pointer in each place.
 * An entry is never changed but for what only control reads, a place only by one store, and a table
 * that has become too small, or too full of what was removed, is replaced as a whole. Entries and
 * tables go back after a grace period.
 *
 * An entry is found by a key: its parts packed one after the other. Networks are found by asking
 * for each length that the set has, the longest first.
 */
#include "balance/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "balance/source_list.h"
#include "base/hash.h"
#include "io/rcu.h"

enum { KEY_MAX = 64, TABLE_FIRST = 64 };
enum { ENTRY_NOMATCH = 1 };

struct set_entry {
	char *comment; // NULL: none
	uint32_t hash;
	uint8_t flags;
	uint8_t mark; // of control
	uint8_t length;
	uint8_t key[];
};

struct set_table {
	uint64_t number; // which it is
	uint32_t size;	 // a power of two
	uint32_t used;	 // places that are not NULL
	struct set_entry *place[];
};

static struct set_entry removed; // stands where something was

const char *const set_type_words[] = {
	[SET_HASH_IP] = "hash:ip",
	[SET_HASH_NET] = "hash:net",
	[SET_HASH_IP_PORT] = "hash:ip,port",
	[SET_HASH_NET_PORT] = "hash:net,port",
	[SET_BITMAP_IP] = "bitmap:ip",
	[SET_BITMAP_PORT] = "bitmap:port",
	[SET_BITMAP_IP_MAC] = "bitmap:ip,mac",
	[SET_HASH_NET_PORT_IFACE] = "hash:net,port,iface",
	[SET_HASH_IP_PORT_IP] = "hash:ip,port,ip",
	[SET_HASH_IP_PORT_NET] = "hash:ip,port,net",
	[SET_HASH_NET_PORT_NET] = "hash:net,port,net",
	[SET_HASH_NET_PORT_NET_PORT] = "hash:net,port,net,port",
	NULL,
};

static const uint16_t type_parts[SET_TYPES] = {
	[SET_HASH_IP] = SET_IP,
	[SET_HASH_NET] = SET_NET,
	[SET_HASH_IP_PORT] = SET_IP | SET_PORT,
	[SET_HASH_NET_PORT] = SET_NET | SET_PORT,
	[SET_BITMAP_IP] = SET_IP | SET_BITMAP,
	[SET_BITMAP_PORT] = SET_PORT | SET_BITMAP,
	[SET_BITMAP_IP_MAC] = SET_IP | SET_MAC | SET_BITMAP,
	[SET_HASH_NET_PORT_IFACE] = SET_NET | SET_PORT | SET_IFACE,
	[SET_HASH_IP_PORT_IP] = SET_IP | SET_PORT | SET_SECOND_IP,
	[SET_HASH_IP_PORT_NET] = SET_IP | SET_PORT | SET_SECOND_NET,
	[SET_HASH_NET_PORT_NET] = SET_NET | SET_PORT | SET_SECOND_NET,
	[SET_HASH_NET_PORT_NET_PORT] = SET_NET | SET_PORT | SET_SECOND_NET | SET_SECOND_PORT,
};

unsigned int set_type_parts(enum set_type type)
{
	return type_parts[type];
}

/* Keys */

static uint8_t *pack(uint8_t *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	return to + size;
}

static uint8_t *pack_prefix(uint8_t *to, const struct prefix *prefix, bool ipv6, bool net)
{
	to = pack(to, prefix->addr.bytes, ipv6 ? 16 : 4);
	if (net)
		*to++ = prefix->len;
	return to;
}

/* Returns how long it is. The rest of the key is zero, up to a multiple of eight bytes. */
static unsigned int item_pack(const struct set *set, const struct set_item *item,
			      uint8_t key[static KEY_MAX])
{
	unsigned int parts = type_parts[set->settings.type];
	bool ipv6 = set->settings.family == AF_INET6;
	uint8_t *end = key;

	memset(key, 0, KEY_MAX);
	if (parts & (SET_IP | SET_NET))
		end = pack_prefix(end, &item->first, ipv6, parts & SET_NET);
	if (parts & SET_PORT) {
		*end++ = item->protocol;
		end = pack(end, &item->port, 2);
	}
	if (parts & SET_MAC)
		end = pack(end, item->mac, sizeof(item->mac));
	if (parts & SET_IFACE)
		end = pack(end, item->iface, sizeof(item->iface));
	if (parts & (SET_SECOND_IP | SET_SECOND_NET))
		end = pack_prefix(end, &item->second, ipv6, parts & SET_SECOND_NET);
	if (parts & SET_SECOND_PORT)
		end = pack(end, &item->port_second, 2);
	return end - key;
}

static const uint8_t *unpack(void *to, const uint8_t *from, size_t size)
{
	memcpy(to, from, size);
	return from + size;
}

static const uint8_t *unpack_prefix(struct prefix *prefix, const uint8_t *from, uint8_t family,
				    bool net)
{
	prefix->addr.family = family;
	prefix->len = family == AF_INET6 ? 128 : 32;
	from = unpack(prefix->addr.bytes, from, family == AF_INET6 ? 16 : 4);
	if (net)
		prefix->len = *from++;
	return from;
}

void set_entry_item(const struct set *set, const struct set_entry *entry, struct set_item *item)
{
	unsigned int parts = type_parts[set->settings.type];
	const uint8_t *from = entry->key;

	memset(item, 0, sizeof(*item));
	if (parts & (SET_IP | SET_NET))
		from = unpack_prefix(&item->first, from, set->settings.family, parts & SET_NET);
	if (parts & SET_PORT) {
		item->protocol = *from++;
		from = unpack(&item->port, from, 2);
	}
	if (parts & SET_MAC)
		from = unpack(item->mac, from, sizeof(item->mac));
	if (parts & SET_IFACE)
		from = unpack(item->iface, from, sizeof(item->iface));
	if (parts & (SET_SECOND_IP | SET_SECOND_NET))
		from = unpack_prefix(&item->second, from, set->settings.family,
				     parts & SET_SECOND_NET);
	if (parts & SET_SECOND_PORT)
		unpack(&item->port_second, from, 2);
}

static uint32_t key_hash(const uint8_t *key, unsigned int length)
{
	uint64_t hash = hash_secret.word[0], word;

	for (unsigned int at = 0; at < length; at += 8) {
		memcpy(&word, key + at, 8);
		hash = hash_fold(hash ^ word, hash_secret.word[1 + at / 8 % 3]);
	}
	return (uint32_t)(hash >> 16);
}

static const struct set_table *set_table(const struct set *set)
{
	return __atomic_load_n(&set->table, __ATOMIC_ACQUIRE);
}

/* The place of a key, or where the search for it ends. */
static uint32_t table_find(const struct set_table *table, const uint8_t *key, unsigned int length,
			   uint32_t hash, struct set_entry **found)
{
	uint32_t place = hash & (table->size - 1);

	for (;; place = (place + 1) & (table->size - 1)) {
		struct set_entry *entry = __atomic_load_n(&table->place[place], __ATOMIC_ACQUIRE);

		*found = entry;
		if (!entry || (entry != &removed && entry->hash == hash &&
			       memcmp(entry->key, key, length) == 0))
			return place;
	}
}

static struct set_entry *key_find(const struct set *set, const struct set_item *item)
{
	uint8_t key[KEY_MAX];
	unsigned int length = item_pack(set, item, key);
	struct set_entry *found;

	table_find(set_table(set), key, length, key_hash(key, length), &found);
	return found;
}

struct set_entry *set_find(const struct set *set, const struct set_item *item)
{
	return key_find(set, item);
}

/* Tables */

static struct set_table *table_new(uint32_t size)
{
	static uint64_t made; // atomic: sets apart are made by threads
	struct set_table *table = calloc(1, sizeof(*table) + size * sizeof(table->place[0]));

	if (!table)
		return NULL;
	table->number = __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
	table->size = size;
	return table;
}

bool set_is_list(const struct set_settings *settings)
{
	unsigned int parts = type_parts[settings->type];

	return (parts & ~SET_BITMAP) == SET_IP || parts == SET_NET;
}

struct set *set_new_apart(const struct set_settings *settings)
{
	struct set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->settings = *settings;
	set->apart = true;
	set->table = table_new(TABLE_FIRST);
	if (!set->table) {
		free(set);
		return NULL;
	}
	set->bytes = sizeof(*set) + sizeof(*set->table) + TABLE_FIRST * sizeof(void *);
	return set;
}

struct set *set_new(const struct set_settings *settings)
{
	struct set *set = set_new_apart(settings);

	if (!set)
		return NULL;
	set->apart = false;
	if (set_is_list(settings))
		set->list = source_list_take();
	if (set_is_list(settings) && !set->list) {
		set_free_apart(set);
		return NULL;
	}
	return set;
}

static void entry_free(void *arg)
{
	struct set_entry *entry = arg;

	free(entry->comment);
	free(entry);
}

void set_free_apart(struct set *set)
{
	for (uint32_t i = 0; i < set->table->size && set->count > 0; i++)
		if (set->table->place[i] && set->table->place[i] != &removed)
			entry_free(set->table->place[i]);
	free(set->table);
	free(set);
}

static void set_release(void *arg)
{
	struct set *set = arg;

	if (set->list)
		source_list_free(set->list);
	set_free_apart(set);
}

void set_free(struct set *set)
{
	struct set_entry *entry;
	struct set_item item;
	uint32_t cursor = 0;

	while (set->list && set->count > 0 && (entry = set_next(set, &cursor))) {
		set_entry_item(set, entry, &item);
		source_remove(set->list, &item.first);
	}
	source_commit();
	rcu_defer(set_release, set);
}

bool set_dissolve(struct set *set, uint32_t *cursor, uint32_t most)
{
	struct set_entry *entry = NULL;
	struct set_item item;

	while (most-- > 0 && (entry = set_next(set, cursor))) {
		set_entry_item(set, entry, &item);
		if (set->list)
			source_remove(set->list, &item.first);
		set->table->place[*cursor - 1] = &removed;
		set->count--;
		entry_free(entry);
	}
	source_commit();
	return entry;
}

/* Of a list of the classifier, workers read neither entries nor tables. */
static void give_back(const struct set *set, void (*done)(void *arg), void *arg)
{
	if (set->list || set->apart)
		done(arg);
	else
		rcu_defer(done, arg);
}

/* A table with room for twice as many entries as there are. */
static int table_renew(struct set *set)
{
	struct set_table *old = set->table, *table;
	uint32_t size = TABLE_FIRST;

	while (size < 4 * (set->count + 1))
		size *= 2;
	table = table_new(size);
	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < old->size; i++) {
		struct set_entry *entry = old->place[i];
		uint32_t place;

		if (!entry || entry == &removed)
			continue;
		for (place = entry->hash & (size - 1); table->place[place];)
			place = (place + 1) & (size - 1);
		table->place[place] = entry;
		table->used++;
	}
	set->bytes += ((size_t)size - old->size) * sizeof(table->place[0]);
	__atomic_store_n(&set->table, table, __ATOMIC_RELEASE);
	give_back(set, free, old);
	return 0;
}

/* Lengths of prefixes, so that workers ask only for those that there are. */
static void length_count(struct set *set, unsigned int side, unsigned int len, int by)
{
	uint64_t *word = &set->lengths[side][len / 64], bit = 1ull << len % 64;

	set->of_length[side][len] += by;
	__atomic_store_n(word, set->of_length[side][len] ? *word | bit : *word & ~bit,
			 __ATOMIC_RELEASE);
}

static void lengths_count(struct set *set, const struct set_item *item, int by)
{
	length_count(set, 0, item->first.len, by);
	length_count(set, 1, item->second.len, by);
}

static struct set_entry *entry_new(const struct set *set, const uint8_t *key, unsigned int length,
				   const char *comment)
{
	struct set_entry *entry = malloc(sizeof(*entry) + length);

	if (!entry)
		return NULL;
	entry->comment = set->settings.comment && comment && comment[0] ? strdup(comment) : NULL;
	entry->hash = key_hash(key, length);
	entry->length = (uint8_t)length;
	memcpy(entry->key, key, length);
	return entry;
}

/* Of an entry that is there, say something else. */
static int entry_change(struct set *set, struct set_entry *entry, const struct set_item *item,
			bool nomatch, const char *comment, uint8_t mark)
{
	if (set->list) {
		int status = source_put(set->list, &item->first, nomatch);

		if (status < 0)
			return status;
	}
	__atomic_store_n(&entry->flags, nomatch ? ENTRY_NOMATCH : 0, __ATOMIC_RELAXED);
	entry->mark = mark;
	free(entry->comment); // only control reads it
	entry->comment = set->settings.comment && comment && comment[0] ? strdup(comment) : NULL;
	return 0;
}

int set_add(struct set *set, const struct set_item *item, bool nomatch, const char *comment,
	    uint8_t mark, bool force)
{
	uint8_t key[KEY_MAX];
	unsigned int length = item_pack(set, item, key);
	struct set_entry *entry, *found;
	uint32_t place;
	int status;

	table_find(set->table, key, length, key_hash(key, length), &found);
	if (found)
		return force ? entry_change(set, found, item, nomatch, comment, mark) : -EEXIST;
	if (set->count >= set->settings.maxelem)
		return -ENOSPC;
	if (2 * (set->table->used + 1) > set->table->size && table_renew(set) < 0)
		return -ENOMEM;
	entry = entry_new(set, key, length, comment);
	if (!entry)
		return -ENOMEM;
	entry->flags = nomatch ? ENTRY_NOMATCH : 0;
	entry->mark = mark;
	status = set->list ? source_put(set->list, &item->first, nomatch) : 0;
	if (status < 0) {
		entry_free(entry);
		return status;
	}
	place = table_find(set->table, key, length, entry->hash, &found);
	lengths_count(set, item, 1);
	__atomic_store_n(&set->table->place[place], entry, __ATOMIC_RELEASE);
	set->table->used++;
	set->count++;
	set->bytes += sizeof(*entry) + length;
	return 0;
}

int set_remove(struct set *set, const struct set_item *item)
{
	uint8_t key[KEY_MAX];
	unsigned int length = item_pack(set, item, key);
	struct set_entry *found;
	uint32_t place = table_find(set->table, key, length, key_hash(key, length), &found);

	if (!found)
		return -ENOENT;
	if (set->list)
		source_remove(set->list, &item->first);
	__atomic_store_n(&set->table->place[place], &removed, __ATOMIC_RELEASE);
	lengths_count(set, item, -1);
	set->count--;
	set->bytes -= sizeof(*found) + length;
	give_back(set, entry_free, found);
	return 0;
}

void set_exchange(struct set *set, struct set *other)
{
	struct set before = *set;

	// Until the tables have changed places, lengths of both are asked for.
	for (unsigned int i = 0; i < 6; i++)
		__atomic_store_n(&set->lengths[i / 3][i % 3],
				 before.lengths[i / 3][i % 3] | other->lengths[i / 3][i % 3],
				 __ATOMIC_RELEASE);
	__atomic_store_n(&set->list, other->list, __ATOMIC_RELEASE);
	__atomic_store_n(&set->table, other->table, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 6; i++)
		__atomic_store_n(&set->lengths[i / 3][i % 3], other->lengths[i / 3][i % 3],
				 __ATOMIC_RELEASE);
	memcpy(set->of_length, other->of_length, sizeof(set->of_length));
	set->count = other->count;
	set->bytes = other->bytes;
	set->content = other->content;
	set->readers = other->readers;
	set->settings.maxelem = other->settings.maxelem;
	set->settings.hashsize = other->settings.hashsize;
	set->settings.comment = other->settings.comment;
	before.references = other->references;
	before.apart = false;
	*other = before;
}

static int prefix_compare(const void *first, const void *second)
{
	const struct set_prefix *a = first, *b = second;
	int order = memcmp(a->prefix.addr.bytes, b->prefix.addr.bytes,
			   sizeof(a->prefix.addr.bytes));

	return order != 0 ? order : (int)a->prefix.len - (int)b->prefix.len;
}

struct set_prefix *set_prefixes(const struct set *set)
{
	struct set_prefix *prefixes = malloc((set->count + 1) * sizeof(*prefixes));
	struct set_entry *entry;
	struct set_item item;
	uint32_t cursor = 0, count = 0;

	while (prefixes && (entry = set_next(set, &cursor))) {
		set_entry_item(set, entry, &item);
		prefixes[count].prefix = item.first;
		prefixes[count++].nomatch = set_entry_nomatch(entry);
	}
	if (prefixes)
		qsort(prefixes, count, sizeof(*prefixes), prefix_compare);
	return prefixes;
}

void set_clear(struct set *set)
{
	struct set_entry *entry;
	struct set_item item;
	uint32_t cursor = 0;

	while ((entry = set_next(set, &cursor))) {
		set_entry_item(set, entry, &item);
		set_remove(set, &item);
	}
	table_renew(set); // when there is no memory, the old one does
}

struct set_entry *set_next(const struct set *set, uint32_t *cursor)
{
	while (*cursor < set->table->size) {
		struct set_entry *entry = set->table->place[(*cursor)++];

		if (entry && entry != &removed)
			return entry;
	}
	return NULL;
}

uint64_t set_table_number(const struct set *set)
{
	return set->table->number;
}

bool set_entry_nomatch(const struct set_entry *entry)
{
	return entry->flags & ENTRY_NOMATCH;
}

uint8_t set_entry_mark(const struct set_entry *entry)
{
	return entry->mark;
}

void set_entry_set_mark(struct set_entry *entry, uint8_t mark)
{
	entry->mark = mark;
}

const char *set_entry_comment(const struct set_entry *entry)
{
	return entry->comment ? entry->comment : "";
}

/* Testing */

static void prefix_cut(struct prefix *prefix, const struct addr *addr, unsigned int len)
{
	prefix->addr = *addr;
	prefix->len = (uint8_t)len;
	for (unsigned int byte = (len + 7) / 8; byte < 16; byte++)
		prefix->addr.bytes[byte] = 0;
	if (len % 8)
		prefix->addr.bytes[len / 8] &= (uint8_t)(0xff00 >> len % 8);
}

/* The next length that the set has, below *len; false at the end. */
static bool length_below(const struct set *set, unsigned int side, unsigned int *len)
{
	while ((*len)-- > 0) {
		uint64_t word = __atomic_load_n(&set->lengths[side][*len / 64], __ATOMIC_ACQUIRE);

		if (word >> *len % 64 & 1)
			return true;
	}
	return false;
}

/* With a port the entries of its protocol count before those of any. */
static const struct set_entry *item_find(const struct set *set, struct set_item *item)
{
	uint8_t protocol = item->protocol;
	const struct set_entry *found = key_find(set, item);

	if (found || !protocol || !(type_parts[set->settings.type] & SET_PORT))
		return found;
	item->protocol = 0;
	found = key_find(set, item);
	item->protocol = protocol;
	return found;
}

/* Is it, or a network around it, in the set? `item` is changed. */
static bool item_is_in(const struct set *set, struct set_item *item)
{
	const struct addr first = item->first.addr, second = item->second.addr;
	unsigned int top[2] = {item->first.len + 1u, item->second.len + 1u}, len, other;
	unsigned int parts = type_parts[set->settings.type];
	const struct set_entry *found;

	if (!(parts & (SET_NET | SET_SECOND_NET))) {
		found = item_find(set, item);
		return found && !(found->flags & ENTRY_NOMATCH);
	}
	for (len = top[0]; length_below(set, 0, &len);) {
		if (parts & SET_NET)
			prefix_cut(&item->first, &first, len);
		for (other = top[1]; length_below(set, 1, &other);) {
			if (parts & SET_SECOND_NET)
				prefix_cut(&item->second, &second, other);
			found = item_find(set, item);
			if (found)
				return !(found->flags & ENTRY_NOMATCH);
		}
	}
	return false;
}

bool set_has(const struct set *set, const struct set_item *item)
{
	struct set_item copy = *item;
	const struct set_entry *exact = key_find(set, item);

	if (exact)
		return !(exact->flags & ENTRY_NOMATCH);
	return item_is_in(set, &copy);
}

static struct prefix whole(const struct addr *addr)
{
	return (struct prefix){.addr = *addr, .len = addr->family == AF_INET6 ? 128 : 32};
}

bool set_has_packet(const struct set *set, const struct pkt *p, bool destination)
{
	bool ipv6 = p->flags & PKT_IPV6;
	unsigned int parts = type_parts[set->settings.type];
	struct addr addr[2];
	uint16_t port[2];
	uint32_t list;
	struct set_item item = {.protocol = pkt_protocol(p)};

	if ((parts & (SET_IP | SET_NET)) && ipv6 != (set->settings.family == AF_INET6))
		return false;
	addr[0] = ipv6 ? addr_v6(p->key6.source) : addr_v4(p->key4.source);
	addr[1] = ipv6 ? addr_v6(p->key6.destination) : addr_v4(p->key4.destination);
	list = __atomic_load_n(&set->list, __ATOMIC_ACQUIRE);
	if (list)
		return source_has(&source_classes[source_find(addr[destination].bytes, ipv6)], list,
				  ipv6);
	port[0] = rte_be_to_cpu_16(ipv6 ? p->key6.source_port : p->key4.source_port);
	port[1] = rte_be_to_cpu_16(ipv6 ? p->key6.destination_port : p->key4.destination_port);
	if (parts & (SET_IP | SET_NET))
		item.first = whole(&addr[destination]);
	if (parts & (SET_SECOND_IP | SET_SECOND_NET))
		item.second = whole(&addr[!destination]);
	item.port = port[destination];
	item.port_second = port[!destination];
	if (parts & SET_MAC) {
		const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(p->mbuf,
								     const struct rte_ether_hdr *);

		memcpy(item.mac, &ether->src_addr, sizeof(item.mac));
	}
	if (parts & SET_IFACE) {
		const struct iface *iface = iface_get(p->iface);

		if (iface)
			strcpy(item.iface, iface->name);
	}
	return item_is_in(set, &item);
}
