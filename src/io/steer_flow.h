/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "io/port.h"

/*
 * Rules in a device that send packets to a local address to a queue by the lowest bits of their
 * destination port. Control thread.
 */
struct steer_rule {
	struct addr local;
	uint8_t protocol; // IPPROTO_TCP or IPPROTO_UDP
	uint16_t value;	  // of the masked destination port, host byte order
	uint16_t mask;
	uint16_t queue;
};

/* What takes the rules: rte_flow, or a fake in a test. `create` gives a handle, or NULL. */
struct steer_flow_device {
	bool (*validate)(uint16_t dpdk_port, const struct steer_rule *rule, char *why, size_t size);
	void *(*create)(uint16_t dpdk_port, const struct steer_rule *rule, char *why, size_t size);
	void (*destroy)(uint16_t dpdk_port, void *handle);
};
extern const struct steer_flow_device *steer_flow_device;

/* How many values of the lowest bits there are: a power of two. */
unsigned int steer_flow_slots(unsigned int workers);
/* Would the device take them? `why` says why not. */
bool steer_flow_probe(const struct port *port, unsigned int workers, char *why, size_t size);
/*
 * A local address came, or is gone, on a port whose way is STEERING_FLOW; others are left alone.
 * Where the device takes not all rules of an address, none of them stays, and its packets are
 * handed over: it is logged, and counted in struct port.
 */
void steer_flow_add(struct port *port, unsigned int workers, const struct addr *local);
void steer_flow_remove(struct port *port, const struct addr *local);
/* All rules of a port, before it is closed. */
void steer_flow_clear(struct port *port);
