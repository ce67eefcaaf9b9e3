/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "balance/set.h"
#include "base/addr.h"
#include "base/error.h"

/*
 * Access lists as they were asked for, of services and of the node, and what workers are shown of
 * them (balance/access.h). Control thread only.
 */
enum { ACL_ENTRIES = 65536 }; // of one list; more belong into a named set

struct acl_entry {
	struct prefix prefix;	    // family AF_UNSPEC: a set
	char set[SET_NAME_MAX + 1]; // "": a prefix
};

/* Sorted, and each entry once. No entries: as if there were no list. */
struct acl_list {
	struct acl_entry *entries;
	unsigned int count, room;
};

/* Those of the node, which hold for all services. */
struct acl_node {
	struct acl_list allow, deny;
	bool keep; // denied_sessions: keep
};

void acl_list_free(struct acl_list *list);
int acl_list_copy(struct acl_list *copy, const struct acl_list *list); // -ENOMEM
bool acl_list_equal(const struct acl_list *a, const struct acl_list *b);
/*
 * Add what a text stands for: an address, a network, a range "A-B", "ipset:NAME". -EINVAL, -ENOMEM,
 * -ENOSPC.
 */
int acl_list_parse(struct acl_list *list, const char *text, struct error *error);
/* Take it out again. -ENOENT. */
int acl_list_remove(struct acl_list *list, const char *text, struct error *error);
enum { ACL_TEXT = PREFIX_TEXT > SET_NAME_MAX + 8 ? PREFIX_TEXT : SET_NAME_MAX + 8 };
char *acl_entry_format(const struct acl_entry *entry, char text[static ACL_TEXT]);
json_t *acl_list_json(const struct acl_list *list);

/* Are all sets there? -EINVAL with "deny[2]" or "allow[0]" as the field. */
int acl_check(const struct acl_list *allow, const struct acl_list *deny, struct error *error);
/*
 * Show the lists of a service's number, or of ACCESS_NODE, to the workers. -ENOMEM, -ENOSPC: some
 * may have been shown; show what was there before again.
 */
int acl_show(uint32_t number, const struct acl_list *allow, const struct acl_list *deny,
	     struct error *error);
void acl_hide(uint32_t number);
/*
 * Whoever refers to the set refers to this list of the classifier from now on. -ENOMEM, and nothing
 * has changed.
 */
int acl_set_move(const struct set *set, uint32_t list);
void acl_stop(void);

/* The node's. acl_node_set() takes copies; on an error nothing has changed. */
const struct acl_node *acl_node(void);
int acl_node_set(const struct acl_node *node, struct error *error);
void acl_node_free(struct acl_node *node);
json_t *acl_node_json(const struct acl_node *node);

/*
 * How often each has decided: {"deny": [{"entry": "ipset:bad", "hits": 3}, ...], "allow": [...],
 * "not_allowed": 7}. Addresses that were written down count together, as "addresses".
 */
json_t *acl_hits_json(uint32_t number);
