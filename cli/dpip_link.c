/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip link: ports and workers as DPVS shows NICs and CPUs, and what can be set on a port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dpip.h"
#include "dpip_bond.h"
#include "dpip_lldp.h"
#include "place.h"

/* Pairs of lines: the names, then the values, in columns of one width. */
struct cell {
	const char *name, *field;
};

static void cells_print(const json_t *row, const struct cell *cells, int width, const char *unit)
{
	char text[48];

	printf("    ");
	for (const struct cell *cell = cells; cell->name; cell++) {
		snprintf(text, sizeof(text), "%s%s", cell->name, unit);
		printf("%-*s", width, text);
	}
	printf("\n    ");
	for (const struct cell *cell = cells; cell->name; cell++)
		printf("%-*lld", width, dpip_integer(row, cell->field));
	putchar('\n');
}

static const struct cell traffic_cells[] = {
	{"ipackets", "packets_in"},
	{"opackets", "packets_out"},
	{"ibytes", "bytes_in"},
	{"obytes", "bytes_out"},
	{NULL},
};
static const struct cell error_cells[] = {
	{"ierrors", "errors_in"},
	{"oerrors", "errors_out"},
	{"imissed", "missed"},
	{"rx_nombuf", "no_buffer"},
	{NULL},
};

/* Ports */

static bool is_true(const json_t *row, const char *field)
{
	return json_is_true(json_object_get(row, field));
}

static void port_print(const json_t *port)
{
	long long socket = dpip_integer(port, "socket");

	printf("%lld: %s: socket %lld mtu %lld rx-queue %lld tx-queue %lld\n",
	       dpip_integer(port, "id") + 1, dpip_text(port, "name"), socket < 0 ? 0 : socket,
	       dpip_integer(port, "mtu"), dpip_integer(port, "receive_queues"),
	       dpip_integer(port, "transmit_queues"));
	printf("    %s %lld Mbps %s %s%s%s%s%s%s\n", is_true(port, "up") ? "UP" : "DOWN",
	       dpip_integer(port, "speed_mbps"),
	       is_true(port, "full_duplex") ? "full-duplex" : "half-duplex",
	       is_true(port, "autonegotiation") ? "auto-nego" : "fixed-nego",
	       is_true(port, "promiscuous") ? " promisc" : "",
	       is_true(port, "all_multicast") ? " allmulticast" : "",
	       is_true(port, "tc_egress") ? " tc-egress" : "",
	       is_true(port, "tc_ingress") ? " tc-ingress" : "",
	       dpip_lldp_enabled(dpip_text(port, "tap")) ? " lldp" : "");
	printf("    addr %s%s\n", dpip_text(port, "mac"),
	       is_true(port, "transmit_checksum") ? " OF_TX_IP_CSUM OF_TX_TCP_CSUM OF_TX_UDP_CSUM"
						  : "");
}

static void port_print_statistics(const json_t *port)
{
	static const struct cell buffer_cells[] = {
		{"mbuf-avail", "buffers_available"},
		{"mbuf-inuse", "buffers_used"},
		{NULL},
	};

	cells_print(port, traffic_cells, 20, "");
	cells_print(port, error_cells, 20, "");
	cells_print(port, buffer_cells, 20, "");
}

