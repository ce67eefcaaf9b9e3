/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <strings.h>

/*
 * The transport protocols that are balanced, by the words that every door has for them. Any thread
 * may call any of these functions.
 */
#define PROTOCOL_WORDS "tcp, udp, sctp"

/* "tcp"; of a protocol that is not balanced "?". */
static inline const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	}
	return "?";
}

static inline bool protocol_is_balanced(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* The number of a word, in small or capital letters; -EINVAL when there is none. */
static inline int protocol_parse(const char *word)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};

	for (unsigned int i = 0; i < sizeof(protocols); i++)
		if (strcasecmp(protocol_name(protocols[i]), word) == 0)
			return protocols[i];
	return -EINVAL;
}
