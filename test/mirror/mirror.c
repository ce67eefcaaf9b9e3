/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rtnetlink mirror alone, for tests: `mirror eth0 eth1` treats these interfaces of its
 * namespace as if they were the TAPs of weir's, reads commands from standard input, a line each,
 * and answers each with a line of JSON.
 *
 *	lookup ADDRESS...	what a worker would find: next hop, MAC, interface
 *	request IFACE ADDRESS	what a worker does for an unresolved neighbour
 *	watch ADDRESS...	path numbers
 *	release PATH...
 *	path PATH...		the MACs that its slots lead to
 *	routes | neighbours | addresses
 *	add|delete IFACE PREFIX	an address, by kernel_address_add() and _delete()
 *	owner ADDRESS
 *	get ADDRESS...		what Linux would do: error or type, interface, gateway
 *	state			epoch, longest CPU time between two looks at the loop in ms, memory, numbers in use
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "io/rcu.h"
#include "net/fib.h"
#include "net/kernel.h"
#include "net/kernel_mirror.h"
#include "net/nexthop.h"
#include "net/path.h"
#include "net/route.h"

#include <rte_eal.h>

enum { IFACES = 8, TICK_MS = 50, WORDS = 4096 };

static struct iface ifaces[IFACES];
static unsigned int iface_count;
static double longest_ms;

unsigned int if_nametoindex(const char *name);

struct iface *iface_table[IFACE_MAX];

struct iface *iface_find(const char *name)
{
	for (unsigned int i = 0; i < iface_count; i++)
		if (strcmp(ifaces[i].name, name) == 0)
			return &ifaces[i];
	return NULL;
}

struct iface *iface_find_kernel(int kernel_index)
{
	for (unsigned int i = 0; i < iface_count; i++)
		if (ifaces[i].kernel_index == kernel_index)
			return &ifaces[i];
	return NULL;
}

static double now_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static json_t *mac_json(uint16_t number)
{
	static const char *const words[] = {"none", "unresolved", "blackhole", "local"};
	char text[RTE_ETHER_ADDR_FMT_SIZE];

	if (number < NEXTHOP_FIRST)
		return json_string(words[number]);
	rte_ether_format_addr(text, sizeof(text),
			      (const struct rte_ether_addr *)nexthop_table[number].header);
	return json_string(text);
}

static json_t *lookup_json(const char *word)
{
	json_t *list = json_array();
	struct addr addr;
	uint16_t iface = 0, number;

	if (addr_parse(word, &addr) < 0)
		return list;
	for (uint32_t hash = 0; hash < PATH_SLOTS; hash++) {
		number = addr.family == AF_INET6 ? route_lookup6(addr.bytes, hash, &iface)
						 : route_lookup4(addr.v4, hash, &iface);
		json_array_append_new(
			list,
			json_pack("[o, i, i]", mac_json(number),
				  number < NEXTHOP_FIRST ? iface : nexthop_table[number].iface,
				  number < NEXTHOP_FIRST ? 0 : nexthop_table[number].mtu));
	}
	return list;
}

static json_t *path_json(const char *word)
{
	json_t *list = json_array();

	for (uint32_t hash = 0; hash < PATH_SLOTS; hash++)
		json_array_append_new(list, mac_json(path_nexthop(atoi(word), hash)));
	return list;
}

static json_t *state_json(void)
{
	json_t *state = json_pack("{s:i, s:f, s:I, s:i, s:i}", "epoch", route_epoch, "longest_ms",
				  longest_ms, "fib_bytes", (json_int_t)fib_bytes(), "nexthops",
				  nexthop_count(), "paths", path_count());

	longest_ms = 0;
	return state;
}

/* Linux's answer to RTM_GETROUTE, to compare with. */
static json_t *get_json(const struct addr *addr)
{
	static struct mnl_socket *socket;
	const struct nlattr *attributes[ATTRIBUTES_MAX];
	char buffer[8192] __attribute__((aligned(8))), via[ADDR_TEXT] = "";
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	bool ipv6 = addr->family == AF_INET6;
	struct addr gateway;

	if (!socket)
		socket = kernel_socket_open(0, true, &(struct error){});
	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	info->rtm_family = addr->family;
	info->rtm_dst_len = ipv6 ? 128 : 32;
	mnl_attr_put(message, RTA_DST, ipv6 ? 16 : 4, addr->bytes);
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(socket, buffer, sizeof(buffer)) <= 0)
		return json_null();
	message = (struct nlmsghdr *)buffer;
	info = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type == NLMSG_ERROR)
		return json_pack("[i, s, s]", ((struct nlmsgerr *)info)->error, "", "");
	attributes_of_message(message, sizeof(*info), attributes);
	if (attribute_addr(attributes[RTA_GATEWAY], addr->family, &gateway))
		addr_format(&gateway, via);
	return json_pack("[i, s, s]", info->rtm_type,
			 link_name(attribute_u32(attributes[RTA_OIF], 0)), via);
}

