/* SPDX-License-Identifier: BSD-3-Clause */
#include "blocks.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * A statement ends with its line, with "{" (its block follows), or with the "}" of the block that
 * it stands in. "{" on a line of its own belongs to the statement before it. Braces count wherever
 * they stand, except in quotes and in "${NAME}". "!" and "#" begin a comment wherever they stand,
 * except in quotes and after a backslash, as in keepalived. A backslash at the end of a line goes
 * on with the next one.
 *
 * Words keep their quotes and backslashes, so that what is not understood here can be handed on to
 * keepalived as it was written. A definition ("$NAME=...") is one word up to the end of the line,
 * braces and continued lines included, because only keepalived knows what becomes of it.
 *
 * Everything is bounded: a file given by mistake must not take the machine with it. All memory is
 * taken from chunks that go with the tree.
 */
enum { CHUNK = 65536 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	char bytes[];
};

/* A file that is being read, so that it is not included in itself. */
struct source {
	const struct source *parent;
	dev_t device;
	ino_t inode;
};

struct blocks {
	struct chunk *chunks;
	struct block root;
	enum blocks_dialect dialect;
	unsigned int files, statements;
	size_t bytes;
	bool include; // follow it
	char *error;
};

struct parser {
	struct blocks *blocks;
	const char *file, *at, *end;
	unsigned int line;
	unsigned int depth, include_depth;
	struct block *parent;
	const struct source *source;
	char *words[BLOCKS_WORDS];
	unsigned int count, word_line;
};

/* Memory */

void *blocks_take(struct blocks *blocks, size_t size)
{
	struct chunk *chunk = blocks->chunks;

	size = (size + 7) & ~(size_t)7;
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = size > CHUNK ? size : CHUNK;
		chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			abort();
		*chunk = (struct chunk){.next = blocks->chunks, .size = room};
		blocks->chunks = chunk;
	}
	void *taken = chunk->bytes + chunk->used;
	chunk->used += size;
	return memset(taken, 0, size);
}

static char *blocks_text(struct blocks *blocks, const char *text, size_t length)
{
	char *copy = blocks_take(blocks, length + 1);

	memcpy(copy, text, length);
	return copy;
}

void blocks_free(struct blocks *blocks)
{
	if (!blocks)
		return;
	while (blocks->chunks) {
		struct chunk *next = blocks->chunks->next;
		free(blocks->chunks);
		blocks->chunks = next;
	}
	free(blocks);
}

