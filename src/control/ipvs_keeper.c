/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/edit.h"
#include "control/ipvs_table.h"
#include "control/keyed.h"
#include "control/loop.h"
#include "control/persist.h"

/*
 * A run of keepalived is one process of it, from its first change on. The first run that was never
 * heard of before is a start: everything that it makes or changes from then on is noted as wanted.
 * When it has been silent for a while (ipvs_keeper_quiet), its start is over, and what is marked as made by keepalived
 * and was not wanted is removed.
 *
 * A service of which not one server was wanted keeps its servers for longer (ipvs_keeper_patience): with alpha mode,
 * keepalived adds a server only when its first check has succeeded, and taking away those that
 * serve meanwhile would be worse than leaving one too many.
 *
 * Nothing is removed
 * - that came from elsewhere, from ipvsadm at the same door as well as from the file or from REST;
 * - when the run ended before its start was over: the next one will say what it wants;
 * - by a run that was there before weir was (runs are persisted): it says nothing at all of what it
 *   made before, and will not;
 * - while another keepalived is alive: nothing tells which of them made what.
 *
 * A SIGHUP to keepalived is not a start: it stays the same process, and removes itself what its new
 * file does not have.
 */
enum { RUNS = 16 };

unsigned int ipvs_keeper_quiet = 5000, ipvs_keeper_patience = 120000;

struct wanted {
	struct service_key service; // these first: what the table finds it by
	struct addr server;	    // AF_UNSPEC: the service itself, or any of its servers
	uint32_t port;
	uint32_t any; // 1: says that some server of the service is wanted
};
enum { WANTED_KEY = sizeof(struct wanted) };

static struct {
	char runs[RUNS][IPVS_RUN_TEXT]; // heard of; "": free
	char starting[IPVS_RUN_TEXT];	// the one whose start is not over, or ""
	bool over;			// only the patience is left of it
	uint64_t patience_ends;
	struct keyed wanted;
	struct loop_timer timer;
} keeper = {.wanted = KEYED_INIT(WANTED_KEY)};

/* What is wanted */

static struct wanted wanted_make(const struct service_key *key, const struct addr *server,
				 uint16_t port, bool any)
{
	struct wanted wanted;

	memset(&wanted, 0, sizeof(wanted)); // compared as bytes
	wanted.service = *key;
	if (server != NULL)
		wanted.server = *server;
	wanted.port = port;
	wanted.any = any;
	return wanted;
}

static void wanted_add(struct wanted wanted)
{
	struct wanted *copy;

	if (keyed_find(&keeper.wanted, &wanted) != NULL)
		return;
	copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return;
	*copy = wanted;
	if (keyed_insert(&keeper.wanted, copy) < 0)
		free(copy);
}

static bool is_wanted(const struct service_key *key, const struct addr *server, uint16_t port,
		      bool any)
{
	struct wanted wanted = wanted_make(key, server, port, any);

	return keyed_find(&keeper.wanted, &wanted) != NULL;
}

static void wanted_forget(void)
{
	for (uint32_t i = 0; i < keeper.wanted.capacity; i++)
		free(keeper.wanted.slots[i]);
	keyed_free(&keeper.wanted);
}

/* Runs */

static bool run_is_known(const char *run)
{
	for (unsigned int i = 0; i < RUNS; i++) {
		if (strcmp(keeper.runs[i], run) == 0)
			return true;
	}
	return false;
}

/* Forget the runs that are over. How many are left. */
static unsigned int runs_reap(void)
{
	unsigned int alive = 0;

	for (unsigned int i = 0; i < RUNS; i++) {
		if (keeper.runs[i][0] == '\0')
			continue;
		if (ipvs_run_is_alive(keeper.runs[i]))
			alive++;
		else
			keeper.runs[i][0] = '\0';
	}
	return alive;
}

/* The sweep */

static void start_end(void)
{
	loop_timer_cancel(&keeper.timer);
	keeper.starting[0] = '\0';
	wanted_forget();
}

/* Servers of `after` that keepalived made and does not want go. True: some were spared for now. */
static bool servers_sweep(struct model_service *after, bool patient)
{
	bool some = is_wanted(&after->key, NULL, 0, true);
	bool wanted = is_wanted(&after->key, NULL, 0, false), spared = false;
	unsigned int i = 0;

	while (i < after->server_count) {
		const struct model_server *server = &after->servers[i];

		if (!server->keepalived ||
		    is_wanted(&after->key, &server->addr, server->port, false)) {
			i++;
		} else if (wanted && !some && patient) {
			spared = true;
			i++;
		} else {
			model_service_remove_server(after, &server->addr, server->port);
		}
	}
	return spared;
}

