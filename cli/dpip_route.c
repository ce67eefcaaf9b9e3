/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip route: routes of Linux through weir's interfaces, as the data path has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "dpip.h"
#include "place.h"

struct route_words {
	const char *destination, *via, *device, *scope, *mtu, *source, *metric, *local, *onlink;
	const char *tos, *protocol;
};

static enum exit_code words_parse(const struct dpip *dpip, struct route_words *words)
{
	const struct dpip_word table[] = {
		{"via", false, &words->via},
		{"dev", false, &words->device},
		{"scope", false, &words->scope},
		{"mtu", false, &words->mtu},
		{"src", false, &words->source},
		{"metric", false, &words->metric},
		{"local", true, &words->local},
		{"onlink", true, &words->onlink},
		{"tos", false, &words->tos},
		{"proto", false, &words->protocol},
		{NULL},
	};
	enum exit_code code = dpip_words(dpip, table, &words->destination, "the destination");

	if (code == EXIT_OK && words->tos && strcmp(words->tos, "0"))
		return dpip_wrong("tos: routes by type of service are not available yet");
	if (code == EXIT_OK && words->protocol && strcmp(words->protocol, "auto") &&
	    strcmp(words->protocol, "static") && strcmp(words->protocol, "boot"))
		return dpip_wrong("proto: \"%s\" is none of: auto, boot, static", words->protocol);
	return code;
}

/* Show */

/* One line of the listing: a leg of a route. */
struct route_line {
	const json_t *row, *leg;
	struct prefix prefix;
	bool host; // scope host or kni_host
	bool kni_host;
};

struct route_lines {
	struct route_line *lines;
	size_t count, room;
};

static void line_add(struct route_lines *all, const struct route_line *line)
{
	if (all->count == all->room) {
		all->room = all->room ? 2 * all->room : 64;
		all->lines = realloc(all->lines, all->room * sizeof(*all->lines));
		if (!all->lines)
			abort();
	}
	all->lines[all->count++] = *line;
}

/* What is for this host first, then the longer before the shorter prefixes. */
static int line_compare(const void *a, const void *b)
{
	const struct route_line *x = a, *y = b;
	int order;

	if (x->host != y->host)
		return x->host ? -1 : 1;
	if (x->prefix.len != y->prefix.len)
		return y->prefix.len - x->prefix.len;
	order = addr_compare(&x->prefix.addr, &y->prefix.addr);
	if (order)
		return order;
	if (x->kni_host != y->kni_host)
		return x->kni_host ? -1 : 1;
	return (int)dpip_integer(x->row, "metric") - (int)dpip_integer(y->row, "metric");
}

/* What Linux makes by itself and the data path does not use, it lists for -v only. */
static bool row_wanted(const struct dpip *dpip, const json_t *row, struct route_line *line)
{
	const char *type = dpip_text(row, "type");
	bool link_local;

	line->row = row;
	line->kni_host = !strcmp(type, "kni_host");
	line->host = line->kni_host || !strcmp(dpip_text(row, "scope"), "host");
	if (prefix_parse(dpip_text(row, "destination"), &line->prefix) < 0 ||
	    line->prefix.addr.family != (dpip->family == AF_INET6 ? AF_INET6 : AF_INET))
		return false;
	if (!line->kni_host && strcmp(type, "unicast") && strcmp(type, "local"))
		return false;
	link_local = line->prefix.addr.family == AF_INET6 && line->prefix.addr.bytes[0] == 0xfe &&
		     (line->prefix.addr.bytes[1] & 0xc0) == 0x80;
	if (dpip->verbose || line->kni_host)
		return true;
	return !link_local && (json_is_true(json_object_get(row, "data_path")) ||
			       strcmp(dpip_text(row, "protocol"), "kernel"));
}

static void lines_collect(const struct dpip *dpip, const json_t *rows, const char *device,
			  struct route_lines *all)
{
	const json_t *row, *leg;
	size_t i, k;

	json_array_foreach (rows, i, row) {
		struct route_line line = {0};

		if (!row_wanted(dpip, row, &line))
			continue;
		json_array_foreach (json_object_get(row, "legs"), k, leg) {
			line.leg = leg;
			if (dpip_row_on(leg, device))
				line_add(all, &line);
		}
	}
	if (all->count)
		qsort(all->lines, all->count, sizeof(*all->lines), line_compare);
}

static long long port_mtu(const json_t *ports, const char *interface)
{
	const json_t *port;
	size_t i;

	json_array_foreach (ports, i, port)
		if (!strcmp(dpip_text(port, "name"), interface))
			return dpip_integer(port, "mtu");
	return 0;
}

static const char *or_any(const char *address)
{
	return *address ? address : "0.0.0.0";
}

