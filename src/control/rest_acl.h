/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/rest.h"

/* Handlers for access lists and named sets: rest_acl.c, rest_set.c. */
int rest_acl_get(struct request *request, struct error *error);
int rest_acl_patch(struct request *request, struct error *error);
int rest_deny_put(struct request *request, struct error *error);
int rest_deny_delete(struct request *request, struct error *error);
int rest_allow_put(struct request *request, struct error *error);
int rest_allow_delete(struct request *request, struct error *error);
int rest_set_list(struct request *request, struct error *error);
int rest_set_get(struct request *request, struct error *error);
int rest_set_put(struct request *request, struct error *error);
int rest_set_delete(struct request *request, struct error *error);
int rest_set_entries_post(struct request *request, struct error *error);
int rest_set_entries_put(struct request *request, struct error *error);
int rest_set_entries_delete(struct request *request, struct error *error);
int rest_set_flush(struct request *request, struct error *error);
int rest_set_test(struct request *request, struct error *error);
