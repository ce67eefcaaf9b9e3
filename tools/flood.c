/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A flood for demonstrations and tests: packets of one kind to one address and port, each from an
 * address and port of its own, drawn from a prefix. They leave a packet socket in batches, past the
 * queueing discipline, as fast as one processor makes them or at a rate. Only for interfaces of
 * namespaces that a test has made: the sources are forged.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/csum.h"

enum { BATCH = 64, FRAME_MAX = 128, UDP_PAYLOAD = 18, ETHER = sizeof(struct ether_header) };

struct kind {
	const char *name;
	uint8_t protocol;
	uint8_t flags; // of TCP
	bool fragment; // IPv4: the second piece of a datagram whose first one never comes
};

static const struct kind kinds[] = {
	{"syn", IPPROTO_TCP, TH_SYN},
	{"ack", IPPROTO_TCP, TH_ACK},
	{"syn-ack", IPPROTO_TCP, TH_SYN | TH_ACK},
	{"rst", IPPROTO_TCP, TH_RST},
	{"fin", IPPROTO_TCP, TH_FIN | TH_ACK},
	{"udp", IPPROTO_UDP},
	{"icmp", IPPROTO_ICMP},
	{"fragment", IPPROTO_UDP, .fragment = true},
};

static struct {
	const struct kind *kind;
	const char *interface;
	uint8_t to_mac[ETH_ALEN], from_mac[ETH_ALEN];
	struct addr to;
	uint16_t port;
	struct prefix sources;
	uint64_t rate, seconds; // 0: no limit
	uint64_t random;
} flood = {.kind = &kinds[0], .random = 0x9e3779b97f4a7c15};

static uint8_t frames[BATCH][FRAME_MAX];
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = 1;
}

static uint64_t random_next(void) // xorshift64
{
	flood.random ^= flood.random << 13;
	flood.random ^= flood.random >> 7;
	flood.random ^= flood.random << 17;
	return flood.random;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The prefix, with random bits behind it. */
static void source_choose(uint8_t *source, unsigned int size)
{
	uint64_t words[2] = {random_next(), random_next()};
	uint8_t *bits = (uint8_t *)words;
	unsigned int whole = flood.sources.len / 8, rest = flood.sources.len % 8;

	memcpy(source, bits, size);
	memcpy(source, flood.sources.addr.bytes, whole);
	if (rest > 0)
		source[whole] = (uint8_t)(flood.sources.addr.bytes[whole] & 0xff << (8 - rest)) |
				(bits[whole] & 0xff >> rest);
}

static uint16_t sum_of(const void *pseudo, unsigned int pseudo_length, uint8_t protocol,
		       const uint8_t *l4, unsigned int length)
{
	uint64_t sum = csum_bytes(pseudo, pseudo_length) + csum_bytes(l4, length);

	return (uint16_t)~csum_fold(sum + htons(protocol) + htons((uint16_t)length));
}

/* What stands behind the IP header; returns its length. The checksum is left 0. */
static unsigned int l4_fill(uint8_t *l4)
{
	uint64_t random = random_next();
	struct tcphdr *tcp = (struct tcphdr *)l4;
	struct udphdr *udp = (struct udphdr *)l4;

	if (flood.kind->protocol == IPPROTO_TCP) {
		*tcp = (struct tcphdr){
			.th_sport = (uint16_t)random | htons(1024),
			.th_dport = htons(flood.port),
			.th_seq = (uint32_t)(random >> 16),
			.th_ack = flood.kind->flags & TH_ACK ? (uint32_t)(random >> 32) : 0,
			.th_off = sizeof(*tcp) / 4,
			.th_flags = flood.kind->flags,
			.th_win = htons(64240),
		};
		return sizeof(*tcp);
	}
	memset(l4, 0, sizeof(*udp) + UDP_PAYLOAD);
	if (flood.kind->protocol == IPPROTO_UDP) {
		udp->uh_sport = (uint16_t)random | htons(1024);
		udp->uh_dport = htons(flood.port);
		udp->uh_ulen = htons(sizeof(*udp) + UDP_PAYLOAD);
	} else {
		l4[0] = flood.to.family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
		memcpy(l4 + 4, &random, 4);
	}
	return sizeof(*udp) + UDP_PAYLOAD;
}

static uint16_t *l4_sum(uint8_t *l4)
{
	switch (flood.kind->protocol) {
	case IPPROTO_TCP:
		return &((struct tcphdr *)l4)->th_sum;
	case IPPROTO_UDP:
		return &((struct udphdr *)l4)->uh_sum;
	}
	return (uint16_t *)(l4 + 2);
}

static unsigned int frame_fill4(uint8_t *frame)
{
	struct ip *ip = (struct ip *)(frame + ETHER);
	uint8_t *l4 = (uint8_t *)(ip + 1);
	unsigned int length = l4_fill(l4);
	bool echo = flood.kind->protocol == IPPROTO_ICMP;

	*ip = (struct ip){
		.ip_v = 4,
		.ip_hl = sizeof(*ip) / 4,
		.ip_len = htons((uint16_t)(sizeof(*ip) + length)),
		.ip_id = (uint16_t)random_next(),
		.ip_off = flood.kind->fragment ? htons(185) : htons(IP_DF),
		.ip_ttl = 60,
		.ip_p = flood.kind->protocol,
		.ip_dst.s_addr = flood.to.v4,
	};
	source_choose((uint8_t *)&ip->ip_src, 4);
	ip->ip_sum = (uint16_t)~csum_fold(csum_bytes(ip, sizeof(*ip)));
	if (echo)
		*l4_sum(l4) = (uint16_t)~csum_fold(csum_bytes(l4, length));
	else
		*l4_sum(l4) = sum_of(&ip->ip_src, 8, flood.kind->protocol, l4, length);
	return ETHER + sizeof(*ip) + length;
}

static unsigned int frame_fill6(uint8_t *frame)
{
	struct ip6_hdr *ip = (struct ip6_hdr *)(frame + ETHER);
	uint8_t *l4 = (uint8_t *)(ip + 1);
	unsigned int length = l4_fill(l4);
	uint8_t protocol = flood.kind->protocol == IPPROTO_ICMP ? IPPROTO_ICMPV6
								: flood.kind->protocol;

	memset(ip, 0, sizeof(*ip));
	ip->ip6_flow = htonl(6u << 28);
	ip->ip6_plen = htons((uint16_t)length);
	ip->ip6_nxt = protocol;
	ip->ip6_hlim = 60;
	memcpy(&ip->ip6_dst, flood.to.bytes, 16);
	source_choose((uint8_t *)&ip->ip6_src, 16);
	*l4_sum(l4) = sum_of(&ip->ip6_src, 32, protocol, l4, length);
	return ETHER + sizeof(*ip) + length;
}

static unsigned int frame_fill(uint8_t *frame)
{
	struct ether_header *ether = (struct ether_header *)frame;
	bool ipv6 = flood.to.family == AF_INET6;

	memcpy(ether->ether_dhost, flood.to_mac, ETH_ALEN);
	memcpy(ether->ether_shost, flood.from_mac, ETH_ALEN);
	ether->ether_type = htons(ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	return ipv6 ? frame_fill6(frame) : frame_fill4(frame);
}

static int fail(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	return 1;
}

/* A socket that sends on the interface, or -1. */
static int open_socket(void)
{
	struct sockaddr_ll place = {.sll_family = AF_PACKET,
				    .sll_ifindex = (int)if_nametoindex(flood.interface)};
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(place);

	if (fd < 0)
		return -1;
	if (place.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&place, sizeof(place)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&place, &length) < 0) {
		close(fd);
		return -1;
	}
	memcpy(flood.from_mac, place.sll_addr, ETH_ALEN);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return fd;
}

/* Send until it is enough. Returns how many packets the interface took. */
static uint64_t run(int fd, double *elapsed)
{
	struct mmsghdr messages[BATCH] = {0};
	struct iovec parts[BATCH];
	double begin = now(), passed = 0;
	uint64_t sent = 0;

	while (!stopped && (flood.seconds == 0 || passed < (double)flood.seconds)) {
		int taken;

		for (unsigned int i = 0; i < BATCH; i++) {
			parts[i].iov_base = frames[i];
			parts[i].iov_len = frame_fill(frames[i]);
			messages[i].msg_hdr.msg_iov = &parts[i];
			messages[i].msg_hdr.msg_iovlen = 1;
		}
		taken = sendmmsg(fd, messages, BATCH, 0);
		if (taken > 0)
			sent += (uint64_t)taken;
		else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			break;
		passed = now() - begin;
		while (flood.rate > 0 && (double)sent > passed * (double)flood.rate && !stopped) {
			usleep(200);
			passed = now() - begin;
		}
	}
	*elapsed = passed;
	return sent;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: flood -i INTERFACE -m MAC -t ADDRESS:PORT -f PREFIX [-k KIND] [-r PACKETS] "
		"[-s SECONDS]\n"
		"  -m  the neighbour that packets are sent to\n"
		"  -f  the prefix that their sources are drawn from\n"
		"  -k  syn, ack, syn-ack, rst, fin, udp, icmp or fragment (IPv4); default syn\n"
		"  -r  packets per second; default: as many as can be\n"
		"  -s  how long; default: until SIGTERM\n");
	return 2;
}

