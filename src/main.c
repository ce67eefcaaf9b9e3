/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * weir: options, and the ladder of subsystems, which is climbed at the start and descended in
 * reverse at the end. What a rung needs stands above it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balance/access.h"
#include "balance/counts.h"
#include "balance/server.h"
#include "balance/service.h"
#include "base/hash.h"
#include "base/log.h"
#include "bfd/table.h"
#include "control/config.h"
#include "control/control.h"
#include "control/instance.h"
#include "io/device.h"
#include "io/eal.h"
#include "io/handoff.h"
#include "io/pool.h"
#include "io/port.h"
#include "io/rcu.h"
#include "net/iface.h"
#include "net/kernel.h"
#include "net/punt.h"
#include "net/route.h"
#include "net/takeover.h"
#include "path/workers.h"
#include "session/cookie.h"
#include "session/timeout.h"
#include "tunnel/vm_learn.h"
#include "tunnel/vm_table.h"
#include "tunnel/vxlan.h"

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

static struct config config;
static struct takeover *takeovers[PORT_MAX];
static struct iface *ifaces[PORT_MAX];

struct subsystem {
	const char *name;
	int (*start)(struct error *error);
	void (*stop)(void);
};

/* For subsystems that say no more than a negative errno. */
static int started(int result, const char *name, struct error *error)
{
	if (result < 0)
		return error_set(error, result, NULL, "%s: %s", name, strerror(-result));
	return 0;
}

static int lock_instance(struct error *error)
{
	return instance_lock(&config, error);
}

static int start_eal(struct error *error)
{
	return eal_start(&config.eal, error);
}

static int start_rcu(struct error *error)
{
	return started(rcu_start(config.workers.count), "grace periods", error);
}

/* What an earlier process of this instance left behind after a kill -9. */
static int recover(struct error *error)
{
	const char *devices[PORT_MAX], *taken[PORT_MAX];
	unsigned int taken_count = 0;

	device_state_directory(config.state_dir);
	for (unsigned int i = 0; i < config.port_count; i++) {
		devices[i] = config.ports[i].device;
		if (config.ports[i].take_over)
			taken[taken_count++] = config.ports[i].device;
	}
	device_recover(devices, config.port_count);
	takeover_recover(config.state_dir, taken, taken_count);
	return 0;
}

static void restore_takeovers(void)
{
	for (unsigned int i = 0; i < PORT_MAX; i++) {
		if (takeovers[i])
			takeover_restore(takeovers[i]);
		takeovers[i] = NULL;
	}
}

static int begin_takeovers(struct error *error)
{
	for (unsigned int i = 0; i < config.port_count; i++) {
		const struct port_config *port = &config.ports[i];
		int result;

		if (!port->take_over)
			continue;
		result = takeover_begin(config.state_dir, port->device, &takeovers[i], error);
		if (result < 0) {
			restore_takeovers();
			return result;
		}
	}
	return 0;
}

static int start_pools(struct error *error)
{
	return pool_start(&config.pool, config.workers.count * config.port_count, error);
}

static int start_ports(struct error *error)
{
	struct port_config all[PORT_MAX + CONFIG_BONDS_MAX];
	unsigned int count = 0;

	// Bonds behind their members.
	for (unsigned int i = 0; i < config.port_count; i++)
		all[count++] = config.ports[i];
	for (unsigned int i = 0; i < config.bond_count; i++)
		all[count++] = config.bonds[i];
	return port_open_all(all, count, config.workers.count, error);
}

static int start_handoff(struct error *error)
{
	return handoff_start(config.workers.count, error);
}

static int start_punt(struct error *error)
{
	return punt_start(config.workers.count, config.policers, error);
}

static void destroy_ifaces(void)
{
	for (unsigned int i = 0; i < PORT_MAX; i++) {
		if (ifaces[i])
			iface_destroy(ifaces[i]);
		ifaces[i] = NULL;
	}
}

static int create_ifaces(struct error *error)
{
	for (unsigned int i = 0; i < port_count(); i++) {
		int result;

		if (port_get(i)->config.member)
			continue;
		result = iface_create(port_get(i), &ifaces[i], error);

		if (result < 0) {
			destroy_ifaces();
			return result;
		}
		if (takeovers[i])
			takeover_apply(takeovers[i], ifaces[i]->kernel_index);
	}
	iface_update_carrier();
	return 0;
}

