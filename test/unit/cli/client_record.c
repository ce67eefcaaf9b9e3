/* SPDX-License-Identifier: BSD-3-Clause */
#include "client_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "face.h"

const char *face_name = "ipvsadm";

enum exit_code client_request(struct client *client, const char *method, const char *path,
			      const json_t *body, json_t **answer)
{
	char *json = body ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	size_t length = strlen(client->text);

	if (answer)
		*answer = json_incref(json_object_get(client->answers, path));
	snprintf(client->text + length, sizeof(client->text) - length, "%s %s%s%s\n", method, path,
		 json ? " " : "", json ? json : "");
	free(json);
	if (!client->refuse || !strstr(client->text + length, client->refuse))
		return EXIT_OK;
	if (!client->quiet)
		fprintf(stderr, "%s: refused\n", face_name);
	client->refusals_told += !client->quiet;
	return EXIT_REFUSED;
}

enum exit_code client_create(struct client *client, const char *path, const json_t *body)
{
	return client_request(client, "NEW", path, body, NULL);
}

enum exit_code client_get(struct client *client, const char *path, json_t **answer)
{
	return client_request(client, "GET", path, NULL, answer);
}

void client_quiet(struct client *client, bool quiet)
{
	client->quiet = quiet;
}

static FILE *error_stream;
static char *messages;
static size_t messages_size;

void messages_begin(void)
{
	error_stream = stderr;
	stderr = open_memstream(&messages, &messages_size);
}

char *messages_end(void)
{
	fclose(stderr);
	stderr = error_stream;
	return messages;
}
