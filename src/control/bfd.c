/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What control has to do with BFD: sessions begin and end here, changes of state are told, and
 * peers are let in that nobody has named. Everything that has to be on time is in the workers.
 *
 * While the node wants to be left alone (it is drained, isolated or about to stop: control/node.h)
 * all sessions are administratively down, so that peers send their flows elsewhere and know that it
 * is meant so. A session that a peer began by itself ends when the peer has been silent for a minute.
 *
 * Sessions that REST made are kept in bfd.json of the state folder, secrets included.
 */
#include "control/bfd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "base/log.h"
#include "control/health.h"
#include "control/node.h"
#include "control/saver.h"
#include "tunnel/vm_host.h"
#include "tunnel/vxlan.h"

enum {
	SAVED_VERSION = 1,
	EVENTS = 256,
	HEARD_ROUND = 64, // that are looked at in one tick
	SILENT_MICROSECONDS = 60000000,
	STOP_WAITS = 100, // milliseconds
	FIRST_UP_MICROSECONDS = 5000000,
};

struct entry {
	bool there, accepted; // accepted: the peer began it
	bool was_up;	      // since `begun`
	uint64_t begun;	      // microseconds: it was made, or enabled again
	uint32_t accept;      // by this row of the section
	struct bfd_spec spec;
};

struct event {
	uint64_t time; // milliseconds since the epoch
	char peer[ADDR_TEXT + 16];
	uint8_t kind, from, to, diagnostic;
};

static struct {
	struct entry *entries; // by number
	struct bfd_accept *accepts;
	unsigned int accept_count;
	struct event events[EVENTS];
	uint64_t event_count;
	uint64_t generation;
	bool disabled;
	struct saver saver;
} bfd;

/* The workers' clock. */
static uint64_t microseconds(void)
{
	uint64_t tsc = rte_rdtsc(), hz = rte_get_tsc_hz();

	return tsc / hz * 1000000 + tsc % hz * 1000000 / hz;
}

static struct bfd_wanted wanted_of(const struct bfd_spec *spec)
{
	return (struct bfd_wanted){
		.config = spec->config,
		.disabled = bfd.disabled ? BFD_ADMINISTRATIVELY_DOWN : BFD_NO_DIAGNOSTIC,
	};
}

static uint32_t entry_of(const struct bfd_name *name)
{
	return bfd.entries ? bfd_find(name) : 0;
}

static void entry_remove(uint32_t number)
{
	bfd_remove(number);
	bfd.generation++;
	memset(&bfd.entries[number], 0, sizeof(*bfd.entries));
}

/* `field` is the path to `kind`. */
static int reachable(const struct bfd_name *name, const char *field, struct error *error)
{
	bool ipv6 = name->peer.family == AF_INET6;

	if (name->kind != BFD_VXLAN || (ipv6 ? vxlan.has_v6 : vxlan.v4 != 0))
		return 0;
	return error_set(error, -EINVAL, field,
			 "vxlan needs an IPv%c address in vpc.addresses of the file, which is read "
			 "at start",
			 ipv6 ? '6' : '4');
}

static int entry_add(const struct bfd_spec *spec, struct error *error)
{
	struct bfd_wanted wanted = wanted_of(spec);
	char text[ADDR_TEXT + 16];
	uint32_t number;
	int status = reachable(&spec->name, "kind", error);

	if (status < 0)
		return status;
	status = bfd_add(&spec->name, &spec->local, &wanted, &number);
	if (status < 0)
		return error_set(error, status, "peer",
				 status == -ENOMEM ? "out of memory"
						   : "there is no room for %s: at most %d sessions",
				 bfd_peer_format(&spec->name, text), BFD_SESSIONS_MAX);
	bfd.entries[number] = (struct entry){
		.there = true,
		.spec = *spec,
		.begun = microseconds(),
	};
	bfd.generation++;
	return 0;
}

static bool spec_equal(const struct bfd_spec *a, const struct bfd_spec *b)
{
	return addr_equal(&a->local, &b->local) &&
	       memcmp(&a->config, &b->config, sizeof(a->config)) == 0;
}

