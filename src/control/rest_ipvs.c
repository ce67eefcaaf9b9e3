/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "base/log.h"
#include "control/ipvs_settings.h"
#include "control/persist.h"
#include "control/rest.h"

/* Settings that complete what comes through the IPVS door. */

int rest_ipvs_get(struct request *request, struct error *error)
{
	return request_reply(request, 200, ipvs_settings_json());
}

int rest_ipvs_put(struct request *request, struct error *error)
{
	struct ipvs_settings *settings = NULL;
	struct edit edit = {0};
	json_t *body = request_body(request, error);
	int status;

	if (body == NULL)
		return error->code;
	status = ipvs_settings_decode(body, false, &settings, error);
	json_decref(body);
	if (status < 0)
		return status;
	status = ipvs_settings_edit(settings, &edit, error);
	if (status < 0) {
		edit_free(&edit);
		goto free_settings;
	}
	status = request_publish(request, &edit, error);
	if (status < 0)
		goto free_settings;
	ipvs_settings_use(settings);
	log_notice("%s: settings for the IPVS door replaced", request_peer(request));
	persist_changed();
	return rest_ipvs_get(request, error);

free_settings:
	ipvs_settings_free(settings);
	return status;
}
