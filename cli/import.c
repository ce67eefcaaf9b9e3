/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "blocks.h"
#include "command.h"
#include "face.h"
#include "findings.h"

/*
 * `weirctl import`: a weir.yaml out of a dpvs.conf. A table says of each key of dpvs.conf either
 * who uses it or why nobody does; keys that are in neither half are unknown. Nothing is lost in
 * silence: each line that weir.yaml does not get is named on standard error, with the reason.
 */
enum { IMPORT_PORTS = 64, IMPORT_CPUS = 128, IMPORT_TIMEOUT_MAX = 64800 };

struct import_port {
	const char *name, *tap, *device;
	unsigned long mtu, descriptors;
};

struct import {
	struct blocks *blocks;
	struct findings findings;
	const struct arguments *arguments;
	const char *log_level;
	unsigned long sessions, cpus[IMPORT_CPUS], main_cpu;
	bool has_main_cpu, drops;
	unsigned int cpu_count, port_count;
	struct import_port ports[IMPORT_PORTS];
	struct import_port *port;      // whose block is being read
	const struct block *worker;    // likewise
	const char *timeout_names[16]; // of weir.yaml
	unsigned long timeouts[16];
	unsigned int timeout_count;
};

struct key {
	const char *path; // blocks and key, without the names of devices and workers
	void (*use)(struct import *import, const struct block *block, const char *value);
	const char *what; // for `use`: a name in weir.yaml; without it: why it is not used
};

static void unused(struct import *import, const struct block *block, const char *why)
{
	finding_note(&import->findings, block, "%s is not used: %s", block->words[0], why);
}

/* A whole number within bounds; false after saying that it is none. */
static bool number_read(struct import *import, const struct block *block, const char *value,
			unsigned long least, unsigned long most, unsigned long *number)
{
	char *end = NULL;

	*number = value ? strtoul(value, &end, 10) : 0;
	if (value && end != value && !*end && *value != '-' && *number >= least && *number <= most)
		return true;
	finding_note(&import->findings, block,
		     "%s is not used: it takes a whole number from %lu to %lu", block->words[0],
		     least, most);
	return false;
}

static void use_log_level(struct import *import, const struct block *block, const char *value)
{
	static const char *const levels[][2] = {
		{"EMERG", "error"},	{"ALERT", "error"},   {"CRIT", "error"},
		{"ERR", "error"},	{"ERROR", "error"},   {"WARN", "warning"},
		{"WARNING", "warning"}, {"NOTICE", "notice"}, {"INFO", "info"},
		{"DEBUG", "debug"},
	};

	for (unsigned int i = 0; value && i < sizeof(levels) / sizeof(*levels); i++)
		if (!strcasecmp(levels[i][0], value)) {
			import->log_level = levels[i][1];
			return;
		}
	unused(import, block, "it is no level that weir has (error, warning, notice, info, debug)");
}

static void use_device(struct import *import, const struct block *block, const char *value)
{
	import->port = NULL;
	if (!value || import->port_count == IMPORT_PORTS) {
		unused(import, block, value ? "there are too many ports" : "it has no name");
		return;
	}
	import->port = &import->ports[import->port_count++];
	*import->port = (struct import_port){.name = value};
}

static void use_mtu(struct import *import, const struct block *block, const char *value)
{
	if (import->port)
		number_read(import, block, value, 68, 9216, &import->port->mtu);
}

/* rx and tx have one number for both in weir. */
static void use_descriptors(struct import *import, const struct block *block, const char *value)
{
	unsigned long number;

	if (import->port && number_read(import, block, value, 64, 16384, &number) &&
	    number > import->port->descriptors)
		import->port->descriptors = number;
}

static void use_tap(struct import *import, const struct block *block, const char *value)
{
	if (import->port && value && strlen(value) < 16)
		import->port->tap = value;
	else
		unused(import, block, "it is no name of an interface");
}

static void use_worker(struct import *import, const struct block *block, const char *value)
{
	import->worker = block;
}

static void use_cpu(struct import *import, const struct block *block, const char *value)
{
	const struct block *type = block_find(import->worker, "type");
	const char *kind = type && type->count > 1 ? type->words[1] : "slave";
	unsigned long cpu;

	if (!number_read(import, block, value, 0, 1023, &cpu))
		return;
	if (!strcmp(kind, "master")) {
		import->main_cpu = cpu;
		import->has_main_cpu = true;
	} else if (strcmp(kind, "slave")) {
		unused(import, block,
		       "copying packets to and from Linux is a thread that is not pinned");
	} else if (import->cpu_count == IMPORT_CPUS) {
		unused(import, block, "there are too many workers");
	} else {
		import->cpus[import->cpu_count++] = cpu;
	}
}