static int start_routes(struct error *error)
{
	return started(route_start(config.workers.count), "routing tables", error);
}

static int start_counts(struct error *error)
{
	return started(counts_start(config.workers.count), "counters", error);
}

static int start_servers(struct error *error)
{
	return started(server_start(), "table of servers", error);
}

/* Nothing of what it says can change while workers run. */
static int start_vms(struct error *error)
{
	vxlan_configure(config.vpc.tunnel.address_count > 0 ? &config.vpc.tunnel : NULL);
	vm_learn_permit(config.vpc.learn_from, config.vpc.learn_from_count);
	return started(vm_table_start(), "table of VMs", error);
}

static int start_bfd(struct error *error)
{
	return started(bfd_table_start(config.workers.count), "table of BFD sessions", error);
}

static int start_services(struct error *error)
{
	return started(service_start(), "table of services", error);
}

static int start_access(struct error *error)
{
	return started(access_start(config.workers.count), "access lists", error);
}

static int start_workers(struct error *error)
{
	int result = workers_start(&config.workers, error);

	if (result < 0)
		return result;
	log_info("memory: %zu MB of packet buffers, %lu MB of session tables when they are full",
		 pool_bytes() >> 20, workers_table_bytes() >> 20);
	return 0;
}

/* Threads end before what they use: workers stop first, their tables go when nobody reads them. */
static const struct subsystem subsystems[] = {
	{"instance", lock_instance, instance_unlock},
	{"eal", start_eal, eal_stop},
	{"rcu", start_rcu, rcu_stop},
	{"recovery", recover, NULL},
	{"takeover", begin_takeovers, restore_takeovers},
	{"pools", start_pools, pool_stop},
	{"ports", start_ports, port_close_all},
	{"handoff", start_handoff, handoff_stop},
	{"punt", start_punt, punt_stop},
	{"interfaces", create_ifaces, destroy_ifaces},
	{"routes", start_routes, route_stop},
	{"counts", start_counts, counts_stop},
	{"servers", start_servers, server_stop},
	{"vms", start_vms, vm_table_stop},
	{"bfd", start_bfd, bfd_table_stop},
	{"services", start_services, service_stop},
	{"access", start_access, access_stop},
	{"kernel", kernel_start, kernel_stop},
	{"workers", start_workers, workers_free},
};

enum { SUBSYSTEMS = sizeof(subsystems) / sizeof(*subsystems) };

static void stop_all(unsigned int count)
{
	while (count-- > 0)
		if (subsystems[count].stop)
			subsystems[count].stop();
}

static int run(void)
{
	struct error error = {0};
	unsigned int count;
	int result = 0;

	hash_start();
	if (cookie_start() < 0) {
		log_error("no random numbers for the secrets of SYN cookies");
		return 1;
	}
	timeout_start();
	for (count = 0; count < SUBSYSTEMS; count++) {
		result = subsystems[count].start(&error);
		if (result < 0)
			goto stop;
	}
	result = control_start(&config, &error);
	if (result < 0)
		goto stop_workers;
	log_notice("weir %s is ready: %u port%s, %u worker%s, socket %s", WEIR_VERSION,
		   config.port_count, config.port_count == 1 ? "" : "s", config.workers.count,
		   config.workers.count == 1 ? "" : "s", config.socket);
	result = control_run();
	control_stop();
	workers_stop();
	stop_all(count);
	log_notice("weir has stopped");
	return result;

stop_workers:
	workers_stop();
stop:
	config_log_error(config.path, &error);
	stop_all(count);
	return result;
}

static void usage(FILE *out)
{
	fprintf(out, "usage: weir [-c FILE] [--check]\n"
		     "       weir --help | --version\n"
		     "\n"
		     "  -c, --config FILE  what to do (default /etc/weir/weir.yaml)\n"
		     "  -t, --check        only say whether the file is right\n"
		     "  -h, --help         this text\n"
		     "  -V, --version      version\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *path = "/etc/weir/weir.yaml";
	struct error error = {0};
	bool check = false;
	int option, result;

	while ((option = getopt_long(argc, argv, "c:thV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 't':
			check = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("weir %s\n", WEIR_VERSION);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "weir: unexpected argument \"%s\"\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	if (config_load(path, &config, &error) < 0) {
		config_log_error(path, &error);
		return EXIT_FAILURE;
	}
	log_set_level(config.log_level);
	result = check ? 0 : run();
	config_free(&config);
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
