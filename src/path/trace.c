/* SPDX-License-Identifier: BSD-3-Clause */

/* Trace: a record told in words, stage by stage. */
#include "path/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "balance/server.h"
#include "base/protocol.h"
#include "path/observe.h"
#include "session/l4_tcp.h"
#include "tunnel/template.h"

struct text {
	char *at;
	unsigned int left;
};

static void __attribute__((format(printf, 2, 3))) text_add(struct text *t, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(t->at, t->left, format, arguments);
	va_end(arguments);
	if (length < 0 || (unsigned int)length >= t->left)
		length = t->left ? t->left - 1 : 0;
	t->at += length;
	t->left -= length;
}

static const char *protocol_text(uint8_t protocol, char number[4])
{
	if (protocol_is_balanced(protocol))
		return protocol_name(protocol);
	if (protocol == IPPROTO_ICMP)
		return "icmp";
	if (protocol == IPPROTO_ICMPV6)
		return "icmpv6";
	snprintf(number, 4, "%u", protocol);
	return number;
}

static void text_tuple(struct text *t, bool ipv6, const void *source, const void *destination,
		       uint16_t source_port, uint16_t destination_port)
{
	char a[ENDPOINT_TEXT], b[ENDPOINT_TEXT];
	struct addr from = ipv6 ? addr_v6(source) : addr_v4(*(const uint32_t *)source);
	struct addr to = ipv6 ? addr_v6(destination) : addr_v4(*(const uint32_t *)destination);

	text_add(t, "%s -> %s", endpoint_format(&from, rte_be_to_cpu_16(source_port), a),
		 endpoint_format(&to, rte_be_to_cpu_16(destination_port), b));
}

static void text_flags(struct text *t, uint8_t flags)
{
	static const char letters[] = "FSRPAUEC";

	text_add(t, " ");
	for (unsigned int i = 0; i < 8; i++)
		if (flags & 1 << i)
			text_add(t, "%c", letters[i]);
}

static void text_input(struct text *t, const struct record *r)
{
	const struct iface *iface = iface_get(r->iface);
	char number[4];

	text_add(t, "worker %u | input %s%s: ", r->worker, iface ? iface->name : "?",
		 r->flags & PKT_FROM_KERNEL ? " from Linux"
		 : r->flags & PKT_HANDED    ? " handed over"
					    : "");
	if (r->l4 == 0) {
		text_add(t, "frame of type 0x%02x%02x, %u bytes", r->bytes[12], r->bytes[13],
			 r->length);
		return;
	}
	text_add(t, "%s ", protocol_text(r->protocol, number));
	if (r->ipv6)
		text_tuple(t, true, r->key6.source, r->key6.destination, r->key6.source_port,
			   r->key6.destination_port);
	else
		text_tuple(t, false, &r->key4.source, &r->key4.destination, r->key4.source_port,
			   r->key4.destination_port);
	if (r->protocol == IPPROTO_TCP && !(r->flags & PKT_ICMP_ERROR))
		text_flags(t, r->tcp_flags);
	text_add(t, ", %u bytes%s", r->length,
		 r->flags & PKT_ICMP_ERROR ? ", quoted by an ICMP error" : "");
}

static void text_tunnel(struct text *t, const struct record *r)
{
	char from[ADDR_TEXT], to[ADDR_TEXT];
	struct addr ends[2] = {
		r->sent_ipv6 ? addr_v6(r->sent.source) : addr_v4(*(const uint32_t *)r->sent.source),
		r->sent_ipv6 ? addr_v6(r->sent.destination)
			     : addr_v4(*(const uint32_t *)r->sent.destination),
	};

	text_add(t, "in a tunnel (%s) %s -> %s", tunnel_type_words[template_table[r->server].type],
		 addr_format(&ends[0], from), addr_format(&ends[1], to));
}

static void text_session(struct text *t, const struct record *r)
{
	char endpoint[ENDPOINT_TEXT];

	if (r->flags & PKT_LOCAL || r->l4 == 0)
		return;
	text_add(t, " | lookup: %s", r->session && !(r->flags & PKT_NEW) ? "found" : "miss");
	if (r->flags & PKT_NEW && r->server)
		text_add(t, " | balance: new session, server %s",
			 endpoint_format(&server_table[r->server].addr,
					 rte_be_to_cpu_16(server_table[r->server].port), endpoint));
	else if (r->flags & PKT_NEW)
		text_add(t, " | balance: new session of Linux");
	if (!r->session || r->drop != DROP_none)
		return;
	text_add(t, " | forward: %s, %s, ",
		 r->session & ENTRY_REVERSE ? "from the server" : "from the client",
		 session_state_name(r->state));
	if (r->form == FORM_DIRECT) {
		text_add(t, "as it is");
		return;
	}
	if (r->form == FORM_TUNNEL) {
		text_tunnel(t, r);
		return;
	}
	text_tuple(t, r->sent_ipv6, r->sent.source, r->sent.destination, r->sent.source_port,
		   r->sent.destination_port);
}

static void text_nexthop(struct text *t, uint16_t number)
{
	static const char *const words[] = {
		[NEXTHOP_NONE] = "no route",
		[NEXTHOP_UNRESOLVED] = "waits for the neighbour to answer",
		[NEXTHOP_BLACKHOLE] = "blackhole route",
		[NEXTHOP_LOCAL] = "to Linux",
	};
	const struct nexthop *n = &nexthop_table[number];
	const struct iface *iface;
	char address[ADDR_TEXT];

	if (number <= NEXTHOP_LOCAL) {
		text_add(t, "%s", words[number]);
		return;
	}
	iface = iface_get(n->iface);
	text_add(t, "sent on %s to %s at %02x:%02x:%02x:%02x:%02x:%02x", iface ? iface->name : "?",
		 addr_format(&n->addr, address), n->header[0], n->header[1], n->header[2],
		 n->header[3], n->header[4], n->header[5]);
}

static void text_output(struct text *t, const struct record *r)
{
	text_add(t, " | output: ");
	switch (r->fate) {
	case FATE_SEND:
		if (r->drop != DROP_none)
			text_add(t, "dropped and answered, %s: %s; the answer ", drop_name(r->drop),
				 drop_sentence(r->drop));
		text_nexthop(t, r->nexthop);
		break;
	case FATE_PIECES:
		text_add(t, "in fragments, ");
		text_nexthop(t, r->nexthop);
		break;
	case FATE_PUNT:
		text_add(t, "to Linux");
		break;
	case FATE_HAND:
	case FATE_FOLLOW:
		text_add(t, "to worker %u, who owns it", r->nexthop);
		break;
	case FATE_BARE:
		text_add(t, "sent as Linux made it");
		break;
	case FATE_DROP:
		text_add(t, "dropped, %s: %s", drop_name(r->drop), drop_sentence(r->drop));
		break;
	default:
		text_add(t, "taken");
	}
}

void record_describe(const struct record *r, char *text, unsigned int size)
{
	struct text t = {.at = text, .left = size};

	text_input(&t, r);
	text_session(&t, r);
	text_output(&t, r);
}

int trace_begin(const struct packet_filter *filter, uint32_t packets)
{
	return observer_begin(filter, packets, 128);
}

bool trace_read(char *text, unsigned int size)
{
	struct record *r = observer_next();

	if (!r)
		return false;
	record_describe(r, text, size);
	observer_return(r);
	return true;
}

bool trace_finished(void)
{
	return observer_finished();
}

void trace_end(void)
{
	observer_end();
}
