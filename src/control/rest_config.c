/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "control/apply.h"
#include "control/document.h"
#include "control/rest.h"

/* The whole configuration: GET gives what PUT takes. */

int rest_config_get(struct request *request, struct error *error)
{
	json_t *config = config_json(apply_running());
	json_t *services = json_array();
	const struct model_service *service;
	const struct model_local *pool;
	unsigned int pool_count;
	uint32_t cursor = 0;
	unsigned int at = 0;

	pool = model_pool(&pool_count);
	while ((service = model_next(&cursor)) != NULL)
		json_array_append_new(services, document_service_json(service, false));
	json_object_set_new(config, "bfd", bfd_running_json()); // nothing, when it is NULL
	json_object_set_new(config, "traffic_control", traffic_running_json());
	if (json_object_get(config, "vpc") != NULL)
		json_object_set_new(config, "vpc", vpc_running_json(&apply_running()->vpc));
	json_object_set_new(config, "timeouts", document_timeouts_json(model_timeouts()));
	json_object_set_new(config, "local_addresses",
			    document_locals_json(pool, pool_count, false));
	if (model_marks()->count > 0)
		json_object_set_new(config, "marks", marks_json(model_marks(), false));
	if (sets_next(&at) != NULL)
		json_object_set_new(config, "sets", sets_config_json());
	json_object_update_new(config, acl_node_json(acl_node()));
	json_object_set_new(config, "services", services);
	return request_reply(request, 200, config);
}

int rest_config_put(struct request *request, struct error *error)
{
	bool dry_run = request_flag(request, "dry_run");
	struct apply_result result;
	struct config *wanted;
	json_t *body = request_body(request, error);
	int status;

	if (body == NULL)
		return error->code;
	wanted = malloc(sizeof(*wanted));
	if (wanted == NULL) {
		json_decref(body);
		return -ENOMEM;
	}
	status = config_decode(body, apply_running(), wanted, error);
	json_decref(body);
	if (status < 0)
		goto free_wanted;
	status = apply_config(wanted, dry_run, request_peer(request), &result, error);
	config_free(wanted);
	if (status < 0)
		goto free_wanted;
	if (result.published)
		request_wait_grace(request);
	status = request_reply(request, 200,
			       json_pack("{s:b, s:i, s:i, s:i, s:O, s:O}", "dry_run", dry_run,
					 "added", result.added, "changed", result.changed,
					 "removed", result.removed, "differences",
					 result.differences, "restart", result.restart));
	apply_result_free(&result);
free_wanted:
	free(wanted);
	return status;
}