/* What only -v shows of the device: rows of titles and values. */
static void port_print_device(const json_t *port)
{
	static const struct {
		const char *field;
		bool hexadecimal;
	} fields[] = {
		{"if_index", false},	   {"min_rx_bufsize", false}, {"max_rx_pktlen", false},
		{"max_mac_addrs", false},  {"max_rx_queues", false},  {"max_tx_queues", false},
		{"max_hash_addrs", false}, {"max_vfs", false},	      {"max_vmdq_pools", false},
		{"rx_ol_capa", true},	   {"tx_ol_capa", true},      {"reta_size", false},
		{"hash_key_size", false},  {"flowtype_rss_ol", true}, {"vmdq_que_base", false},
		{"vmdq_que_num", false},   {"rx_desc_max", false},    {"rx_desc_min", false},
		{"rx_desc_align", false},  {"vmdq_pool_base", false}, {"tx_desc_max", false},
		{"tx_desc_min", false},	   {"tx_desc_align", false},  {"speed_capa", true},
	};
	const json_t *info = json_object_get(port, "info");

	printf("    %-32s%-32s\n    %-32s%-32s\n", "pci_addr", "driver_name",
	       dpip_text(port, "address"), dpip_text(port, "driver"));
	for (unsigned int at = 0; at < sizeof(fields) / sizeof(*fields); at += 4) {
		printf("    ");
		for (unsigned int i = at; i < at + 4; i++)
			printf("%-16s", fields[i].field);
		printf("\n    ");
		for (unsigned int i = at; i < at + 4; i++)
			printf(fields[i].hexadecimal ? "%-#16llx" : "%-16lld",
			       dpip_integer(info, fields[i].field));
		putchar('\n');
	}
	printf("    Queue Configuration:\n");
	for (long long i = 0; i < dpip_integer(port, "receive_queues"); i++)
		printf("    rx%lld: worker %lld\n", i, i);
	for (long long i = 0; i < dpip_integer(port, "transmit_queues"); i++)
		printf("    tx%lld: worker %lld\n", i, i);
}

static void port_print_multicast(const json_t *groups, const char *name)
{
	const json_t *group;
	size_t i;

	printf("    HW mcast list:\n");
	json_array_foreach (groups, i, group)
		if (!strcmp(dpip_text(group, "interface"), name) &&
		    !strcmp(dpip_text(group, "family"), "link"))
			printf("        link %s\n", dpip_text(group, "address"));
}

static void port_print_counters(const json_t *port)
{
	const json_t *list = json_object_get(port, "xstats"), *one;
	size_t i;

	printf("    xstats list:\n");
	if (!json_is_array(list))
		printf("        not supported\n");
	json_array_foreach (list, i, one)
		printf("        %-6lld %s: %lld\n", dpip_integer(one, "id"), dpip_text(one, "name"),
		       dpip_integer(one, "value"));
}

/* An interface that is no port's: what it stands on is said by `dpip vlan show` and the like. */
static void stacked_print(const struct dpip *dpip, const json_t *row)
{
	printf("%s: mtu %lld\n    %s\n    addr %s\n", dpip_text(row, "name"),
	       dpip_integer(row, "mtu"), is_true(row, "up") ? "UP" : "DOWN", dpip_text(row, "mac"));
	if (dpip->statistics)
		cells_print(row, traffic_cells, 20, "");
}

static enum exit_code stacked_show_all(struct dpip *dpip, const char *path, const char *name)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, path, name, &answer, &rows);
	size_t i;

	json_array_foreach (rows, i, row)
		stacked_print(dpip, row);
	json_decref(answer);
	return code;
}

static enum exit_code port_show(struct dpip *dpip, const char *name)
{
	char path[PLACE_TEXT];
	json_t *port, *answer = NULL, *groups = NULL;
	enum exit_code code;

	snprintf(path, sizeof(path), "/v1/ports/%s", name);
	code = client_get(dpip->client, path, &port);
	if (code == EXIT_OK && !json_object_get(port, "device")) {
		stacked_print(dpip, port);
		json_decref(port);
		return EXIT_OK;
	}
	if (code == EXIT_OK && dpip->verbose)
		code = dpip_list(dpip, "/v1/multicast", "groups", &answer, &groups);
	if (code == EXIT_OK) {
		port_print(port);
		if (dpip->verbose) {
			port_print_device(port);
			port_print_multicast(groups, name);
		}
		if (dpip->statistics)
			port_print_statistics(port);
		if (dpip->verbose && dpip->statistics)
			port_print_counters(port);
	}
	json_decref(answer);
	json_decref(port);
	return code;
}

/* Workers */

