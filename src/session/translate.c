/* SPDX-License-Identifier: BSD-3-Clause */

/* ICMP errors between the families: the tables of RFC 7915, sections 4.2 and 5.2. */
#include "session/translate.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

/* IPv4's codes of "destination unreachable" beyond those that <netinet/ip_icmp.h> names. */
enum { CODES_UNREACHABLE = 16, NONE = 0xff };

/* By IPv4 code: the code of ICMPv6 "destination unreachable". */
static const uint8_t unreachable_to6[CODES_UNREACHABLE] = {
	[ICMP_NET_UNREACH] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_HOST_UNREACH] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_PROT_UNREACH] = NONE, // these two become other types
	[ICMP_FRAG_NEEDED] = NONE,
	[ICMP_PORT_UNREACH] = ICMP6_DST_UNREACH_NOPORT,
	[ICMP_SR_FAILED] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_NET_UNKNOWN] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_HOST_UNKNOWN] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_HOST_ISOLATED] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_NET_ANO] = ICMP6_DST_UNREACH_ADMIN,
	[ICMP_HOST_ANO] = ICMP6_DST_UNREACH_ADMIN,
	[ICMP_NET_UNR_TOS] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_HOST_UNR_TOS] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_PKT_FILTERED] = ICMP6_DST_UNREACH_ADMIN,
	[ICMP_PREC_VIOLATION] = NONE,
	[ICMP_PREC_CUTOFF] = ICMP6_DST_UNREACH_ADMIN,
};

static const uint8_t unreachable_to4[] = {
	[ICMP6_DST_UNREACH_NOROUTE] = ICMP_HOST_UNREACH,
	[ICMP6_DST_UNREACH_ADMIN] = ICMP_HOST_ANO,
	[ICMP6_DST_UNREACH_BEYONDSCOPE] = ICMP_HOST_UNREACH,
	[ICMP6_DST_UNREACH_ADDR] = ICMP_HOST_UNREACH,
	[ICMP6_DST_UNREACH_NOPORT] = ICMP_PORT_UNREACH,
};

/* By offset in one header: the offset of the same thing in the other. */
static const uint8_t pointer_to6[20] = {
	[0] = 0,    [1] = 1,  [2] = 4,	 [3] = 4,     [4] = NONE,  [5] = NONE, [6] = NONE,
	[7] = NONE, [8] = 7,  [9] = 6,	 [10] = NONE, [11] = NONE, [12] = 8,   [13] = 8,
	[14] = 8,   [15] = 8, [16] = 24, [17] = 24,   [18] = 24,   [19] = 24,
};
static const uint8_t pointer_to4[8] = {0, 1, NONE, NONE, 2, 2, 9, 8};

uint16_t translate_mtu_plateau(uint16_t length)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (unsigned int i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < length)
			return plateaus[i];
	return 68;
}

static bool error_set(uint8_t out[8], uint8_t type, uint8_t code)
{
	memset(out, 0, 8);
	out[0] = type;
	out[1] = code;
	return code != NONE;
}

static bool unreachable_set6(const uint8_t in[8], uint16_t quoted, uint16_t mtu4, uint16_t mtu6,
			     uint8_t out[8])
{
	uint16_t mtu = in[6] << 8 | in[7];

	if (in[1] == ICMP_FRAG_NEEDED) {
		if (mtu == 0)
			mtu = translate_mtu_plateau(quoted);
		mtu = RTE_MIN(translate_mtu_to6(RTE_MIN(mtu, mtu4)), mtu6);
		mtu = RTE_MAX(mtu, TRANSLATE_IPV6_MTU);
		error_set(out, ICMP6_PACKET_TOO_BIG, 0);
		out[6] = mtu >> 8;
		out[7] = mtu;
		return true;
	}
	if (in[1] == ICMP_PROT_UNREACH) {
		error_set(out, ICMP6_PARAM_PROB, ICMP6_PARAMPROB_NEXTHEADER);
		out[7] = offsetof(struct rte_ipv6_hdr, proto);
		return true;
	}
	return error_set(out, ICMP6_DST_UNREACH,
			 in[1] < CODES_UNREACHABLE ? unreachable_to6[in[1]] : NONE);
}

