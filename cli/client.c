/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "face.h"

/*
 * Answers are collected in memory, except those of client_stream() with a good status: these go to
 * the caller as they arrive. The body of a refusal is always collected, because it holds the
 * reason.
 */
struct client {
	CURL *curl;
	char *socket;
	char curl_error[CURL_ERROR_SIZE];
	char *bytes; // collected, always ended by a zero
	size_t size;
	bool (*take)(const char *bytes, size_t size, void *arg);
	void *arg;
	bool ended;  // `take` has had enough
	bool quiet;  // do not print refusals
	bool create; // the next PUT must not replace anything
};

struct client *client_open(const char *socket)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client || curl_global_init(CURL_GLOBAL_NOTHING) || !(client->curl = curl_easy_init()))
		abort();
	client->socket = strdup(socket);
	return client;
}

void client_close(struct client *client)
{
	curl_easy_cleanup(client->curl);
	curl_global_cleanup();
	free(client->bytes);
	free(client->socket);
	free(client);
}

static size_t bytes_arrived(char *bytes, size_t one, size_t size, void *arg)
{
	struct client *client = arg;
	long status = 0;

	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (client->take && status < 300) {
		client->ended = !client->take(bytes, size, client->arg);
		return client->ended ? 0 : size;
	}
	char *grown = realloc(client->bytes, client->size + size + 1);
	if (!grown)
		return 0;
	memcpy(grown + client->size, bytes, size);
	client->bytes = grown;
	client->size += size;
	client->bytes[client->size] = 0;
	return size;
}

/* {"error": {"code": ..., "field": ..., "text": ...}} for people; anything else as it is. */
static enum exit_code refusal_print(struct client *client, long status)
{
	json_t *answer = client->bytes ? json_loads(client->bytes, 0, NULL) : NULL;
	json_t *error = json_object_get(answer, "error");
	const char *field = json_string_value(json_object_get(error, "field"));
	const char *text = json_string_value(json_object_get(error, "text"));
	const char *code = json_string_value(json_object_get(error, "code"));

	if (text)
		fprintf(stderr, "%s: %s%s%s%s%s%s\n", face_name, field && *field ? field : "",
			field && *field ? ": " : "", text, code && *code ? " (" : "",
			code && *code ? code : "", code && *code ? ")" : "");
	else
		fprintf(stderr, "%s: the daemon answered with HTTP status %ld%s%s\n", face_name,
			status, client->bytes ? ": " : "", client->bytes ? client->bytes : "");
	json_decref(answer);
	return EXIT_REFUSED;
}

/* Did the connection to the daemon fail before an HTTP answer? */
static enum exit_code failure_print(struct client *client, CURLcode code)
{
	const char *reason = client->curl_error[0] ? client->curl_error : curl_easy_strerror(code);
	long number = 0;

	// For a unix socket curl's own words speak of host and port 80.
	curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &number);
	if (code == CURLE_COULDNT_CONNECT)
		reason = number ? strerror((int)number) : "nothing listens there";
	fprintf(stderr, "%s: cannot talk to weir at %s: %s\n", face_name, client->socket, reason);
	if (code == CURLE_COULDNT_CONNECT)
		fprintf(stderr,
			"%s: is the daemon running (systemctl status weir), and may you open its"
			" socket?\n",
			face_name);
	return EXIT_UNREACHABLE;
}

static enum exit_code client_perform(struct client *client, const char *method, const char *path,
				     const char *content_type, const void *bytes, size_t size)
{
	struct curl_slist *headers = NULL;
	char *url = NULL, *type = NULL;
	long status = 0;

	free(client->bytes);
	client->bytes = NULL;
	client->size = 0;
	client->ended = false;
	client->curl_error[0] = 0;
	if (asprintf(&url, "http://weir%s", path) < 0 ||
	    asprintf(&type, "Content-Type: %s", content_type) < 0)
		abort();
	headers = curl_slist_append(headers, bytes ? type : "Content-Type:");
	// An answer of 100 first would only cost a round trip on a local socket.
	headers = curl_slist_append(headers, "Expect:");
	if (client->create)
		headers = curl_slist_append(headers, "If-None-Match: *");

	curl_easy_reset(client->curl);
	curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
	curl_easy_setopt(client->curl, CURLOPT_URL, url);
	curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->curl_error);
	curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(client->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, bytes_arrived);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
	if (bytes) {
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, bytes);
	}
	CURLcode code = curl_easy_perform(client->curl);

	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	free(type);
	free(url);
	if (code != CURLE_OK && !client->ended)
		return failure_print(client, code);
	if (status < 300)
		return EXIT_OK;
	return client->quiet ? EXIT_REFUSED : refusal_print(client, status);
}

enum exit_code client_send(struct client *client, const char *method, const char *path,
			   const char *content_type, const void *bytes, size_t size,
			   json_t **answer)
{
	json_error_t wrong;

	client->take = NULL;
	if (answer)
		*answer = NULL;
	enum exit_code code = client_perform(client, method, path, content_type, bytes, size);
	if (code != EXIT_OK || !answer || !client->size)
		return code;
	*answer = json_loadb(client->bytes, client->size, JSON_DECODE_ANY, &wrong);
	if (!*answer) {
		fprintf(stderr, "%s: the daemon's answer to %s %s is not JSON: %s\n", face_name,
			method, path, wrong.text);
		return EXIT_REFUSED;
	}
	return EXIT_OK;
}

enum exit_code client_request(struct client *client, const char *method, const char *path,
			      const json_t *body, json_t **answer)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	enum exit_code code = client_send(client, method, path, "application/json", text,
					  text ? strlen(text) : 0, answer);

	free(text);
	return code;
}

enum exit_code client_get(struct client *client, const char *path, json_t **answer)
{
	return client_send(client, "GET", path, "application/json", NULL, 0, answer);
}

enum exit_code client_create(struct client *client, const char *path, const json_t *body)
{
	client->create = true;
	enum exit_code code = client_request(client, "PUT", path, body, NULL);
	client->create = false;
	return code;
}

void client_quiet(struct client *client, bool quiet)
{
	client->quiet = quiet;
}

enum exit_code client_exists(struct client *client, const char *path)
{
	client->quiet = true;
	enum exit_code code = client_get(client, path, NULL);
	client->quiet = false;
	return code;
}

enum exit_code client_stream(struct client *client, const char *path,
			     bool (*take)(const char *bytes, size_t size, void *arg), void *arg)
{
	client->take = take;
	client->arg = arg;
	return client_perform(client, "GET", path, "application/json", NULL, 0);
}