/* Keep the first error: those that follow it come from it. */
static int parser_fail(struct parser *p, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int parser_fail(struct parser *p, unsigned int line, const char *format, ...)
{
	char *error = p->blocks->error;
	va_list arguments;

	if (*error)
		return -EINVAL;
	int length = line ? snprintf(error, BLOCKS_ERROR, "%s:%u: ", p->file, line) : 0;
	if (length < BLOCKS_ERROR) {
		va_start(arguments, format);
		vsnprintf(error + length, (size_t)(BLOCKS_ERROR - length), format, arguments);
		va_end(arguments);
	}
	return -EINVAL;
}

/* The tree */

static struct block *block_new(struct blocks *blocks, char *const *words, unsigned int count)
{
	struct block *block = blocks_take(blocks, sizeof(*block));

	block->words = blocks_take(blocks, (count + 1) * sizeof(char *));
	if (count)
		memcpy(block->words, words, count * sizeof(char *));
	block->count = count;
	return block;
}

static void block_link(struct block *parent, struct block *block, bool front)
{
	block->parent = parent;
	if (front) {
		block->next = parent->first;
		parent->first = block;
		if (!parent->last)
			parent->last = block;
		return;
	}
	if (parent->last)
		parent->last->next = block;
	else
		parent->first = block;
	parent->last = block;
}

struct block *blocks_root(struct blocks *blocks)
{
	return &blocks->root;
}

const char *block_word(struct blocks *blocks, const struct block *block, unsigned int index)
{
	if (index >= block->count)
		return NULL;
	const char *raw = block->words[index];
	size_t length = strlen(raw);

	if (length < 2 || raw[0] != '"' || raw[length - 1] != '"')
		return raw;
	return blocks_text(blocks, raw + 1, length - 2);
}

bool block_is(const struct block *block, const char *keyword)
{
	return block->count > 0 && !strcmp(block->words[0], keyword);
}

struct block *block_find(const struct block *block, const char *keyword)
{
	for (struct block *b = block->first; b; b = b->next)
		if (block_is(b, keyword))
			return b;
	return NULL;
}

void block_set_word(struct blocks *blocks, struct block *block, unsigned int index,
		    const char *word)
{
	if (index < block->count)
		block->words[index] = blocks_text(blocks, word, strlen(word));
	else
		block_add_word(blocks, block, word);
}

void block_add_word(struct blocks *blocks, struct block *block, const char *word)
{
	char **words = blocks_take(blocks, (block->count + 2) * sizeof(char *));

	memcpy(words, block->words, block->count * sizeof(char *));
	words[block->count++] = blocks_text(blocks, word, strlen(word));
	block->words = words;
}

struct block *block_add(struct blocks *blocks, struct block *parent, bool front,
			const struct block *origin, const char *text)
{
	struct block *block = block_new(blocks, NULL, 0);

	while (*text) {
		size_t length = strcspn(text, " ");
		block_add_word(blocks, block, blocks_text(blocks, text, length));
		text += length + strspn(text + length, " ");
	}
	block->file = origin->file;
	block->line = origin->line;
	block_link(parent, block, front);
	return block;
}

void block_remove(struct block *block)
{
	struct block **link = &block->parent->first, *before = NULL;

	for (; *link != block; link = &(*link)->next)
		before = *link;
	*link = block->next;
	if (block->parent->last == block)
		block->parent->last = before;
	block->next = NULL;
}

static void block_print_at(const struct block *block, FILE *out, unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++)
		putc('\t', out);
	for (unsigned int i = 0; i < block->count; i++)
		fprintf(out, "%s%s", i ? " " : "", block->words[i]);
	fputs(block->braces ? " {\n" : "\n", out);
	if (!block->braces)
		return;
	for (const struct block *b = block->first; b; b = b->next)
		block_print_at(b, out, depth + 1);
	for (unsigned int i = 0; i < depth; i++)
		putc('\t', out);
	fputs("}\n", out);
}

void block_print(const struct block *block, FILE *out)
{
	if (block->count > 0) {
		block_print_at(block, out, 0);
		return;
	}
	for (const struct block *b = block->first; b; b = b->next)
		block_print_at(b, out, 0);
}

/* Parsing */

static int parser_include(struct parser *p, const struct block *statement, const char *pattern);

static bool is_include(const char *word)
{
	return !strncmp(word, "include", 7) && (!word[7] || (islower(word[7]) && !word[8]));
}

/* The words that were gathered become a statement. */
static int statement_end(struct parser *p)
{
	struct blocks *blocks = p->blocks;

	if (!p->count)
		return 0;
	if (++blocks->statements > BLOCKS_STATEMENTS)
		return parser_fail(p, p->word_line, "there are more than %d statements",
				   BLOCKS_STATEMENTS);
	struct block *block = block_new(blocks, p->words, p->count);
	block->file = p->file;
	block->line = p->word_line;
	p->count = 0;
	if (blocks->include && blocks->dialect == BLOCKS_KEEPALIVED &&
	    is_include(block->words[0])) {
		if (block->count != 2)
			return parser_fail(p, block->line, "%s takes one file name or pattern",
					   block->words[0]);
		return parser_include(p, block, block_word(blocks, block, 1));
	}
	block_link(p->parent, block, false);
	return 0;
}

/* "$NAME=", where a statement begins. */
static bool is_definition(const struct blocks *blocks, const char *text, const char *end)
{
	const char *c = text;

	if (blocks->dialect != BLOCKS_KEEPALIVED || c == end || *c++ != '$')
		return false;
	while (c < end && (isalnum((unsigned char)*c) || *c == '_'))
		c++;
	return c < end && c > text + 1 && *c == '=';
}

