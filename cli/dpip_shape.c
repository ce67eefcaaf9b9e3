/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dpip qsch and cls: queueing disciplines and their classifiers. A queue is called by its handle;
 * the first ones of a device are called root and ingress and have no other handle. What is on a
 * device is shown in the lines of DPVS' dpip.
 */
#include "dpip_shape.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/match.h"
#include "match_words.h"
#include "place.h"

/* "1:", "1:2", in hexadecimal; `child` says whether the second part may be there. */
static bool handle_valid(const char *text, bool child)
{
	char *end;
	unsigned long major = strtoul(text, &end, 16), minor = 0;

	if (end == text || *end != ':' || (major == 0 && !child) || major > 0xfffe)
		return false;
	if (end[1] && child)
		minor = strtoul(end + 1, &end, 16);
	else
		end++;
	return *end == '\0' && minor <= 0xffff;
}

static enum exit_code handle_check(const char *name, const char *text, bool child)
{
	if (text && !handle_valid(text, child) &&
	    !(child && (!strcmp(text, "root") || !strcmp(text, "ingress"))))
		return dpip_wrong("%s: \"%s\" is no handle like %s", name, text,
				  child ? "1:2" : "1:");
	return EXIT_OK;
}

/* Bits per second with k, m or g behind; the daemon says how many there may be. */
static enum exit_code rate_check(const char *name, const char *text)
{
	char *end;

	if (!text)
		return EXIT_OK;
	strtod(text, &end);
	if (end != text && *end && strchr("kKmMgG", *end))
		end++;
	if (end == text || *end || *text < '0' || *text > '9')
		return dpip_wrong("%s: \"%s\" is no rate, such as 800m or 2g", name, text);
	return EXIT_OK;
}

struct shape_words {
	const char *dev, *handle, *parent, *root, *ingress, *kind;
	const char *limit, *rate, *burst, *latency, *peakrate, *mtu;
	const char *qsch, *pkttype, *prio, *match, *pattern, *target;
};

/* "10", "10ms". */
static const char *latency_text(const char *text, char plain[static 32])
{
	size_t length = strlen(text);

	if (length > 2 && length < 32 && !strcmp(text + length - 2, "ms"))
		length -= 2;
	snprintf(plain, 32, "%.*s", (int)length, text);
	return plain;
}

static enum exit_code numbers_check(const struct shape_words *words)
{
	char latency[32];
	const struct {
		const char *name, *text;
	} numbers[] = {
		{"limit", words->limit},
		{"burst", words->burst},
		{"latency", words->latency ? latency_text(words->latency, latency) : NULL},
		{"mtu", words->mtu},
		{"prio", words->prio},
	};
	enum exit_code code = EXIT_OK;
	long long number;

	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(*numbers) && code == EXIT_OK; i++)
		if (numbers[i].text)
			code = dpip_number(numbers[i].name, numbers[i].text, 0, UINT32_MAX,
					   &number);
	return code;
}

static enum exit_code kind_check(const struct shape_words *words)
{
	const char *kind = words->kind;

	if (!kind)
		return dpip_wrong("missing kind: pfifo, bfifo, pfifo_fast or tbf");
	if (!strcmp(kind, "pfifo_fast"))
		return EXIT_OK;
	if (!strcmp(kind, "pfifo") || !strcmp(kind, "bfifo"))
		return words->limit ? EXIT_OK : dpip_wrong("%s needs `limit N`", kind);
	if (strcmp(kind, "tbf"))
		return dpip_wrong("kind: \"%s\" is none of: pfifo, bfifo, pfifo_fast, tbf", kind);
	if (!words->rate || !words->burst)
		return dpip_wrong("tbf needs `rate R burst B`");
	if (!words->latency == !words->limit)
		return dpip_wrong("tbf needs either `latency MS` or `limit B`");
	return EXIT_OK;
}

/* The queue that the words name; NULL: none. */
static const char *queue_named(const struct shape_words *words)
{
	return words->root ? "root" : words->ingress ? "ingress" : words->handle;
}

static void number_add(json_t *body, const char *name, const char *text)
{
	char plain[32];

	if (text)
		json_object_set_new(body, name,
				    json_integer(strtoll(latency_text(text, plain), NULL, 0)));
}

static void text_add(json_t *body, const char *name, const char *text)
{
	if (text)
		json_object_set_new(body, name, json_string(text));
}

