/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "ipvsadm_rule.h"

/*
 * The values of options: hosts and services, which may be names, and the small languages of some
 * options. Those of features that are still to come are looked at as well, so that a typing error
 * is told from what is missing.
 */

/*
 * "host", "host:port", "[IPv6]:port", or a bare IPv6 address. `family` (or AF_UNSPEC) is what a
 * name may resolve to, `protocol` that of a service name. -EINVAL; -ENOENT: no such name.
 */
int value_endpoint(const char *text, int family, uint8_t protocol, struct rule_endpoint *out);
/* A whole number within these limits. -EINVAL. */
int value_number(const char *text, unsigned int minimum, unsigned int maximum, unsigned int *out);

/* Functions for the table of options. */
int take_tcp(struct rule *rule, const char *text);
int take_udp(struct rule *rule, const char *text);
int take_sctp(struct rule *rule, const char *text);
int take_other_service(struct rule *rule, const char *text);
int take_mark(struct rule *rule, const char *text);
int take_match(struct rule *rule, const char *text);
int take_server(struct rule *rule, const char *text);
int take_local(struct rule *rule, const char *text);
int take_access(struct rule *rule, const char *text);
int take_scheduler(struct rule *rule, const char *text);
int take_persistent(struct rule *rule, const char *text);
int take_netmask(struct rule *rule, const char *text);
int take_weight(struct rule *rule, const char *text);
int take_tunnel_type(struct rule *rule, const char *text);
int take_tunnel_port(struct rule *rule, const char *text);
int take_upper(struct rule *rule, const char *text);
int take_lower(struct rule *rule, const char *text);
int take_switch(struct rule *rule, const char *text);
int take_hash_target(struct rule *rule, const char *text);
int take_conn_timeout(struct rule *rule, const char *text);
int take_proxy_protocol(struct rule *rule, const char *text);
int take_dest_check(struct rule *rule, const char *text);
int take_cpu(struct rule *rule, const char *text);
int take_sockpair(struct rule *rule, const char *text);
int take_sync_id(struct rule *rule, const char *text);
int take_settings(struct rule *rule, const char *text);
