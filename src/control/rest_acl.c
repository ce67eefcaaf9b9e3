/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rest_acl.h"

#include <errno.h>

#include "balance/access.h"
#include "balance/source_list.h"
#include "control/document.h"
#include "control/rest_service.h"

/* Access lists: those of the node, and of all how often they have decided. */

static json_t *service_hits(const struct model_service *service)
{
	char name[SERVICE_TEXT];

	return json_pack("{s:s, s:o}", "service", model_service_format(&service->key, name), "hits",
			 acl_hits_json(service->number));
}

int rest_acl_get(struct request *request, struct error *error)
{
	json_t *object = acl_node_json(acl_node()), *services = json_array();
	const struct model_service *service;
	uint32_t cursor = 0;

	while ((service = model_next(&cursor)) != NULL)
		if (service->allow.count > 0 || service->deny.count > 0)
			json_array_append_new(services, service_hits(service));
	json_object_set_new(object, "hits", acl_hits_json(ACCESS_NODE));
	json_object_set_new(object, "services", services);
	json_object_set_new(object, "bytes", json_integer((json_int_t)source_bytes()));
	return request_reply(request, 200, object);
}

int rest_acl_patch(struct request *request, struct error *error)
{
	struct acl_node wanted = {.keep = acl_node()->keep};
	json_t *body = request_body(request, error);
	struct edit edit = {0};
	int status;

	if (body == NULL)
		return error->code;
	if (acl_list_copy(&wanted.allow, &acl_node()->allow) < 0 ||
	    acl_list_copy(&wanted.deny, &acl_node()->deny) < 0)
		status = error_set(error, -ENOMEM, "", "out of memory");
	else
		status = document_decode_acl_node(body, &wanted, error);
	json_decref(body);
	if (status == 0 && edit_acl(&edit, &wanted) < 0)
		status = error_set(error, -ENOMEM, "", "out of memory");
	acl_node_free(&wanted);
	if (status < 0) {
		edit_free(&edit);
		return status;
	}
	status = request_publish(request, &edit, error);
	return status < 0 ? status : rest_acl_get(request, error);
}

/* One entry of a service's list, by its text. */
static int entry_change(struct request *request, bool deny, bool remove, struct error *error)
{
	const char *text = request_part(request, 3);
	struct model_service *service, *after;
	struct acl_list *list;
	struct service_key key;
	unsigned int before;
	int status = service_of_request(request, &key, &service, error);

	if (status < 0)
		return status;
	after = model_service_copy(service);
	if (after == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	list = deny ? &after->deny : &after->allow;
	before = list->count;
	status = remove ? acl_list_remove(list, text, error) : acl_list_parse(list, text, error);
	if (status == 0 && !remove)
		status = request_check_new(request, list->count == before, "entry", text, error);
	if (status < 0) {
		model_service_free(after);
		return status;
	}
	status = service_edit(request, service, after, error);
	return status < 0 ? status : request_reply_empty(request, 204);
}

int rest_deny_put(struct request *request, struct error *error)
{
	return entry_change(request, true, false, error);
}

int rest_deny_delete(struct request *request, struct error *error)
{
	return entry_change(request, true, true, error);
}

int rest_allow_put(struct request *request, struct error *error)
{
	return entry_change(request, false, false, error);
}

int rest_allow_delete(struct request *request, struct error *error)
{
	return entry_change(request, false, true, error);
}
