/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dpip ipset: named sets in the grammar of DPVS, over /v1/sets. A listing has the fields and the
 * forms of entries that DPVS prints, sorted with -v.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dpip.h"

enum { SET_PATH = 160 };

static const char *const set_types[] = {
	"bitmap:ip",
	"bitmap:ip,mac",
	"bitmap:port",
	"hash:ip",
	"hash:net",
	"hash:ip,port",
	"hash:net,port",
	"hash:net,port,iface",
	"hash:ip,port,ip",
	"hash:ip,port,net",
	"hash:net,port,net",
	"hash:net,port,net,port",
	NULL,
};

static bool is_type(const char *word)
{
	for (unsigned int i = 0; set_types[i]; i++)
		if (!strcmp(set_types[i], word))
			return true;
	return false;
}

/* The path of a set. What no set can be called is said here. */
static enum exit_code set_path(const char *name, const char *below, char path[static SET_PATH])
{
	if (!name)
		return dpip_wrong("missing name of the set");
	if (strlen(name) > 32 || !name[0] || strpbrk(name, "/?#% ,\""))
		return dpip_wrong("name: \"%s\" is no name of a set: at most 32 characters, no "
				  "commas, slashes or spaces",
				  name);
	snprintf(path, SET_PATH, "/v1/sets/%s%s", name, below);
	return EXIT_OK;
}

static enum exit_code number_word(json_t *body, const char *name, const char *text)
{
	long long number;
	enum exit_code code = text ? dpip_number(name, text, 1, UINT32_MAX, &number) : EXIT_OK;

	if (text && code == EXIT_OK)
		json_object_set_new(body, name, json_integer(number));
	return code;
}

static enum exit_code set_create(struct dpip *dpip)
{
	const char *name = dpip->words[0], *type = name ? dpip->words[1] : NULL;
	const char *comment = NULL, *range = NULL, *hashsize = NULL, *maxelem = NULL;
	const struct dpip_word table[] = {
		{"comment", true, &comment},
		{"range", false, &range},
		{"hashsize", false, &hashsize},
		{"maxelem", false, &maxelem},
		{NULL},
	};
	char path[SET_PATH];
	enum exit_code code;
	json_t *body;

	if (!name || !type)
		return dpip_wrong("missing %s; see `dpip ipset help`", name ? "type" : "name");
	if (!is_type(type))
		return dpip_wrong("type: \"%s\" is none that there is, such as hash:ip", type);
	dpip->words += 2;
	code = dpip_words(dpip, table, NULL, NULL);
	if (code == EXIT_OK)
		code = set_path(name, "", path);
	if (code == EXIT_OK && !strncmp(type, "bitmap:", 7) && !range)
		code = dpip_wrong("missing range: %s needs `range R`", type);
	body = json_pack("{s:s}", "type", type);
	if (dpip->family == AF_INET6)
		json_object_set_new(body, "family", json_string("inet6"));
	if (comment)
		json_object_set_new(body, "comment", json_true());
	if (range)
		json_object_set_new(body, "range", json_string(range));
	if (code == EXIT_OK)
		code = number_word(body, "hashsize", hashsize);
	if (code == EXIT_OK)
		code = number_word(body, "maxelem", maxelem);
	if (code == EXIT_OK)
		code = client_create(dpip->client, path, body);
	json_decref(body);
	return code;
}

/* add, del and test. */
static enum exit_code set_entry(struct dpip *dpip, const char *name)
{
	const char *comment = NULL, *nomatch = NULL, *entry = NULL;
	const struct dpip_word table[] = {
		{"comment", false, &comment},
		{"nomatch", true, &nomatch},
		{NULL},
	};
	const bool test = dpip_is(dpip, "test");
	char path[SET_PATH];
	enum exit_code code;
	json_t *body, *row, *answer = NULL;

	dpip->words++;
	code = dpip_words(dpip, table, &entry, "the entry");
	if (code == EXIT_OK && !entry)
		code = dpip_wrong("missing entry");
	if (code == EXIT_OK)
		code = set_path(name,
				test		       ? "/test"
				: dpip_is(dpip, "add") ? "/entries"
						       : "/delete",
				path);
	if (code != EXIT_OK)
		return code;
	row = json_pack("{s:s}", "entry", entry);
	if (comment)
		json_object_set_new(row, "comment", json_string(comment));
	if (nomatch)
		json_object_set_new(row, "nomatch", json_true());
	body = test ? row : json_pack("{s:[o], s:b}", "entries", row, "force", dpip->force);
	code = client_request(dpip->client, "POST", path, body, &answer);
	if (code == EXIT_OK && test) {
		const bool match = json_is_true(json_object_get(answer, "match"));

		if (dpip->verbose)
			printf("%s is %sin set %s\n", entry, match ? "" : "NOT ", name);
		else
			puts(match ? "true" : "false");
	}
	json_decref(answer);
	json_decref(body);
	return code;
}

