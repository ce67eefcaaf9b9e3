/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "control/model.h"

/* Of the modes in which servers answer clients by themselves: DR and Tunnel. */
bool mode_is_one_way(const char *mode);

/*
 * Does the mode of a real server fit its address, its port and its settings? 0, or -EINVAL with
 * the field of the server that is wrong.
 */
int mode_check_server(const struct model_service *service, const struct model_server *server,
		      struct error *error);
/* While weir starts, routes are not what they will be: servers of DR are taken as they come. */
void mode_check_links(bool enabled);
/*
 * What every door goes through before a service is published: the above of all servers, and
 * whether those that DR is new to (`before` may be NULL) can be reached by it at present.
 */
int mode_check_service(const struct model_service *before, const struct model_service *after,
		       struct error *error);
