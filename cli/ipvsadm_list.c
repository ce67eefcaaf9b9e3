/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/protocol.h"
#include "ipvsadm_format.h"
#include "match_words.h"
#include "service_name.h"

/*
 * The tables. Columns follow the tool that scripts were written for, trailing spaces included;
 * fields that the daemon does not send (of features that are still to come) count as zero.
 */
enum { SERVICE_NAME = 33, SERVER_NAME = 28 };

static const char *text_of(const json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));

	return text ? text : "";
}

static unsigned long long number_of(const json_t *object, const char *field)
{
	return (unsigned long long)json_number_value(json_object_get(object, field));
}

/* The protocol of a service or a session, and what is printed for it. */
static const char *protocol_of(const json_t *object)
{
	return text_of(object, "protocol");
}

static const char *protocol_title(const json_t *object)
{
	const char *protocol = protocol_of(object);

	return !strcmp(protocol, "udp") ? "UDP" : !strcmp(protocol, "sctp") ? "SCTP" : "TCP";
}

/* Titles */

static const struct view_titles {
	const char *columns[5];
	int width; // negative: to the left
} view_titles[] = {
	[VIEW_STATS] = {{"Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"}, 8},
	[VIEW_RATE] = {{"CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"}, 8},
	[VIEW_THRESHOLDS] = {{"Uthreshold", "Lthreshold", "ActiveConn", "InActConn"}, -10},
	[VIEW_PERSISTENT] = {{"Weight", "PersistConn", "ActiveConn", "InActConn"}, -10},
};

void list_titles(const struct list *list)
{
	const struct view_titles *titles = &view_titles[list->view];

	if (list->view == VIEW_PLAIN) {
		fputs("Prot LocalAddress:Port Scheduler Flags\n"
		      "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n",
		      list->out);
		return;
	}
	fprintf(list->out, "%-33s", "Prot LocalAddress:Port");
	for (unsigned int i = 0; i < 5 && titles->columns[i]; i++) {
		int width = titles->width;
		if (list->view == VIEW_PERSISTENT && i < 2)
			width = i == 0 ? -9 : -11;
		fprintf(list->out, " %*s", width, titles->columns[i]);
	}
	fputs("\n  -> RemoteAddress:Port\n", list->out);
}

/* Services */

/* Seconds that this service has of its own for what is established; 0: none. */
static unsigned int service_conn_timeout(const json_t *service)
{
	const json_t *timeouts = json_object_get(service, "timeouts");
	const json_t *match = match_of_service(service);
	const char *protocol = protocol_of(match ? match : service);

	return (unsigned int)number_of(timeouts, !strcmp(protocol, "udp")    ? "udp_normal"
						 : !strcmp(protocol, "sctp") ? "sctp_established"
						 : !strncmp(protocol, "icmp", 4) ? "icmp"
										 : "established");
}

static char *service_name(struct list *list, const json_t *service, char text[static FORMAT_NAME])
{
	const char *vip = text_of(service, "vip");
	char endpoint[FORMAT_NAME];
	unsigned long long end = number_of(service, "port_end");

	if (match_of_service(service)) {
		snprintf(text, FORMAT_NAME, "MATCH %s", vip);
		return text;
	}
	if (service_mark(service)) {
		snprintf(text, FORMAT_NAME, "FWM  %lld%s", service_mark(service),
			 service_mark_is_ipv6(service) ? " IPv6" : "");
		return text;
	}
	format_endpoint(&list->names, vip, (unsigned int)number_of(service, "port"),
			protocol_of(service), endpoint);
	if (end)
		snprintf(endpoint + strlen(endpoint), sizeof(endpoint) - strlen(endpoint), "-%llu",
			 end);
	if (!strchr(vip, ':'))
		endpoint[SERVICE_NAME] = '\0';
	snprintf(text, FORMAT_NAME, "%s  %.1000s", protocol_title(service), endpoint);
	return text;
}

