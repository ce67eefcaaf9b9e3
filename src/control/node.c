/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/health.h"
#include "control/loop.h"
#include "control/persist.h"
#include "io/port.h"
#include "path/workers.h"

/*
 * There are three reasons to keep away from this node, and they are kept apart: a person has
 * drained it, which only a person takes back, and which therefore lasts over a restart; it has
 * isolated itself, which ends when what was lost is back; and it is about to stop. While any of
 * them holds, VIPs are withdrawn (announce.c), but everything that still arrives is served as
 * ever: new connections too, for those who have not heard of it yet.
 *
 * A drain is over when no session is left, or at its deadline. Then nothing happens but a line in
 * the log and another word in the status: sessions are never cut here.
 *
 * The same is told to stock keepalived by a file that its track_file can follow: "1" while the
 * node wants to be left alone, "0" otherwise. A clean stop leaves "1" behind.
 */
static struct {
	char file[CONFIG_SOCKET + CONFIG_INSTANCE + 8];
	bool file_failed; // said once
	bool stopping;
	bool isolated;
	char isolation[160];
	bool drained;
	bool over;	   // no session left, or the deadline has passed
	uint64_t since;	   // of the drain: milliseconds since the epoch
	uint64_t begin;	   // the same on the loop's clock
	uint64_t deadline; // milliseconds after `begin`; 0: none
	char withheld[224];
} node;

/* The file for keepalived */

static void file_write(bool away)
{
	const char *text = away ? "1\n" : "0\n";
	int fd = open(node.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	bool written = fd >= 0 && pwrite(fd, text, 2, 0) == 2;

	if (!written && !node.file_failed)
		log_warning("%s cannot be written: %s", node.file, strerror(errno));
	node.file_failed = !written;
	if (fd >= 0)
		close(fd);
}

/* Beside the socket: that folder is there, and gone after a reboot. */
static void file_name(const struct config *config)
{
	const char *slash = strrchr(config->socket, '/');

	snprintf(node.file, sizeof(node.file), "%.*s/%s.drain", (int)(slash - config->socket),
		 config->socket, config->instance);
}

/* What speaks against announcing */

const char *node_withheld(void)
{
	return node.withheld[0] != '\0' ? node.withheld : NULL;
}

/* True when it is another sentence than before. */
static bool withheld_update(void)
{
	char before[sizeof(node.withheld)], time[HEALTH_TIME];

	memcpy(before, node.withheld, sizeof(before));
	if (node.stopping)
		strcpy(node.withheld, "weir is stopping");
	else if (node.drained)
		snprintf(node.withheld, sizeof(node.withheld), "the node is drained since %s",
			 health_time_format(node.since, time));
	else if (node.isolated)
		snprintf(node.withheld, sizeof(node.withheld), "the node is isolated: %s",
			 node.isolation);
	else
		node.withheld[0] = '\0';
	if (strcmp(before, node.withheld) == 0)
		return false;
	if (node.file[0] != '\0' && (before[0] == '\0') != (node.withheld[0] == '\0'))
		file_write(node.withheld[0] != '\0');
	return true;
}

/* The first reason to isolate, or an empty text. */
static void isolation_find(const struct announce_config *config, const struct census *census,
			   char *text, size_t size)
{
	text[0] = '\0';
	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *port = port_get(i);

		for (unsigned int k = 0; k < config->link_count && !port->link_up; k++) {
			if (strcmp(config->links[k], port->config.name) != 0)
				continue;
			snprintf(text, size, "port %s has no link", port->config.name);
			return;
		}
	}
	if (config->isolate_servers && census->services > 0 &&
	    census->services_dead == census->services)
		snprintf(text, size, "no service has a real server left");
}

bool node_judge(const struct announce_config *config, const struct census *census)
{
	char text[sizeof(node.isolation)];

	isolation_find(config, census, text, sizeof(text));
	if (strcmp(text, node.isolation) != 0) {
		if (text[0] != '\0')
			log_warning("isolated: %s", text);
		else
			log_notice("no longer isolated");
		strcpy(node.isolation, text);
		node.isolated = text[0] != '\0';
	}
	return withheld_update();
}

void node_stopping(void)
{
	node.stopping = true;
	withheld_update();
}

/* Draining */

static uint64_t sessions_count(void)
{
	struct worker_stats stats;
	uint64_t count = 0;

	for (unsigned int i = 0; i < workers_count(); i++) {
		worker_stats(i, &stats);
		count += stats.sessions + stats.sessions_wide;
	}
	return count;
}

static bool deadline_passed(void)
{
	return node.deadline > 0 && loop_clock() - node.begin >= node.deadline;
}

bool node_is_drained(void)
{
	return node.drained;
}

bool node_is_isolated(void)
{
	return node.isolated;
}

void node_drain(uint64_t deadline, const char *door)
{
	log_notice("%s: drain%s, %llu sessions", door, node.drained ? " (again)" : "",
		   (unsigned long long)sessions_count());
	if (!node.drained)
		node.since = health_clock();
	node.begin = loop_clock();
	node.deadline = deadline;
	node.drained = true;
	node.over = false;
	withheld_update();
	persist_changed();
}

void node_undrain(const char *door)
{
	if (!node.drained)
		return;
	log_notice("%s: undrain", door);
	node.drained = false;
	node.over = false;
	withheld_update();
	persist_changed();
}

void node_tick(void)
{
	uint64_t sessions;

	if (!node.drained || node.over)
		return;
	sessions = sessions_count();
	if (sessions == 0)
		log_notice("drained: no session is left");
	else if (deadline_passed())
		log_warning("drained: the deadline has passed, %llu sessions are left",
			    (unsigned long long)sessions);
	else
		return;
	node.over = true;
}

const char *node_state(void)
{
	if (node.stopping)
		return "stopping";
	if (node.drained)
		return node.over ? "drained" : "draining";
	return node.isolated ? "isolated" : "serving";
}

json_t *node_drain_json(void)
{
	uint64_t past = loop_clock() - node.begin, sessions = sessions_count();
	bool passed = deadline_passed();
	char time[HEALTH_TIME];
	const char *state = !node.drained   ? "serving"
			    : sessions == 0 ? "drained"
			    : passed	    ? "expired"
					    : "draining";
	json_t *object = json_pack("{s:b, s:s, s:I}", "drained", node.drained, "state", state,
				   "sessions", (json_int_t)sessions);

	if (!node.drained)
		return object;
	json_object_set_new(object, "since", json_string(health_time_format(node.since, time)));
	if (node.deadline == 0)
		return object;
	json_object_set_new(object, "deadline", json_real((double)node.deadline / 1000));
	json_object_set_new(object, "remaining",
			    json_real(passed ? 0 : (double)(node.deadline - past) / 1000));
	return object;
}

/* Over a restart */

json_t *node_saved_json(void)
{
	return json_pack("{s:b, s:I}", "drained", node.drained, "since",
			 (json_int_t)(node.drained ? node.since : 0));
}

void node_restore(const json_t *saved)
{
	if (!json_is_true(json_object_get(saved, "drained")))
		return;
	node.drained = true;
	node.since = (uint64_t)json_integer_value(json_object_get(saved, "since"));
	node.begin = loop_clock();
	node.deadline = 0;
	withheld_update();
	log_warning("the node has been drained before weir was started: no VIP is announced until "
		    "`weirctl undrain`");
}

void node_start(const struct config *config)
{
	file_name(config);
	file_write(node_withheld() != NULL);
}

void node_stop(void)
{
	if (node.file[0] != '\0')
		file_write(true);
	memset(&node, 0, sizeof(node));
}
