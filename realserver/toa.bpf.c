/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The real server's half of TOA, in the kernel of an unmodified Linux (5.8 or newer).
 *
 * weir_toa looks at the segment that completes a handshake, and as long as none has brought an
 * address at those that follow. What it finds is kept with the socket. weir_peer4 and weir_peer6
 * give it to whoever asks for the peer's name: accept(), getpeername() and their like. All else
 * (ss, netfilter, tcpdump) shows the director's local address, from which the packets really come.
 *
 * Anybody can write such an option. Only who is in weir_trusted is believed: the local addresses of
 * the directors.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

#define AF_INET	 2
#define AF_INET6 10

enum { TOA_KIND = 254, TOA_LENGTH4 = 8, TOA_LENGTH6 = 20, TCP_FIXED = 20, TCP_HEADER_MAX = 60 };
enum { TCP_FLAG_SYN_BYTE = 0x02 };
/* DPVS's toa module answers this to programs that know of it: an IPv6 client on an IPv4 socket. */
enum { SOCKET_OPTION_NAT64_PEER = 4096, NAT64_PEER_SIZE = 20 };

/* The verifier takes one access to a field of the context, not several that were made into one. */
#define keep_apart() asm volatile("" ::: "memory")

struct client {
	__u32 family; // AF_INET: the address is addr[3]
	__be16 port;
	__u16 unused;
	__be32 addr[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct client);
} weir_clients SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TRUSTED_MAX);
	__type(key, struct trusted_key);
	__type(value, __u32);
} weir_trusted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} weir_counters SEC(".maps");

static __always_inline void count(__u32 which)
{
	__u64 *value = bpf_map_lookup_elem(&weir_counters, &which);

	if (value)
		(*value)++;
}

static __always_inline int is_trusted(struct bpf_sock_ops *s)
{
	struct trusted_key key = {.bits = 128};
	__u32 addr[4];

	if (s->family == AF_INET) {
		addr[0] = addr[1] = 0;
		addr[2] = bpf_htonl(0xffff);
		addr[3] = s->remote_ip4;
		keep_apart();
	} else {
		addr[0] = s->remote_ip6[0];
		keep_apart();
		addr[1] = s->remote_ip6[1];
		keep_apart();
		addr[2] = s->remote_ip6[2];
		keep_apart();
		addr[3] = s->remote_ip6[3];
		keep_apart();
	}
	__builtin_memcpy(key.addr, addr, 16);
	return bpf_map_lookup_elem(&weir_trusted, &key) != 0;
}

/*
 * Find the option. The helper of the kernel demands a magic number behind kinds 253 and 254, so the
 * header is read here. Each offset is a constant and only `next` is not: a loop over an offset that
 * varies is more than the verifier follows.
 */
static __always_inline int find(struct bpf_sock_ops *s, struct client *client)
{
	__u8 *tcp = (void *)(long)s->skb_data, *end = (void *)(long)s->skb_data_end;
	__u32 next = TCP_FIXED, header;

	if (tcp + TCP_FIXED > end)
		return 0;
	header = (tcp[12] >> 4) * 4;
#pragma unroll
	for (__u32 at = TCP_FIXED; at <= TCP_HEADER_MAX - TOA_LENGTH4; at++) {
		__u8 kind, length;

		if (at != next)
			continue;
		if (at + TOA_LENGTH4 > header || tcp + at + TOA_LENGTH4 > end)
			return 0;
		kind = tcp[at];
		length = tcp[at + 1];
		if (kind == 0)
			return 0;
		if (kind == 1) {
			next = at + 1;
			continue;
		}
		if (length < 2)
			return 0;
		if (kind == TOA_KIND && length == TOA_LENGTH4) {
			client->family = AF_INET;
			__builtin_memcpy(&client->port, tcp + at + 2, 2);
			__builtin_memcpy(&client->addr[3], tcp + at + 4, 4);
			return 1;
		}
		if (kind == TOA_KIND && length == TOA_LENGTH6 && at + TOA_LENGTH6 <= header &&
		    tcp + at + TOA_LENGTH6 <= end) {
			client->family = AF_INET6;
			__builtin_memcpy(&client->port, tcp + at + 2, 2);
			__builtin_memcpy(client->addr, tcp + at + 4, 16);
			return 1;
		}
		next = at + length;
	}
	return 0;
}

/* Is the socket's client known now? */
static __always_inline int learn(struct bpf_sock_ops *s)
{
	struct bpf_sock *sk = s->sk;
	struct client client = {};

	if (!sk || !find(s, &client))
		return 0;
	if (!is_trusted(s)) {
		count(COUNTER_UNTRUSTED);
		return 0;
	}
	return bpf_sk_storage_get(&weir_clients, sk, &client, BPF_SK_STORAGE_GET_F_CREATE) != 0;
}

SEC("sockops")
int weir_toa(struct bpf_sock_ops *s)
{
	int flags = s->bpf_sock_ops_cb_flags;

	switch (s->op) {
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		count(COUNTER_CONNECTIONS);
		if (learn(s))
			count(COUNTER_TOLD);
		else
			bpf_sock_ops_cb_flags_set(
				s, flags | BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG);
		break;
	case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
		if ((s->skb_tcp_flags & TCP_FLAG_SYN_BYTE) || !learn(s))
			break;
		count(COUNTER_TOLD_LATE);
		bpf_sock_ops_cb_flags_set(s, flags & ~BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG);
		break;
	}
	return 1;
}

static __always_inline struct client *client_of(struct bpf_sock *sk)
{
	struct client *client = 0;

	count(COUNTER_ASKED);
	if (sk)
		client = bpf_sk_storage_get(&weir_clients, sk, 0, 0);
	if (client)
		count(COUNTER_ANSWERED);
	return client;
}

SEC("cgroup/getpeername4")
int weir_peer4(struct bpf_sock_addr *name)
{
	struct client *client = client_of(name->sk);

	// An IPv6 address has no place here: see weir_option.
	if (client && client->family == AF_INET) {
		name->user_ip4 = client->addr[3];
		name->user_port = client->port;
	}
	return 1;
}

SEC("cgroup/getpeername6")
int weir_peer6(struct bpf_sock_addr *name)
{
	struct client *client = client_of(name->sk);
	int mapped;

	if (!client)
		return 1;
	mapped = client->family == AF_INET;
	name->user_ip6[0] = mapped ? 0 : client->addr[0];
	name->user_ip6[1] = mapped ? 0 : client->addr[1];
	name->user_ip6[2] = mapped ? bpf_htonl(0xffff) : client->addr[2];
	name->user_ip6[3] = client->addr[3];
	name->user_port = client->port;
	return 1;
}

SEC("cgroup/getsockopt")
int weir_option(struct bpf_sockopt *o)
{
	struct client *client;
	__u8 *value = o->optval;

	if (o->level != IPPROTO_IP || o->optname != SOCKET_OPTION_NAT64_PEER)
		return 1;
	if ((void *)(value + NAT64_PEER_SIZE) > o->optval_end)
		return 1;
	client = client_of(o->sk);
	if (!client || client->family != AF_INET6)
		return 1;
	__builtin_memcpy(value, client->addr, 16);
	__builtin_memcpy(value + 16, &client->port, 2);
	o->optlen = NAT64_PEER_SIZE;
	keep_apart();
	o->retval = 0;
	return 1;
}

/* One object, because both use the same maps. */
#include "uoa.bpf.c"

char programs_license[] SEC("license") = "BSD"; // nothing that they call is for the GPL only
