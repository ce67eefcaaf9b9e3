/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/model.h"
#include "control/rest.h"

/* The service that the first three parts of a request's path name. -EINVAL, -ENOENT. */
int service_of_request(const struct request *request, struct service_key *key,
		       struct model_service **service, struct error *error);
/* The same and the real server that its next two parts name. */
int server_of_request(const struct request *request, struct model_service **service,
		      struct model_server **server, struct error *error);
/* Publish one change of one service (NULL: there was, there will be none). Takes `after`. */
int service_edit(struct request *request, struct model_service *before, struct model_service *after,
		 struct error *error);
