/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/ports.h"
#include "control/claim.h"
#include "control/document.h"
#include "control/keyed.h"
#include "control/rest.h"
#include "control/rest_service.h"
#include "path/workers.h"

/* Local addresses: the pool's, and those of single services. */

static int no_local(const struct addr *addr, const char *where, struct error *error)
{
	char text[ADDR_TEXT];

	return error_set(error, -ENOENT, "", "there is no local address %s%s",
			 addr_format(addr, text), where);
}

/* The body of a PUT; the interface stays as it was when the body names none. */
static int local_body(const struct request *request, const struct model_local *old,
		      struct model_local *local, struct error *error)
{
	json_t *body = request_body(request, error);
	int status;

	if (body == NULL)
		return error->code;
	if (old != NULL) {
		memcpy(local->iface, old->iface, sizeof(local->iface));
		local->unclaimed = old->unclaimed;
	}
	local->origin = ORIGIN_REST;
	status = document_decode_local(body, local, error);
	json_decref(body);
	if (old != NULL && strcmp(old->iface, local->iface) == 0)
		local->origin = old->origin;
	return status;
}

/* The pool */

/*
 * The use of local addresses: ports towards each server are counted by each worker. What is free is
 * the least that is left towards any server.
 */
struct local_use {
	struct addr addr; // first: the table's key
	uint32_t used, missed;
	uint32_t most[WORKERS_MAX]; // used towards one server
};

static void use_visit(unsigned int worker, const struct port_use *use, void *arg)
{
	struct keyed *table = arg;
	struct local_use *local = keyed_find(table, &use->local);

	if (local == NULL) {
		local = calloc(1, sizeof(*local));
		if (local == NULL)
			return;
		local->addr = use->local;
		if (keyed_insert(table, local) < 0) {
			free(local);
			return;
		}
	}
	local->used += use->used;
	local->missed += use->missed;
	if (use->used > local->most[worker])
		local->most[worker] = use->used;
}

static void use_free(struct keyed *table)
{
	for (uint32_t i = 0; i < table->capacity; i++)
		free(table->slots[i]);
	keyed_free(table);
}

static void use_add(json_t *object, const struct keyed *table, const struct addr *addr)
{
	const struct local_use *local = keyed_find(table, addr);
	unsigned int workers = workers_count();
	uint32_t all = UINT16_MAX + 1 - PORTS_FIRST, taken = 0;

	for (unsigned int i = 0; local != NULL && i < workers; i++)
		taken += local->most[i];
	json_object_update_new(object,
			       json_pack("{s:I, s:I, s:I}", "used",
					 (json_int_t)(local != NULL ? local->used : 0), "free",
					 (json_int_t)(taken < all ? all - taken : 0), "missed",
					 (json_int_t)(local != NULL ? local->missed : 0)));
}

static void list_add(json_t *list, const struct model_local *local, const char *service,
		     const struct keyed *uses)
{
	json_t *object = document_local_json(local, true);

	json_object_set_new(object, "usable", json_boolean(claim_usable(&local->addr)));
	use_add(object, uses, &local->addr);
	json_object_set_new(object, "service", json_string(service));
	json_array_append_new(list, object);
}

int rest_local_list(struct request *request, struct error *error)
{
	json_t *list = json_array();
	const struct model_service *service;
	const struct model_local *pool;
	unsigned int count;
	uint32_t cursor = 0;
	struct keyed uses = KEYED_INIT(sizeof(struct addr));
	char name[SERVICE_TEXT];

	workers_ports(use_visit, &uses);
	pool = model_pool(&count);
	for (unsigned int i = 0; i < count; i++)
		list_add(list, &pool[i], "(pool)", &uses);
	while ((service = model_next(&cursor)) != NULL) {
		for (unsigned int i = 0; i < service->local_count; i++)
			list_add(list, &service->locals[i],
				 model_service_format(&service->key, name), &uses);
	}
	use_free(&uses);
	return request_reply(request, 200, json_pack("{s:o}", "local_addresses", list));
}

/* The pool as an edit holds it, and the address that the path names. */
static int pool_edit(const struct request *request, struct edit *edit, struct model_local *wanted,
		     struct model_local **local, struct error *error)
{
	const struct model_local *pool;
	unsigned int count;
	int status;

