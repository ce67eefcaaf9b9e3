/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "balance/service.h"
#include "base/error.h"
#include "base/match.h"

/*
 * Keys of services in words. All kinds have the three parts that paths of REST have:
 *
 *	tcp     10.0.0.100  80           a service on one port, 8000-8010 on a range, 0 on any
 *	tcp     10.0.0.100@96  80        the same in VNI 96
 *	fwmark  ipv4        5            a service by firewall mark
 *	match   tcp,from=   0            a service by match, with the text of base/match.h
 */
enum { SERVICE_VIP_TEXT = MATCH_TEXT, SERVICE_PORTS_TEXT = 16 };

const char *service_key_protocol(const struct service_key *key);
char *service_key_vip(const struct service_key *key, char text[static SERVICE_VIP_TEXT]);
char *service_key_ports(const struct service_key *key, char text[static SERVICE_PORTS_TEXT]);
/* The last part as a number: the port, a range's first, or the mark. */
uint32_t service_key_number(const struct service_key *key);
/* Add the members "protocol", "vip", "port", and of a range "port_end". */
void service_key_add(json_t *object, const struct service_key *key);
/* May a real server keep the port that the client asked for (port 0)? */
bool service_key_is_wide(const struct service_key *key);

/* "80", "8000-8010", "0". -EINVAL with the field named. */
int service_key_decode_ports(const char *text, struct service_key *key, struct error *error);
/* The address part of a service by mark, "ipv4" or "ipv6", and its number. */
int service_key_decode_mark(const char *family, const char *mark, struct service_key *key,
			    struct error *error);
