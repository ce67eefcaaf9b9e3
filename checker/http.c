/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/check_status.h"
#include "probe.h"
#include "web.h"

/*
 * A GET by libcurl, on a connection of its own, without proxy and without following redirects. What
 * an HTTP server may answer (1xx before the answer, chunks, headers folded and endless) is libcurl's
 * to take apart; ours is to stop when enough was seen: at the first byte of the body when none is
 * expected, and after HTTP_BODY bytes when one is.
 */
enum { HTTP_BODY = 32768, HTTP_SPARE = 64, HTTP_URL = ADDR_TEXT + 64 };

struct http {
	struct web_request request; // first
	struct target *target;
	struct curl_slist *headers;
	char *body; // the first HTTP_BODY bytes, when some text is expected in it
	size_t size;
	bool enough;
	struct http *next; // among the spare ones
};

static struct http *spare; // easy handles to be used again
static unsigned int spare_count;

/* Reset the connection when it is closed: no TIME_WAIT here. */
static int socket_made(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	const struct linger reset = {.l_onoff = 1};
	const struct http *http = arg;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return probe_bind(http->target, fd) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

static size_t body_take(char *bytes, size_t one, size_t size, void *arg)
{
	struct http *http = arg;
	size_t room = HTTP_BODY - http->size;

	if (http->target->key.check.expect[0] == '\0') {
		http->enough = true;
		return 0;
	}
	if (http->body == NULL)
		http->body = malloc(HTTP_BODY);
	if (http->body == NULL)
		return 0;
	if (size < room)
		room = size;
	memcpy(http->body + http->size, bytes, room);
	http->size += room;
	http->enough = http->size == HTTP_BODY;
	return http->enough ? 0 : size;
}

static struct http *http_take(void)
{
	struct http *http = spare;

	if (http != NULL) {
		spare = http->next;
		spare_count--;
		return http;
	}
	http = calloc(1, sizeof(*http));
	if (http == NULL)
		return NULL;
	http->request.easy = curl_easy_init();
	if (http->request.easy == NULL) {
		free(http);
		return NULL;
	}
	return http;
}

static void http_give(struct http *http)
{
	CURL *easy = http->request.easy;

	curl_slist_free_all(http->headers);
	free(http->body);
	memset(http, 0, sizeof(*http));
	http->request.easy = easy;
	if (spare_count < HTTP_SPARE) {
		curl_easy_reset(easy);
		http->next = spare;
		spare = http;
		spare_count++;
		return;
	}
	curl_easy_cleanup(easy);
	free(http);
}

/* What came back, once libcurl is through with it. */
static void http_judge(struct target *target, const struct http *http, CURLcode code)
{
	const struct check *check = &target->key.check;
	char text[TARGET_TEXT];
	long status = 0, error = 0;

	curl_easy_getinfo(http->request.easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(http->request.easy, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_OPERATION_TIMEDOUT) {
		probe_clock(target);
	} else if (code != CURLE_OK && !http->enough) {
		snprintf(text, sizeof(text), "%s",
			 code == CURLE_COULDNT_CONNECT && error != 0 ? probe_reason((int)error)
			 : code == CURLE_GOT_NOTHING		     ? "closed without an answer"
								     : curl_easy_strerror(code));
		probe_ended(target, false, text);
	} else if (!check_status_has(check->status, (unsigned int)status)) {
		snprintf(text, sizeof(text), "HTTP status %ld, %s expected", status, check->status);
		probe_ended(target, false, text);
	} else if (check->expect[0] != '\0' &&
		   (http->body == NULL ||
		    memmem(http->body, http->size, check->expect, strlen(check->expect)) == NULL)) {
		probe_ended(target, false, "the body lacks the expected text");
	} else {
		snprintf(text, sizeof(text), "HTTP status %ld", status);
		probe_ended(target, true, text);
	}
}

static void http_done(struct web_request *request, CURLcode code)
{
	struct http *http = (struct http *)request;
	struct target *target = http->target;

	target->http = NULL;
	http_judge(target, http, code);
	http_give(http);
}

static bool headers_make(struct http *http, const char *address)
{
	const struct check *check = &http->target->key.check;
	char host[CHECK_WORDS + 16];

	snprintf(host, sizeof(host), "Host: %s", check->host[0] ? check->host : address);
	http->headers = curl_slist_append(NULL, host);
	if (http->headers == NULL)
		return false;
	return curl_slist_append(http->headers, "Connection: close") != NULL;
}

static void options_set(struct http *http, const char *url)
{
	const struct check *check = &http->target->key.check;
	CURL *easy = http->request.easy;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, check->path);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir-checker");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)check->timeout);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, socket_made);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, http);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
}

int http_begin(struct target *target)
{
	char url[HTTP_URL], endpoint[ENDPOINT_TEXT];
	struct http *http = http_take();
	int status = -ENOMEM;

	if (http == NULL)
		return -ENOMEM;
	http->target = target;
	http->request.done = http_done;
	endpoint_format(&target->key.addr, target->key.port, endpoint);
	snprintf(url, sizeof(url), "http://%s/", endpoint);
	if (headers_make(http, endpoint)) {
		options_set(http, url);
		status = web_add(&http->request);
	}
	if (status < 0)
		http_give(http);
	else
		target->http = http;
	return status;
}

void http_cancel(struct target *target)
{
	struct http *http = target->http;

	if (http == NULL)
		return;
	target->http = NULL;
	web_remove(&http->request);
	http_give(http);
}

void http_stop(void)
{
	while (spare != NULL) {
		struct http *http = spare;

		spare = http->next;
		curl_easy_cleanup(http->request.easy);
		free(http);
	}
	spare_count = 0;
}
