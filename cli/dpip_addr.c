/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip addr: addresses of weir's interfaces in Linux, and which of them are local addresses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "dpip.h"
#include "place.h"

/* The words of `addr`, as they were written. */
struct addr_words {
	const char *address, *device, *broadcast, *scope, *valid, *preferred, *sapool;
};

static enum exit_code words_parse(const struct dpip *dpip, struct addr_words *words)
{
	const struct dpip_word table[] = {
		{"dev", false, &words->device},
		{"broadcast", false, &words->broadcast},
		{"scope", false, &words->scope},
		{"valid_lft", false, &words->valid},
		{"preferred_lft", false, &words->preferred},
		{"prefered_lft", false, &words->preferred}, // as DPVS spells it
		{"sapool", true, &words->sapool},
		{NULL},
	};

	return dpip_words(dpip, table, &words->address, "the address");
}

/* Show */

static bool is_link_local(const char *address)
{
	return !strncasecmp(address, "fe80:", 5);
}

/* Without -6, what Linux makes by itself on each interface would only be in the way. */
static bool row_wanted(const struct dpip *dpip, const json_t *row, const char *device)
{
	const char *address = dpip_text(row, "address");
	bool ipv6 = strchr(address, ':') != NULL;

	if (!dpip_row_on(row, device) || (dpip->family == AF_INET && ipv6) ||
	    (dpip->family == AF_INET6 && !ipv6))
		return false;
	return !is_link_local(address) || dpip->family == AF_INET6 || dpip->verbose;
}

/* The local address of this row, with its use, or NULL. Services share it: the first will do. */
static const json_t *row_local(const json_t *row, const json_t *locals)
{
	const char *address = dpip_text(row, "address");
	size_t length = strcspn(address, "/"), i;
	const json_t *local;

	json_array_foreach (locals, i, local) {
		const char *text = dpip_text(local, "address");

		if (strlen(text) == length && !strncmp(text, address, length))
			return local;
	}
	return NULL;
}

static void lifetime_print(const char *name, const json_t *row, const char *field)
{
	const json_t *seconds = json_object_get(row, field);

	if (seconds)
		printf("%s %llds", name, (long long)json_integer_value(seconds));
	else
		printf("%s forever", name);
}

static void row_print(const json_t *row, const json_t *local, int worker)
{
	const char *address = dpip_text(row, "address"), *broadcast = dpip_text(row, "broadcast");

	if (worker >= 0)
		printf("[%02d] ", worker);
	printf("%s %s scope %s %s\n    ", strchr(address, ':') ? "inet6" : "inet", address,
	       dpip_text(row, "scope"), dpip_text(row, "interface"));
	if (*broadcast)
		printf("broadcast %s ", broadcast);
	lifetime_print("valid_lft", row, "valid_lifetime");
	putchar(' ');
	lifetime_print("preferred_lft", row, "preferred_lifetime");
	if (local)
		printf(" sa_used %lld sa_free %lld sa_miss %lld", dpip_integer(local, "used"),
		       dpip_integer(local, "free"), dpip_integer(local, "missed"));
	putchar('\n');
}

/* How many workers there are, for -v, which shows an address once for each. */
static enum exit_code workers_count(const struct dpip *dpip, int *count)
{
	json_t *answer, *rows;
	enum exit_code code = dpip_list(dpip, "/v1/workers", "workers", &answer, &rows);

	*count = (int)json_array_size(rows);
	json_decref(answer);
	return code;
}

static void rows_print(const struct dpip *dpip, const json_t *rows, const json_t *locals,
		       const char *device, bool of_pool, int workers)
{
	const json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		const json_t *local = row_local(row, locals);

		if (!row_wanted(dpip, row, device) || (local != NULL) != of_pool)
			continue;
		if (!dpip->verbose)
			row_print(row, local, -1);
		for (int worker = 0; dpip->verbose && worker < workers; worker++)
			row_print(row, local, worker);
	}
}

static enum exit_code addr_show(struct dpip *dpip, const char *device)
{
	json_t *addresses, *locals = NULL, *rows, *local_rows;
	enum exit_code code = dpip_list(dpip, "/v1/addresses", "addresses", &addresses, &rows);
	int workers = 1;

