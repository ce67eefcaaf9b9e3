/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The real server's half of UOA, a part of toa.bpf.c.
 *
 * The client's address comes with the first datagrams of a session, as an IPv4 option, which
 * weir_datagram reads on its way to the socket, or in a header before that of UDP, which the kernel
 * would not take: weir_header takes it off where the interface hands packets in. Both note which
 * client stands behind which address and port of the director. weir_receive4 and weir_receive6 give
 * that client as the sender, and weir_send4 and weir_send6 send to the director what is meant for
 * the client.
 *
 * Sender and receiver have to be of one IP version: the kernel refuses to send a datagram by the
 * other one than the socket asked for, so behind NAT64 and NAT46 the local address stays visible.
 */
enum {
	UOA_KIND = 31,
	UOA_KIND_COPIED = 0x9f,
	UOA_PROTOCOL = 248,
	UOA_HEADER = 4,
	ETHERNET = 14,
	IP4_FIXED = 20,
	IP6_FIXED = 40,
	UDP_FIXED = 8,
	TC_PASS = -1,
	TC_DROP = 2,
};

/* Another end as the local port sees it; IPv4 as ::ffff:a.b.c.d. */
struct udp_end {
	__be32 addr[4];
	__be16 port;
	__be16 local_port;
};

struct udp_address {
	__be32 addr[4];
	__be16 port;
	__u16 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, UDP_MAX);
	__type(key, struct udp_end);
	__type(value, struct udp_address);
} weir_udp_client SEC(".maps"); // by the director's end

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, UDP_MAX);
	__type(key, struct udp_end);
	__type(value, struct udp_address);
} weir_udp_back SEC(".maps"); // by the client's end

static __always_inline int is_trusted_address(const __be32 addr[4])
{
	struct trusted_key key = {.bits = 128};

	__builtin_memcpy(key.addr, addr, 16);
	return bpf_map_lookup_elem(&weir_trusted, &key) != 0;
}

/*
 * A director says which client is behind its end. `address`: behind the option's kind and length.
 */
static __always_inline void udp_learn(const struct udp_end *director, const __u8 *address, int ipv6)
{
	struct udp_address client = {}, back = {};
	struct udp_end end = {.local_port = director->local_port};

	__builtin_memcpy(&client.port, address, 2);
	if (ipv6) {
		__builtin_memcpy(client.addr, address + 2, 16);
	} else {
		client.addr[2] = bpf_htonl(0xffff);
		__builtin_memcpy(&client.addr[3], address + 2, 4);
	}
	__builtin_memcpy(end.addr, client.addr, 16);
	end.port = client.port;
	__builtin_memcpy(back.addr, director->addr, 16);
	back.port = director->port;
	bpf_map_update_elem(&weir_udp_client, director, &client, BPF_ANY);
	bpf_map_update_elem(&weir_udp_back, &end, &back, BPF_ANY);
	count(COUNTER_DATAGRAMS);
}

/*
 * The IPv4 option, before the datagram is given to its socket. Only behind directors that let no
 * such option of a client's through.
 */
SEC("cgroup_skb/ingress")
int weir_datagram(struct __sk_buff *skb)
{
	struct udp_end director = {.addr = {0, 0, bpf_htonl(0xffff), 0}};
	__u8 ip[IP4_FIXED], option[TOA_LENGTH4];
	__u32 header;

	if (skb->protocol != bpf_htons(0x0800) || bpf_skb_load_bytes(skb, 0, ip, sizeof(ip)) < 0 ||
	    ip[9] != IPPROTO_UDP)
		return 1;
	header = (ip[0] & 15) * 4;
	// It stands first. One of an IPv6 client is of no use here.
	if (header < IP4_FIXED + TOA_LENGTH4 ||
	    bpf_skb_load_bytes(skb, IP4_FIXED, option, sizeof(option)) < 0 ||
	    (option[0] != UOA_KIND && option[0] != UOA_KIND_COPIED) || option[1] != TOA_LENGTH4)
		return 1;
	__builtin_memcpy(&director.addr[3], ip + 12, 4);
	if (!is_trusted_address(director.addr)) {
		count(COUNTER_UNTRUSTED);
		return 1;
	}
	if (bpf_skb_load_bytes(skb, header, &director.port, 4) == 0) // and the local one
		udp_learn(&director, option + 2, 0);
	return 1;
}

