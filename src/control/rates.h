/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Rates per second of services and servers, between the last two samples. A sample begins a pass
 * over the sessions and reads the counters when it is over, so that both ends are exact. Samples
 * are taken once a second, and only while somebody has asked within the last RATES_KEEP seconds.
 */
enum { RATES_KEEP = 10 };

struct rate {
	double connections, packets_in, packets_out, bits_in, bits_out;
};

/* Somebody wants rates. True when there are some; otherwise ask again in a moment. */
bool rates_want(void);
/* Over which time they were taken, in seconds. */
double rates_interval(void);
/* False for what is younger than the last sample but one. */
bool rates_service(uint32_t number, struct rate *rate);
bool rates_server(uint32_t number, struct rate *rate);
void rates_stop(void);
