/* SPDX-License-Identifier: BSD-3-Clause */
/* What a `device:` text means. */
#include "io/device.c"

#include <rte_common.h>

#include "environment.h"

static void test_classify(void **state)
{
	static const struct {
		const char *text;
		enum device_kind kind;
	} cases[] = {
		{"lo", DEVICE_LINUX},
		{"0000:3b:00.0", DEVICE_PCI},
		{"3b:00.1", DEVICE_PCI},
		{"0000:3b:00.7,representor=0", DEVICE_PCI},
		{"0000:3b:00.8", DEVICE_NONE},
		{"0000:3b:00", DEVICE_NONE},
		{"0000:3b:0g.0", DEVICE_NONE},
		{"net_null0", DEVICE_VDEV},
		{"net_tap0,iface=lo", DEVICE_VDEV},
		{"eth_af_packet0,iface=lo", DEVICE_VDEV},
		{"", DEVICE_NONE},
		{"no-such-interface", DEVICE_NONE},
		{"a-name-that-is-longer-than-any-interface", DEVICE_NONE},
	};

	for (size_t i = 0; i < RTE_DIM(cases); i++)
		if (device_classify(cases[i].text) != cases[i].kind)
			fail_msg("\"%s\" is taken for %d", cases[i].text,
				 device_classify(cases[i].text));
}

static void test_vdev_interface(void **state)
{
	char name[DEVICE_NAME];

	assert_true(device_vdev_interface("net_af_packet0,iface=veth1", name));
	assert_string_equal(name, "veth1");
	assert_true(
		device_vdev_interface("net_af_xdp3,start_queue=1,iface=eth0,queue_count=1", name));
	assert_string_equal(name, "eth0");
	assert_false(device_vdev_interface("net_af_packet0", name));
	assert_false(device_vdev_interface("net_af_packet0,iface=", name));
	assert_false(device_vdev_interface("net_af_packet0,iface=sixteen-letters-", name));
	// The TAP driver makes the interface that it names.
	assert_false(device_vdev_interface("net_tap0,iface=x", name));
}

static void test_means(void **state)
{
	assert_true(device_means("veth1", "veth1"));
	assert_true(device_means("net_af_packet0,iface=veth1", "veth1"));
	assert_false(device_means("net_af_packet0,iface=veth11", "veth1"));
	assert_false(device_means("0000:3b:00.0", "veth1"));
}

static void test_questions(void **state)
{
	assert_int_equal(device_mtu("no-such-thing"), 0);
	assert_false(device_running("no-such-thing"));
	assert_int_equal(device_receive_queues("lo"), 1);
	assert_int_equal(device_node("lo"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_vdev_interface),
		cmocka_unit_test(test_means),
		cmocka_unit_test(test_questions),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
