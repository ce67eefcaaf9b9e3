/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Coming home.
 *
 * A worker chooses the local port of a session so that the reply belongs to it. Three ways lead a
 * reply to the worker that it belongs to, chosen for each port by itself:
 *
 * rss         The device spreads by Toeplitz with a key and a table that are known. The owner of a
 *             reply is the worker on whose queue the device puts it: a worker takes those local
 *             ports whose hash brings the reply to it, which is one exclusive or each.
 * flow        The device has no such hash but takes rules (rte_flow): for each local address some
 *             that send a local port to a queue by its lowest bits (steer_flow.c). The owner
 *             follows from these bits.
 * hand-over   The device spreads as it likes. The owner follows from the port number, and the
 *             worker that gets the packet hands it over.
 *
 * Who owns a reply is a function of its tuple and of the port that its local address is reached by,
 * never of the queue on which it came. So whatever a device does, a packet comes to its owner, by
 * one hand-over where need be: the first two ways save that, nothing depends on them. That is why a
 * device that does not do what it says needs no more than to be told of.
 *
 * All ports that can be told to are given one key and one table, so that what clients send is
 * spread alike by all uplinks.
 */
#include "io/steer_home.h"

#include "base/log.h"
#include "io/steer_flow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct steer_toeplitz tables[PORT_MAX];
static unsigned int table_of[PORT_MAX]; // ports with one key share a table, and so the cache
static const struct port *reference;
static unsigned int worker_count;

const struct port *steer_reference(void)
{
	return reference;
}

static bool rss_is_possible(const struct port *port, char *why, size_t size)
{
	if (!port->rss)
		snprintf(why, size, "%s tells no key and table by which it spreads", port->driver);
	else if (port->rx_queue_count < worker_count)
		snprintf(why, size, "it has %u receive queues for %u workers", port->rx_queue_count,
			 worker_count);
	else
		return true;
	return false;
}

/* Each port's own table, or that of an earlier port with the same key. */
static bool table_make(const struct port *port)
{
	table_of[port->index] = port->index;
	for (unsigned int i = 0; i < port->index; i++) {
		const struct port *other = port_get(i);

		if (other->steering == STEERING_RSS && other->rss_key_len == port->rss_key_len &&
		    memcmp(other->rss_key, port->rss_key, port->rss_key_len) == 0)
			table_of[port->index] = table_of[i];
	}
	return table_of[port->index] != port->index ||
	       steer_toeplitz_init(&tables[port->index], port->rss_key, port->rss_key_len) == 0;
}

static enum port_steering way_choose(const struct port *port, char *why, size_t size)
{
	const enum port_steering wanted = port->config.steering;
	char no_rss[80] = "", no_flow[80] = "";

	if (worker_count == 1) {
		snprintf(why, size, "there is one worker");
		return STEERING_NONE;
	}
	if (wanted == STEERING_HAND_OVER) {
		snprintf(why, size, "as the file asks");
		return STEERING_HAND_OVER;
	}
	if (wanted != STEERING_FLOW && rss_is_possible(port, no_rss, sizeof(no_rss)) &&
	    table_make(port)) {
		snprintf(why, size, "the device spreads by a key and a table that are known");
		return STEERING_RSS;
	}
	if (wanted != STEERING_RSS &&
	    steer_flow_probe(port, worker_count, no_flow, sizeof(no_flow))) {
		snprintf(why, size, "rules in the device send local ports to queues");
		return STEERING_FLOW;
	}
	snprintf(why, size, "%s%s%s", no_rss, *no_rss && *no_flow ? "; " : "", no_flow);
	return STEERING_HAND_OVER;
}

int steer_homes_start(unsigned int workers, struct error *error)
{
	reference = NULL;
	worker_count = workers;
	for (unsigned int i = 0; i < port_count(); i++) {
		struct port *port = port_get(i);

		port->steering = way_choose(port, port->steering_why, sizeof(port->steering_why));
		if (workers > 1 && port->config.steering != STEERING_AUTO &&
		    port->config.steering != port->steering) {
			char field[32];

			snprintf(field, sizeof(field), "ports[%u].steering", i);
			return error_set(error, -ENOTSUP, field, "%s cannot be: %s",
					 steer_way_name(port->config.steering), port->steering_why);
		}
		if (!reference && port->steering == STEERING_RSS)
			reference = port;
		if (workers > 1)
			log_notice("port %s: packets find their worker by %s: %s",
				   port->config.name, steer_way_name(port->steering),
				   port->steering_why);
	}
	return 0;
}

uint32_t steer_hash(const struct port *port, const void *key, bool ipv6)
{
	const struct steer_toeplitz *t = &tables[table_of[port->index]];
	const struct key4 *k4 = key;
	const struct key6 *k6 = key;

	return ipv6 ? steer_toeplitz6(t, k6->source, k6->destination, k6->source_port,
				      k6->destination_port)
		    : steer_toeplitz4(t, k4->source, k4->destination, k4->source_port,
				      k4->destination_port);
}

/*
 * The way of a port that is no longer trusted stays that of its local addresses: their sessions
 * have chosen their ports by it.
 */
static bool port_chose_rss(const struct port *port)
{
	return port->steering == STEERING_RSS || port->distrusted;
}

void steer_home(struct steer_home *home, unsigned int port, const void *key, bool ipv6)
{
	const struct port *p = port_get(port);
	bool slots = p && p->steering == STEERING_FLOW;

	memset(home, 0, sizeof(*home));
	home->workers = worker_count ? worker_count : 1;
	home->mask = slots ? steer_flow_slots(home->workers) - 1 : UINT16_MAX;
	home->ipv6 = ipv6;
	if (!p || !port_chose_rss(p))
		return;
	home->rss = p;
	home->toeplitz = &tables[table_of[p->index]];
	if (ipv6) {
		struct key6 rest = *(const struct key6 *)key;

		rest.destination_port = 0;
		home->rest = steer_hash(p, &rest, true);
	} else {
		struct key4 rest = *(const struct key4 *)key;

		rest.destination_port = 0;
		home->rest = steer_hash(p, &rest, false);
	}
}

void steer_distrust(struct port *port, uint64_t wrong, uint64_t looked_at)
{
	if (port->steering != STEERING_RSS)
		return;
	port->distrusted = true;
	port->steering = STEERING_HAND_OVER;
	snprintf(port->steering_why, sizeof(port->steering_why),
		 "the device puts packets elsewhere than its key and table say (%lu of %lu)", wrong,
		 looked_at);
	log_warning("port %s: packets are handed over from now on: %s", port->config.name,
		    port->steering_why);
}

void steer_local_add(unsigned int port, const struct addr *local)
{
	if (port_get(port))
		steer_flow_add(port_get(port), worker_count, local);
}

void steer_local_remove(unsigned int port, const struct addr *local)
{
	if (port_get(port))
		steer_flow_remove(port_get(port), local);
}
