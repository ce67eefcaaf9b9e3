/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/limit.h"
#include "balance/service.h"
#include "base/addr.h"
#include "base/error.h"
#include "base/match.h"
#include "bfd/table.h"
#include "control/acl.h"
#include "control/check.h"
#include "net/iface.h"
#include "session/timeout.h"
#include "tunnel/tunnel.h"

/*
 * The one model: what every door together asked for. Control thread only. An object is never
 * changed in place: a change is an edit (control/edit.h), which holds the object as it will be,
 * and which is published whole or not at all. Reading is by the functions below.
 */
enum origin { ORIGIN_FILE, ORIGIN_REST, ORIGIN_IPVS, ORIGIN_COUNT };

enum { MODEL_WORD = 16 };

/* What the last health checks said. A server that nobody checks counts as up. */
enum health { HEALTH_UNCHECKED, HEALTH_UP, HEALTH_DOWN };

/* Draining one server: no new sessions; when the time is over its last ones are ended. */
enum drain { DRAIN_NONE, DRAIN_WAITING, DRAIN_OVER };

/* A real server of a service. */
struct model_server {
	struct addr addr;
	uint16_t port; // host byte order
	uint8_t origin;
	bool overridden;	       // from the file, then changed through another door
	bool keepalived;	       // it made it, through the IPVS door (ipvs_keeper.c)
	uint8_t health;		       // enum health; found out, never configured
	bool bfd_down;		       // so says `bfd`; found out, never configured
	uint8_t drain;		       // enum drain; asked for by a person, never configured
	uint64_t drain_until;	       // while it waits: by loop_now(), 0: without a deadline
	uint32_t upper, lower;	       // thresholds of its connections; 0: none, three quarters
	uint32_t weight;	       // as configured; workers see model_server_weight()
	uint32_t number;	       // from server_create(); 0 until published
	const struct check *check;     // over the service's; NULL: as that, &check_none: none
	char mode[MODEL_WORD];	       // over the service's; "": as that
	struct tunnel_settings tunnel; // of mode tunnel; all zero: ipip
	struct bfd_name bfd;	       // the session that it follows; no peer: none
	struct quic_server_id quic_id; // length 0: by its address
	uint32_t vni;		       // it is a VM of this VNI, 0: of the underlay
};

/* A local address, of a service or of the pool. */
struct model_local {
	struct addr addr;
	char iface[IFACE_NAME];
	uint8_t origin;
	bool unclaimed; // "claim: false": somebody else puts it into Linux, or does not
};

/* A virtual service. Servers and local addresses are sorted by address (and port). */
struct model_service {
	struct service_key key; // first: what the table finds it by
	uint8_t origin;
	bool overridden;
	bool keepalived;     // as in a server
	uint8_t unknown_tcp; // enum unknown_action
	bool announce;	     // the VIP is shown to routing daemons while there is a quorum
	uint16_t mss;
	uint32_t quorum;     // sum of model_server_weight() that counts as one, at least 1
	uint32_t hysteresis; // less than the quorum
	char scheduler[MODEL_WORD];
	uint8_t scheduler_flags; // enum scheduler_flag
	uint8_t hash_target;	 // enum hash_target
	uint8_t removed_servers; // enum removed_action
	struct quic_settings quic;
	uint8_t persistent_bits; // prefix length of its clients' networks; 0: whole addresses
	bool one_packet, expire_quiescent, symmetric_return;
	uint8_t client_address; // enum client_address
	uint8_t uoa_max_trail;	// datagrams of a session that carry it
	uint8_t proxy_protocol; // enum proxy_protocol
	struct syn_proxy syn_proxy;
	struct limit_settings limits;
	uint32_t persistent; // seconds, 0: not persistent
	char mode[MODEL_WORD];
	struct timeouts timeouts;  // 0: as the default of the whole model
	const struct check *check; // NULL: its servers are not checked
	struct model_server *servers;
	unsigned int server_count;
	struct model_local *locals;
	unsigned int local_count;
	struct acl_list allow, deny; // of clients
	bool editing;		     // an edit under way names it
	uint32_t number;	     // from service_number_take(); 0 until published
	int timeout_set;	     // from timeout_acquire(); -1 until published
};

const char *origin_name(enum origin origin);

