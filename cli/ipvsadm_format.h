/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/addr.h"

/* How ipvsadm's listings look, to the column; scripts read them. Nothing here talks to the daemon. */

/* Addresses and ports as people call them, remembered for the length of a listing. */
struct names {
	bool numeric;
	json_t *known; // text -> name; made when first needed
};

void names_free(struct names *names);

enum { FORMAT_NUMBER = 24, FORMAT_NAME = 1100 };

/* "10.0.0.1:80", "[fd00::1]:80", or with names "www.example.com:http"; udp for the port's name. */
char *format_endpoint(struct names *names, const char *address, unsigned int port,
		      const char *protocol, char text[static FORMAT_NAME]);
/* A column of 9 or more; from 10^8 on with K, M, G or T unless `exact`. */
char *format_large(uint64_t number, bool exact, char text[static FORMAT_NUMBER]);
/* A session's state as ipvsadm calls it. */
const char *format_state(const char *state);

enum list_view { VIEW_PLAIN, VIEW_STATS, VIEW_RATE, VIEW_THRESHOLDS, VIEW_PERSISTENT };

struct list {
	FILE *out;
	struct names names;
	enum list_view view;
	bool exact, sorted;
	/* For VIEW_RATE: rows of /v1/rates by list_rate_key(). */
	json_t *rates;
};

/* "tcp 10.0.0.1 80", and of a server " 10.0.0.2 80" behind it: what rates are found by. */
char *list_rate_key(const json_t *service, const json_t *server, char text[static FORMAT_NAME]);
/* The two lines above a table. */
void list_titles(const struct list *list);
/* Services as /v1/services has them, each with its real servers. */
void list_services(struct list *list, const json_t *services);
/* One connection as /v1/sessions has it. */
void list_connection(struct list *list, const json_t *session);

void list_local_titles(FILE *out);
/* `addresses` of one service; `connections` counts by format_session_key(), may be NULL. */
void list_local(FILE *out, const json_t *service, const json_t *addresses,
		const json_t *connections);
/* "tcp 10.0.0.1 80 192.168.0.1": protocol, VIP, port and local address. */
char *format_local_key(const char *protocol, const char *vip, long long port, const char *local,
		       char text[static FORMAT_NAME]);

void list_access_titles(FILE *out, bool deny);
/* One client or set on the list of a service. */
void list_access(FILE *out, const json_t *service, const char *entry);

/* The lines that -R makes of a service with all that belongs to it, from /v1/config. */
void save_service(FILE *out, const json_t *service);