static int brace_open(struct parser *p)
{
	struct block *before;
	int status = 0;

	if (p->count > 0)
		status = statement_end(p);
	if (status < 0)
		return status;
	before = p->parent->last;
	if (!before || before->braces)
		return parser_fail(p, p->line, "\"{\" without a word before it");
	if (is_definition(p->blocks, before->words[0], before->words[0] + strlen(before->words[0])))
		return parser_fail(p, p->line, "\"{\" after a definition, which has no block");
	if (++p->depth > BLOCKS_DEPTH)
		return parser_fail(p, p->line, "blocks are nested deeper than %d", BLOCKS_DEPTH);
	before->braces = true;
	p->parent = before;
	return 0;
}

static int brace_close(struct parser *p)
{
	int status = statement_end(p);

	if (status < 0)
		return status;
	if (!p->depth)
		return parser_fail(p, p->line, "\"}\" without a \"{\" before it");
	p->depth--;
	p->parent = p->parent->parent;
	return 0;
}

static int word_add(struct parser *p, const char *begin, const char *end)
{
	if (p->count == BLOCKS_WORDS)
		return parser_fail(p, p->line, "there are more than %d words in one statement",
				   BLOCKS_WORDS);
	if (!p->count)
		p->word_line = p->line;
	p->words[p->count++] = blocks_text(p->blocks, begin, (size_t)(end - begin));
	return 0;
}

static int definition_take(struct parser *p)
{
	const char *begin = p->at, *end;
	unsigned int lines = 0;

	while (p->at < p->end && *p->at != '\n') {
		if (p->end - p->at > 1 && p->at[0] == '\\' && p->at[1] == '\n') {
			p->at++;
			lines++;
		}
		p->at++;
	}
	end = p->at;
	// Nor a backslash that goes on with an empty line: printed, it would take the next statement.
	while (end > begin && (isspace((unsigned char)end[-1]) || end[-1] == '\\'))
		end--;
	int status = word_add(p, begin, end);
	p->line += lines;
	return status < 0 ? status : statement_end(p);
}

/* Does the line go on with the next one, or with nothing at the end of the file? */
static bool is_continued(const struct parser *p)
{
	return *p->at == '\\' && (p->end - p->at == 1 || p->at[1] == '\n');
}

/* Does the word go on with this character? */
static bool in_word(const struct parser *p, char c)
{
	return !isspace((unsigned char)c) && c != '{' && c != '}' && c != '!' && c != '#' &&
	       !(c == '<' && p->blocks->dialect == BLOCKS_DPVS);
}

/* Past what is quoted; the quotes must end on their line. */
static int quote_skip(struct parser *p)
{
	const char *begin = p->at;
	char shown[24];

	for (p->at++; p->at < p->end && *p->at != '\n'; p->at++) {
		if (*p->at == '\\' && p->end - p->at > 1 && p->at[1] != '\n')
			p->at++;
		else if (*p->at == '"')
			break;
	}
	snprintf(shown, sizeof(shown), "%.*s", (int)(p->at - begin), begin);
	if (p->at == p->end || *p->at != '"')
		return parser_fail(p, p->line, "the quotes that begin with %s do not end", shown);
	p->at++;
	return 0;
}

static int word_take(struct parser *p)
{
	const char *begin = p->at;
	int status;

	while (p->at < p->end && in_word(p, *p->at)) {
		if (*p->at == '"') {
			status = quote_skip(p);
			if (status < 0)
				return status;
		} else if (is_continued(p)) {
			break;
		} else if (*p->at == '\\') {
			p->at += 2;
		} else if (p->end - p->at > 1 && p->at[0] == '$' && p->at[1] == '{') {
			while (p->at < p->end && *p->at != '}' && *p->at != '\n')
				p->at++;
			if (p->at == p->end || *p->at != '}')
				return parser_fail(p, p->line, "\"${\" without a \"}\"");
			p->at++;
		} else {
			p->at++;
		}
	}
	return word_add(p, begin, p->at);
}

