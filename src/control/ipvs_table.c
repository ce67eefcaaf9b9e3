/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_table.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/protocol.h"
#include "control/describe.h"
#include "control/edit.h"
#include "control/health.h"
#include "control/ipvs_check.h"
#include "control/ipvs_keeper.h"
#include "control/ipvs_settings.h"
#include "control/loop.h"
#include "control/persist.h"
#include "control/publish.h"

/*
 * The commands of IPVS upon the one model. A service that comes through here is FullNAT by default;
 * what else it shall be is in the settings of ipvs_settings.c, laid over it each time.
 *
 * The caller is told at once, not after a grace period: the new object has been published when the
 * function returns, every packet that a worker takes up from now on is balanced by it, and a
 * program that sends ten thousand commands one after the other is not made to wait for ten
 * thousand rounds of the workers.
 */
enum { LINES_PER_SECOND = 20, LINES_PER_CHANGE = 16 };

static struct {
	uint64_t second; // the lines below were written in it
	unsigned int lines, more;
	struct loop_timer timer;
} change_log;

/* Log */

static void changes_tell(void *arg)
{
	if (change_log.more > 0)
		log_notice("IPVS: and %u more changes", change_log.more);
	change_log.more = 0;
}

/* Shall this change be described? A restore of thousands of services should not flood the log. */
static bool change_is_logged(void)
{
	uint64_t second = loop_now() / 1000;

	if (second != change_log.second) {
		change_log.second = second;
		change_log.lines = 0;
	}
	return change_log.lines < LINES_PER_SECOND;
}

/* Changes that have no line of their own. */
static void changes_count(unsigned int more)
{
	if (more == 0)
		return;
	change_log.more += more;
	change_log.timer.fire = changes_tell;
	if (!change_log.timer.running)
		loop_timer_set(&change_log.timer, 1000);
}

static void changes_log(const char *who, const struct describe *d)
{
	size_t lines = json_array_size(d->texts);

	for (size_t i = 0; i < lines; i++)
		log_notice("%s: %s", who, json_string_value(json_array_get(d->texts, i)));
	change_log.lines += lines;
	changes_count(d->added + d->changed + d->removed - (unsigned int)lines);
}

void ipvs_table_stop(void)
{
	loop_timer_cancel(&change_log.timer);
	changes_tell(NULL);
}

int ipvs_table_publish(struct edit *edit, const char *who, struct error *error)
{
	struct describe d = {.limit = LINES_PER_CHANGE};
	int status;

	if (edit_empty(edit)) {
		edit_free(edit);
		return 0;
	}
	if (change_is_logged()) {
		d.texts = json_array();
		describe_edit(edit, &d);
	}
	status = publish_edit(edit, error);
	edit_free(edit);
	if (status == 0) {
		if (d.texts != NULL)
			changes_log(who, &d);
		else
			changes_count(1);
		persist_changed();
	}
	json_decref(d.texts);
	return status;
}

