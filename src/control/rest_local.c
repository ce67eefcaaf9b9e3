/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "control/claim.h"
#include "control/document.h"
#include "control/rest.h"
#include "control/rest_service.h"

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

static void list_add(json_t *list, const struct model_local *local, const char *service)
{
	json_t *object = document_local_json(local, true);

	json_object_set_new(object, "usable", json_boolean(claim_usable(&local->addr)));
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
	char name[SERVICE_TEXT];

	pool = model_pool(&count);
	for (unsigned int i = 0; i < count; i++)
		list_add(list, &pool[i], "(pool)");
	while ((service = model_next(&cursor)) != NULL) {
		for (unsigned int i = 0; i < service->local_count; i++)
			list_add(list, &service->locals[i],
				 model_service_format(&service->key, name));
	}
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
	if (wanted.addr.family != service->key.vip.family)
		return error_set(error, -EOPNOTSUPP, "address", DOCUMENT_LOCAL_FAMILY,
				 service->key.vip.family == AF_INET ? '4' : '6',
				 service->key.vip.family == AF_INET ? '6' : '4',
				 service->key.vip.family == AF_INET ? "NAT46" : "NAT64");
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