static void comment_skip(struct parser *p)
{
	if (*p->at != '<') {
		while (p->at < p->end && *p->at != '\n')
			p->at++;
		return;
	}
	while (p->at < p->end && *p->at != '\n' && *p->at != '>')
		p->at++;
	if (p->at < p->end && *p->at == '>')
		p->at++;
}

/* Whatever stands at the place where the parser is. */
static int parser_step(struct parser *p)
{
	char c = *p->at;
	int status = 0;

	if (c == '\n') {
		status = statement_end(p);
		p->line++;
		p->at++;
	} else if (is_continued(p)) {
		p->line++;
		p->at += p->end - p->at > 1 ? 2 : 1;
	} else if (isspace((unsigned char)c)) {
		p->at++;
	} else if (c == '{' || c == '}') {
		status = c == '{' ? brace_open(p) : brace_close(p);
		p->at++;
	} else if (!c) {
		status = parser_fail(p, p->line, "a byte of value 0: this is no text file");
	} else if (!in_word(p, c)) {
		comment_skip(p);
	} else if (!p->count && is_definition(p->blocks, p->at, p->end)) {
		status = definition_take(p);
	} else {
		status = word_take(p);
	}
	return status;
}

static int parser_run(struct parser *p)
{
	struct block *opened = p->parent;
	int status = 0;

	if (memchr(p->at, 0, (size_t)(p->end - p->at)))
		return parser_fail(p, 1, "a byte of value 0: this is no text file");
	while (p->at < p->end && !status)
		status = parser_step(p);
	if (!status)
		status = statement_end(p);
	if (!status && p->depth)
		status = parser_fail(p, p->parent->line, "the \"{\" of %s has no \"}\"",
				     p->parent->words[0]);
	p->parent = opened;
	return status;
}

/* Files */

/* The whole file, from the tree's memory. -errno. */
static int file_load(struct blocks *blocks, FILE *in, char **text, size_t *size)
{
	char *bytes = NULL, piece[16384];
	size_t length = 0, got;
	int status = 0;

	while (!status && (got = fread(piece, 1, sizeof(piece), in)) > 0) {
		if (got > BLOCKS_BYTES - blocks->bytes) {
			status = -EFBIG;
			break;
		}
		char *larger = realloc(bytes, length + got);
		if (!larger)
			abort();
		bytes = larger;
		memcpy(bytes + length, piece, got);
		length += got;
		blocks->bytes += got;
	}
	if (!status && ferror(in))
		status = errno ? -errno : -EIO;
	*text = blocks_text(blocks, bytes ? bytes : "", length);
	*size = length;
	free(bytes);
	return status;
}

static bool source_has(const struct source *source, const struct stat *stat)
{
	for (; source; source = source->parent)
		if (source->device == stat->st_dev && source->inode == stat->st_ino)
			return true;
	return false;
}

/*
 * Parse a file into `parent`. `from` is where it was asked for: the parser that includes it and the
 * line there, or a parser without a line for the first file.
 */
static int file_parse(struct parser *from, unsigned int line, struct block *parent,
		      const char *path)
{
	struct blocks *blocks = from->blocks;
	FILE *in = fopen(path, "re");
	struct stat stat;
	size_t size = 0;
	char *text;
	int status;

	if (!in || fstat(fileno(in), &stat) < 0) {
		status = parser_fail(from, line, "cannot read %s: %m", path);
		goto close;
	}
	if (!S_ISREG(stat.st_mode) && !S_ISFIFO(stat.st_mode) && !S_ISCHR(stat.st_mode)) {
		status = parser_fail(from, line, "%s is no file", path);
		goto close;
	}
	if (source_has(from->source, &stat)) {
		status = parser_fail(from, line, "%s includes itself", path);
		goto close;
	}
	if (++blocks->files > BLOCKS_FILES) {
		status = parser_fail(from, line, "there are more than %d files", BLOCKS_FILES);
		goto close;
	}
	status = file_load(blocks, in, &text, &size);
	if (status == -EFBIG) {
		status = parser_fail(from, line, "the files are together larger than %d bytes",
				     BLOCKS_BYTES);
		goto close;
	}
	if (status < 0) {
		status = parser_fail(from, line, "cannot read %s: %s", path, strerror(-status));
		goto close;
	}
	struct source source = {
		.parent = from->source, .device = stat.st_dev, .inode = stat.st_ino};
	struct parser *p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->blocks = blocks;
	p->file = blocks_text(blocks, path, strlen(path));
	p->at = text;
	p->end = text + size;
	p->line = 1;
	p->parent = parent;
	p->include_depth = from->include_depth + 1;
	p->source = &source;
	status = parser_run(p);
	free(p);
close:
	if (in)
		fclose(in);
	return status;
}

