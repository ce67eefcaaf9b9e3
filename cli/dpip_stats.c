/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip ipv6, iftraf and eal-mem: counters and memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "dpip.h"

/* IPv6: names as Linux has them. What the data path forwards is counted with those that it is. */
static const struct {
	const char *name;
	const char *forwarded[2]; // fields of what the data path has forwarded, NULL: none
} ipv6_lines[] = {
	{"InReceives", {[0] = "packets_in", "packets_out"}},
	{"InHdrErrors", {NULL}},
	{"InTooBigErrors", {NULL}},
	{"InNoRoutes", {NULL}},
	{"InAddrErrors", {NULL}},
	{"InUnknownProtos", {NULL}},
	{"InTruncatedPkts", {NULL}},
	{"InDiscards", {NULL}},
	{"InDelivers", {NULL}},
	{"OutForwDatagrams", {[0] = "packets_in", "packets_out"}},
	{"OutRequests", {NULL}},
	{"OutDiscards", {NULL}},
	{"OutNoRoutes", {NULL}},
	{"ReasmTimeout", {NULL}},
	{"ReasmReqds", {NULL}},
	{"ReasmOKs", {NULL}},
	{"ReasmFails", {NULL}},
	{"FragOKs", {NULL}},
	{"FragFails", {NULL}},
	{"FragCreates", {NULL}},
	{"InMcastPkts", {NULL}},
	{"OutMcastPkts", {NULL}},
	{"InBcastPkts", {NULL}},
	{"OutBcastPkts", {NULL}},
	{"InOctets", {[0] = "bytes_in", "bytes_out"}},
	{"OutOctets", {[0] = "bytes_in", "bytes_out"}},
	{"InMcastOctets", {NULL}},
	{"OutMcastOctets", {NULL}},
	{"InBcastOctets", {NULL}},
	{"OutBcastOctets", {NULL}},
	{"InCsumErrors", {NULL}},
	{"InNoECTPkts", {NULL}},
	{"InECT1Pkts", {NULL}},
	{"InECT0Pkts", {NULL}},
	{"InCEPkts", {NULL}},
};

/* `linux_counts` may be NULL: Linux does not count by worker. */
static void ipv6_print(const json_t *linux_counts, const json_t *forwarded, const char *indent)
{
	for (unsigned int i = 0; i < sizeof(ipv6_lines) / sizeof(*ipv6_lines); i++) {
		const char *name = ipv6_lines[i].name;
		long long value = dpip_integer(linux_counts, name);
		char text[32];

		for (unsigned int k = 0; k < 2 && ipv6_lines[i].forwarded[k]; k++)
			value += dpip_integer(forwarded, ipv6_lines[i].forwarded[k]);
		snprintf(text, sizeof(text), "%s:", name);
		printf("%s%-18s %lld\n", indent, text, value);
	}
}

enum exit_code dpip_ipv6(struct dpip *dpip)
{
	const char *cpu = NULL, *all = NULL, *total = NULL;
	const struct dpip_word table[] = {
		{"cpu", false, &cpu},
		{"all", true, &all},
		{"total", true, &total},
		{NULL},
	};
	enum exit_code code = dpip_words(dpip, table, NULL, NULL);
	json_t *answer, *workers, *worker;
	long long number = -1;
	size_t i;

	if (code != EXIT_OK)
		return code;
	if (!dpip_is(dpip, "show"))
		return dpip_no_command(dpip, "show");
	if ((cpu != NULL) + (all != NULL) + (total != NULL) > 1)
		return dpip_wrong("\"cpu\", \"all\" and \"total\" exclude each other");
	if (cpu)
		code = dpip_number("cpu", cpu, 0, 1023, &number);
	if (code == EXIT_OK)
		code = dpip_list(dpip, "/v1/ipv6", "workers", &answer, &workers);
	if (code != EXIT_OK)
		return code;
	worker = json_array_get(workers, (size_t)number);
	if (cpu && !worker)
		code = dpip_refused("there is no worker %lld", number);
	if (code == EXIT_OK && all)
		puts("All");
	if (code == EXIT_OK)
		ipv6_print(cpu ? NULL : json_object_get(answer, "linux"),
			   cpu ? worker : json_object_get(answer, "forwarded"), all ? "    " : "");
	json_array_foreach (workers, i, worker) {
		if (!all)
			break;
		printf("cpu %zu\n", i);
		ipv6_print(NULL, worker, "    ");
	}
	json_decref(answer);
	return code;
}

/* The flows that carry most */

static enum exit_code iftraf_show(struct dpip *dpip, const char *device)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/top", "top", &answer, &rows);
	char last[32] = "";
	unsigned int number = 0;
	size_t i;

	if (code == EXIT_OK && !json_is_true(json_object_get(answer, "enabled")))
		fputs("warnning: disabled.\n", stderr); // as DPVS spells it
	json_array_foreach (rows, i, row) {
		const char *interface = dpip_text(row, "interface");

		if (!dpip_row_on(row, device))
			continue;
		number = strcmp(last, interface) ? 1 : number + 1;
		snprintf(last, sizeof(last), "%s", interface);
		printf("top%u: %s, [%s, %lld -> %s, %lld | %s], [%lld, %lld]\n", number, interface,
		       dpip_text(row, "source"), dpip_integer(row, "source_port"),
		       dpip_text(row, "destination"), dpip_integer(row, "destination_port"),
		       dpip_text(row, "protocol"), dpip_integer(row, "received_bytes_per_second"),
		       dpip_integer(row, "sent_bytes_per_second"));
	}
	json_decref(answer);
	return code;
}

