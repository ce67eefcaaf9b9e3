/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_version.h>

#include "balance/access.h"
#include "balance/limit.h"
#include "base/drops.h"
#include "base/protocol.h"
#include "control/announce.h"
#include "control/claim.h"
#include "control/degraded.h"
#include "control/document_fields.h"
#include "control/interface.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/nat_journal.h"
#include "control/node.h"
#include "control/port_stats.h"
#include "control/remains.h"
#include "control/rest.h"
#include "control/service_key.h"
#include "control/version.h"
#include "control/vip_device.h"
#include "io/pool.h"
#include "path/workers.h"

/*
 * GET /metrics, the text format of Prometheus. All lines of one family must stand together, so
 * the reply goes family by family, and within one of services or servers service by service: ten
 * thousand services are megabytes, which are made as they are sent. Between two pieces services
 * may come and go; one that is removed half-way has fewer families, which Prometheus takes.
 */
struct metrics {
	unsigned int family;
	uint32_t cursor; // of model_next() within a family
	bool titled;
};

static void family_add(struct text *text, const char *name, const char *type, const char *help)
{
	text_add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single_add(struct text *text, const char *name, const char *type, const char *help,
		       uint64_t value)
{
	family_add(text, name, type, help);
	text_add(text, "%s %llu\n", name, (unsigned long long)value);
}

/* The daemon itself */

static void daemon_add(struct text *text)
{
	family_add(text, "weir_build_info", "gauge", "version of weir and of DPDK");
	text_add(text, "weir_build_info{version=\"%s\",dpdk=\"%s\"} 1\n", WEIR_VERSION,
		 rte_version());
	single_add(text, "weir_uptime_seconds", "gauge", "since the start", loop_uptime() / 1000);
	single_add(text, "weir_services", "gauge", "virtual services", model_service_count());
	single_add(text, "weir_servers", "gauge", "real servers of all services",
		   model_server_count());
	single_add(text, "weir_servers_leaving", "gauge",
		   "real servers that were removed and still carry sessions", remains_leaving());
	single_add(text, "weir_local_addresses", "gauge", "local addresses in use", claim_count());
	single_add(text, "weir_session_table_bytes", "gauge", "what the session tables take",
		   workers_table_bytes());
	single_add(text, "weir_buffer_bytes", "gauge", "what the packet buffers take",
		   pool_bytes());
}

/* The log of SNAT */

static void nat_log_add(struct text *text)
{
	struct nat_journal_counts counts;

	nat_journal_counts(&counts);
	single_add(text, "weir_nat_log_rate", "gauge", "lines a second at most, 0: off",
		   nat_journal_rate());
	single_add(text, "weir_nat_log_written_total", "counter", "lines written", counts.written);
	single_add(text, "weir_nat_log_skipped_total", "counter",
		   "lines left out because they were more than the rate", counts.skipped);
	single_add(text, "weir_nat_log_lost_total", "counter",
		   "lines for which a worker had no room", counts.lost);
}

/* Announcing */

static void node_add(struct text *text)
{
	single_add(text, "weir_drained", "gauge", "whether a person has drained this node",
		   node_is_drained());
	single_add(text, "weir_isolated", "gauge", "whether this node has isolated itself",
		   node_is_isolated());
	single_add(text, "weir_degraded", "gauge",
		   "whether something waits for a person (weirctl status says what)",
		   degraded_is());
	single_add(text, "weir_announce_discarded_packets_total", "counter",
		   "packets that Linux sent to the device of announced VIPs",
		   vip_device_discarded());
}

/* One piece of a family, `changes` or the state; true when the family is complete. */
static bool announced_add(struct metrics *metrics, struct text *text, bool changes)
{
	struct announcement one;
	char vip[ADDR_TEXT];

	if (!metrics->titled && changes)
		family_add(text, "weir_announcement_changes_total", "counter",
			   "how often a VIP was announced or withdrawn");
	else if (!metrics->titled)
		family_add(text, "weir_announced", "gauge",
			   "whether a VIP is shown to routing daemons");
	metrics->titled = true;
	while (text->size < STREAM_PIECE) {
		if (!announce_next(&metrics->cursor, &one))
			return true;
		text_add(text, "%s{vip=\"%s\"} %u\n",
			 changes ? "weir_announcement_changes_total" : "weir_announced",
			 addr_format(&one.vip, vip), changes ? one.changes : one.announced);
	}
	return false;
}

/* Workers and drops */

static void workers_add(struct text *text)
{
	struct worker_stats stats;

	for (const struct worker_counter *counter = worker_counters; counter->name; counter++) {
		const char *total = counter->gauge ? "" : "_total";

		text_add(text, "# HELP weir_worker_%s%s %s\n# TYPE weir_worker_%s%s %s\n",
			 counter->name, total, counter->help, counter->name, total,
			 counter->gauge ? "gauge" : "counter");
		for (unsigned int i = 0; i < workers_count(); i++) {
			worker_stats(i, &stats);
			text_add(text, "weir_worker_%s%s{worker=\"%u\"} %llu\n", counter->name,
				 total, i, (unsigned long long)worker_counter(&stats, counter));
		}
	}
}

static void drops_add(struct text *text)
{
	family_add(text, "weir_drops_total", "counter",
		   "packets dropped, by reason (weir_drop_reason_info says what each means)");
	for (unsigned int i = 0; i < workers_count(); i++) {
		for (unsigned int reason = 1; reason < DROP_COUNT; reason++)
			text_add(text, "weir_drops_total{worker=\"%u\",reason=\"%s\"} %llu\n", i,
				 drop_name(reason), (unsigned long long)worker_drops(i, reason));
	}
	family_add(text, "weir_drop_reason_info", "gauge", "what each reason to drop means");
	for (unsigned int reason = 1; reason < DROP_COUNT; reason++)
		text_add(text, "weir_drop_reason_info{reason=\"%s\",meaning=\"%s\"} 1\n",
			 drop_name(reason), drop_sentence(reason));
}

/* Ports */

#define PORT_COUNTER(name, field, help)                           \
	{                                                         \
		name, offsetof(struct rte_eth_stats, field), help \
	}

static const struct {
	const char *name;
	size_t offset;
	const char *help;
} port_counters[] = {
	PORT_COUNTER("packets_in", ipackets, "packets received"),
	PORT_COUNTER("packets_out", opackets, "packets sent"),
	PORT_COUNTER("bytes_in", ibytes, "bytes received"),
	PORT_COUNTER("bytes_out", obytes, "bytes sent"),
	PORT_COUNTER("missed", imissed, "packets that the device had no room for"),
	PORT_COUNTER("errors_in", ierrors, "packets received with an error"),
	PORT_COUNTER("errors_out", oerrors, "packets that could not be sent"),
	PORT_COUNTER("no_buffer", rx_nombuf, "times that there was no packet buffer"),
};

static void ports_add(struct text *text)
{
	struct rte_eth_stats stats;

	for (size_t k = 0; k < sizeof(port_counters) / sizeof(port_counters[0]); k++) {
		text_add(text, "# HELP weir_port_%s_total %s\n# TYPE weir_port_%s_total counter\n",
			 port_counters[k].name, port_counters[k].help, port_counters[k].name);
		for (unsigned int i = 0; i < port_count(); i++) {
			const struct port *port = port_get(i);
			const char *base = (const char *)&stats;

			port_stats_get(port, &stats);
			text_add(text, "weir_port_%s_total{port=\"%s\"} %llu\n",
				 port_counters[k].name, port->config.name,
				 *(const unsigned long long *)(base + port_counters[k].offset));
		}
	}
	family_add(text, "weir_port_up", "gauge", "whether the port has a link");
	for (unsigned int i = 0; i < port_count(); i++)
		text_add(text, "weir_port_up{port=\"%s\"} %d\n", port_get(i)->config.name,
			 port_get(i)->link_up);
}

/* VLANs and tunnels: there are few of them */

static void interfaces_add(struct text *text)
{
	static const char *const counters[][2] = {
		{"packets_in", "packets received by a VLAN or tunnel interface itself"},
		{"packets_out", "packets sent by it"},
		{"bytes_in", "bytes received, without tags and outer headers"},
		{"bytes_out", "bytes sent, without tags and outer headers"},
	};
	json_t *lists[INTERFACE_KINDS], *row;
	size_t at;

	for (enum interface_kind kind = 0; kind < INTERFACE_KINDS; kind++)
		lists[kind] = interface_list_json(kind);
	for (unsigned int k = 0; k < sizeof(counters) / sizeof(*counters); k++) {
		text_add(text,
			 "# HELP weir_interface_%s_total %s\n# TYPE weir_interface_%s_total "
			 "counter\n",
			 counters[k][0], counters[k][1], counters[k][0]);
		for (enum interface_kind kind = 0; kind < INTERFACE_KINDS; kind++)
			json_array_foreach (lists[kind], at, row)
				text_add(text, "weir_interface_%s_total{interface=\"%s\"} %llu\n",
					 counters[k][0],
					 json_string_value(json_object_get(row, "name")),
					 (unsigned long long)json_integer_value(
						 json_object_get(row, counters[k][0])));
	}
	family_add(text, "weir_interface_up", "gauge",
		   "whether the VLAN or tunnel interface is up");
	for (enum interface_kind kind = 0; kind < INTERFACE_KINDS; kind++) {
		json_array_foreach (lists[kind], at, row)
			text_add(text, "weir_interface_up{interface=\"%s\"} %d\n",
				 json_string_value(json_object_get(row, "name")),
				 json_is_true(json_object_get(row, "up")));
		json_decref(lists[kind]);
	}
}

/* Traffic control: there are few queues, too */

static void queues_add(struct text *text)
{
	static const char *const families[][4] = {
		{"packets_total", "packets", "counter", "packets that went through a queue"},
		{"bytes_total", "bytes", "counter", "bytes of them, frames without checksum"},
		{"drops_total", "dropped", "counter", "packets that a queue did not take"},
		{"overlimits_total", "overlimits", "counter", "packets that had to wait"},
		{"backlog_packets", "backlog_packets", "gauge", "packets that wait in a queue"},
		{"backlog_bytes", "backlog_bytes", "gauge", "bytes that wait in a queue"},
	};
	json_t *list = traffic_list_json(), *spec, *queue;
	size_t i, at;

	for (unsigned int k = 0; k < sizeof(families) / sizeof(*families); k++) {
		const char *name = families[k][0], *field = families[k][1];

		text_add(text, "# HELP weir_traffic_%s %s\n# TYPE weir_traffic_%s %s\n", name,
			 families[k][3], name, families[k][2]);
		json_array_foreach (list, i, spec)
			json_array_foreach (json_object_get(spec, "queues"), at, queue)
				text_add(text,
					 "weir_traffic_%s{interface=\"%s\",queue=\"%s\"} %llu\n",
					 name,
					 json_string_value(json_object_get(spec, "interface")),
					 json_string_value(json_object_get(queue, "handle")),
					 (unsigned long long)json_integer_value(
						 json_object_get(queue, field)));
	}
	json_decref(list);
}

/* Services and servers: the same families for both */

#define TRAFFIC(name, type, field, help)                          \
	{                                                         \
		name, type, offsetof(struct traffic, field), help \
	}

static const struct traffic_family {
	const char *name, *type;
	size_t offset;
	const char *help;
} traffic_families[] = {
	TRAFFIC("connections_total", "counter", connections, "connections ever made"),
	TRAFFIC("active", "gauge", active, "established sessions"),
	TRAFFIC("inactive", "gauge", inactive, "sessions in other states"),
	TRAFFIC("packets_in_total", "counter", packets_in, "packets from clients"),
	TRAFFIC("packets_out_total", "counter", packets_out, "packets to clients"),
	TRAFFIC("bytes_in_total", "counter", bytes_in, "bytes from clients"),
	TRAFFIC("bytes_out_total", "counter", bytes_out, "bytes to clients"),
};
/* Of servers only, and not counted by workers. */
static const struct traffic_family server_weight = {"weight", "gauge", 0,
						    "share of new connections; 0 drains"};
static const struct traffic_family server_up = {
	"up", "gauge", 0, "0 while the real server is down by its health checks"};
enum { TRAFFIC_FAMILIES = sizeof(traffic_families) / sizeof(traffic_families[0]) };

static unsigned long long traffic_value(const struct traffic *traffic,
					const struct traffic_family *family)
{
	return *(const uint64_t *)((const char *)traffic + family->offset);
}

static void service_labels(struct text *text, const struct model_service *service)
{
	char vip[SERVICE_VIP_TEXT], ports[SERVICE_PORTS_TEXT];

	text_add(text, "protocol=\"%s\",vip=\"%s\",port=\"%s\"",
		 service_key_protocol(&service->key), service_key_vip(&service->key, vip),
		 service_key_ports(&service->key, ports));
}

static void acl_side_add(struct text *text, const struct model_service *service, const json_t *hits,
			 const char *side)
{
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(hits, side), i, entry) {
		text_add(text, "weir_acl_hits_total{");
		if (service != NULL)
			service_labels(text, service);
		text_add(text, "%slist=\"%s\",entry=\"%s\"} %lld\n", service ? "," : "", side,
			 json_string_value(json_object_get(entry, "entry")),
			 (long long)json_integer_value(json_object_get(entry, "hits")));
	}
}

