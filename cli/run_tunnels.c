/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_tunnels.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "face.h"
#include "place.h"

json_t *run_tunnels_load(const char *path)
{
	json_t *tunnels = json_load_file(path, 0, NULL);

	if (json_is_array(tunnels))
		return tunnels;
	json_decref(tunnels);
	return json_array();
}

void run_tunnels_save(const char *path, const json_t *tunnels)
{
	if (json_array_size(tunnels) == 0)
		unlink(path);
	else if (json_dump_file(tunnels, path, JSON_COMPACT) < 0)
		fprintf(stderr, "%s: cannot write %s\n", face_name, path);
}

static json_t *find(const json_t *list, const json_t *tunnel)
{
	json_t *name = json_object_get(tunnel, "name"), *other;
	size_t i;

	json_array_foreach (list, i, other)
		if (json_equal(json_object_get(other, "name"), name))
			return other;
	return NULL;
}

static bool is_made(const json_t *tunnel)
{
	return json_object_get(tunnel, "made") != NULL;
}

static bool is_same(const json_t *a, const json_t *b)
{
	json_t *one = json_deep_copy(a), *other = json_deep_copy(b);
	bool same;

	json_object_del(one, "made");
	json_object_del(other, "made");
	same = json_equal(one, other);
	json_decref(one);
	json_decref(other);
	return same;
}

static void path_of(const json_t *tunnel, const char *query, char path[PLACE_TEXT])
{
	snprintf(path, PLACE_TEXT, "/v1/tunnels/%.32s%s",
		 json_string_value(json_object_get(tunnel, "name")), query);
}

static enum exit_code unmake(struct client *client, const json_t *tunnel)
{
	char path[PLACE_TEXT];

	path_of(tunnel, "", path);
	return client_request(client, "DELETE", path, NULL, NULL);
}

/* One that is there with the same settings is used as it is, and stays when weir-run ends. */
static enum exit_code make(struct client *client, json_t *tunnel)
{
	json_t *body = json_deep_copy(tunnel);
	char path[PLACE_TEXT];
	enum exit_code code;

	json_object_del(body, "name");
	path_of(tunnel, "?new=1", path);
	client_quiet(client, true);
	code = client_request(client, "PUT", path, body, NULL);
	client_quiet(client, false);
	if (code == EXIT_OK) {
		json_object_set_new(tunnel, "made", json_true());
	} else {
		path_of(tunnel, "", path);
		code = client_request(client, "PUT", path, body, NULL);
	}
	json_decref(body);
	return code;
}

enum exit_code run_tunnels_make(struct client *client, const json_t *from, json_t *to)
{
	enum exit_code code = EXIT_OK;
	json_t *tunnel;
	size_t i;

	json_array_foreach (to, i, tunnel) {
		const json_t *before = find(from, tunnel);

		if (before && is_made(before) && !is_same(before, tunnel))
			code = unmake(client, before);
		if (code == EXIT_OK)
			code = make(client, tunnel);
		if (before && is_made(before))
			json_object_set_new(tunnel, "made", json_true());
		if (code != EXIT_OK)
			break;
	}
	return code;
}

static bool is_gone(struct client *client, const json_t *tunnel, unsigned int tries)
{
	bool gone;

	client_quiet(client, true);
	gone = unmake(client, tunnel) == EXIT_OK;
	for (unsigned int i = 0; !gone && i < tries; i++) {
		usleep(100 * 1000);
		gone = unmake(client, tunnel) == EXIT_OK;
	}
	client_quiet(client, false);
	return gone;
}

void run_tunnels_remove(struct client *client, const json_t *from, const json_t *to,
			unsigned int tries, json_t *stay)
{
	json_t *tunnel;
	size_t i;

	json_array_foreach (from, i, tunnel) {
		if (!is_made(tunnel) || find(to, tunnel) || is_gone(client, tunnel, tries))
			continue;
		fprintf(stderr, "%s: the tunnel %s stays: it is in use\n", face_name,
			json_string_value(json_object_get(tunnel, "name")));
		json_array_append(stay, tunnel);
	}
}
