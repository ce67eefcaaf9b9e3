/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include <curl/curl.h>

/*
 * libcurl in our event loop: checks of type http, and the connection to weir. web_complete() is for
 * the main loop, after a round of events: it calls `done` of what has ended.
 */
struct web_request {
	CURL *easy; // with whatever its owner has set
	void (*done)(struct web_request *request, CURLcode code);
	void *arg;
};

int web_start(void);
void web_stop(void);
/* 0 or -ENOMEM. The request must stay until it is done or removed. */
int web_add(struct web_request *request);
void web_remove(struct web_request *request);
void web_complete(void);
/* When libcurl wants to be called at the latest, in milliseconds of events_now(). */
uint64_t web_due(void);
