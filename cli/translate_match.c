/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/match.h"
#include "translate_parts.h"

/*
 * virtual_server match: SNAT. Stock keepalived has nothing like it, so the whole block goes to weir
 * as a service with its WAN addresses, which stays for as long as weir-run does. What keepalived
 * would do for real servers has no meaning for WAN addresses: they are not checked.
 */
struct snat {
	struct block *block;
	char text[MATCH_TEXT]; // parts of the match, each with a comma before it
	const char *scheduler, *protocol;
	unsigned int established; // seconds; 0: not given
	json_t *servers;
};

/* Words of checks and of notices, which do nothing here and no harm. */
static const char *const idle_words[] = {
	"delay_loop",	   "delay_before_retry",
	"retry",	   "warmup",
	"connect_timeout", "alpha",
	"omega",	   "quorum",
	"hysteresis",	   "inhibit_on_failure",
	"ha_suspend",	   "quorum_up",
	"ip_family",	   "quorum_down",
};

static bool is_idle(const struct block *block)
{
	for (size_t i = 0; i < sizeof(idle_words) / sizeof(*idle_words); i++)
		if (block_is(block, idle_words[i]))
			return true;
	return false;
}

static void part_add(struct translation *t, struct snat *snat, const struct block *block,
		     const char *name, const char *value)
{
	size_t length = strlen(snat->text);
	char alone[MATCH_TEXT];
	struct error error = {0};
	struct match match;

	// Looked at beside parts that are right, so that the line is named which is wrong.
	snprintf(alone, sizeof(alone), "%s=%s", name, value);
	if (match_parse(alone, &match, &error) < 0 && !strcmp(error.field, name) &&
	    !strstr(error.text, "is missing"))
		finding_error(t->findings, block, "%s: %s", block->words[0], error.text);
	snprintf(snat->text + length, sizeof(snat->text) - length, ",%s", alone);
}

static void take_device(struct translation *t, struct snat *snat, const struct block *block,
			const char *name)
{
	const char *port, *tap_of = NULL;
	json_t *tap;

	json_object_foreach (t->taps, port, tap)
		if (!strcmp(json_string_value(tap), name))
			tap_of = port;
	// A VLAN device is none of the ports: weir says whether there is one.
	if (!t->taps)
		tap_of = device_port(t, block, name);
	part_add(t, snat, block, block->words[0], tap_of ? tap_of : name);
}

static void take_protocol(struct translation *t, struct snat *snat, const struct block *block,
			  const char *name)
{
	if (match_protocol_parse(name)) {
		snat->protocol = match_protocol_name(match_protocol_parse(name));
		part_add(t, snat, block, "proto", snat->protocol);
	} else {
		finding_error(t->findings, block,
			      "protocol %s: there is TCP, UDP, SCTP, ICMP and ICMPv6", name);
		snat->protocol = "";
	}
}

static void take_kind(struct translation *t, struct snat *snat, const struct block *block,
		      const char *kind)
{
	if (strcmp(kind, "SNAT"))
		finding_error(t->findings, block, "%s %s: of virtual_server match it is SNAT",
			      block->words[0], kind);
}

static void take_scheduler(struct translation *t, struct snat *snat, const struct block *block,
			   const char *name)
{
	snat->scheduler = name;
	if (!word_among(WEIR_SCHEDULERS, name))
		finding_error(t->findings, block, "%s: \"%s\" is no scheduler; there is: %s",
			      block->words[0], name, WEIR_SCHEDULERS);
}

static void take_established(struct translation *t, struct snat *snat, const struct block *block,
			     const char *text)
{
	snat->established = established_parse(t, block, text);
}

static void take_range(struct translation *t, struct snat *snat, const struct block *block,
		       const char *text)
{
	part_add(t, snat, block, block->words[0], text);
}

static const struct {
	const char *word;
	void (*take)(struct translation *t, struct snat *snat, const struct block *block,
		     const char *value);
} takers[] = {
	{"protocol", take_protocol},   {"src-range", take_range},
	{"dst-range", take_range},     {"iif", take_device},
	{"oif", take_device},	       {"lb_kind", take_kind},
	{"lvs_method", take_kind},     {"lb_algo", take_scheduler},
	{"lvs_sched", take_scheduler}, {"establish_timeout", take_established},
};

/* WAN addresses */

static unsigned int weight_read(struct translation *t, const struct block *block)
{
	const char *text = statement_value(t, block);
	char *end;
	unsigned long weight = text ? strtoul(text, &end, 10) : 1;

	if (!text || (*text >= '0' && *text <= '9' && !*end && weight <= 65535))
		return (unsigned int)weight;
	finding_error(t->findings, block, "weight %s: it takes a number, 0 to 65535", text);
	return 1;
}

