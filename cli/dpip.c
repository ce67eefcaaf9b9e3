/* SPDX-License-Identifier: BSD-3-Clause */
#include "dpip.h"

#include <errno.h>
// command.h has a structure of this name, too.
#define option option_long
#include <getopt.h>
#undef option
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "face.h"
#include "socket.h"

/*
 * Options may stand anywhere, as GNU getopt permutes them. The interfaces are called dpdk0 or, by
 * the name that they have in Linux, dpdk0.kni.
 *
 * Everything that changes something asks the daemon, which answers when it is done: the exit code
 * is 0 only then, also for `link set`.
 */
static const struct object {
	const char *name;
	enum exit_code (*run)(struct dpip *dpip);
	const char *usage;
} objects[] = {
	{"link", dpip_link,
	 "dpip link show [ NIC | NIC status | cpu | cpuN ]\n"
	 "dpip link set NIC { promisc | allmulticast | lldp | forward2kni | tc-egress | tc-ingress "
	 "} "
	 "{ on | off }\n"
	 "dpip link set NIC { up | down | link { up | down } | addr MAC }\n"
	 "dpip link set BOND { bond-mode { 0 | 1 | 2 | 4 } | bond-primary NIC\n"
	 "           | bond-xmit-policy { layer2 | layer23 | layer34 }\n"
	 "           | { bond-monitor-interval | bond-link-up-prop | bond-link-down-prop } MS }\n"
	 "dpip link { add | del } BOND bond-slave NIC\n"},
	{"addr", dpip_addr,
	 "dpip addr show [ dev NIC ]\n"
	 "dpip addr { add | set | del } ADDR[/LEN] dev NIC [ broadcast ADDR ]\n"
	 "          [ scope { host | link | global | N } ] [ valid_lft { SECONDS | forever } ]\n"
	 "          [ preferred_lft { SECONDS | forever } ] [ sapool ]\n"
	 "dpip addr flush dev NIC\n"},
	{"route", dpip_route,
	 "dpip route show [ dev NIC ]\n"
	 "dpip route { add | set | del } { PREFIX | default } [ via GATEWAY ] [ dev NIC ]\n"
	 "           [ scope { host | kni_host | link | global } ] [ src ADDR ] [ metric N ]\n"
	 "           [ mtu N ] [ local ] [ onlink ]\n"
	 "dpip route flush dev NIC\n"},
	{"neigh", dpip_neigh,
	 "dpip neigh show [ dev NIC ]\n"
	 "dpip neigh add ADDR lladdr MAC dev NIC\n"
	 "dpip neigh del ADDR dev NIC\n"},
	{"vlan", dpip_vlan,
	 "dpip vlan show [ NAME ] [ link NIC ]\n"
	 "dpip vlan add [ NAME ] link NIC [ proto { 802.1q | 802.1ad | vlan | QinQ } ] id N\n"
	 "dpip vlan del { NAME | link NIC id N }\n"},
	{"tunnel", dpip_tunnel,
	 "dpip tunnel { add | change | del | show } [ NAME ] mode { ipip | gre | vxlan }\n"
	 "            [ remote ADDR ] [ local ADDR ] [ [i|o]seq ] [ [i|o]key N ] [ [i|o]csum ]\n"
	 "            [ vni N ]"
	 "            [ ttl { N | inherit } ] [ tos { N | inherit } ] [ dev NIC ]\n"},
	{"qsch", dpip_qsch,
	 "dpip qsch { add | del | replace | change | show } dev NIC [ handle H: ]\n"
	 "          [ root | ingress | parent { H: | root | ingress } ] [ KIND ... ]\n"
	 "     KIND := { pfifo | bfifo } limit N | pfifo_fast\n"
	 "           | tbf rate R burst BYTES { latency MS | limit BYTES }\n"
	 "                 [ peakrate R mtu BYTES ]\n"
	 "     R := bit/s, with k, m or g behind\n"},
	{"cls", dpip_cls,
	 "dpip cls { add | del | change | replace | show } dev NIC [ handle H ]\n"
	 "         [ qsch { H | root | ingress } ] [ pkttype { ipv4 | ipv6 | vlan } ]\n"
	 "         [ prio N ] [ { match pattern PATTERN | ipset match SET[,src|,dst] }\n"
	 "         target { H | drop } ]\n"
	 "     PATTERN := [ PROTO ][,from=RANGE][,to=RANGE][,iif=NIC][,oif=NIC]\n"},
	{"ipv6", dpip_ipv6, "dpip ipv6 show [ cpu N | all | total ]\n"},
	{"iftraf", dpip_iftraf, "dpip iftraf { enable | disable | show [ dev NIC | all ] }\n"},
	{"eal-mem", dpip_memory, "dpip eal-mem show [ seg | ring | zone | pool ]\n"},
	{"ipset", dpip_ipset,
	 "dpip ipset create SET TYPE [ comment ] [ range R ] [ hashsize N ] [ maxelem N ]\n"
	 "dpip ipset { destroy | flush } SET\n"
	 "dpip ipset { add | del } SET ENTRY [ comment TEXT ] [ nomatch ]\n"
	 "dpip ipset test SET ENTRY\n"
	 "dpip ipset show [ SET ]\n"},
	{"flow", dpip_flow,
	 "dpip flow { add | del | show | flush } type kni [ ADDR ] [ dev NIC ]\n"},
	{"maddr", dpip_maddr, "dpip maddr show [ dev NIC ]\n"},
	{"lldp", dpip_lldp, "dpip lldp show [ local | neigh ] dev NIC\n"},
};

