/* SPDX-License-Identifier: BSD-3-Clause */
#include "weir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/log.h"
#include "events.h"
#include "probe.h"
#include "target.h"
#include "web.h"

/*
 * One request at a time on one connection that is kept. Once a second results go out by POST, also
 * when there are none, which says that we are there; a server that goes up or down is told of
 * within a tenth of a second. The answer has the generation of what is to be
 * checked, and when it is another one the list is fetched.
 *
 * When weir does not answer, nothing is checked: checks travel through weir, so they would only say
 * that weir is away. When it is back the list is fetched whole and believed: whatever we had found
 * out last and could not tell is left behind, since weir's going may have been the reason.
 */
enum {
	TURN = 1000,
	HURRY = 100,
	ANSWER_MAX = 256 << 20,
	RESULTS_AT_ONCE = 4096,
	REQUEST_TIMEOUT = 10000
};

static struct {
	char id[64];
	struct web_request request;
	struct curl_slist *headers;
	char *body;
	char *answer;
	size_t size, room;
	uint64_t due;	    // the next time to tell
	uint64_t told;	    // the last time
	int64_t generation; // of the list that we have; 0: none that counts
	bool busy, listing; // a request is under way; it asks for the list
	bool stale;	    // there is another list
	bool answers;	    // and we have its list
	bool stalled;	    // the last request failed: not before `due`
	bool complained;    // said once
	bool ending, ended;
	char refusal[256];
} weir;

static size_t answer_take(char *bytes, size_t one, size_t size, void *arg)
{
	size_t room = weir.room ? weir.room : 65536;
	char *larger;

	if (weir.size + size > ANSWER_MAX)
		return 0;
	while (room < weir.size + size + 1)
		room *= 2;
	if (room != weir.room) {
		larger = realloc(weir.answer, room);
		if (larger == NULL)
			return 0;
		weir.answer = larger;
		weir.room = room;
	}
	memcpy(weir.answer + weir.size, bytes, size);
	weir.size += size;
	return size;
}

static void failed(const char *why)
{
	if (!weir.complained)
		log_warning("weir does not answer: %s; nothing is checked until it does", why);
	weir.complained = true;
	weir.answers = false;
	weir.stalled = true;
	weir.generation = 0;
	weir.due = events_now() + TURN;
	if (weir.ending)
		weir.ended = true;
}

/* Begin a request; `body` (taken) NULL: GET. */
static void request_begin(const char *path, char *body)
{
	CURL *easy = weir.request.easy;
	char url[128];

	free(weir.body);
	weir.body = body;
	weir.size = 0;
	snprintf(url, sizeof(url), "http://weir%s", path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	if (body != NULL) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	} else {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	}
	if (web_add(&weir.request) < 0) {
		failed("out of memory");
		return;
	}
	weir.busy = true;
}

static void ask(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/v1/checks?generation=%lld", (long long)weir.generation);
	weir.listing = true;
	request_begin(path, NULL);
}

static void tell(void)
{
	json_t *results = weir.answers ? target_results(RESULTS_AT_ONCE) : json_array(), *json;
	size_t count = json_array_size(results);
	char *body;

	json = json_pack("{s:s, s:b, s:I, s:o}", "checker", weir.id, "ends",
			 weir.ending && count < RESULTS_AT_ONCE, "generation",
			 (json_int_t)weir.generation, "results", results);
	body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	weir.listing = false;
	weir.told = events_now();
	// What did not fit goes out at once.
	weir.due = events_now() + (count < RESULTS_AT_ONCE ? TURN : 0);
	if (body == NULL)
		failed("out of memory");
	else
		request_begin("/v1/checks", body);
}

static void list_take(const json_t *json)
{
	bool trust = !weir.answers;
	int status = 0;

	if (!json_is_true(json_object_get(json, "unchanged")))
		status = target_load(json_object_get(json, "checks"), trust, probe_cancel);
	if (status < 0) {
		failed("the list of what is to be checked makes no sense");
		return;
	}
	if (trust)
		log_notice("weir answers: %u addresses to check", target_count());
	else if (weir.generation != 0)
		log_info("%u addresses to check", target_count());
	weir.generation = json_integer_value(json_object_get(json, "generation"));
	weir.stale = false;
	weir.answers = true;
	weir.complained = false;
}

static void told(const json_t *json)
{
	weir.stalled = false;
	if (json_is_true(json_object_get(json, "restarted"))) {
		weir.answers = false; // it has taken no results, and knows better
		weir.generation = 0;
	}
	if (weir.answers)
		target_told();
	weir.stale = json_integer_value(json_object_get(json, "generation")) != weir.generation;
	if (weir.ending && strstr(weir.body, "\"ends\":true") != NULL)
		weir.ended = true;
}

static void refused(long status, const json_t *json)
{
	const char *text =
		json_string_value(json_object_get(json_object_get(json, "error"), "text"));

	if (status == 409)
		snprintf(weir.refusal, sizeof(weir.refusal), "%s", text ? text : "refused");
	else if (status == 404 || status == 405)
		snprintf(weir.refusal, sizeof(weir.refusal),
			 "this weir takes no results of checks");
	else
		failed(text ? text : "refused");
}

static void request_done(struct web_request *request, CURLcode code)
{
	long status = 0;
	json_t *json;

	weir.busy = false;
	if (code != CURLE_OK) {
		failed(curl_easy_strerror(code));
		return;
	}
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	json = json_loadb(weir.answer ? weir.answer : "", weir.size, 0, NULL);
	if (status != 200)
		refused(status, json);
	else if (json == NULL)
		failed("its answer is no JSON");
	else if (weir.listing)
		list_take(json);
	else
		told(json);
	json_decref(json);
}

int weir_start(const char *socket, struct error *error)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	snprintf(weir.id, sizeof(weir.id), "%d-%08x%08x", getpid(), events_random(),
		 events_random());
	weir.request = (struct web_request){.easy = easy, .done = request_done};
	weir.headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (weir.headers != NULL) // no 100-continue
		curl_slist_append(weir.headers, "Expect:");
	weir.due = events_now();
	curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, weir.headers);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)REQUEST_TIMEOUT);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_take);
	return 0;
}

void weir_stop(void)
{
	if (weir.busy)
		web_remove(&weir.request);
	curl_easy_cleanup(weir.request.easy);
	curl_slist_free_all(weir.headers);
	free(weir.body);
	free(weir.answer);
	memset(&weir, 0, sizeof(weir));
}

void weir_turn(void)
{
	if (weir.busy || weir.ended)
		return;
	// First that we are there, so that of two checkers one is refused before it does anything.
	if (weir.due <= events_now())
		tell();
	else if (weir.stale && !weir.stalled && !weir.ending)
		ask();
}

void weir_hurry(void)
{
	uint64_t soon = weir.told + HURRY;

	if (soon < events_now())
		soon = events_now();
	if (soon < weir.due)
		weir.due = soon;
}

uint64_t weir_due(void)
{
	return weir.busy ? UINT64_MAX : weir.due;
}

bool weir_answers(void)
{
	return weir.answers;
}

const char *weir_refusal(void)
{
	return weir.refusal[0] != '\0' ? weir.refusal : NULL;
}

void weir_end(void)
{
	weir.ending = true;
	weir.due = events_now();
}

bool weir_is_told(void)
{
	return weir.ended;
}