	memset(wanted, 0, sizeof(*wanted));
	status = document_decode_address(request_part(request, 0), &wanted->addr, error);
	if (status < 0)
		return status;
	pool = model_pool(&count);
	if (edit_pool(edit, pool, count) < 0)
		return -ENOMEM;
	*local = model_local_find(edit->pool, edit->pool_count, &wanted->addr);
	return 0;
}

int rest_local_get(struct request *request, struct error *error)
{
	struct edit edit = {0};
	struct model_local wanted, *local = NULL;
	int status = pool_edit(request, &edit, &wanted, &local, error);

	if (status == 0)
		status = local ? request_reply(request, 200, document_local_json(local, true))
			       : no_local(&wanted.addr, " in the pool", error);
	edit_free(&edit);
	return status;
}

int rest_local_put(struct request *request, struct error *error)
{
	struct edit edit = {0};
	struct model_local wanted, *local = NULL;
	bool existed = false;
	int status = pool_edit(request, &edit, &wanted, &local, error);

	if (status == 0) {
		existed = local != NULL;
		status = local_body(request, local, &wanted, error);
	}
	if (status == 0)
		status = model_local_put(&edit.pool, &edit.pool_count, &wanted);
	if (status < 0) {
		edit_free(&edit);
		return status;
	}
	status = request_publish(request, &edit, error);
	return status < 0 ? status
			  : request_reply(request, existed ? 200 : 201,
					  document_local_json(&wanted, true));
}

int rest_local_delete(struct request *request, struct error *error)
{
	struct edit edit = {0};
	struct model_local wanted, *local = NULL;
	int status = pool_edit(request, &edit, &wanted, &local, error);

	if (status == 0 && local == NULL)
		status = no_local(&wanted.addr, " in the pool", error);
	if (status < 0) {
		edit_free(&edit);
		return status;
	}
	model_local_remove(edit.pool, &edit.pool_count, &wanted.addr);
	status = request_publish(request, &edit, error);
	return status < 0 ? status : request_reply_empty(request, 204);
}

/* Of one service */

static int local_of_request(const struct request *request, struct model_service **service,
			    struct model_local *wanted, struct model_local **local,
			    struct error *error)
{
	struct service_key key;
	int status = service_of_request(request, &key, service, error);

	memset(wanted, 0, sizeof(*wanted));
	if (status == 0)
		status = document_decode_address(request_part(request, 3), &wanted->addr, error);
	if (status == 0)
		*local = model_local_find((*service)->locals, (*service)->local_count,
					  &wanted->addr);
	return status;
}

int rest_service_local_get(struct request *request, struct error *error)
{
	struct model_service *service;
	struct model_local wanted, *local = NULL;
	int status = local_of_request(request, &service, &wanted, &local, error);

	if (status < 0)
		return status;
	if (local == NULL)
		return no_local(&wanted.addr, " of this service", error);
	return request_reply(request, 200, document_local_json(local, true));
}

int rest_service_local_put(struct request *request, struct error *error)
{
	struct model_service *service, *after;
	struct model_local wanted, *local = NULL;
	char name[ADDR_TEXT];
	bool existed;
	int status = local_of_request(request, &service, &wanted, &local, error);

	if (status == 0)
		status = request_check_new(request, local != NULL, "local address",
					   addr_format(&wanted.addr, name), error);
	if (status < 0)
		return status;
	existed = local != NULL;
	status = local_body(request, local, &wanted, error);
	if (status < 0)
		return status;
	after = model_service_copy(service);
	if (after == NULL || model_local_put(&after->locals, &after->local_count, &wanted) < 0) {
		model_service_free(after);
		return -ENOMEM;
	}
	status = service_edit(request, service, after, error);
	return status < 0 ? status
			  : request_reply(request, existed ? 200 : 201,
					  document_local_json(&wanted, true));
}

int rest_service_local_delete(struct request *request, struct error *error)
{
	struct model_service *service, *after;
	struct model_local wanted, *local = NULL;
	int status = local_of_request(request, &service, &wanted, &local, error);

	if (status < 0)
		return status;
	if (local == NULL)
		return no_local(&wanted.addr, " of this service", error);
	after = model_service_copy(service);
	if (after == NULL)
		return -ENOMEM;
	model_local_remove(after->locals, &after->local_count, &wanted.addr);
	status = service_edit(request, service, after, error);
	return status < 0 ? status : request_reply_empty(request, 204);
}