static void use_type(struct import *import, const struct block *block, const char *value)
{
	if (!value || (strcmp(value, "master") && strcmp(value, "slave") && strcmp(value, "kni")))
		unused(import, block, "a worker is master, slave or kni");
}

static void use_sessions(struct import *import, const struct block *block, const char *value)
{
	number_read(import, block, value, 1024, 1ul << 31, &import->sessions);
}

static void use_drop(struct import *import, const struct block *block, const char *value)
{
	import->drops = true;
}

static void timeout_add(struct import *import, const struct block *block, const char *name,
			const char *value)
{
	unsigned long seconds;
	unsigned int i = 0;

	if (!number_read(import, block, value, 1, IMPORT_TIMEOUT_MAX, &seconds))
		return;
	while (i < import->timeout_count && strcmp(import->timeout_names[i], name))
		i++;
	import->timeout_names[i] = name;
	import->timeouts[i] = seconds;
	import->timeout_count += i == import->timeout_count;
}

#define TIMEOUT_OF(weir)                                                         \
	static void use_##weir(struct import *import, const struct block *block, \
			       const char *value)                                \
	{                                                                        \
		timeout_add(import, block, #weir, value);                        \
	}

TIMEOUT_OF(established)
TIMEOUT_OF(syn_sent)
TIMEOUT_OF(syn_recv)
TIMEOUT_OF(fin_wait)
TIMEOUT_OF(time_wait)
TIMEOUT_OF(close)
TIMEOUT_OF(close_wait)
TIMEOUT_OF(last_ack)
TIMEOUT_OF(synack)
TIMEOUT_OF(udp_one_way)
TIMEOUT_OF(udp_normal)

static void use_block(struct import *import, const struct block *block, const char *value)
{
}

#define QUEUES	 "weir gives queues to its workers by itself"
#define LINUX	 "it is Linux's: see sysctl and ip-link on the TAP"
#define JOURNAL	 "the log goes to standard error, which the journal keeps with the time"
#define NO_STATE "weir's sessions have no such state"
#define ALWAYS	 "weir does it always"
#define TUNING	 "there is nothing of the kind to tune in weir"

static const struct key keys[] = {
	{"global_defs", use_block, NULL},
	{"global_defs/log_level", use_log_level, NULL},
	{"global_defs/log_file", NULL, JOURNAL},
	{"global_defs/log_with_timestamp", NULL, JOURNAL},
	{"global_defs/log_async_mode", NULL, JOURNAL},
	{"global_defs/log_async_pool_size", NULL, JOURNAL},
	{"global_defs/pdump", NULL, "`weirctl capture` is always there"},
	{"global_defs/kni", NULL, "every port has its interface in Linux always"},
	{"global_defs/lldp", NULL, "run lldpd on the port's interface in Linux"},
	{"netif_defs", use_block, NULL},
	{"netif_defs/pktpool_size", NULL,
	 "buffers are made to fit the queues; memory.buffers sets it"},
	{"netif_defs/pktpool_cache", NULL, TUNING},
	{"netif_defs/fdir_mode", NULL, "weir needs no flow director"},
	{"netif_defs/device", use_device, NULL},
	{"netif_defs/device/rx", use_block, NULL},
	{"netif_defs/device/rx/queue_number", NULL, QUEUES},
	{"netif_defs/device/rx/descriptor_number", use_descriptors, NULL},
	{"netif_defs/device/rx/rss", NULL, QUEUES},
	{"netif_defs/device/tx", use_block, NULL},
	{"netif_defs/device/tx/queue_number", NULL, QUEUES},
	{"netif_defs/device/tx/descriptor_number", use_descriptors, NULL},
	{"netif_defs/device/tx/mbuf_fast_free", NULL, TUNING},
	{"netif_defs/device/fdir", NULL, "weir needs no flow director"},
	{"netif_defs/device/mtu", use_mtu, NULL},
	{"netif_defs/device/promisc_mode", NULL, "say it with `weirctl port set`"},
	{"netif_defs/device/allmulticast", NULL, "say it with `weirctl port set`"},
	{"netif_defs/device/kni_name", use_tap, NULL},
	{"netif_defs/bonding", NULL, "write it under `bonds` by hand: weir.yaml(5)"},
	{"worker_defs", use_block, NULL},
	{"worker_defs/worker", use_worker, NULL},
	{"worker_defs/worker/type", use_type, NULL},
	{"worker_defs/worker/cpu_id", use_cpu, NULL},
	{"worker_defs/worker/icmp_redirect_core", NULL,
	 "weir finds the owner of an ICMP error itself"},
	{"worker_defs/worker/port", NULL, QUEUES},
	{"timer_defs", use_block, NULL},
	{"timer_defs/schedule_interval", NULL, TUNING},
	{"neigh_defs", use_block, NULL},
	{"neigh_defs/unres_queue_length", NULL, LINUX},
	{"neigh_defs/timeout", NULL, LINUX},
	{"ipset_defs", use_block, NULL},
	{"ipset_defs/ipset_hash_pool_size", NULL, "tables of named sets grow by themselves"},
	{"ipv4_defs", use_block, NULL},
	{"ipv4_defs/forwarding", NULL, LINUX},
	{"ipv4_defs/default_ttl", NULL, LINUX},
	{"ipv4_defs/fragment", NULL, "fragments follow their flow without it"},
	{"ipv6_defs", use_block, NULL},
	{"ipv6_defs/disable", NULL, LINUX},
	{"ipv6_defs/forwarding", NULL, LINUX},
	{"ipv6_defs/addr_gen_mode", NULL, LINUX},
	{"ipv6_defs/stable_secret", NULL, LINUX},
	{"ipv6_defs/route6", NULL, TUNING},
	{"ctrl_defs", use_block, NULL},
	{"ctrl_defs/lcore_msg", NULL, TUNING},
	{"ipvs_defs", use_block, NULL},
	{"ipvs_defs/conn", use_block, NULL},
	{"ipvs_defs/conn/conn_pool_size", use_sessions, NULL},
	{"ipvs_defs/conn/conn_pool_cache", NULL, TUNING},
	{"ipvs_defs/conn/conn_init_timeout", NULL, NO_STATE},
	{"ipvs_defs/conn/expire_quiescent_template", NULL,
	 "each service has its own: expire_quiescent, sessions and templates together"},
	{"ipvs_defs/conn/fast_xmit_close", NULL, "weir looks at TTL and MTU for every packet"},
	{"ipvs_defs/conn/redirect", NULL, ALWAYS},
	{"ipvs_defs/conn/xmit_ttl", NULL, ALWAYS},
	{"ipvs_defs/udp", use_block, NULL},
	{"ipvs_defs/udp/defence_udp_drop", use_drop, NULL},
	{"ipvs_defs/udp/uoa_mode", NULL,
	 "a setting of each UDP service: client_address: uoa-header (opp) or uoa-option (ipo)"},
	{"ipvs_defs/udp/uoa_max_trail", NULL,
	 "a setting of each UDP service, with the same name, 3 as there"},
	{"ipvs_defs/udp/timeout", use_block, NULL},
	{"ipvs_defs/udp/timeout/none", NULL, NO_STATE},
	{"ipvs_defs/udp/timeout/oneway", use_udp_one_way, NULL},
	{"ipvs_defs/udp/timeout/normal", use_udp_normal, NULL},
	{"ipvs_defs/udp/timeout/last", NULL, NO_STATE},
	{"ipvs_defs/tcp", use_block, NULL},
	{"ipvs_defs/tcp/defence_tcp_drop", use_drop, NULL},
	{"ipvs_defs/tcp/synproxy", NULL,
	 "each service has its own: syn_proxy, with the same names"},
	{"ipvs_defs/tcp/timeout", use_block, NULL},
	{"ipvs_defs/tcp/timeout/none", NULL, NO_STATE},
	{"ipvs_defs/tcp/timeout/established", use_established, NULL},
	{"ipvs_defs/tcp/timeout/syn_sent", use_syn_sent, NULL},
	{"ipvs_defs/tcp/timeout/syn_recv", use_syn_recv, NULL},
	{"ipvs_defs/tcp/timeout/fin_wait", use_fin_wait, NULL},
	{"ipvs_defs/tcp/timeout/time_wait", use_time_wait, NULL},
	{"ipvs_defs/tcp/timeout/close", use_close, NULL},
	{"ipvs_defs/tcp/timeout/close_wait", use_close_wait, NULL},
	{"ipvs_defs/tcp/timeout/last_ack", use_last_ack, NULL},
	{"ipvs_defs/tcp/timeout/listen", NULL, NO_STATE},
	{"ipvs_defs/tcp/timeout/synack", use_synack, NULL},
	{"ipvs_defs/tcp/timeout/last", NULL, NO_STATE},
	{"sa_pool", use_block, NULL},
	{"sa_pool/pool_hash_size", NULL, TUNING},
	{"sa_pool/flow_enable", NULL, "weir needs no flow director"},
};

static const struct key *key_find(const char *path)
{
	for (unsigned int i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(keys[i].path, path))
			return &keys[i];
	return NULL;
}

static void import_walk(struct import *import, const struct block *parent, const char *above)
{
	char path[256];

	for (const struct block *b = parent->first; b; b = b->next) {
		snprintf(path, sizeof(path), "%s%s%s", above, *above ? "/" : "", b->words[0]);
		const struct key *key = key_find(path);
		if (!key)
			unused(import, b, "dpvs.conf has no such key here");
		else if (!key->use)
			unused(import, b, key->what);
		else
			key->use(import, b, block_word(import->blocks, b, 1));
		if (key && key->use)
			import_walk(import, b, path);
		else
			for (const struct block *inner = b->first; inner; inner = inner->next)
				unused(import, inner, "it stands in a block that is not used");
	}
}

/* --map PORT=DEVICE, as often as there are ports. */
static enum exit_code devices_map(struct import *import)
{
	const struct arguments *a = import->arguments;

	for (unsigned int i = 0; i < a->given_count; i++) {
		const char *text = a->given[i].value, *equals = text ? strchr(text, '=') : NULL;
		struct import_port *port = import->ports, *end = port + import->port_count;

		if (strcmp(a->given[i].option->name, "map"))
			continue;
		if (!equals || equals == text || !equals[1])
			return usage_error(a->command, "--map takes PORT=DEVICE, not \"%s\"",
					   text ? text : "");
		size_t length = (size_t)(equals - text);
		while (port < end &&
		       (strlen(port->name) != length || strncmp(port->name, text, length)))
			port++;
		if (port == end)
			return usage_error(a->command,
					   "--map %s: the file has no device of that name", text);
		port->device = equals + 1;
	}
	return EXIT_OK;
}

/* Output: what was not in the file is left to weir's defaults. */

static void text_print(const char *before, const char *text, const char *after)
{
	json_t *string = json_string(text);
	char *dumped = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	printf("%s%s%s", before, dumped ? dumped : "\"\"", after);
	free(dumped);
	json_decref(string);
}

static void ports_print(const struct import *import)
{
	puts(import->port_count ? "ports:" : "ports: []");
	for (unsigned int i = 0; i < import->port_count; i++) {
		const struct import_port *port = &import->ports[i];
		text_print("  - name: ", port->name, "\n");
		text_print("    device: ", port->device ? port->device : "", "\n");
		if (port->tap)
			text_print("    tap: ", port->tap, "\n");
		if (port->mtu)
			printf("    mtu: %lu\n", port->mtu);
		if (port->descriptors)
			printf("    descriptors: %lu\n", port->descriptors);
		if (!port->device)
			fprintf(stderr,
				"%s: port %s has no device yet: --map %s=DEVICE, an interface of "
				"Linux or a PCI address\n",
				face_name, port->name, port->name);
	}
}

static void import_print(const struct import *import, const char *file)
{
	printf("# Made by weirctl import from %s\n", file);
	if (import->log_level)
		printf("log_level: %s\n", import->log_level);
	if (import->has_main_cpu)
		printf("main_cpu: %lu\n", import->main_cpu);
	for (unsigned int i = 0; i < import->cpu_count; i++)
		printf("%s%lu%s", i ? ", " : "workers: [", import->cpus[i],
		       i + 1 == import->cpu_count ? "]\n" : "");
	if (import->sessions)
		printf("sessions: {ipv4: %lu, ipv6: %lu}\n", import->sessions, import->sessions);
	if (import->drops)
		puts("unknown_vip_port: drop");
	if (import->timeout_count)
		puts("timeouts:");
	for (unsigned int i = 0; i < import->timeout_count; i++)
		printf("  %s: %lu\n", import->timeout_names[i], import->timeouts[i]);
	ports_print(import);
	puts("# VIPs, local addresses and services are in no dpvs.conf: `weirctl`, `ipvsadm`, or "
	     "here.\n"
	     "local_addresses: []\n"
	     "services: []");
}

static enum exit_code import_run(struct client *client, const struct arguments *arguments)
{
	const char *file = arguments->positional[0];
	struct import import = {.arguments = arguments};
	char error[BLOCKS_ERROR];

	import.blocks = blocks_read(file, BLOCKS_DPVS, error);
	if (!import.blocks) {
		fprintf(stderr, "%s: %s\n", face_name, error);
		return EXIT_USAGE;
	}
	import_walk(&import, blocks_root(import.blocks), "");
	enum exit_code code = devices_map(&import);
	if (code == EXIT_OK) {
		import_print(&import, file);
		findings_print(&import.findings, face_name, stderr);
	}
	findings_free(&import.findings);
	blocks_free(import.blocks);
	return code;
}

static const struct option import_options[] = {
	{"map", 0, OPTION_TEXT, "PORT=DEVICE", NULL,
	 "the Linux interface or PCI address of a port; may be given for each", NULL},
	{0},
};

const struct command import_commands[] = {
	{"import", NULL, "FILE", import_options,
	 "print a weir.yaml made from a dpvs.conf, and say which lines it could not use",
	 import_run},
	{0},
};