static const struct cell loop_cells[] = {
	{"lcore_loop", "loops"},
	{"pktburst", "batches"},
	{"zpktburst", "loops_idle"},
	{NULL},
};
static const struct cell packet_cells[] = {
	{"ipackets", "packets"},
	{"opackets", "sent"},
	{"dropped", "dropped"},
	{NULL},
};

static void worker_print(const struct dpip *dpip, const json_t *worker, const json_t *ports)
{
	const json_t *cpu = json_object_get(worker, "cpu"), *port;
	long long number = dpip_integer(worker, "worker");
	size_t i;

	printf("%lld: cpu%lld: socket 0", number, number);
	if (cpu)
		printf(" (pinned to CPU %lld)", (long long)json_integer_value(cpu));
	printf("\n    queues");
	json_array_foreach (ports, i, port) {
		const char *name = dpip_text(port, "name");

		if (number < dpip_integer(port, "receive_queues"))
			printf(" rx%lld@%s", number, name);
		if (number < dpip_integer(port, "transmit_queues"))
			printf(" tx%lld@%s", number, name);
	}
	putchar('\n');
	if (dpip->statistics && !dpip->interval) {
		cells_print(worker, loop_cells, 20, "");
		cells_print(worker, packet_cells, 20, "");
	}
}

/* Drops of a worker as a field of it. */
static void workers_add_drops(json_t *workers, const json_t *drops)
{
	const json_t *drop;
	json_t *worker;
	size_t i, k;

	json_array_foreach (workers, i, worker) {
		long long sum = 0;

		json_array_foreach (drops, k, drop)
			sum += json_integer_value(
				json_array_get(json_object_get(drop, "workers"), i));
		json_object_set_new(worker, "dropped", json_integer(sum));
	}
}

static enum exit_code workers_get(struct dpip *dpip, json_t **answer, json_t **workers)
{
	json_t *drops, *rows;
	enum exit_code code = dpip_list(dpip, "/v1/workers", "workers", answer, workers);

	if (code != EXIT_OK)
		return code;
	code = dpip_list(dpip, "/v1/drops", "drops", &drops, &rows);
	workers_add_drops(*workers, rows);
	json_decref(drops);
	return code;
}

/* `only`: the worker's number, or -1 for all. */
static enum exit_code workers_show(struct dpip *dpip, long long only)
{
	json_t *answer, *workers, *worker, *ports = NULL, *port_rows;
	enum exit_code code = workers_get(dpip, &answer, &workers);
	bool found = false;
	size_t i;

	if (code == EXIT_OK)
		code = dpip_list(dpip, "/v1/ports", "ports", &ports, &port_rows);
	if (code == EXIT_OK && only < 0)
		puts("<< Data Plane >>");
	json_array_foreach (workers, i, worker) {
		if (code != EXIT_OK || (only >= 0 && only != dpip_integer(worker, "worker")))
			continue;
		worker_print(dpip, worker, port_rows);
		found = true;
	}
	json_decref(ports);
	json_decref(answer);
	if (code == EXIT_OK && !found)
		code = dpip_refused("there is no worker %lld", only);
	return code;
}

/* Rates: what is more than in the round before, by the seconds that were asked for */

static json_t *differences(const json_t *now, const json_t *before, unsigned int seconds)
{
	json_t *rates = json_object();
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)now, name, value)
		if (json_is_integer(value))
			json_object_set_new(rates, name,
					    json_integer((json_integer_value(value) -
							  dpip_integer(before, name)) /
							 seconds));
	return rates;
}