static bool take(int option, const char *text)
{
	unsigned int mac[ETH_ALEN];
	char *end = NULL;

	switch (option) {
	case 'i':
		flood.interface = text;
		return true;
	case 'm':
		if (sscanf(text, "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
			   &mac[5]) != ETH_ALEN)
			return false;
		for (unsigned int i = 0; i < ETH_ALEN; i++)
			flood.to_mac[i] = (uint8_t)mac[i];
		return true;
	case 't':
		return endpoint_parse(text, &flood.to, &flood.port) == 0;
	case 'f':
		return prefix_parse(text, &flood.sources) == 0;
	case 'k':
		for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			flood.kind = &kinds[i];
			if (strcmp(flood.kind->name, text) == 0)
				return true;
		}
		return false;
	case 'r':
		flood.rate = strtoull(text, &end, 10);
		return end != text && *end == '\0';
	case 's':
		flood.seconds = strtoull(text, &end, 10);
		return end != text && *end == '\0';
	}
	return false;
}

int main(int argc, char **argv)
{
	double elapsed;
	uint64_t sent;
	int option, fd;

	while ((option = getopt(argc, argv, "i:m:t:f:k:r:s:")) != -1)
		if (!take(option, optarg))
			return usage();
	if (!flood.interface || flood.to.family == AF_UNSPEC ||
	    flood.sources.addr.family != flood.to.family || optind < argc ||
	    (flood.kind->fragment && flood.to.family == AF_INET6))
		return usage();
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	fd = open_socket();
	if (fd < 0)
		return fail(flood.interface);
	sent = run(fd, &elapsed);
	close(fd);
	if (sent == 0)
		return fail("nothing was sent");
	printf("%llu packets in %.2f s, %.0f per second\n", (unsigned long long)sent, elapsed,
	       (double)sent / elapsed);
	return 0;
}