/* The pattern, seen from the folder of the file that it stands in. */
static char *include_pattern(struct parser *p, const char *pattern)
{
	char *folder, *joined;

	if (*pattern == '/')
		return blocks_text(p->blocks, pattern, strlen(pattern));
	folder = dirname(blocks_text(p->blocks, p->file, strlen(p->file)));
	if (!strcmp(folder, "."))
		return blocks_text(p->blocks, pattern, strlen(pattern));
	joined = blocks_take(p->blocks, strlen(folder) + strlen(pattern) + 2);
	sprintf(joined, "%s/%s", folder, pattern);
	return joined;
}

/*
 * A pattern may match nothing, as conf.d/ * does before somebody puts a file there; a plain name
 * that is not there is a mistake.
 */
static int parser_include(struct parser *p, const struct block *statement, const char *pattern)
{
	const char *full = include_pattern(p, pattern);
	glob_t found = {0};
	int status = 0;

	if (p->include_depth >= BLOCKS_INCLUDE_DEPTH)
		return parser_fail(p, statement->line, "files include each other deeper than %d",
				   BLOCKS_INCLUDE_DEPTH);
	int result = glob(full, GLOB_BRACE, NULL, &found);
	if (result == GLOB_NOMATCH && !strpbrk(pattern, "*?[{"))
		status = parser_fail(p, statement->line, "there is no file %s", full);
	else if (result && result != GLOB_NOMATCH)
		status = parser_fail(p, statement->line, "cannot look for %s", full);
	for (size_t i = 0; !status && !result && i < found.gl_pathc; i++) {
		struct stat stat_of;
		if (found.gl_pathc > 1 && !stat(found.gl_pathv[i], &stat_of) &&
		    S_ISDIR(stat_of.st_mode))
			continue; // that a pattern takes in a folder is nothing to stop for
		status = file_parse(p, statement->line, p->parent, found.gl_pathv[i]);
	}
	globfree(&found);
	return status;
}

static struct blocks *blocks_new(enum blocks_dialect dialect, char *error)
{
	struct blocks *blocks = calloc(1, sizeof(*blocks));

	if (!blocks)
		abort();
	blocks->dialect = dialect;
	blocks->error = error;
	blocks->root.braces = true;
	*error = 0;
	return blocks;
}

struct blocks *blocks_read(const char *path, enum blocks_dialect dialect,
			   char error[static BLOCKS_ERROR])
{
	struct blocks *blocks = blocks_new(dialect, error);
	struct parser from = {.blocks = blocks, .file = path};

	blocks->include = true;
	if (file_parse(&from, 0, &blocks->root, path) < 0) {
		blocks_free(blocks);
		return NULL;
	}
	blocks->error = NULL;
	return blocks;
}

struct blocks *blocks_parse(const char *name, const char *text, size_t size,
			    enum blocks_dialect dialect, char error[static BLOCKS_ERROR])
{
	struct blocks *blocks = blocks_new(dialect, error);
	struct parser *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->blocks = blocks;
	p->file = blocks_text(blocks, name, strlen(name));
	p->at = text;
	p->end = text + size;
	p->line = 1;
	p->parent = &blocks->root;
	int status = size > BLOCKS_BYTES
			     ? parser_fail(p, 1, "it is larger than %d bytes", BLOCKS_BYTES)
			     : parser_run(p);
	free(p);
	if (status < 0) {
		blocks_free(blocks);
		return NULL;
	}
	blocks->error = NULL;
	return blocks;
}
