/* SPDX-License-Identifier: BSD-3-Clause */
/* The IPVS door over its real socket: answers, codes, listings, what keepalived may do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "control/apply.h"
#include "control/claim.h"
#include "control/ipvs_door.h"
#include "control/ipvs_keeper.h"
#include "control/ipvs_message.h"
#include "control/ipvs_settings.h"
#include "control/loop.h"
#include "control/match_number.h"
#include "control/publish.h"
#include "control/rates.h"
#include "control/remains.h"
#include "control/zero.h"
#include "fakes.h"
#include "session/timeout.h"

enum { MESSAGE = 4096, DATAGRAMS = 16, SEQUENCE = 1000 };

static struct error error;
static struct config config;
static char own_name[16];

/* What came back for one request. */
static struct {
	int status;		// of the NLMSG_ERROR, 1: there was none
	unsigned int datagrams; // all of them
	unsigned int objects;	// messages of the family
	bool done;
	char bytes[IPVS_DATAGRAM]; // the last datagram with an object
	size_t size;
} answer;

static int start(void **state)
{
	fake_reset();
	timeout_start();
	memset(&config, 0, sizeof(config));
	snprintf(config.ipvs_socket, sizeof(config.ipvs_socket), "/tmp/weir-ipvs-%d.sock",
		 getpid());
	config.log_level = LOG_ERROR;
	log_set_level(LOG_ERROR);
	assert_int_equal(loop_start(), 0);
	model_start();
	if (ipvs_door_start(&config, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
	prctl(PR_GET_NAME, own_name);
	return 0;
}

static int stop(void **state)
{
	prctl(PR_SET_NAME, own_name);
	ipvs_door_stop();
	assert_int_equal(access(config.ipvs_socket, F_OK), -1);
	rates_stop();
	zero_stop();
	ipvs_settings_stop();
	ipvs_keeper_stop();
	remains_stop();
	publish_stop();
	claim_stop();
	model_stop();
	loop_stop();
	return 0;
}

/* A client */

static int door_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, config.ipvs_socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void datagram_take(const char *bytes, size_t size)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
	int left = (int)size;

	answer.datagrams++;
	assert_true(size <= IPVS_DATAGRAM);
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		assert_int_equal(message->nlmsg_seq, SEQUENCE);
		if (message->nlmsg_type == NLMSG_ERROR) {
			answer.status =
				((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
		} else if (message->nlmsg_type == NLMSG_DONE) {
			answer.done = true;
		} else {
			assert_int_equal(message->nlmsg_type, IPVS_FAMILY);
			answer.objects++;
			memcpy(answer.bytes, bytes, size);
			answer.size = size;
		}
	}
	assert_int_equal(left, 0);
}

/* Send a request on a new connection, and take what comes back while the loop runs. */
static void ask(const struct nlmsghdr *message)
{
	static char bytes[65536];
	int fd = door_connect();
	ssize_t size;

	memset(&answer, 0, sizeof(answer));
	answer.status = 1;
	assert_int_equal(send(fd, message, message->nlmsg_len, 0), message->nlmsg_len);
	for (unsigned int i = 0; i < 50; i++) {
		loop_round(1);
		while ((size = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
			datagram_take(bytes, (size_t)size);
			loop_round(0);
		}
		if (answer.status != 1 || answer.done)
			break;
	}
	close(fd);
	loop_round(0);
}

static struct nlmsghdr *request_begin(uint8_t command, uint16_t flags)
{
	static char bytes[MESSAGE];
	struct nlmsghdr *message = mnl_nlmsg_put_header(memset(bytes, 0, sizeof(bytes)));
	struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));

	message->nlmsg_type = IPVS_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = SEQUENCE;
	generic->cmd = command;
	generic->version = 1;
	return message;
}

static void put_service(struct nlmsghdr *message, uint32_t vip, const char *scheduler)
{
	const struct ip_vs_flags flags = {.flags = 0, .mask = UINT32_MAX};
	struct nlattr *nest = mnl_attr_nest_start(message, IPVS_CMD_ATTR_SERVICE);
	const uint32_t address[4] = {htonl(vip)};

	mnl_attr_put_u16(message, IPVS_SVC_ATTR_AF, AF_INET);
	mnl_attr_put_u16(message, IPVS_SVC_ATTR_PROTOCOL, IPPROTO_TCP);
	mnl_attr_put(message, IPVS_SVC_ATTR_ADDR, sizeof(address), address);
	mnl_attr_put_u16(message, IPVS_SVC_ATTR_PORT, htons(80));
	if (scheduler != NULL) {
		mnl_attr_put_strz(message, IPVS_SVC_ATTR_SCHED_NAME, scheduler);
		mnl_attr_put(message, IPVS_SVC_ATTR_FLAGS, sizeof(flags), &flags);
	}
	mnl_attr_nest_end(message, nest);
}

static void put_server(struct nlmsghdr *message, uint32_t addr, uint32_t weight, uint32_t method)
{
	struct nlattr *nest = mnl_attr_nest_start(message, IPVS_CMD_ATTR_DEST);
	const uint32_t address[4] = {htonl(addr)};

	mnl_attr_put(message, IPVS_DEST_ATTR_ADDR, sizeof(address), address);
	mnl_attr_put_u16(message, IPVS_DEST_ATTR_PORT, htons(80));
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_FWD_METHOD, method);
	mnl_attr_put_u32(message, IPVS_DEST_ATTR_WEIGHT, weight);
	mnl_attr_nest_end(message, nest);
}

