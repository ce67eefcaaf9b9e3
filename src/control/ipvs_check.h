/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/addr.h"
#include "base/error.h"
#include "control/ipvs_message.h"
#include "control/model.h"

/*
 * What the IPVS door refuses before anything is changed: what makes no sense, and what belongs to
 * features that are not there yet. 0, or the code of the kernel's IPVS for it with a sentence.
 */

/* An address that one host can have. */
int ipvs_check_address(const struct addr *addr, struct error *error);
/* What NEW_SERVICE and SET_SERVICE say of a service besides its key. */
int ipvs_check_service(const struct ipvs_service *asked, struct error *error);
/* Bits of the client's address that its netmask leaves; 0: it is no mask. */
uint8_t ipvs_check_netmask(const struct ipvs_service *asked);
/* A real server that is to be put into the service. */
/* What the request says of a real server: how it is reached, and its weight. */
void ipvs_check_fill(const struct model_service *service, const struct ipvs_server *asked,
		     struct model_server *server);
int ipvs_check_server(const struct model_service *service, const struct ipvs_server *asked,
		      struct error *error);
