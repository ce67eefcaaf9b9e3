/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "lab.h"

#include "path/syn_proxy.h"
#include "session/offer.h"

/* Clients of the SYN proxy in the lab, and what their servers see. */
enum { ISN = 1000, SERVER_ISN = 70000 };

extern const struct syn_proxy proxy_on;

/* What a client offers that offers all; its time is 0x11223344. */
#define ALL	"\2\4\x05\xb4\4\2\x08\x0a\x11\x22\x33\x44\0\0\0\0\1\3\3\5"
#define TIME_AT 0x11223344

/* What was sent last, taken apart. */
struct answer {
	uint32_t sequence, acknowledgement;
	uint16_t window, port;
	uint8_t flags, ttl;
	struct offer offer;
};

/* What came out of this interface last. */
struct answer proxy_sent(unsigned int iface, bool ipv6);
/* The answer to a SYN, which leaves no session. */
struct answer proxy_syn_options(const struct ends *e, const char *options, unsigned int length);
struct answer proxy_syn(const struct ends *e);
/* As the server sees it that is asked: the local port is remembered. */
struct answer proxy_asked(const struct ends *e);
/* The client's ACK of a cookie, for which its server is asked; and the server's SYN-ACK. */
struct answer proxy_acknowledge(const struct ends *e, uint32_t cookie);
void proxy_agree(const struct ends *e);
/* A connection up to where both sides may send. Returns the cookie. */
uint32_t proxy_connect(const struct ends *e);
/* So many seconds pass; what weir sends of its own is sent. */
void proxy_tick(unsigned int seconds);