/* The header of an IPv4 client between IPv4 and UDP, or of an IPv6 client between IPv6 and UDP. */
static __always_inline int header_take(struct __sk_buff *skb, int ipv6)
{
	const __u32 fixed = ipv6 ? IP6_FIXED : IP4_FIXED;
	const __u32 size = UOA_HEADER + (ipv6 ? TOA_LENGTH6 : TOA_LENGTH4);
	struct udp_end director = {.addr = {0, 0, bpf_htonl(0xffff), 0}};
	__u8 ip[IP6_FIXED], address[UOA_HEADER + TOA_LENGTH6], udp[UDP_FIXED];
	__u8 protocol = IPPROTO_UDP;
	__be16 before, after;
	__u32 taken;

	if (bpf_skb_load_bytes(skb, ETHERNET, ip, fixed) < 0 ||
	    bpf_skb_load_bytes(skb, ETHERNET + fixed, address, UOA_HEADER + TOA_LENGTH4) < 0)
		return TC_PASS;
	if ((ipv6 ? ip[6] : ip[9]) != UOA_PROTOCOL || (!ipv6 && ip[0] != 0x45) ||
	    address[1] != IPPROTO_UDP)
		return TC_PASS;
	__builtin_memcpy(ipv6 ? director.addr : &director.addr[3], ipv6 ? ip + 8 : ip + 12,
			 ipv6 ? 16 : 4);
	if (!is_trusted_address(director.addr)) {
		count(COUNTER_UNTRUSTED);
		return TC_PASS;
	}
	taken = address[2] << 8 | address[3];
	if (taken != UOA_HEADER + TOA_LENGTH4 && taken != UOA_HEADER + TOA_LENGTH6)
		return TC_PASS;
	if (bpf_skb_load_bytes(skb, ETHERNET + fixed + taken, udp, sizeof(udp)) < 0)
		return TC_PASS;
	__builtin_memcpy(&director.port, udp, 4);
	if (taken == size && bpf_skb_load_bytes(skb, ETHERNET + fixed, address, size) == 0)
		udp_learn(&director, address + UOA_HEADER + 2, ipv6);
	// One that has only told the address, as DPVS sends where it had no room.
	if (udp[4] == 0 && udp[5] == UDP_FIXED)
		return TC_DROP;
	if (bpf_skb_adjust_room(skb, -(__s32)taken, BPF_ADJ_ROOM_NET, 0) < 0)
		return TC_DROP;
	__builtin_memcpy(&before, ipv6 ? ip + 4 : ip + 2, 2);
	after = bpf_htons(bpf_ntohs(before) - taken);
	if (ipv6) {
		bpf_skb_store_bytes(skb, ETHERNET + 4, &after, 2, 0);
		bpf_skb_store_bytes(skb, ETHERNET + 6, &protocol, 1, 0);
		return TC_PASS;
	}
	bpf_skb_store_bytes(skb, ETHERNET + 2, &after, 2, 0);
	bpf_l3_csum_replace(skb, ETHERNET + 10, before, after, 2);
	bpf_skb_store_bytes(skb, ETHERNET + 9, &protocol, 1, 0);
	bpf_l3_csum_replace(skb, ETHERNET + 10, bpf_htons(UOA_PROTOCOL), bpf_htons(IPPROTO_UDP), 2);
	return TC_PASS;
}

SEC("tc")
int weir_header(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(0x0800))
		return header_take(skb, 0);
	if (skb->protocol == bpf_htons(0x86dd))
		return header_take(skb, 1);
	return TC_PASS;
}

static __always_inline __u32 is_mapped(const __be32 addr[4])
{
	return addr[0] == 0 && addr[1] == 0 && addr[2] == bpf_htonl(0xffff);
}

SEC("cgroup/recvmsg4")
int weir_receive4(struct bpf_sock_addr *name)
{
	struct udp_end director = {.addr = {0, 0, bpf_htonl(0xffff), name->user_ip4}};
	struct udp_address *client;
	struct bpf_sock *sk = name->sk;

	director.port = name->user_port;
	if (!sk)
		return 1;
	director.local_port = bpf_htons(sk->src_port);
	client = bpf_map_lookup_elem(&weir_udp_client, &director);
	if (client && is_mapped(client->addr)) {
		name->user_ip4 = client->addr[3];
		name->user_port = client->port;
	}
	return 1;
}

SEC("cgroup/sendmsg4")
int weir_send4(struct bpf_sock_addr *name)
{
	struct udp_end client = {.addr = {0, 0, bpf_htonl(0xffff), name->user_ip4}};
	struct udp_address *director;
	struct bpf_sock *sk = name->sk;

	client.port = name->user_port;
	if (!sk)
		return 1;
	client.local_port = bpf_htons(sk->src_port);
	director = bpf_map_lookup_elem(&weir_udp_back, &client);
	if (director && is_mapped(director->addr)) {
		name->user_ip4 = director->addr[3];
		name->user_port = director->port;
	}
	return 1;
}

/* Of an IPv6 socket; what it takes and sends by IPv4 has mapped addresses. */
static __always_inline int name_change(struct bpf_sock_addr *name, void *map)
{
	struct udp_end end = {};
	struct udp_address *other;
	struct bpf_sock *sk = name->sk;

	end.addr[0] = name->user_ip6[0];
	keep_apart();
	end.addr[1] = name->user_ip6[1];
	keep_apart();
	end.addr[2] = name->user_ip6[2];
	keep_apart();
	end.addr[3] = name->user_ip6[3];
	keep_apart();
	end.port = name->user_port;
	if (!sk)
		return 1;
	end.local_port = bpf_htons(sk->src_port);
	other = bpf_map_lookup_elem(map, &end);
	if (!other || is_mapped(other->addr) != is_mapped(end.addr))
		return 1;
	name->user_ip6[0] = other->addr[0];
	keep_apart();
	name->user_ip6[1] = other->addr[1];
	keep_apart();
	name->user_ip6[2] = other->addr[2];
	keep_apart();
	name->user_ip6[3] = other->addr[3];
	keep_apart();
	name->user_port = other->port;
	return 1;
}

SEC("cgroup/recvmsg6")
int weir_receive6(struct bpf_sock_addr *name)
{
	return name_change(name, &weir_udp_client);
}

SEC("cgroup/sendmsg6")
int weir_send6(struct bpf_sock_addr *name)
{
	return name_change(name, &weir_udp_back);
}
