/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab_vpc.h"

#include <string.h>

const uint8_t ours[6] = {2, 0x77, 0x65, 0x69, 0x72, 1};
const uint8_t mac_a[6] = {0xfa, 0x16, 0x3f, 0x5d, 0x6c, 0x08};
const uint8_t mac_b[6] = {0xfa, 0x16, 0x3f, 0x5d, 0x6c, 0x81};

void vm_add(uint32_t vni, const char *address, const uint8_t mac[6], const char *host)
{
	struct vm_row row = {.vni = vni};

	assert_int_equal(addr_parse(address, &row.addr), 0);
	assert_int_equal(addr_parse(host, &row.host), 0);
	memcpy(row.mac, mac, 6);
	assert_int_equal(vm_upsert(&row, 1, 0), 0);
}

void vm_drop(uint32_t vni, const char *address)
{
	struct addr addr;

	assert_int_equal(addr_parse(address, &addr), 0);
	assert_int_equal(vm_remove(vni, &addr), 0);
}

void vpc_begin(void)
{
	struct vxlan_settings settings = {.address_count = 2, .port = TUNNEL_VXLAN_PORT};

	addr_parse(VTEP, &settings.addresses[0]);
	addr_parse(VTEP6, &settings.addresses[1]);
	memcpy(settings.mac, ours, 6);
	vxlan_configure(&settings);
	fake_route(VTEP "/32", NEXTHOP_LOCAL, 0);
	fake_route(VTEP6 "/128", NEXTHOP_LOCAL, 0);
	vm_add(VNI, VM, mac_a, HOST);
	vm_add(VNI, VM6, mac_a, HOST6);
	vm_add(VNI_B, VM, mac_b, HOST_B);
}

struct packet tunnel_in(uint32_t vni, const char *host, const struct packet *inner)
{
	bool ipv6 = strchr(host, ':');

	return (struct packet){.from = host,
			       .to = ipv6 ? VTEP6 : VTEP,
			       .from_port = 50000,
			       .to_port = TUNNEL_VXLAN_PORT,
			       .protocol = IPPROTO_UDP,
			       .vni = vni,
			       .inner = inner,
			       .sum = SUM_ZERO};
}

void lab_vm_put(uint32_t vni, const char *host, const struct packet *inner)
{
	struct packet outer = tunnel_in(vni, host, inner);

	lab_put(&outer);
	run();
}

void lab_vm_expect(uint32_t vni, const char *host, const uint8_t mac[6], const struct packet *given,
		   int line)
{
	struct packet inner = *given;
	struct packet outer = tunnel_in(vni, host, &inner);
	unsigned int length, udp = strchr(host, ':') ? 54 : 34;
	const uint8_t *frame = lab_peek_sent(0, &length);

	if (inner.from && !inner.ttl)
		inner.ttl = PACKET_TTL - 1;
	outer.from = outer.to;
	outer.to = host;
	outer.inner_to = mac;
	outer.inner_from = ours;
	outer.tos = inner.tos;
	outer.sum = udp == 54 ? SUM_GOOD : SUM_ZERO;
	outer.ttl = 64;
	if (udp == 34)
		outer.id = lab.w->tunnel_id * lab.w->count + lab.w->index;
	if (frame) { // from the flow's hash
		outer.from_port = frame[udp] << 8 | frame[udp + 1];
		assert_true(outer.from_port >= 0xc000);
	}
	lab_expect(&outer, __FILE__, line);
}
