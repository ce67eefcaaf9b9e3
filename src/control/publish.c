/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/limit.h"
#include "balance/overload.h"
#include "balance/server.h"
#include "balance/service.h"
#include "balance/syn_guard.h"
#include "base/log.h"
#include "control/claim.h"
#include "control/match_number.h"
#include "control/mode_check.h"
#include "control/remains.h"
#include "control/zero.h"
#include "net/kernel.h"
#include "session/timeout.h"

/*
 * An edit goes through three steps.
 *
 * prepare  takes whatever the new objects need: service numbers, timeout sets, servers (only for
 *          pairs of address and port that the service did not have, so that sessions keep theirs),
 *          claims on local addresses, and the memory that the later steps use. No worker sees any
 *          of it, so a failure is undone by giving back.
 * publish  shows one service after the other to the workers. When one is refused, those before it
 *          are shown again as they were.
 * commit   puts the objects into the model and hands what they no longer need to remains.c,
 *          which gives it back when a grace period is over: until then a worker may still choose a
 *          server that has just been removed.
 */
static struct {
	struct service_server *servers; // room for one service's
	const char **modes;		// of those servers, and
	const struct quic_server_id **quic_ids;
	unsigned int server_room, mode_room, quic_id_room;
	struct service_local *locals;
	unsigned int local_room;
} publish;

/* Prepare */

static int error_in_service(const struct model_service *service, struct error *error)
{
	const struct error inner = *error;
	char name[SERVICE_TEXT];

	return error_set(error, inner.code, inner.field, "service %s: %s",
			 model_service_format(&service->key, name), inner.text);
}

/* Give back what service_prepare() took, `servers` and `locals` of them. */
static void service_unprepare(const struct model_service *before, struct model_service *after,
			      unsigned int servers, unsigned int locals)
{
	for (unsigned int i = 0; i < locals; i++)
		claim_release(&after->locals[i]);
	for (unsigned int i = 0; i < servers; i++) {
		const struct model_server *server = &after->servers[i], *old = NULL;

		if (before != NULL)
			old = model_service_find_server(before, &server->addr, server->port);
		if (old == NULL || old->number != server->number)
			server_remove(server->number);
	}
	if (after->timeout_set >= 0)
		timeout_release(after->timeout_set);
	if (before == NULL && after->number != 0)
		service_number_free(after->number);
	after->timeout_set = -1;
	after->number = 0;
}

/* How packets reach a new server of mode tunnel, before anybody knows its number. */
static void server_prepare_tunnel(const struct model_service *service,
				  const struct model_server *server)
{
	struct addr source = {.family = AF_UNSPEC}; // that of the interface

	if (strcmp(model_server_mode(service, server), "tunnel") != 0)
		return;
	for (unsigned int i = 0; i < service->local_count && source.family == AF_UNSPEC; i++)
		if (service->locals[i].addr.family == server->addr.family)
			source = service->locals[i].addr;
	server_set_tunnel(server->number, &server->tunnel, &source);
}

/* A number for a new server. */
static uint32_t server_make(const struct model_service *service, const struct model_server *server)
{
	uint16_t port = htons(server->port);

	if (server->vni != 0)
		return server_create_vm(server->vni, &server->addr, port, service->key.protocol,
					service->number);
	return server_create(&server->addr, port, service->key.protocol, service->number);
}

static int service_prepare_servers(const struct model_service *before, struct model_service *after,
				   unsigned int *done, struct error *error)
{
	for (*done = 0; *done < after->server_count; ++*done) {
		struct model_server *server = &after->servers[*done];
		const struct model_server *old = NULL;

		if (before != NULL)
			old = model_service_find_server(before, &server->addr, server->port);
		if (old != NULL && !model_server_same_way(before, old, after, server))
			old = NULL;
		server->number = old != NULL ? old->number : server_make(after, server);
		if (old == NULL)
			zero_forget_server(server->number);
		if (server->number == 0)
			return error_set(error, -ENOSPC, "servers",
					 "there is no room for more real servers (at most %d)",
					 SERVER_MAX - 1);
		if (old == NULL)
			server_prepare_tunnel(after, server);
	}
	return 0;
}

