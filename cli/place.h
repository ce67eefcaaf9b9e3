/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "command.h"
#include "match_words.h"

/* From words of the command line to paths of the REST API, and what commands do with these. */

enum { PLACE_TEXT = MATCH_PATH + 256 };

/*
 * "tcp", "10.0.0.1:80" at `first` -> "/v1/services/tcp/10.0.0.1/80"; "match" and the text of a match
 * -> "/v1/services/match/TEXT/0". "172.16.25.13@96:80" is a service of VNI 96.
 */
enum exit_code place_service(const struct arguments *arguments, unsigned int first,
			     char path[static PLACE_TEXT]);
/* Append "/servers/A/P" for the endpoint at `position`; of a match it is an address alone. */
enum exit_code place_server(const struct arguments *arguments, unsigned int position,
			    char path[static PLACE_TEXT]);
/* Append "/local_addresses/A" to what is in `path` ("/v1" for the pool). */
enum exit_code place_local_address(const struct arguments *arguments, unsigned int position,
				   char path[static PLACE_TEXT]);

/* Do the words at `first` name a service by match? */
bool place_is_match(const struct arguments *arguments, unsigned int first);

/* PUT the options as a new object; refused when there is one already. */
enum exit_code place_add(struct client *client, const struct arguments *arguments, const char *path,
			 json_t *body);
/* PATCH the options that were given. */
enum exit_code place_set(struct client *client, const struct arguments *arguments,
			 const char *path);
enum exit_code place_delete(struct client *client, const char *path);
/* GET an object, and print all of it; or one that is there, which is freed. */
enum exit_code place_show(struct client *client, const struct arguments *arguments,
			  const char *path);
enum exit_code place_print(const struct arguments *arguments, json_t *answer);

struct column;
/* GET and print the array of the answer (answer_array), in columns for people or as JSON. */
enum exit_code place_list(struct client *client, const struct arguments *arguments,
			  const char *path, const char *name, const struct column *columns);

/* An array out of an answer that is either the array itself or an object with it as `name`. */
json_t *answer_array(json_t *answer, const char *name);