static void acl_hits_add(struct text *text, const struct model_service *service, uint32_t number)
{
	json_t *hits = acl_hits_json(number);

	acl_side_add(text, service, hits, "deny");
	acl_side_add(text, service, hits, "allow");
	json_decref(hits);
}

/* Those of the node have no labels of a service. */
static void acl_add(struct text *text)
{
	const struct model_service *service;
	uint32_t cursor = 0;

	family_add(text, "weir_acl_hits_total", "counter",
		   "how often each list of addresses, or set, of an access list has decided");
	acl_hits_add(text, NULL, ACCESS_NODE);
	while ((service = model_next(&cursor)) != NULL)
		if (service->allow.count > 0 || service->deny.count > 0)
			acl_hits_add(text, service, service->number);
}

static void limit_refusals_add(struct text *text, const struct model_service *service,
			       uint32_t number)
{
	uint64_t refused[LIMIT_KINDS], of_sources[LIMIT_KINDS];

	limit_refusals(number, refused, of_sources);
	for (unsigned int by_source = 0; by_source < 2; by_source++) {
		for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++) {
			if (service == NULL && !by_source)
				continue; // the node limits sources only
			text_add(text, "weir_limit_refused_total{");
			if (service != NULL)
				service_labels(text, service);
			text_add(text, "%sof=\"%s\",limit=\"%s\"} %llu\n", service ? "," : "",
				 by_source ? "source" : "service", document_limit_kinds[kind],
				 (unsigned long long)(by_source ? of_sources : refused)[kind]);
		}
	}
}