static int service_prepare(const struct model_service *before, struct model_service *after,
			   const struct timeouts *defaults, struct error *error)
{
	struct timeouts timeouts = model_service_timeouts(after, defaults);
	unsigned int servers = 0, locals = 0;
	int status;

	after->timeout_set = -1;
	after->number = 0;
	status = mode_check_service(before, after, error);
	if (status == 0)
		status = document_check_quic(after, error);
	if (status < 0)
		return error_in_service(after, error);
	status = acl_check(&after->allow, &after->deny, error);
	if (status < 0)
		return error_in_service(after, error);
	after->number = before ? before->number : service_number_take();
	if (after->number == 0) {
		status = error_set(error, -ENOSPC, "",
				   "there is no room for more services (at most %d)",
				   SERVICE_MAX - 1);
		goto give_back;
	}
	if (before == NULL)
		zero_forget_service(after->number);
	after->timeout_set = timeout_acquire(&timeouts);
	if (after->timeout_set < 0) {
		status = error_set(error, after->timeout_set, "timeouts",
				   "there are too many different sets of timeouts (at most %d)",
				   TIMEOUT_SETS);
		goto give_back;
	}
	status = service_prepare_servers(before, after, &servers, error);
	if (status < 0)
		goto give_back;
	for (; locals < after->local_count; locals++) {
		status = claim_take(&after->locals[locals], error);
		if (status < 0)
			goto give_back;
	}
	return 0;

give_back:
	service_unprepare(before, after, servers, locals);
	return error_in_service(after, error);
}

static int locals_prepare(const struct edit *edit, struct error *error)
{
	for (unsigned int i = 0; edit->pool_given && i < edit->pool_count; i++) {
		int status = claim_take(&edit->pool[i], error);

		if (status < 0) {
			while (i-- > 0)
				claim_release(&edit->pool[i]);
			return status;
		}
	}
	return 0;
}

static void locals_unprepare(const struct edit *edit)
{
	for (unsigned int i = 0; edit->pool_given && i < edit->pool_count; i++)
		claim_release(&edit->pool[i]);
}

/* The first `count` changes, none of which a worker has seen. */
static void edit_unprepare(struct edit *edit, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct model_service *after = edit->changes[i].after;

		if (after != NULL)
			service_unprepare(edit->changes[i].before, after, after->server_count,
					  after->local_count);
	}
}

static int edit_prepare(struct edit *edit, struct remains *remains, struct error *error)
{
	const struct timeouts *defaults = edit->timeouts_given ? &edit->timeouts : model_timeouts();
	uint32_t highest = 0;
	unsigned int i;
	int status = locals_prepare(edit, error);

	if (status < 0)
		return status;
	for (i = 0; i < edit->count; i++) {
		struct edit_change *change = &edit->changes[i];

		if (change->after == NULL) {
			if (remains_departed(remains, change->before) < 0) {
				status = error_set(error, -ENOMEM, "", "out of memory");
				goto unprepare;
			}
			continue;
		}
		status = service_prepare(change->before, change->after, defaults, error);
		if (status < 0)
			goto unprepare;
		if (change->after->number > highest)
			highest = change->after->number;
	}
	if (model_reserve(highest, edit->count) < 0) {
		status = error_set(error, -ENOMEM, "", "out of memory");
		goto unprepare;
	}
	return 0;

unprepare:
	edit_unprepare(edit, i);
	locals_unprepare(edit);
	return status;
}

/* Publish */

/* Make room for `count` items of `size` bytes. */
static int room_make(void **array, unsigned int *room, unsigned int count, size_t size)
{
	void *larger;

	if (count <= *room)
		return 0;
	larger = realloc(*array, count * size);
	if (larger == NULL)
		return -ENOMEM;
	*array = larger;
	*room = count;
	return 0;
}

/*
 * The mode of a server. Masquerading, the word of the IPVS door, is FullNAT when there is a local
 * address for it, and NAT, as in Linux, otherwise. NAT cannot reach a server of the other family.
 */
