/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Coming home, for 1 to 64 workers: each local port belongs to one worker, whatever the way, and
 * all have about as many; rules as a device would be given them, by a fake one.
 */
#include "io/steer_home.c"

#include "environment.h"

#include "io/eal.h"
#include "io/pool.h"

enum { PORTS = 65536, TUPLES = 4 };

static struct port *port;

static int setup(void **state)
{
	static const struct port_config config = {.name = "dpdk0", .device = "net_null0"};
	struct eal_config eal = {.instance = "steer", .memory_mb = 64, .main_cpu = -1};
	struct pool_config pool = {.buffers = 1023};
	struct error error = {0};

	log_set_level(LOG_ERROR);
	if (eal_start(&eal, &error) < 0 || pool_start(&pool, 1, &error) < 0 ||
	    port_open_all(&config, 1, 1, &error) < 0) {
		print_error("%s: %s\n", error.field, error.text);
		return -1;
	}
	port = port_get(0);
	return 0;
}

static int teardown(void **state)
{
	port_close_all();
	pool_stop();
	eal_stop();
	return 0;
}

static void start(unsigned int workers, enum port_steering wanted)
{
	struct error error = {0};

	port->config.steering = wanted;
	port->rx_queue_count = workers;
	port->distrusted = false;
	if (steer_homes_start(workers, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
}

/* A device that spreads by a random key and a table as port_setup.c asks for. */
static void spread_by_toeplitz(unsigned int workers)
{
	port->rss = true;
	port->rss_key_len = 40;
	port->rss_reta_size = 128;
	for (unsigned int i = 0; i < 40; i++)
		port->rss_key[i] = random();
	for (unsigned int i = 0; i < 128; i++)
		port->rss_reta[i] = i * workers / 128;
}

static struct key6 random_key(bool ipv6)
{
	struct key6 key = {{0}};
	uint8_t *bytes = (uint8_t *)&key;

	for (unsigned int i = 0; i < (ipv6 ? 36u : 12u); i++)
		bytes[i] = random();
	return key;
}

static void set_port(struct key6 *key, bool ipv6, uint16_t number)
{
	if (ipv6)
		key->destination_port = rte_cpu_to_be_16(number);
	else
		((struct key4 *)key)->destination_port = rte_cpu_to_be_16(number);
}

/*
 * Every reply comes to the queue of the worker that the port belongs to, by the device's own
 * arithmetic; a worker's share is `uneven` times the even one at most.
 */
static void shares(unsigned int workers, bool ipv6, double uneven)
{
	static unsigned int owned[64];
	struct key6 key = random_key(ipv6);
	struct steer_home home;

	memset(owned, 0, sizeof(owned));
	steer_home(&home, 0, &key, ipv6);
	for (unsigned int number = 0; number < PORTS; number++) {
		unsigned int worker = steer_home_worker(&home, number);

		assert_true(worker < workers);
		owned[worker]++;
		if (port->steering != STEERING_RSS)
			continue;
		set_port(&key, ipv6, number);
		assert_int_equal(worker, steer_queue(port, steer_hash(port, &key, ipv6)));
	}
	for (unsigned int i = 0; i < workers; i++)
		assert_in_range(owned[i], PORTS / workers / uneven - 1,
				PORTS / workers * uneven + 1);
}

static void test_rss(void **state)
{
	for (unsigned int workers = 2; workers <= 64; workers++) {
		spread_by_toeplitz(workers);
		start(workers, STEERING_AUTO);
		assert_int_equal(port->steering, STEERING_RSS);
		for (unsigned int i = 0; i < TUPLES; i++)
			// Places of the table go by the whole number to workers: one has two, one three.
			shares(workers, i % 2, 128 / workers * workers == 128 ? 1.35 : 1.8);
	}
	port->rss = false;
}

static void test_hand_over(void **state)
{
	for (unsigned int workers = 2; workers <= 64; workers++) {
		start(workers, STEERING_AUTO); // net_null takes no rules
		assert_int_equal(port->steering, STEERING_HAND_OVER);
		assert_true(strlen(port->steering_why) > 10);
		shares(workers, false, 1.01);
		shares(workers, true, 1.01);
	}
	start(1, STEERING_RSS);
	assert_int_equal(port->steering, STEERING_NONE);
	shares(1, false, 1);
}

/* A fake device with room for so many rules. */
static struct steer_rule rules[4096];
static bool there[4096];
static unsigned int room, rule_count;

static bool fake_validate(uint16_t dpdk_port, const struct steer_rule *rule, char *why, size_t size)
{
	return true;
}

static void *fake_create(uint16_t dpdk_port, const struct steer_rule *rule, char *why, size_t size)
{
	if (rule_count == room) {
		snprintf(why, size, "no room");
		return NULL;
	}
	for (unsigned int i = 0;; i++) {
		if (there[i])
			continue;
		rules[i] = *rule;
		there[i] = true;
		rule_count++;
		return &rules[i];
	}
}

static void fake_destroy(uint16_t dpdk_port, void *handle)
{
	unsigned int i = (struct steer_rule *)handle - rules;

	assert_true(there[i]);
	there[i] = false;
	rule_count--;
}

static const struct steer_flow_device fake = {fake_validate, fake_create, fake_destroy};

/* The queue on which the rules put a packet; -1: by none. */
static int fake_queue(const struct addr *local, uint8_t protocol, uint16_t number)
{
	int queue = -1;

	for (unsigned int i = 0; i < 4096; i++) {
		if (!there[i] || memcmp(&rules[i].local, local, sizeof(*local)) != 0 ||
		    rules[i].protocol != protocol || (number & rules[i].mask) != rules[i].value)
			continue;
		assert_int_equal(queue, -1); // no two rules say something about it
		queue = rules[i].queue;
	}
	return queue;
}

static void test_flow(void **state)
{
	const struct steer_flow_device *before = steer_flow_device;
	const uint8_t long_address[16] = {0x20, 1};
	struct addr locals[2] = {addr_v4(5), addr_v6(long_address)};

	steer_flow_device = &fake;
	room = 4096;
	for (unsigned int workers = 2; workers <= 64; workers++) {
		struct steer_home home;
		struct key4 key = {0};

		start(workers, STEERING_AUTO);
		assert_int_equal(port->steering, STEERING_FLOW);
		for (unsigned int i = 0; i < 2; i++)
			steer_local_add(0, &locals[i]);
		assert_int_equal(port->flow_rules, rule_count);
		steer_home(&home, 0, &key, false);
		for (unsigned int number = 0; number < PORTS; number += 1 + random() % 200)
			for (unsigned int i = 0; i < 2; i++) {
				unsigned int worker = steer_home_worker(&home, number);

				assert_int_equal(fake_queue(&locals[i], 6, number), worker);
				assert_int_equal(fake_queue(&locals[i], 17, number), worker);
				assert_int_equal(fake_queue(&locals[i], 132, number), worker);
			}
		shares(workers, false, 1.34);
		steer_local_remove(0, &locals[0]);
		assert_int_equal(fake_queue(&locals[0], 6, 80), -1);
		assert_int_not_equal(fake_queue(&locals[1], 6, 80), -1);
		steer_flow_clear(port);
		assert_int_equal(rule_count, 0);
	}
	steer_flow_device = before;
}

/* A device that has room for one address: the other one's packets are handed over. */
static void test_flow_full(void **state)
{
	const struct steer_flow_device *before = steer_flow_device;
	struct addr locals[2] = {addr_v4(5), addr_v4(6)};

	steer_flow_device = &fake;
	room = 10;
	start(4, STEERING_FLOW);
	steer_local_add(0, &locals[0]);
	steer_local_add(0, &locals[1]);
	assert_int_equal(rule_count, 8);
	assert_int_equal(port->flow_rules, 8);
	assert_int_equal(port->flow_refused, 1);
	steer_local_remove(0, &locals[1]);
	steer_local_remove(0, &locals[0]);
	assert_int_equal(rule_count, 0);
	// What is left over may be too little for SCTP, which is then handed over alone.
	room = 12;
	steer_local_add(0, &locals[0]);
	assert_int_equal(rule_count, 12);
	assert_int_equal(fake_queue(&locals[0], 132, 7), 3);
	steer_local_remove(0, &locals[0]);
	room = 11;
	steer_local_add(0, &locals[0]);
	assert_int_equal(rule_count, 8);
	assert_int_equal(fake_queue(&locals[0], 132, 7), -1);
	steer_local_remove(0, &locals[0]);
	assert_int_equal(rule_count, 0);
	steer_flow_device = before;
}

/* What a device cannot do is refused by the name of the field, with the reason. */
static void test_refused(void **state)
{
	struct error error = {0};

	port->rx_queue_count = 2;
	port->config.steering = STEERING_RSS;
	assert_int_equal(steer_homes_start(2, &error), -ENOTSUP);
	assert_string_equal(error.field, "ports[0].steering");
	assert_string_equal(error.text,
			    "rss cannot be: net_null tells no key and table by which it "
			    "spreads");
	port->config.steering = STEERING_FLOW;
	assert_int_equal(steer_homes_start(2, &error), -ENOTSUP);
	assert_non_null(strstr(error.text, "flow cannot be: it takes no rules"));
	spread_by_toeplitz(2);
	port->rx_queue_count = 1;
	port->config.steering = STEERING_RSS;
	assert_int_equal(steer_homes_start(2, &error), -ENOTSUP);
	assert_string_equal(error.text, "rss cannot be: it has 1 receive queues for 2 workers");
	port->rss = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rss),	cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_flow),	cmocka_unit_test(test_flow_full),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("steer_home", tests, setup, teardown);
}