/* Change what runs to this: in place, unless it is sent from another address. */
static int entry_change(uint32_t number, const struct bfd_spec *spec, struct error *error)
{
	struct entry *entry = &bfd.entries[number];
	struct bfd_wanted wanted = wanted_of(spec);

	if (!addr_equal(&entry->spec.local, &spec->local)) {
		entry_remove(number);
		return entry_add(spec, error);
	}
	entry->spec = *spec;
	entry->accepted = false;
	return bfd_change(number, &wanted) < 0 ? error_set(error, -ENOMEM, "", "out of memory") : 0;
}

/* Doors */

int bfd_put(const struct bfd_spec *spec, bool *is_new, struct error *error)
{
	uint32_t number = entry_of(&spec->name);
	int status = number ? entry_change(number, spec, error) : entry_add(spec, error);

	*is_new = number == 0;
	if (status == 0)
		saver_changed(&bfd.saver);
	return status;
}

int bfd_delete(const struct bfd_name *name, struct error *error)
{
	uint32_t number = entry_of(name);
	char text[ADDR_TEXT + 16];

	if (number == 0)
		return error_set(error, -ENOENT, "", "there is no %s session with %s",
				 bfd_kind_words[name->kind], bfd_peer_format(name, text));
	entry_remove(number);
	saver_changed(&bfd.saver);
	return 0;
}

/* Telling */

static const char *origin_of(const struct entry *entry)
{
	return entry->accepted ? "accepted" : origin_name(entry->spec.origin);
}

static void session_add(json_t *object, const struct bfd_session *s)
{
	uint64_t now = microseconds(), clock = health_clock();
	char time[HEALTH_TIME];
	json_t *more = json_pack(
		"{s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "state",
		bfd_state_name(s->state), "peer_state", bfd_state_name(s->remote_state), "since",
		health_time_format(clock - (now > s->changed ? (now - s->changed) / 1000 : 0),
				   time),
		"changes", (json_int_t)s->changes, "reason", bfd_diagnostic_name(s->diagnostic),
		"peer_reason", bfd_diagnostic_name(s->remote_diagnostic), "interval_us",
		(json_int_t)bfd_session_interval(s), "detection_us",
		(json_int_t)bfd_session_detection(s), "received", (json_int_t)s->received, "sent",
		(json_int_t)s->sent, "discarded", (json_int_t)s->discarded, "longest_gap_us",
		(json_int_t)s->longest_gap);

	json_object_update_new(object, more);
}

static json_t *entry_json(uint32_t number)
{
	const struct entry *entry = &bfd.entries[number];
	json_t *object = bfd_spec_json(&entry->spec, false);
	struct bfd_session s;

	json_object_set_new(object, "origin", json_string(origin_of(entry)));
	json_object_set_new(object, "worker", json_integer(bfd_worker(number)));
	if (bfd_read(number, &s))
		session_add(object, &s);
	else
		json_object_set_new(object, "state", json_string(bfd_state_name(BFD_DOWN)));
	return object;
}

json_t *bfd_session_json(const struct bfd_name *name)
{
	uint32_t number = entry_of(name);

	return number ? entry_json(number) : NULL;
}

json_t *bfd_sessions_json(void)
{
	json_t *list = json_array();

	for (uint32_t i = 1; i <= bfd_highest; i++)
		if (bfd.entries[i].there)
			json_array_append_new(list, entry_json(i));
	return list;
}

static json_t *accepts_json(bool secrets)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < bfd.accept_count; i++)
		json_array_append_new(list, bfd_accept_json(&bfd.accepts[i], secrets));
	return list;
}

json_t *bfd_accepts_json(void)
{
	return accepts_json(false);
}

json_t *bfd_running_json(void)
{
	json_t *list = json_array();

	for (uint32_t i = 1; i <= bfd_highest; i++)
		if (bfd.entries[i].there && !bfd.entries[i].accepted)
			json_array_append_new(list, bfd_spec_json(&bfd.entries[i].spec, true));
	if (json_array_size(list) == 0 && bfd.accept_count == 0) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:o, s:o}", "sessions", list, "accept", accepts_json(true));
}

json_t *bfd_events_json(void)
{
	uint64_t count = bfd.event_count < EVENTS ? bfd.event_count : EVENTS;
	json_t *list = json_array();
	char time[HEALTH_TIME];

	for (uint64_t i = 1; i <= count; i++) {
		const struct event *e = &bfd.events[(bfd.event_count - i) % EVENTS];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "time",
						      health_time_format(e->time, time), "kind",
						      bfd_kind_words[e->kind], "peer", e->peer,
						      "from", bfd_state_name(e->from), "to",
						      bfd_state_name(e->to), "reason",
						      bfd_diagnostic_name(e->diagnostic)));
	}
	return list;
}

