/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Gates. A session that is down takes the real servers that name it out at once, long before a
 * check would find out, and may withdraw the VIPs. It stands beside what checks say: a server gets
 * new sessions while neither speaks against it.
 *
 * A session that has not been up yet says nothing for some seconds, so that servers stay as they were
 * over a start of weir, and over a drain, during which all sessions are administratively down by
 * this end. The announcement is stricter: nothing is announced before enough sessions are up.
 *
 * Nothing is looked at unless a session or the model has changed.
 */
#include "control/bfd_gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/announce.h"
#include "control/bfd.h"
#include "control/decode.h"
#include "control/edit.h"
#include "control/health.h"
#include "control/publish.h"

static struct {
	uint64_t sessions, model; // generations that were looked at
	bool again;		  // a session could not say anything yet
	char withheld[160];
} gate;

/* Names */

int decode_bfd_reference(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	struct bfd_name *name = (struct bfd_name *)((char *)target + field->offset);
	const char *text = json_string_value(value), *slash = text ? strchr(text, '/') : NULL;
	char kind[16] = "single_hop";
	struct error inner;

	memset(name, 0, sizeof(*name));
	if (json_is_null(value))
		return 0;
	if (text == NULL)
		return decode_fail(d, -EINVAL,
				   "must be the name of a BFD session, such as \"10.0.0.254\" or "
				   "\"multihop/192.0.2.1\"");
	if (slash != NULL)
		snprintf(kind, sizeof(kind), "%.*s", (int)(slash - text), text);
	if (bfd_decode_name(kind, slash ? slash + 1 : text, name, &inner) < 0)
		return decode_fail(d, -EINVAL, "names no BFD session: %s %s", inner.field,
				   inner.text);
	if (name->vni != 0 && name->kind != BFD_VXLAN)
		return decode_fail(d, -EINVAL, "names a VNI, which only kind vxlan has");
	return 0;
}

char *bfd_reference_format(const struct bfd_name *name, char text[static BFD_REFERENCE])
{
	char peer[ADDR_TEXT + 16];

	snprintf(text, BFD_REFERENCE, "%s/%s", bfd_kind_words[name->kind],
		 bfd_peer_format(name, peer));
	return text;
}

/* Announcing */

const char *bfd_gate_withheld(const struct announce_config *config)
{
	char name[BFD_REFERENCE], down[BFD_REFERENCE] = "";
	unsigned int up = 0;

	for (unsigned int i = 0; i < config->bfd_count; i++) {
		if (bfd_word_of(&config->bfd[i], NULL) == BFD_SAYS_UP)
			up++;
		else if (down[0] == '\0')
			memcpy(down, bfd_reference_format(&config->bfd[i], name), sizeof(down));
	}
	if (up >= config->bfd_quorum || config->bfd_count == 0)
		return NULL;
	snprintf(gate.withheld, sizeof(gate.withheld),
		 "%u of %u BFD sessions are up, %u are needed: %s is not", up, config->bfd_count,
		 config->bfd_quorum, down);
	return gate.withheld;
}

/* Real servers */

static void server_note(const struct model_service *service, const struct model_server *server,
			const char *reason)
{
	char name[SERVICE_TEXT], text[ENDPOINT_TEXT];

	health_note(&service->key, &server->addr, server->port,
		    model_server_is_down(server) ? "down" : "up", reason);
	log_notice("service %s: server %s %s: %s", model_service_format(&service->key, name),
		   endpoint_format(&server->addr, server->port, text),
		   server->bfd_down		   ? "is down"
		   : server->health == HEALTH_DOWN ? "stays down"
						   : "is up",
		   reason);
}

void bfd_gate_add(json_t *object, const struct model_server *server)
{
	if (server->bfd.peer.family == AF_UNSPEC)
		return;
	json_object_set_new(object, "bfd_state", json_string(server->bfd_down ? "down" : "up"));
	if (server->bfd_down)
		json_object_set_new(object, "health", json_string(health_name(HEALTH_DOWN)));
}

/* The service with what its sessions say now, in a copy; NULL: nothing is new, or no memory. */
static struct model_service *service_follow(const struct model_service *service)
{
	struct model_service *after = NULL;
	char reason[HEALTH_REASON];

	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];
		enum bfd_word word;

		if (server->bfd.peer.family == AF_UNSPEC)
			continue;
		word = bfd_word_of(&server->bfd, reason);
		gate.again |= word == BFD_SAYS_NOTHING;
		if (word == BFD_SAYS_NOTHING || server->bfd_down == (word == BFD_SAYS_DOWN))
			continue;
		if (after == NULL)
			after = model_service_copy(service);
		if (after == NULL)
			return NULL;
		after->servers[i].bfd_down = word == BFD_SAYS_DOWN;
		server_note(service, &after->servers[i], reason);
	}
	return after;
}

void bfd_gate_tick(void)
{
	struct edit edit = {0};
	struct model_service *service, *after;
	uint64_t sessions = bfd_generation();
	struct error error;
	uint32_t cursor = 0;
	int status = 0;

	if (sessions != gate.sessions)
		announce_changed();
	if (sessions == gate.sessions && model_generation() == gate.model && !gate.again)
		return;
	gate.sessions = sessions;
	gate.again = false;
	while (status == 0 && (service = model_next(&cursor)) != NULL) {
		after = service_follow(service);
		if (after != NULL)
			status = edit_health(&edit, service, after);
	}
	if (status == 0 && !edit_empty(&edit))
		status = publish_edit(&edit, &error);
	if (status < 0)
		log_error("real servers cannot follow their BFD sessions: out of memory");
	gate.again |= status < 0;
	gate.model = model_generation();
	edit_free(&edit);
}

void bfd_gate_stop(void)
{
	memset(&gate, 0, sizeof(gate));
}
