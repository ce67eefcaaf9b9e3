/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dpip qsch and cls: queueing disciplines and their classifiers, of which there are none yet. As in
 * dpip_later.c, words are checked before they are refused.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dpip.h"

/* "1:", "1:2", in hexadecimal; `child` says whether the second part may be there. */
static bool handle_valid(const char *text, bool child)
{
	char *end;
	unsigned long major = strtoul(text, &end, 16), minor = 0;

	if (end == text || *end != ':' || major == 0 || major > 0xffff)
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

/* Bits per second with k, m or g behind, below 2^32. */
static enum exit_code rate_check(const char *name, const char *text)
{
	char *end;
	double rate = text ? strtod(text, &end) : 1;

	if (!text)
		return EXIT_OK;
	if (end != text && *end && strchr("kKmMgG", *end)) {
		rate *= strchr("kK", *end) ? 1e3 : strchr("mM", *end) ? 1e6 : 1e9;
		end++;
	}
	if (end == text || *end || rate <= 0 || rate >= 4294967296.0)
		return dpip_wrong("%s: \"%s\" is no rate, such as 800m, below 4294967296 bit/s",
				  name, text);
	return EXIT_OK;
}

struct shape_words {
	const char *dev, *handle, *parent, *root, *ingress, *kind;
	const char *limit, *rate, *burst, *latency, *peakrate, *mtu;
	const char *qsch, *pkttype, *prio, *match, *pattern, *target;
};

static enum exit_code numbers_check(const struct shape_words *words)
{
	const struct {
		const char *name, *text;
	} numbers[] = {
		{"limit", words->limit}, {"burst", words->burst}, {"latency", words->latency},
		{"mtu", words->mtu},	 {"prio", words->prio},
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
		code = handle_check("handle", words.handle, false);
	if (code == EXIT_OK)
		code = handle_check("parent", words.parent, true);
	if (code == EXIT_OK)
		code = rate_check("rate", words.rate);
	if (code == EXIT_OK)
		code = rate_check("peakrate", words.peakrate);
	if (code == EXIT_OK)
		code = numbers_check(&words);
	if (code == EXIT_OK && !dpip_is(dpip, "show") && !dpip_is(dpip, "del"))
		code = kind_check(&words);
	if (code == EXIT_OK)
		code = dpip_device(dpip, words.dev, device);
	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "show"))
		return EXIT_OK;
	if (dpip_is(dpip, "add") || dpip_is(dpip, "replace"))
		return dpip_refused("queueing disciplines are not available yet");
	if (dpip_is(dpip, "del") || dpip_is(dpip, "set"))
		return dpip_refused("there is no queueing discipline %s on %s",
				    words.handle ? words.handle : "root", device);
	return dpip_no_command(dpip, "add, del, replace, change, show");
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
	if (code == EXIT_OK && (dpip_is(dpip, "add") || dpip_is(dpip, "replace")))
		code = classifier_check(&words);
	if (code == EXIT_OK)
		code = dpip_device(dpip, words.dev, device);
	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "show"))
		return EXIT_OK;
	if (dpip_is(dpip, "add") || dpip_is(dpip, "replace"))
		return dpip_refused("classifiers are not available yet");
	if (dpip_is(dpip, "del") || dpip_is(dpip, "set"))
		return dpip_refused("there is no classifier %s on %s",
				    words.handle ? words.handle : "", device);
	return dpip_no_command(dpip, "add, del, change, replace, show");
}
