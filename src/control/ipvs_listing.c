/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_listing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>

#include "balance/persistence.h"
#include "balance/server.h"
#include "control/ipvs_table.h"
#include "control/rates.h"
#include "control/zero.h"
#include "path/workers.h"

/*
 * The listings of services and servers, and the files of /proc/net, in the columns of the kernel:
 * ipvsadm and scripts take them apart by position.
 */
enum { FILE_PIECE = 15000, SESSION_STEP = 256, SESSION_STEPS = 64 };

/* "0A000001", or all eight groups of an IPv6 address in brackets or not. */
static void address_add(struct text *text, const struct addr *addr, bool brackets)
{
	if (addr->family == AF_INET) {
		text_add(text, "%08X", ntohl(addr->v4));
		return;
	}
	text_add(text, "%s", brackets ? "[" : "");
	for (unsigned int i = 0; i < 16; i += 2)
		text_add(text, "%s%02x%02x", i ? ":" : "", addr->bytes[i], addr->bytes[i + 1]);
	text_add(text, "%s", brackets ? "]" : "");
}

static const char *protocol_title(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	}
	return "ICMP";
}

static const char *method_name(const struct model_service *service,
			       const struct model_server *server)
{
	switch (ipvs_reply_method(service, server)) {
	case IP_VS_CONN_F_DROUTE:
		return "Route";
	case IP_VS_CONN_F_TUNNEL:
		return "Tunnel";
	default:
		return "Masq";
	}
}

/* The kernel writes the mask in hexadecimal, and the time in thousandths. */
static void persistence_add(struct text *text, const struct model_service *service)
{
	unsigned int bits = model_service_persistent_bits(service);

	text_add(text, "persistent %u ", service->persistent * 1000);
	if (service->key.vip.family == AF_INET)
		text_add(text, "%08X", UINT32_MAX << (32 - bits));
	else
		text_add(text, "%08X", bits);
}

/* ip_vs: services with their servers. */
static bool table_more(struct ipvs_listing *listing)
{
	struct text *text = &listing->text;
	const struct model_service *service;

	if (listing->cursor == 0)
		text_add(text, "IP Virtual Server version 1.2.1 (size=4096)\n"
			       "Prot LocalAddress:Port Scheduler Flags\n"
			       "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n");
	service = model_next(&listing->cursor);
	if (service == NULL)
		return false;
	if (!ipvs_table_has_words(service))
		return true;
	if (service->key.kind == SERVICE_MARK) {
		text_add(text, "FWM  %08X %s ", service->key.mark, service->scheduler);
	} else {
		text_add(text, "%s  ", protocol_title(service->key.protocol));
		address_add(text, &service->key.vip, true);
		text_add(text, ":%04X %s ", service->key.port, service->scheduler);
	}
	if (service->one_packet)
		text_add(text, "ops ");
	if (service->persistent)
		persistence_add(text, service);
	text_add(text, "\n");
	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];
		struct traffic traffic;

		if (model_server_is_removed(service, server))
			continue;
		zero_server_traffic(server->number, &traffic);
		text_add(text, "  -> ");
		address_add(text, &server->addr, true);
		text_add(text, ":%04X%s%-7s %-6u %-10u %-10u\n", server->port,
			 server->addr.family == AF_INET ? "      " : " ",
			 method_name(service, server), model_server_weight(server),
			 (unsigned int)traffic.active, (unsigned int)traffic.inactive);
	}
	return true;
}

/* Templates, as the kernel writes them: a client without a port in the state NONE. */
static bool templates_more(struct ipvs_listing *listing)
{
	struct text *text = &listing->text;
	struct persistence_view view;
	bool found;

	for (unsigned int i = 0; i < SESSION_STEPS && text->size < FILE_PIECE; i++) {
		const struct model_service *service;
		const struct server *server;
		struct addr client;

		if (!workers_template_next(&listing->templates, SESSION_STEP, &view, &found))
			return false;
		service = found ? model_by_number(view.key.service) : NULL;
		if (service == NULL)
			continue;
		server = &server_table[view.server];
		client = view.key.ipv6 ? addr_v6(view.key.client)
				       : addr_v4(*(const uint32_t *)view.key.client);
		text_add(text, "%-3s ",
			 service->key.kind == SERVICE_MARK ? "IP"
							   : protocol_title(service->key.protocol));
		address_add(text, &client, false);
		text_add(text, " 0000 ");
		if (service->key.kind == SERVICE_MARK && !view.key.ipv6)
			text_add(text, "%08X", service->key.mark);
		else
			address_add(text, &service->key.vip, false);
		text_add(text, " %04X ", service->key.port);
		address_add(text, &server->addr, false);
		text_add(text, " %04X %-11s %7u\n", rte_be_to_cpu_16(server->port), "NONE",
			 view.expires);
	}
	return true;
}

/* ip_vs_conn: sessions. What Linux itself sent from a local address is none of a service's. */
static bool sessions_more(struct ipvs_listing *listing)
{
	struct text *text = &listing->text;
	struct session_view view;
	bool found;

	if (listing->sessions_over)
		return templates_more(listing);
	if (listing->walk == 0)
		text_add(text, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires "
			       "PEName PEData\n");
	for (unsigned int i = 0; i < SESSION_STEPS && text->size < FILE_PIECE; i++) {
		if (!workers_session_next(&listing->walk, SESSION_STEP, &view, &found)) {
			listing->sessions_over = true;
			return true;
		}
		if (!found || view.server == 0)
			continue;
		text_add(text, "%-3s ", protocol_title(view.protocol));
		address_add(text, &view.client, false);
		text_add(text, " %04X ", view.client_port);
		address_add(text, &view.vip, false);
		text_add(text, " %04X ", view.vip_port);
		address_add(text, &view.destination, false);
		text_add(text, " %04X %-11s %7u\n", view.destination_port,
			 session_state_name(view.state), view.expires);
	}
	return true;
}

