/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "lab.h"

#include "tunnel/vxlan.h"

/*
 * VNIs in the lab: VMs behind hosts 10.1.2.1 and up, which reach weir at 10.1.0.254 by VXLAN.
 */
#define VTEP	 "10.1.0.254"
#define VTEP6	 "2001:db8:1::254"
#define HOST	 "10.1.2.1"
#define HOST_B	 "10.1.2.2"
#define HOST6	 "2001:db8:1::2:1"
#define VM	 "172.16.25.30"
#define VM_B	 "172.16.25.23"
#define ZONE_IP	 "172.16.25.13"
#define VM6	 "2001:db8:1::30" // inside: the same prefix as outside is no matter
#define ZONE_IP6 "2001:db8:1::13"

enum { VNI = 96, VNI_B = 101, OUTER = 50, OUTER6 = 70 };

extern const uint8_t ours[6], mac_a[6], mac_b[6];

/* VXLAN is taken; VM is in VNI on HOST, VM6 on HOST6, and in VNI_B on HOST_B. */
void vpc_begin(void);
void vm_add(uint32_t vni, const char *address, const uint8_t mac[6], const char *host);
void vm_drop(uint32_t vni, const char *address);

/* A frame of a VM, in the VXLAN packet that its host makes of it; `inner` is kept. */
struct packet tunnel_in(uint32_t vni, const char *host, const struct packet *inner);
/* Put that and run; and what has to come out to the host of a VM. */
void lab_vm_put(uint32_t vni, const char *host, const struct packet *inner);
void lab_vm_expect(uint32_t vni, const char *host, const uint8_t mac[6], const struct packet *inner,
		   int line);
#define vm_put(vni, host, ...) lab_vm_put(vni, host, &(struct packet){__VA_ARGS__})
#define vm_expect(vni, host, mac, ...) \
	lab_vm_expect(vni, host, mac, &(struct packet){__VA_ARGS__}, __LINE__)