static void rates_print(const json_t *rates, bool worker)
{
	static const struct cell packets[] = {
		{"ipackets/pps", "packets_in"},
		{"opackets/pps", "packets_out"},
		{"ibytes/Bps", "bytes_in"},
		{"obytes/Bps", "bytes_out"},
		{NULL},
	};
	static const struct cell errors[] = {
		{"ierrors/pps", "errors_in"},
		{"oerrors/pps", "errors_out"},
		{"imissed/pps", "missed"},
		{"rx_nombuf/pps", "no_buffer"},
		{NULL},
	};
	static const struct cell loops[] = {
		{"lcore_loop/lps", "loops"},
		{"pktburst/nps", "batches"},
		{"zpktburst/nps", "loops_idle"},
		{NULL},
	};
	static const struct cell of_worker[] = {
		{"ipackets/pps", "packets"},
		{"opackets/pps", "sent"},
		{"dropped/pps", "dropped"},
		{NULL},
	};

	cells_print(rates, worker ? loops : packets, 16, "");
	cells_print(rates, worker ? of_worker : errors, 16, "");
}

static json_t *sample_of(struct dpip *dpip, const char *name, long long worker)
{
	json_t *answer = NULL, *workers, *row = NULL;
	char path[PLACE_TEXT];

	if (name) {
		snprintf(path, sizeof(path), "/v1/ports/%s", name);
		return client_get(dpip->client, path, &answer) == EXIT_OK ? answer : NULL;
	}
	if (workers_get(dpip, &answer, &workers) == EXIT_OK)
		row = json_incref(json_array_get(workers, (size_t)worker));
	json_decref(answer);
	return row;
}

/* Of a port, or with `name` NULL of a worker; without -c until somebody ends it. */
static enum exit_code rates_show(struct dpip *dpip, const char *name, long long worker)
{
	json_t *before = sample_of(dpip, name, worker);

	for (unsigned int round = 0; before && (!dpip->count || round < dpip->count); round++) {
		const struct timespec pause = {.tv_sec = dpip->interval};
		json_t *now, *rates;

		nanosleep(&pause, NULL);
		now = sample_of(dpip, name, worker);
		rates = now ? differences(now, before, dpip->interval) : NULL;
		json_decref(before);
		before = now;
		if (!now)
			break; // said already by who asked
		if (dpip->colour)
			fputs(round % 2 ? "\033[32m" : "\033[34m", stdout);
		rates_print(rates, !name);
		if (dpip->colour)
			fputs("\033[0m", stdout);
		putchar('\n');
		fflush(stdout);
		json_decref(rates);
	}
	if (!before)
		return EXIT_REFUSED;
	json_decref(before);
	return EXIT_OK;
}

/* Show */

static enum exit_code ports_show(struct dpip *dpip)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/ports", "ports", &answer, &rows);
	size_t i;

	json_array_foreach (rows, i, row)
		if (code == EXIT_OK)
			code = port_show(dpip, dpip_text(row, "name"));
	json_decref(answer);
	if (code == EXIT_OK)
		code = stacked_show_all(dpip, "/v1/vlans", "vlans");
	if (code == EXIT_OK)
		code = stacked_show_all(dpip, "/v1/tunnels", "tunnels");
	return code;
}

static enum exit_code link_show(struct dpip *dpip)
{
	const char *what = dpip->words[0], *more = what ? dpip->words[1] : NULL;
	long long worker = -1;
	char name[32];
	enum exit_code code;

	if (more && (strcmp(more, "status") || dpip->words[2]))
		return dpip_wrong("unknown word \"%s\"; see `dpip link help`", more);
	if (!what && dpip->interval)
		return dpip_wrong("-i needs a NIC or a CPU: `dpip link show NIC -s -i N`");
	if (!what)
		return ports_show(dpip);
	if (!strcmp(what, "cpu"))
		return dpip->interval ? dpip_wrong("-i needs one CPU, such as cpu0")
				      : workers_show(dpip, -1);
	if (!strncmp(what, "cpu", 3)) {
		code = dpip_number("cpu", what + 3, 0, 1023, &worker);
		if (code == EXIT_OK && !dpip->count)
			dpip->count = dpip->interval ? 0 : 1;
		if (code == EXIT_OK)
			code = workers_show(dpip, worker);
		return code == EXIT_OK && dpip->interval ? rates_show(dpip, NULL, worker) : code;
	}
	code = dpip_device(dpip, what, name);
	if (code != EXIT_OK)
		return code;
	// The status of a bond; a port has none beyond what is always shown.
	if (dpip->interval && !more)
		return rates_show(dpip, name, -1);
	code = port_show(dpip, name);
	return code == EXIT_OK && more ? dpip_bond_status(dpip, name) : code;
}