/* Commands that take each word by itself. */
static json_t *answer_word(const char *command, const char *word)
{
	struct addr addr = {};

	addr_parse(word, &addr);
	if (strcmp(command, "lookup") == 0)
		return lookup_json(word);
	if (strcmp(command, "watch") == 0)
		return json_integer(path_watch(&addr));
	if (strcmp(command, "get") == 0)
		return get_json(&addr);
	if (strcmp(command, "path") == 0)
		return path_json(word);
	if (strcmp(command, "owner") == 0)
		return kernel_address_owner(&addr) ? json_string(kernel_address_owner(&addr)->name)
						   : json_null();
	if (strcmp(command, "release") == 0)
		path_release(atoi(word));
	return json_null();
}

static json_t *answer(char **words, unsigned int count)
{
	struct iface *iface = count > 1 ? iface_find(words[1]) : NULL;
	struct prefix prefix;
	json_t *list;

	if (strcmp(words[0], "routes") == 0)
		return kernel_routes_json();
	if (strcmp(words[0], "neighbours") == 0)
		return kernel_neighbours_json();
	if (strcmp(words[0], "addresses") == 0)
		return kernel_addresses_json();
	if (strcmp(words[0], "state") == 0)
		return state_json();
	if (iface && count > 2 && prefix_parse(words[2], &prefix) == 0) {
		if (strcmp(words[0], "add") == 0)
			return json_integer(kernel_address_add(iface, &prefix));
		if (strcmp(words[0], "delete") == 0)
			return json_integer(kernel_address_delete(iface, &prefix));
		if (strcmp(words[0], "request") == 0)
			neigh_request(iface->index, &prefix.addr);
		return json_null();
	}
	list = json_array();
	for (unsigned int i = 1; i < count; i++)
		json_array_append_new(list, answer_word(words[0], words[i]));
	return list;
}

/* False at the end of the input. */
static bool answer_line(void)
{
	static char line[1 << 20];
	char *words[WORDS], *rest = line, *text;
	unsigned int count = 0;
	json_t *json;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	while (count < WORDS && (words[count] = strtok_r(count ? NULL : rest, " \n", &rest)))
		count++;
	if (!count)
		return true;
	json = answer(words, count);
	text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	puts(text);
	fflush(stdout);
	free(text);
	json_decref(json);
	return true;
}

static void loop(void)
{
	int epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = kernel_fd()};
	double tick = now_ms(CLOCK_MONOTONIC);

	epoll_ctl(epoll, EPOLL_CTL_ADD, kernel_fd(), &event);
	event.data.fd = STDIN_FILENO;
	epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	for (;;) {
		int ready = epoll_wait(epoll, &event, 1, TICK_MS / 5);
		double begun = now_ms(CLOCK_THREAD_CPUTIME_ID);

		if (ready == 1 && event.data.fd == STDIN_FILENO) {
			if (!answer_line())
				break;
			continue;
		}
		if (ready == 1)
			kernel_read();
		if (now_ms(CLOCK_MONOTONIC) - tick >= TICK_MS) {
			tick = now_ms(CLOCK_MONOTONIC);
			kernel_tick();
		}
		rcu_poll();
		longest_ms = RTE_MAX(longest_ms, now_ms(CLOCK_THREAD_CPUTIME_ID) - begun);
	}
	close(epoll);
}

static void iface_open(const char *name)
{
	struct iface *iface = &ifaces[iface_count++];

	snprintf(iface->name, sizeof(iface->name), "%s", name);
	snprintf(iface->tap_name, sizeof(iface->tap_name), "%s", name);
	iface->index = iface_count;
	iface_table[iface->index] = iface;
	iface->port = iface_count - 1;
	iface->mtu = 1500;
	iface->kernel_index = if_nametoindex(name);
}

int main(int argc, char **argv)
{
	static char *eal[] = {
		"mirror", "--no-huge", "--no-pci",	 "--no-shconf",
		"-m",	  "64",	       "--no-telemetry", "--log-level=lib.eal:warning"};
	struct error error = {};

	setvbuf(stdin, NULL, _IONBF, 0); // what is not read yet must show in epoll
	if (rte_eal_init(RTE_DIM(eal), eal) < 0)
		return 1;
	for (int i = 1; i < argc && iface_count < IFACES; i++)
		iface_open(argv[i]);
	if (rcu_start(1) < 0 || route_start(1) < 0 || kernel_start(&error) < 0) {
		fprintf(stderr, "cannot start: %s\n", error.text);
		return 1;
	}
	puts("\"ready\"");
	fflush(stdout);
	loop();
	kernel_stop();
	route_stop();
	rcu_stop();
	return 0;
}
