/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What most sources include, read once by the compiler. Nobody includes this file: the build hands it
 * to all sources of the daemon (meson's b_pch), and the package is built without it, so that a source
 * which lacks an #include of its own is found.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_hash.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_lpm.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>