static void event_add(const struct bfd_change *change)
{
	struct event *e = &bfd.events[bfd.event_count++ % EVENTS];
	bool told = change->to == BFD_DOWN && change->diagnostic == BFD_NEIGHBOUR_DOWN &&
		    change->remote_diagnostic != BFD_NO_DIAGNOSTIC;

	bfd.generation++;
	bfd.entries[entry_of(&change->name)].was_up |= change->to == BFD_UP;
	*e = (struct event){
		.time = health_clock(),
		.kind = change->name.kind,
		.from = change->from,
		.to = change->to,
		.diagnostic = told ? change->remote_diagnostic : change->diagnostic,
	};
	bfd_peer_format(&change->name, e->peer);
	// On the way up it passes by Init, which nobody wants to read of.
	if (e->to == BFD_UP)
		log_notice("BFD %s %s is up", bfd_kind_words[e->kind], e->peer);
	else if (e->from == BFD_UP || e->to == BFD_ADMIN_DOWN)
		log_notice("BFD %s %s is %s: %s%s", bfd_kind_words[e->kind], e->peer,
			   bfd_state_name(e->to), told ? "the peer says: " : "",
			   bfd_diagnostic_name(e->diagnostic));
}

/* What follows a session */

uint64_t bfd_generation(void)
{
	return bfd.generation;
}

enum bfd_word bfd_word_of(const struct bfd_name *name, char *reason)
{
	uint32_t number = entry_of(name);
	const struct entry *entry = number ? &bfd.entries[number] : NULL;
	struct bfd_session s = {.state = BFD_DOWN};
	char peer[ADDR_TEXT + 16], ignored[BFD_REASON];

	reason = reason ? reason : ignored;
	bfd_peer_format(name, peer);
	if (entry == NULL) {
		snprintf(reason, BFD_REASON, "there is no BFD session %s/%s",
			 bfd_kind_words[name->kind], peer);
		return BFD_SAYS_DOWN;
	}
	bfd_read(number, &s);
	if (s.state == BFD_UP)
		snprintf(reason, BFD_REASON, "BFD session %s/%s is up", bfd_kind_words[name->kind],
			 peer);
	else
		snprintf(reason, BFD_REASON, "BFD session %s/%s is %s: %s",
			 bfd_kind_words[name->kind], peer, bfd_state_name(s.state),
			 bfd_diagnostic_name(s.diagnostic));
	if (s.state == BFD_UP)
		return BFD_SAYS_UP;
	return bfd.disabled || (!entry->was_up &&
				microseconds() < entry->begun + FIRST_UP_MICROSECONDS)
		       ? BFD_SAYS_NOTHING
		       : BFD_SAYS_DOWN;
}

/* Peers that nobody has named */

static bool accept_fits(const struct bfd_accept *accept, const struct bfd_name *name)
{
	if (accept->kind != name->kind)
		return false;
	return accept->vm_hosts ? vm_host_find(&name->peer) != 0
				: prefix_contains(&accept->from, &name->peer);
}

static uint32_t accepted_count(uint32_t accept)
{
	uint32_t count = 0;

	for (uint32_t i = 1; i <= bfd_highest; i++)
		count += bfd.entries[i].there && bfd.entries[i].accepted &&
			 bfd.entries[i].accept == accept;
	return count;
}

static void heard_consider(const struct bfd_heard *heard)
{
	struct error ignored;

	for (unsigned int i = 0; i < bfd.accept_count && entry_of(&heard->name) == 0; i++) {
		const struct bfd_accept *accept = &bfd.accepts[i];
		struct bfd_spec spec = {.name = heard->name, .config = accept->config};

		if (!accept_fits(accept, &heard->name) || accepted_count(i) >= accept->limit)
			continue;
		if (spec.name.kind != BFD_VXLAN)
			spec.local = heard->local;
		if (entry_add(&spec, &ignored) == 0) {
			struct entry *entry = &bfd.entries[entry_of(&spec.name)];

			entry->accepted = true;
			entry->accept = i;
		}
		return;
	}
}