static int service_ask(uint8_t command, uint32_t vip, const char *scheduler)
{
	struct nlmsghdr *message = request_begin(command, NLM_F_ACK);

	put_service(message, vip, scheduler);
	ask(message);
	return answer.status;
}

static int server_ask(uint8_t command, uint32_t vip, uint32_t addr, uint32_t weight,
		      uint32_t method)
{
	struct nlmsghdr *message = request_begin(command, NLM_F_ACK);

	put_service(message, vip, "");
	put_server(message, addr, weight, method);
	ask(message);
	return answer.status;
}

/* A local address in the pool, with which masquerading is FullNAT. */
static void pool_make(void)
{
	struct model_local local = {.addr = addr_v4(htonl(0xc0a86401)), .iface = "dpdk1"};
	struct edit edit = {0};

	assert_int_equal(edit_pool(&edit, &local, 1), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
}

static struct model_service *service_at(uint32_t vip)
{
	const struct service_key key = {
		.vip = addr_v4(htonl(vip)), .port = 80, .protocol = IPPROTO_TCP};

	return model_find(&key);
}

enum { VIP = 0x0a000064, SERVER = 0xc0a80102 };

static void test_codes(void **state)
{
	assert_int_equal(service_ask(IPVS_CMD_SET_SERVICE, VIP, "rr"), -ESRCH);
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "nonesuch"), -ENOENT);
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, 0xe0000001, "rr"), -EINVAL);
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "rr"), 0);
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "rr"), -EEXIST);
	assert_int_equal(service_at(VIP)->origin, ORIGIN_IPVS);
	// Without a local address masquerading is NAT, with one it is FullNAT.
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, 1, 0), 0);
	assert_int_equal(server_ask(IPVS_CMD_DEL_DEST, VIP, SERVER, 1, 0), 0);
	pool_make();
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP + 1, SERVER, 1, 0), -ESRCH);
	assert_int_equal(server_ask(IPVS_CMD_SET_DEST, VIP, SERVER, 1, 0), -ENOENT);
	assert_int_equal(server_ask(IPVS_CMD_DEL_DEST, VIP, SERVER, 1, 0), -ENOENT);
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, 1, IP_VS_CONN_F_LOCALNODE),
			 -EOPNOTSUPP);
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, UINT32_MAX, 0), -ERANGE);
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, 7, 0), 0);
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, 1, 0), -EEXIST);
	assert_int_equal(service_at(VIP)->servers[0].weight, 7);
	assert_int_equal(server_ask(IPVS_CMD_SET_DEST, VIP, SERVER, 0, 0), 0);
	assert_int_equal(service_at(VIP)->servers[0].weight, 0);
	assert_int_equal(server_ask(IPVS_CMD_DEL_DEST, VIP, SERVER, 0, 0), 0);
	assert_int_equal(service_ask(IPVS_CMD_DEL_SERVICE, VIP, NULL), 0);
	assert_int_equal(model_service_count(), 0);
	ask(request_begin(IPVS_CMD_NEW_DAEMON, NLM_F_ACK));
	assert_int_equal(answer.status, -EOPNOTSUPP);
	ask(request_begin(99, NLM_F_ACK));
	assert_int_equal(answer.status, -EOPNOTSUPP);
}