static void line_print(const struct route_line *line, const json_t *ports)
{
	const char *via = dpip_text(line->leg, "via");
	const char *interface = dpip_text(line->leg, "interface");
	// Linux names the address itself as the source of what is for it.
	const char *source = line->host ? "" : dpip_text(line->row, "source");
	long long mtu = dpip_integer(line->row, "mtu");
	char text[PREFIX_TEXT];

	prefix_format(&line->prefix, text);
	if (line->prefix.addr.family == AF_INET) {
		printf("inet %s via %s src %s dev %s mtu %lld tos 0 scope %s metric %lld proto "
		       "auto\n",
		       text, or_any(via), or_any(source), interface,
		       mtu ? mtu : port_mtu(ports, interface), dpip_text(line->row, "scope"),
		       dpip_integer(line->row, "metric"));
		return;
	}
	printf("inet6 %s%s%s%s%s dev %s", line->prefix.len ? text : "default", *via ? " via " : "",
	       via, *source ? " src " : "", source, interface);
	if (mtu)
		printf(" mtu %lld", mtu);
	printf(" scope %s\n", dpip_text(line->row, "scope"));
}

/* Linux's own route to an address that is there as scope kni_host is the same thing. */
static bool line_repeats(const struct route_line *line, const struct route_line *before)
{
	return line->host && !line->kni_host && before->kni_host &&
	       line->prefix.len == before->prefix.len &&
	       addr_equal(&line->prefix.addr, &before->prefix.addr);
}

static enum exit_code route_show(struct dpip *dpip, const char *device)
{
	json_t *routes, *ports = NULL, *rows, *port_rows;
	struct route_lines all = {0};
	enum exit_code code = dpip_list(dpip, "/v1/routes", "routes", &routes, &rows);

	if (code == EXIT_OK)
		code = dpip_list(dpip, "/v1/ports", "ports", &ports, &port_rows);
	if (code == EXIT_OK)
		lines_collect(dpip, rows, device, &all);
	for (size_t i = 0; i < all.count; i++)
		if (i == 0 || !line_repeats(&all.lines[i], &all.lines[i - 1]))
			line_print(&all.lines[i], port_rows);
	free(all.lines);
	json_decref(ports);
	json_decref(routes);
	return code;
}

/* Change */

static enum exit_code number_put(json_t *body, const char *field, const char *text,
				 long long maximum)
{
	long long number;
	enum exit_code code;

	if (!text)
		return EXIT_OK;
	code = dpip_number(field, text, 0, maximum, &number);
	if (code == EXIT_OK)
		json_object_set_new(body, field, json_integer(number));
	return code;
}

static enum exit_code address_put(const struct dpip *dpip, json_t *body, const char *field,
				  const char *word, const char *text)
{
	struct dpip_prefix prefix;
	enum exit_code code;

	if (!text)
		return EXIT_OK;
	code = dpip_prefix(dpip, word, text, &prefix);
	if (code == EXIT_OK && strchr(text, '/'))
		code = dpip_wrong("%s: \"%s\" must be an address, not a prefix", word, text);
	if (code == EXIT_OK)
		json_object_set_new(body, field, json_string(prefix.address));
	return code;
}

static enum exit_code body_make(const struct dpip *dpip, const struct route_words *words,
				const char *device, json_t *body)
{
	static const char *const scopes[] = {"host", "kni_host", "link", "global", NULL};
	enum exit_code code = address_put(dpip, body, "via", "via", words->via);
	unsigned int i = 0;

	if (code == EXIT_OK)
		code = address_put(dpip, body, "source", "src", words->source);
	if (code == EXIT_OK)
		code = number_put(body, "mtu", words->mtu, 65535);
	if (code == EXIT_OK)
		code = number_put(body, "metric", words->metric, 4294967295LL);
	while (words->scope && scopes[i] && strcmp(scopes[i], words->scope))
		i++;
	if (code == EXIT_OK && words->scope && !scopes[i])
		code = dpip_wrong("scope: \"%s\" is none of: host, kni_host, link, global",
				  words->scope);
	if (words->scope)
		json_object_set_new(body, "scope", json_string(words->scope));
	if (words->local)
		json_object_set_new(body, "local", json_true());
	if (words->onlink)
		json_object_set_new(body, "onlink", json_true());
	if (device)
		json_object_set_new(body, "interface", json_string(device));
	return code;
}

static enum exit_code route_exists(const struct dpip *dpip, const struct dpip_prefix *prefix)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/routes", "routes", &answer, &rows);
	char text[80];
	bool found = false;
	size_t i;

	snprintf(text, sizeof(text), "%s/%u", prefix->address, prefix->length);
	json_array_foreach (rows, i, row)
		found |= !strcmp(dpip_text(row, "destination"), text);
	json_decref(answer);
	if (code == EXIT_OK && !found)
		code = dpip_refused("there is no route to %s", text);
	return code;
}

