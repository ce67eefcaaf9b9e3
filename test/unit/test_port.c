/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening ports on what a network namespace of our own offers: a veth pair, and DPDK's drivers that
 * need no device; and what is left of it in Linux.
 */
#include "io/port.c"

#include "environment.h"
#include "io/offload.h"
#include "io/pool.h"

#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <rte_cycles.h>

enum { QUEUES = 3 };

static char state_dir[] = "/tmp/weir-port-XXXXXX";

/* The AF_XDP driver of DPDK 22.11 never deletes its memory areas. For the leak checker. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:xsk_umem__create\n";
}

static int run(const char *command)
{
	return system(command);
}

static int setup(void **state)
{
	return run("ip link add veth1 mtu 1600 type veth peer name peer1 && ip link set peer1 up");
}

static int teardown(void **state)
{
	port_close_all();
	return run("ip link del veth1");
}

static struct port_config one(const char *name, const char *device)
{
	struct port_config config = {.mtu = 0};

	snprintf(config.name, sizeof(config.name), "%s", name);
	snprintf(config.device, sizeof(config.device), "%s", device);
	return config;
}

static int setting(const char *name)
{
	char path[128];
	int value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "r");
	if (file && fscanf(file, "%d", &value) != 1)
		value = -1;
	if (file)
		fclose(file);
	return value;
}

static bool remembered(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/device-veth1", state_dir);
	return access(path, F_OK) == 0;
}

static int open_one(const char *device, unsigned int workers, struct error *error)
{
	struct port_config config = one("dpdk0", device);

	return port_open_all(&config, 1, workers, error);
}

static void assert_open(const char *device, unsigned int workers)
{
	struct error error = {.text = ""};

	if (open_one(device, workers, &error) < 0)
		fail_msg("%s: %s: %s", device, error.field, error.text);
	assert_int_equal(port_count(), 1);
	assert_int_equal(port_get(0)->queue_count, workers);
}

static void assert_refused(const char *device, int code, const char *field, const char *word)
{
	struct error error = {.text = ""};

	assert_int_equal(open_one(device, 1, &error), code);
	assert_string_equal(error.field, field);
	if (!strstr(error.text, word))
		fail_msg("no \"%s\" in: %s", word, error.text);
	assert_int_equal(port_count(), 0);
}

static void check_quiet(void)
{
	assert_int_equal(setting("ipv6/conf/veth1/disable_ipv6"), 1);
	assert_int_equal(setting("ipv4/conf/veth1/rp_filter"), 1);
	assert_int_equal(setting("ipv4/conf/veth1/arp_ignore"), 8);
	assert_int_equal(run("ip link show veth1 up | grep -q veth1"), 0);
	assert_true(remembered());
}

static void check_given_back(void)
{
	assert_int_equal(setting("ipv6/conf/veth1/disable_ipv6"), 0);
	assert_int_equal(setting("ipv4/conf/veth1/rp_filter"), 0);
	assert_int_equal(setting("ipv4/conf/veth1/arp_ignore"), 0);
	assert_int_not_equal(run("ip link show veth1 up | grep -q veth1"), 0);
	assert_false(remembered());
}

static void test_linux_interface(void **state)
{
	// One receive queue and one worker: AF_XDP, or why not.
	assert_open("veth1", 1);
	assert_string_equal(port_get(0)->kernel_device, "veth1");
	assert_true(port_get(0)->partial_checksums);
	assert_int_equal(port_get(0)->mtu, 1600);
	assert_non_null(strstr(port_get(0)->why, "AF_XDP"));
	check_quiet();
	port_close_all();
	check_given_back();
	// More workers than queues: AF_PACKET, which says so.
	assert_open("veth1", QUEUES);
	assert_string_equal(port_get(0)->driver, "net_af_packet");
	assert_non_null(strstr(port_get(0)->why, "it has 1 receive queue and there are 3 workers"));
	assert_int_equal(port_get(0)->rx_queue_count, QUEUES);
	assert_int_equal(port_get(0)->queues[2].queue, 2);
	check_quiet();
	port_close_all();
	check_given_back();
}

/* Linux tells of a carrier a moment later, and under load a second. */
static bool link_changes(void)
{
	for (unsigned int i = 0; i < 500; i++) {
		if (port_poll_links())
			return true;
		rte_delay_us_sleep(10000);
	}
	return false;
}

static void test_link(void **state)
{
	assert_open("veth1", QUEUES);
	port_poll_links();
	assert_true(port_get(0)->link_up);
	assert_false(port_poll_links());
	assert_int_equal(run("ip link set peer1 down"), 0);
	assert_true(link_changes());
	assert_false(port_get(0)->link_up);
}

/* AF_XDP reaches no buffer that lies further from the first than all of them side by side. */
static void test_buffers_side_by_side(void **state)
{
	struct rte_mempool *pool = pool_get(0);
	size_t size = pool->header_size + pool->elt_size + pool->trailer_size;
	const char *end = (char *)STAILQ_FIRST(&pool->mem_list)->addr + pool->populated_size * size;
	unsigned int count = rte_mempool_avail_count(pool);
	void **buffers = calloc(count, sizeof(*buffers));

	assert_int_equal(pool->nb_mem_chunks, 1);
	assert_in_range(count, pool->size * 99 / 100, pool->size);
	assert_int_equal(rte_mempool_get_bulk(pool, buffers, count), 0);
	for (unsigned int i = 0; i < count; i++)
		assert_true((char *)buffers[i] - pool->header_size + size <= end);
	rte_mempool_put_bulk(pool, buffers, count);
	free(buffers);
}

