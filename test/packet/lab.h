/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/drops.h"
#include "fake_net.h"
#include "packet.h"
#include "path/worker.h"
#include "tunnel/source.h"

/*
 * The lab of the packet tests: the real path, sessions and services on a clock of their own, two
 * ports whose frames are caught, and no Linux.
 *
 *	clients 10.1/16, 2001:db8:1::/48 --- dpdk0 (1) weir (2) dpdk1 --- servers 192.168/16,
 *	                                                                  2001:db8:2::/48
 *
 * A row puts packets, runs the batch, and says what has to have come out of each port, in order.
 * What comes out or is dropped and is not expected fails the row, as does a counter equation that
 * does not hold.
 */
#define CLIENT	 "10.1.0.1"
#define VIP	 "10.0.0.100"
#define LOCAL	 "192.168.100.200"
#define LOCAL_B	 "192.168.100.201"
#define SERVER	 "192.168.100.2"
#define SERVER_B "192.168.100.3"

#define CLIENT6 "2001:db8:1::1"
#define VIP6	"2001:db8::100"
#define LOCAL6	"2001:db8:2::200"
#define SERVER6 "2001:db8:2::2"

enum { LAB_WORKERS = 2, LAB_HZ = 1000000000, LAB_LIST = 8 };
enum { CLIENTS = 1, SERVERS = 2 };		   // interfaces
enum { CLIENT_NEXTHOP = 16, SERVER_NEXTHOP = 17 }; // and the routers behind them

/* The tuples of one connection as they appear on either side. */
struct ends {
	const char *client, *vip, *local_any, *local, *server;
};
extern const struct ends ends4, ends6;

struct lab {
	struct worker worker[LAB_WORKERS];
	struct worker *w; // the one that packets are put to
	unsigned int workers;
	uint64_t tsc;
	uint16_t remembered; // the port that "*" stood for
	uint64_t received[LAB_WORKERS];
	uint64_t drops_seen[LAB_WORKERS][DROP_COUNT];
	unsigned int transmit_refusals; // so many bursts that the device does not take
	bool transmit_refuses, punt_refuses;
	bool transmit_unseen; // what is sent is not caught: for measuring
};
extern struct lab lab;
extern int lab_hugepages; // before lab_start(), as in struct eal_config; 0 unless measuring

struct lab_service {
	uint32_t vni;			      // 0: of the underlay
	const char *vip;		      // endpoint, or a match: "tcp,from=A-B"
	uint8_t protocol;		      // 0: TCP
	uint32_t server_vni;		      // of the real servers, likewise
	const char *scheduler;		      // NULL: rr
	const char *mode;		      // NULL: fullnat
	const struct tunnel_settings *tunnel; // of mode tunnel; NULL: ipip
	bool drop_unknown, hash_unknown;
	uint16_t mss;
	const struct timeouts *timeouts; // NULL: the defaults
	const char *locals[LAB_LIST];	 // no one: LOCAL or LOCAL6
	uint16_t iface;			 // that they stand on, 0: SERVERS
	const char *servers[LAB_LIST];	 // endpoints; no one: SERVER or SERVER6 on port 80
	uint32_t weights[LAB_LIST];	 // 0: 1
	bool drained[LAB_LIST];		 // weight 0
	uint32_t upper[LAB_LIST];	 // thresholds, 0: none
	uint32_t lower[LAB_LIST];
	uint16_t port_end;	 // of a range of ports
	uint32_t mark;		 // by this firewall mark; `vip` says the family
	uint32_t persistent;	 // seconds
	uint8_t persistent_bits; // 0: all
	bool one_packet, symmetric, qid, toa;
	uint8_t proxy; // enum proxy_protocol
	uint8_t uoa;   // enum client_address
	uint8_t trail; // of UOA, 0: UOA_TRAIL
	struct syn_proxy syn_proxy;
	struct limit_settings limits;
	enum removed_action removed;
	struct quic_settings quic;
	const char *quic_ids[LAB_LIST]; // of the servers; NULL: none was given
};

