/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/protocol.h"
#include "control/claim.h"
#include "control/keyed.h"
#include "control/loop.h"
#include "net/kernel.h"
#include "path/workers.h"

/*
 * Workers count what each session carries anyway, and fold it into the counters of its server about
 * once a second. A sample is three walks over the sessions, and what a session has counted more in
 * the second or third walk than in the one before is what it carried: of the two differences the
 * larger one, because a fold spoils at most one of them. Nothing is added to the packet path, and
 * nothing is done unless it is enabled and somebody asks.
 *
 * A walk is made in slices, and holds sessions that have carried something since their last fold.
 * Beyond ENTRIES_MAX of them the rest is not looked at.
 */
enum {
	SNAPSHOTS = 3,
	SNAPSHOT_GAP = 300,  // milliseconds
	SAMPLE_FRESH = 1500, // for so long a sample is answered again
	SLICE = 4,	     // milliseconds
	STEP = 1024,	     // sessions between looks at the clock
	ENTRIES_MAX = 1 << 18,
	TOP = 10,
};

struct entry {
	uint64_t id; // first: the table's key; of a line in the tables of the workers
	uint64_t in, out;
	uint64_t most_in, most_out;
};

struct flow {
	struct session_view view;
	bool server_side; // from the local address to the server; else from the client to the VIP
	uint64_t received, sent;
};

struct flows {
	unsigned int count;
	struct flow flow[TOP]; // by what they carry, most first
};

static struct {
	bool enabled;
	bool sampling;
	unsigned int snapshot;
	uint64_t cursor;
	uint64_t begun, finished; // loop_clock(): of this walk; of the last sample
	double interval;
	struct keyed entries;
	struct flows *flows[IFACE_MAX];
} top = {.entries = KEYED_INIT(sizeof(uint64_t))};

static void entries_free(void)
{
	for (uint32_t i = 0; i < top.entries.capacity; i++)
		free(top.entries.slots[i]);
	keyed_free(&top.entries);
	top.entries = (struct keyed)KEYED_INIT(sizeof(uint64_t));
}

static void flows_free(void)
{
	for (unsigned int i = 0; i < IFACE_MAX; i++) {
		free(top.flows[i]);
		top.flows[i] = NULL;
	}
}

void top_stop(void)
{
	entries_free();
	flows_free();
	top.enabled = top.sampling = false;
	top.finished = 0;
}

void top_enable(bool on)
{
	if (on != top.enabled)
		top_stop();
	top.enabled = on;
}

bool top_enabled(void)
{
	return top.enabled;
}

double top_interval(void)
{
	return top.interval;
}

/* Flows */

static void flow_add(const struct iface *iface, const struct flow *flow)
{
	struct flows *flows;
	unsigned int at;

	if (iface == NULL)
		return;
	if (top.flows[iface->index] == NULL)
		top.flows[iface->index] = calloc(1, sizeof(*flows));
	flows = top.flows[iface->index];
	if (flows == NULL)
		return;
	for (at = flows->count; at > 0; at--) {
		const struct flow *before = &flows->flow[at - 1];

		if (before->received + before->sent >= flow->received + flow->sent)
			break;
	}
	if (at == TOP)
		return;
	if (flows->count < TOP)
		flows->count++;
	memmove(&flows->flow[at + 1], &flows->flow[at],
		(flows->count - at - 1) * sizeof(flows->flow[0]));
	flows->flow[at] = *flow;
}

/* A session is a flow on the client's interface and one on the server's. */
static void flows_add(const struct entry *entry, const struct session_view *view)
{
	const struct iface *iface = kernel_address_owner(&view->vip);
	struct flow flow = {.view = *view, .received = entry->most_in, .sent = entry->most_out};

	if (entry->most_in + entry->most_out == 0)
		return;
	flow_add(iface != NULL ? iface : kernel_route_towards(&view->client), &flow);
	flow.server_side = true;
	flow.received = entry->most_out;
	flow.sent = entry->most_in;
	flow_add(iface_get(claim_iface(&view->local)), &flow);
}

/* Walks */

static struct entry *entry_get(uint64_t id)
{
	struct entry *entry = keyed_find(&top.entries, &id);

	if (entry != NULL || top.entries.count >= ENTRIES_MAX)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	entry->id = id;
	if (keyed_insert(&top.entries, entry) == 0)
		return entry;
	free(entry);
	return NULL;
}

static uint64_t difference(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static void session_take(uint64_t id, const struct session_view *view)
{
	bool active = view->packets_in + view->packets_out != 0;
	struct entry *entry = active ? entry_get(id) : keyed_find(&top.entries, &id);
	uint64_t in, out;

	if (entry == NULL)
		return;
	in = difference(view->bytes_in, entry->in);
	out = difference(view->bytes_out, entry->out);
	entry->in = view->bytes_in;
	entry->out = view->bytes_out;
	if (top.snapshot > 0 && in + out > entry->most_in + entry->most_out) {
		entry->most_in = in;
		entry->most_out = out;
	}
	if (top.snapshot == SNAPSHOTS - 1)
		flows_add(entry, view);
}

/* A slice of a walk; true at its end. */
static bool walk(void)
{
	uint64_t until = loop_clock() + SLICE;

	do {
		for (unsigned int i = 0; i < STEP; i++) {
			struct session_view view;
			bool found;

			if (!workers_session_next(&top.cursor, STEP, &view, &found))
				return true;
			if (found)
				session_take(top.cursor, &view);
		}
	} while (loop_clock() < until);
	return false;
}

static void snapshot_begin(void)
{
	top.cursor = 0;
	top.begun = loop_clock();
	if (top.snapshot == SNAPSHOTS - 1)
		flows_free();
}

bool top_want(void)
{
	if (!top.enabled || (top.finished != 0 && loop_clock() - top.finished < SAMPLE_FRESH))
		return true;
	if (!top.sampling) {
		top.sampling = true;
		top.snapshot = 0;
		entries_free();
		snapshot_begin();
	}
	if (loop_clock() < top.begun || !walk())
		return false;
	if (top.snapshot + 1 < SNAPSHOTS) {
		uint64_t next = top.begun + SNAPSHOT_GAP;

		top.snapshot++;
		top.interval = SNAPSHOT_GAP / 1000.0;
		snapshot_begin();
		top.begun = next > loop_clock() ? next : loop_clock();
		return false;
	}
	top.sampling = false;
	top.finished = loop_clock();
	entries_free();
	return true;
}

static json_t *flow_json(const struct iface *iface, const struct flow *flow)
{
	const struct session_view *view = &flow->view;
	char from[ADDR_TEXT], to[ADDR_TEXT];
	bool server = flow->server_side;

	return json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:I, s:I}", "interface", iface->name,
			 "source", addr_format(server ? &view->local : &view->client, from),
			 "source_port", (int)(server ? view->local_port : view->client_port),
			 "destination", addr_format(server ? &view->destination : &view->vip, to),
			 "destination_port",
			 (int)(server ? view->destination_port : view->vip_port), "protocol",
			 protocol_name(view->protocol), "received_bytes_per_second",
			 (json_int_t)((double)flow->received / top.interval),
			 "sent_bytes_per_second", (json_int_t)((double)flow->sent / top.interval));
}

json_t *top_json(void)
{
	json_t *list = json_array();

	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		const struct iface *iface = iface_get(i);

		for (unsigned int k = 0;
		     iface != NULL && top.flows[i] != NULL && k < top.flows[i]->count; k++)
			json_array_append_new(list, flow_json(iface, &top.flows[i]->flow[k]));
	}
	return list;
}
