/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "client.h"
#include "ipvsadm_rule.h"

/* Commands that read: each asks the daemon and prints. Exit codes as client.h has them. */
int show_list(struct client *client, const struct rule *rule);
int show_local(struct client *client, const struct rule *rule);
int show_access(struct client *client, const struct rule *rule);
int show_save(struct client *client);