char *list_rate_key(const json_t *service, const json_t *server, char text[static FORMAT_NAME])
{
	char ports[SERVICE_PATH];
	int length;

	if (service_mark(service)) // which rows and services say in different ways
		length = snprintf(text, FORMAT_NAME, "fwmark%d %lld", service_mark_is_ipv6(service),
				  service_mark(service));
	else
		length = snprintf(text, FORMAT_NAME, "%s %s %s", text_of(service, "protocol"),
				  text_of(service, "vip"), service_ports(service, ports));
	if (server)
		snprintf(text + length, (size_t)(FORMAT_NAME - length), " %s %llu",
			 text_of(server, "address"), number_of(server, "port"));
	return text;
}

static const json_t *rate_find(const struct list *list, const json_t *service, const json_t *server)
{
	char key[FORMAT_NAME];

	return json_object_get(list->rates, list_rate_key(service, server, key));
}

static void large_print(const struct list *list, unsigned long long number)
{
	char text[FORMAT_NUMBER];

	fputs(format_large(number, list->exact, text), list->out);
}

static void traffic_print(const struct list *list, const json_t *counters)
{
	large_print(list, number_of(counters, "connections"));
	large_print(list, number_of(counters, "packets_in"));
	large_print(list, number_of(counters, "packets_out"));
	large_print(list, number_of(counters, "bytes_in"));
	large_print(list, number_of(counters, "bytes_out"));
}

/* The tool's BPS are bytes a second; the daemon tells bits. */
static void rate_bytes_print(const struct list *list, const json_t *rate)
{
	large_print(list, number_of(rate, "bits_in_per_second") / 8);
	large_print(list, number_of(rate, "bits_out_per_second") / 8);
}

static bool syn_proxy_is_on(const json_t *proxy)
{
	const json_t *enabled = json_is_object(proxy) ? json_object_get(proxy, "enabled") : proxy;

	return json_is_true(enabled) || json_is_string(enabled);
}

/* How its sessions begin, in the order of the tool's words. */
static void sessions_print(struct list *list, const json_t *service)
{
	unsigned long long bits = number_of(service, "netmask");

	if (!strcmp(text_of(service, "scheduler"), "conhash"))
		fputs(strcmp(text_of(service, "hash_target"), "qid") ? " sip" : " qid", list->out);
	if (number_of(service, "persistent")) {
		fprintf(list->out, " persistent %llu", number_of(service, "persistent"));
		if (bits && strchr(text_of(service, "vip"), ':'))
			fprintf(list->out, " mask %llu", bits);
		else if (bits)
			fprintf(list->out, " mask %u.%u.%u.%u",
				(unsigned int)(UINT32_MAX << (32 - bits) >> 24),
				(unsigned int)(UINT32_MAX << (32 - bits) >> 16 & 255),
				(unsigned int)(UINT32_MAX << (32 - bits) >> 8 & 255),
				(unsigned int)(UINT32_MAX << (32 - bits) & 255));
	}
	if (json_is_true(json_object_get(service, "one_packet")))
		fputs(" ops", list->out);
	if (syn_proxy_is_on(json_object_get(service, "syn_proxy")))
		fputs(" synproxy", list->out);
}

static void service_print(struct list *list, const json_t *service)
{
	unsigned int timeout = service_conn_timeout(service);
	char name[FORMAT_NAME];

	service_name(list, service, name);
	if (list->view == VIEW_STATS) {
		fprintf(list->out, "%-33s", name);
		traffic_print(list, service);
	} else if (list->view == VIEW_RATE) {
		const json_t *rate = rate_find(list, service, NULL);
		fprintf(list->out, "%-33s", name);
		large_print(list, number_of(rate, "connections_per_second"));
		large_print(list, number_of(rate, "packets_in_per_second"));
		large_print(list, number_of(rate, "packets_out_per_second"));
		rate_bytes_print(list, rate);
	} else {
		fprintf(list->out, "%s %s", name, text_of(service, "scheduler"));
		sessions_print(list, service);
		if (timeout)
			fprintf(list->out, " conn-timeout %u", timeout);
		if (json_object_get(service, "proxy_protocol"))
			fprintf(list->out, " pp%s", text_of(service, "proxy_protocol"));
		if (json_is_true(json_object_get(service, "expire_quiescent")))
			fputs(" expire-quiescent", list->out);
		if (!strcmp(text_of(service, "quic"), "dpvs"))
			fputs(" quic", list->out);
	}
	fputc('\n', list->out);
}

