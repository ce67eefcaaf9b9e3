/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/port.h"

/*
 * What stands behind a port: one DPDK port with a queue for each worker, or (AF_XDP) a DPDK port
 * for each worker with one queue. Control thread, used by port.c only.
 */

/* Attach the DPDK ports that config.device means, and fill in all of `port`. Started. */
int port_device_open(struct port *port, unsigned int workers, struct error *error);
void port_device_close(struct port *port);
/* Only attach it, for a bond, to have so many queues. Linux interfaces by AF_PACKET. */
int port_device_attach(struct port *port, unsigned int workers, struct error *error);

/* What the files that know a kind of device share. */
enum {
	PORT_ARGUMENTS = 256,
	PORT_FRAME_HEADER = 22, // Ethernet and two VLAN tags
};

/* Attach a DPDK device and put its port into queues[queue]. 0 or negative errno. */
int port_attach(struct port *port, const char *bus, const char *name, const char *arguments,
		unsigned int queue);
/* Stop and detach all DPDK ports of a port. */
void port_detach(struct port *port);
/* Fill in what the first DPDK port says of itself, once it runs. */
void port_describe(struct port *port, unsigned int workers);

/* port_setup.c: configure one attached DPDK port, set up queues for `workers`, start it. */
int port_setup(struct port *port, uint16_t dpdk_port, unsigned int workers, struct error *error);

/* port_xdp.c: why AF_XDP need not even be tried on kernel_device; NULL: try. */
const char *port_no_xdp(const struct port *port, unsigned int workers, char *text, size_t size);
/* A DPDK port for each receive queue of kernel_device. `reason` says why it could not be. */
int port_try_xdp(struct port *port, unsigned int workers, char *reason, size_t size);
