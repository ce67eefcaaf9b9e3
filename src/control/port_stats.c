/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/port_stats.h"

#include <string.h>

void port_stats_get(const struct port *port, struct rte_eth_stats *sum)
{
	struct rte_eth_stats one;

	memset(sum, 0, sizeof(*sum));
	for (unsigned int i = 0; i < port->queue_count; i++) {
		bool counted = false;

		for (unsigned int k = 0; k < i && !counted; k++)
			counted = port->queues[k].dpdk_port == port->queues[i].dpdk_port;
		if (counted || rte_eth_stats_get(port->queues[i].dpdk_port, &one) < 0)
			continue;
		sum->ipackets += one.ipackets;
		sum->opackets += one.opackets;
		sum->ibytes += one.ibytes;
		sum->obytes += one.obytes;
		sum->imissed += one.imissed;
		sum->ierrors += one.ierrors;
		sum->oerrors += one.oerrors;
		sum->rx_nombuf += one.rx_nombuf;
	}
}

#define COUNTER(name, gauge, help)                                      \
	{                                                               \
#name, offsetof(struct worker_stats, name), gauge, help \
	}

const struct worker_counter worker_counters[] = {
	COUNTER(loops, false, "rounds of the worker's loop"),
	COUNTER(loops_idle, false, "rounds that found nothing to do"),
	COUNTER(packets, false, "packets received"),
	COUNTER(batches, false, "batches received"),
	COUNTER(sent, false, "packets sent"),
	COUNTER(send_failed, false, "packets that the device did not take"),
	COUNTER(handed_over, false, "packets given to the worker that owns them"),
	COUNTER(taken_over, false, "packets taken from other workers"),
	COUNTER(punted, false, "packets given to Linux"),
	COUNTER(from_kernel, false, "packets taken from Linux"),
	COUNTER(repaired_checksums, false,
		"frames that carried only the pseudo-header sum and were repaired"),
	COUNTER(sessions, true, "IPv4 sessions"),
	COUNTER(session_capacity, true, "IPv4 sessions that fit"),
	COUNTER(sessions_wide, true, "IPv6 sessions"),
	COUNTER(session_wide_capacity, true, "IPv6 sessions that fit"),
	COUNTER(half_open, true, "sessions whose handshake is not complete"),
	COUNTER(fragments_made, false, "fragments made of packets too large for their way"),
	COUNTER(without_session, false,
		"packets to real servers by hash alone, because the session table was full"),
	COUNTER(untold, false,
		"segments to real servers in which the client's address had no room"),
	COUNTER(untold_sessions, false,
		"sessions whose real server is not told the client's address for want of an extra "
		"line"),
	COUNTER(proxy_headers, false, "headers of the PROXY protocol sent to real servers"),
	COUNTER(proxy_made, false, "headers of the PROXY protocol sent in a packet of their own"),
	COUNTER(extra_lines, true,
		"sessions with an extra line: something is still to be done for them"),
	COUNTER(half_open_evicted, false,
		"half-open sessions that were ended to make room for new connections"),
	COUNTER(one_way, true, "sessions of UDP that no server has answered"),
	COUNTER(one_way_evicted, false,
		"sessions of UDP without an answer that were ended to make room for new ones"),
	COUNTER(quic_routed, false,
		"new sessions whose real server was named by their QUIC connection ID"),
	COUNTER(quic_unknown, false,
		"new sessions of QUIC packets with a short header whose connection ID named none "
		"of "
		"the real servers"),
	COUNTER(syn_cookies_sent, false, "SYNs answered with a cookie by the SYN proxy"),
	COUNTER(syn_cookies_accepted, false,
		"cookies that came back, for which a real server was asked"),
	COUNTER(syn_proxy_refused, false,
		"clients of the SYN proxy that were reset because their real server refused"),
	COUNTER(syn_proxy_silent, false,
		"clients of the SYN proxy that were reset because their real server was silent"),
	COUNTER(syn_proxy_segments, false,
		"segments that the SYN proxy has made for one side of a connection"),
	COUNTER(gone_ended, false,
		"sessions that were ended because their real server was removed or its drain over"),
	COUNTER(acl_ended, false,
		"sessions that were ended because access lists had changed and would not let them "
		"in"),
	COUNTER(lent, false,
		"new connections given to another worker, which had a free local port"),
	COUNTER(local_ports_exhausted, false,
		"new connections that found no free local port: add local addresses"),
	COUNTER(cycles_busy, false, "cycles of the time stamp counter spent on packets"),
	{NULL},
};

uint64_t worker_counter(const struct worker_stats *stats, const struct worker_counter *counter)
{
	return *(const uint64_t *)((const char *)stats + counter->offset);
}