/* 0 or -ENOMEM. */
static int service_sweep(struct edit *edit, struct model_service *service, bool patient,
			 bool *spared)
{
	struct model_service *after = model_service_copy(service);

	if (after == NULL)
		return -ENOMEM;
	if (servers_sweep(after, patient))
		*spared = true;
	// What somebody else put into the service keeps it alive.
	if (service->keepalived && after->server_count == 0 &&
	    !is_wanted(&service->key, NULL, 0, false)) {
		model_service_free(after);
		return edit_service(edit, service, NULL);
	}
	if (after->server_count == service->server_count) {
		model_service_free(after);
		return 0;
	}
	model_service_mark(service, after);
	return edit_service(edit, service, after);
}

static void sweep(void)
{
	bool patient = loop_now() < keeper.patience_ends, spared = false;
	struct model_service *service;
	struct edit edit = {0};
	struct error error;
	uint32_t cursor = 0;
	int status = 0;

	while (status == 0 && (service = model_next(&cursor)) != NULL)
		status = service_sweep(&edit, service, patient, &spared);
	if (status < 0)
		error_set(&error, status, "", "out of memory");
	else
		status = ipvs_table_publish(&edit, "IPVS, left by an earlier keepalived", &error);
	edit_free(&edit);
	if (status < 0)
		log_warning("IPVS: what an earlier keepalived has left cannot be removed: %s",
			    error.text);
	keeper.over = true;
	if (spared && status == 0)
		loop_timer_set(&keeper.timer, (unsigned int)(keeper.patience_ends - loop_now()));
	else
		start_end();
}

static void quiet_over(void *arg)
{
	unsigned int alive = runs_reap();

	if (!run_is_known(keeper.starting)) {
		if (!keeper.over)
			log_notice("IPVS: keepalived ended while it was starting; its entries "
				   "stay");
		start_end();
	} else if (alive > 1) {
		log_warning("IPVS: more than one keepalived is running at this door: what earlier "
			    "ones left behind is not removed");
		start_end();
	} else {
		sweep();
	}
}

static void run_add(const char *run)
{
	unsigned int i = 0;

	while (i < RUNS - 1 && keeper.runs[i][0] != '\0')
		i++;
	strcpy(keeper.runs[i], run);
	persist_changed();
}

void ipvs_keeper_hear(const struct ipvs_peer *peer)
{
	if (!peer->keepalived || run_is_known(peer->run))
		return;
	runs_reap();
	run_add(peer->run);
	start_end();
	log_notice("%s: keepalived begins", peer->text);
	strcpy(keeper.starting, peer->run);
	keeper.over = false;
	keeper.patience_ends = loop_now() + ipvs_keeper_patience;
	keeper.timer.fire = quiet_over;
	loop_timer_set(&keeper.timer, ipvs_keeper_quiet);
}

void ipvs_keeper_confirm(const struct ipvs_peer *peer, const struct service_key *key,
			 const struct addr *server, uint16_t port)
{
	if (!peer->keepalived || keeper.starting[0] == '\0' ||
	    strcmp(peer->run, keeper.starting) != 0)
		return;
	wanted_add(wanted_make(key, server, port, false));
	if (server != NULL)
		wanted_add(wanted_make(key, NULL, 0, true));
	loop_timer_set(&keeper.timer, ipvs_keeper_quiet);
}

/* Persisted */

json_t *ipvs_keeper_json(void)
{
	json_t *runs = json_array();

	for (unsigned int i = 0; i < RUNS; i++) {
		if (keeper.runs[i][0] != '\0')
			json_array_append_new(runs, json_string(keeper.runs[i]));
	}
	return runs;
}

void ipvs_keeper_restore(const json_t *runs)
{
	for (size_t i = 0; i < json_array_size(runs) && i < RUNS; i++) {
		const char *run = json_string_value(json_array_get(runs, i));

		if (run != NULL && strlen(run) < IPVS_RUN_TEXT)
			strcpy(keeper.runs[i], run);
	}
}

void ipvs_keeper_stop(void)
{
	start_end();
	memset(keeper.runs, 0, sizeof(keeper.runs));
}
