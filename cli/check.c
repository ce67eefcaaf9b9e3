/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

static const struct column check_columns[] = {
	{"PROTOCOL", "protocol", false, 0},
	{"SERVICE", "vip+port", false, 0},
	{"SERVER", "address+server_port", false, 0},
	{"STATE", "state", false, 0},
	{"SINCE", "since", false, 0},
	{"CHANGES", "changes", true, 0},
	{"REASON", "reason", false, 0},
	{0},
};

static enum exit_code check_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer;
	enum exit_code code = client_get(client, "/v1/checks", &answer);

	if (code != EXIT_OK)
		return code;
	if (arguments->json)
		json_print(answer);
	else
		table_print(answer_array(answer, "checks"), check_columns);
	json_decref(answer);
	return EXIT_OK;
}

const struct command check_commands[] = {
	{"check", "list", "", NULL,
	 "the health of real servers, since when, and the reason of the last change", check_list},
	{0},
};
