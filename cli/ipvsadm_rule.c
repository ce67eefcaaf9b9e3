/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipvsadm_rule.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/protocol.h"
#include "face.h"

/*
 * From words to a rule, in three passes. The first sorts options into slots and refuses what is
 * unknown, given twice, or not for this command. The second looks for what is missing. The third
 * looks at the values in the order of the slots, and refuses what is still to come only when
 * everything else is right: people who prepare a script for a feature learn about their typing
 * errors now.
 */
int rule_fail(const char *format, ...)
{
	va_list list;

	fprintf(stderr, "%s: ", face_name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return RULE_WRONG;
}

const char *rule_protocol_name(uint8_t protocol)
{
	return protocol_name(protocol);
}

/* "-t (--tcp-service)", or "--conn-timeout" when there is no letter. */
enum { RULE_TEXT = 64 };

static const char *word_text(char letter, const char *name, char text[static RULE_TEXT])
{
	if (letter)
		snprintf(text, RULE_TEXT, "-%c (--%s)", letter, name);
	else
		snprintf(text, RULE_TEXT, "--%s", name);
	return text;
}

static const char *option_text(const struct rule_option *option, char text[static RULE_TEXT])
{
	return word_text(option->letter, option->name, text);
}

static const char *command_text(const struct rule_command *command, char text[static RULE_TEXT])
{
	return word_text(command->letter, command->name, text);
}

/* Sorting */

struct words {
	int argc;
	char **argv;
	int at; // the word that is looked at
};

static const struct rule_option *option_by_letter(char letter)
{
	for (const struct rule_option *o = rule_options; o->name; o++)
		if (o->letter == letter && letter)
			return o;
	return NULL;
}

static const struct rule_option *option_by_name(const char *name, size_t length)
{
	for (const struct rule_option *o = rule_options; o->name; o++)
		if (strlen(o->name) == length && !memcmp(o->name, name, length))
			return o;
	return NULL;
}

/* May this option stand here? Then keep its text. */
static int option_keep(struct rule *rule, const struct rule_option *option, const char *text)
{
	const struct rule_option *other = rule->given[option->slot].option;
	char name[RULE_TEXT], name2[RULE_TEXT];

	if (!(option->commands & (1u << rule->command->id)))
		return rule_fail("%s is no option of %s", option_text(option, name),
				 command_text(rule->command, name2));
	if (other == option && !option->repeatable)
		return rule_fail("%s is given twice", option_text(option, name));
	if (other && other != option)
		return rule_fail("%s and %s exclude each other", option_text(other, name),
				 option_text(option, name2));
	if (other && option->take(rule, text) < 0) // this one is overwritten: look at it now
		return rule_fail("--%s: \"%s\" %s", option->name, text, option->right);
	// Of a repeated option the one that asks for something counts.
	if (other && option->off && !strcasecmp(text, option->off))
		return 0;
	rule->given[option->slot].option = option;
	rule->given[option->slot].text = text;
	return 0;
}

/* The value of an option: what is left of its word, or the next word. */
static int option_value(const struct rule_option *option, const char *rest, struct words *words,
			const char **value)
{
	char name[RULE_TEXT];

	*value = NULL;
	if (!option->value && rest)
		return rule_fail("--%s takes no value", option->name);
	if (!option->value)
		return 0;
	if (rest) {
		*value = rest;
		return 0;
	}
	bool more = words->at + 1 < words->argc;
	if (more && !(option->optional && words->argv[words->at + 1][0] == '-')) {
		*value = words->argv[++words->at];
		return 0;
	}
	if (option->optional)
		return 0;
	return rule_fail("%s needs a value: %s", option_text(option, name), option->value);
}

static int long_take(struct rule *rule, struct words *words, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct rule_option *option = option_by_name(word, length);
	const char *value;
	int code;

	if (!option)
		return rule_fail("there is no option --%.*s; see %s -h", (int)length, word,
				 "ipvsadm");
	code = option_value(option, equals ? equals + 1 : NULL, words, &value);
	return code ? code : option_keep(rule, option, value);
}

/* The letters of one word: flags, and at most one option with a value, which ends the word. */
static int letters_take(struct rule *rule, struct words *words, const char *letters)
{
	while (*letters) {
		const struct rule_option *option = option_by_letter(*letters);
		const char *value = NULL, *rest = letters + 1;
		int code = 0;

		if (!option)
			return rule_fail("there is no option -%c; see ipvsadm -h", *letters);
		if (option->value) {
			if (*rest == '=')
				rest++;
			code = option_value(option, *rest ? rest : NULL, words, &value);
			rest = "";
		}
		if (code == 0)
			code = option_keep(rule, option, value);
		if (code)
			return code;
		letters = rest;
	}
	return 0;
}

static int words_take(struct rule *rule, struct words *words)
{
	unsigned int taken = rule->words[0] ? 1 : 0;
	int code = 0;

	for (words->at++; words->at < words->argc && code == 0; words->at++) {
		const char *word = words->argv[words->at];

		if (word[0] == '-' && word[1] == '-' && word[2])
			code = long_take(rule, words, word + 2);
		else if (word[0] == '-' && word[1] && word[1] != '-')
			code = letters_take(rule, words, word + 1);
		else if (taken < rule->command->words)
			rule->words[taken++] = word;
		else
			code = rule_fail("\"%s\" belongs to no option", word);
	}
	if (code == 0 && taken < rule->command->words)
		code = rule_fail("--%s needs %s", rule->command->name, rule->command->words_help);
	return code;
}

/* The first word: a command, in short with further letters behind it. */
static int command_take(struct rule *rule, struct words *words)
{
	const char *word = words->argc > 1 ? words->argv[1] : "-L", *equals = strchr(word, '=');
	bool is_long = word[0] == '-' && word[1] == '-';
	size_t length = equals ? (size_t)(equals - word) : strlen(word);

	words->at = 1;
	for (const struct rule_command *c = rule_commands; c->name; c++) {
		if (is_long && strlen(c->name) == length - 2 &&
		    !memcmp(c->name, word + 2, length - 2)) {
			rule->command = c;
			rule->words[0] = equals ? equals + 1 : NULL;
			if (equals && !c->words)
				return rule_fail("--%s takes no value", c->name);
			return 0;
		}
		if (!is_long && word[0] == '-' && word[1] &&
		    (word[1] == c->letter || word[1] == c->letter2)) {
			rule->command = c;
			return letters_take(rule, words, word + 2);
		}
	}
	rule_fail("\"%s\" is no command; the first word must be one, see ipvsadm -h", word);
	return RULE_UNKNOWN;
}

/* What is missing, and what does not go together */

static int needs_check(const struct rule *rule)
{
	char name[RULE_TEXT], command[RULE_TEXT];

	for (const struct rule_option *o = rule_options; o->name; o++) {
		if (!(rule->command->needs & (1ull << o->slot)) || rule_has(rule, o->slot))
			continue;
		command_text(rule->command, command);
		if (o->slot == SLOT_SERVICE)
			return rule_fail("%s needs a service: -t or -u HOST:PORT, or -f MARK",
					 command);
		return rule_fail("%s needs %s %s", command, option_text(o, name), o->value);
	}
	return 0;
}

static bool given_is(const struct rule *rule, enum rule_slot slot, const char *name)
{
	return rule_has(rule, slot) && !strcmp(rule->given[slot].option->name, name);
}

/* --tun-type and what belongs to it. */
static int tunnel_check(const struct rule *rule)
{
	const char *type = rule->given[SLOT_TUN_TYPE].text;
	const struct rule_option *sum = rule->given[SLOT_TUN_SUM].option;
	bool gue = type && !strcmp(type, "gue");

	if ((type || sum || rule_has(rule, SLOT_TUN_PORT)) && !given_is(rule, SLOT_FORWARD, "ipip"))
		return rule_fail("--%s is only for -i (--ipip)", type  ? "tun-type"
								 : sum ? sum->name
								       : "tun-port");
	if (rule_has(rule, SLOT_TUN_PORT) && !gue)
		return rule_fail("--tun-port is only for --tun-type gue");
	if (gue && !rule_has(rule, SLOT_TUN_PORT))
		return rule_fail("--tun-type gue needs --tun-port PORT");
	if (sum && (!type || !strcmp(type, "ipip")))
		return rule_fail("--%s is only for --tun-type gue and gre", sum->name);
	if (sum && !strcmp(sum->name, "tun-remcsum") && !gue)
		return rule_fail("--tun-remcsum is only for --tun-type gue");
	return 0;
}

static int together_check(const struct rule *rule)
{
	const struct rule_option *view = rule->given[SLOT_VIEW].option;
	const char *scheduler = rule->given[SLOT_SCHEDULER].text;
	bool connections = given_is(rule, SLOT_SUBJECT, "connection");

	if (rule_has(rule, SLOT_IPV6) && !given_is(rule, SLOT_SERVICE, "fwmark-service"))
		return rule_fail("-6 (--ipv6) is only for -f (--fwmark-service)");
	if (rule_has(rule, SLOT_HASH_TARGET) && (!scheduler || strcmp(scheduler, "conhash")))
		return rule_fail("--hash-target is only for -s conhash");
	if (rule_has(rule, SLOT_HASH_TARGET) &&
	    !strcmp(rule->given[SLOT_HASH_TARGET].text, "qid") &&
	    !given_is(rule, SLOT_SERVICE, "udp-service"))
		return rule_fail("--hash-target qid is only for -u (--udp-service)");
	if (rule_has(rule, SLOT_OPS) && !given_is(rule, SLOT_SERVICE, "udp-service") &&
	    !given_is(rule, SLOT_SERVICE, "fwmark-service"))
		return rule_fail("-o (--ops) is only for -u (--udp-service) and -f"
				 " (--fwmark-service)");
	if (rule_has(rule, SLOT_NETMASK) && !rule_has(rule, SLOT_PERSISTENT))
		return rule_fail("-M (--netmask) is only for -p (--persistent)");
	if (rule_has(rule, SLOT_SOCKPAIR) && !connections)
		return rule_fail("--sockpair is only for -c (--connection)");
	if (rule_has(rule, SLOT_SUBJECT) && view &&
	    !(connections && !strcmp(view->name, "persistent-conn")))
		return rule_fail("--%s and --%s exclude each other",
				 rule->given[SLOT_SUBJECT].option->name, view->name);
	return 0;
}

/* Values */

static int value_take(struct rule *rule, enum rule_slot slot)
{
	const struct rule_option *option = rule->given[slot].option;
	const char *text = rule->given[slot].text;
	int status = option->take && text ? option->take(rule, text) : 0;
	char name[RULE_TEXT];

	if (status == -ENOENT)
		return rule_fail("%s: \"%s\": no such host or service is known",
				 option_text(option, name), text);
	if (status < 0 && rule->why.code)
		return rule_fail("%s: %s%s%s", option_text(option, name), rule->why.field,
				 *rule->why.field ? ": " : "", rule->why.text);
	if (status < 0)
		return rule_fail("%s: \"%s\" %s", option_text(option, name), text, option->right);
	return 0;
}

static int later_check(const struct rule *rule)
{
	char name[RULE_TEXT];

	if (rule->command->later)
		return rule_fail("%s: %s is not available yet", command_text(rule->command, name),
				 rule->command->later);
	for (unsigned int slot = 0; slot < SLOT_COUNT; slot++) {
		const struct rule_option *option = rule->given[slot].option;
		const char *text = rule->given[slot].text;

		if (!option || !option->later)
			continue;
		if (option->off && text && !strcasecmp(text, option->off))
			continue;
		return rule_fail("%s%s%s: %s is not available yet", option_text(option, name),
				 text ? " " : "", text ? text : "", option->later);
	}
	return 0;
}

/* Of a service by match the real servers are WAN addresses, and there is nothing else. */
static int match_check(const struct rule *rule)
{
	enum rule_command_id id = rule->command->id;
	char name[RULE_TEXT];

	if (id == RULE_ADD_LOCAL || id == RULE_DELETE_LOCAL)
		return rule_fail("%s: a service by match (-H) has WAN addresses (-r) and no local "
				 "ones",
				 command_text(rule->command, name));
	if (id == RULE_LIST && rule_has(rule, SLOT_SUBJECT))
		return rule_fail("-H (--match) is no filter of connections; leave it out");
	if (rule_has(rule, SLOT_SERVER) && rule->server.port != 0)
		return rule_fail("-r (--real-server): \"%s\" names a port, and SNAT chooses the "
				 "ports of a WAN address; write 0 or none",
				 rule->given[SLOT_SERVER].text);
	if (rule_has(rule, SLOT_SERVER) && !given_is(rule, SLOT_FORWARD, "snat") &&
	    (id == RULE_ADD_SERVER || rule_has(rule, SLOT_FORWARD)))
		return rule_fail("a WAN address of a service by match (-H) needs -J (--snat)");
	return 0;
}

/* What only some commands demand of their values. */
static int rule_check(const struct rule *rule)
{
	const struct rule_option *service = rule->given[SLOT_SERVICE].option;
	bool wide = service && (rule->mark || rule->service.port_end || rule->service.port == 0);

	if (given_is(rule, SLOT_SERVICE, "match"))
		return match_check(rule);
	if (rule_has(rule, SLOT_SERVER) && rule->server.port == 0 && !wide)
		return rule_fail("-r (--real-server): \"%s\" names port 0; leave the port out for "
				 "that of the service",
				 rule->given[SLOT_SERVER].text);
	return 0;
}

/* Words of commands that are no options. */
static int command_words_check(struct rule *rule)
{
	static const char *const daemons[] = {"master", "backup"};
	char *end;

	if (rule->command->id == RULE_START_DAEMON || rule->command->id == RULE_STOP_DAEMON) {
		if (strcmp(rule->words[0], daemons[0]) && strcmp(rule->words[0], daemons[1]))
			return rule_fail("--%s: \"%s\" is neither master nor backup",
					 rule->command->name, rule->words[0]);
		return 0;
	}
	for (unsigned int i = 0; i < rule->command->words; i++) {
		unsigned long number = strtoul(rule->words[i], &end, 10);
		if (rule->words[i][0] < '0' || rule->words[i][0] > '9' || *end ||
		    number > RULE_TIMEOUT_MAX)
			return rule_fail("--%s: \"%s\" is no number of seconds, 0 to %d",
					 rule->command->name, rule->words[i], RULE_TIMEOUT_MAX);
		rule->seconds[i] = (unsigned int)number;
	}
	return 0;
}

int rule_parse(struct rule *rule, int argc, char **argv)
{
	struct words words = {.argc = argc, .argv = argv};

	*rule = (struct rule){.weight = 1};
	int code = command_take(rule, &words);
	if (code == 0)
		code = words_take(rule, &words);
	if (code == 0)
		code = needs_check(rule);
	if (code == 0)
		code = command_words_check(rule);
	for (unsigned int slot = 0; slot < SLOT_COUNT && code == 0; slot++)
		if (rule_has(rule, slot))
			code = value_take(rule, slot);
	if (code == 0)
		code = together_check(rule);
	if (code == 0)
		code = tunnel_check(rule);
	if (code == 0)
		code = later_check(rule);
	return code == 0 ? rule_check(rule) : code;
}