static void test_acknowledged_only_when_asked(void **state)
{
	struct nlmsghdr *message = request_begin(IPVS_CMD_NEW_SERVICE, 0);

	put_service(message, VIP, "rr");
	ask(message);
	assert_int_equal(answer.datagrams, 0);
	assert_non_null(service_at(VIP));
	ask(message);
	assert_int_equal(answer.status, -EEXIST);
	ask(request_begin(IPVS_CMD_GET_INFO, NLM_F_ACK));
	assert_int_equal(answer.objects, 1);
	assert_int_equal(answer.datagrams, 2);
	assert_int_equal(answer.status, 0);
}

static void test_listings(void **state)
{
	enum { SERVICES = 200, SERVERS = 150 };
	struct nlmsghdr *message;

	pool_make();
	for (uint32_t i = 0; i < SERVICES; i++)
		assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP + i, "rr"), 0);
	for (uint32_t i = 0; i < SERVERS; i++)
		assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER + i, 1, 0), 0);
	ask(request_begin(IPVS_CMD_GET_SERVICE, NLM_F_ACK | NLM_F_DUMP));
	assert_int_equal(answer.objects, SERVICES);
	assert_true(answer.done && answer.datagrams > 1 && answer.datagrams < DATAGRAMS);
	message = request_begin(IPVS_CMD_GET_DEST, NLM_F_ACK | NLM_F_DUMP);
	put_service(message, VIP, NULL);
	ask(message);
	assert_int_equal(answer.objects, SERVERS);
	assert_true(answer.done && answer.datagrams > 1);
	message = request_begin(IPVS_CMD_GET_DEST, NLM_F_ACK | NLM_F_DUMP);
	put_service(message, VIP - 1, NULL);
	ask(message);
	assert_true(answer.done && answer.objects == 0);
	ask(request_begin(IPVS_CMD_GET_DAEMON, NLM_F_ACK | NLM_F_DUMP));
	assert_true(answer.done && answer.objects == 0);
	ask(request_begin(IPVS_CMD_FLUSH, NLM_F_ACK));
	assert_int_equal(answer.status, 0);
	assert_int_equal(model_service_count(), 0);
}

/* Of keepalived, NEW changes what is there, and FLUSH leaves what is not of this door. */
static void test_keepalived(void **state)
{
	const struct service_key key = {
		.vip = addr_v4(htonl(VIP + 1)), .port = 80, .protocol = IPPROTO_TCP};
	struct edit edit = {0};
	json_t *runs;

	assert_int_equal(edit_service(&edit, NULL, model_service_new(&key, ORIGIN_REST)), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
	pool_make();
	prctl(PR_SET_NAME, "keepalived");
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "rr"), 0);
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "wlc"), 0);
	assert_string_equal(service_at(VIP)->scheduler, "wlc");
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, 1, 0), 0);
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, 9, 0), 0);
	assert_int_equal(service_at(VIP)->servers[0].weight, 9);
	assert_true(service_at(VIP)->keepalived && service_at(VIP)->servers[0].keepalived);
	runs = ipvs_keeper_json();
	assert_int_equal(json_array_size(runs), 1);
	json_decref(runs);
	ask(request_begin(IPVS_CMD_FLUSH, NLM_F_ACK));
	assert_null(service_at(VIP));
	assert_non_null(service_at(VIP + 1));
}

/* Let the loop run for so many milliseconds. */
static void pass_time(unsigned int milliseconds)
{
	uint64_t end = loop_clock() + milliseconds;

	while (loop_clock() < end)
		loop_round(5);
}

/* Until a service has so many servers: how long that takes is not what is tested. */
static void await_servers(uint32_t vip, unsigned int count)
{
	uint64_t end = loop_clock() + 20000;

	while (service_at(vip)->server_count != count && loop_clock() < end)
		loop_round(5);
	assert_int_equal(service_at(vip)->server_count, count);
}

