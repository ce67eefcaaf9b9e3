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
#include "control/network_link.h"
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

/* Ports */

/* Of the link, and what was asked of it. */
static void port_add_link(json_t *object, const struct port *port)
{
	const struct iface *iface = iface_find(port->config.name);
	uint16_t dpdk_port = port->queues[0].dpdk_port;
	struct rte_eth_link link = {0};
	struct rte_eth_dev_info info;
	int status = rte_eth_link_get_nowait(dpdk_port, &link);
	bool told = status == 0 && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;

	if (iface != NULL) {
		char mac[RTE_ETHER_ADDR_FMT_SIZE];

		rte_ether_format_addr(mac, sizeof(mac), &iface->mac);
		json_object_set_new(object, "mac", json_string(mac));
		json_object_set_new(object, "mtu", json_integer(iface->mtu));
	}
	if (rte_eth_dev_info_get(dpdk_port, &info) < 0)
		memset(&info, 0, sizeof(info));
	json_object_update_new(
		object,
		json_pack("{s:i, s:b, s:i, s:b, s:b, s:i, s:i, s:i, s:b, s:b}", "id",
			  (int)port->index, "up", iface != NULL && iface->up, "speed_mbps",
			  told ? (int)link.link_speed : 0, "full_duplex",
			  link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX, "autonegotiation",
			  link.link_autoneg == RTE_ETH_LINK_AUTONEG, "socket", port->socket,
			  "receive_queues", (int)port->rx_queue_count, "transmit_queues",
			  (int)port->tx_queue_count, "promiscuous", network_link_promiscuous(port),
			  "all_multicast", network_link_all_multicast(port)));
}

static json_t *port_json(const struct port *port)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	struct rte_eth_stats stats;
	json_t *object;

	rte_ether_format_addr(mac, sizeof(mac), &port->mac);
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:b, s:b, s:b}", "name",
			   port->config.name, "device", port->config.device, "driver", port->driver,
			   "tap", port->config.tap, "mac", mac, "link_up", port->link_up, "mtu",
			   port->mtu, "queues", port->queue_count, "rss", port->rss,
			   "partial_checksums", port->partial_checksums, "transmit_checksum",
			   port->transmit_checksum);
	port_add_link(object, port);
	port_stats_get(port, &stats);
	json_object_update_new(
		object,
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "packets_in",
			  (json_int_t)stats.ipackets, "packets_out", (json_int_t)stats.opackets,
			  "bytes_in", (json_int_t)stats.ibytes, "bytes_out",
			  (json_int_t)stats.obytes, "missed", (json_int_t)stats.imissed,
			  "errors_in", (json_int_t)stats.ierrors, "errors_out",
			  (json_int_t)stats.oerrors, "no_buffer", (json_int_t)stats.rx_nombuf));
	json_object_set_new(object, "why", json_string(port->why));
	return object;
}

int rest_port_list(struct request *request, struct error *error)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < port_count(); i++)
		json_array_append_new(list, port_json(port_get(i)));
	return request_reply(request, 200, json_pack("{s:o}", "ports", list));
}

int rest_port_get(struct request *request, struct error *error)
{
	const struct iface *iface = iface_find(request_part(request, 0));
	struct iface *found;

	if (iface == NULL)
		return network_iface(request_part(request, 0), &found, error);
	return request_reply(request, 200, port_json(port_get(iface->port)));
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
