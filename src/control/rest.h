/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "control/config.h"
#include "control/edit.h"
#include "control/loop.h"
#include "control/text.h"

/*
 * The REST door: HTTP on a unix socket, served from the event loop. A handler decodes a request,
 * does its work at once and replies exactly once, or returns a negative errno with `error` filled
 * in, which becomes the reply.
 */
struct request;
struct MHD_Connection;

struct route {
	const char *method;  // NULL ends the table
	const char *pattern; // "/v1/services/{protocol}/{vip}/{port}"
	const char *query;   // the parameters it knows, separated by spaces; others are refused
	int (*handle)(struct request *request, struct error *error);
};
extern const struct route rest_routes[];

int rest_start(const struct config *config, struct error *error);
void rest_stop(void);

/* The values of the path's {names}, in order, with escapes decoded. */
const char *request_part(const struct request *request, unsigned int index);
/* The value of a parameter ("" when it has none), or NULL. */
const char *request_query(const struct request *request, const char *name);
/* Is it given and neither "0" nor "false"? */
bool request_flag(const struct request *request, const char *name);
/* A parameter that is a number; `*value` stays when it is not given. -EINVAL. */
int request_number(const struct request *request, const char *name, uint64_t maximum,
		   uint64_t *value, struct error *error);
/* The body as JSON, from JSON or YAML; an empty body is an empty object. NULL after an error. */
json_t *request_body(const struct request *request, struct error *error);
/* One that is too large for the control thread: it becomes the caller's, and is any thread's. */
struct request_text {
	char *bytes;
	size_t size;
	bool yaml;
};
size_t request_body_size(const struct request *request);
struct request_text request_take_body(struct request *request);
json_t *request_text_parse(const struct request_text *text, struct error *error);
/* -EEXIST when a PUT that shall only make something new (If-None-Match: *) finds it there. */
int request_check_new(const struct request *request, bool exists, const char *kind,
		      const char *name, struct error *error);
/* "REST, uid 0, pid 1234" for the log. */
const char *request_peer(const struct request *request);
/* The peer's process, 0 when it is not known. */
int request_pid(const struct request *request);

/* Reply with JSON, whose reference is taken (NULL: out of memory), or with nothing but a status. */
int request_reply(struct request *request, unsigned int status, json_t *json);
int request_reply_empty(struct request *request, unsigned int status);
/* Hold the reply back until a grace period is over. */
void request_wait_grace(struct request *request);

/*
 * Publish an edit, log it, have it persisted, and hold the reply back until every worker has it.
 * Frees the edit.
 */
int request_publish(struct request *request, struct edit *edit, struct error *error);

/* Reply later: `poll` is called every few milliseconds until it has replied or failed (!= 0). */
int request_poll(struct request *request,
		 int (*poll)(struct request *request, void *arg, struct error *error), void *arg,
		 void (*end)(void *arg));

int request_handle_later(struct request *request); // the handler could not do its work yet

/*
 * A reply that is produced while it is sent. `more` adds text and says what comes after it; it
 * should stop at about STREAM_PIECE bytes, so that other requests get their turn. `end` is called
 * once, when the reply is complete or nobody wants it any more.
 */
enum stream_next {
	STREAM_MORE, // call again
	STREAM_WAIT, // nothing more now: call again in some milliseconds
	STREAM_END,
};
enum { STREAM_PIECE = 32768 };

int request_stream(struct request *request, const char *content_type,
		   enum stream_next (*more)(void *arg, struct text *text), void *arg,
		   void (*end)(void *arg));

