/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/counts.h"

#include <stdio.h>

#include "balance/server.h"
#include "balance/service.h"
#include "base/memory.h"
#include "io/rcu.h"

static struct memory server_memory[RCU_WORKERS_MAX], service_memory[RCU_WORKERS_MAX];
static unsigned int worker_count;

int counts_start(unsigned int workers)
{
	char name[32];
	int result;

	for (unsigned int i = 0; i < workers; i++) {
		snprintf(name, sizeof(name), "server-counts-%u", i);
		result = memory_map(&server_memory[i], name,
				    SERVER_MAX * sizeof(struct server_count), MEMORY_SMALL);
		if (result < 0)
			return result;
		snprintf(name, sizeof(name), "service-counts-%u", i);
		result = memory_map(&service_memory[i], name,
				    SERVICE_MAX * sizeof(struct service_count), MEMORY_SMALL);
		if (result < 0)
			return result;
		worker_count = i + 1;
	}
	return 0;
}

void counts_stop(void)
{
	for (unsigned int i = 0; i < worker_count; i++) {
		memory_unmap(&server_memory[i]);
		memory_unmap(&service_memory[i]);
	}
	worker_count = 0;
}

unsigned int counts_workers(void)
{
	return worker_count;
}

void counts_use(unsigned int workers)
{
	worker_count = workers;
}

struct server_count *counts_servers(unsigned int worker)
{
	return server_memory[worker].base;
}

struct service_count *counts_services(unsigned int worker)
{
	return service_memory[worker].base;
}
