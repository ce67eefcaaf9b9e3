/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/scheduler.h"
#include "balance/mode.h"
#include "balance/service.h"

/* A published service: what workers read. Never changed, replaced as a whole. */
struct service {
	struct service_key key;
	uint32_t number;
	const struct scheduler *scheduler;
	void *scheduler_data; // from its prepare()
	/*
	 * With UNKNOWN_HASH and usable servers: this service with a scheduler that goes by the
	 * client's tuple alone; else NULL.
	 */
	struct service *by_hash;
	uint8_t scheduler_flags;
	uint8_t timeouts;
	uint8_t unknown_tcp;
	uint8_t hash_target;
	bool one_packet, symmetric_return;
	bool thresholds;	// some of its servers take so many connections and no more
	uint8_t server_headers; // before the data of TCP to its servers: the most, with tunnels
	uint8_t client_address, uoa_max_trail;
	uint8_t proxy_protocol;
	struct syn_proxy syn_proxy;
	uint8_t limit_reaction; // enum limit_reaction
	uint8_t persistent_bits;
	uint32_t persistent; // seconds, 0: not persistent
	uint16_t mss;
	struct quic_routes *quic; // NULL: it does not route by connection ID
	uint32_t server_count;	  // those with a weight above zero, heaviest first
	uint32_t weight_max;
	uint32_t weight_gcd;
	const struct service_server *servers;
	uint32_t local_count;
	const struct service_local *locals;
};

/* Worker: NULL when there is none. Valid until the worker's next quiescent state. */
const struct service *service_find(const struct service_key *key);
/* Worker: the service on a range of ports that holds the key's port; NULL when there is none. */
const struct service *service_find_range(const struct service_key *key);
/* Worker: is there any service on a range of ports, or on any port? */
bool service_has_wide(void);
