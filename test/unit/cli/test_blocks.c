/* SPDX-License-Identifier: BSD-3-Clause */
/* Block files: what is a word, where things stand, includes, and what is no such file. */
#include "blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char error[BLOCKS_ERROR];

static char *printed(struct blocks *blocks)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	block_print(blocks_root(blocks), out);
	fclose(out);
	return text;
}

/* `text` means `wanted`, which means itself. */
static void expect(enum blocks_dialect dialect, const char *text, const char *wanted)
{
	const char *given = text;

	for (unsigned int i = 0; i < 2; i++, given = wanted) {
		struct blocks *blocks = blocks_parse("f", given, strlen(given), dialect, error);
		if (!blocks)
			fail_msg("%s: %s", given, error);
		char *got = printed(blocks);
		assert_string_equal(got, wanted);
		free(got);
		blocks_free(blocks);
	}
}

static void expect_wrong(const char *text, const char *wanted)
{
	assert_null(blocks_parse("f", text, strlen(text), BLOCKS_KEEPALIVED, error));
	assert_string_equal(error, wanted);
}

static void test_words(void **state)
{
	expect(BLOCKS_KEEPALIVED, "", "");
	expect(BLOCKS_KEEPALIVED, "a  b\tc\r\nd", "a b c\nd\n");
	expect(BLOCKS_KEEPALIVED, "a { b 1\n c\n } d {\n}\n", "a {\n\tb 1\n\tc\n}\nd {\n}\n");
	expect(BLOCKS_KEEPALIVED, "a\n{\nb }", "a {\n\tb\n}\n");
	expect(BLOCKS_KEEPALIVED, "g x { 10.0.0.1-3 dpdk0 }", "g x {\n\t10.0.0.1-3 dpdk0\n}\n");
	expect(BLOCKS_KEEPALIVED, "a \\\n b", "a b\n");
	expect(BLOCKS_KEEPALIVED, "a\\", "a\n");
	expect(BLOCKS_KEEPALIVED, "a \\", "a\n");
}

static void test_comments(void **state)
{
	expect(BLOCKS_KEEPALIVED, "! one\n# two {\na b # three }\n c!four\n", "a b\nc\n");
	expect(BLOCKS_KEEPALIVED, "a \"b # ! { c\" d\n", "a \"b # ! { c\" d\n");
	expect(BLOCKS_KEEPALIVED, "a b\\#c\n", "a b\\#c\n");
	expect(BLOCKS_KEEPALIVED, "a <b>\n", "a <b>\n");
	expect(BLOCKS_DPVS, "<init> a 1 <0, 0-9>\n<init> b {<x>}", "a 1\nb {\n}\n");
	expect(BLOCKS_DPVS, "a <no end\nb", "a\nb\n");
}

/* What only keepalived understands is handed on as it is. */
static void test_definitions(void **state)
{
	expect(BLOCKS_KEEPALIVED, "$A=1 { ! 2\na ${A}b $A", "$A=1 { ! 2\na ${A}b $A\n");
	expect(BLOCKS_KEEPALIVED, "$A= \\\n b { \\\n }\nc", "$A= \\\n b { \\\n }\nc\n");
	expect(BLOCKS_KEEPALIVED, "$A=1\\\n\nb", "$A=1\nb\n");
	expect(BLOCKS_KEEPALIVED, "$A=1 \\", "$A=1\n");
	expect(BLOCKS_KEEPALIVED, "@^x a 1\n@x b {\n c\n}", "@^x a 1\n@x b {\n\tc\n}\n");
}

static void test_wrong(void **state)
{
	expect_wrong("a {\n b {\n}\n", "f:1: the \"{\" of a has no \"}\"");
	expect_wrong("a\n}\n", "f:2: \"}\" without a \"{\" before it");
	expect_wrong("\n{\n}", "f:2: \"{\" without a word before it");
	expect_wrong("$A=1\n{\n}", "f:2: \"{\" after a definition, which has no block");
	expect_wrong("a { } { }", "f:1: \"{\" without a word before it");
	expect_wrong("a\nb \"c\n\"", "f:2: the quotes that begin with \"c do not end");
	expect_wrong("a ${b\n}", "f:1: \"${\" without a \"}\"");
	assert_null(blocks_parse("f", "a\0b", 3, BLOCKS_DPVS, error));
	assert_string_equal(error, "f:1: a byte of value 0: this is no text file");
}

static void test_bounds(void **state)
{
	char *text = malloc(8 * BLOCKS_WORDS + 64), *at = text;

	for (unsigned int i = 0; i <= BLOCKS_DEPTH; i++)
		at += sprintf(at, "a {\n");
	expect_wrong(text, "f:33: blocks are nested deeper than 32");
	at = text;
	for (unsigned int i = 0; i <= BLOCKS_WORDS; i++)
		at += sprintf(at, "a ");
	expect_wrong(text, "f:1: there are more than 1024 words in one statement");
	free(text);
}

