/* SPDX-License-Identifier: BSD-3-Clause */
/* The VPC gateway: VMs and VNIs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/addr.h"
#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

static const struct option list_options[] = {
	{"vni", 0, OPTION_NUMBER, "VNI", "vni", "only VMs of this VNI", NULL},
	{0},
};

static const struct option put_options[] = {
	{"mac", 'm', OPTION_TEXT, "MAC", "mac", "the VM's MAC address; must be given", NULL},
	{"host", 0, OPTION_TEXT, "ADDRESS", "host",
	 "where VXLAN packets for it are sent to; must be given", NULL},
	{0},
};

static const struct option set_options[] = {
	{"mtu", 0, OPTION_NUMBER, "BYTES", "mtu",
	 "the longest IP packet inside (default: what the way to the host leaves)", NULL},
	{"learn", 0, OPTION_BOOLEAN, "yes|no", "learn",
	 "learn VMs that the table does not have from their packets (default no)", "yes no"},
	{"learn-max", 0, OPTION_NUMBER, "ROWS", "learn_max", "learn so many at most (default 1024)",
	 NULL},
	{"learn-age", 0, OPTION_NUMBER, "SECONDS", "learn_age",
	 "forget a learned VM that is silent for so long (default 300)", NULL},
	{"check-host", 0, OPTION_BOOLEAN, "yes|no", "check_host",
	 "drop packets of VMs that come from another host than theirs (default yes)", "yes no"},
	{"local-address", 0, OPTION_WORDS, "ADDRESS/LENGTH,...|none", "local_addresses",
	 "weir's own towards VMs: needed by real servers in the VNI", "none"},
	{"tap", 0, OPTION_BOOLEAN, "yes|no", "tap",
	 "with local addresses: a TAP of Linux in the VNI, for health checks (default yes)",
	 "yes no"},
	{0},
};

static enum exit_code vpc_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"VNI", "vni", true, 0},
		{"ADDRESS", "address", false, 0},
		{"MAC", "mac", false, 0},
		{"HOST", "host", false, 0},
		{"ORIGIN", "origin", false, 0},
		{"AGE", "age", true, 0},
		{0},
	};
	char *query = arguments_query(arguments), path[PLACE_TEXT];

	snprintf(path, sizeof(path), "/v1/vpc/vms%s", query);
	free(query);
	return place_list(client, arguments, path, "vms", columns);
}

static enum exit_code vpc_show(struct client *client, const struct arguments *arguments)
{
	return place_show(client, arguments, "/v1/vpc");
}

/* "96", "172.16.25.30" -> "/v1/vpc/vms/96/172.16.25.30". */
static enum exit_code place_vm(const struct arguments *arguments, char path[static PLACE_TEXT])
{
	const char *vni = arguments->positional[0], *word = arguments->positional[1];
	char text[ADDR_TEXT], *end;
	struct addr addr;

	strtoul(vni, &end, 10);
	if (end == vni || *end)
		return usage_error(arguments->command, "\"%s\" is not a VNI", vni);
	if (addr_parse(word, &addr) < 0)
		return usage_error(arguments->command, "\"%s\" is not an address", word);
	snprintf(path, PLACE_TEXT, "/v1/vpc/vms/%.16s/%s", vni, addr_format(&addr, text));
	return EXIT_OK;
}

static enum exit_code vpc_put(struct client *client, const struct arguments *arguments)
{
	json_t *body = arguments_body(arguments);
	char path[PLACE_TEXT];
	enum exit_code code = body ? place_vm(arguments, path) : EXIT_USAGE;

	if (code == EXIT_OK)
		code = client_request(client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code vpc_delete(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = place_vm(arguments, path);

	return code == EXIT_OK ? place_delete(client, path) : code;
}

/* A file as POST /v1/vpc/vms takes it. */
static enum exit_code post_file(struct client *client, const struct arguments *arguments,
				const char *path)
{
	json_error_t where;
	json_t *body = json_load_file(arguments->positional[0], 0, &where);
	enum exit_code code;

	if (!body)
		return usage_error(arguments->command, "%s, line %d: %s", arguments->positional[0],
				   where.line, where.text);
	code = client_request(client, "POST", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code vpc_load(struct client *client, const struct arguments *arguments)
{
	return post_file(client, arguments, "/v1/vpc/vms");
}

static enum exit_code vpc_unload(struct client *client, const struct arguments *arguments)
{
	return post_file(client, arguments, "/v1/vpc/vms/delete");
}

static enum exit_code vpc_set(struct client *client, const struct arguments *arguments)
{
	json_t *body = arguments_body(arguments);
	char path[PLACE_TEXT];
	enum exit_code code = EXIT_USAGE;

	snprintf(path, sizeof(path), "/v1/vpc/vnis/%.16s", arguments->positional[0]);
	if (body)
		code = client_request(client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code vpc_unset(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];

	snprintf(path, sizeof(path), "/v1/vpc/vnis/%.16s", arguments->positional[0]);
	return place_delete(client, path);
}

const struct command vpc_commands[] = {
	{"vpc", "list", "", list_options, "the VMs of all VNIs, with their hosts", vpc_list},
	{"vpc", "show", "", NULL, "where VXLAN packets arrive, and the settings of VNIs", vpc_show},
	{"vpc", "put", "VNI ADDRESS", put_options,
	 "a VM: new, moved to another host, or with another MAC", vpc_put},
	{"vpc", "delete", "VNI ADDRESS", NULL, "remove a VM; its sessions end", vpc_delete},
	{"vpc", "load", "FILE", NULL, "put many VMs at once, all or none (JSON)", vpc_load},
	{"vpc", "unload", "FILE", NULL, "remove many VMs at once, all or none (JSON)", vpc_unload},
	{"vpc", "set", "VNI", set_options, "settings of a VNI, in place of those it has", vpc_set},
	{"vpc", "unset", "VNI", NULL, "the settings of a VNI are the default ones again",
	 vpc_unset},
	{0},
};