/* Listings */

static int entry_compare(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;

	return strverscmp(dpip_text(x, "entry"), dpip_text(y, "entry"));
}

static void print_entry(const json_t *entry)
{
	const char *comment = dpip_text(entry, "comment");

	printf("%s%s", dpip_text(entry, "entry"),
	       json_is_true(json_object_get(entry, "nomatch")) ? " nomatch" : "");
	if (comment[0])
		printf("  comment \"%s\"", comment);
	putchar('\n');
}

static void print_set(const struct dpip *dpip, const json_t *set)
{
	const json_t *entries = json_object_get(set, "entries");
	const bool bitmap = json_object_get(set, "range") != NULL;
	size_t count = json_array_size(entries);
	const json_t **sorted = calloc(count + 1, sizeof(*sorted));

	printf("Name: %s\nType: %s\nHeader: ", dpip_text(set, "name"), dpip_text(set, "type"));
	if (bitmap)
		printf("range %s", dpip_text(set, "range"));
	else
		printf("family %s  hashsize %lld  maxelem %lld", dpip_text(set, "family"),
		       dpip_integer(set, "hashsize"), dpip_integer(set, "maxelem"));
	printf("%s\nSize in memory: %lld\nReferences: %lld\nNumber of entries: %zu\nMembers:\n",
	       json_is_true(json_object_get(set, "comment")) ? (bitmap ? " comment" : "  comment")
							     : "",
	       dpip_integer(set, "bytes"), dpip_integer(set, "references"), count);
	for (size_t i = 0; sorted && i < count; i++)
		sorted[i] = json_array_get(entries, i);
	if (sorted && dpip->verbose)
		qsort(sorted, count, sizeof(*sorted), entry_compare);
	for (size_t i = 0; sorted && i < count; i++)
		print_entry(sorted[i]);
	putchar('\n');
	free(sorted);
}

static enum exit_code show_one(const struct dpip *dpip, const char *name)
{
	char path[SET_PATH];
	json_t *answer = NULL;
	enum exit_code code = set_path(name, "", path);

	if (code == EXIT_OK)
		code = client_get(dpip->client, path, &answer);
	if (code == EXIT_OK)
		print_set(dpip, answer);
	json_decref(answer);
	return code;
}

static enum exit_code show_all(const struct dpip *dpip)
{
	json_t *answer = NULL, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/sets", "sets", &answer, &rows);
	size_t i;

	if (code == EXIT_OK)
		json_array_foreach (rows, i, row) {
			code = show_one(dpip, dpip_text(row, "name"));
			if (code != EXIT_OK)
				break;
		}
	json_decref(answer);
	return code;
}

static enum exit_code set_plain(struct dpip *dpip, const char *name)
{
	const bool flush = dpip_is(dpip, "flush");
	char path[SET_PATH];
	enum exit_code code = set_path(name, flush ? "/flush" : "", path);

	return code != EXIT_OK
		       ? code
		       : client_request(dpip->client, flush ? "POST" : "DELETE", path, NULL, NULL);
}

enum exit_code dpip_ipset(struct dpip *dpip)
{
	const char *name = dpip->words[0];

	if (dpip_is(dpip, "create"))
		return set_create(dpip);
	if (dpip_is(dpip, "show") && !name)
		return show_all(dpip);
	if (!dpip_is(dpip, "show") && !dpip_is(dpip, "destroy") && !dpip_is(dpip, "flush") &&
	    !dpip_is(dpip, "add") && !dpip_is(dpip, "del") && !dpip_is(dpip, "test"))
		return dpip_no_command(dpip, "create, destroy, add, del, test, show, flush");
	if (!name)
		return dpip_wrong("missing name of the set");
	if (dpip_is(dpip, "add") || dpip_is(dpip, "del") || dpip_is(dpip, "test"))
		return set_entry(dpip, name);
	if (dpip->words[1])
		return dpip_wrong("unknown word \"%s\"; see `dpip ipset help`", dpip->words[1]);
	return dpip_is(dpip, "show") ? show_one(dpip, name) : set_plain(dpip, name);
}