static void accepted_end(uint32_t number, const struct bfd_session *s)
{
	uint64_t heard = s->last_received > s->changed ? s->last_received : s->changed;
	uint64_t now = microseconds();

	if (bfd.entries[number].accepted && s->state != BFD_UP && now > heard + SILENT_MICROSECONDS)
		entry_remove(number);
}

void bfd_tick(void)
{
	bool disabled = node_withheld() != NULL;
	struct bfd_change change;
	struct bfd_heard heard;
	struct bfd_session s;

	if (bfd.entries == NULL)
		return;
	for (unsigned int i = 0; i < HEARD_ROUND && bfd_next_heard(&heard); i++)
		heard_consider(&heard);
	while (bfd_next_change(&change))
		event_add(&change);
	for (uint32_t i = 1; i <= bfd_highest; i++) {
		struct entry *entry = &bfd.entries[i];

		if (!entry->there)
			continue;
		if (disabled != bfd.disabled) {
			struct bfd_wanted wanted = wanted_of(&entry->spec);

			wanted.disabled = disabled ? BFD_ADMINISTRATIVELY_DOWN : BFD_NO_DIAGNOSTIC;
			bfd_change(i, &wanted);
			entry->was_up = false;
			entry->begun = microseconds();
			bfd.generation++;
		}
		if (entry->accepted && bfd_read(i, &s))
			accepted_end(i, &s);
	}
	bfd.disabled = disabled;
}

/* The section of the file */

static const struct bfd_spec *wanted_spec(const struct bfd_section *wanted,
					  const struct bfd_name *name)
{
	for (unsigned int i = 0; i < wanted->session_count; i++)
		if (memcmp(&wanted->sessions[i].name, name, sizeof(*name)) == 0)
			return &wanted->sessions[i];
	return NULL;
}

static bool is_of_file(uint32_t number)
{
	const struct entry *entry = &bfd.entries[number];

	return entry->there && !entry->accepted && entry->spec.origin == ORIGIN_FILE;
}

static bool accepts_differ(const struct bfd_section *wanted)
{
	return wanted->accept_count != bfd.accept_count ||
	       memcmp(wanted->accepts, bfd.accepts,
		      wanted->accept_count * sizeof(*wanted->accepts)) != 0;
}

unsigned int bfd_differences(const struct bfd_section *wanted, json_t *texts)
{
	unsigned int put = 0, removed = 0, accepts;

	if (bfd.entries == NULL)
		return 0;
	for (unsigned int i = 0; i < wanted->session_count; i++) {
		uint32_t number = entry_of(&wanted->sessions[i].name);

		put += number == 0 || !spec_equal(&bfd.entries[number].spec, &wanted->sessions[i]);
	}
	for (uint32_t i = 1; i <= bfd_highest; i++)
		removed += is_of_file(i) && wanted_spec(wanted, &bfd.entries[i].spec.name) == NULL;
	accepts = wanted->accept_count + bfd.accept_count > 0 && accepts_differ(wanted);
	if (put + removed + accepts == 0)
		return 0;
	json_array_append_new(texts,
			      json_sprintf("~ bfd: %u sessions new or changed, %u removed%s", put,
					   removed, accepts ? ", other peers accepted" : ""));
	return put + removed + accepts;
}

int bfd_check(const struct bfd_section *wanted, struct error *error)
{
	unsigned int others = 0, count = wanted->session_count;
	char field[48];

	for (unsigned int i = 0; i < wanted->session_count; i++) {
		snprintf(field, sizeof(field), "bfd.sessions[%u].kind", i);
		if (reachable(&wanted->sessions[i].name, field, error) < 0)
			return error->code;
	}
	for (uint32_t i = 1; bfd.entries != NULL && i <= bfd_highest; i++)
		others += bfd.entries[i].there && !is_of_file(i) &&
			  wanted_spec(wanted, &bfd.entries[i].spec.name) == NULL;
	if (count + others <= BFD_SESSIONS_MAX)
		return 0;
	return error_set(error, -ENOSPC, "bfd.sessions",
			 "are too many: %u, beside %u of other doors and peers; there is room for "
			 "%d",
			 count, others, BFD_SESSIONS_MAX);
}

