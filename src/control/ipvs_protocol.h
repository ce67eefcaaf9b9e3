/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <linux/netlink.h>

/*
 * What the daemon and shim/libweir-ipvs.so agree on. Between them runs the generic netlink that
 * stock ipvsadm and keepalived speak to the kernel, one message a datagram, over a unix socket of
 * type SOCK_SEQPACKET, with one addition: the files of /proc/net.
 */
#define IPVS_SOCKET_DEFAULT  "/run/weir/weir.ipvs.sock"
#define IPVS_SOCKET_VARIABLE "WEIR_IPVS_SOCKET"

enum {
	// The number of the family "IPVS"; programs keep it from one socket to the next.
	IPVS_FAMILY = 0x20,
	// "ip_vs_conn" as the payload of a request; pieces of the file, then NLMSG_DONE, as answers.
	IPVS_FILE = 0x7ff0,
	IPVS_FILE_NAME = 32,
	IPVS_DATAGRAM = 16384, // no answer is larger
};
