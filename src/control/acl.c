/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/acl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/access.h"
#include "balance/service.h"
#include "balance/source_list.h"
#include "control/sets.h"
#include "io/rcu.h"

/*
 * The addresses that a list has written down are one list of the source classifier, which is
 * changed by what differs; a named set is one list for all that refer to it. So a change to a list
 * of a service is a change of its prefixes, and of at most one small object that workers read.
 */
enum side { DENY, ALLOW, SIDES };

/* What workers have been shown of a number. */
struct shown {
	uint32_t list[SIDES]; // of the classifier, 0: no addresses
	struct acl_list addresses[SIDES];
	struct access *access; // workers'; NULL: none
	uint64_t *bases;       // what the counter of each entry had, and that of `missed`
};

static struct shown *shown[SERVICE_MAX];
static struct acl_node node;

/* Lists */

void acl_list_free(struct acl_list *list)
{
	free(list->entries);
	memset(list, 0, sizeof(*list));
}

int acl_list_copy(struct acl_list *copy, const struct acl_list *list)
{
	memset(copy, 0, sizeof(*copy));
	if (list->count == 0)
		return 0;
	copy->entries = malloc(list->count * sizeof(*copy->entries));
	if (copy->entries == NULL)
		return -ENOMEM;
	memcpy(copy->entries, list->entries, list->count * sizeof(*copy->entries));
	copy->count = copy->room = list->count;
	return 0;
}

/* Sets behind addresses; a shorter prefix before a longer one. */
static int entry_compare(const struct acl_entry *a, const struct acl_entry *b)
{
	int order = strcmp(a->set, b->set);

	if (order == 0)
		order = addr_compare(&a->prefix.addr, &b->prefix.addr);
	return order != 0 ? order : (int)a->prefix.len - (int)b->prefix.len;
}

bool acl_list_equal(const struct acl_list *a, const struct acl_list *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned int i = 0; i < a->count; i++)
		if (entry_compare(&a->entries[i], &b->entries[i]) != 0)
			return false;
	return true;
}

