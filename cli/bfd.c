/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions of BFD. */
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

#define KINDS "single_hop multihop vxlan"

static const struct option put_options[] = {
	{"local", 0, OPTION_TEXT, "ADDRESS", "local",
	 "where its packets are sent from (default: an address of the interface)", NULL},
	{"interval", 'i', OPTION_NUMBER, "MS", "interval",
	 "milliseconds between packets, both ways (default 300)", NULL},
	{"transmit-interval", 0, OPTION_NUMBER, "MS", "transmit_interval", "only of those sent",
	 NULL},
	{"receive-interval", 0, OPTION_NUMBER, "MS", "receive_interval", "only of those received",
	 NULL},
	{"multiplier", 0, OPTION_NUMBER, "N", "multiplier",
	 "after how many intervals of silence a peer counts as gone (default 3)", NULL},
	{"passive", 0, OPTION_FLAG, NULL, "passive", "send nothing before the peer does", NULL},
	{"auth", 0, OPTION_TEXT, "TYPE", "auth.type",
	 "password, md5, meticulous_md5, sha1 or meticulous_sha1",
	 "password md5 meticulous_md5 sha1 meticulous_sha1"},
	{"key-id", 0, OPTION_NUMBER, "ID", "auth.id", "number of the key (default 0)", NULL},
	{"secret", 0, OPTION_TEXT, "TEXT", "auth.secret", "the key", NULL},
	{0},
};

static enum exit_code bfd_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"KIND", "kind", false, 0},
		{"PEER", "peer", false, 0},
		{"VNI", "vni", true, 0},
		{"STATE", "state", false, 0},
		{"PEER-STATE", "peer_state", false, 0},
		{"SINCE", "since", false, 0},
		{"REASON", "reason", false, 0},
		{"INTERVAL-US", "interval_us", true, 0},
		{"DETECTION-US", "detection_us", true, 0},
		{"CHANGES", "changes", true, 0},
		{"ORIGIN", "origin", false, 0},
		{0},
	};

	return place_list(client, arguments, "/v1/bfd", "sessions", columns);
}

static enum exit_code bfd_events(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"TIME", "time", false, 0},
		{"KIND", "kind", false, 0},
		{"PEER", "peer", false, 0},
		{"FROM", "from", false, 0},
		{"TO", "to", false, 0},
		{"REASON", "reason", false, 0},
		{0},
	};

	return place_list(client, arguments, "/v1/bfd/events", "events", columns);
}

/* "vxlan", "10.0.0.1@5001" -> "/v1/bfd/sessions/vxlan/10.0.0.1@5001". */
static enum exit_code place_session(const struct arguments *arguments, char path[static PLACE_TEXT])
{
	const char *kind = arguments->positional[0], *word = arguments->positional[1];
	char plain[ADDR_TEXT], text[ADDR_TEXT];
	struct addr addr;

	snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(word, "@"), word);
	if (addr_parse(plain, &addr) < 0)
		return usage_error(arguments->command, "\"%s\" is not an address", word);
	snprintf(path, PLACE_TEXT, "/v1/bfd/sessions/%.16s/%s%.12s", kind, addr_format(&addr, text),
		 word + strcspn(word, "@"));
	return EXIT_OK;
}

static enum exit_code bfd_show(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = place_session(arguments, path);

	return code == EXIT_OK ? place_show(client, arguments, path) : code;
}

static enum exit_code bfd_put(struct client *client, const struct arguments *arguments)
{
	json_t *body = arguments_body(arguments);
	char path[PLACE_TEXT];
	enum exit_code code = body ? place_session(arguments, path) : EXIT_USAGE;

	if (code == EXIT_OK)
		code = client_request(client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code bfd_delete(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = place_session(arguments, path);

	return code == EXIT_OK ? place_delete(client, path) : code;
}

const struct command bfd_commands[] = {
	{"bfd", "list", "", NULL, "all sessions, with state, reason and detection time", bfd_list},
	{"bfd", "show", "KIND PEER", NULL, "all that is known of one session", bfd_show},
	{"bfd", "put", "KIND PEER", put_options,
	 "a session, new or changed; KIND: " KINDS "; in a VNI PEER@VNI", bfd_put},
	{"bfd", "delete", "KIND PEER", NULL, "end a session", bfd_delete},
	{"bfd", "events", "", NULL, "the last changes of state", bfd_events},
	{0},
};