static void test_refused(void **state)
{
	assert_refused("nothing0", -ENODEV, "ports[0].device", "nothing0");
	assert_refused("net_af_packet0,iface=nothing0", -ENODEV, "ports[0].device", "nothing0");
	assert_refused("0000:03:00.0", -ENODEV, "ports[0].device", "vfio-pci");
	assert_int_equal(run("ip addr add 10.1.2.3/24 dev veth1"), 0);
	assert_refused("veth1", -EBUSY, "ports[0].device", "10.1.2.3");
	assert_refused("net_af_packet0,iface=veth1", -EBUSY, "ports[0].device", "take_over: true");
	assert_false(remembered());
}

static void test_same_twice(void **state)
{
	struct port_config configs[2] = {one("dpdk0", "veth1"),
					 one("dpdk1", "net_af_packet0,iface=veth1")};
	struct error error;

	assert_int_equal(port_open_all(configs, 2, 1, &error), -EBUSY);
	assert_string_equal(error.field, "ports[1].device");
	check_given_back();
	configs[1] = one("dpdk0", "net_null0");
	assert_int_equal(port_open_all(configs, 2, 1, &error), -EEXIST);
	assert_string_equal(error.field, "ports[1].name");
	configs[1] = one("dpdk1", "net_null0");
	configs[1].mtu = 9000;
	assert_int_equal(port_open_all(configs, 2, 1, &error), -EINVAL);
	assert_string_equal(error.field, "ports[1].mtu");
	assert_non_null(strstr(error.text, "data_room"));
	check_given_back();
}

/* Frames that no buffer holds are refused where the file asks for them. */
static void test_jumbo_needs_room(void **state)
{
	struct port_config config = one("dpdk0", "veth1");
	struct error error;

	config.mtu = 9000;
	assert_int_equal(port_open_all(&config, 1, 1, &error), -EINVAL);
	assert_string_equal(error.field, "ports[0].mtu");
	assert_non_null(strstr(error.text, "data_room"));
	check_given_back();
}

/* Fewer queues than workers: everybody is told which worker may send. */
static void test_shared_queue(void **state)
{
	assert_open("net_pcap0,iface=veth1", QUEUES);
	assert_int_equal(port_get(0)->rx_queue_count, 1);
	assert_int_equal(port_get(0)->tx_queue_count, 1);
	assert_true(port_get(0)->tx_shared);
	assert_true(port_may_send(port_get(0), 0));
	assert_false(port_may_send(port_get(0), 2));
	assert_int_equal(port_get(0)->queues[2].queue, 0);
}

/* A copy of the file, as a killed process leaves it, and of its settings. */
static void leave_as_killed(void)
{
	char command[256];

	assert_open("veth1", QUEUES);
	snprintf(command, sizeof(command), "cp %s/device-veth1 %s/saved", state_dir, state_dir);
	assert_int_equal(run(command), 0);
	port_close_all();
	snprintf(command, sizeof(command), "mv %s/saved %s/device-veth1", state_dir, state_dir);
	assert_int_equal(run(command), 0);
	assert_int_equal(run("sysctl -qw net.ipv6.conf.veth1.disable_ipv6=1 "
			     "net.ipv4.conf.veth1.rp_filter=1 net.ipv4.conf.veth1.arp_ignore=8 "
			     "&& ip link set veth1 up"),
			 0);
	check_quiet();
}

/* The next process knows what was before, whether it takes the device or not. */
static void test_after_kill(void **state)
{
	const char *devices[] = {"net_null0", "net_af_packet0,iface=veth1"};

	leave_as_killed();
	device_recover(devices, 2);
	check_quiet();
	device_recover(devices, 1);
	check_given_back();

	leave_as_killed();
	assert_open("veth1", QUEUES);
	port_close_all();
	check_given_back();
}

/* What devices say of VXLAN: nothing, all, and a card that only sends. */
static void test_vxlan_offloads(void **state)
{
	const char *names[OFFLOAD_VXLAN_MAX];
	struct rte_eth_dev_info info = {
		.rx_offload_capa = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM,
		.tx_offload_capa = RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
	};

	assert_int_equal(offload_vxlan(&info, names), 0);
	info.tx_offload_capa |= RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM |
				RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO;
	assert_int_equal(offload_vxlan(&info, names), 2);
	assert_string_equal(names[0], "tx outer UDP checksum");
	assert_string_equal(names[1], "tx segmentation");
	info.rx_offload_capa = info.tx_offload_capa = UINT64_MAX;
	assert_int_equal(offload_vxlan(&info, names), OFFLOAD_VXLAN_MAX);
	assert_string_equal(names[0], "rx outer IPv4 checksum");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffers_side_by_side), // before AF_XDP has any

		cmocka_unit_test_setup_teardown(test_linux_interface, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_jumbo_needs_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_kill, setup, teardown),
		cmocka_unit_test(test_vxlan_offloads),
	};
	struct pool_config config = {.buffers = 16384};
	struct error error;
	int result;

	if (unshare(CLONE_NEWNET) < 0 || run("ip link set lo up") != 0) {
		fprintf(stderr, "skipped: no network namespace of our own here\n");
		return EXIT_SKIPPED;
	}
	environment_start(128);
	if (!mkdtemp(state_dir) || pool_start(&config, QUEUES, &error) < 0)
		return 1;
	device_state_directory(state_dir);
	result = cmocka_run_group_tests_name("port", tests, NULL, NULL);
	rmdir(state_dir);
	return result;
}
