/* SPDX-License-Identifier: BSD-3-Clause */

/* What workers have of persistence, marks and servers that are gone: nothing. */
#include <string.h>

#include "balance/limit.h"
#include "balance/mark.h"
#include "balance/overload.h"
#include "balance/persistence.h"
#include "balance/server.h"
#include "balance/syn_guard.h"
#include "path/traffic.h"
#include "path/workers.h"

void server_set_removed(uint32_t server, enum removed_action action)
{
}

void server_set_gone(uint32_t server, enum removed_action action)
{
}

int overload_set(uint32_t server, uint32_t upper, uint32_t lower)
{
	return 0;
}

int limit_set(uint32_t service, const struct limit_settings *settings)
{
	return 0;
}

bool limit_is_any(const struct limit_settings *settings)
{
	static const struct limit_settings none;

	return memcmp(settings->service, none.service, sizeof(none.service)) != 0 ||
	       memcmp(settings->source, none.source, sizeof(none.source)) != 0;
}

static struct limit *no_limits[SERVICE_MAX];
struct limit **limit_table = no_limits;

void limit_refusals(uint32_t service, uint64_t refused[LIMIT_KINDS],
		    uint64_t of_sources[LIMIT_KINDS])
{
	memset(refused, 0, LIMIT_KINDS * sizeof(*refused));
	memset(of_sources, 0, LIMIT_KINDS * sizeof(*of_sources));
}

bool overload_is_on(uint32_t server)
{
	return false;
}

void server_set_sticky(uint32_t server, bool sticky)
{
}

uint32_t workers_server_templates(uint32_t server)
{
	return 0;
}

bool workers_template_next(uint64_t *cursor, unsigned int budget, struct persistence_view *out,
			   bool *found)
{
	*found = false;
	return false;
}

uint64_t workers_mark_hits(unsigned int counter)
{
	return counter;
}

int mark_publish(const struct mark_rule *rules, unsigned int count)
{
	return 0;
}

struct traffic_tree *traffic_trees[TRAFFIC_DIRECTIONS][PORT_MAX];

int traffic_set(unsigned int port, const struct traffic_spec *spec)
{
	return 0;
}

bool traffic_read(unsigned int port, uint32_t handle, struct traffic_report *out)
{
	memset(out, 0, sizeof(*out));
	return true;
}

/* SYN proxies: none is automatic. */

static uint8_t nothing_on[SERVICE_MAX];
uint8_t *syn_guard_on = nothing_on;

int syn_guard_watch(uint32_t service, bool watched)
{
	return 0;
}

void syn_guard_set(const struct syn_guard_settings *settings)
{
}

void syn_guard_tick(void)
{
}

uint32_t syn_guard_rate(uint32_t service)
{
	return 0;
}

bool syn_guard_changed(uint32_t *service, bool *on)
{
	return false;
}
