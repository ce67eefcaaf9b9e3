/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "control/rest.h"
#include "control/rest_service.h"
#include "control/zero.h"
#include "path/workers.h"

/* Counters are set to zero when a pass over the sessions has brought them up to date. */
static int pass_wait(struct request *request,
		     int (*poll)(struct request *request, void *arg, struct error *error))
{
	uint64_t *pass = malloc(sizeof(*pass));

	if (pass == NULL)
		return -ENOMEM;
	*pass = workers_pass_begin();
	return request_poll(request, poll, pass, free);
}

static int all_poll(struct request *request, void *arg, struct error *error)
{
	const uint64_t *pass = arg;

	if (!workers_pass_over(*pass))
		return 0;
	if (zero_all() < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	log_notice("%s: all counters set to zero", request_peer(request));
	return request_reply_empty(request, 204);
}

int rest_zero_all(struct request *request, struct error *error)
{
	return pass_wait(request, all_poll);
}

static int service_poll(struct request *request, void *arg, struct error *error)
{
	const uint64_t *pass = arg;
	struct model_service *service;
	struct service_key key;
	char name[SERVICE_TEXT];
	int status;

	if (!workers_pass_over(*pass))
		return 0;
	status = service_of_request(request, &key, &service, error); // it may have gone meanwhile
	if (status < 0)
		return status;
	if (zero_service(service) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	log_notice("%s: counters of service %s set to zero", request_peer(request),
		   model_service_format(&key, name));
	return request_reply_empty(request, 204);
}

int rest_zero_service(struct request *request, struct error *error)
{
	struct model_service *service;
	struct service_key key;
	int status = service_of_request(request, &key, &service, error);

	return status < 0 ? status : pass_wait(request, service_poll);
}