static void test_tree(void **state)
{
	static const char text[] = "\na \"b c\" {\n d\n\n e 1\n}\n";
	struct blocks *blocks = blocks_parse("f", text, strlen(text), BLOCKS_KEEPALIVED, error);
	struct block *root = blocks_root(blocks), *a = block_find(root, "a");
	struct block *e = block_find(a, "e"), *d = block_find(a, "d");

	assert_int_equal(a->line, 2);
	assert_int_equal(e->line, 5);
	assert_string_equal(e->file, "f");
	assert_string_equal(block_word(blocks, a, 1), "b c");
	assert_null(block_word(blocks, a, 2));
	assert_null(block_find(root, "d"));
	block_set_word(blocks, e, 1, "2");
	block_add_word(blocks, e, "3");
	block_remove(d);
	block_add(blocks, a, true, e, "first of all");
	block_add(blocks, a, false, e, "last");
	char *got = printed(blocks);
	assert_string_equal(got, "a \"b c\" {\n\tfirst of all\n\te 2 3\n\tlast\n}\n");
	free(got);
	block_remove(block_find(a, "last"));
	block_remove(block_find(a, "first"));
	block_remove(e);
	assert_null(a->first);
	assert_null(a->last);
	blocks_free(blocks);
}

/* Files */

static char folder[] = "/tmp/blocksXXXXXX";

static void file_write(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static struct blocks *file_read(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return blocks_read(path, BLOCKS_KEEPALIVED, error);
}

static int folder_make(void **state)
{
	char path[128];

	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/d", folder);
	return mkdir(path, 0700);
}

static int folder_remove(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void test_include(void **state)
{
	file_write("main",
		   "a\nb {\n include d/*.conf\n}\ninclude d/none*\ninclude \"d/x\"\ninclude d*\n");
	file_write("dx", "y");
	file_write("d/1.conf", "c\n include ../e\n");
	file_write("d/2.conf", "f {\n}\n");
	file_write("e", "\ne\n");
	file_write("d/x", "x");
	struct blocks *blocks = file_read("main");
	if (!blocks)
		fail_msg("%s", error);
	char *got = printed(blocks);
	assert_string_equal(got, "a\nb {\n\tc\n\te\n\tf {\n\t}\n}\nx\ny\n");
	struct block *e = block_find(block_find(blocks_root(blocks), "b"), "e");
	assert_int_equal(e->line, 2);
	assert_string_equal(strrchr(e->file, '/'), "/e");
	free(got);
	blocks_free(blocks);
}

static void expect_unreadable(const char *name, const char *wanted)
{
	char path[128], *place;

	snprintf(path, sizeof(path), "%s/", folder);
	assert_null(file_read(name));
	while ((place = strstr(error, path)))
		memmove(place, place + strlen(path), strlen(place + strlen(path)) + 1);
	assert_string_equal(error, wanted);
}

static void test_include_wrong(void **state)
{
	file_write("self", "a\ninclude self\n");
	expect_unreadable("self", "self:2: self includes itself");
	file_write("one", "include two\n");
	file_write("two", "\n\ninclude one\n");
	expect_unreadable("one", "two:3: one includes itself");
	file_write("gone", "include nothing\n");
	expect_unreadable("gone", "gone:1: there is no file nothing");
	file_write("bare", "include\n");
	expect_unreadable("bare", "bare:1: include takes one file name or pattern");
	file_write("folder", "include d\n");
	expect_unreadable("folder", "folder:1: d is no file");
	file_write("part", "a {\n include open\n}\n");
	file_write("open", "b {\n");
	expect_unreadable("part", "open:1: the \"{\" of b has no \"}\"");
	file_write("close", "a {\n include shut\n}\n");
	file_write("shut", "}\n");
	expect_unreadable("close", "shut:1: \"}\" without a \"{\" before it");
	expect_unreadable("nowhere", "cannot read nowhere: No such file or directory");
}

/* The same file in two places is no cycle. */
static void test_include_twice(void **state)
{
	file_write("twice", "include e\ninclude e\n");
	struct blocks *blocks = file_read("twice");
	assert_non_null(blocks);
	blocks_free(blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	      cmocka_unit_test(test_comments),
		cmocka_unit_test(test_definitions),   cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_bounds),	      cmocka_unit_test(test_tree),
		cmocka_unit_test(test_include),	      cmocka_unit_test(test_include_wrong),
		cmocka_unit_test(test_include_twice),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
