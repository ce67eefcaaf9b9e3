/* SPDX-License-Identifier: BSD-3-Clause */
/* The start file: defaults, refusals with their field, and what needs a restart. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/config.h"
#include "control/config_fields.h"
#include "control/yaml.h"
#include "fakes.h"

#define PORTS "ports: [{name: dpdk0, device: veth1}]\n"

static int load(const char *text, struct config *config, struct error *error)
{
	char path[] = "/tmp/weir-config-XXXXXX";
	int fd = mkstemp(path);
	int status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	memset(error, 0, sizeof(*error));
	status = config_load(path, config, error);
	unlink(path);
	return status;
}

static void test_defaults(void **state)
{
	static struct config c;
	struct error error;

	assert_int_equal(load(PORTS, &c, &error), 0);
	assert_string_equal(c.instance, "weir");
	assert_string_equal(c.socket, "/run/weir/weir.sock");
	assert_string_equal(c.state_dir, "/var/lib/weir/weir");
	assert_string_equal(c.eal.instance, "weir");
	assert_int_equal(c.eal.hugepages, -1);
	assert_int_equal(c.eal.main_cpu, -1);
	assert_false(c.eal.use_pci);
	assert_int_equal(c.workers.count, 1);
	assert_int_equal(c.workers.cpus[0], -1);
	assert_int_equal(c.workers.sessions, 1000000);
	assert_int_equal(c.policers[PUNT_ROUTING].packets_per_second, 10000);
	assert_int_equal(c.port_count, 1);
	assert_string_equal(c.ports[0].tap, "dpdk0.kni");
	assert_int_equal(c.ports[0].descriptors, 1024);
	assert_int_equal(c.log_level, LOG_INFO);
	config_free(&c);
}

static void test_everything(void **state)
{
	static struct config c;
	struct error error;

	assert_int_equal(
		load("instance: two\n"
		     "log_level: debug\n"
		     "workers: [0]\n"
		     "main_cpu: 0\n"
		     "memory: {hugepages: never, megabytes: 64, buffers: 100, data_room: 4096}\n"
		     "sessions: {ipv4: 5000, ipv6: 2000, half_open_percent: 10}\n"
		     "eal: ['-d', /x/lib.so]\n"
		     "unknown_vip_port: punt\n"
		     "policers: {neighbour: 10, rest: 0}\n"
		     "timeouts: {established: 33}\n"
		     "ports:\n"
		     "  - {name: a_rather_longone, device: 0000:03:00.1}\n"
		     "  - name: dpdk1\n"
		     "    device: net_null0\n"
		     "    tap: wire\n"
		     "    take_over: true\n"
		     "    mtu: 9000\n"
		     "    descriptors: 512\n"
		     "    addresses: [10.0.0.1/24, 'fd00::1/64']\n"
		     "local_addresses: [{address: 10.0.0.9, interface: wire}]\n"
		     "services: [{vip: 10.0.0.2, port: 80}]\n",
		     &c, &error),
		-EINVAL);
	assert_string_equal(error.field, "ports[0].name");
	assert_int_equal(load("instance: two\n"
			      "workers: [0]\n"
			      "memory: {hugepages: never, megabytes: 64, data_room: 4096}\n"
			      "eal: ['-d', /x/lib.so]\n"
			      "unknown_vip_port: punt\n"
			      "policers: {neighbour: 10, rest: 0}\n"
			      "ports:\n"
			      "  - {name: a_rather_longon, device: 0000:03:00.1}\n"
			      "  - {name: dpdk1, device: net_null0, tap: wire, take_over: true,\n"
			      "     mtu: 9000, addresses: [10.0.0.1/24, 'fd00::1/64']}\n"
			      "local_addresses: [{address: 10.0.0.9, interface: wire}]\n"
			      "services: [{vip: 10.0.0.2, port: 80}]\n",
			      &c, &error),
			 0);
	assert_string_equal(c.socket, "/run/weir/two.sock");
	assert_int_equal(c.workers.cpus[0], 0);
	assert_int_equal(c.eal.hugepages, 0);
	assert_int_equal(c.eal.memory_mb, 64);
	assert_true(c.eal.use_pci);
	assert_int_equal(c.eal.argument_count, 2);
	assert_string_equal(c.eal.arguments[1], "/x/lib.so");
	assert_int_equal(c.pool.data_room, 4096);
	assert_true(c.workers.punt_unknown_vip_tcp);
	assert_int_equal(c.policers[PUNT_NEIGHBOUR].packets_per_second, 10);
	assert_int_equal(c.policers[PUNT_REST].packets_per_second, 0);
	assert_string_equal(c.ports[0].tap, "a_rather_lo.kni");
	assert_true(c.ports[1].take_over);
	assert_int_equal(c.address_count, 2);
	assert_string_equal(c.addresses[1].iface, "dpdk1");
	assert_int_equal(c.addresses[0].prefix.addr.bytes[3], 1); // host bits are kept
	assert_int_equal(c.document.pool_count, 1);
	assert_int_equal(c.document.service_count, 1);
	config_free(&c);
}

static const struct {
	const char *text, *field, *sentence;
} refusals[] = {
	{"", "", "empty"},
	{"workers: 1\n", "ports", "is missing"},
	{"ports: []\n", "ports", "is missing"},
	{"- a\n", "", "mapping"},
	{PORTS "colour: red\n", "colour", "unknown field"},
	{PORTS "worker: 1\n", "worker", "did you mean \"workers\"?"},
	{PORTS "workers: 0\n", "workers", "out of range"},
	{PORTS "workers: 65\n", "workers", "out of range"},
	{PORTS "workers: []\n", "workers", "at least one"},
	{PORTS "workers: [0, 0]\n", "workers[1]", "workers[0]"},
	{PORTS "workers: [1023]\n", "workers[0]", "no CPU 1023"},
	{PORTS "workers: [-1]\n", "workers[0]", "out of range"},
	{PORTS "main_cpu: 1023\n", "main_cpu", "no CPU"},
	{PORTS "instance: a/b\n", "instance", "letters, digits"},
	{PORTS "instance: ''\n", "instance", "empty"},
	{PORTS "socket: w.sock\n", "socket", "absolute"},
	{PORTS "log_level: loud\n", "log_level", "error, warning, notice, info, debug"},
	{PORTS "memory: {hugepages: maybe}\n", "memory.hugepages", "never, always, auto"},
	{PORTS "memory: {megabytes: 1}\n", "memory.megabytes", "out of range"},
	{PORTS "memory: lots\n", "memory", "mapping"},
	{PORTS "sessions: {ipv4: 5}\n", "sessions.ipv4", "out of range"},
	{PORTS "sessions: {half_open_percent: 101}\n", "sessions.half_open_percent", "1 to 100"},
	{PORTS "eal: -d\n", "eal", "list"},
	{PORTS "eal: [5]\n", "eal[0]", "text"},
	{PORTS "unknown_vip_port: reset\n", "unknown_vip_port", "not available yet"},
	{PORTS "unknown_vip_port: keep\n", "unknown_vip_port", "drop, punt"},
	{PORTS "policers: {bgp: 5}\n", "policers.bgp", "unknown field"},
	{PORTS "policers: {icmp: -5}\n", "policers.icmp", "out of range"},
	{PORTS "bfd: {sessions: [{}]}\n", "bfd.sessions[0].peer", "is missing"},
	{PORTS "bfd: {sessions: [{peer: 10.0.0.1, interval: 9}]}\n", "bfd.sessions[0].interval",
	 "out of range"},
	{PORTS "bfd: {sessions: [{peer: 10.0.0.1}, {peer: 10.0.0.1}]}\n", "bfd.sessions[1]",
	 "is the same session as [0]"},
	{PORTS "bfd: {sessions: [{peer: 10.0.0.1, vni: 5}]}\n", "bfd.sessions[0].vni",
	 "only for sessions of kind vxlan"},
	{PORTS "bfd: {sessions: [{peer: 10.0.0.1, local: 'fd00::1'}]}\n", "bfd.sessions[0].local",
	 "not of the peer's family"},
	{PORTS "bfd: {sessions: [{peer: 'fe80::1'}]}\n", "bfd.sessions[0].peer", "link-local"},
	{PORTS "bfd: {sessions: [{peer: 10.0.0.1, demand: true}]}\n", "bfd.sessions[0].demand",
	 "asynchronous mode"},
	{PORTS "bfd: {sessions: [{peer: 10.0.0.1, auth: {type: sha1}}]}\n",
	 "bfd.sessions[0].auth.secret", "is missing"},
	{PORTS
	 "bfd: {sessions: [{peer: 10.0.0.1, auth: {type: md5, secret: seventeen letters}}]}\n",
	 "bfd.sessions[0].auth.secret", "at most 16 bytes with md5"},
	{PORTS "bfd: {accept: [{kind: multihop}]}\n", "bfd.accept[0].from", "is missing"},
	{PORTS "bfd: {accept: [{vm_hosts: true}]}\n", "bfd.accept[0].vm_hosts",
	 "only for kind vxlan"},
	{PORTS "vlans: [{id: 5}]\n", "vlans[0].link", "is missing"},
	{"ports: [{device: veth1}]\n", "ports[0].name", "is missing"},
	{"ports: [{name: dpdk0}]\n", "ports[0].device", "is missing"},
	{"ports: [{name: a b, device: veth1}]\n", "ports[0].name", "must not hold"},
	{"ports: [{name: a/b, device: veth1}]\n", "ports[0].name", "must not hold"},
	{"ports: [{name: .., device: veth1}]\n", "ports[0].name", "no name"},
	{"ports: [{name: a, device: veth1, mtu: large}]\n", "ports[0].mtu", "number"},
	{"ports: [{name: a, device: veth1, mtu: 10000}]\n", "ports[0].mtu", "out of range"},
	{"ports: [{name: a, device: veth1, take_over: yes}]\n", "ports[0].take_over",
	 "must be true or false, not the text yes"},
	{"ports: [{name: a, device: veth1, descriptors: 5}]\n", "ports[0].descriptors",
	 "out of range"},
	{"ports: [{name: a, device: veth1, addresses: [10.0.0.1]}]\n", "ports[0].addresses[0]",
	 "prefix length"},
	{"ports: [{name: a, device: veth1, addresses: [10.0.0.1/33]}]\n", "ports[0].addresses[0]",
	 "prefix length"},
	{"ports: [{name: a, device: veth1, bond: {}}]\n", "ports[0].bond", "unknown field"},
	{"ports: [{name: a, device: veth1}, {name: a, device: veth2}]\n", "ports[1].name",
	 "ports[0]"},
	{"ports: [{name: a, device: veth1}, {name: b, device: veth1}]\n", "ports[1].device",
	 "ports[0]"},
	{"ports: [{name: a, device: veth1, tap: t}, {name: b, device: veth2, tap: t}]\n",
	 "ports[1].tap", "ports[0]"},
	{PORTS "local_addresses: [{address: 10.0.0.9, interface: dpdk1}]\n",
	 "local_addresses[0].interface", "no interface \"dpdk1\""},
	{PORTS "services: [{vip: 10.0.0.1, port: 80, mode: snat}]\n", "services[0].mode",
	 "snat is for a service by match"},
};

static void test_refusals(void **state)
{
	static struct config c;
	struct error error;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (load(refusals[i].text, &c, &error) == 0)
			fail_msg("taken: %s", refusals[i].text);
		if (strcmp(error.field, refusals[i].field) != 0 ||
		    strstr(error.text, refusals[i].sentence) == NULL)
			fail_msg("%s:\n\"%s\" %s", refusals[i].text, error.field, error.text);
	}
	assert_int_equal(config_load("/nonexistent", &c, &error), -ENOENT);
	assert_int_equal(config_load("/", &c, &error), -EINVAL);
	assert_true(load(PORTS "a: [\n", &c, &error) < 0);
	assert_int_equal(strncmp(error.text, "line 3", 6), 0);
}

/* The running configuration as JSON is a document that changes nothing. */
static void test_round_trip(void **state)
{
	static struct config c, again;
	struct error error = {0};
	json_t *json, *restart;

	assert_int_equal(load("workers: 2\neal: [--x]\nsessions: {ipv4: 4096}\n"
			      "ports: [{name: a, device: veth1, addresses: [10.0.0.1/24]}]\n",
			      &c, &error),
			 0);
	json = config_json(&c);
	assert_int_equal(config_decode(json, &c, &again, &error), 0);
	restart = config_restart_json(&c, &again);
	assert_int_equal(json_array_size(restart), 0);
	assert_int_equal(again.address_count, 1);
	json_decref(restart);
	config_free(&again);
	json_decref(json);
	// Sections that a document leaves out are those that run.
	json = json_of("{'services':[]}");
	assert_int_equal(config_decode(json, &c, &again, &error), 0);
	restart = config_restart_json(&c, &again);
	assert_int_equal(json_array_size(restart), 0);
	assert_int_equal(again.address_count, 1);
	assert_int_equal(again.workers.count, 2);
	json_decref(restart);
	config_free(&again);
	json_decref(json);
	config_free(&c);
}

