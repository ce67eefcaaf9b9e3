/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Files of nested blocks, the form of keepalived.conf and dpvs.conf:
 *
 *	global_defs {
 *		router_id LB_1		! a comment
 *	}
 *	include conf.d/ *.conf
 *
 * read into a tree of statements that know the file and line they came from, that can be changed,
 * and that can be printed as a file again. No thread but the caller's may touch a tree.
 */
struct block {
	char **words; // as written, with their quotes
	unsigned int count;
	unsigned int line;
	const char *file;
	bool braces; // "{ ... }" follows the words, perhaps with nothing in it
	struct block *parent;
	struct block *first, *last; // what stands in the braces
	struct block *next;
};

enum blocks_dialect {
	BLOCKS_KEEPALIVED, // include, $DEFINITIONS=
	BLOCKS_DPVS,	   // "<...>" is a comment, and so is the mark "<init>"
};

enum {
	BLOCKS_BYTES = 16 << 20, // of all files of a tree together
	BLOCKS_FILES = 1024,
	BLOCKS_DEPTH = 32,	     // of braces
	BLOCKS_INCLUDE_DEPTH = 16,   // of files that include files
	BLOCKS_STATEMENTS = 1000000, // of all files together
	BLOCKS_WORDS = 1024,	     // of one statement
	BLOCKS_ERROR = 512,
};

struct blocks;

/*
 * Read a file and all that it includes. NULL, with "FILE:LINE: a sentence" in `error`, when it
 * cannot be read or is not well-formed: nothing of such a file is of use.
 */
struct blocks *blocks_read(const char *path, enum blocks_dialect dialect,
			   char error[static BLOCKS_ERROR]);
/* The same from memory; `include` stays a statement, since there is no folder to look in. */
struct blocks *blocks_parse(const char *name, const char *text, size_t size,
			    enum blocks_dialect dialect, char error[static BLOCKS_ERROR]);
void blocks_free(struct blocks *blocks);

/* Zeroed memory that goes with the tree. */
void *blocks_take(struct blocks *blocks, size_t size);
/* The statement around all others; it has no words. */
struct block *blocks_root(struct blocks *blocks);

/* A word without its quotes, NULL when there are fewer. Lives as long as the tree. */
const char *block_word(struct blocks *blocks, const struct block *block, unsigned int index);
/* Is it this statement? Compares the first word. */
bool block_is(const struct block *block, const char *keyword);
/* The first statement of this name in the braces of `block`, NULL: there is none. */
struct block *block_find(const struct block *block, const char *keyword);

/* Changes. Words are copied. Out of memory ends the program, as everywhere in the client. */
void block_set_word(struct blocks *blocks, struct block *block, unsigned int index,
		    const char *word);
void block_add_word(struct blocks *blocks, struct block *block, const char *word);
/*
 * A new statement at the end of `parent` (or, when `front`, before all others) that says of itself
 * that it stands where `origin` does. The words are cut out of `text` at spaces.
 */
struct block *block_add(struct blocks *blocks, struct block *parent, bool front,
			const struct block *origin, const char *text);
void block_remove(struct block *block);

/* As a file, one statement a line, without comments. */
void block_print(const struct block *block, FILE *out);
