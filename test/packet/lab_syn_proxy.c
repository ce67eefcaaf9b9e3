/* SPDX-License-Identifier: BSD-3-Clause */

#include "lab_syn_proxy.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

const struct syn_proxy proxy_on = {.mode = SYN_PROXY_ON,
				   .mss = 1452,
				   .ttl = 63,
				   .window_scale = 7,
				   .sack = true,
				   .timestamps = true,
				   .retries = 2,
				   .acks = 3,
				   .saved = 2,
				   .reuse = {true, true, true, true, true}};

struct answer proxy_sent(unsigned int iface, bool ipv6)
{
	unsigned int length, l3 = sizeof(struct rte_ether_hdr);
	const uint8_t *frame = lab_next_sent(iface - 1, &length);
	const struct rte_tcp_hdr *tcp;
	struct answer a;

	assert_non_null(frame);
	tcp = (const struct rte_tcp_hdr *)(frame + l3 + (ipv6 ? 40 : 20));
	a = (struct answer){
		.sequence = rte_be_to_cpu_32(tcp->sent_seq),
		.acknowledgement = rte_be_to_cpu_32(tcp->recv_ack),
		.window = rte_be_to_cpu_16(tcp->rx_win),
		.port = rte_be_to_cpu_16(iface == SERVERS ? tcp->src_port : tcp->dst_port),
		.flags = tcp->tcp_flags,
		.ttl = frame[l3 + (ipv6 ? 7 : 8)],
	};
	offer_read(&a.offer, (const uint8_t *)tcp, (tcp->data_off >> 4) * 4);
	return a;
}

struct answer proxy_syn_options(const struct ends *e, const char *options, unsigned int length)
{
	put(.from = e->client, .to = e->vip, .tcp = SYN, .sequence = ISN, .options = options,
	    .option_length = length);
	run();
	assert_int_equal(lab_sessions(), 0);
	return proxy_sent(CLIENTS, e == &ends6);
}

struct answer proxy_syn(const struct ends *e)
{
	return proxy_syn_options(e, NULL, 0);
}

struct answer proxy_asked(const struct ends *e)
{
	struct answer a = proxy_sent(SERVERS, e == &ends6);

	assert_int_equal(a.flags, SYN);
	assert_int_equal(a.sequence, ISN);
	lab.remembered = a.port;
	return a;
}

struct answer proxy_acknowledge(const struct ends *e, uint32_t cookie)
{
	put(.from = e->client, .to = e->vip, .tcp = ACK, .sequence = ISN + 1,
	    .acknowledgement = cookie + 1);
	run();
	return proxy_asked(e);
}

void proxy_agree(const struct ends *e)
{
	put(.from = e->server, .to = e->local, .tcp = SYN | ACK, .sequence = SERVER_ISN,
	    .acknowledgement = ISN + 1);
	run();
}

uint32_t proxy_connect(const struct ends *e)
{
	uint32_t cookie = proxy_syn(e).sequence;

	proxy_acknowledge(e, cookie);
	proxy_agree(e);
	expect(.from = e->vip, .to = e->client, .tcp = ACK, .sequence = cookie + 1,
	       .acknowledgement = ISN + 1);
	expect(.from = e->local, .to = e->server, .tcp = ACK, .sequence = ISN + 1,
	       .acknowledgement = SERVER_ISN + 1);
	expect_state(STATE_ESTABLISHED);
	return cookie;
}

void proxy_tick(unsigned int seconds)
{
	lab.tsc += (uint64_t)seconds * LAB_HZ;
	worker_clock(lab.w, lab.tsc);
	syn_proxy_run(lab.w, lab.tsc);
	run();
}