/* A service with a server, at the same door but not from keepalived. */
static void by_hand(uint32_t vip)
{
	const struct service_key key = {
		.vip = addr_v4(htonl(vip)), .port = 80, .protocol = IPPROTO_TCP};
	const struct model_server server = {
		.addr = addr_v4(htonl(SERVER)), .port = 8080, .origin = ORIGIN_IPVS};
	struct model_service *before = model_find(&key);
	struct model_service *after = before ? model_service_copy(before)
					     : model_service_new(&key, ORIGIN_IPVS);
	struct edit edit = {0};

	assert_int_equal(model_service_put_server(after, &server), 0);
	assert_int_equal(edit_service(&edit, before, after), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
}

static void test_restarted_keepalived(void **state)
{
	ipvs_keeper_quiet = 200;
	ipvs_keeper_patience = 60000;
	pool_make();
	prctl(PR_SET_NAME, "keepalived");
	for (uint32_t vip = VIP; vip < VIP + 3; vip++) {
		assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, vip, "rr"), 0);
		assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, vip, SERVER, 1, 0), 0);
		assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, vip, SERVER + 1, 1, 0), 0);
	}
	by_hand(VIP + 2);
	by_hand(VIP + 3);
	pass_time(300);
	assert_int_equal(model_service_count(), 4);
	// It is a known run now: what it does not say again stays.
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "rr"), 0);
	pass_time(300);
	assert_int_equal(model_service_count(), 4);
	// Another run, which wants one server of one service.
	ipvs_keeper_stop();
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "wlc"), 0);
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, 4, 0), 0);
	assert_int_equal(service_at(VIP)->server_count, 2);
	await_servers(VIP, 1);
	assert_int_equal(service_at(VIP)->servers[0].weight, 4);
	assert_null(service_at(VIP + 1));
	assert_int_equal(service_at(VIP + 2)->server_count, 1);
	assert_int_equal(service_at(VIP + 2)->servers[0].port, 8080);
	assert_non_null(service_at(VIP + 3));
	// A third, in alpha mode: its servers come later,
	ipvs_keeper_stop();
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "wlc"), 0);
	pass_time(300);
	assert_int_equal(service_at(VIP)->server_count, 1);
	// or not at all.
	ipvs_keeper_patience = 400;
	ipvs_keeper_stop();
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "wlc"), 0);
	await_servers(VIP, 0);
	assert_non_null(service_at(VIP + 3));
}

static void settings_put(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	struct ipvs_settings *settings;
	struct edit edit = {0};

	assert_non_null(json);
	assert_int_equal(ipvs_settings_decode(json, false, &settings, &error), 0);
	json_decref(json);
	assert_int_equal(ipvs_settings_edit(settings, &edit, &error), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
	ipvs_settings_use(settings);
}

static void test_settings(void **state)
{
	pool_make();
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "rr"), 0);
	assert_int_equal(server_ask(IPVS_CMD_NEW_DEST, VIP, SERVER, 5, 0), 0);
	settings_put("{\"services\":[{\"vip\":\"10.0.0.100\",\"port\":80,\"mss\":1000,"
		     "\"timeouts\":{\"established\":77}}]}");
	assert_int_equal(service_at(VIP)->mss, 1000);
	assert_int_equal(service_at(VIP)->server_count, 1);
	assert_int_equal(service_at(VIP)->servers[0].weight, 5);
	assert_string_equal(service_at(VIP)->scheduler, "rr");
	assert_int_equal(service_ask(IPVS_CMD_SET_SERVICE, VIP, "wlc"), 0);
	assert_int_equal(service_at(VIP)->mss, 1000);
	assert_int_equal(service_ask(IPVS_CMD_DEL_SERVICE, VIP, NULL), 0);
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "rr"), 0);
	assert_int_equal(service_at(VIP)->timeouts.seconds[STATE_ESTABLISHED], 77);
	settings_put("{\"services\":[]}");
	assert_int_equal(service_at(VIP)->mss, 0);
	assert_int_equal(service_at(VIP)->timeouts.seconds[STATE_ESTABLISHED], 0);
	assert_string_equal(service_at(VIP)->scheduler, "rr");
}

