/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip tunnel: tunnel interfaces, as DPVS' dpip makes and shows them; kind vxlan is weir's own. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "dpip.h"
#include "place.h"

struct tunnel_words {
	const char *name, *mode, *remote, *local, *ttl, *tos, *device;
	const char *key, *input_key, *output_key, *identifier;
	const char *sequence, *input_sequence, *output_sequence;
	const char *checksum, *input_checksum, *output_checksum;
	char link[32]; // the device's name as the daemon has it
};

static enum exit_code number_check(const char *name, const char *text, long long maximum)
{
	long long number;

	if (!text || (maximum == 255 && !strcmp(text, "inherit")))
		return EXIT_OK;
	return dpip_number(name, text, 0, maximum, &number);
}

static enum exit_code tunnel_check(const struct tunnel_words *words)
{
	const char *addresses[] = {words->remote, words->local};
	enum exit_code code = EXIT_OK;
	struct addr addr;

	if (words->mode && strcmp(words->mode, "ipip") && strcmp(words->mode, "gre") &&
	    strcmp(words->mode, "vxlan"))
		return dpip_wrong("mode: \"%s\" is none of: ipip, gre, vxlan", words->mode);
	for (unsigned int i = 0; i < 2; i++)
		if (addresses[i] && strcmp(addresses[i], "any") &&
		    addr_parse(addresses[i], &addr) < 0)
			return dpip_wrong("%s: \"%s\" is no address", i ? "local" : "remote",
					  addresses[i]);
	code = number_check("key", words->key, UINT32_MAX);
	if (code == EXIT_OK)
		code = number_check("ikey", words->input_key, UINT32_MAX);
	if (code == EXIT_OK)
		code = number_check("okey", words->output_key, UINT32_MAX);
	if (code == EXIT_OK)
		code = number_check("vni", words->identifier, (1 << 24) - 1);
	if (code == EXIT_OK)
		code = number_check("ttl", words->ttl, 255);
	return code == EXIT_OK ? number_check("tos", words->tos, 255) : code;
}

static enum exit_code tunnel_parse(struct dpip *dpip, struct tunnel_words *words)
{
	const struct dpip_word table[] = {
		{"mode", false, &words->mode},
		{"type", false, &words->mode},
		{"kind", false, &words->mode},
		{"remote", false, &words->remote},
		{"local", false, &words->local},
		{"ttl", false, &words->ttl},
		{"tos", false, &words->tos},
		{"dev", false, &words->device},
		{"key", false, &words->key},
		{"ikey", false, &words->input_key},
		{"okey", false, &words->output_key},
		{"vni", false, &words->identifier},
		{"seq", true, &words->sequence},
		{"iseq", true, &words->input_sequence},
		{"oseq", true, &words->output_sequence},
		{"csum", true, &words->checksum},
		{"icsum", true, &words->input_checksum},
		{"ocsum", true, &words->output_checksum},
		{NULL},
	};
	enum exit_code code = dpip_words(dpip, table, &words->name, "the name");

	if (code == EXIT_OK)
		code = tunnel_check(words);
	if (code == EXIT_OK && words->device)
		code = dpip_device(dpip, words->device, words->link);
	return code;
}

static void body_number(json_t *body, const char *field, const char *text)
{
	long long number = 0;

	if (!text)
		return;
	if (!strcmp(text, "inherit")) {
		json_object_set_new(body, field, json_string(text));
		return;
	}
	dpip_number(field, text, 0, UINT32_MAX, &number);
	// As of ip-tunnel(8), 0 is that of the packet inside.
	if (number == 0 && (!strcmp(field, "ttl") || !strcmp(field, "tos")))
		json_object_set_new(body, field, json_string("inherit"));
	else
		json_object_set_new(body, field, json_integer(number));
}

static void body_flag(json_t *body, const char *field, const char *word)
{
	if (word)
		json_object_set_new(body, field, json_true());
}

static json_t *tunnel_body(const struct tunnel_words *words)
{
	json_t *body = json_pack("{s:s, s:s}", "kind", words->mode, "remote",
				 words->remote ? words->remote : "any");

	if (words->local)
		json_object_set_new(body, "local", json_string(words->local));
	if (words->device)
		json_object_set_new(body, "link", json_string(words->link));
	body_number(body, "key", words->key);
	body_number(body, "input_key", words->input_key);
	body_number(body, "output_key", words->output_key);
	body_number(body, "vni", words->identifier);
	body_number(body, "ttl", words->ttl);
	body_number(body, "tos", words->tos);
	body_flag(body, "checksum", words->checksum);
	body_flag(body, "input_checksum", words->input_checksum);
	body_flag(body, "output_checksum", words->output_checksum);
	body_flag(body, "sequence", words->sequence);
	body_flag(body, "input_sequence", words->input_sequence);
	body_flag(body, "output_sequence", words->output_sequence);
	return body;
}