	if (code == EXIT_OK)
		code = dpip_list(dpip, "/v1/local_addresses", "local_addresses", &locals,
				 &local_rows);
	if (code == EXIT_OK && dpip->verbose)
		code = workers_count(dpip, &workers);
	if (code == EXIT_OK) {
		// The newest first, and those of pools behind the others.
		rows_print(dpip, rows, local_rows, device, false, workers);
		rows_print(dpip, rows, local_rows, device, true, workers);
	}
	json_decref(locals);
	json_decref(addresses);
	return code;
}

/* Change */

static void address_path(const char *device, const struct dpip_prefix *prefix,
			 char path[static PLACE_TEXT])
{
	snprintf(path, PLACE_TEXT, "/v1/addresses/%s/%s/%u", device, prefix->address,
		 prefix->length);
}

/* The row of an address that is there; a new reference, or NULL. */
static enum exit_code row_find(const struct dpip *dpip, const char *device,
			       const struct dpip_prefix *prefix, json_t **found)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/addresses", "addresses", &answer, &rows);
	char text[80];
	size_t i;

	*found = NULL;
	snprintf(text, sizeof(text), "%s/%u", prefix->address, prefix->length);
	json_array_foreach (rows, i, row) {
		if (dpip_row_on(row, device) && !strcmp(dpip_text(row, "address"), text))
			*found = json_incref(row);
	}
	if (code == EXIT_OK)
		json_decref(answer);
	return code;
}

static enum exit_code lifetime_put(json_t *body, const char *field, const char *word,
				   const char *text)
{
	long long seconds;
	enum exit_code code = EXIT_OK;

	if (!text)
		return EXIT_OK;
	if (!strcmp(text, "forever")) {
		json_object_set_new(body, field, json_string(text));
		return EXIT_OK;
	}
	code = dpip_number(word, text, 0, 4294967294LL, &seconds);
	if (code == EXIT_OK)
		json_object_set_new(body, field, json_integer(seconds));
	return code;
}

/* What the words say; what they do not say is left as `row` has it. */
static enum exit_code body_make(const struct addr_words *words, const json_t *row, json_t *body)
{
	static const char *const fields[] = {"valid_lifetime", "preferred_lifetime", "scope",
					     "broadcast"};
	struct addr broadcast;
	enum exit_code code;

	for (unsigned int i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (json_object_get(row, fields[i]))
			json_object_set(body, fields[i], json_object_get(row, fields[i]));
	if (words->broadcast && addr_parse(words->broadcast, &broadcast) < 0)
		return dpip_wrong("broadcast: \"%s\" is no address", words->broadcast);
	if (words->broadcast)
		json_object_set_new(body, "broadcast", json_string(words->broadcast));
	if (words->scope)
		json_object_set_new(body, "scope", json_string(words->scope));
	if (words->valid && !words->preferred)
		json_object_del(body, "preferred_lifetime"); // it follows
	code = lifetime_put(body, "valid_lifetime", "valid_lft", words->valid);
	return code != EXIT_OK ? code
			       : lifetime_put(body, "preferred_lifetime", "preferred_lft",
					      words->preferred);
}

/* The address is there: make it a local address of the pool, or take it back. */
static enum exit_code sapool_put(const struct dpip *dpip, const char *device,
				 const struct dpip_prefix *prefix, const char *path, bool is_new)
{
	json_t *body = json_pack("{s:s}", "interface", device);
	char local[PLACE_TEXT];
	enum exit_code code;

	snprintf(local, sizeof(local), "/v1/local_addresses/%s", prefix->address);
	code = client_request(dpip->client, "PUT", local, body, NULL);
	json_decref(body);
	if (code != EXIT_OK && is_new)
		client_request(dpip->client, "DELETE", path, NULL, NULL);
	return code;
}

static enum exit_code addr_put(struct dpip *dpip, const struct addr_words *words,
			       const char *device, const struct dpip_prefix *prefix)
{
	bool is_new = dpip_is(dpip, "add");
	json_t *row = NULL, *body = json_object();
	char path[PLACE_TEXT], put[PLACE_TEXT + 8];
	enum exit_code code = EXIT_OK;

	address_path(device, prefix, path);
	if (!is_new) {
		code = row_find(dpip, device, prefix, &row);
		if (code == EXIT_OK && !row)
			code = dpip_refused("%s/%u is no address of %s", prefix->address,
					    prefix->length, device);
	}
	if (code == EXIT_OK)
		code = body_make(words, row, body);
	snprintf(put, sizeof(put), "%s%s", path, is_new ? "?new=1" : "");
	if (code == EXIT_OK)
		code = client_request(dpip->client, "PUT", put, body, NULL);
	if (code == EXIT_OK && words->sapool)
		code = sapool_put(dpip, device, prefix, path, is_new);
	json_decref(body);
	json_decref(row);
	return code;
}

/*
 * Whose local address is it? One of a service must be taken from there; one of the pool goes with
 * the address.
 */
static enum exit_code local_check(const struct dpip *dpip, const char *address, bool *of_pool)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/local_addresses", "local_addresses", &answer,
					&rows);
	size_t i;

	*of_pool = false;
	json_array_foreach (rows, i, row) {
		const char *service = dpip_text(row, "service");

		if (strcmp(dpip_text(row, "address"), address))
			continue;
		if (!strcmp(service, "(pool)"))
			*of_pool = true;
		else if (code == EXIT_OK)
			code = dpip_refused("%s is a local address of %s: take it from there first "
					    "(ipvsadm -Q)",
					    address, service);
	}
	json_decref(answer);
	return code;
}