/* The handlers, one file for each noun. */
int rest_config_get(struct request *request, struct error *error);
int rest_config_put(struct request *request, struct error *error);
int rest_service_list(struct request *request, struct error *error);
int rest_service_get(struct request *request, struct error *error);
int rest_service_put(struct request *request, struct error *error);
int rest_service_patch(struct request *request, struct error *error);
int rest_service_delete(struct request *request, struct error *error);
int rest_server_get(struct request *request, struct error *error);
int rest_server_put(struct request *request, struct error *error);
int rest_server_patch(struct request *request, struct error *error);
int rest_server_delete(struct request *request, struct error *error);
int rest_service_local_get(struct request *request, struct error *error);
int rest_service_local_put(struct request *request, struct error *error);
int rest_service_local_delete(struct request *request, struct error *error);
int rest_local_list(struct request *request, struct error *error);
int rest_local_get(struct request *request, struct error *error);
int rest_local_put(struct request *request, struct error *error);
int rest_local_delete(struct request *request, struct error *error);
int rest_check_list(struct request *request, struct error *error);
int rest_check_report(struct request *request, struct error *error);
int rest_health_put(struct request *request, struct error *error);
int rest_session_list(struct request *request, struct error *error);
int rest_trace_get(struct request *request, struct error *error);
int rest_capture_get(struct request *request, struct error *error);
int rest_version_get(struct request *request, struct error *error);
int rest_status_get(struct request *request, struct error *error);
int rest_announcement_list(struct request *request, struct error *error);
int rest_announcement_history(struct request *request, struct error *error);
int rest_template_list(struct request *request, struct error *error);
int rest_mark_list(struct request *request, struct error *error);
int rest_mark_put(struct request *request, struct error *error);
int rest_mark_post(struct request *request, struct error *error);
int rest_mark_delete(struct request *request, struct error *error);
/* rest_announce.c: a body of {"deadline": SECONDS}, in milliseconds; 0: none is given. */
int request_deadline(const struct request *request, uint64_t *deadline, struct error *error);
int rest_server_drain_get(struct request *request, struct error *error);
int rest_server_drain_post(struct request *request, struct error *error);
int rest_server_drain_delete(struct request *request, struct error *error);
int rest_drain_get(struct request *request, struct error *error);
int rest_drain_post(struct request *request, struct error *error);
int rest_drain_delete(struct request *request, struct error *error);
int rest_port_list(struct request *request, struct error *error);
int rest_port_get(struct request *request, struct error *error);
int rest_port_patch(struct request *request, struct error *error);
int rest_bond_list(struct request *request, struct error *error);
int rest_bond_patch(struct request *request, struct error *error);
int rest_bond_member_put(struct request *request, struct error *error);
int rest_bond_member_delete(struct request *request, struct error *error);
int rest_tunnel_list(struct request *request, struct error *error);
int rest_tunnel_put(struct request *request, struct error *error);
int rest_tunnel_delete(struct request *request, struct error *error);
int rest_vlan_list(struct request *request, struct error *error);
int rest_vlan_put(struct request *request, struct error *error);
int rest_vlan_delete(struct request *request, struct error *error);
int rest_bfd_list(struct request *request, struct error *error);
int rest_bfd_events(struct request *request, struct error *error);
int rest_bfd_get(struct request *request, struct error *error);
int rest_bfd_put(struct request *request, struct error *error);
int rest_bfd_delete(struct request *request, struct error *error);
int rest_traffic_list(struct request *request, struct error *error);
int rest_traffic_get(struct request *request, struct error *error);
int rest_traffic_put(struct request *request, struct error *error);
int rest_traffic_patch(struct request *request, struct error *error);
int rest_traffic_delete(struct request *request, struct error *error);
int rest_traffic_queue_put(struct request *request, struct error *error);
int rest_traffic_queue_delete(struct request *request, struct error *error);
int rest_traffic_classifier_put(struct request *request, struct error *error);
int rest_traffic_classifier_delete(struct request *request, struct error *error);
int rest_vpc_get(struct request *request, struct error *error);
int rest_vm_list(struct request *request, struct error *error);
int rest_vm_post(struct request *request, struct error *error);
int rest_vm_post_delete(struct request *request, struct error *error);
int rest_vm_put(struct request *request, struct error *error);
int rest_vm_delete(struct request *request, struct error *error);
int rest_vni_put(struct request *request, struct error *error);
int rest_vni_delete(struct request *request, struct error *error);
int rest_route_list(struct request *request, struct error *error);
int rest_neighbour_list(struct request *request, struct error *error);
int rest_address_list(struct request *request, struct error *error);
int rest_route_put(struct request *request, struct error *error);
int rest_route_delete(struct request *request, struct error *error);
int rest_neighbour_put(struct request *request, struct error *error);
int rest_neighbour_delete(struct request *request, struct error *error);
int rest_address_put(struct request *request, struct error *error);
int rest_address_delete(struct request *request, struct error *error);
int rest_multicast_list(struct request *request, struct error *error);
int rest_ipv6_get(struct request *request, struct error *error);
int rest_top_get(struct request *request, struct error *error);
int rest_top_put(struct request *request, struct error *error);
int rest_memory_get(struct request *request, struct error *error);
int rest_worker_list(struct request *request, struct error *error);
int rest_drop_list(struct request *request, struct error *error);
int rest_rate_list(struct request *request, struct error *error);
int rest_zero_all(struct request *request, struct error *error);
int rest_zero_service(struct request *request, struct error *error);
int rest_timeouts_get(struct request *request, struct error *error);
int rest_timeouts_patch(struct request *request, struct error *error);
int rest_nat_log_get(struct request *request, struct error *error);
int rest_nat_log_patch(struct request *request, struct error *error);
int rest_ipvs_get(struct request *request, struct error *error);
int rest_ipvs_put(struct request *request, struct error *error);
int rest_metrics_get(struct request *request, struct error *error);
