/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "control/ipvs_message.h"
#include "control/model.h"

/*
 * Answers of the IPVS door, written as the kernel would. A reply is one datagram; messages are
 * added to it while there is room.
 */
struct ipvs_reply {
	const struct nlmsghdr *request; // whose sequence number and port are echoed
	size_t size;
	char bytes[IPVS_DATAGRAM] __attribute__((aligned(8)));
};

void ipvs_reply_begin(struct ipvs_reply *reply, const struct nlmsghdr *request);
/* Is there room for one more message of a listing? */
bool ipvs_reply_has_room(const struct ipvs_reply *reply);

/* The number of the family. */
void ipvs_reply_family(struct ipvs_reply *reply);
/* An object; `listed`: one of several. */
void ipvs_reply_service(struct ipvs_reply *reply, const struct model_service *service, bool listed);
void ipvs_reply_server(struct ipvs_reply *reply, const struct model_service *service,
		       const struct model_server *server);
/* IP_VS_CONN_F_MASQ and so on: what IPVS calls the mode of a server. */
uint32_t ipvs_reply_method(const struct model_service *service, const struct model_server *server);
void ipvs_reply_timeouts(struct ipvs_reply *reply, const struct timeouts *timeouts);
void ipvs_reply_info(struct ipvs_reply *reply);
/* A piece of a file. */
void ipvs_reply_file(struct ipvs_reply *reply, const char *bytes, size_t size);
/* 0 (done) or a negative errno, with a sentence about it or NULL. */
void ipvs_reply_status(struct ipvs_reply *reply, int code, const char *text);
/* The end of a listing. */
void ipvs_reply_done(struct ipvs_reply *reply);
