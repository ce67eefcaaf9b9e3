/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>

#include "ipvsadm_rule.h"
#include "ipvsadm_value.h"

/*
 * The whole grammar. A feature that weir gets later is one change here: `later` goes away, and
 * the field of the REST API that the option stands for is added in ipvsadm_change.c.
 */

/* Which commands take an option, and which options a command needs. */
#define BIT(command) (1u << RULE_##command)
#define SLOT(slot)   (1ull << SLOT_##slot)

enum {
	SERVICE_CHANGES = BIT(ADD_SERVICE) | BIT(EDIT_SERVICE),
	SERVER_CHANGES = BIT(ADD_SERVER) | BIT(EDIT_SERVER),
	LOCAL_CHANGES = BIT(ADD_LOCAL) | BIT(DELETE_LOCAL),
	DENY_CHANGES = BIT(ADD_DENY) | BIT(DELETE_DENY),
	ALLOW_CHANGES = BIT(ADD_ALLOW) | BIT(DELETE_ALLOW),
	ANY_SERVICE = SERVICE_CHANGES | BIT(DELETE_SERVICE) | SERVER_CHANGES | BIT(DELETE_SERVER) |
		      BIT(LIST) | BIT(ZERO) | LOCAL_CHANGES | BIT(GET_LOCAL) | DENY_CHANGES |
		      BIT(GET_DENY) | ALLOW_CHANGES | BIT(GET_ALLOW),
	DAEMONS = BIT(START_DAEMON) | BIT(STOP_DAEMON),
};

static const char sync_daemon[] = "copying sessions to another director";

const struct rule_command rule_commands[] = {
	{RULE_ADD_SERVICE, "add-service", 'A', .needs = SLOT(SERVICE), .help = "add a service"},
	{RULE_EDIT_SERVICE, "edit-service", 'E', .needs = SLOT(SERVICE),
	 .help = "change what is named of a service"},
	{RULE_DELETE_SERVICE, "delete-service", 'D', .needs = SLOT(SERVICE),
	 .help = "delete a service"},
	{RULE_CLEAR, "clear", 'C', .help = "delete all services"},
	{RULE_RESTORE, "restore", 'R', .help = "carry out each line of standard input"},
	{RULE_SAVE, "save", 'S', .help = "print lines for -R"},
	{RULE_ADD_SERVER, "add-server", 'a', .needs = SLOT(SERVICE) | SLOT(SERVER),
	 .help = "add a real server to a service"},
	{RULE_EDIT_SERVER, "edit-server", 'e', .needs = SLOT(SERVICE) | SLOT(SERVER),
	 .help = "change what is named of a real server"},
	{RULE_DELETE_SERVER, "delete-server", 'd', .needs = SLOT(SERVICE) | SLOT(SERVER),
	 .help = "delete a real server"},
	{RULE_LIST, "list", 'L', 'l', .help = "list services, or connections with -c"},
	{RULE_ZERO, "zero", 'Z', .help = "zero the counters of one service or of all"},
	{RULE_ADD_LOCAL, "add-laddr", 'P', .needs = SLOT(SERVICE) | SLOT(LOCAL) | SLOT(INTERFACE),
	 .help = "give a service a local address"},
	{RULE_DELETE_LOCAL, "del-laddr", 'Q',
	 .needs = SLOT(SERVICE) | SLOT(LOCAL) | SLOT(INTERFACE),
	 .help = "take a local address from a service"},
	{RULE_GET_LOCAL, "get-laddr", 'G', .help = "list local addresses"},
	{RULE_ADD_DENY, "add-blklst", 'U', .needs = SLOT(SERVICE) | SLOT(DENY),
	 .help = "deny a client a service"},
	{RULE_DELETE_DENY, "del-blklst", 'V', .needs = SLOT(SERVICE) | SLOT(DENY),
	 .help = "deny it no longer"},
	{RULE_GET_DENY, "get-blklst", 'B', .help = "list denied clients"},
	{RULE_ADD_ALLOW, "add-whtlst", 'O', .needs = SLOT(SERVICE) | SLOT(ALLOW),
	 .help = "allow a client a service"},
	{RULE_DELETE_ALLOW, "del-whtlst", 'Y', .needs = SLOT(SERVICE) | SLOT(ALLOW),
	 .help = "allow it no longer"},
	{RULE_GET_ALLOW, "get-whtlst", 'W', .help = "list allowed clients"},
	{RULE_SET, "set", .words = 3, .words_help = "TCP TCPFIN UDP",
	 .help = "set the default timeouts in seconds; 0 leaves one as it is"},
	{RULE_START_DAEMON, "start-daemon", .words = 1, .words_help = "master|backup",
	 .later = sync_daemon, .help = "copy sessions to another director"},
	{RULE_STOP_DAEMON, "stop-daemon", .words = 1, .words_help = "master|backup",
	 .later = sync_daemon, .help = "stop doing so"},
	{RULE_HELP, "help", 'h', .help = "this text"},
	{RULE_VERSION, "version", 'v', .help = "print the version"},
	{0},
};

