/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "client.h"
#include "ipvsadm_rule.h"
#include "match_words.h"

/* From rules to requests of the REST API, and the restoring of many at once. */

/* What is known of interfaces: asked for once, when a local address is named. */
struct interfaces {
	struct client *client;
	json_t *names;	// what people call an interface -> the name that weir has for it
	json_t *owners; // address -> the interface that has it
};

void interfaces_free(struct interfaces *interfaces);

enum { CHANGE_PATH = MATCH_PATH + 32 };

/* A rule as a request. */
struct change {
	const char *method;	   // NULL: the rule changes nothing (it is a listing)
	bool create;		   // refused when it is there already
	char service[CHANGE_PATH]; // "/v1/services/tcp/10.0.0.1/80"
	char below[160];	   // what follows of the path: "/servers/..." or ""
	json_t *body;		   // or NULL
};

/*
 * EXIT_OK, or an exit code after a message. The change does not keep anything of the rule; its
 * body is for json_decref().
 */
int change_make(struct change *change, const struct rule *rule, struct interfaces *interfaces);
enum exit_code change_send(const struct change *change, struct client *client);

/* "/v1/services/tcp/10.0.0.1/80" of the service that a rule names. */
void change_service_path(const struct rule *rule, char path[static CHANGE_PATH]);

/*
 * Carry out all lines of a file. `run` does what is no change of the model (listings, -C). Lines
 * that are refused are reported with their number, the others are done: EXIT_REFUSED at the end.
 */
int restore_run(struct client *client, FILE *in,
		int (*run)(struct client *client, const struct rule *rule));
/* Cut a line into words as a shell does; `words` has room for all, the line is overwritten. */
int restore_split(char *line, char **words, int room);
