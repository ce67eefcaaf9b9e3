/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_version.h>

#include "base/drops.h"
#include "control/announce.h"
#include "control/apply.h"
#include "control/checker.h"
#include "control/claim.h"
#include "control/degraded.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/network.h"
#include "control/node.h"
#include "control/port_stats.h"
#include "control/remains.h"
#include "control/rest.h"
#include "control/version.h"
#include "io/eal.h"
#include "io/pool.h"
#include "net/kernel.h"
#include "path/workers.h"

/* What is only looked at: the daemon itself, ports, workers, drops, and the mirror of Linux. */

int rest_version_get(struct request *request, struct error *error)
{
	return request_reply(request, 200,
			     json_pack("{s:s, s:s, s:i}", "version", WEIR_VERSION, "dpdk",
				       rte_version(), "api", 1));
}

/* Sums of what workers report one by one. */
static struct worker_stats stats_sum(void)
{
	struct worker_stats sum = {0}, one;

	for (unsigned int i = 0; i < workers_count(); i++) {
		worker_stats(i, &one);
		sum.sessions += one.sessions;
		sum.sessions_wide += one.sessions_wide;
		sum.half_open += one.half_open;
		sum.session_capacity += one.session_capacity;
		sum.session_wide_capacity += one.session_wide_capacity;
	}
	return sum;
}

/* One word for how the node is, and the sentences behind it. */
static const char *state_word(void)
{
	return node_withheld() == NULL && degraded_is() ? "degraded" : node_state();
}

static json_t *state_reasons(void)
{
	json_t *reasons = degraded_json();

	if (node_withheld() != NULL)
		json_array_insert_new(reasons, 0, json_string(node_withheld()));
	return reasons;
}

int rest_status_get(struct request *request, struct error *error)
{
	const struct config *config = apply_running();
	const struct worker_stats sum = stats_sum();
	unsigned int announced, vips = announce_count(&announced);

	return request_reply(
		request, 200,
		json_pack("{s:s, s:s, s:o, s:i, s:I, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, "
			  "s:i, s:o, s:{s:I, s:I, s:I, s:I, s:I}, s:{s:b, s:I, s:I}}",
			  "instance", config->instance, "state", state_word(), "reasons",
			  state_reasons(), "pid", (int)getpid(), "uptime_seconds",
			  (json_int_t)(loop_uptime() / 1000), "file", config->path, "state_dir",
			  config->state_dir, "workers", workers_count(), "ports", port_count(),
			  "services", model_service_count(), "servers", model_server_count(),
			  "leaving_servers", remains_leaving(), "local_addresses", claim_count(),
			  "announced_vips", announced, "withdrawn_vips", vips - announced,
			  "checker", checker_json(), "sessions", "ipv4", (json_int_t)sum.sessions,
			  "ipv4_capacity", (json_int_t)sum.session_capacity, "ipv6",
			  (json_int_t)sum.sessions_wide, "ipv6_capacity",
			  (json_int_t)sum.session_wide_capacity, "half_open",
			  (json_int_t)sum.half_open, "memory", "hugepages", eal_uses_hugepages(),
			  "table_bytes", (json_int_t)workers_table_bytes(), "buffer_bytes",
			  (json_int_t)pool_bytes()));
}

/* The mirror of Linux */

/* There may be a million routes: one object {"routes": [...]} that is written while it is sent. */
struct route_stream {
	struct kernel_listing *listing;
	bool begun, any, kni_hosts;
};

enum { ROUTE_STEP = 64 }; // destinations at a time

static void route_stream_end(void *arg)
{
	struct route_stream *s = arg;

	kernel_listing_close(s->listing);
	free(s);
}

static enum stream_next route_more(void *arg, struct text *text)
{
	struct route_stream *s = arg;

	if (!s->begun)
		text_add(text, "{\"routes\":[");
	s->begun = true;
	while (text->size < STREAM_PIECE) {
		json_t *routes = kernel_listing_next(s->listing, ROUTE_STEP), *route;
		size_t i;

		if (routes == NULL && !s->kni_hosts) {
			routes = network_kni_hosts_json();
			s->kni_hosts = true;
		}
		if (routes == NULL) {
			text_add(text, "]}\n");
			return STREAM_END;
		}
		json_array_foreach (routes, i, route) {
			char *line = json_dumps(route, JSON_COMPACT);

			if (line == NULL)
				text->failed = true;
			else
				text_add(text, "%s%s", s->any ? "," : "", line);
			s->any = true;
			free(line);
		}
		json_decref(routes);
	}
	return STREAM_MORE;
}

int rest_route_list(struct request *request, struct error *error)
{
	struct route_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->listing = kernel_listing_open();
	if (s->listing == NULL) {
		free(s);
		return -ENOMEM;
	}
	return request_stream(request, "application/json", route_more, s, route_stream_end);
}

int rest_neighbour_list(struct request *request, struct error *error)
{
	return request_reply(request, 200,
			     json_pack("{s:o}", "neighbours", kernel_neighbours_json()));
}

int rest_address_list(struct request *request, struct error *error)
{
	return request_reply(request, 200,
			     json_pack("{s:o}", "addresses", kernel_addresses_json()));
}

/* Workers */

static json_t *worker_json(unsigned int index)
{
	struct worker_stats stats;
	json_t *object;

	worker_stats(index, &stats);
	object = json_pack("{s:i}", "worker", index);
	if (stats.cpu >= 0)
		json_object_set_new(object, "cpu", json_integer(stats.cpu));
	for (const struct worker_counter *counter = worker_counters; counter->name; counter++)
		json_object_set_new(object, counter->name,
				    json_integer((json_int_t)worker_counter(&stats, counter)));
	return object;
}

int rest_worker_list(struct request *request, struct error *error)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < workers_count(); i++)
		json_array_append_new(list, worker_json(i));
	return request_reply(request, 200, json_pack("{s:o}", "workers", list));
}

/* Drops */

int rest_drop_list(struct request *request, struct error *error)
{
	json_t *list = json_array();

	for (unsigned int reason = 1; reason < DROP_COUNT; reason++) {
		json_t *each = json_array();
		uint64_t sum = 0;

		for (unsigned int i = 0; i < workers_count(); i++) {
			uint64_t packets = worker_drops(i, reason);

			sum += packets;
			json_array_append_new(each, json_integer((json_int_t)packets));
		}
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:o, s:s}", "reason", drop_name(reason),
						"packets", (json_int_t)sum, "workers", each,
						"meaning", drop_sentence(reason)));
	}
	return request_reply(request, 200, json_pack("{s:o}", "drops", list));
}
