/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "control/edit.h"
#include "control/model.h"

/*
 * What the programs at the IPVS door cannot say: forwarding mode, local addresses, timeouts of one
 * service and so on. Settings are fields of services by their key, given as a whole by PUT of
 * /v1/ipvs; they are laid over a service that comes through the door, now and later, and win over
 * what the door says. Services of other doors are left alone. Services by match, which the door has
 * no words for, stand there whole, with their WAN addresses. Persisted with the model.
 */
struct ipvs_settings;

/*
 * {"services": [{"protocol", "vip", "port", any other field of a service but its servers},
 * {"match", any field of such a service}]}.
 * `saved`: as persisted, checked only so far as to find its service; what does not fit any more is
 * found out when it is laid over one. 0 or -EINVAL, -EOPNOTSUPP, -ENOMEM.
 */
int ipvs_settings_decode(const json_t *json, bool saved, struct ipvs_settings **out,
			 struct error *error);
void ipvs_settings_free(struct ipvs_settings *settings);

/* What has to change in the model when `wanted` takes the place of those in use. */
int ipvs_settings_edit(const struct ipvs_settings *wanted, struct edit *edit, struct error *error);
/* Put them to use. Takes the ownership. */
void ipvs_settings_use(struct ipvs_settings *wanted);

/* Lay those in use over a service that the door is about to make or change. 0 or negative. */
int ipvs_settings_complete(struct model_service *service, struct error *error);

/* Does a setting in use say of the service that its mode is FullNAT? */
bool ipvs_settings_fullnat(const struct service_key *key);

/* Those in use, as they were given. A new reference; NULL: no memory. */
json_t *ipvs_settings_json(void);
void ipvs_settings_stop(void);