/* Of services that have limits; those of the node have no labels of a service. */
static void limits_add(struct text *text)
{
	const struct model_service *service;
	uint32_t cursor = 0;

	family_add(text, "weir_limit_refused_total", "counter",
		   "connections and packets that a limit of the service or of a source refused");
	if (limit_of(0) != NULL)
		limit_refusals_add(text, NULL, 0);
	while ((service = model_next(&cursor)) != NULL)
		if (limit_is_any(&service->limits))
			limit_refusals_add(text, service, service->number);
}

static void service_add(struct text *text, const struct model_service *service,
			const struct traffic_family *family)
{
	struct traffic traffic;

	workers_service_traffic(service->number, &traffic);
	text_add(text, "weir_service_%s{", family->name);
	service_labels(text, service);
	text_add(text, "} %llu\n", traffic_value(&traffic, family));
}

static void servers_add(struct text *text, const struct model_service *service,
			const struct traffic_family *family)
{
	struct traffic traffic;
	char address[ADDR_TEXT];

	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];
		unsigned long long value = server->weight;

		if (family == &server_up) {
			value = !model_server_is_down(server);
		} else if (family != &server_weight) {
			workers_server_traffic(server->number, &traffic);
			value = traffic_value(&traffic, family);
		}
		text_add(text, "weir_server_%s{", family->name);
		service_labels(text, service);
		text_add(text, ",server=\"%s\",server_port=\"%u\"} %llu\n",
			 addr_format(&server->addr, address), server->port, value);
	}
}

