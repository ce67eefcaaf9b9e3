/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "control/rest.h"

/* Between rest.c (the server), request.c (one request) and stream.c (replies while they grow). */

/* Let libmicrohttpd look at its connections in the next round. */
void rest_kick(void);

/* A request's life. request_begin(): NULL when out of memory. */
struct request *request_begin(struct MHD_Connection *connection, const char *method,
			      const char *url);
/* A piece of the body; false: hang up. */
bool request_take(struct request *request, const char *bytes, size_t size);
/* The body is complete, or a suspended request was resumed; false: hang up. */
bool request_serve(struct request *request);
void request_free(struct request *request);
/* Answer all that are suspended with 503, and end all streams. */
void request_stop_all(void);

struct MHD_Response;
struct MHD_Connection *request_connection(const struct request *request);
/* The reply that is to be sent; takes the response (NULL: out of memory). */
int request_set_response(struct request *request, unsigned int status,
			 struct MHD_Response *response, const char *content_type);
void stream_stop_all(void);
