/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ip_vs.h>
#include <linux/netlink.h>

#include "base/addr.h"
#include "base/error.h"
#include "control/ipvs_protocol.h"

/*
 * A request at the IPVS door, taken out of its netlink message. Everything that can be said without
 * knowing the model is checked: lengths, families, what must be there. Numbers are in host byte
 * order. A field that was not sent is zero.
 */
enum ipvs_kind { IPVS_KIND_FAMILY, IPVS_KIND_COMMAND, IPVS_KIND_FILE };

struct ipvs_service {
	bool given;
	bool has_fwmark;
	uint32_t fwmark;
	uint16_t family;
	uint16_t protocol;
	struct addr addr;
	uint16_t port;
	char scheduler[IP_VS_SCHEDNAME_MAXLEN];
	char engine[IP_VS_PENAME_MAXLEN]; // persistence engine
	uint32_t flags;			  // those that the sender's mask covers
	uint32_t timeout;		  // of persistence, seconds
	uint32_t netmask; // of persistence: IPv4 in network byte order, IPv6 a prefix length
	bool has_netmask;
};

struct ipvs_server {
	bool given;
	struct addr addr;
	uint16_t port;
	uint32_t method; // IP_VS_CONN_F_MASQ and so on
	uint32_t weight;
	uint32_t upper, lower; // thresholds
	uint8_t tunnel_type;   // IP_VS_CONN_F_TUNNEL_TYPE_...
	uint16_t tunnel_port;  // host byte order
	uint16_t tunnel_flags; // IP_VS_TUNNEL_ENCAP_FLAG_...
};

struct ipvs_request {
	struct nlmsghdr header; // for the answer
	enum ipvs_kind kind;
	uint8_t command; // IPVS_CMD_...
	bool dump, wants_ack;
	struct ipvs_service service;
	struct ipvs_server server;
	uint32_t tcp, tcp_fin, udp; // of SET_CONFIG, seconds
	char file[IPVS_FILE_NAME];
};

/*
 * One datagram. `bytes` must be aligned for a struct nlmsghdr. When it fails, `header` is filled in
 * if there was one, else its nlmsg_len is 0. -EINVAL; -ENOENT for another family than IPVS;
 * -EOPNOTSUPP.
 */
int ipvs_request_parse(const void *bytes, size_t size, struct ipvs_request *out,
		       struct error *error);
/* "NEW_SERVICE"; "command 77" is no name: NULL. */
const char *ipvs_command_name(uint8_t command);