/* One piece of a family; true when the family is complete. */
static bool traffic_add(struct metrics *metrics, struct text *text, const char *noun,
			const struct traffic_family *family,
			void (*add)(struct text *text, const struct model_service *service,
				    const struct traffic_family *family))
{
	if (!metrics->titled)
		text_add(text, "# HELP weir_%s_%s %s\n# TYPE weir_%s_%s %s\n", noun, family->name,
			 family->help, noun, family->name, family->type);
	metrics->titled = true;
	while (text->size < STREAM_PIECE) {
		const struct model_service *service = model_next(&metrics->cursor);

		if (service == NULL)
			return true;
		add(text, service, family);
	}
	return false;
}

static enum stream_next metrics_more(void *arg, struct text *text)
{
	struct metrics *metrics = arg;
	unsigned int family = metrics->family;
	bool complete = true;

	if (family == 0) {
		daemon_add(text);
		node_add(text);
		nat_log_add(text);
		ports_add(text);
		interfaces_add(text);
		queues_add(text);
		workers_add(text);
		drops_add(text);
		acl_add(text);
		limits_add(text);
	} else if (family <= TRAFFIC_FAMILIES) {
		complete = traffic_add(metrics, text, "service", &traffic_families[family - 1],
				       service_add);
	} else if (family <= 2 * TRAFFIC_FAMILIES) {
		complete = traffic_add(metrics, text, "server",
				       &traffic_families[family - 1 - TRAFFIC_FAMILIES],
				       servers_add);
	} else if (family <= 2 * TRAFFIC_FAMILIES + 2) {
		bool up = family > 2 * TRAFFIC_FAMILIES + 1;

		complete = traffic_add(metrics, text, "server", up ? &server_up : &server_weight,
				       servers_add);
	} else {
		bool changes = family > 2 * TRAFFIC_FAMILIES + 3;

		complete = announced_add(metrics, text, changes);
		if (complete && changes)
			return STREAM_END;
	}
	if (complete) {
		metrics->family++;
		metrics->cursor = 0;
		metrics->titled = false;
	}
	return STREAM_MORE;
}

int rest_metrics_get(struct request *request, struct error *error)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (metrics == NULL)
		return -ENOMEM;
	return request_stream(request, "text/plain; version=0.0.4; charset=utf-8", metrics_more,
			      metrics, free);
}
