/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses and routes from one interface to another and back, in a network namespace of our own
 * with two TAPs, one of which plays the device.
 */
#include "net/takeover.c"

#include "environment.h"
#include "net/tap.h"

#include <sched.h>
#include <unistd.h>

enum { SHOWN = 8192 };

static const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 1}};
static char state_dir[] = "/tmp/weir-takeover-XXXXXX";
static struct tap device, tap;

/* Run a command of iproute2, which must succeed. */
static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* Addresses and routes of an interface, in the order of their text, without its name. */
static const char *show(const char *name, char text[SHOWN])
{
	char command[512];
	size_t length;
	FILE *output;

	snprintf(
		command, sizeof(command),
		"(ip -o addr show dev %s scope global | awk '{print $3, $4}'; ip route show dev "
		"%s; ip route show | grep -A2 '^10.71'; ip -6 route show dev %s | grep -v fe80::/) "
		"| sed 's/ linkdown//g; s/%s/IF/g' | sort",
		name, name, name, name);
	output = popen(command, "r");
	assert_non_null(output);
	length = fread(text, 1, SHOWN - 1, output);
	text[length] = '\0';
	pclose(output);
	return text;
}

static int setup(void **state)
{
	struct error error;

	assert_int_equal(tap_create(&device, "device0", &mac, 1500, &error), 0);
	assert_int_equal(tap_create(&tap, "dpdk0.kni", &mac, 1500, &error), 0);
	run("ip addr add 10.9.0.1/24 dev device0");
	run("ip addr add 10.9.0.2/24 dev device0");
	run("ip addr add 10.8.0.3/32 dev device0 label device0:x");
	run("ip -6 addr add fd09::1/64 dev device0 nodad");
	run("ip route add default via 10.9.0.254");
	run("ip route add 10.70.0.0/16 via 10.9.0.254 src 10.8.0.3 mtu 1400 metric 7");
	run("ip route add 10.71.0.0/16 nexthop via 10.9.0.253 weight 2 nexthop via 10.9.0.252");
	run("ip route add 10.72.0.0/16 dev device0");
	run("ip -6 route add default via fd09::2");
	return 0;
}

static int teardown(void **state)
{
	tap_destroy(&device);
	tap_destroy(&tap);
	return 0;
}

static bool remembered(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/takeover-device0.json", state_dir);
	return access(path, F_OK) == 0;
}

static struct takeover *begin(void)
{
	struct takeover *t;
	struct error error;

	assert_int_equal(takeover_begin(state_dir, "device0", &t, &error), 0);
	assert_true(remembered());
	return t;
}

static void test_there_and_back(void **state)
{
	char before[SHOWN], now[SHOWN];
	struct takeover *t;

	show("device0", before);
	t = begin();
	assert_string_equal(show("device0", now), before);
	assert_int_equal(takeover_apply(t, tap.index), 0);
	assert_string_equal(show("dpdk0.kni", now), before);
	assert_null(strstr(show("device0", now), "IF"));
	tap_destroy(&tap);
	assert_int_equal(takeover_restore(t), 0);
	assert_string_equal(show("device0", now), before);
	assert_int_equal(system("ip addr show dev device0 | grep -q device0:x"), 0);
	assert_false(remembered());
}

/* What a kill -9 leaves is gone on with by the next takeover. */
static void test_go_on(void **state)
{
	char before[SHOWN], now[SHOWN];
	struct takeover *t;
	struct error error;

	show("device0", before);
	t = begin();
	assert_int_equal(takeover_apply(t, tap.index), 0);
	takeover_free(t);
	tap_destroy(&tap);
	assert_int_equal(tap_create(&tap, "dpdk0.kni", &mac, 1500, &error), 0);

	t = begin();
	assert_int_equal(takeover_apply(t, tap.index), 0);
	assert_string_equal(show("dpdk0.kni", now), before);
	tap_destroy(&tap);
	assert_int_equal(takeover_restore(t), 0);
	assert_string_equal(show("device0", now), before);
}

/* And put back by a start that does not take the device. */
static void test_recover(void **state)
{
	const char *others[] = {"eth7", "net_af_packet0,iface=device0"};
	char before[SHOWN], now[SHOWN];
	struct takeover *t;

	show("device0", before);
	t = begin();
	assert_int_equal(takeover_apply(t, tap.index), 0);
	takeover_free(t);
	tap_destroy(&tap);
	takeover_recover(state_dir, others, 2);
	assert_true(remembered());
	takeover_recover(state_dir, others, 1);
	assert_string_equal(show("device0", now), before);
	assert_false(remembered());
}

/* A file of another interface of the same name is not believed. */
static void test_stale_file(void **state)
{
	char now[SHOWN];
	struct takeover *t = begin();
	struct error error;

	takeover_free(t);
	tap_destroy(&device);
	assert_int_equal(tap_create(&device, "device0", &mac, 1500, &error), 0);
	takeover_recover(state_dir, NULL, 0);
	assert_null(strstr(show("device0", now), "10.9.0.1"));
	assert_false(remembered());
}

static void test_errors(void **state)
{
	struct takeover *t;
	struct error error;

	assert_int_equal(takeover_begin(state_dir, "nothing0", &t, &error), -ENODEV);
	assert_string_equal(error.field, "device");
	assert_int_equal(takeover_begin("/nonexistent", "device0", &t, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent"));
}

static void test_tap_names(void **state)
{
	struct tap second;
	struct error error;

	assert_int_equal(tap_create(&second, "dpdk0.kni", &mac, 1500, &error), -EEXIST);
	assert_string_equal(error.field, "tap");
	assert_int_equal(tap_create(&second, "sixteen-letters-", &mac, 1500, &error), -EINVAL);
	assert_int_equal(tap_create(&second, "a/b", &mac, 1500, &error), -EINVAL);
	assert_int_equal(tap_create(&second, "", &mac, 1500, &error), -EINVAL);
	assert_int_equal(tap_create(&second, "x", &mac, 20, &error), -EINVAL);
	assert_string_equal(error.field, "mtu");
	// What failed half-way is gone.
	assert_int_equal(if_nametoindex("x"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recover, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tap_names, setup, teardown),
	};
	int result;

	if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up") != 0) {
		fprintf(stderr, "skipped: no network namespace of our own here\n");
		return EXIT_SKIPPED;
	}
	if (!mkdtemp(state_dir))
		return 1;
	result = cmocka_run_group_tests_name("takeover", tests, NULL, NULL);
	rmdir(state_dir);
	return result;
}
