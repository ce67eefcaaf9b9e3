/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/match.h"

/*
 * Services by match in the client: in the API such a service has an object `match` where others
 * have protocol, vip and port; in paths it is "match", the text of the match, and 0.
 */
enum { MATCH_PATH = 3 * MATCH_TEXT }; // escaped

/* The object `match` of a service; NULL: it is one by address. */
const json_t *match_of_service(const json_t *service);
/* The text of such an object, as match_format() has it. */
char *match_text(const json_t *match, char text[static MATCH_TEXT]);
/* The same in the words that `ipvsadm -H` reads. */
char *match_option_text(const json_t *match, char text[static MATCH_TEXT]);
/* A text as one piece of a path. */
char *match_escape(const char *text, char piece[static MATCH_PATH]);
/* Name a service by match as listings do, with the fields that others have; others stay. */
void match_name_service(json_t *service);