static const char *server_mode(const struct model_service *service,
			       const struct model_server *server, const struct model_local *locals,
			       unsigned int local_count)
{
	const char *mode = model_server_mode(service, server);

	if (service->origin != ORIGIN_IPVS || strcmp(mode, "fullnat") != 0 ||
	    server->addr.family != service->key.vip.family)
		return mode;
	for (unsigned int i = 0; i < local_count; i++)
		if (locals[i].addr.family == server->addr.family)
			return mode;
	return "nat";
}

/* Of an interface of a match. One that has gone is none that a packet comes or goes by. */
static uint16_t iface_number(const char *name)
{
	const struct iface *iface = name[0] ? iface_find(name) : NULL;

	return name[0] == '\0' ? 0 : iface ? iface->index : UINT16_MAX;
}

/* What becomes of the sessions that a server of this service has. */
static enum removed_action sessions_action(const struct model_service *service,
					   const struct model_server *server)
{
	enum removed_action action = service->removed_servers;

	if (server->drain == DRAIN_OVER)
		return action == REMOVED_KEEP ? REMOVED_RESET : action;
	if (service->expire_quiescent && server->drain == DRAIN_NONE &&
	    model_server_weight(server) == 0)
		return action == REMOVED_KEEP ? REMOVED_RESCHEDULE : action;
	return REMOVED_KEEP;
}

static void server_show(const struct model_service *service, const struct model_server *server)
{
	bool quiescent = model_server_weight(server) == 0 && service->expire_quiescent;

	server_set_removed(server->number, service->removed_servers);
	server_set_sticky(server->number, !model_server_is_down(server) &&
						  server->drain == DRAIN_NONE && !quiescent);
	server_set_gone(server->number, sessions_action(service, server));
	if (overload_set(server->number, server->upper, server->lower) < 0)
		log_error("out of memory: the thresholds of a real server are not kept");
}

/*
 * Where answers to the WAN addresses of a match come, by which workers choose ports that bring them
 * home. Where it is wrong they are handed over.
 */
static uint16_t wan_iface(const struct model_service *service)
{
	const char *out = match_of_key(&service->key)->out;
	const struct iface *iface = out[0] ? iface_find(out) : NULL;

	if (iface == NULL && service->server_count > 0)
		iface = kernel_address_owner(&service->servers[0].addr);
	return iface ? iface->index : 0;
}

