/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "base/match.h"

/*
 * One command line of ipvsadm, taken apart: `-A -t 10.0.0.100:80 -s rr`. The same whether it is
 * the program's own or a line that -R reads.
 */

/*
 * Places for what options say. Options that exclude each other share one; values are looked at in
 * this order, so that a real server without a port can take that of the service.
 */
enum rule_slot {
	SLOT_SERVICE,
	SLOT_IPV6,
	SLOT_SCHEDULER,
	SLOT_PERSISTENT,
	SLOT_NETMASK,
	SLOT_SERVER,
	SLOT_FORWARD,
	SLOT_TUN_TYPE,
	SLOT_TUN_PORT,
	SLOT_TUN_SUM,
	SLOT_WEIGHT,
	SLOT_UPPER,
	SLOT_LOWER,
	SLOT_SYNPROXY,
	SLOT_OPS,
	SLOT_HASH_TARGET,
	SLOT_EXPIRE_QUIESCENT,
	SLOT_QUIC,
	SLOT_DEST_CHECK,
	SLOT_CONN_TIMEOUT,
	SLOT_PROXY_PROTOCOL,
	SLOT_PE,
	SLOT_LOCAL,
	SLOT_INTERFACE,
	SLOT_DENY,
	SLOT_ALLOW,
	SLOT_CPU,
	SLOT_NUMERIC,
	SLOT_SUBJECT, // other than services: connection, timeout, daemon
	SLOT_SOCKPAIR,
	SLOT_VIEW, // columns: stats, rate, thresholds, persistent-conn
	SLOT_NOSORT,
	SLOT_EXACT,
	SLOT_SYNC_INTERFACE,
	SLOT_SYNC_ID,
	SLOT_SETTINGS,
	SLOT_COUNT,
};

enum rule_command_id {
	RULE_ADD_SERVICE,
	RULE_EDIT_SERVICE,
	RULE_DELETE_SERVICE,
	RULE_CLEAR,
	RULE_RESTORE,
	RULE_SAVE,
	RULE_ADD_SERVER,
	RULE_EDIT_SERVER,
	RULE_DELETE_SERVER,
	RULE_LIST,
	RULE_ZERO,
	RULE_ADD_LOCAL,
	RULE_DELETE_LOCAL,
	RULE_GET_LOCAL,
	RULE_ADD_DENY,
	RULE_DELETE_DENY,
	RULE_GET_DENY,
	RULE_ADD_ALLOW,
	RULE_DELETE_ALLOW,
	RULE_GET_ALLOW,
	RULE_SET,
	RULE_START_DAEMON,
	RULE_STOP_DAEMON,
	RULE_HELP,
	RULE_VERSION,
};

struct rule_command {
	enum rule_command_id id;
	const char *name; // long, without dashes
	char letter;	  // or 0
	char letter2;	  // another for the same, or 0
	uint64_t needs;	  // bits of slots
	unsigned int words;
	const char *words_help; // what the words after the command are
	const char *later;	// the feature that is still to come, or NULL
	const char *help;
};

struct rule;

struct rule_option {
	enum rule_slot slot;
	const char *name;
	char letter;	   // or 0
	const char *value; // what the help calls it; NULL: a flag
	uint32_t commands; // bits of those that take it
	/* Look at the value and keep what it means: 0, -EINVAL, or -ENOENT for a name unknown. */
	int (*take)(struct rule *rule, const char *text);
	const char *right; // what a value would be that is right
	/* A feature that is still to come; a value that begins with `off` is taken all the same. */
	const char *later;
	const char *off;
	bool optional;	 // the value may be left out
	bool repeatable; // may be given more than once
	const char *help;
};

extern const struct rule_command rule_commands[]; // ended by a NULL name
extern const struct rule_option rule_options[];	  // ended by a NULL name

/* An address and a port, which is 0 when none was given (or 0 was). */
struct rule_endpoint {
	struct addr addr;
	uint16_t port;
	uint16_t port_end; // of a range of ports, which only a service may have; else 0
	bool port_given;
};

struct rule {
	const struct rule_command *command;
	struct {
		const struct rule_option *option; // NULL: not given
		const char *text;		  // NULL: no value
	} given[SLOT_COUNT];
	const char *words[3];

	/* What the values mean. */
	uint8_t protocol;   // of the service
	struct match match; // of -H
	struct error why;   // what is wrong with a value, when `take` can say more than `right`
	struct rule_endpoint service, server, local;
	unsigned int mark; // of a service by firewall mark; 0: it is not
	unsigned int weight, upper, lower, cpu, conn_timeout, tunnel_port;
	unsigned int seconds[3]; // of --set
	uint8_t pair_protocol;
	struct rule_endpoint pair_client, pair_vip; // --sockpair
};

enum {
	RULE_WRONG = 2,		    // exit code: the line is wrong, or of a feature that is missing
	RULE_UNKNOWN = 255,	    // exit code: does not begin with a command
	RULE_TIMEOUT_MAX = 2678400, // 31 days, the tool's own limit
};

static inline bool rule_has(const struct rule *rule, enum rule_slot slot)
{
	return rule->given[slot].option != NULL;
}

/*
 * Take a line apart; argv[0] is not looked at. 0, or an exit code after a message on standard
 * error that says what is wrong. The texts stay those of argv. May resolve names.
 */
int rule_parse(struct rule *rule, int argc, char **argv);

/* Print "NAME: ..." and give RULE_WRONG. */
int rule_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "tcp", "udp" or "sctp". */
const char *rule_protocol_name(uint8_t protocol);
