/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In place of rules in a device: an eBPF program on the other end of a veth pair that puts IPv4
 * packets to the local address LOCAL (host byte order) on the queue that the lowest bit of their
 * destination port says. Two workers on AF_XDP get their replies by it.
 */
#include <linux/bpf.h>

enum { ETHER = 14, ADDRESS = 16, PORT = 22, QUEUE_RECORDED = 1, GO_ON = 0 };

static long (*load_bytes)(const void *skb, __u32 offset, void *to, __u32 length) = (void *)26;

__attribute__((section("classifier"), used)) int steer_ports(struct __sk_buff *skb)
{
	__u8 address[4], port[2];

	if (load_bytes(skb, ETHER + ADDRESS, address, sizeof(address)) < 0 ||
	    load_bytes(skb, ETHER + PORT, port, sizeof(port)) < 0)
		return GO_ON;
	if (((__u32)address[0] << 24 | address[1] << 16 | address[2] << 8 | address[3]) == LOCAL)
		skb->queue_mapping = (port[1] & 1) + QUEUE_RECORDED;
	return GO_ON;
}

char steer_license[] __attribute__((section("license"), used)) = "Dual BSD/GPL";