/* Show a service to the workers, with the pool's addresses when it has none of its own. */
static int service_show(const struct model_service *service, const struct model_local *pool,
			unsigned int pool_count, struct error *error)
{
	bool own = service->local_count > 0;
	const struct model_local *locals = own ? service->locals : pool;
	unsigned int local_count = own ? service->local_count : pool_count;
	void *servers = publish.servers, *local_room = publish.locals, *modes = publish.modes;
	void *quic_ids = publish.quic_ids;
	unsigned int server_count = 0, usable = 0;
	struct service_spec spec;
	int status;

	status = room_make(&servers, &publish.server_room, service->server_count,
			   sizeof(*publish.servers));
	if (status == 0)
		status = room_make(&local_room, &publish.local_room, local_count,
				   sizeof(*publish.locals));
	if (status == 0)
		status = room_make(&quic_ids, &publish.quic_id_room, service->server_count,
				   sizeof(*publish.quic_ids));
	if (status == 0)
		status = room_make(&modes, &publish.mode_room, service->server_count,
				   sizeof(*publish.modes));
	publish.servers = servers;
	publish.locals = local_room;
	publish.modes = modes;
	publish.quic_ids = quic_ids;
	if (status < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];

		server_show(service, server);
		// Its number stays in use, so that its sessions go on as those of one that is down.
		if (model_server_is_removed(service, server))
			continue;
		publish.quic_ids[server_count] = &server->quic_id;
		publish.modes[server_count] = server_mode(service, server, locals, local_count);
		publish.servers[server_count++] = (struct service_server){
			.server = server->number,
			.weight = model_server_weight(server),
		};
	}
	for (unsigned int i = 0; i < local_count; i++) {
		if (!claim_usable(&locals[i].addr))
			continue;
		publish.locals[usable++] = (struct service_local){
			.addr = locals[i].addr,
			.iface = claim_iface(&locals[i].addr),
		};
	}
	spec = (struct service_spec){
		.key = service->key,
		.number = service->number,
		.scheduler = service->scheduler,
		.scheduler_flags = service->scheduler_flags,
		.mode = service->mode,
		.server_modes = publish.modes,
		.timeouts = service->timeout_set,
		.unknown_tcp = service->unknown_tcp,
		.mss = service->mss,
		.hash_target = service->hash_target,
		.quic = service->quic,
		.quic_ids = publish.quic_ids,
		.one_packet = service->one_packet,
		.symmetric_return = service->symmetric_return,
		.client_address = service->client_address,
		.uoa_max_trail = service->uoa_max_trail,
		.proxy_protocol = service->proxy_protocol,
		.syn_proxy = service->syn_proxy,
		.limit_reaction = service->limits.reaction,
		.persistent = service->persistent,
		.persistent_bits = (uint8_t)model_service_persistent_bits(service),
		.servers = publish.servers,
		.server_count = server_count,
		.locals = publish.locals,
		.local_count = usable,
	};
	if (service->key.kind == SERVICE_MATCH) {
		spec.match = match_of_key(&service->key);
		spec.match_in = iface_number(spec.match->in);
		spec.match_out = iface_number(spec.match->out);
		spec.wan_iface = wan_iface(service);
		spec.local_count = 0;
	}
	if (limit_set(service->number, &service->limits) < 0 ||
	    syn_guard_watch(service->number, service->syn_proxy.mode == SYN_PROXY_AUTO) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	// Before anybody can come to it.
	status = acl_show(service->number, &service->allow, &service->deny, error);
	return status < 0 ? status : service_publish(&spec, error);
}

/* After it was refused: the lists that it had, or none. */
static void service_show_lists(const struct model_service *before,
			       const struct model_service *after)
{
	struct error ignored;

	if (before == NULL || acl_show(before->number, &before->allow, &before->deny, &ignored) < 0)
		acl_hide(after->number);
}

static void service_hide(const struct model_service *service)
{
	service_withdraw(&service->key);
	acl_hide(service->number);
}

/* Take back the first `count` changes, which workers have seen. The rest has been unprepared. */
static void edit_unpublish(struct edit *edit, unsigned int count, struct remains *remains)
{
	const struct model_local *pool;
	unsigned int pool_count;
	struct error error;

	pool = model_pool(&pool_count);
	for (unsigned int i = 0; i < count; i++) {
		const struct edit_change *change = &edit->changes[i];
		char name[SERVICE_TEXT];

		if (change->before == NULL)
			service_hide(change->after);
		else if (!change->silent &&
			 service_show(change->before, pool, pool_count, &error) < 0)
			log_error("service %s could not be put back: %s",
				  model_service_format(&change->before->key, name), error.text);
		if (change->after == NULL)
			continue;
		remains_service(remains, change->after, change->before);
		if (change->before == NULL && remains_departed(remains, change->after) < 0)
			log_error("out of memory: the number of a service is lost");
	}
}

/* How many changes were shown before one failed, or all of them. */
static unsigned int edit_show(const struct edit *edit, struct error *error, int *status)
{
	unsigned int pool_count = edit->pool_count;
	const struct model_local *pool = edit->pool;
	unsigned int i;

	if (!edit->pool_given)
		pool = model_pool(&pool_count);
	*status = 0;
	for (i = 0; i < edit->count; i++) {
		const struct edit_change *change = &edit->changes[i];

		if (change->silent)
			continue;
		if (change->after == NULL)
			service_hide(change->before);
		else
			*status = service_show(change->after, pool, pool_count, error);
		if (*status < 0) {
			service_show_lists(change->before, change->after);
			error_in_service(change->after, error);
			break;
		}
	}
	return i;
}

