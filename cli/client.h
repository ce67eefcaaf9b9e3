/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "command.h"

/*
 * The connection to one weir: HTTP over its unix socket. Every function that talks prints what
 * went wrong on standard error and returns the exit code, so that commands only pass it on.
 */
struct client;

/* `socket` is copied. Never NULL. */
struct client *client_open(const char *socket);
void client_close(struct client *client);

/*
 * One request with a JSON body (or none). `*answer`, when not NULL, is the JSON that came back,
 * owned by the caller; NULL when the answer has no body.
 */
enum exit_code client_request(struct client *client, const char *method, const char *path,
			      const json_t *body, json_t **answer);
/* The same with bytes of any type as the body. */
enum exit_code client_send(struct client *client, const char *method, const char *path,
			   const char *content_type, const void *bytes, size_t size,
			   json_t **answer);
/* PUT of something that must not be there yet: refused (EEXIST) when it is. */
enum exit_code client_create(struct client *client, const char *path, const json_t *body);
/* Print refusals (which is how it begins), or only return them. */
void client_quiet(struct client *client, bool quiet);
/* GET, which is what most commands do. */
enum exit_code client_get(struct client *client, const char *path, json_t **answer);

/* EXIT_OK: there is something at this path; EXIT_REFUSED, and nothing printed: there is not. */
enum exit_code client_exists(struct client *client, const char *path);

/*
 * GET of an answer without an end in sight. `take` sees the bytes as they come and returns false
 * to end the transfer, which is then a success.
 */
enum exit_code client_stream(struct client *client, const char *path,
			     bool (*take)(const char *bytes, size_t size, void *arg), void *arg);
