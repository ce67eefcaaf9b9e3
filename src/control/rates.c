/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rates.h"

#include <stdlib.h>
#include <string.h>

#include "balance/server.h"
#include "control/loop.h"
#include "control/model.h"
#include "path/workers.h"

/*
 * Counters by number in two arrays, one for services and one for servers, each entry with the
 * counters of the last sample and the rates up to it. A number that was given to something else in
 * between is told by its counters going backwards, or by the sample that it missed.
 */
enum { SAMPLE_EVERY = 1000, PASS_POLL = 5 };

struct sample {
	uint32_t taken; // number of the sample; 0: none
	bool has_rate;
	struct traffic traffic;
	struct rate rate;
};

struct samples {
	struct sample *entries;
	uint32_t count;
};

static struct {
	struct samples services, servers;
	uint32_t taken;	 // samples so far
	uint64_t last;	 // when the last one was taken
	double interval; // between the last two, in seconds
	uint64_t wanted; // when somebody last asked
	bool running;
	uint64_t pass;
	bool in_pass;
	struct loop_timer timer;
} rates;

static struct sample *sample_at(struct samples *samples, uint32_t number)
{
	uint32_t count = samples->count ? samples->count : 64;
	struct sample *larger;

	if (number < samples->count)
		return &samples->entries[number];
	while (count <= number)
		count *= 2;
	larger = realloc(samples->entries, count * sizeof(*larger));
	if (larger == NULL)
		return NULL;
	memset(larger + samples->count, 0, (count - samples->count) * sizeof(*larger));
	samples->entries = larger;
	samples->count = count;
	return &samples->entries[number];
}

static void sample_take(struct sample *sample, const struct traffic *now, double interval)
{
	const struct traffic *was = &sample->traffic;

	sample->has_rate = sample->taken != 0 && sample->taken == rates.taken - 1 && interval > 0 &&
			   now->connections >= was->connections &&
			   now->packets_in >= was->packets_in &&
			   now->packets_out >= was->packets_out;
	if (sample->has_rate)
		sample->rate = (struct rate){
			.connections = (double)(now->connections - was->connections) / interval,
			.packets_in = (double)(now->packets_in - was->packets_in) / interval,
			.packets_out = (double)(now->packets_out - was->packets_out) / interval,
			.bits_in = 8 * (double)(now->bytes_in - was->bytes_in) / interval,
			.bits_out = 8 * (double)(now->bytes_out - was->bytes_out) / interval,
		};
	sample->traffic = *now;
	sample->taken = rates.taken;
}

static void samples_take(void)
{
	uint64_t now = loop_clock();
	double interval = rates.last ? (double)(now - rates.last) / 1000 : 0;
	const struct model_service *service;
	struct traffic traffic;
	struct sample *sample;
	uint32_t cursor = 0;

	rates.taken++;
	rates.last = now;
	rates.interval = interval;
	while ((service = model_next(&cursor)) != NULL) {
		sample = sample_at(&rates.services, service->number);
		if (sample != NULL) {
			workers_service_traffic(service->number, &traffic);
			sample_take(sample, &traffic, interval);
		}
		for (unsigned int i = 0; i < service->server_count; i++) {
			sample = sample_at(&rates.servers, service->servers[i].number);
			if (sample == NULL)
				continue;
			workers_server_traffic(service->servers[i].number, &traffic);
			sample_take(sample, &traffic, interval);
		}
	}
}

static void rates_tick(void *arg)
{
	if (!rates.in_pass) {
		if (loop_now() - rates.wanted > RATES_KEEP * 1000) {
			rates_stop();
			return;
		}
		rates.pass = workers_pass_begin();
		rates.in_pass = true;
	}
	if (!workers_pass_over(rates.pass)) {
		loop_timer_set(&rates.timer, PASS_POLL);
		return;
	}
	rates.in_pass = false;
	samples_take();
	loop_timer_set(&rates.timer, SAMPLE_EVERY);
}

bool rates_want(void)
{
	rates.wanted = loop_now();
	if (!rates.running) {
		rates.running = true;
		rates.timer = (struct loop_timer){.fire = rates_tick};
		loop_timer_set(&rates.timer, 0);
	}
	return rates.taken >= 2;
}

double rates_interval(void)
{
	return rates.interval;
}

static bool rate_of(const struct samples *samples, uint32_t number, struct rate *rate)
{
	const struct sample *sample = number < samples->count ? &samples->entries[number] : NULL;

	if (sample == NULL || sample->taken != rates.taken || !sample->has_rate)
		return false;
	*rate = sample->rate;
	return true;
}

bool rates_service(uint32_t number, struct rate *rate)
{
	return rate_of(&rates.services, number, rate);
}

bool rates_server(uint32_t number, struct rate *rate)
{
	return rate_of(&rates.servers, number, rate);
}

void rates_stop(void)
{
	loop_timer_cancel(&rates.timer);
	free(rates.services.entries);
	free(rates.servers.entries);
	memset(&rates, 0, sizeof(rates));
}