/* Services by match come and go with the settings, and the door itself knows nothing of them. */
static void test_settings_with_matches(void **state)
{
	struct service_key tcp, icmp;
	struct match match;

	assert_int_equal(match_parse("tcp,from=10.1.0.0/16", &match, &error), 0);
	tcp = match_key(&match);
	assert_int_equal(match_parse("icmp,from=10.1.0.0/16", &match, &error), 0);
	icmp = match_key(&match);
	settings_put("{\"services\":[{\"match\":\"tcp,from=10.1.0.0/16\",\"scheduler\":\"rr\","
		     "\"servers\":[{\"address\":\"192.0.2.1\",\"weight\":4}]},"
		     "{\"match\":\"icmp,from=10.1.0.0/16\"}]}");
	assert_string_equal(model_find(&tcp)->scheduler, "rr");
	assert_int_equal(model_find(&tcp)->servers[0].weight, 4);
	assert_int_equal(model_find(&tcp)->origin, ORIGIN_IPVS);
	assert_int_equal(model_find(&icmp)->server_count, 0);
	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "rr"), 0);
	ask(request_begin(IPVS_CMD_FLUSH, NLM_F_ACK));
	assert_null(service_at(VIP));
	assert_non_null(model_find(&tcp));
	settings_put("{\"services\":[{\"match\":\"tcp,from=10.1.0.0/16\",\"mss\":1000}]}");
	assert_int_equal(model_find(&tcp)->mss, 1000);
	assert_int_equal(model_find(&tcp)->server_count, 0);
	assert_null(model_find(&icmp));
	settings_put("{\"services\":[]}");
	assert_null(model_find(&tcp));
}

static void test_zero(void **state)
{
	struct traffic traffic;
	uint32_t number;

	assert_int_equal(service_ask(IPVS_CMD_NEW_SERVICE, VIP, "rr"), 0);
	number = service_at(VIP)->number;
	workers_pass_begin();
	zero_service_traffic(number, &traffic);
	assert_int_equal(traffic.connections, number);
	ask(request_begin(IPVS_CMD_ZERO, NLM_F_ACK));
	assert_int_equal(answer.status, 0);
	zero_service_traffic(number, &traffic);
	assert_int_equal(traffic.connections, 0);
	assert_int_equal(traffic.packets_in, 0);
	workers_pass_begin(); // each brings 100 packets
	zero_service_traffic(number, &traffic);
	assert_int_equal(traffic.packets_in, 100);
	assert_int_equal(service_ask(IPVS_CMD_ZERO, VIP + 1, NULL), -ESRCH);
	zero_forget_service(number);
	zero_service_traffic(number, &traffic);
	assert_int_equal(traffic.connections, number);
}

static void test_timeouts(void **state)
{
	struct nlmsghdr *message = request_begin(IPVS_CMD_SET_CONFIG, NLM_F_ACK);
	uint16_t fin = model_timeouts()->seconds[STATE_FIN_WAIT];

	mnl_attr_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_TCP, 1234);
	mnl_attr_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, 0);
	mnl_attr_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_UDP, 55);
	ask(message);
	assert_int_equal(answer.status, 0);
	assert_int_equal(model_timeouts()->seconds[STATE_ESTABLISHED], 1234);
	assert_int_equal(model_timeouts()->seconds[STATE_FIN_WAIT], fin);
	assert_int_equal(model_timeouts()->seconds[STATE_UDP_ONE_WAY], 55);
	assert_int_equal(model_timeouts()->seconds[STATE_UDP_NORMAL], 55);
	message = request_begin(IPVS_CMD_SET_CONFIG, NLM_F_ACK);
	mnl_attr_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_TCP, 70000);
	ask(message);
	assert_int_equal(answer.status, -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		// First: what is found out about a process that is no keepalived is remembered a while.
		cmocka_unit_test_setup_teardown(test_keepalived, start, stop),
		cmocka_unit_test_setup_teardown(test_restarted_keepalived, start, stop),
		cmocka_unit_test_setup_teardown(test_codes, start, stop),
		cmocka_unit_test_setup_teardown(test_acknowledged_only_when_asked, start, stop),
		cmocka_unit_test_setup_teardown(test_listings, start, stop),
		cmocka_unit_test_setup_teardown(test_settings, start, stop),
		cmocka_unit_test_setup_teardown(test_settings_with_matches, start, stop),
		cmocka_unit_test_setup_teardown(test_zero, start, stop),
		cmocka_unit_test_setup_teardown(test_timeouts, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
