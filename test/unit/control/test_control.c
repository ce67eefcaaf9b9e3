/* SPDX-License-Identifier: BSD-3-Clause */
/* Start, signals and stop of the whole control thread, with all of its parts. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"
#include "control/instance.h"
#include "control/loop.h"
#include "fakes.h"
#include "session/timeout.h"

static struct error error;
static struct config config;
static char folder[64], path[96];

static void write_file(const char *more)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file,
		"socket: %s/w.sock\nstate_dir: %s/state\nlog_level: error\n"
		"ports: [{name: dpdk0, device: veth1, addresses: [10.2.0.1/24]}]\n%s",
		folder, folder, more);
	fclose(file);
}

static int start(void **state)
{
	char made[] = "/tmp/weir-control-XXXXXX";

	fake_reset();
	timeout_start();
	assert_non_null(mkdtemp(made));
	strcpy(folder, made);
	snprintf(path, sizeof(path), "%s/weir.yaml", folder);
	return 0;
}

static int stop(void **state)
{
	char command[96];

	config_free(&config);
	instance_unlock();
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void load(const char *more)
{
	write_file(more);
	if (config_load(path, &config, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
}

static void begin(const char *more)
{
	load(more);
	if (control_start(&config, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
}

static void rounds_for(unsigned int milliseconds)
{
	uint64_t end = loop_clock() + milliseconds;

	while (loop_clock() < end)
		loop_round(5);
}

static bool is_there(const char *name)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", folder, name);
	return access(full, F_OK) == 0;
}

static void test_life(void **state)
{
	begin("services: [{vip: 10.0.0.1, port: 80}]\n");
	assert_non_null(fake_service("tcp", "10.0.0.1", 80));
	assert_true(fake_has_address("10.2.0.1"));
	assert_true(is_there("w.sock"));
	// The file is read again: what is in it appears, what is not goes.
	write_file("services: [{vip: 10.0.0.2, port: 80}]\n");
	raise(SIGHUP);
	rounds_for(60);
	assert_null(fake_service("tcp", "10.0.0.1", 80));
	assert_non_null(fake_service("tcp", "10.0.0.2", 80));
	// A file with a mistake changes nothing.
	write_file("services: [{vip: 10.0.0.3, port: 80}, {vip: 10.0.0.4}]\n");
	raise(SIGHUP);
	rounds_for(20);
	assert_int_equal(fake_service_count(), 1);
	raise(SIGTERM);
	assert_int_equal(control_run(), 0);
	control_stop();
	assert_false(is_there("w.sock"));
	assert_true(is_there("state/model.json"));
}

/* The addresses of ports follow the file while weir runs. */
static void test_port_addresses(void **state)
{
	FILE *file;

	begin("");
	file = fopen(path, "w");
	fprintf(file,
		"socket: %s/w.sock\nstate_dir: %s/state\nlog_level: error\n"
		"ports: [{name: dpdk0, device: veth1, addresses: [10.2.0.2/24]}]\n",
		folder, folder);
	fclose(file);
	raise(SIGHUP);
	rounds_for(20);
	assert_false(fake_has_address("10.2.0.1"));
	assert_true(fake_has_address("10.2.0.2"));
	control_stop();
}

/* Whatever fails at the start, nothing is left and it can be tried again. */
static void test_start_fails(void **state)
{
	fake_add_address("dpdk1", "10.2.0.7/32");
	load("local_addresses: [{address: 10.2.0.7, interface: dpdk0}]\n");
	assert_int_equal(control_start(&config, &error), -EEXIST);
	config_free(&config);
	load("");
	fake.address_fails_in = 1;
	assert_int_equal(control_start(&config, &error), -EPERM);
	config_free(&config);
	load("services: [{vip: 10.0.0.1, port: 80}]\n");
	fake.publish_fails_in = 1;
	assert_int_equal(control_start(&config, &error), -ENOSPC);
	config_free(&config);
	load("services: [{vip: 10.0.0.1, port: 80}]\n");
	strcpy(config.socket, "/proc/nonexistent/w.sock");
	assert_true(control_start(&config, &error) < 0);
	assert_string_equal(error.field, "socket");
	config_free(&config);
	fake_reset();
	begin("services: [{vip: 10.0.0.1, port: 80}]\n");
	control_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, start, stop),
		cmocka_unit_test_setup_teardown(test_port_addresses, start, stop),
		cmocka_unit_test_setup_teardown(test_start_fails, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
