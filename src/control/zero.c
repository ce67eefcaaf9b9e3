/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/zero.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Two arrays of baselines, by the number of the service and of the server, as long as the highest
 * number that was ever set to zero. Control thread only.
 */
struct baselines {
	struct traffic *entries;
	uint32_t count;
};

static struct {
	struct baselines services, servers;
} zero;

static int baselines_reserve(struct baselines *baselines, uint32_t highest)
{
	uint32_t count = baselines->count ? baselines->count : 64;
	struct traffic *larger;

	if (highest < baselines->count)
		return 0;
	while (count <= highest)
		count *= 2;
	larger = realloc(baselines->entries, count * sizeof(*larger));
	if (larger == NULL)
		return -ENOMEM;
	memset(larger + baselines->count, 0, (count - baselines->count) * sizeof(*larger));
	baselines->entries = larger;
	baselines->count = count;
	return 0;
}

static int service_reserve(const struct model_service *service)
{
	int status = baselines_reserve(&zero.services, service->number);

	for (unsigned int i = 0; i < service->server_count && status == 0; i++)
		status = baselines_reserve(&zero.servers, service->servers[i].number);
	return status;
}

static void service_take(const struct model_service *service)
{
	workers_service_traffic(service->number, &zero.services.entries[service->number]);
	for (unsigned int i = 0; i < service->server_count; i++) {
		uint32_t number = service->servers[i].number;

		workers_server_traffic(number, &zero.servers.entries[number]);
	}
}

int zero_service(const struct model_service *service)
{
	int status = service_reserve(service);

	if (status == 0)
		service_take(service);
	return status;
}

int zero_all(void)
{
	const struct model_service *service;
	uint32_t cursor = 0;
	int status;

	while ((service = model_next(&cursor)) != NULL) {
		status = service_reserve(service);
		if (status < 0)
			return status;
	}
	cursor = 0;
	while ((service = model_next(&cursor)) != NULL)
		service_take(service);
	return 0;
}

static void baseline_subtract(const struct baselines *baselines, uint32_t number,
			      struct traffic *traffic)
{
	const struct traffic *before;

	if (number >= baselines->count)
		return;
	before = &baselines->entries[number];
	traffic->connections -= before->connections;
	traffic->packets_in -= before->packets_in;
	traffic->packets_out -= before->packets_out;
	traffic->bytes_in -= before->bytes_in;
	traffic->bytes_out -= before->bytes_out;
}

void zero_service_traffic(uint32_t number, struct traffic *out)
{
	workers_service_traffic(number, out);
	baseline_subtract(&zero.services, number, out);
}

void zero_server_traffic(uint32_t number, struct traffic *out)
{
	workers_server_traffic(number, out);
	baseline_subtract(&zero.servers, number, out);
}

static void baseline_forget(struct baselines *baselines, uint32_t number)
{
	if (number < baselines->count)
		memset(&baselines->entries[number], 0, sizeof(*baselines->entries));
}

void zero_forget_service(uint32_t number)
{
	baseline_forget(&zero.services, number);
}

void zero_forget_server(uint32_t number)
{
	baseline_forget(&zero.servers, number);
}

void zero_stop(void)
{
	free(zero.services.entries);
	free(zero.servers.entries);
	memset(&zero, 0, sizeof(zero));
}