static int accepts_set(const struct bfd_section *wanted, struct error *error)
{
	size_t size = wanted->accept_count * sizeof(*wanted->accepts);
	struct bfd_accept *copy = malloc(size + 1);

	if (copy == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	if (size > 0)
		memcpy(copy, wanted->accepts, size);
	free(bfd.accepts);
	bfd.accepts = copy;
	bfd.accept_count = wanted->accept_count;
	bfd_listen(bfd.accept_count > 0);
	return 0;
}

int bfd_apply(const struct bfd_section *wanted, struct error *error)
{
	int status = 0;

	if (bfd.entries == NULL)
		return 0;
	for (uint32_t i = bfd_highest; i > 0; i--)
		if (is_of_file(i) && wanted_spec(wanted, &bfd.entries[i].spec.name) == NULL)
			entry_remove(i);
	for (unsigned int i = 0; i < wanted->session_count && status == 0; i++) {
		const struct bfd_spec *spec = &wanted->sessions[i];
		uint32_t number = entry_of(&spec->name);

		if (number == 0)
			status = entry_add(spec, error);
		else if (bfd.entries[number].accepted ||
			 !spec_equal(&bfd.entries[number].spec, spec))
			status = entry_change(number, spec, error);
	}
	return status < 0 ? status : accepts_set(wanted, error);
}

/* What is kept over a restart */

static json_t *saved_make(void)
{
	json_t *list = json_array();

	for (uint32_t i = 1; i <= bfd_highest; i++)
		if (bfd.entries[i].there && !bfd.entries[i].accepted && !is_of_file(i))
			json_array_append_new(list, bfd_spec_json(&bfd.entries[i].spec, true));
	return json_pack("{s:i, s:o}", "version", SAVED_VERSION, "sessions", list);
}

static void saved_restore(const char *path)
{
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL), *row;
	size_t i;

	json_array_foreach (json_object_get(json, "sessions"), i, row) {
		struct bfd_spec spec = {.origin = ORIGIN_REST};
		const char *peer = json_string_value(json_object_get(row, "peer"));
		const char *kind = json_string_value(json_object_get(row, "kind"));
		struct error error = {0};
		bool is_new;

		if (bfd_decode_name(kind ? kind : "", peer ? peer : "", &spec.name, &error) == 0)
			spec.name.vni = json_integer_value(json_object_get(row, "vni"));
		if (error.code == 0 && entry_of(&spec.name) == 0 &&
		    bfd_decode_session(row, &spec, &error) == 0)
			bfd_put(&spec, &is_new, &error);
		if (error.code < 0)
			log_warning("a session that was saved in %s is left out: %s: %s", path,
				    error.field, error.text);
	}
	json_decref(json);
}

int bfd_start(const struct bfd_section *section, const char *state_dir, struct error *error)
{
	char path[SAVER_PATH];
	int status;

	bfd.entries = calloc(BFD_SESSIONS_MAX + 1, sizeof(*bfd.entries));
	if (bfd.entries == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = bfd_check(section, error);
	if (status == 0)
		status = bfd_apply(section, error);
	if (status < 0)
		return status;
	snprintf(path, sizeof(path), "%s/bfd.json", state_dir);
	if (access(path, F_OK) == 0)
		saved_restore(path);
	return saver_start(&bfd.saver, state_dir, "bfd.json", saved_make, error);
}

/* Have all workers said it? */
static bool all_told(void)
{
	struct bfd_session s;

	for (uint32_t i = 1; i <= bfd_highest; i++)
		if (bfd.entries[i].there && bfd_read(i, &s) &&
		    (s.state != BFD_ADMIN_DOWN || (s.last_sent != 0 && s.last_sent < s.changed)))
			return false;
	return true;
}

void bfd_stop(void)
{
	if (bfd.entries != NULL) {
		bfd.disabled = true;
		for (uint32_t i = 1; i <= bfd_highest; i++) {
			struct bfd_wanted wanted = wanted_of(&bfd.entries[i].spec);

			if (bfd.entries[i].there)
				bfd_change(i, &wanted);
		}
		for (unsigned int i = 0; i < STOP_WAITS && !all_told(); i++)
			usleep(1000);
	}
	saver_stop(&bfd.saver);
	free(bfd.entries);
	free(bfd.accepts);
	memset(&bfd, 0, sizeof(bfd));
}