static void take_server(struct translation *t, struct snat *snat, const struct block *block)
{
	const char *text = block_word(t->blocks, block, 1);
	const char *port = block_word(t->blocks, block, 2);
	unsigned int weight = 1;
	char address[ADDR_TEXT];
	struct addr addr;

	for (struct block *b = block->first; b; b = b->next) {
		if (block_is(b, "weight"))
			weight = weight_read(t, b);
		else if (!is_idle(b))
			finding_error(t->findings, b,
				      "%s is not for a WAN address: it has a weight and no more",
				      b->words[0]);
	}
	if (!text || addr_parse(text, &addr) < 0)
		finding_error(t->findings, block, "real_server takes a WAN address and the port 0");
	else if (port && strcmp(port, "0"))
		finding_error(t->findings, block,
			      "the port %s of a WAN address must be 0: SNAT chooses its ports",
			      port);
	else
		json_array_append_new(snat->servers,
				      json_pack("{s:s, s:i}", "address",
						addr_format(&addr, address), "weight", weight));
}

/* Whole services */

static void statement_read(struct translation *t, struct snat *snat, const struct block *block)
{
	size_t i = 0, count = sizeof(takers) / sizeof(*takers);
	const char *value;

	while (i < count && !block_is(block, takers[i].word))
		i++;
	if (block_is(block, "real_server")) {
		take_server(t, snat, block);
	} else if (i < count) {
		value = statement_value(t, block);
		if (value && is_vague(value))
			finding_error(t->findings, block, "%s: write this out", block->words[0]);
		else if (value)
			takers[i].take(t, snat, block, value);
	} else if (!is_idle(block)) {
		finding_error(t->findings, block, "%s is not for virtual_server match",
			      block->words[0]);
	}
}

static void match_note(struct translation *t, const struct snat *snat, const char *text)
{
	char name[MATCH_TEXT + 8];

	snprintf(name, sizeof(name), "match %s", text);
	struct named *named = blocks_take(t->blocks, sizeof(*named));
	named->name = strcpy(blocks_take(t->blocks, strlen(name) + 1), name);
	named->block = snat->block;
	const struct named *other = tree_find(&t->services, named, compare_name);
	if (other)
		finding_error(t->findings, snat->block, "this match stands in %s:%u already",
			      other->block->file, other->block->line);
	else
		tree_put(&t->services, named, compare_name);
}

static json_t *timeouts_of(const struct snat *snat)
{
	int seconds = (int)snat->established;

	if (!snat->protocol)
		return json_pack("{s:i, s:i, s:i, s:i, s:i}", "established", seconds,
				 "sctp_established", seconds, "udp_one_way", seconds, "udp_normal",
				 seconds, "icmp", seconds);
	if (!strcmp(snat->protocol, "udp"))
		return json_pack("{s:i, s:i}", "udp_one_way", seconds, "udp_normal", seconds);
	return json_pack("{s:i}",
			 !strcmp(snat->protocol, "tcp")	   ? "established"
			 : !strcmp(snat->protocol, "sctp") ? "sctp_established"
							   : "icmp",
			 seconds);
}

static void snat_settle(struct translation *t, const struct snat *snat)
{
	char text[MATCH_TEXT];
	struct error error = {0};
	struct match match;
	json_t *object;
	int status;

	memset(&match, 0, sizeof(match));
	status = *snat->text ? match_parse(snat->text + 1, &match, &error)
			     : match_normalize(&match, &error);
	if (status < 0) {
		finding_error(t->findings, snat->block, "%s%s%s", error.field,
			      *error.field ? ": " : "", error.text);
		return;
	}
	match_note(t, snat, match_format(&match, text));
	object = json_pack("{s:s, s:O}", "match", text, "servers", snat->servers);
	if (snat->scheduler)
		json_object_set_new(object, "scheduler", json_string(snat->scheduler));
	if (snat->established)
		json_object_set_new(object, "timeouts", timeouts_of(snat));
	json_array_append_new(t->settings, object);
}

void match_translate(struct translation *t, struct block *block)
{
	struct snat snat = {.block = block, .servers = json_array()};
	unsigned int errors = t->findings->errors;

	if (block->count != 3)
		finding_error(t->findings, block, "virtual_server match takes a name");
	for (const struct block *b = block->first; b; b = b->next)
		statement_read(t, &snat, b);
	if (t->findings->errors == errors)
		snat_settle(t, &snat);
	json_decref(snat.servers);
	block_remove(block);
}