/* Commit */

static void edit_commit(struct edit *edit, struct remains *remains)
{
	for (unsigned int i = 0; i < edit->count; i++) {
		struct edit_change *change = &edit->changes[i];

		if (change->before != NULL)
			remains_service(remains, change->before, change->after);
		if (change->after != NULL)
			model_service_free(model_replace(change->after));
		else
			model_service_free(model_take(&change->before->key));
		change->before = NULL;
		change->after = NULL; // the model's now
	}
	edit->count = 0;
	if (edit->timeouts_given)
		model_set_timeouts(&edit->timeouts);
	if (edit->pool_given) {
		const struct model_local *old;
		unsigned int old_count;

		old = model_pool(&old_count);
		remains_locals(remains, old, old_count);
		free(model_set_pool(edit->pool, edit->pool_count));
		edit->pool = NULL;
	}
}

/* A service that the edit does not name but that a changed default touches. */
static bool default_touches(const struct edit *edit, const struct model_service *service,
			    bool pool_changed)
{
	struct timeouts was, will;

	if (pool_changed && service->local_count == 0)
		return true;
	if (!edit->timeouts_given)
		return false;
	was = model_service_timeouts(service, model_timeouts());
	will = model_service_timeouts(service, &edit->timeouts);
	return memcmp(&was, &will, sizeof(was)) != 0;
}

/* Add what a changed default touches, and mark what workers need not be shown. */
static int edit_complete(struct edit *edit)
{
	unsigned int pool_count;
	const struct model_local *pool = model_pool(&pool_count);
	bool pool_changed = edit->pool_given &&
			    !model_locals_equal(edit->pool, edit->pool_count, pool, pool_count);
	struct model_service *service;
	uint32_t cursor = 0;

	for (unsigned int i = 0; i < edit->count; i++) {
		struct edit_change *change = &edit->changes[i];

		change->silent = !change->again && change->before != NULL &&
				 change->after != NULL &&
				 model_service_equal(change->before, change->after) &&
				 !default_touches(edit, change->before, pool_changed);
	}
	if (!pool_changed && !edit->timeouts_given)
		return 0;
	while ((service = model_next(&cursor)) != NULL) {
		if (service->editing || !default_touches(edit, service, pool_changed))
			continue;
		if (edit_republish(edit, service) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* After the change at `shown` was refused: make the workers see what they saw before. */
static void edit_take_back(struct edit *edit, unsigned int shown, struct remains *remains)
{
	for (unsigned int i = shown; i < edit->count; i++) {
		struct edit rest = {.changes = &edit->changes[i], .count = 1};

		edit_unprepare(&rest, 1);
	}
	remains_drop_departed(remains); // they stay in the model
	edit_unpublish(edit, shown, remains);
	locals_unprepare(edit);
	remains_begin(remains);
}

int publish_edit(struct edit *edit, struct error *error)
{
	struct remains *remains = NULL;
	unsigned int shown;
	int status;

	if (edit_empty(edit))
		return 0;
	if (edit_complete(edit) == 0)
		remains = remains_new(edit);
	if (remains == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = edit_prepare(edit, remains, error);
	if (status < 0) {
		remains_free(remains);
		return status;
	}
	shown = edit_show(edit, error, &status);
	if (status < 0) {
		edit_take_back(edit, shown, remains);
		return status;
	}
	if (edit->acl_given)
		status = acl_node_set(&edit->acl, error);
	if (status < 0) {
		edit_take_back(edit, edit->count, remains);
		return status;
	}
	if (edit->marks_given && marks_publish(&edit->marks) < 0) {
		edit_take_back(edit, edit->count, remains);
		return error_set(error, -ENOMEM, "", "out of memory");
	}
	edit_commit(edit, remains);
	remains_begin(remains);
	return 0;
}

void publish_stop(void)
{
	free(publish.servers);
	free(publish.modes);
	free(publish.quic_ids);
	free(publish.locals);
	memset(&publish, 0, sizeof(publish));
}
