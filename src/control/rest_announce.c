/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "control/announce.h"
#include "control/decode.h"
#include "control/health.h"
#include "control/node.h"
#include "control/rest.h"

/* Announced VIPs, and draining the node. */

static int announcement_compare(const void *a, const void *b)
{
	return addr_compare(&((const struct announcement *)a)->vip,
			    &((const struct announcement *)b)->vip);
}

static json_t *announcement_json(const struct announcement *one)
{
	char vip[ADDR_TEXT], time[HEALTH_TIME];
	json_t *object = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:s}", "vip",
				   addr_format(&one->vip, vip), "state",
				   one->announced ? "announced" : "withdrawn", "since",
				   health_time_format(one->since, time), "services", one->services,
				   "services_with_quorum", one->services_quorum, "changes",
				   (int)one->changes, "reason", one->reason);

	if (one->device != NULL)
		json_object_set_new(object, "also_on", json_string(one->device));
	return object;
}

int rest_announcement_list(struct request *request, struct error *error)
{
	unsigned int announced, count = 0, room = announce_count(&announced);
	struct announcement *all = calloc(room + 1, sizeof(*all));
	json_t *list = json_array();
	uint32_t cursor = 0;

	if (all == NULL)
		return -ENOMEM;
	while (count < room && announce_next(&cursor, &all[count]))
		count++;
	qsort(all, count, sizeof(*all), announcement_compare);
	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(list, announcement_json(&all[i]));
	free(all);
	return request_reply(request, 200, json_pack("{s:o}", "announcements", list));
}

int rest_announcement_history(struct request *request, struct error *error)
{
	json_t *list = json_array();
	const struct announce_event *event;
	char vip[ADDR_TEXT], time[HEALTH_TIME];

	for (unsigned int i = 0; (event = announce_event(i)) != NULL; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "time",
						      health_time_format(event->time, time), "vip",
						      addr_format(&event->vip, vip), "state",
						      event->announced ? "announced" : "withdrawn",
						      "reason", event->reason));
	return request_reply(request, 200, json_pack("{s:o}", "events", list));
}

/* Draining */

static int decode_deadline(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	double seconds = json_number_value(value);

	if (json_is_null(value))
		return 0;
	if (!json_is_number(value))
		return decode_fail(d, -EINVAL, "must be a number of seconds");
	if (!(seconds >= 1 && seconds <= NODE_DEADLINE_MAX))
		return decode_fail(d, -EINVAL, "is out of range, 1 to %d seconds",
				   NODE_DEADLINE_MAX);
	*(uint64_t *)target = (uint64_t)(seconds * 1000);
	return 0;
}

int request_deadline(const struct request *request, uint64_t *deadline, struct error *error)
{
	static const struct field fields[] = {{"deadline", decode_deadline}, {NULL}};
	struct decode d = {.error = error};
	json_t *body = request_body(request, error);
	int status;

	if (body == NULL)
		return error->code;
	status = decode_object(&d, body, fields, deadline);
	json_decref(body);
	return status;
}

int rest_drain_post(struct request *request, struct error *error)
{
	uint64_t deadline = 0;
	int status = request_deadline(request, &deadline, error);

	if (status < 0)
		return status;
	node_drain(deadline, request_peer(request));
	announce_changed();
	return request_reply(request, 200, node_drain_json());
}

int rest_drain_get(struct request *request, struct error *error)
{
	return request_reply(request, 200, node_drain_json());
}

int rest_drain_delete(struct request *request, struct error *error)
{
	node_undrain(request_peer(request));
	announce_changed();
	return request_reply_empty(request, 204);
}
