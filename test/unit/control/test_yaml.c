/* SPDX-License-Identifier: BSD-3-Clause */
/* YAML to JSON: what scalars become, and what is refused with its line. */
#include <stdlib.h>
#include <string.h>

#include "control/yaml.h"
#include "fakes.h"

static const struct {
	const char *yaml, *json;
} good[] = {
	{"", "null"},
	{"# only a comment\n", "null"},
	{"a: 1\nb: -2\nc: 0x1f\nd: 0o17\ne: +3\nf: 010\n",
	 "{'a':1,'b':-2,'c':31,'d':15,'e':3,'f':10}"},
	{"[1.5, 1e3, .5, 1., -2.5e-1]", "[1.5,1000.0,0.5,1.0,-0.25]"},
	{"[true, True, false, FALSE, null, ~, ]", "[true,true,false,false,null,null]"},
	// YAML 1.1 would make booleans, sexagesimals and octals of these.
	{"[yes, no, on, off, y, n]", "['yes','no','on','off','y','n']"},
	{"[12:30, 1_000, 0b11, 10.0.0.1, '80', \"true\", .inf, 1e400]",
	 "['12:30','1_000','0b11','10.0.0.1','80','true','.inf','1e400']"},
	{"a: ::1\nb: 2001:db8::1\nc: fe80::1:2\n", "{'a':'::1','b':'2001:db8::1','c':'fe80::1:2'}"},
	{"a: !!str 80\n", "{'a':'80'}"},
	{"a:\nb: ''\n", "{'a':null,'b':''}"},
	{"a: |\n  x\n  y\n", "{'a':'x\\ny\\n'}"},
	{"80: http\n", "{'80':'http'}"},
	{"{\"a\": [{\"b\": \"\\u00e9\\n\"}]}", "{'a':[{'b':'\u00e9\\n'}]}"},
	{"- {a: 1}\n- [2, [3]]\n", "[{'a':1},[2,[3]]]"},
	{"9223372036854775807", "9223372036854775807"},
	{"-9223372036854775808", "-9223372036854775808"},
	{"-", "[null]"},
	{"0x", "'0x'"},
	{"---\na: 1\n...\n", "{'a':1}"},
};

static void test_values(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct error error = {0};
		json_t *json = yaml_parse(good[i].yaml, strlen(good[i].yaml), &error);
		char *text;

		if (json == NULL)
			fail_msg("%s: %s", good[i].yaml, error.text);
		text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
		for (char *c = text; *c; c++)
			if (*c == '"')
				*c = '\'';
		assert_string_equal(text, good[i].json);
		free(text);
		json_decref(json);
	}
}

static const struct {
	const char *yaml, *line, *text;
} bad[] = {
	{"a: 1\nb: 2\na: 3\n", "line 3", "\"a\" stands twice"},
	{"a: &x 1\nb: *x\n", "line 1", "anchors"},
	{"a: &x [1]\n", "line 1", "anchors"},
	{"b: *x\n", "line 1", "aliases"},
	{"a: 1\n---\nb: 2\n", "line 2", "second document"},
	{"a: !!int 5\n", "line 1", "tag"},
	{"a: !thing {b: 1}\n", "line 1", "tag"},
	{"a: 1\n\tb: 2\n", "line 2", ""},
	{"services:\n  - vip: [\n", "line 3", ""},
	{"a: 1\nb\n", "line 3", ""},
	{"[1, 2\n", "line 2", ""},
	{"{a: 1\n", "line 2", ""},
	{"a: 'open\n", "line 2", ""},
	{"{[1]: 2}", "line 1", "a key must be text"},
	{"{{a: 1}: 2}", "line 1", "a key must be text"},
	{"a: 99999999999999999999\n", "line 1", "too large"},
	{"a: -99999999999999999999\n", "line 1", "too large"},
	{"a: 0xffffffffffffffffff\n", "line 1", "too large"},
	{"a: \"x\\0y\"\n", "line 1", "NUL"},
	{"\"x\\0y\": 1\n", "line 1", "NUL"},
	{"a: \"\\q\"\n", "line 1", ""},
	{"a: \"\\ud800\"\n", "line 1", ""},
	{"%YAML 3.0\n---\na: 1\n", "line 1", ""},
	{"a: b: c\n", "line 1", ""},
	{"\x01", "byte", ""},
	{"a: \xff\xfe\n", "byte", ""},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error error = {0};
		json_t *json = yaml_parse(bad[i].yaml, strlen(bad[i].yaml), &error);

		if (json != NULL)
			fail_msg("taken: %s", bad[i].yaml);
		assert_true(error.code < 0);
		if (strncmp(error.text, bad[i].line, strlen(bad[i].line)) != 0 ||
		    strstr(error.text, bad[i].text) == NULL)
			fail_msg("%s: %s (expected %s ... %s)", bad[i].yaml, error.text,
				 bad[i].line, bad[i].text);
	}
}

static json_t *repeated(const char *piece, size_t count, struct error *error)
{
	size_t size = strlen(piece);
	char *text = malloc(size * count);
	json_t *json;

	for (size_t i = 0; i < count; i++)
		memcpy(text + i * size, piece, size);
	json = yaml_parse(text, size * count, error);
	free(text);
	return json;
}

/* Nothing takes more than its share of memory, stack or time. */
static void test_hostile(void **state)
{
	struct error error = {0};
	char deep[2 * YAML_DEPTH + 1] = "";
	json_t *json;

	assert_null(repeated("[", 100000, &error));
	assert_non_null(strstr(error.text, "nested deeper"));
	assert_null(repeated("{a: ", 100000, &error));
	assert_null(repeated("- ", 100000, &error));
	assert_null(repeated("? ", 100000, &error));
	assert_null(repeated("a: &a [*a, *a]\n", 10, &error));
	memset(deep, '[', YAML_DEPTH);
	memset(deep + YAML_DEPTH, ']', YAML_DEPTH);
	json = yaml_parse(deep, 2 * YAML_DEPTH, &error);
	assert_non_null(json);
	json_decref(json);
	json = repeated("- a\n", 200000, &error);
	assert_int_equal(json_array_size(json), 200000);
	json_decref(json);
	// A text with a zero in it ends nowhere but at its size.
	assert_null(yaml_parse("a: 1\0b: 2", 9, &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