/* One service that was (or NULL) and will be (or NULL). Takes `after`. */
static int service_publish_change(struct model_service *before, struct model_service *after,
				  const struct ipvs_peer *peer, struct error *error)
{
	struct edit edit = {0};

	if (before != NULL && after != NULL)
		model_service_mark(before, after);
	if (edit_service(&edit, before, after) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	return ipvs_table_publish(&edit, peer->text, error);
}

/* What a request names */

static int key_make(const struct ipvs_service *asked, struct service_key *key, struct error *error)
{
	if (!asked->given)
		return error_set(error, -EINVAL, "", "the message names no service");
	if (asked->has_fwmark && asked->fwmark == 0)
		return error_set(error, -EINVAL, "", "the firewall mark must not be 0");
	if (asked->has_fwmark) {
		*key = (struct service_key){.kind = SERVICE_MARK, .mark = asked->fwmark};
		key->vip.family = (uint8_t)asked->family;
		return 0;
	}
	if (asked->protocol != IPPROTO_TCP && asked->protocol != IPPROTO_UDP &&
	    asked->protocol != IPPROTO_SCTP)
		return error_set(
			error, -EPROTONOSUPPORT, "",
			"balancing protocol %u is not available; there is: " PROTOCOL_WORDS,
			asked->protocol);
	*key = (struct service_key){
		.vip = asked->addr, .port = asked->port, .protocol = (uint8_t)asked->protocol};
	return 0;
}

int ipvs_table_find(const struct ipvs_service *asked, struct model_service **service,
		    struct error *error)
{
	struct service_key key;
	char name[SERVICE_TEXT];

	*service = NULL;
	if (key_make(asked, &key, error) < 0)
		return asked->given ? error->code = -ESRCH : -EINVAL;
	*service = model_find(&key);
	if (*service == NULL)
		return error_set(error, -ESRCH, "", "there is no service %s",
				 model_service_format(&key, name));
	return 0;
}

/* Take over what the request says of the service itself. */
static int service_fill(struct model_service *service, const struct ipvs_service *asked,
			struct error *error)
{
	int status = ipvs_check_service(asked, error);

	if (status < 0)
		return status;
	snprintf(service->scheduler, sizeof(service->scheduler), "%s", asked->scheduler);
	service->scheduler_flags = (asked->flags & IP_VS_SVC_F_SCHED1 ? SCHEDULER_FALLBACK : 0) |
				   (asked->flags & IP_VS_SVC_F_SCHED2 ? SCHEDULER_PORT : 0);
	service->one_packet = (asked->flags & IP_VS_SVC_F_ONEPACKET) != 0;
	service->persistent = asked->flags & IP_VS_SVC_F_PERSISTENT ? asked->timeout : 0;
	service->persistent_bits = service->persistent ? ipvs_check_netmask(asked) : 0;
	// A service of the file or of REST is complete; the settings are not about it.
	return service->origin == ORIGIN_IPVS ? ipvs_settings_complete(service, error) : 0;
}

/* Services */

/* What NEW_SERVICE and SET_SERVICE end with. Takes `after`. */
static int service_publish_filled(struct model_service *before, struct model_service *after,
				  const struct ipvs_request *request, const struct ipvs_peer *peer,
				  struct error *error)
{
	const struct service_key key = after->key;
	int status = service_fill(after, &request->service, error);

	if (status < 0) {
		model_service_free(after);
		return status;
	}
	status = service_publish_change(before, after, peer, error);
	if (status == 0)
		ipvs_keeper_confirm(peer, &key, NULL, 0);
	return status;
}

static int service_new(const struct ipvs_request *request, const struct ipvs_peer *peer,
		       struct error *error)
{
	struct model_service *before, *after;
	struct service_key key;
	char name[SERVICE_TEXT];
	int status = key_make(&request->service, &key, error);

	if (status == 0 && key.kind == SERVICE_ADDRESS)
		status = ipvs_check_address(&key.vip, error);
	if (status < 0)
		return status;
	before = model_find(&key);
	if (before != NULL && !peer->keepalived)
		return error_set(error, -EEXIST, "", "there is a service %s already",
				 model_service_format(&key, name));
	after = before ? model_service_copy(before) : model_service_new(&key, ORIGIN_IPVS);
	if (after == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	if (before == NULL)
		after->keepalived = peer->keepalived;
	return service_publish_filled(before, after, request, peer, error);
}

static int service_set(const struct ipvs_request *request, const struct ipvs_peer *peer,
		       struct error *error)
{
	struct model_service *before, *after;
	int status = ipvs_table_find(&request->service, &before, error);

	if (status < 0)
		return status;
	after = model_service_copy(before);
	if (after == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	return service_publish_filled(before, after, request, peer, error);
}

static int service_delete(const struct ipvs_request *request, const struct ipvs_peer *peer,
			  struct error *error)
{
	struct model_service *service;
	int status = ipvs_table_find(&request->service, &service, error);

	return status < 0 ? status : service_publish_change(service, NULL, peer, error);
}

/*
 * keepalived's FLUSH (lvs_flush) is about what came through this door; a person's is about all
 * that a person sees in the listing.
 */
static int services_flush(const struct ipvs_peer *peer, struct error *error)
{
	struct model_service *service;
	struct edit edit = {0};
	uint32_t cursor = 0;

	while ((service = model_next(&cursor)) != NULL) {
		if ((peer->keepalived && service->origin != ORIGIN_IPVS) ||
		    !ipvs_table_has_words(service))
			continue;
		if (edit_service(&edit, service, NULL) < 0) {
			edit_free(&edit);
			return error_set(error, -ENOMEM, "", "out of memory");
		}
	}
	return ipvs_table_publish(&edit, peer->text, error);
}

/* Real servers */

/* The service and the server of a request; `*server` NULL when the service has none such. */
static int server_find(const struct ipvs_request *request, struct model_service **service,
		       const struct model_server **server, struct error *error)
{
	int status = ipvs_table_find(&request->service, service, error);

	if (status == 0 && !request->server.given)
		status = error_set(error, -EINVAL, "", "the message names no real server");
	if (status == 0)
		*server = model_service_find_server(*service, &request->server.addr,
						    request->server.port);
	return status;
}

static int error_of_server(const struct ipvs_request *request, const struct model_service *service,
			   int code, const char *what, struct error *error)
{
	char name[SERVICE_TEXT], text[ENDPOINT_TEXT];

	return error_set(error, code, "", "service %s has %s real server %s",
			 model_service_format(&service->key, name), what,
			 endpoint_format(&request->server.addr, request->server.port, text));
}

/* keepalived has changed the weight of a server, or taken it out (`after` NULL) or put it in. */
static void server_note(const struct service_key *key, const struct ipvs_server *asked,
			const struct model_server *before, const struct model_server *after,
			const struct ipvs_peer *peer)
{
	char reason[HEALTH_REASON];

	if (!peer->keepalived)
		return;
	if (after == NULL) {
		health_note(key, &asked->addr, asked->port, "removed", "keepalived took it out");
	} else if (after->weight == 0) {
		health_note(key, &asked->addr, asked->port, "down", "keepalived set weight 0");
	} else if (before == NULL || before->weight == 0) {
		snprintf(reason, sizeof(reason), "keepalived %s, weight %u",
			 before ? "brought it back" : "put it in", after->weight);
		health_note(key, &asked->addr, asked->port, "up", reason);
	}
}

/* NEW_DEST and SET_DEST: the one must not find it, the other must. keepalived's NEW_DEST may. */
static int server_put(const struct ipvs_request *request, const struct ipvs_peer *peer, bool new,
		      struct error *error)
{
	const struct model_server *old = NULL;
	struct model_service *service, *after;
	struct model_server server, was;
	struct service_key key;
	int status = server_find(request, &service, &old, error);

	if (status < 0)
		return status;
	key = service->key;
	if (new &&old != NULL && !peer->keepalived)
		return error_of_server(request, service, -EEXIST, "already a", error);
	if (!new &&old == NULL)
		return error_of_server(request, service, -ENOENT, "no", error);
	status = ipvs_check_server(service, &request->server, error);
	if (status < 0)
		return status;
	if (old != NULL)
		server = *old;
	else
		server = (struct model_server){.addr = request->server.addr,
					       .port = request->server.port,
					       .origin = ORIGIN_IPVS,
					       .keepalived = peer->keepalived};
	was = server;
	ipvs_check_fill(service, &request->server, &server);
	after = model_service_copy(service);
	status = after ? model_service_put_server(after, &server) : -ENOMEM;
	if (status < 0) {
		model_service_free(after);
		return error_set(error, status, "", "%s",
				 status == -ENOSPC ? "the service has as many real servers as are "
						     "possible"
						   : "out of memory");
	}
	status = service_publish_change(service, after, peer, error);
	if (status == 0) {
		server_note(&key, &request->server, old ? &was : NULL, &server, peer);
		ipvs_keeper_confirm(peer, &key, &server.addr, server.port);
	}
	return status;
}

static int server_delete(const struct ipvs_request *request, const struct ipvs_peer *peer,
			 struct error *error)
{
	const struct model_server *server = NULL;
	struct model_service *service, *after;
	struct service_key key;
	int status = server_find(request, &service, &server, error);

	if (status < 0)
		return status;
	if (server == NULL)
		return error_of_server(request, service, -ENOENT, "no", error);
	after = model_service_copy(service);
	if (after == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	key = service->key;
	model_service_remove_server(after, &request->server.addr, request->server.port);
	status = service_publish_change(service, after, peer, error);
	if (status == 0)
		server_note(&key, &request->server, NULL, NULL, peer);
	return status;
}

/* Timeouts: 0 leaves one as it is. */
static int timeouts_set(const struct ipvs_request *request, const struct ipvs_peer *peer,
			struct error *error)
{
	struct edit edit = {.timeouts = *model_timeouts()};
	uint16_t *seconds = edit.timeouts.seconds;

	if (request->tcp > TIMEOUT_MAX || request->tcp_fin > TIMEOUT_MAX ||
	    request->udp > TIMEOUT_MAX)
		return error_set(error, -EINVAL, "",
				 "a timeout is out of range, 1 to %d seconds (0: as it is)",
				 TIMEOUT_MAX);
	if (request->tcp != 0)
		seconds[STATE_ESTABLISHED] = (uint16_t)request->tcp;
	if (request->tcp_fin != 0)
		seconds[STATE_FIN_WAIT] = (uint16_t)request->tcp_fin;
	if (request->udp != 0) {
		seconds[STATE_UDP_ONE_WAY] = (uint16_t)request->udp;
		seconds[STATE_UDP_NORMAL] = (uint16_t)request->udp;
	}
	edit.timeouts_given = memcmp(&edit.timeouts, model_timeouts(), sizeof(edit.timeouts)) != 0;
	return ipvs_table_publish(&edit, peer->text, error);
}

int ipvs_table_change(const struct ipvs_request *request, const struct ipvs_peer *peer,
		      struct error *error)
{
	// The daemon commands come from another process of keepalived than all others.
	if (request->command != IPVS_CMD_NEW_DAEMON && request->command != IPVS_CMD_DEL_DAEMON)
		ipvs_keeper_hear(peer);
	switch (request->command) {
	case IPVS_CMD_NEW_SERVICE:
		return service_new(request, peer, error);
	case IPVS_CMD_SET_SERVICE:
		return service_set(request, peer, error);
	case IPVS_CMD_DEL_SERVICE:
		return service_delete(request, peer, error);
	case IPVS_CMD_NEW_DEST:
		return server_put(request, peer, true, error);
	case IPVS_CMD_SET_DEST:
		return server_put(request, peer, false, error);
	case IPVS_CMD_DEL_DEST:
		return server_delete(request, peer, error);
	case IPVS_CMD_SET_CONFIG:
		return timeouts_set(request, peer, error);
	case IPVS_CMD_FLUSH:
		return services_flush(peer, error);
	case IPVS_CMD_NEW_DAEMON:
	case IPVS_CMD_DEL_DAEMON:
		return error_set(
			error, -EOPNOTSUPP, "",
			"the synchronisation daemon of the kernel's IPVS is not available");
	default:
		return error_set(error, -EOPNOTSUPP, "", "there is no command %u",
				 request->command);
	}
}