/* ip_vs_stats: sums over all services. */
static bool sums_more(struct ipvs_listing *listing)
{
	struct traffic sum = {0}, traffic;
	const struct model_service *service;
	struct rate rates = {0}, rate;
	uint32_t cursor = 0;

	while ((service = model_next(&cursor)) != NULL) {
		zero_service_traffic(service->number, &traffic);
		sum.connections += traffic.connections;
		sum.packets_in += traffic.packets_in;
		sum.packets_out += traffic.packets_out;
		sum.bytes_in += traffic.bytes_in;
		sum.bytes_out += traffic.bytes_out;
		if (!rates_service(service->number, &rate))
			continue;
		rates.connections += rate.connections;
		rates.packets_in += rate.packets_in;
		rates.packets_out += rate.packets_out;
		rates.bits_in += rate.bits_in;
		rates.bits_out += rate.bits_out;
	}
	text_add(&listing->text,
		 "   Total Incoming Outgoing         Incoming         Outgoing\n"
		 "   Conns  Packets  Packets            Bytes            Bytes\n"
		 "%8llX %8llX %8llX %16llX %16llX\n\n"
		 " Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n"
		 "%8llX %8llX %8llX %16llX %16llX\n",
		 (unsigned long long)sum.connections, (unsigned long long)sum.packets_in,
		 (unsigned long long)sum.packets_out, (unsigned long long)sum.bytes_in,
		 (unsigned long long)sum.bytes_out, (unsigned long long)rates.connections,
		 (unsigned long long)rates.packets_in, (unsigned long long)rates.packets_out,
		 (unsigned long long)(rates.bits_in / 8), (unsigned long long)(rates.bits_out / 8));
	return false;
}

int ipvs_listing_open_file(struct ipvs_listing *listing, const char *name, struct error *error)
{
	static const struct {
		const char *name;
		bool (*more)(struct ipvs_listing *listing);
	} files[] = {
		{"ip_vs", table_more},
		{"ip_vs_conn", sessions_more},
		{"ip_vs_stats", sums_more},
	};

	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(name, files[i].name) != 0)
			continue;
		listing->kind = IPVS_LIST_FILE;
		listing->more = files[i].more;
		return 0;
	}
	return error_set(error, -ENOENT, "", "there is no file /proc/net/%s", name);
}

/* Each of these fills one datagram; false when there is no more. */

static bool services_next(struct ipvs_listing *listing, struct ipvs_reply *reply)
{
	while (ipvs_reply_has_room(reply)) {
		const struct model_service *service = model_next(&listing->cursor);

		if (service == NULL)
			return false;
		// Nor has IPVS a word for a range of ports.
		if (ipvs_table_has_words(service) && service->key.port_end == 0)
			ipvs_reply_service(reply, service, true);
	}
	return true;
}

static bool servers_next(struct ipvs_listing *listing, struct ipvs_reply *reply)
{
	const struct model_service *service = model_find(&listing->key);
	unsigned int i = 0;

	if (service == NULL)
		return false; // removed while it was being listed
	// Servers are sorted; those that were listed stand before the last one.
	while (i < service->server_count &&
	       model_server_compare(&service->servers[i], &listing->last) <= 0)
		i++;
	for (; i < service->server_count; i++) {
		if (model_server_is_removed(service, &service->servers[i]))
			continue;
		if (!ipvs_reply_has_room(reply))
			return true;
		ipvs_reply_server(reply, service, &service->servers[i]);
		listing->last = service->servers[i];
	}
	return false;
}

static bool file_next(struct ipvs_listing *listing, struct ipvs_reply *reply)
{
	struct text *text = &listing->text;
	size_t size;

	if (listing->sent == text->size) {
		text->size = 0;
		listing->sent = 0;
	}
	// A bounded number of steps: a table with nothing in it is walked in slices too.
	for (unsigned int i = 0; i < SESSION_STEPS && !listing->complete; i++) {
		if (text->size >= FILE_PIECE)
			break;
		listing->complete = !listing->more(listing);
	}
	size = text->size - listing->sent;
	if (size > FILE_PIECE)
		size = FILE_PIECE;
	if (size > 0)
		ipvs_reply_file(reply, text->bytes + listing->sent, size);
	listing->sent += size;
	return !listing->complete || listing->sent < text->size;
}

bool ipvs_listing_next(struct ipvs_listing *listing, struct ipvs_reply *reply)
{
	bool more = false;

	switch (listing->kind) {
	case IPVS_LIST_NONE:
	case IPVS_LIST_EMPTY:
		break;
	case IPVS_LIST_SERVICES:
		more = services_next(listing, reply);
		break;
	case IPVS_LIST_SERVERS:
		more = servers_next(listing, reply);
		break;
	case IPVS_LIST_FILE:
		more = file_next(listing, reply);
		break;
	}
	if (!more)
		ipvs_reply_done(reply);
	return more;
}

void ipvs_listing_close(struct ipvs_listing *listing)
{
	text_free(&listing->text);
	memset(listing, 0, sizeof(*listing));
}