/* Real servers */

static const char *mode_name(const json_t *service, const json_t *server)
{
	static const char *const names[][2] = {
		{"fullnat", "FullNat"}, {"dr", "Route"},  {"tunnel", "Tunnel"},
		{"nat", "Masq"},	{"snat", "SNAT"},
	};
	const char *mode = text_of(server, "mode");

	mode = *mode ? mode : text_of(service, "mode");
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i][0], mode))
			return names[i][1];
	return mode;
}

static void server_print(struct list *list, const json_t *service, const json_t *server)
{
	const char *address = text_of(server, "address");
	unsigned long long active = number_of(server, "active");
	unsigned long long inactive = number_of(server, "inactive");
	const json_t *rate = rate_find(list, service, server);
	char name[FORMAT_NAME];

	format_endpoint(&list->names, address, (unsigned int)number_of(server, "port"),
			protocol_of(service), name);
	if (!strchr(address, ':'))
		name[SERVER_NAME] = '\0';
	fprintf(list->out, "  -> %-28s", name);
	switch (list->view) {
	case VIEW_STATS:
		traffic_print(list, server);
		break;
	case VIEW_RATE:
		fprintf(list->out, " %8llu %8llu %8llu", number_of(rate, "connections_per_second"),
			number_of(rate, "packets_in_per_second"),
			number_of(rate, "packets_out_per_second"));
		rate_bytes_print(list, rate);
		break;
	case VIEW_THRESHOLDS:
		fprintf(list->out, " %-10llu %-10llu %-10llu %-10llu",
			number_of(server, "upper_threshold"), number_of(server, "lower_threshold"),
			active, inactive);
		break;
	case VIEW_PERSISTENT:
		fprintf(list->out, " %-9llu %-11llu %-10llu %-10llu", number_of(server, "weight"),
			number_of(server, "persistent_connections"), active, inactive);
		break;
	case VIEW_PLAIN:
		fprintf(list->out, " %-7s %-6llu %-10llu %-10llu%s", mode_name(service, server),
			number_of(server, "weight"), active, inactive,
			!strcmp(text_of(server, "health"), "down") ? " inhibited" : "");
		break;
	}
	fputc('\n', list->out);
}

/* Order */

struct row {
	const json_t *object;
	struct addr addr;
	unsigned int port;
	int protocol;
};

static int row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->addr.family != y->addr.family)
		return x->addr.family < y->addr.family ? -1 : 1;
	if (x->protocol != y->protocol)
		return x->protocol - y->protocol;
	int order = addr_compare(&x->addr, &y->addr);
	if (order == 0 && match_of_service(x->object))
		return strcmp(text_of(x->object, "vip"), text_of(y->object, "vip"));
	return order ? order : (x->port > y->port) - (x->port < y->port);
}

/* Objects with an address and a port, sorted if that is wanted; the caller frees. */
static struct row *rows_make(const struct list *list, const json_t *array, const char *address)
{
	size_t count = json_array_size(array);
	struct row *rows = calloc(count + 1, sizeof(*rows));

	if (!rows)
		abort();
	for (size_t i = 0; i < count; i++) {
		const json_t *object = json_array_get(array, i);
		rows[i].object = object;
		if (addr_parse(text_of(object, address), &rows[i].addr) < 0)
			rows[i].addr = (struct addr){.family = AF_UNSPEC}; // by mark: first
		rows[i].port = service_mark(object) ? (unsigned int)service_mark(object)
						    : (unsigned int)number_of(object, "port");
		rows[i].protocol = protocol_parse(protocol_of(object));
	}
	if (list->sorted)
		qsort(rows, count, sizeof(*rows), row_compare);
	return rows;
}

