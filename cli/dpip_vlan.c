/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip vlan: interfaces of VLANs, as DPVS' dpip makes and shows them. */
#include <stdio.h>
#include <string.h>

#include "dpip.h"
#include "place.h"

struct vlan_words {
	const char *name, *link, *protocol, *id;
	char parent[32]; // the link's name as the daemon has it
	long long number;
};

/* The protocol by any of its names, as the daemon shows it; NULL when it is none. */
static const char *protocol_known(const char *word)
{
	static const char *const words[][2] = {
		{"802.1q", "802.1q"},
		{"vlan", "802.1q"},
		{"802.1ad", "802.1ad"},
		{"QinQ", "802.1ad"},
	};

	for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i][0], word))
			return words[i][1];
	return NULL;
}

static enum exit_code vlan_parse(struct dpip *dpip, struct vlan_words *words)
{
	const struct dpip_word table[] = {
		{"link", false, &words->link},
		{"proto", false, &words->protocol},
		{"id", false, &words->id},
		{NULL},
	};
	enum exit_code code = dpip_words(dpip, table, &words->name, "the name");

	if (code == EXIT_OK && words->id)
		code = dpip_number("id", words->id, 1, 4094, &words->number);
	if (code != EXIT_OK)
		return code;
	if (words->protocol && !protocol_known(words->protocol))
		return dpip_wrong("proto: \"%s\" is none of: 802.1q, 802.1ad, vlan, QinQ",
				  words->protocol);
	return words->link ? dpip_device(dpip, words->link, words->parent) : EXIT_OK;
}

static enum exit_code vlan_add(struct dpip *dpip, const struct vlan_words *words)
{
	char name[64], path[PLACE_TEXT];
	enum exit_code code;
	json_t *body;

	if (!words->link)
		return dpip_wrong("missing device: `link NIC`");
	if (!words->id)
		return dpip_wrong("missing number: `id N`");
	snprintf(name, sizeof(name), "%.31s.%lld", words->parent, words->number);
	if (words->name)
		snprintf(name, sizeof(name), "%.63s", words->name);
	if (strchr(name, '/'))
		return dpip_wrong("\"%s\" is no name of an interface", name);
	body = json_pack("{s:s, s:I}", "link", words->parent, "id", (json_int_t)words->number);
	if (words->protocol)
		json_object_set_new(body, "protocol", json_string(words->protocol));
	snprintf(path, sizeof(path), "/v1/vlans/%s?new=1", name);
	code = client_request(dpip->client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static bool vlan_is_meant(const json_t *row, const struct vlan_words *words)
{
	if (words->name && strcmp(dpip_text(row, "name"), words->name) &&
	    strcmp(dpip_text(row, "tap"), words->name))
		return false;
	if (words->link && strcmp(dpip_text(row, "link"), words->parent))
		return false;
	if (words->id && dpip_integer(row, "id") != words->number)
		return false;
	return !words->protocol ||
	       !strcmp(dpip_text(row, "protocol"), protocol_known(words->protocol));
}

static enum exit_code vlan_none(const struct vlan_words *words)
{
	if (words->name)
		return dpip_refused("there is no VLAN device %s", words->name);
	return dpip_refused("there is no VLAN device %s on %s", words->id, words->link);
}

static enum exit_code vlan_del(struct dpip *dpip, const struct vlan_words *words)
{
	const json_t *found = NULL;
	json_t *answer, *rows, *row;
	char path[PLACE_TEXT];
	enum exit_code code;
	size_t i;

	if (!words->name && !(words->link && words->id))
		return dpip_wrong("missing NAME, or `link NIC id N`");
	code = dpip_list(dpip, "/v1/vlans", "vlans", &answer, &rows);
	if (code != EXIT_OK)
		return code;
	json_array_foreach (rows, i, row)
		if (!found && vlan_is_meant(row, words))
			found = row;
	if (found) {
		snprintf(path, sizeof(path), "/v1/vlans/%s", dpip_text(found, "name"));
		code = client_request(dpip->client, "DELETE", path, NULL, NULL);
	} else {
		code = vlan_none(words);
	}
	json_decref(answer);
	return code;
}

/* On standard error, as DPVS' dpip does it. */
static enum exit_code vlan_show(struct dpip *dpip, const struct vlan_words *words)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/vlans", "vlans", &answer, &rows);
	bool any = false;
	size_t i;

	if (code != EXIT_OK)
		return code;
	json_array_foreach (rows, i, row) {
		if (!vlan_is_meant(row, words))
			continue;
		any = true;
		fprintf(stderr, "%s link %s proto %s id %lld\n", dpip_text(row, "name"),
			dpip_text(row, "link"), dpip_text(row, "protocol"),
			dpip_integer(row, "id"));
	}
	json_decref(answer);
	return any || !words->name ? EXIT_OK : vlan_none(words);
}

enum exit_code dpip_vlan(struct dpip *dpip)
{
	struct vlan_words words = {0};
	enum exit_code code = vlan_parse(dpip, &words);

	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "add"))
		return vlan_add(dpip, &words);
	if (dpip_is(dpip, "del"))
		return vlan_del(dpip, &words);
	if (dpip_is(dpip, "show"))
		return vlan_show(dpip, &words);
	return dpip_no_command(dpip, "show, add, del");
}
