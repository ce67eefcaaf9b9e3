/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "match_words.h"

/*
 * What a service is called, from the JSON of the service or of a row that names one: a service on
 * a port, on a range of ports, on any port (0), by firewall mark, or by match.
 */
enum { SERVICE_PATH = MATCH_PATH + 64 };

/* "/v1/services/tcp/10.0.0.100/80" */
char *service_path(const json_t *service, char path[static SERVICE_PATH]);
/* "10.0.0.100:80", "[fd00::1]:8000-8010", "10.0.0.100@96:80" in VNI 96; the mark or the match alone; "-" when there is none. */
char *service_endpoint(const json_t *service, char text[static SERVICE_PATH]);
/* "80", "8000-8010" */
char *service_ports(const json_t *service, char text[static SERVICE_PATH]);
/* The firewall mark, 0: it is not by mark; and is that one of IPv6? */
long long service_mark(const json_t *service);
bool service_mark_is_ipv6(const json_t *service);