static enum exit_code tunnel_put(struct dpip *dpip, const struct tunnel_words *words)
{
	char path[PLACE_TEXT];
	enum exit_code code;
	json_t *body;

	if (!words->mode)
		return dpip_wrong("missing kind: `mode { ipip | gre | vxlan }`");
	if (strchr(words->name, '/'))
		return dpip_wrong("\"%s\" is no name of an interface", words->name);
	body = tunnel_body(words);
	snprintf(path, sizeof(path), "/v1/tunnels/%.63s?new=1", words->name);
	code = client_request(dpip->client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static bool tunnel_is_meant(const json_t *row, const struct tunnel_words *words)
{
	if (words->name && strcmp(dpip_text(row, "name"), words->name) &&
	    strcmp(dpip_text(row, "tap"), words->name))
		return false;
	return !words->mode || !strcmp(dpip_text(row, "kind"), words->mode);
}

static void number_print(const json_t *row, const char *field)
{
	const json_t *value = json_object_get(row, field);

	if (json_is_string(value))
		printf(" %s %s", field, json_string_value(value));
	else if (!strcmp(field, "tos"))
		printf(" tos 0x%llx", (long long)json_integer_value(value));
	else
		printf(" %s %lld", field, (long long)json_integer_value(value));
}

/* DPVS prints the tos only when it is one. */
static void tunnel_print(const json_t *row)
{
	static const char *const ways[][5] = {
		{" i_flags", "input_checksum", "input_key", " i_key", "input_sequence"},
		{" o_flags", "output_checksum", "output_key", " o_key", "output_sequence"},
	};

	printf("%s: %s remote %s local %s", dpip_text(row, "name"), dpip_text(row, "kind"),
	       dpip_text(row, "remote"), dpip_text(row, "local"));
	if (*dpip_text(row, "link"))
		printf(" dev %s", dpip_text(row, "link"));
	number_print(row, "ttl");
	if (json_is_integer(json_object_get(row, "tos")))
		number_print(row, "tos");
	for (unsigned int i = 0; i < 2; i++) {
		bool checksum = json_is_true(json_object_get(row, ways[i][1]));
		bool key = json_object_get(row, ways[i][2]) != NULL;

		bool sequence = json_is_true(json_object_get(row, ways[i][4]));

		if (checksum || key || sequence)
			printf("%s%s%s%s", ways[i][0], checksum ? " csum" : "", key ? " key" : "",
			       sequence ? " seq" : "");
	}
	for (unsigned int i = 0; i < 2; i++)
		if (json_object_get(row, ways[i][2]))
			printf("%s 0x%llx", ways[i][3], dpip_integer(row, ways[i][2]));
	if (json_object_get(row, "vni"))
		printf(" vni %lld", dpip_integer(row, "vni"));
	putchar('\n');
}

static enum exit_code tunnel_show(struct dpip *dpip, const struct tunnel_words *words)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/tunnels", "tunnels", &answer, &rows);
	bool any = false;
	size_t i;

	if (code != EXIT_OK)
		return code;
	json_array_foreach (rows, i, row) {
		if (!tunnel_is_meant(row, words))
			continue;
		any = true;
		tunnel_print(row);
	}
	json_decref(answer);
	return any || !words->name ? EXIT_OK : dpip_refused("there is no tunnel %s", words->name);
}

static enum exit_code tunnel_del(struct dpip *dpip, const struct tunnel_words *words)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/tunnels", "tunnels", &answer, &rows);
	char path[PLACE_TEXT] = "";
	size_t i;

	if (code != EXIT_OK)
		return code;
	json_array_foreach (rows, i, row)
		if (!*path && tunnel_is_meant(row, words))
			snprintf(path, sizeof(path), "/v1/tunnels/%s", dpip_text(row, "name"));
	json_decref(answer);
	return *path ? client_request(dpip->client, "DELETE", path, NULL, NULL)
		     : dpip_refused("there is no tunnel %s", words->name);
}

enum exit_code dpip_tunnel(struct dpip *dpip)
{
	struct tunnel_words words = {0};
	enum exit_code code = tunnel_parse(dpip, &words);

	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "show"))
		return tunnel_show(dpip, &words);
	if (!dpip_is(dpip, "add") && !dpip_is(dpip, "set") && !dpip_is(dpip, "del"))
		return dpip_no_command(dpip, "show, add, change, del");
	if (!words.name)
		return dpip_wrong("missing name of the tunnel");
	if (dpip_is(dpip, "add"))
		return tunnel_put(dpip, &words);
	code = tunnel_del(dpip, &words);
	// What is changed has to be said as a whole, and the addresses on it are gone.
	return code == EXIT_OK && dpip_is(dpip, "set") ? tunnel_put(dpip, &words) : code;
}