enum { OBJECTS = sizeof(objects) / sizeof(*objects) };

/* Commands as they may be written, and as the objects know them. */
static const struct {
	const char *written, *known;
} commands[] = {
	{"create", "create"},	{"destroy", "destroy"}, {"add", "add"},	  {"del", "del"},
	{"show", "show"},	{"list", "show"},	{"set", "set"},	  {"change", "set"},
	{"replace", "replace"}, {"flush", "flush"},	{"test", "test"}, {"enable", "enable"},
	{"disable", "disable"}, {"help", "help"},
};

enum exit_code dpip_wrong(const char *format, ...)
{
	va_list list;

	fputs("dpip: parse: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

enum exit_code dpip_refused(const char *format, ...)
{
	va_list list;

	fputs("dpip: check: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return EXIT_REFUSED;
}

bool dpip_is(const struct dpip *dpip, const char *command)
{
	return !strcmp(dpip->command, command);
}

enum exit_code dpip_no_command(const struct dpip *dpip, const char *known)
{
	return dpip_wrong("%s has no command \"%s\"; it has: %s", dpip->object, dpip->command,
			  known);
}

static void usage(FILE *out)
{
	fputs("usage: dpip [OPTIONS] OBJECT { COMMAND | help }\n"
	      "  OBJECT:  ",
	      out);
	for (unsigned int i = 0; i < OBJECTS; i++)
		fprintf(out, "%s%s", i ? " | " : "", objects[i].name);
	fputs("\n"
	      "  COMMAND: create | destroy | add | del | show (list) | set (change) | replace |\n"
	      "           flush | test | enable | disable\n"
	      "  OPTIONS: -v, --verbose\n"
	      "           -h, --help\n"
	      "           -V, --version\n"
	      "           -4, -6, -f, --family { inet | inet6 }\n"
	      "           -s, --stats\n"
	      "           -i, --interval SECONDS\n"
	      "           -c, --count N             (with -i)\n"
	      "           -C, --color\n"
	      "           -F, --force\n",
	      out);
}

static enum exit_code option_family(struct dpip *dpip, int family)
{
	if (dpip->family && dpip->family != family)
		return dpip_wrong("-4 and -6 exclude each other");
	dpip->family = family;
	return EXIT_OK;
}

static enum exit_code option_number(const char *name, const char *text, unsigned int *number)
{
	long long value;
	enum exit_code code = dpip_number(name, text, 1, 1000000, &value);

	*number = code == EXIT_OK ? (unsigned int)value : 0;
	return code;
}

static enum exit_code option_take(struct dpip *dpip, int letter)
{
	switch (letter) {
	case 'v':
		dpip->verbose = true;
		return EXIT_OK;
	case '4':
		return option_family(dpip, AF_INET);
	case '6':
		return option_family(dpip, AF_INET6);
	case 'f':
		if (!strcmp(optarg, "inet"))
			return option_family(dpip, AF_INET);
		if (!strcmp(optarg, "inet6"))
			return option_family(dpip, AF_INET6);
		return dpip_wrong("-f: \"%s\" is neither inet nor inet6", optarg);
	case 's':
		dpip->statistics = true;
		return EXIT_OK;
	case 'i':
		return option_number("-i", optarg, &dpip->interval);
	case 'c':
		return option_number("-c", optarg, &dpip->count);
	case 'C':
		dpip->colour = true;
		return EXIT_OK;
	case 'F':
		dpip->force = true;
		return EXIT_OK;
	}
	return dpip_wrong("unknown option, or one without its value; see `dpip -h`");
}

/* `*done`: there is nothing more to do, as after -h. */
static enum exit_code options_parse(struct dpip *dpip, int argc, char **argv, bool *done)
{
	static const struct option_long words[] = {
		{"verbose", no_argument, NULL, 'v'},	 {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},	 {"family", required_argument, NULL, 'f'},
		{"stats", no_argument, NULL, 's'},	 {"interval", required_argument, NULL, 'i'},
		{"count", required_argument, NULL, 'c'}, {"color", no_argument, NULL, 'C'},
		{"force", no_argument, NULL, 'F'},	 {NULL, 0, NULL, 0},
	};
	int letter;

	opterr = 0;
	while ((letter = getopt_long(argc, argv, "vhV46f:si:c:CF", words, NULL)) != -1) {
		enum exit_code code;

		if (letter == 'h')
			usage(stdout);
		if (letter == 'V')
			puts("dpip of weir " WEIR_VERSION);
		*done = letter == 'h' || letter == 'V';
		if (*done)
			return EXIT_OK;
		code = option_take(dpip, letter);
		if (code != EXIT_OK)
			return code;
	}
	if (dpip->count && !dpip->interval)
		return dpip_wrong("-c needs -i");
	return EXIT_OK;
}

static const struct object *object_find(const char *name)
{
	for (unsigned int i = 0; i < OBJECTS; i++)
		if (!strcmp(objects[i].name, name))
			return &objects[i];
	return NULL;
}

static const char *command_find(const char *word)
{
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].written, word))
			return commands[i].known;
	return NULL;
}