/* PUT of a queue or classifier: new, changed, or whichever it is. */
static enum exit_code row_put(struct dpip *dpip, const char *device, const char *list,
			      const char *handle, json_t *body)
{
	char path[PLACE_TEXT];
	enum exit_code code;

	snprintf(path, sizeof(path), "/v1/traffic-control/%s/%s/%s%s", device, list,
		 handle ? handle : "auto",
		 dpip_is(dpip, "add")	? "?new=1"
		 : dpip_is(dpip, "set") ? "?change=1"
					: "");
	code = client_request(dpip->client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code row_delete(struct dpip *dpip, const char *device, const char *list,
				 const char *handle)
{
	char path[PLACE_TEXT];

	snprintf(path, sizeof(path), "/v1/traffic-control/%s/%s/%s", device, list, handle);
	return client_request(dpip->client, "DELETE", path, NULL, NULL);
}

static enum exit_code queue_delete(struct dpip *dpip, const char *device, const char *queue)
{
	return queue ? row_delete(dpip, device, "queues", queue)
		     : dpip_wrong("missing handle: `handle H:`, root or ingress");
}

static enum exit_code queue_put(struct dpip *dpip, const char *device,
				const struct shape_words *words)
{
	const char *queue = queue_named(words);
	json_t *body = json_object();

	text_add(body, "kind", words->kind);
	text_add(body, "parent", words->parent);
	text_add(body, "rate", words->rate);
	text_add(body, "peakrate", words->peakrate);
	number_add(body, "limit", words->limit);
	number_add(body, "burst", words->burst);
	number_add(body, "latency", words->latency);
	number_add(body, "mtu", words->mtu);
	return row_put(dpip, device, "queues", queue, body);
}

/* root and ingress are handles themselves. */
static enum exit_code place_check(struct dpip *dpip, const struct shape_words *words)
{
	if (words->root && words->ingress)
		return dpip_wrong("root and ingress exclude each other");
	if ((words->root || words->ingress) && (words->handle || words->parent))
		return dpip_wrong(
			"%s is the name of the first queue itself, without %s; a child of "
			"it is `handle H: parent %s`",
			words->root ? "root" : "ingress", words->handle ? "handle" : "parent",
			words->root ? "root" : "ingress");
	if (dpip_is(dpip, "add") && !words->root && !words->ingress && !words->parent)
		return dpip_wrong("missing place: root, ingress or `parent H`");
	if ((dpip_is(dpip, "set") || dpip_is(dpip, "replace")) && !queue_named(words))
		return dpip_wrong("missing handle: `handle H:`, root or ingress");
	return EXIT_OK;
}

enum exit_code dpip_qsch(struct dpip *dpip)
{
	struct shape_words words = {0};
	const struct dpip_word table[] = {
		{"dev", false, &words.dev},	    {"handle", false, &words.handle},
		{"parent", false, &words.parent},   {"root", true, &words.root},
		{"ingress", true, &words.ingress},  {"limit", false, &words.limit},
		{"rate", false, &words.rate},	    {"burst", false, &words.burst},
		{"latency", false, &words.latency}, {"peakrate", false, &words.peakrate},
		{"mtu", false, &words.mtu},	    {NULL},
	};
	char device[32];
	enum exit_code code = dpip_words(dpip, table, &words.kind, "the kind");

	if (code == EXIT_OK && !words.dev)
		code = dpip_wrong("missing device: `dev NIC`");
	if (code == EXIT_OK)
		code = handle_check("handle", words.handle, true);
	if (code == EXIT_OK)
		code = handle_check("parent", words.parent, true);
	if (code == EXIT_OK)
		code = rate_check("rate", words.rate);
	if (code == EXIT_OK)
		code = rate_check("peakrate", words.peakrate);
	if (code == EXIT_OK)
		code = numbers_check(&words);
	if (code == EXIT_OK && !dpip_is(dpip, "show") && !dpip_is(dpip, "del") &&
	    !dpip_is(dpip, "add") && !dpip_is(dpip, "set") && !dpip_is(dpip, "replace"))
		return dpip_no_command(dpip, "add, del, replace, change, show");
	if (code == EXIT_OK && (dpip_is(dpip, "add") || dpip_is(dpip, "replace")))
		code = kind_check(&words);
	if (code == EXIT_OK)
		code = place_check(dpip, &words);
	if (code == EXIT_OK)
		code = dpip_device(dpip, words.dev, device);
	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "show"))
		return dpip_qsch_show(dpip, device, queue_named(&words));
	if (dpip_is(dpip, "del"))
		return queue_delete(dpip, device, queue_named(&words));
	return queue_put(dpip, device, &words);
}