void list_services(struct list *list, const json_t *services)
{
	struct row *rows = rows_make(list, services, "vip");

	for (const struct row *service = rows; service->object; service++) {
		struct row *servers = rows_make(list, json_object_get(service->object, "servers"),
						"address");
		service_print(list, service->object);
		for (const struct row *server = servers; server->object; server++)
			// One that its checks have taken out is not in the service.
			if (!json_is_true(json_object_get(server->object, "removed")))
				server_print(list, service->object, server->object);
		free(servers);
	}
	free(rows);
}

/* Connections */

static void session_endpoint(struct list *list, const json_t *session, const char *address,
			     const char *port, const char *format)
{
	char text[FORMAT_NAME];

	format_endpoint(&list->names, text_of(session, address),
			(unsigned int)number_of(session, port), protocol_of(session), text);
	fprintf(list->out, format, text);
}

void list_connection(struct list *list, const json_t *session)
{
	char timeout[FORMAT_NUMBER];

	snprintf(timeout, sizeof(timeout), "%llus", number_of(session, "expires"));
	// Workers are counted from 1 on here, 0 being the thread that does not forward.
	fprintf(list->out, "[%llu]%-3s %-6s %-11s ", number_of(session, "worker") + 1,
		text_of(session, "protocol"), timeout, format_state(text_of(session, "state")));
	session_endpoint(list, session, "client", "client_port", "%-18s ");
	session_endpoint(list, session, "vip", "vip_port", "%-18s ");
	session_endpoint(list, session, "local", "local_port", "%-18s ");
	session_endpoint(list, session, "server", "server_port", "%s\n");
}

/* Local addresses, and lists of clients */

void list_local_titles(FILE *out)
{
	fprintf(out, "%-20s %-8s %-20s %-10s %-10s\n", "VIP:VPORT", "TOTAL", "SNAT_IP", "CONFLICTS",
		"CONNS");
}

void list_local(FILE *out, const json_t *service, const json_t *addresses,
		const json_t *connections)
{
	struct names names = {.numeric = true};
	const char *vip = text_of(service, "vip");
	char text[FORMAT_NAME];
	const json_t *entry;
	size_t i;

	format_endpoint(&names, vip, (unsigned int)number_of(service, "port"), "tcp", text);
	fprintf(out, "%-20s %-8zu \n", text, json_array_size(addresses));
	json_array_foreach ((json_t *)addresses, i, entry) {
		const char *address = text_of(entry, "address");
		format_local_key(text_of(service, "protocol"), vip,
				 (long long)number_of(service, "port"), address, text);
		fprintf(out, "%-20s %-8s %-20s %-10u %-10llu\n", "", "", address, 0,
			number_of(connections, text));
	}
	names_free(&names);
}

void list_access(FILE *out, const json_t *service, const char *entry)
{
	struct names names = {.numeric = true};
	const char *vip = text_of(service, "vip"), *protocol = text_of(service, "protocol");
	char text[FORMAT_NAME], upper[16];
	unsigned int i = 0;

	for (; protocol && protocol[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)toupper((unsigned char)protocol[i]);
	upper[i] = '\0';
	if (vip)
		format_endpoint(&names, vip, (unsigned int)number_of(service, "port"), "tcp", text);
	else
		snprintf(text, sizeof(text), "FWM %llu", number_of(service, "fwmark"));
	fprintf(out, "%-8s %-30s %-30s\n", upper, text, entry);
	names_free(&names);
}

void list_access_titles(FILE *out, bool deny)
{
	fprintf(out, "%-8s %-30s %-30s\n", "PROTO", "VIP:VPORT", deny ? "BLACKLIST" : "WHITELIST");
}