/* Default values, no servers. NULL: no memory. */
struct model_service *model_service_new(const struct service_key *key, enum origin origin);
struct model_service *model_service_copy(const struct model_service *service);
void model_service_free(struct model_service *service);
/* Would it be published the same? Numbers and origins are not compared. */
bool model_service_equal(const struct model_service *a, const struct model_service *b);
/* Are all origins and marks the same as well? */
bool model_service_same_origins(const struct model_service *a, const struct model_service *b);
/*
 * For a door that is not the file: `after` and what it shares with `before` keep the origin that
 * they had; what is the file's and now differs is marked as overridden.
 */
void model_service_mark(const struct model_service *before, struct model_service *after);
/* "tcp 10.0.0.100:80", "udp [2001:db8::1]:8000-8010", "fwmark 5", of IPv6 "fwmark6 5", "match tcp,from=..." */
enum { SERVICE_TEXT = MATCH_TEXT + 24 };
char *model_service_format(const struct service_key *key, char text[static SERVICE_TEXT]);

/*
 * Do sessions of `old`, a server of `before`, and of `new`, the same one of `after`, go by one way?
 * Sessions rely on their server's tunnel or VNI, so that another one makes another server.
 */
bool model_server_same_way(const struct model_service *before, const struct model_server *old,
			   const struct model_service *after, const struct model_server *new);

/* Insert or replace, find, remove. -ENOMEM, -ENOSPC (SERVICE_SERVERS_MAX); NULL; -ENOENT. */
int model_service_put_server(struct model_service *service, const struct model_server *server);
struct model_server *model_service_find_server(const struct model_service *service,
					       const struct addr *addr, uint16_t port);
int model_service_remove_server(struct model_service *service, const struct addr *addr,
				uint16_t port);
/* Is it down, by its checks or by its BFD session? */
bool model_server_is_down(const struct model_server *server);
/* The weight that new sessions are given by: 0 while the server is down. */
uint32_t model_server_weight(const struct model_server *server);
/* Is it out of its service while it is down (on_failure: remove)? Listings of servers leave it out. */
bool model_server_is_removed(const struct model_service *service,
			     const struct model_server *server);
/* Is it checked, be it by its own settings or by the service's? */
bool model_server_is_checked(const struct model_service *service,
			     const struct model_server *server);
/* The forwarding mode by which new sessions reach it. */
const char *model_server_mode(const struct model_service *service,
			      const struct model_server *server);
/* What has been found out about the servers of `before` holds for those of `after`. */
void model_service_carry_health(const struct model_service *before, struct model_service *after);
const char *health_name(enum health health);
int model_server_compare(const struct model_server *a, const struct model_server *b);

/* The same for an array of local addresses, of a service or the pool. */
int model_local_put(struct model_local **locals, unsigned int *count,
		    const struct model_local *local);
struct model_local *model_local_find(struct model_local *locals, unsigned int count,
				     const struct addr *addr);
int model_local_remove(struct model_local *locals, unsigned int *count, const struct addr *addr);
bool model_locals_equal(const struct model_local *a, unsigned int a_count,
			const struct model_local *b, unsigned int b_count);

void model_start(void);
void model_stop(void);

struct model_service *model_find(const struct service_key *key);
/* In the order of creation: `*cursor` starts at 0; NULL at the end. Stands changes in between. */
struct model_service *model_next(uint32_t *cursor);
struct model_service *model_by_number(uint32_t number);
unsigned int model_service_count(void);
unsigned int model_server_count(void);
const struct model_local *model_pool(unsigned int *count);
const struct timeouts *model_timeouts(void);
/* How many bits of a client's address a persistent service looks at. */
unsigned int model_service_persistent_bits(const struct model_service *service);
/* The timeouts that a service runs with. */
struct timeouts model_service_timeouts(const struct model_service *service,
				       const struct timeouts *defaults);
/* Raised whenever something changed that is persisted. */
uint64_t model_generation(void);
/*
 * Raised whenever it changed which servers are checked and how. It begins at the time of the start,
 * so that it is no number that an earlier process gave.
 */
uint64_t model_check_generation(void);
uint64_t model_check_first_generation(void);

/* For publish.c alone: take in what has been published. Takes the ownership. */
int model_reserve(uint32_t highest_number, uint32_t services);
struct model_service *model_replace(struct model_service *service); // gives the old one back
struct model_service *model_take(const struct service_key *key);
struct model_local *model_set_pool(struct model_local *pool, unsigned int count);
void model_set_timeouts(const struct timeouts *timeouts);