/* For cmocka: around the group, and around each test. */
int lab_start(void **state);
int lab_stop(void **state);
int lab_begin(void **state);
int lab_end(void **state);
/* Begin again with other sizes; 0 means the default. */
void lab_resize(unsigned int workers, unsigned int sessions, unsigned int sessions_wide,
		unsigned int half_open_percent);

/* Publish or change a service; returns its number. The n-th of its servers, by its endpoint. */
uint32_t lab_service(const struct lab_service *spec);
void lab_withdraw(const char *vip, uint8_t protocol);
uint32_t lab_server(const char *endpoint);

void lab_put(const struct packet *p);
struct rte_mbuf *lab_packet(const struct packet *p); // as put, but not yet in a batch
void lab_run(void);
void lab_take_over(unsigned int worker); // `worker` runs what was handed to it
void lab_advance(unsigned int seconds);	 // with sweeps, as a worker does it
void lab_flush(void);			 // end all sessions

void lab_connect(const struct ends *e); // a TCP connection up to ESTABLISHED
void lab_syn(uint16_t port);		// of CLIENT from this port to VIP, unseen
const uint8_t *lab_next_sent(unsigned int port, unsigned int *length); // NULL: no more
const uint8_t *lab_peek_sent(unsigned int port, unsigned int *length); // and it stays
void lab_forget(void); // what was sent and not yet expected
void lab_forget_punted(void);
void lab_next_port(uint16_t port); // the local port that is chosen next

void lab_expect(const struct packet *p, const char *file, int line);
/*
 * The packet in pieces, none of which makes a frame with more than `mtu` bytes behind the Ethernet
 * header; each behind outer headers of `headers` bytes. What is expected is the whole.
 */
void lab_expect_pieces(const struct packet *p, unsigned int headers, unsigned int mtu,
		       const char *file, int line);
void lab_expect_punt(enum punt_class class, const struct packet *p, const char *file, int line);
void lab_expect_drop(enum drop reason, unsigned int count, const char *file, int line);
void lab_expect_nothing(const char *file, int line); // nothing that was not asked for

/* The only session there is, and how many there are. */
struct session *lab_session(void);
unsigned int lab_sessions(void);
void lab_expect_state(enum session_state state, const char *file, int line);
/* All that has to hold between counters and tables. */
void lab_check(void);

#define service(...) lab_service(&(struct lab_service){__VA_ARGS__})
#define put(...)     lab_put(&(struct packet){__VA_ARGS__})
#define run()	     lab_run()
#define expect(...)  lab_expect(&(struct packet){__VA_ARGS__}, __FILE__, __LINE__)
#define expect_pieces(headers, mtu, ...) \
	lab_expect_pieces(&(struct packet){__VA_ARGS__}, headers, mtu, __FILE__, __LINE__)
#define expect_punt(class, ...) \
	lab_expect_punt(class, &(struct packet){__VA_ARGS__}, __FILE__, __LINE__)
#define expect_drop(name)	  lab_expect_drop(DROP_##name, 1, __FILE__, __LINE__)
#define expect_drops(name, count) lab_expect_drop(DROP_##name, count, __FILE__, __LINE__)
#define expect_nothing()	  lab_expect_nothing(__FILE__, __LINE__)
#define expect_state(state)	  lab_expect_state(state, __FILE__, __LINE__)

/* Rows of what goes in and what comes out for it, each in a batch of its own. */
struct exchange {
	struct packet in, out;
};
void lab_exchange(const struct exchange *rows, unsigned int count, const char *file, int line);
#define exchange(...)                                                                          \
	lab_exchange((const struct exchange[]){__VA_ARGS__},                                   \
		     sizeof((const struct exchange[]){__VA_ARGS__}) / sizeof(struct exchange), \
		     __FILE__, __LINE__)

#define lab_test(name) cmocka_unit_test_setup_teardown(name, lab_begin, lab_end)