static enum exit_code addr_delete(struct dpip *dpip, const char *device,
				  const struct dpip_prefix *prefix)
{
	char path[PLACE_TEXT], local[PLACE_TEXT];
	bool of_pool;
	enum exit_code code = local_check(dpip, prefix->address, &of_pool);
	json_t *row = NULL;

	if (code == EXIT_OK && of_pool) {
		snprintf(local, sizeof(local), "/v1/local_addresses/%s", prefix->address);
		code = client_request(dpip->client, "DELETE", local, NULL, NULL);
		// When weir had put it there for the pool, it has gone with it.
		if (code == EXIT_OK)
			code = row_find(dpip, device, prefix, &row);
		if (code != EXIT_OK || !row)
			return code;
		json_decref(row);
	}
	address_path(device, prefix, path);
	return code == EXIT_OK ? client_request(dpip->client, "DELETE", path, NULL, NULL) : code;
}

/* All addresses of an interface, or none when one of them is in use by a service. */
static enum exit_code addr_flush(struct dpip *dpip, const char *device)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/addresses", "addresses", &answer, &rows);
	struct dpip_prefix prefix;
	size_t i;
	bool of_pool;

	for (int pass = 0; pass < 2 && code == EXIT_OK; pass++) {
		json_array_foreach (rows, i, row) {
			if (code != EXIT_OK || !row_wanted(dpip, row, device) ||
			    is_link_local(dpip_text(row, "address")))
				continue;
			code = dpip_prefix(dpip, "address", dpip_text(row, "address"), &prefix);
			if (code == EXIT_OK && pass == 0)
				code = local_check(dpip, prefix.address, &of_pool);
			else if (code == EXIT_OK)
				code = addr_delete(dpip, device, &prefix);
		}
	}
	json_decref(answer);
	return code;
}

enum exit_code dpip_addr(struct dpip *dpip)
{
	struct addr_words words = {0};
	struct dpip_prefix prefix;
	char device[32];
	enum exit_code code = words_parse(dpip, &words);

	if (code != EXIT_OK)
		return code;
	if (!dpip_is(dpip, "show") && !dpip_is(dpip, "add") && !dpip_is(dpip, "set") &&
	    !dpip_is(dpip, "del") && !dpip_is(dpip, "flush"))
		return dpip_no_command(dpip, "show, add, set, del, flush");
	if (!words.device && !dpip_is(dpip, "show"))
		return dpip_wrong("missing device: `dev NIC`");
	if (dpip_is(dpip, "show") || dpip_is(dpip, "flush")) {
		if (words.address)
			return dpip_wrong("unknown word \"%s\"; see `dpip addr help`",
					  words.address);
	} else if (!words.address) {
		return dpip_wrong("missing address");
	} else {
		code = dpip_prefix(dpip, "address", words.address, &prefix);
	}
	if (code == EXIT_OK && words.device)
		code = dpip_device(dpip, words.device, device);
	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "show"))
		return addr_show(dpip, words.device ? device : NULL);
	if (dpip_is(dpip, "flush"))
		return addr_flush(dpip, device);
	return dpip_is(dpip, "del") ? addr_delete(dpip, device, &prefix)
				    : addr_put(dpip, &words, device, &prefix);
}
