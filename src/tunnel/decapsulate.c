/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The other way round from template.c: from outer headers to what is inside.
 *
 *	IPIP	RFC 2003, 2473, 4213: protocols 4 and 41
 *	GRE	RFC 2784, 2890: version 0, checksum, key; a sequence number is passed over, because
 *		packets of one tunnel may be on several workers. Routing (RFC 1701) is refused.
 *	VXLAN	RFC 7348: the flag I must be set; its UDP checksum is not looked at (RFC 6935)
 *
 * Nothing here knows which tunnels there are, so that others than tunnel/device.c may use it.
 */
#include "tunnel/decapsulate.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_udp.h>

#include "base/csum.h"

enum {
	GRE_HEADER = 4,
	GRE_CHECKSUM = 0x8000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_KNOWN = GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE,
};

bool decapsulate_is_outer(uint8_t protocol)
{
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_GRE ||
	       protocol == IPPROTO_UDP;
}

static uint16_t read16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint32_t read32(const uint8_t *at)
{
	return (uint32_t)read16(at) << 16 | read16(at + 2);
}

static enum drop gre_read(const uint8_t *gre, unsigned int there, unsigned int length,
			  struct tunnel_outer *out)
{
	uint16_t flags;

	if (there < GRE_HEADER)
		return DROP_tunnel_short;
	flags = read16(gre);
	if (flags & ~GRE_KNOWN)
		return DROP_tunnel_header;
	out->inside = GRE_HEADER;
	if (flags & GRE_CHECKSUM)
		out->inside += 4;
	if (flags & GRE_KEY && there >= out->inside + 4u)
		out->key = read32(gre + out->inside);
	out->has_key = flags & GRE_KEY;
	out->inside += flags & GRE_KEY ? 4 : 0;
	out->inside += flags & GRE_SEQUENCE ? 4 : 0;
	if (there < out->inside)
		return DROP_tunnel_short;
	// Of several segments only the first is here; such packets come from devices that check.
	out->checked = flags & GRE_CHECKSUM;
	if (out->checked && there == length && csum_fold(csum_bytes(gre, length)) != 0xffff)
		return DROP_tunnel_checksum;
	memcpy(&out->ether_type, gre + 2, 2);
	if (out->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
	    out->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return DROP_tunnel_protocol;
	return DROP_none;
}

static enum drop vxlan_read(const uint8_t *udp, unsigned int there, struct tunnel_outer *out)
{
	out->inside = DECAPSULATE_VXLAN;
	out->has_key = true;
	return decapsulate_vxlan(udp, there, &out->key);
}

enum drop decapsulate(const uint8_t *transport, uint8_t protocol, unsigned int there,
		      unsigned int length, struct tunnel_outer *out)
{
	memset(out, 0, sizeof(*out));
	if (protocol == IPPROTO_GRE) {
		out->kind = TUNNEL_KIND_GRE;
		return gre_read(transport, there, length, out);
	}
	if (protocol == IPPROTO_UDP) {
		out->kind = TUNNEL_KIND_VXLAN;
		return vxlan_read(transport, there, out);
	}
	out->kind = TUNNEL_KIND_IPIP;
	out->ether_type = protocol == IPPROTO_IPIP ? RTE_BE16(RTE_ETHER_TYPE_IPV4)
						   : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	return there < 20 ? DROP_tunnel_short : DROP_none;
}

enum drop decapsulate_congestion(uint8_t *inner, bool ipv6)
{
	uint8_t tos = ipv6 ? inner[0] << 4 | inner[1] >> 4 : inner[1];
	uint16_t before, after, sum;

	if ((tos & ECN_MASK) == ECN_MARKED)
		return DROP_none;
	if ((tos & ECN_MASK) == 0)
		return DROP_tunnel_congestion;
	if (ipv6) {
		inner[1] |= ECN_MARKED << 4;
		return DROP_none;
	}
	memcpy(&before, inner, 2);
	inner[1] |= ECN_MARKED;
	memcpy(&after, inner, 2);
	memcpy(&sum, inner + 10, 2);
	sum = csum_replace16(sum, before, after);
	memcpy(inner + 10, &sum, 2);
	return DROP_none;
}
