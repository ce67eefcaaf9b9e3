/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/degraded.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/drops.h"
#include "base/log.h"
#include "control/announce.h"
#include "control/apply.h"
#include "control/bfd_gate.h"
#include "io/port.h"
#include "path/workers.h"

/*
 * Each kind of trouble has at most one sentence. The log hears of a kind when it begins and when
 * it ends; what changes within the sentence is for those who look.
 *
 * Drops are told while they happen and for some seconds after: those that say that weir itself is
 * short of something, not those that a client brings about.
 */
enum trouble {
	TROUBLE_SERVERS,
	TROUBLE_SERVICES,
	TROUBLE_LINKS,
	TROUBLE_ANNOUNCING,
	TROUBLE_DEVICE,
	TROUBLE_BFD,
	TROUBLE_SESSIONS,
	TROUBLE_SESSIONS_WIDE,
	TROUBLE_DROPS,
	TROUBLES,
};

enum { TABLE_FULL_PERCENT = 90, DROPS_REMEMBERED = 10, SENTENCE = 200 };

static const enum drop shortages[] = {
	DROP_no_local_address, DROP_no_local_port, DROP_session_table_full,
	DROP_half_open_full,   DROP_transmit_full, DROP_handoff_full,
};
enum { SHORTAGES = sizeof(shortages) / sizeof(shortages[0]) };

static struct {
	char sentences[TROUBLES][SENTENCE];
	unsigned int present;				    // mask of 1 << enum trouble
	uint64_t drops[SHORTAGES], drops_before[SHORTAGES]; // now; when it last was quiet
	unsigned int quiet[SHORTAGES];			    // seconds without one
	bool known;					    // `drops` says something
} degraded;

static void say(enum trouble trouble, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(enum trouble trouble, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(degraded.sentences[trouble], SENTENCE, format, arguments);
	va_end(arguments);
}

static void look_at_services(void)
{
	const struct census *census = announce_census();

	if (census->servers_down > 0)
		say(TROUBLE_SERVERS, "%u of %u real servers are down", census->servers_down,
		    census->servers);
	if (census->services_dead > 0)
		say(TROUBLE_SERVICES,
		    "%u of %u services have no real server to give connections to",
		    census->services_dead, census->services);
}

static void look_at_links(void)
{
	char names[SENTENCE / 2] = "";
	unsigned int down = 0;

	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *port = port_get(i);

		if (port->link_up)
			continue;
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 down++ ? ", " : "", port->config.name);
	}
	if (down > 0)
		say(TROUBLE_LINKS, "port%s %s %s no link", down == 1 ? "" : "s", names,
		    down == 1 ? "has" : "have");
}

static void look_at_table(enum trouble trouble, const char *family, uint64_t used, uint64_t size)
{
	uint64_t percent = size > 0 ? used * 100 / size : 0;

	if (percent >= TABLE_FULL_PERCENT)
		say(trouble, "the %s session table is full to %llu %%", family,
		    (unsigned long long)percent);
}

static void look_at_tables(void)
{
	struct worker_stats sum = {0}, one;

	for (unsigned int i = 0; i < workers_count(); i++) {
		worker_stats(i, &one);
		sum.sessions += one.sessions;
		sum.sessions_wide += one.sessions_wide;
		sum.session_capacity += one.session_capacity;
		sum.session_wide_capacity += one.session_wide_capacity;
	}
	look_at_table(TROUBLE_SESSIONS, "IPv4", sum.sessions, sum.session_capacity);
	look_at_table(TROUBLE_SESSIONS_WIDE, "IPv6", sum.sessions_wide, sum.session_wide_capacity);
}

static void look_at_drops(void)
{
	char text[SENTENCE / 2] = "";

	for (unsigned int i = 0; i < SHORTAGES; i++) {
		uint64_t now = 0;

		for (unsigned int w = 0; w < workers_count(); w++)
			now += worker_drops(w, shortages[i]);
		degraded.quiet[i] = now == degraded.drops[i] ? degraded.quiet[i] + 1 : 0;
		if (!degraded.known || degraded.quiet[i] >= DROPS_REMEMBERED)
			degraded.drops_before[i] = now;
		degraded.drops[i] = now;
		if (now > degraded.drops_before[i])
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %llu",
				 text[0] ? ", " : "", drop_name(shortages[i]),
				 (unsigned long long)(now - degraded.drops_before[i]));
	}
	degraded.known = true;
	if (text[0] != '\0')
		say(TROUBLE_DROPS, "packets are being dropped for want of room: %s", text);
}

void degraded_tick(void)
{
	unsigned int before = degraded.present, announced;

	memset(degraded.sentences, 0, sizeof(degraded.sentences));
	look_at_services();
	look_at_links();
	if (announce_refused() > 0)
		say(TROUBLE_ANNOUNCING, "%u of %u VIPs cannot be announced", announce_refused(),
		    announce_count(&announced));
	if (announce_device_down())
		say(TROUBLE_DEVICE, "somebody has taken %s down: no VIP is announced",
		    apply_running()->announce.interface);
	if (bfd_gate_withheld(&apply_running()->announce) != NULL)
		say(TROUBLE_BFD, "no VIP is announced: %s",
		    bfd_gate_withheld(&apply_running()->announce));
	look_at_tables();
	look_at_drops();
	degraded.present = 0;
	for (unsigned int i = 0; i < TROUBLES; i++) {
		if (degraded.sentences[i][0] == '\0')
			continue;
		degraded.present |= 1U << i;
		if (!(before & 1U << i))
			log_warning("degraded: %s", degraded.sentences[i]);
	}
	if (before != 0 && degraded.present == 0)
		log_notice("no longer degraded");
}

void degraded_stop(void)
{
	memset(&degraded, 0, sizeof(degraded));
}

bool degraded_is(void)
{
	return degraded.present != 0;
}

json_t *degraded_json(void)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < TROUBLES; i++) {
		if (degraded.sentences[i][0] != '\0')
			json_array_append_new(list, json_string(degraded.sentences[i]));
	}
	return list;
}