static enum exit_code object_run(struct dpip *dpip, const struct object *object)
{
	enum exit_code code;

	if (dpip_is(dpip, "help")) {
		fputs(object->usage, stdout);
		return EXIT_OK;
	}
	dpip->client = client_open(client_socket());
	code = object->run(dpip);
	client_close(dpip->client);
	return code;
}

int dpip_main(int argc, char **argv)
{
	struct dpip dpip = {.family = AF_UNSPEC};
	bool done = false;
	enum exit_code code = options_parse(&dpip, argc, argv, &done);
	const struct object *object;

	if (code != EXIT_OK || done)
		return code != EXIT_OK;
	if (optind >= argc) {
		usage(stderr);
		return 1;
	}
	object = object_find(argv[optind]);
	if (!object) {
		dpip_wrong("no object \"%s\"; see `dpip -h`", argv[optind]);
		return 1;
	}
	dpip.object = object->name;
	dpip.command = optind + 1 < argc ? command_find(argv[optind + 1]) : "show";
	if (!dpip.command) {
		dpip_wrong("no command \"%s\"; see `dpip %s help`", argv[optind + 1], object->name);
		return 1;
	}
	dpip.words = optind + 2 < argc ? argv + optind + 2 : argv + argc;
	// Whoever knows the tool counts on 1, whatever went wrong.
	return object_run(&dpip, object) != EXIT_OK;
}
