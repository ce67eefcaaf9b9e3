/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a VLAN device would do for a host, as programs of tc: put a tag on what leaves, and let in
 * only what has the outermost tag, without its tags. The kernel takes one tag off by itself before
 * the program sees the frame.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define SECTION(name) __attribute__((section(name), used))
#define ETH_P_8021Q   0x8100
#define ETH_P_8021AD  0x88a8

static long (*vlan_push)(struct __sk_buff *skb, __u16 protocol,
			 __u16 tag) = (void *)BPF_FUNC_skb_vlan_push;
static long (*vlan_pop)(struct __sk_buff *skb) = (void *)BPF_FUNC_skb_vlan_pop;

#define SWAP(x) ((__u16)((x) << 8 | (x) >> 8))

static inline int push(struct __sk_buff *skb, __u16 protocol, __u16 id)
{
	return vlan_push(skb, SWAP(protocol), id) < 0 ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SECTION("vlan100") int push100(struct __sk_buff *skb)
{
	return push(skb, ETH_P_8021Q, 100);
}

SECTION("vlan200") int push200(struct __sk_buff *skb)
{
	return push(skb, ETH_P_8021Q, 200);
}

SECTION("vlan7") int push7(struct __sk_buff *skb)
{
	return push(skb, ETH_P_8021Q, 7);
}

SECTION("stag300") int push300(struct __sk_buff *skb)
{
	return push(skb, ETH_P_8021AD, 300);
}

static inline int only(struct __sk_buff *skb, __u16 id)
{
	if (!skb->vlan_present || (skb->vlan_tci & 0xfff) != id)
		return TC_ACT_SHOT;
	return vlan_pop(skb) < 0 ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SECTION("only_vlan100") int only100(struct __sk_buff *skb)
{
	return only(skb, 100);
}

SECTION("only_vlan200") int only200(struct __sk_buff *skb)
{
	return only(skb, 200);
}

/* The outer 802.1ad tag, and the inner one. */
SECTION("only_vlan7") int only7(struct __sk_buff *skb)
{
	int verdict = only(skb, 300);

	return verdict == TC_ACT_UNSPEC ? only(skb, 7) : verdict;
}

char permit[] SECTION("license") = "Dual BSD/GPL";