static const char endpoint_right[] = "is no ADDRESS:PORT; IPv6 is written [ADDRESS]:PORT";
static const char threshold_right[] = "is no number of connections, 0 to 2147483647";

const struct rule_option rule_options[] = {
	/* Which service */
	{SLOT_SERVICE, "tcp-service", 't', "HOST:PORT", ANY_SERVICE, take_tcp, endpoint_right,
	 .help = "a TCP service"},
	{SLOT_SERVICE, "udp-service", 'u', "HOST:PORT", ANY_SERVICE, take_udp, endpoint_right,
	 .help = "a UDP service"},
	{SLOT_SERVICE, "sctp-service", 0, "HOST:PORT", ANY_SERVICE, take_sctp, endpoint_right,
	 .help = "an SCTP service"},
	{SLOT_SERVICE, "icmp-service", 'q', "HOST:PORT", ANY_SERVICE, take_other_service,
	 endpoint_right, "balancing ICMP", .help = "an ICMP service"},
	{SLOT_SERVICE, "icmpv6-service", '1', "HOST:PORT", ANY_SERVICE, take_other_service,
	 endpoint_right, "balancing ICMPv6", .help = "an ICMPv6 service"},
	{SLOT_SERVICE, "fwmark-service", 'f', "MARK", ANY_SERVICE, take_mark,
	 "is no mark, a whole number above 0", .help = "a service by firewall mark"},
	{SLOT_SERVICE, "match", 'H', "MATCH", ANY_SERVICE, take_match, "is no match",
	 .help = "SNAT for what matches: proto=..,src-range=..,dst-range=..,iif=..,oif=.."},
	{SLOT_IPV6, "ipv6", '6', NULL, ANY_SERVICE, .help = "the firewall mark is one of IPv6"},

	/* Of a service */
	{SLOT_SCHEDULER, "scheduler", 's', "NAME", SERVICE_CHANGES, take_scheduler,
	 "is no name of a scheduler, such as rr, wrr or wlc", .help = "scheduler (wlc)"},
	{SLOT_PERSISTENT, "persistent", 'p', "SECONDS", SERVICE_CHANGES, take_persistent,
	 "is no number of seconds, 1 to 2678400", .optional = true,
	 .help = "a client stays with its real server"},
	{SLOT_NETMASK, "netmask", 'M', "MASK", SERVICE_CHANGES, take_netmask,
	 "is no mask like 255.255.255.0 and no prefix length, 1 to 128",
	 .help = "so do all clients of one network"},
	{SLOT_OPS, "ops", 'o', NULL, SERVICE_CHANGES, .help = "every packet is scheduled alone"},
	{SLOT_SYNPROXY, "synproxy", 'j', "enable|disable", SERVICE_CHANGES, take_switch,
	 "is neither enable nor disable", .help = "answer SYNs with cookies"},
	{SLOT_HASH_TARGET, "hash-target", 0, "sip|qid", SERVICE_CHANGES, take_hash_target,
	 "is neither sip nor qid", .help = "what -s conhash hashes"},
	{SLOT_EXPIRE_QUIESCENT, "expire-quiescent", 0, NULL, SERVICE_CHANGES,
	 .help = "end sessions of real servers with weight 0"},
	{SLOT_QUIC, "quic", 0, NULL, SERVICE_CHANGES, .help = "follow QUIC connection identifiers"},
	{SLOT_DEST_CHECK, "dest-check", 0, "CHECK", SERVICE_CHANGES, take_dest_check,
	 "is none of disable, default, tcp, udp, sctp, ping, D,Ws and D,U,Ws,MIN-MAXs such as"
	 " 1,1,3s,5-3600s",
	 "--dest-check (give the service a `check` with weirctl or in weir.yaml instead)",
	 "disable", .repeatable = true, .help = "how real servers are checked"},
	{SLOT_CONN_TIMEOUT, "conn-timeout", 0, "SECONDS", SERVICE_CHANGES, take_conn_timeout,
	 "is no number of seconds, 1 to 64800, or 0 for the default",
	 .help = "timeout of what is established"},
	{SLOT_PROXY_PROTOCOL, "proxy-protocol", 0, "VERSION", SERVICE_CHANGES, take_proxy_protocol,
	 "is none of disable, v1, v2, v1-insecure, v2-insecure",
	 .help = "tell real servers the client's address"},
	{SLOT_PE, "pe", 0, "NAME", SERVICE_CHANGES, .later = "a persistence engine",
	 .help = "persistence engine"},
	{SLOT_SETTINGS, "settings", 0, "JSON", SERVICE_CHANGES | SERVER_CHANGES, take_settings,
	 "is no JSON object, such as {\"mss\":1400}",
	 .help = "other fields of the REST API (weir's own; -S makes them)"},

	/* Of a real server */
	{SLOT_SERVER, "real-server", 'r', "HOST[:PORT]", SERVER_CHANGES | BIT(DELETE_SERVER),
	 take_server, endpoint_right, .help = "real server; without a port that of the service"},
	{SLOT_FORWARD, "fullnat", 'b', NULL, SERVER_CHANGES, .help = "FullNAT"},
	{SLOT_FORWARD, "gatewaying", 'g', NULL, SERVER_CHANGES,
	 .help = "direct routing (the default)"},
	{SLOT_FORWARD, "ipip", 'i', NULL, SERVER_CHANGES, .help = "tunnel"},
	{SLOT_TUN_TYPE, "tun-type", 0, "ipip|gue|gre", SERVER_CHANGES, take_tunnel_type,
	 "is none of ipip, gue, gre", .help = "with -i: the tunnel's header (ipip)"},
	{SLOT_TUN_PORT, "tun-port", 0, "PORT", SERVER_CHANGES, take_tunnel_port,
	 "is no port, 1 to 65535", .help = "of a tunnel of type gue"},
	{SLOT_TUN_SUM, "tun-nocsum", 0, NULL, SERVER_CHANGES,
	 .help = "of type gue or gre: no checksum (the default)"},
	{SLOT_TUN_SUM, "tun-csum", 0, NULL, SERVER_CHANGES,
	 .help = "of type gue or gre: a checksum over all of it"},
	{SLOT_TUN_SUM, "tun-remcsum", 0, NULL, SERVER_CHANGES,
	 .help = "of type gue: remote checksum offload"},
	{SLOT_FORWARD, "masquerading", 'm', NULL, SERVER_CHANGES, .help = "NAT"},
	{SLOT_FORWARD, "snat", 'J', NULL, SERVER_CHANGES,
	 .help = "SNAT: the real server is a WAN address (-H)"},
	{SLOT_WEIGHT, "weight", 'w', "NUMBER", SERVER_CHANGES, take_weight,
	 "is no weight, 0 to 65535", .help = "weight (1); 0 drains"},
	{SLOT_UPPER, "u-threshold", 'x', "NUMBER", SERVER_CHANGES, take_upper, threshold_right,
	 .help = "no new connections from so many on"},
	{SLOT_LOWER, "l-threshold", 'y', "NUMBER", SERVER_CHANGES, take_lower, threshold_right,
	 .help = "and again below so many"},

	/* Local addresses and access lists */
	{SLOT_LOCAL, "laddr", 'z', "ADDRESS", LOCAL_CHANGES, take_local, "is no address",
	 .help = "local address"},
	{SLOT_INTERFACE, "ifname", 'F', "DEVICE", LOCAL_CHANGES, .help = "its interface"},
	{SLOT_DENY, "blklst", 'k', "ADDRESS|ipset:NAME", DENY_CHANGES, take_access,
	 "is no address and no ipset:NAME", .help = "denied client"},
	{SLOT_ALLOW, "whtlst", '2', "ADDRESS|ipset:NAME", ALLOW_CHANGES, take_access,
	 "is no address and no ipset:NAME", .help = "allowed client"},

	/* Listings */
	{SLOT_NUMERIC, "numeric", 'n', NULL, BIT(LIST) | BIT(SAVE),
	 .help = "addresses and ports as numbers"},
	{SLOT_SUBJECT, "connection", 'c', NULL, BIT(LIST), .help = "connections"},
	{SLOT_SOCKPAIR, "sockpair", 0, "PROTO:SIP:SPORT:TIP:TPORT", BIT(LIST), take_sockpair,
	 "is not of the form tcp:CLIENT:PORT:VIP:PORT, IPv6 in brackets",
	 .help = "with -c: this connection alone"},
	{SLOT_VIEW, "persistent-conn", 0, NULL, BIT(LIST), .help = "persistent connections"},
	{SLOT_VIEW, "stats", 0, NULL, BIT(LIST), .help = "counters"},
	{SLOT_VIEW, "rate", 0, NULL, BIT(LIST), .help = "counts per second"},
	{SLOT_VIEW, "thresholds", 0, NULL, BIT(LIST), .help = "limits of real servers"},
	{SLOT_SUBJECT, "timeout", 0, NULL, BIT(LIST), .help = "the default timeouts"},
	{SLOT_SUBJECT, "daemon", 0, NULL, BIT(LIST), .help = "daemons that copy sessions"},
	{SLOT_NOSORT, "nosort", 0, NULL, BIT(LIST), .help = "as the daemon has them"},
	{SLOT_NOSORT, "sort", 0, NULL, BIT(LIST), .help = "sorted, which is the default"},
	{SLOT_EXACT, "exact", 'X', NULL, BIT(LIST), .help = "all digits of large numbers"},
	{SLOT_CPU, "cpu", 0, "NUMBER", BIT(LIST) | BIT(GET_LOCAL), take_cpu,
	 "is no number of a worker, 1 and up, or 0 for all", .help = "of this worker alone"},

	{SLOT_SYNC_INTERFACE, "mcast-interface", 0, "DEVICE", BIT(START_DAEMON),
	 .help = "where copies are sent"},
	{SLOT_SYNC_ID, "syncid", 0, "NUMBER", DAEMONS, take_sync_id, "is no number, 0 to 255",
	 .help = "whose copies"},
	{0},
};