static enum exit_code route_put(struct dpip *dpip, const struct dpip_prefix *prefix,
				const json_t *body)
{
	bool is_new = dpip_is(dpip, "add");
	char path[PLACE_TEXT];
	json_t *answer = NULL;
	enum exit_code code = is_new ? EXIT_OK : route_exists(dpip, prefix);

	snprintf(path, sizeof(path), "/v1/routes/%s/%u%s", prefix->address, prefix->length,
		 is_new ? "?new=1" : "");
	if (code == EXIT_OK)
		code = client_request(dpip->client, "PUT", path, body, &answer);
	if (code == EXIT_OK && *dpip_text(answer, "note"))
		fprintf(stderr, "dpip: note: %s\n", dpip_text(answer, "note"));
	json_decref(answer);
	return code;
}

/* `body` says which, as far as it says anything that tells routes apart. */
static enum exit_code route_delete(const struct dpip *dpip, const char *address,
				   unsigned int length, const json_t *body)
{
	static const char *const fields[] = {[0] = "interface", "via", "scope"};
	long long metric = dpip_integer(body, "metric");
	char path[2 * PLACE_TEXT];
	int used = snprintf(path, sizeof(path), "/v1/routes/%s/%u?metric=%lld", address, length,
			    metric);

	for (unsigned int i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (*dpip_text(body, fields[i]))
			used += snprintf(path + used, sizeof(path) - (size_t)used, "&%s=%s",
					 fields[i], dpip_text(body, fields[i]));
	if (json_is_true(json_object_get(body, "local")) && !*dpip_text(body, "scope"))
		snprintf(path + used, sizeof(path) - (size_t)used, "&scope=host");
	return client_request(dpip->client, "DELETE", path, NULL, NULL);
}

/* What was configured; not what follows from addresses, nor what routing daemons have put. */
static enum exit_code route_flush(struct dpip *dpip, const char *device)
{
	json_t *answer, *rows;
	struct route_lines all = {0};
	enum exit_code code = dpip_list(dpip, "/v1/routes", "routes", &answer, &rows);

	if (code == EXIT_OK)
		lines_collect(dpip, rows, device, &all);
	for (size_t i = 0; i < all.count && code == EXIT_OK; i++) {
		const struct route_line *line = &all.lines[i];
		const char *protocol = dpip_text(line->row, "protocol");
		char address[ADDR_TEXT];
		json_t *which;

		if (strcmp(protocol, "static") && strcmp(protocol, "boot"))
			continue;
		which = json_pack("{s:s, s:I}", "interface", device, "metric",
				  (json_int_t)dpip_integer(line->row, "metric"));
		if (line->host)
			json_object_set(which, "scope", json_object_get(line->row, "scope"));
		// Linux gives IPv6 routes a metric where none was asked for.
		if (line->prefix.addr.family == AF_INET6)
			json_object_del(which, "metric");
		code = route_delete(dpip, addr_format(&line->prefix.addr, address),
				    line->prefix.len, which);
		json_decref(which);
	}
	free(all.lines);
	json_decref(answer);
	return code;
}

static enum exit_code route_change(struct dpip *dpip, const struct route_words *words,
				   const char *device)
{
	struct dpip_prefix prefix;
	json_t *body = json_object();
	struct dpip family = *dpip;
	enum exit_code code = dpip_destination(dpip, words->destination, &prefix);

	// "default" has no family of its own: the gateway's.
	if (code == EXIT_OK && !strcmp(words->destination, "default") && !dpip->family &&
	    words->via && strchr(words->via, ':')) {
		family.family = AF_INET6;
		code = dpip_destination(&family, words->destination, &prefix);
	}
	family.family = prefix.family;
	if (code == EXIT_OK)
		code = body_make(&family, words, device, body);
	if (code == EXIT_OK)
		code = dpip_is(dpip, "del")
			       ? route_delete(dpip, prefix.address, prefix.length, body)
			       : route_put(dpip, &prefix, body);
	json_decref(body);
	return code;
}

enum exit_code dpip_route(struct dpip *dpip)
{
	struct route_words words = {0};
	char device[32];
	enum exit_code code = words_parse(dpip, &words);

	if (code != EXIT_OK)
		return code;
	if (!dpip_is(dpip, "show") && !dpip_is(dpip, "add") && !dpip_is(dpip, "set") &&
	    !dpip_is(dpip, "del") && !dpip_is(dpip, "flush"))
		return dpip_no_command(dpip, "show, add, set, del, flush");
	if ((dpip_is(dpip, "show") || dpip_is(dpip, "flush")) && words.destination)
		return dpip_wrong("unknown word \"%s\"; see `dpip route help`", words.destination);
	if (dpip_is(dpip, "flush") && !words.device)
		return dpip_wrong("missing device: `dev NIC`");
	if (!dpip_is(dpip, "show") && !dpip_is(dpip, "flush") && !words.destination)
		return dpip_wrong("missing destination: PREFIX or default");
	if (words.device) {
		code = dpip_device(dpip, words.device, device);
		if (code != EXIT_OK)
			return code;
	}
	if (dpip_is(dpip, "show"))
		return route_show(dpip, words.device ? device : NULL);
	if (dpip_is(dpip, "flush"))
		return route_flush(dpip, device);
	return route_change(dpip, &words, words.device ? device : NULL);
}