static void test_restart_is_said(void **state)
{
	static struct config c, wanted;
	struct error error = {0};
	json_t *json, *restart;

	assert_int_equal(load(PORTS, &c, &error), 0);
	json = json_of("{'workers':2,'main_cpu':0,'ports':[{'name':'dpdk0','device':'veth1','mtu':"
		       "1400,'addresses':['10.0.0.1/24']},{'name':'dpdk1','device':'veth2'}],"
		       "'log_level':'debug'}");
	assert_int_equal(config_decode(json, &c, &wanted, &error), 0);
	restart = config_restart_json(&c, &wanted);
	assert_int_equal(json_array_size(restart), 4);
	for (size_t i = 0; i < 4; i++)
		assert_non_null(
			strstr(json_string_value(json_array_get(restart, i)), "needs a restart"));
	json_decref(restart);
	json_decref(json);
	config_free(&wanted);
	config_free(&c);
}

static void test_pci_names(void **state)
{
	assert_true(config_is_pci("0000:03:00.0"));
	assert_true(config_is_pci("03:00.1"));
	assert_false(config_is_pci("eth0"));
	assert_false(config_is_pci("net_null0"));
	assert_false(config_is_pci("03:00.1,args"));
	assert_false(config_is_pci("face"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),	cmocka_unit_test(test_everything),
		cmocka_unit_test(test_refusals),	cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_restart_is_said), cmocka_unit_test(test_pci_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