/* Where it is, or where it belongs. */
static unsigned int list_place(const struct acl_list *list, const struct acl_entry *entry,
			       bool *there)
{
	unsigned int low = 0, high = list->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (entry_compare(&list->entries[middle], entry) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*there = low < list->count && entry_compare(&list->entries[low], entry) == 0;
	return low;
}

static int list_put(struct acl_list *list, const struct acl_entry *entry)
{
	struct acl_entry *larger;
	unsigned int place;
	bool there;

	place = list_place(list, entry, &there);
	if (there)
		return 0;
	if (list->count >= ACL_ENTRIES)
		return -ENOSPC;
	if (list->count == list->room) {
		unsigned int room = list->room ? 2 * list->room : 4;

		larger = realloc(list->entries, room * sizeof(*larger));
		if (larger == NULL)
			return -ENOMEM;
		list->entries = larger;
		list->room = room;
	}
	memmove(&list->entries[place + 1], &list->entries[place],
		(list->count - place) * sizeof(*entry));
	list->entries[place] = *entry;
	list->count++;
	return 0;
}

struct parsing {
	struct acl_list *list;
	bool remove;
};

static int list_put_or_remove(struct parsing *parsing, const struct acl_entry *entry)
{
	struct acl_list *list = parsing->list;
	unsigned int place;
	bool there;

	if (!parsing->remove)
		return list_put(list, entry);
	place = list_place(list, entry, &there);
	if (!there)
		return -ENOENT;
	list->count--;
	memmove(&list->entries[place], &list->entries[place + 1],
		(list->count - place) * sizeof(*entry));
	return 0;
}

static int entry_of_item(const struct set_item *item, void *arg)
{
	const struct acl_entry entry = {.prefix = item->first};

	return list_put_or_remove(arg, &entry);
}

static int list_set(struct parsing *parsing, const char *name, struct error *error)
{
	struct acl_entry entry = {0};

	if (name[0] == '\0' || strlen(name) > SET_NAME_MAX)
		return error_set(error, -EINVAL, "",
				 "\"ipset:%.40s\" has no name of a set, 1 to %d "
				 "characters",
				 name, SET_NAME_MAX);
	strcpy(entry.set, name);
	return list_put_or_remove(parsing, &entry);
}

static int list_change(struct parsing *parsing, const char *text, struct error *error)
{
	struct set_settings settings = {.type = SET_HASH_NET,
					.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	int status;

	error->text[0] = '\0';
	if (strncmp(text, "ipset:", 6) == 0)
		status = list_set(parsing, text + 6, error);
	else
		status = set_parse(&settings, text, entry_of_item, parsing, error);
	switch (status) {
	case -EINVAL:
		if (strncmp(text, "ipset:", 6) == 0)
			return status;
		return error_set(error, -EINVAL, "",
				 "\"%.64s\" is no address, network (10.0.0.0/8), range "
				 "(10.0.0.1-10.0.0.9) or set (ipset:NAME)",
				 text);
	case -ENOENT:
		return error_set(error, -ENOENT, "", "%.64s is not on the list", text);
	case -ENOSPC:
		return error_set(error, -ENOSPC, "",
				 "a list has at most %d entries: make a set, and write ipset:NAME",
				 ACL_ENTRIES);
	case -ENOMEM:
		return error_set(error, -ENOMEM, "", "out of memory");
	}
	return status;
}

int acl_list_parse(struct acl_list *list, const char *text, struct error *error)
{
	struct parsing parsing = {.list = list};

	return list_change(&parsing, text, error);
}

int acl_list_remove(struct acl_list *list, const char *text, struct error *error)
{
	struct parsing parsing = {.list = list, .remove = true};
	unsigned int before = list->count;
	struct acl_list copy;
	int status;

	if (acl_list_copy(&copy, list) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = list_change(&parsing, text, error);
	if (status < 0 && before != list->count) { // half of a range
		acl_list_free(list);
		*list = copy;
		return status;
	}
	acl_list_free(&copy);
	return status;
}

char *acl_entry_format(const struct acl_entry *entry, char text[static ACL_TEXT])
{
	if (entry->set[0])
		snprintf(text, ACL_TEXT, "ipset:%s", entry->set);
	else if (entry->prefix.len == (entry->prefix.addr.family == AF_INET6 ? 128 : 32))
		addr_format(&entry->prefix.addr, text);
	else
		prefix_format(&entry->prefix, text);
	return text;
}

json_t *acl_list_json(const struct acl_list *list)
{
	json_t *array = json_array();
	char text[ACL_TEXT];

	for (unsigned int i = 0; i < list->count; i++)
		json_array_append_new(array,
				      json_string(acl_entry_format(&list->entries[i], text)));
	return array;
}

/* Showing */

static int list_check(const struct acl_list *list, const char *name, struct error *error)
{
	char field[24];

	for (unsigned int i = 0; i < list->count; i++) {
		if (list->entries[i].set[0] == '\0' || sets_find(list->entries[i].set) != NULL)
			continue;
		snprintf(field, sizeof(field), "%s[%u]", name, i);
		return error_set(error, -EINVAL, field, "there is no set \"%s\"",
				 list->entries[i].set);
	}
	return 0;
}

int acl_check(const struct acl_list *allow, const struct acl_list *deny, struct error *error)
{
	int status = list_check(deny, "deny", error);

	return status < 0 ? status : list_check(allow, "allow", error);
}

/* How many entries at its beginning are addresses. */
static unsigned int list_addresses(const struct acl_list *list)
{
	unsigned int count = 0;

	while (count < list->count && list->entries[count].set[0] == '\0')
		count++;
	return count;
}

static void list_number_free(void *arg)
{
	source_list_free((uint32_t)(uintptr_t)arg);
}

/* Change a list of the classifier from what it has to what is wanted. */
static int addresses_show(struct shown *s, enum side side, const struct acl_list *wanted)
{
	const struct acl_list *has = &s->addresses[side];
	unsigned int count = list_addresses(wanted), i = 0, k = 0;
	struct acl_list copy;
	int status = 0;

	if (count > 0 && s->list[side] == 0) {
		s->list[side] = source_list_take();
		if (s->list[side] == 0)
			return -ENOSPC;
	}
	if (acl_list_copy(&copy, &(struct acl_list){wanted->entries, count, count}) < 0)
		return -ENOMEM;
	while (status == 0 && (i < has->count || k < count)) {
		int order = i == has->count ? 1
			    : k == count    ? -1
					    : entry_compare(&has->entries[i], &wanted->entries[k]);

		if (order < 0)
			source_remove(s->list[side], &has->entries[i].prefix);
		else if (order > 0)
			status = source_put(s->list[side], &wanted->entries[k].prefix, false);
		i += order <= 0;
		k += order >= 0;
	}
	if (status < 0) { // without anything on it: to be shown again from the beginning
		for (unsigned int n = 0; n < has->count; n++)
			source_remove(s->list[side], &has->entries[n].prefix);
		for (unsigned int n = 0; n < k; n++)
			source_remove(s->list[side], &wanted->entries[n].prefix);
		acl_list_free(&copy);
	}
	acl_list_free(&s->addresses[side]);
	if (status == 0)
		s->addresses[side] = copy;
	return status;
}

static const struct access_entry *entry_before(const struct shown *s, enum side side,
					       const struct set *set, unsigned int *place)
{
	unsigned int first, end;

	if (s->access == NULL)
		return NULL;
	first = side == DENY ? 0 : s->access->denied;
	end = side == DENY ? s->access->denied : s->access->denied + s->access->allowed;
	for (unsigned int i = first; i < end; i++) {
		*place = i;
		if (s->access->entries[i].set == set)
			return &s->access->entries[i];
	}
	return NULL;
}

/* One entry of the new lists, which keeps the counter that it had. */
static void entry_make(const struct shown *s, enum side side, struct set *set,
		       struct access *access, uint64_t *bases)
{
	unsigned int at = access->denied + access->allowed, place;
	const struct access_entry *before = entry_before(s, side, set, &place);
	struct access_entry *entry = &access->entries[at];

	entry->set = set;
	entry->list = set ? set->list : s->list[side];
	entry->hits = before ? before->hits : access_hits_take();
	bases[at] = before ? s->bases[place] : access_hits(entry->hits);
	access->mask |= entry->list ? 1ull << entry->list % 64 : 0;
	access->asks |= !entry->list;
	access->needs_frame |= set && (set_type_parts(set->settings.type) & (SET_MAC | SET_IFACE));
	if (side == DENY)
		access->denied++;
	else
		access->allowed++;
}

static void access_make(const struct shown *s, enum side side, const struct acl_list *list,
			struct access *access, uint64_t *bases)
{
	unsigned int addresses = list_addresses(list);

	if (addresses > 0)
		entry_make(s, side, NULL, access, bases);
	for (unsigned int i = addresses; i < list->count; i++)
		entry_make(s, side, sets_find(list->entries[i].set), access, bases);
}

/* Of what was shown: counters that the new lists do not have go, and sets are referred to less. */
static void access_leave(const struct access *old, const struct access *new)
{
	for (unsigned int i = 0; i < old->denied + old->allowed; i++) {
		bool kept = false;

		for (unsigned int k = 0; new &&k < new->denied + new->allowed; k++)
			kept |= new->entries[k].hits == old->entries[i].hits;
		if (!kept)
			access_hits_free(old->entries[i].hits);
		if (old->entries[i].set)
			((struct set *)old->entries[i].set)->references--;
	}
	if (!new || new->missed != old->missed)
		access_hits_free(old->missed);
}

static int access_show(uint32_t number, struct shown *s, const struct acl_list *allow,
		       const struct acl_list *deny)
{
	unsigned int most = allow->count + deny->count;
	struct access *access = calloc(1, sizeof(*access) + most * sizeof(access->entries[0]));
	uint64_t *bases = calloc(most + 1, sizeof(*bases));

	if (access == NULL || bases == NULL) {
		free(access);
		free(bases);
		return -ENOMEM;
	}
	access_make(s, DENY, deny, access, bases);
	access_make(s, ALLOW, allow, access, bases);
	access->missed = s->access ? s->access->missed : access_hits_take();
	bases[access->denied + access->allowed] =
		s->access ? s->bases[s->access->denied + s->access->allowed]
			  : access_hits(access->missed);
	for (unsigned int i = 0; i < access->denied + access->allowed; i++)
		if (access->entries[i].set)
			((struct set *)access->entries[i].set)->references++;
	if (s->access)
		access_leave(s->access, access);
	free(s->bases);
	s->bases = bases;
	s->access = access;
	access_publish(number, access);
	return 0;
}

void acl_hide(uint32_t number)
{
	const struct acl_list none = {0};
	struct shown *s = shown[number];

	if (s == NULL)
		return;
	if (s->access) {
		access_leave(s->access, NULL);
		access_publish(number, NULL);
	}
	for (unsigned int side = 0; side < SIDES; side++) {
		addresses_show(s, side, &none);
		if (s->list[side])
			rcu_defer(list_number_free, (void *)(uintptr_t)s->list[side]);
	}
	source_commit();
	access_changed();
	free(s->bases);
	free(s);
	shown[number] = NULL;
}

int acl_show(uint32_t number, const struct acl_list *allow, const struct acl_list *deny,
	     struct error *error)
{
	struct shown *s = shown[number];
	int status;

	if (allow->count == 0 && deny->count == 0) {
		acl_hide(number);
		return 0;
	}
	if (s == NULL)
		s = shown[number] = calloc(1, sizeof(*s));
	status = s ? addresses_show(s, DENY, deny) : -ENOMEM;
	if (status == 0)
		status = addresses_show(s, ALLOW, allow);
	if (status == 0)
		status = source_commit();
	if (status == 0)
		status = access_show(number, s, allow, deny);
	if (status < 0)
		return error_set(error, status, "",
				 status == -ENOSPC ? "there is no room for more access lists"
						   : "out of memory for access lists");
	access_changed();
	return 0;
}

static bool refers_to(const struct access *access, const struct set *set)
{
	for (unsigned int i = 0; access && i < access->denied + access->allowed; i++)
		if (access->entries[i].set == set)
			return true;
	return false;
}

/* The same lists, with another one of the classifier for a set. */
static struct access *access_moved(const struct access *old, const struct set *set, uint32_t list)
{
	unsigned int count = old->denied + old->allowed;
	size_t size = sizeof(*old) + count * sizeof(old->entries[0]);
	struct access *access = malloc(size);

	if (access == NULL)
		return NULL;
	memcpy(access, old, size);
	access->mask = 0;
	for (unsigned int i = 0; i < count; i++) {
		if (access->entries[i].set == set)
			access->entries[i].list = list;
		access->mask |= access->entries[i].list ? 1ull << access->entries[i].list % 64 : 0;
	}
	return access;
}

int acl_set_move(const struct set *set, uint32_t list)
{
	struct access **moved;
	int status = 0;

	if (set->references == 0 || set->list == 0)
		return 0;
	moved = calloc(SERVICE_MAX, sizeof(*moved));
	if (moved == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < SERVICE_MAX && status == 0; i++) {
		if (shown[i] == NULL || !refers_to(shown[i]->access, set))
			continue;
		moved[i] = access_moved(shown[i]->access, set, list);
		status = moved[i] ? 0 : -ENOMEM;
	}
	for (uint32_t i = 0; i < SERVICE_MAX; i++) {
		if (moved[i] == NULL || status < 0) {
			free(moved[i]);
			continue;
		}
		shown[i]->access = moved[i];
		access_publish(i, moved[i]);
	}
	free(moved);
	return status;
}

void acl_stop(void)
{
	for (uint32_t i = 0; i < SERVICE_MAX; i++)
		acl_hide(i);
	acl_node_free(&node);
}

/* The node's */

const struct acl_node *acl_node(void)
{
	return &node;
}

void acl_node_free(struct acl_node *n)
{
	acl_list_free(&n->allow);
	acl_list_free(&n->deny);
	n->keep = false;
}

int acl_node_set(const struct acl_node *wanted, struct error *error)
{
	struct acl_node copy = {.keep = wanted->keep};
	struct error ignored;
	int status = acl_check(&wanted->allow, &wanted->deny, error);

	if (status < 0)
		return status;
	if (acl_list_copy(&copy.allow, &wanted->allow) < 0 ||
	    acl_list_copy(&copy.deny, &wanted->deny) < 0) {
		acl_node_free(&copy);
		return error_set(error, -ENOMEM, "", "out of memory");
	}
	access_set_keep(wanted->keep);
	status = acl_show(ACCESS_NODE, &wanted->allow, &wanted->deny, error);
	if (status < 0) {
		access_set_keep(node.keep);
		acl_show(ACCESS_NODE, &node.allow, &node.deny, &ignored);
		acl_node_free(&copy);
		return status;
	}
	acl_node_free(&node);
	node = copy;
	return 0;
}

json_t *acl_node_json(const struct acl_node *n)
{
	return json_pack("{s:o, s:o, s:s}", "allow", acl_list_json(&n->allow), "deny",
			 acl_list_json(&n->deny), "denied_sessions", n->keep ? "keep" : "end");
}

/* Hits */

static json_t *side_hits(const struct shown *s, unsigned int first, unsigned int count)
{
	json_t *list = json_array();

	for (unsigned int i = first; i < first + count; i++) {
		const struct access_entry *entry = &s->access->entries[i];
		char name[ACL_TEXT] = "addresses";

		if (entry->set)
			snprintf(name, sizeof(name), "ipset:%s", entry->set->settings.name);
		json_array_append_new(
			list, json_pack("{s:s, s:I}", "entry", name, "hits",
					(json_int_t)(access_hits(entry->hits) - s->bases[i])));
	}
	return list;
}

json_t *acl_hits_json(uint32_t number)
{
	const struct shown *s = shown[number];
	unsigned int denied, allowed;

	if (s == NULL || s->access == NULL)
		return json_pack("{s:[], s:[]}", "deny", "allow");
	denied = s->access->denied;
	allowed = s->access->allowed;
	return json_pack("{s:o, s:o, s:I}", "deny", side_hits(s, 0, denied), "allow",
			 side_hits(s, denied, allowed), "not_allowed",
			 (json_int_t)(access_hits(s->access->missed) - s->bases[denied + allowed]));
}