enum exit_code dpip_iftraf(struct dpip *dpip)
{
	const char *dev = NULL, *all = NULL;
	const struct dpip_word table[] = {{"dev", false, &dev}, {"all", true, &all}, {NULL}};
	enum exit_code code = dpip_words(dpip, table, NULL, NULL);
	bool enable = dpip_is(dpip, "enable");
	char device[32];
	json_t *body;

	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "show")) {
		if (dev && all)
			return dpip_wrong("\"dev\" and \"all\" exclude each other");
		if (dev)
			code = dpip_device(dpip, dev, device);
		return code == EXIT_OK ? iftraf_show(dpip, dev ? device : NULL) : code;
	}
	if (!enable && !dpip_is(dpip, "disable"))
		return dpip_no_command(dpip, "enable, disable, show");
	if (dev || all)
		return dpip_wrong("it is for all interfaces: \"%s\" takes no words", dpip->command);
	body = json_pack("{s:b}", "enabled", enable);
	code = client_request(dpip->client, "PUT", "/v1/top", body, NULL);
	json_decref(body);
	return code;
}

/* Memory */

struct memory_column {
	const char *title, *field;
	int width; // negative: left-justified
	char kind; // 't'ext, 'd'ecimal, 'x' hexadecimal, 'k'ilobytes, 'm'egabytes
};

static void memory_value(const struct memory_column *column, const json_t *row)
{
	long long value = dpip_integer(row, column->field);
	char text[64];

	switch (column->kind) {
	case 't':
		snprintf(text, sizeof(text), "%s", dpip_text(row, column->field));
		break;
	case 'x':
		snprintf(text, sizeof(text), "0x%llx", value);
		break;
	case 'k':
		snprintf(text, sizeof(text), "%lld", value / 1024);
		break;
	case 'm':
		snprintf(text, sizeof(text), "%.2f", (double)value / (1 << 20));
		break;
	default:
		snprintf(text, sizeof(text), "%lld", value);
	}
	printf("%*s", column->width, text);
}

static enum exit_code memory_show(struct dpip *dpip, const char *name,
				  const struct memory_column *columns)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/memory", name, &answer, &rows);
	size_t i;

	if (code != EXIT_OK)
		return code;
	for (const struct memory_column *column = columns; column->title; column++)
		printf("%*s", column->width, column->title);
	putchar('\n');
	json_array_foreach (rows, i, row) {
		for (const struct memory_column *column = columns; column->title; column++)
			memory_value(column, row);
		putchar('\n');
	}
	json_decref(answer);
	return code;
}

static const struct memory_column segment_columns[] = {
	{"socket_id", "socket", -10, 'd'},
	{"iova", "iova", 16, 'x'},
	{"virt", "virtual", 16, 'x'},
	{"len(KB)", "bytes", 20, 'k'},
	{"hugepage_size(KB)", "page_bytes", 20, 'k'},
	{"nchannel", "channels", 10, 'd'},
	{"nrank", "ranks", 10, 'd'},
	{"free_len(KB)", "heap_free_bytes", 20, 'k'},
	{NULL},
};
static const struct memory_column zone_columns[] = {
	{"zone_id", "zone", -8, 'd'},	  {"name", "name", 32, 't'},
	{"iova", "iova", 16, 'x'},	  {"virt", "virtual", 16, 'x'},
	{"len", "bytes", 20, 'd'},	  {"hugepage_size", "page_bytes", 20, 'd'},
	{"socket_id", "socket", 10, 'd'}, {NULL},
};
static const struct memory_column pool_columns[] = {
	{"name", "name", -20, 't'},
	{"flags", "flags", 10, 'x'},
	{"elt_size", "element_bytes", 10, 'd'},
	{"header_size", "header_bytes", 12, 'd'},
	{"trailer_size", "trailer_bytes", 13, 'd'},
	{"private_data_size", "private_bytes", 18, 'd'},
	{"size", "size", 10, 'd'},
	{"used", "used", 10, 'd'},
	{"Mem(MB)", "bytes", 10, 'm'},
	{NULL},
};
static const struct memory_column ring_columns[] = {
	{"name", "name", -20, 't'},
	{"flags", "flags", 10, 'x'},
	{"size", "size", 10, 'd'},
	{"cons_tail", "consumer_tail", 10, 'd'},
	{"cons_head", "consumer_head", 10, 'd'},
	{"prod_tail", "producer_tail", 10, 'd'},
	{"prod_head", "producer_head", 10, 'd'},
	{"used", "used", 10, 'd'},
	{"avail", "available", 10, 'd'},
	{NULL},
};

enum exit_code dpip_memory(struct dpip *dpip)
{
	static const struct {
		const char *word, *name;
		const struct memory_column *columns;
	} tables[] = {
		{"seg", "segments", segment_columns},
		{"zone", "zones", zone_columns},
		{"pool", "pools", pool_columns},
		{"ring", "rings", ring_columns},
	};
	const char *word = dpip->words[0] ? dpip->words[0] : "seg";

	if (!dpip_is(dpip, "show"))
		return dpip_no_command(dpip, "show");
	if (dpip->words[0] && dpip->words[1])
		return dpip_wrong("unknown word \"%s\"; see `dpip eal-mem help`", dpip->words[1]);
	for (unsigned int i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (!strcmp(tables[i].word, word))
			return memory_show(dpip, tables[i].name, tables[i].columns);
	return dpip_wrong("\"%s\" is none of: seg, ring, zone, pool", word);
}
