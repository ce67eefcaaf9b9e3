/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

#define ADD_INTERFACE                                                                  \
	{                                                                              \
		"interface", 'i', OPTION_TEXT, "NAME", "interface",                    \
			"the logical interface that carries the address (dpdk0)", NULL \
	}

static const struct option add_options[] = {ADD_INTERFACE, {0}};

/* The pool's address, or that of a service when protocol and VIP stand before it. */
static enum exit_code local_address_place(const struct arguments *arguments,
					  char path[static PLACE_TEXT])
{
	enum exit_code code = EXIT_OK;

	if (arguments->positional_count == 2)
		return usage_error(arguments->command,
				   "give ADDRESS, or ADDRESS PROTOCOL VIP:PORT");
	strcpy(path, "/v1");
	if (arguments->positional_count > 2)
		code = place_service(arguments, 1, path);
	return code == EXIT_OK ? place_local_address(arguments, 0, path) : code;
}

static enum exit_code local_address_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer;
	enum exit_code code = client_get(client, "/v1/local_addresses", &answer);

	if (code != EXIT_OK)
		return code;
	if (arguments->json)
		json_print(answer);
	else
		table_print_all(answer_array(answer, "local_addresses"));
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code local_address_add(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	json_t *body;

	if (!arguments_option(arguments, "interface"))
		return usage_error(arguments->command, "--interface is needed");
	enum exit_code code = local_address_place(arguments, path);
	if (code != EXIT_OK)
		return code;
	body = arguments_body(arguments);
	code = client_request(client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code local_address_delete(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = local_address_place(arguments, path);

	return code == EXIT_OK ? place_delete(client, path) : code;
}

const struct command local_address_commands[] = {
	{"local-address", "list", "", NULL,
	 "the addresses that FullNAT speaks to real servers from, with their use",
	 local_address_list},
	{"local-address", "add", "ADDRESS [PROTOCOL] [VIP:PORT]", add_options,
	 "add an address to the pool, or to one service", local_address_add},
	{"local-address", "delete", "ADDRESS [PROTOCOL] [VIP:PORT]", NULL,
	 "take an address from the pool, or from one service; sessions that use it go on",
	 local_address_delete},
	{0},
};
