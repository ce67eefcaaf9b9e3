/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * All prefixes of all lists, as the control thread keeps them: a path-compressed binary tree for
 * each family. A node is a prefix that lists mention, or a fork. Each knows the class of its
 * addresses, and whether workers see that already (source_list.c).
 */
enum tree_flag {
	TREE_DIRTY = 1,	  // it, or something under it, has changed since the last commit
	TREE_CHANGED = 2, // its own class has
	TREE_IPV6 = 4,
};

struct tree_node {
	uint32_t child[2]; // 0: none
	uint32_t parent;
	uint32_t own;	  // class of what lists say of this very prefix, 0: a fork
	uint32_t effect;  // class of its addresses that are under no child
	uint32_t handle;  // of the workers' node that begins here (source_list.c), 0: none
	uint32_t outside; // which was made for this class around it
	uint8_t depth;	  // and stands at this byte
	uint8_t len;
	uint8_t flags;
	uint8_t bytes[16]; // host bits are zero
};

extern struct tree_node *tree_nodes;
extern uint32_t tree_roots[2]; // IPv4, IPv6

int tree_start(void);
void tree_stop(void);
uint32_t tree_live(void);
/* 0, -ENOMEM or -ENOSPC, and nothing has changed. */
int tree_put(uint32_t list, const struct prefix *prefix, bool nomatch);
void tree_remove(uint32_t list, const struct prefix *prefix);
/* A node that means nothing any more goes. Returns what stands in its place, 0: nothing. */
uint32_t tree_tidy(uint32_t node);
