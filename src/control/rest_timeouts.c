/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "control/document.h"
#include "control/rest.h"

/* The timeouts of all services that do not name their own. */

int rest_timeouts_get(struct request *request, struct error *error)
{
	return request_reply(request, 200, document_timeouts_json(model_timeouts()));
}

int rest_timeouts_patch(struct request *request, struct error *error)
{
	struct edit edit = {.timeouts = *model_timeouts()};
	json_t *body = request_body(request, error);
	int status;

	if (body == NULL)
		return error->code;
	status = document_patch_timeouts(body, &edit.timeouts, error);
	json_decref(body);
	if (status < 0)
		return status;
	edit.timeouts_given = memcmp(&edit.timeouts, model_timeouts(), sizeof(edit.timeouts)) != 0;
	status = request_publish(request, &edit, error);
	return status < 0 ? status : rest_timeouts_get(request, error);
}