/* Set */

/* The interface in Linux, which LLDP is spoken on. */
static enum exit_code lldp_set(struct dpip *dpip, const char *name, bool on)
{
	char path[PLACE_TEXT];
	json_t *port;
	enum exit_code code;

	snprintf(path, sizeof(path), "/v1/ports/%s", name);
	code = client_get(dpip->client, path, &port);
	if (code == EXIT_OK)
		code = dpip_lldp_enable(dpip_text(port, "tap"), on);
	json_decref(port);
	return code;
}

static enum exit_code switch_set(struct dpip *dpip, const char *name, const char *item,
				 const char *value)
{
	bool on = !strcmp(value, "on");

	if (!on && strcmp(value, "off"))
		return dpip_wrong("%s: \"%s\" is neither on nor off", item, value);
	if (!strcmp(item, "promisc"))
		return dpip_patch(dpip, "ports", name, "promiscuous", json_boolean(on));
	if (!strcmp(item, "allmulticast"))
		return dpip_patch(dpip, "ports", name, "all_multicast", json_boolean(on));
	if (!strcmp(item, "lldp"))
		return lldp_set(dpip, name, on);
	if (!strcmp(item, "forward2kni"))
		return dpip_refused("forward2kni: packets are copied by `weirctl capture -i %s "
				    "-w FILE`, into a file, with their fate",
				    name);
	return dpip_patch(dpip, "traffic-control", name,
			  !strcmp(item, "tc-egress") ? "egress" : "ingress", json_boolean(on));
}

static enum exit_code link_set(struct dpip *dpip)
{
	static const char *const switches[] = {
		[0] = "promisc", "allmulticast", "lldp", "forward2kni",
		"tc-egress",	 "tc-ingress",	 NULL};
	const char *device = dpip->words[0], *item = device ? dpip->words[1] : NULL;
	const char *value = item ? dpip->words[2] : NULL;
	unsigned int i = 0;
	char name[32];
	enum exit_code code;

	if (!item)
		return dpip_wrong("missing %s; see `dpip link help`", device ? "item" : "NIC");
	// "up" and "down" are items without a value, as of ip-link(8), and values of "link".
	if (!value && (!strcmp(item, "up") || !strcmp(item, "down"))) {
		value = item;
		item = "link";
	}
	if (!value)
		return dpip_wrong("%s: missing value; see `dpip link help`", item);
	if (dpip->words[2] && dpip->words[3])
		return dpip_wrong("unknown word \"%s\"; see `dpip link help`", dpip->words[3]);
	code = dpip_device(dpip, device, name);
	if (code != EXIT_OK)
		return code;
	while (switches[i] && strcmp(switches[i], item))
		i++;
	if (switches[i])
		return switch_set(dpip, name, item, value);
	if (!strcmp(item, "addr"))
		return dpip_patch(dpip, "ports", name, "mac", json_string(value));
	if (!strncmp(item, "bond-", 5))
		return dpip_bond_set(dpip, name, item, value);
	if (strcmp(item, "link"))
		return dpip_wrong("no item \"%s\"; see `dpip link help`", item);
	if (strcmp(value, "up") && strcmp(value, "down"))
		return dpip_wrong("link: \"%s\" is neither up nor down", value);
	return dpip_patch(dpip, "ports", name, "up", json_boolean(!strcmp(value, "up")));
}

enum exit_code dpip_link(struct dpip *dpip)
{
	if (dpip_is(dpip, "show"))
		return link_show(dpip);
	if (dpip_is(dpip, "set"))
		return link_set(dpip);
	if (dpip_is(dpip, "add") || dpip_is(dpip, "del"))
		return dpip_bond_member(dpip);
	return dpip_no_command(dpip, "show, set, add, del");
}