/* `match` is followed by "pattern P" or, after "ipset", by the set. */
static enum exit_code classifier_check(const struct shape_words *words)
{
	if (!words->kind && !words->match && !words->pattern)
		return dpip_wrong("missing kind: `match pattern P target T` or `ipset match SET "
				  "target T`");
	if (words->kind && strcmp(words->kind, "ipset") && strcmp(words->kind, "match"))
		return dpip_wrong("kind: \"%s\" is neither match nor ipset", words->kind);
	if (words->kind && !strcmp(words->kind, "ipset") && !words->match)
		return dpip_wrong("ipset needs `match SET`");
	if (!(words->kind && !strcmp(words->kind, "ipset")) && !words->pattern)
		return dpip_wrong("match needs `pattern P`");
	if (!words->target)
		return dpip_wrong("missing target: `target { H | drop }`");
	return strcmp(words->target, "drop") ? handle_check("target", words->target, true)
					     : EXIT_OK;
}

/* DPVS' spelling of a pattern in ours: icmp6, and ":22" for a port of any address. */
static void pattern_text(const char *pattern, bool ipv6, char text[static MATCH_TEXT])
{
	size_t length = 0;

	while (*pattern && length + 16 < MATCH_TEXT) {
		if (!strncmp(pattern, "icmp6", 5) && (pattern[5] == ',' || !pattern[5])) {
			length += (size_t)sprintf(text + length, "icmpv6");
			pattern += 5;
			continue;
		}
		text[length++] = *pattern++;
		if (pattern[-1] == '=' && *pattern == ':')
			length += (size_t)sprintf(text + length, ipv6 ? "[::]" : "0.0.0.0");
	}
	text[length] = '\0';
}

static enum exit_code classifier_put(struct dpip *dpip, const char *device,
				     const struct shape_words *words, bool by_set)
{
	bool ipv6 = words->pkttype && !strcmp(words->pkttype, "ipv6");
	json_t *body = json_object();
	char text[MATCH_TEXT];

	text_add(body, "queue", words->qsch);
	text_add(body, "packets", words->pkttype);
	text_add(body, "target", words->target);
	number_add(body, "priority", words->prio);
	if (by_set) {
		text_add(body, "set", words->match);
	} else {
		pattern_text(words->pattern, ipv6, text);
		text_add(body, "match", text);
	}
	return row_put(dpip, device, "classifiers", words->handle, body);
}

enum exit_code dpip_cls(struct dpip *dpip)
{
	struct shape_words words = {0};
	const bool is_ipset = dpip->words[0] != NULL;
	struct dpip_word table[] = {
		{"dev", false, &words.dev},
		{"handle", false, &words.handle},
		{"qsch", false, &words.qsch},
		{"pkttype", false, &words.pkttype},
		{"prio", false, &words.prio},
		{"pattern", false, &words.pattern},
		{"target", false, &words.target},
		{"match", false, &words.match},
		{NULL},
	};
	bool by_set = false;
	char device[32];
	enum exit_code code;

	for (char **word = dpip->words; is_ipset && *word; word++)
		by_set |= !strcmp(*word, "ipset");
	// Without ipset, "match" is the kind and takes no value.
	table[7].flag = !by_set;
	code = dpip_words(dpip, table, &words.kind, "the kind");
	if (code == EXIT_OK && !words.dev)
		code = dpip_wrong("missing device: `dev NIC`");
	if (code == EXIT_OK && words.pkttype && strcmp(words.pkttype, "ipv4") &&
	    strcmp(words.pkttype, "ipv6") && strcmp(words.pkttype, "vlan"))
		code = dpip_wrong("pkttype: \"%s\" is none of: ipv4, ipv6, vlan", words.pkttype);
	if (code == EXIT_OK)
		code = handle_check("handle", words.handle, true);
	if (code == EXIT_OK)
		code = handle_check("qsch", words.qsch, true);
	if (code == EXIT_OK)
		code = numbers_check(&words);
	if (code == EXIT_OK && !dpip_is(dpip, "show") && !dpip_is(dpip, "del") &&
	    !dpip_is(dpip, "add") && !dpip_is(dpip, "set") && !dpip_is(dpip, "replace"))
		return dpip_no_command(dpip, "add, del, change, replace, show");
	if (code == EXIT_OK && (dpip_is(dpip, "set") || dpip_is(dpip, "replace")) && !words.handle)
		code = dpip_wrong("missing handle: `handle H`");
	if (code == EXIT_OK && !dpip_is(dpip, "show") && !dpip_is(dpip, "del"))
		code = classifier_check(&words);
	if (code == EXIT_OK)
		code = dpip_device(dpip, words.dev, device);
	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "show"))
		return dpip_cls_show(dpip, device, words.qsch, words.handle);
	if (dpip_is(dpip, "del"))
		return words.handle ? row_delete(dpip, device, "classifiers", words.handle)
				    : dpip_wrong("missing handle: `handle H`");
	return classifier_put(dpip, device, &words, by_set);
}