bool translate_error_to6(const uint8_t in[8], uint16_t quoted, uint16_t mtu4, uint16_t mtu6,
			 uint8_t out[8])
{
	switch (in[0]) {
	case ICMP_DEST_UNREACH:
		return unreachable_set6(in, quoted, mtu4, mtu6, out);
	case ICMP_TIME_EXCEEDED:
		return error_set(out, ICMP6_TIME_EXCEEDED, in[1]);
	case ICMP_PARAMETERPROB:
		// Code 1, "a required option is missing", means nothing to who sent none.
		if (in[1] == 1 || in[1] > 2 || in[4] >= sizeof(pointer_to6))
			return false;
		error_set(out, ICMP6_PARAM_PROB, ICMP6_PARAMPROB_HEADER);
		out[7] = pointer_to6[in[4]];
		return out[7] != NONE;
	default:
		return false;
	}
}

static bool parameter_set4(const uint8_t in[8], uint8_t out[8])
{
	uint32_t pointer;

	memcpy(&pointer, in + 4, 4);
	pointer = rte_be_to_cpu_32(pointer);
	if (in[1] == ICMP6_PARAMPROB_NEXTHEADER)
		return error_set(out, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH);
	if (in[1] != ICMP6_PARAMPROB_HEADER || pointer >= sizeof(struct rte_ipv6_hdr))
		return false;
	error_set(out, ICMP_PARAMETERPROB, 0);
	if (pointer >= offsetof(struct rte_ipv6_hdr, dst_addr))
		out[4] = offsetof(struct rte_ipv4_hdr, dst_addr);
	else if (pointer >= offsetof(struct rte_ipv6_hdr, src_addr))
		out[4] = offsetof(struct rte_ipv4_hdr, src_addr);
	else
		out[4] = pointer_to4[pointer];
	return out[4] != NONE;
}

bool translate_error_to4(const uint8_t in[8], uint16_t mtu4, uint16_t mtu6, uint8_t out[8])
{
	uint32_t mtu;

	switch (in[0]) {
	case ICMP6_DST_UNREACH:
		return error_set(out, ICMP_DEST_UNREACH,
				 in[1] < sizeof(unreachable_to4) ? unreachable_to4[in[1]] : NONE);
	case ICMP6_PACKET_TOO_BIG:
		memcpy(&mtu, in + 4, 4);
		mtu = translate_mtu_to4(RTE_MIN(rte_be_to_cpu_32(mtu), (uint32_t)mtu6));
		mtu = RTE_MIN(mtu, (uint32_t)mtu4);
		error_set(out, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED);
		out[6] = mtu >> 8;
		out[7] = mtu;
		return true;
	case ICMP6_TIME_EXCEEDED:
		return error_set(out, ICMP_TIME_EXCEEDED, in[1]);
	case ICMP6_PARAM_PROB:
		return parameter_set4(in, out);
	default:
		return false;
	}
}

/* A length says that extensions follow; what is below the least that they may follow is a lie. */
static unsigned int quoted_length(unsigned int said, unsigned int length)
{
	return said >= TRANSLATE_QUOTED_MIN && said < length ? said : length;
}

unsigned int translate_quoted_in4(const uint8_t icmp[8], unsigned int length)
{
	return quoted_length(icmp[5] * 4, length);
}

unsigned int translate_quoted_in6(const uint8_t icmp[8], unsigned int length)
{
	if (icmp[0] != ICMP6_DST_UNREACH && icmp[0] != ICMP6_TIME_EXCEEDED)
		return length; // an MTU or a pointer stands there
	return quoted_length(icmp[4] * 8, length);
}
