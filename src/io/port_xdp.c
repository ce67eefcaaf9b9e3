/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AF_XDP: one DPDK port for each receive queue of the interface, since the driver asks for
 * "combined" queues where it is to serve several, which veth and others do not have. The driver of
 * 22.11 keeps its sockets open after a port is closed, so a queue can be had once in the life of a
 * process; a port is opened once, too.
 *
 * The libraries beneath the driver print to standard error by themselves, much of it about things
 * that are as they should be. They are not ours to link to, but the driver has loaded them; they
 * are asked by name to print to our log.
 */
#include "base/log.h"
#include "io/device.h"
#include "io/eal.h"
#include "io/pool.h"
#include "io/port_device.h"

#include <rte_ethdev.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int (*xdp_print)(int level, const char *format, va_list arguments);

/* The libraries' first warning of a try, which says why where the driver says only what. */
static char xdp_warning[80];

static int xdp_print_debug(int level, const char *format, va_list arguments)
{
	char line[256];

	// Both libraries number warning, information and debugging from 0; the last is a flood.
	if (level > 1)
		return 0;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	if (level == 0 && xdp_warning[0] == '\0')
		snprintf(xdp_warning, sizeof(xdp_warning), "%.79s", line);
	if (line[0])
		log_debug("%s", line);
	return 0;
}

static void xdp_redirect_print(const char *library, const char *function)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
	xdp_print (*set_print)(xdp_print print);

	if (!handle)
		return;
	*(void **)&set_print = dlsym(handle, function);
	if (set_print)
		set_print(xdp_print_debug);
	dlclose(handle);
}

/* What DPDK said first, else our own error, and what the libraries said. */
static void xdp_complete_reason(char *reason, size_t size, const char *otherwise)
{
	size_t used;

	if (*reason == '\0')
		snprintf(reason, size, "%s", otherwise);
	used = strcspn(reason, ".\n");
	if (xdp_warning[0])
		snprintf(reason + used, size - used, " (%s)", xdp_warning);
}

int port_try_xdp(struct port *port, unsigned int workers, char *reason, size_t size)
{
	struct error error = {.text = ""};
	int result = 0;

	xdp_redirect_print("libbpf.so.1", "libbpf_set_print");
	xdp_redirect_print("libxdp.so.1", "libxdp_set_print");
	xdp_warning[0] = '\0';
	eal_messages_begin();
	for (unsigned int queue = 0; queue < workers && result == 0; queue++) {
		char name[RTE_ETH_NAME_MAX_LEN], arguments[PORT_ARGUMENTS];

		snprintf(name, sizeof(name), "net_af_xdp_%s_%u", port->config.name, queue);
		snprintf(arguments, sizeof(arguments), "iface=%s,start_queue=%u,queue_count=1",
			 port->kernel_device, queue);
		result = port_attach(port, "vdev", name, arguments, queue);
		if (result == 0)
			result = port_setup(port, port->queues[queue].dpdk_port, 1, &error);
	}
	eal_messages_end(reason, size);
	if (result < 0) {
		xdp_complete_reason(reason, size, *error.text ? error.text : strerror(-result));
		port_detach(port);
		return result;
	}
	port->rx_queue_count = workers;
	port->tx_queue_count = workers;
	port_describe(port, workers);
	return 0;
}

const char *port_no_xdp(const struct port *port, unsigned int workers, char *text, size_t size)
{
	unsigned int queues = device_receive_queues(port->kernel_device);
	struct rte_mempool *pool = pool_get(port->socket);
	size_t buffer = pool->header_size + pool->elt_size + pool->trailer_size;
	size_t page = sysconf(_SC_PAGESIZE);

	if (queues != workers)
		snprintf(text, size, "it has %u receive queue%s and there %s %u worker%s", queues,
			 queues == 1 ? "" : "s", workers == 1 ? "is" : "are", workers,
			 workers == 1 ? "" : "s");
	else if (buffer > page)
		snprintf(text, size, "a buffer of memory.data_room %u is larger than a page",
			 pool_data_room());
	else if (device_mtu(port->kernel_device) + PORT_FRAME_HEADER > pool_data_room())
		snprintf(text, size, "its MTU of %u does not fit into a buffer",
			 device_mtu(port->kernel_device));
	else
		return NULL;
	return text;
}
