/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dpip tunnel and ipset: there are none yet. A listing is empty, what names one says that it
 * is not there, and what would make one is refused, but only when its words are right, so that a
 * script can be checked already.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "dpip.h"

static enum exit_code later(const char *what)
{
	return dpip_refused("%s not available yet", what);
}

static bool word_among(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

/* Tunnels */

struct tunnel_words {
	const char *name, *mode, *remote, *local, *ttl, *tos, *device, *flag, *key[3];
};

static enum exit_code tunnel_numbers(const struct tunnel_words *words)
{
	const struct {
		const char *name, *text;
		long long maximum;
	} numbers[] = {
		{"key", words->key[0], UINT32_MAX},
		{"ikey", words->key[1], UINT32_MAX},
		{"okey", words->key[2], UINT32_MAX},
		{"ttl", words->ttl, 255},
		{"tos", words->tos, 255},
	};
	enum exit_code code = EXIT_OK;
	long long number;

	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(*numbers) && code == EXIT_OK; i++)
		if (numbers[i].text && strcmp(numbers[i].text, "inherit"))
			code = dpip_number(numbers[i].name, numbers[i].text, 0, numbers[i].maximum,
					   &number);
	return code;
}

static enum exit_code tunnel_parse(const struct dpip *dpip, struct tunnel_words *words)
{
	const char *flags[6] = {NULL};
	const struct dpip_word table[] = {
		{"mode", false, &words->mode},	 {"type", false, &words->mode},
		{"kind", false, &words->mode},	 {"remote", false, &words->remote},
		{"local", false, &words->local}, {"ttl", false, &words->ttl},
		{"tos", false, &words->tos},	 {"dev", false, &words->device},
		{"key", false, &words->key[0]},	 {"ikey", false, &words->key[1]},
		{"okey", false, &words->key[2]}, {"seq", true, &flags[0]},
		{"iseq", true, &flags[1]},	 {"oseq", true, &flags[2]},
		{"csum", true, &flags[3]},	 {"icsum", true, &flags[4]},
		{"ocsum", true, &flags[5]},	 {NULL},
	};
	enum exit_code code = dpip_words(dpip, table, &words->name, "the name");
	const char *addresses[] = {words->remote, words->local};
	struct addr addr;

	if (code == EXIT_OK && words->mode && strcmp(words->mode, "ipip") &&
	    strcmp(words->mode, "gre"))
		code = dpip_wrong("mode: \"%s\" is neither ipip nor gre", words->mode);
	for (unsigned int i = 0; i < 2 && code == EXIT_OK; i++)
		if (addresses[i] && strcmp(addresses[i], "any") &&
		    (addr_parse(addresses[i], &addr) < 0 || addr.family != AF_INET))
			code = dpip_wrong("%s: \"%s\" is no IPv4 address", i ? "local" : "remote",
					  addresses[i]);
	return code == EXIT_OK ? tunnel_numbers(words) : code;
}

enum exit_code dpip_tunnel(struct dpip *dpip)
{
	struct tunnel_words words = {0};
	char device[32];
	enum exit_code code = tunnel_parse(dpip, &words);

	if (code == EXIT_OK && words.device)
		code = dpip_device(dpip, words.device, device);
	if (code != EXIT_OK)
		return code;
	if (!dpip_is(dpip, "show") && !dpip_is(dpip, "add") && !dpip_is(dpip, "set") &&
	    !dpip_is(dpip, "del"))
		return dpip_no_command(dpip, "show, add, change, del");
	if (dpip_is(dpip, "show"))
		return words.name ? dpip_refused("there is no tunnel %s", words.name) : EXIT_OK;
	if (!words.name)
		return dpip_wrong("missing name of the tunnel");
	if (dpip_is(dpip, "add") && !words.mode)
		return dpip_wrong("missing kind: `mode { ipip | gre }`");
	return dpip_is(dpip, "add") ? later("tunnel devices are")
				    : dpip_refused("there is no tunnel %s", words.name);
}

/* Sets */

static const char *const set_types[] = {
	"bitmap:ip",
	"bitmap:ip,mac",
	"bitmap:port",
	"hash:ip",
	"hash:net",
	"hash:ip,port",
	"hash:net,port",
	"hash:net,port,iface",
	"hash:ip,port,ip",
	"hash:ip,port,net",
	"hash:net,port,net",
	"hash:net,port,net,port",
	NULL,
};

static enum exit_code set_create(struct dpip *dpip, const char *name, const char *type)
{
	const char *comment = NULL, *range = NULL, *hashsize = NULL, *maxelem = NULL;
	const struct dpip_word table[] = {
		{"comment", true, &comment},
		{"range", false, &range},
		{"hashsize", false, &hashsize},
		{"maxelem", false, &maxelem},
		{NULL},
	};
	long long number;
	enum exit_code code;

	if (!name || !type)
		return dpip_wrong("missing %s; see `dpip ipset help`", name ? "type" : "name");
	if (!word_among(type, set_types))
		return dpip_wrong("type: \"%s\" is none that there is, such as hash:ip", type);
	dpip->words += 2;
	code = dpip_words(dpip, table, NULL, NULL);
	if (code == EXIT_OK && hashsize)
		code = dpip_number("hashsize", hashsize, 1, UINT32_MAX, &number);
	if (code == EXIT_OK && maxelem)
		code = dpip_number("maxelem", maxelem, 1, UINT32_MAX, &number);
	if (code == EXIT_OK && !strncmp(type, "bitmap:", 7) && !range)
		code = dpip_wrong("missing range: %s needs `range R`", type);
	return code == EXIT_OK ? later("sets of addresses (ipset) are") : code;
}

static enum exit_code entry_parse(struct dpip *dpip)
{
	const char *comment = NULL, *nomatch = NULL, *entry = NULL;
	const struct dpip_word table[] = {
		{"comment", false, &comment},
		{"nomatch", true, &nomatch},
		{NULL},
	};
	enum exit_code code;

	dpip->words++;
	code = dpip_words(dpip, table, &entry, "the entry");
	return code == EXIT_OK && !entry ? dpip_wrong("missing entry") : code;
}

enum exit_code dpip_ipset(struct dpip *dpip)
{
	const char *name = dpip->words[0];
	enum exit_code code = EXIT_OK;

	if (dpip_is(dpip, "create"))
		return set_create(dpip, name, name ? dpip->words[1] : NULL);
	if (dpip_is(dpip, "show") && !name)
		return EXIT_OK;
	if (!dpip_is(dpip, "show") && !dpip_is(dpip, "destroy") && !dpip_is(dpip, "flush") &&
	    !dpip_is(dpip, "add") && !dpip_is(dpip, "del") && !dpip_is(dpip, "test"))
		return dpip_no_command(dpip, "create, destroy, add, del, test, show, flush");
	if (!name)
		return dpip_wrong("missing name of the set");
	if (dpip_is(dpip, "add") || dpip_is(dpip, "del") || dpip_is(dpip, "test"))
		code = entry_parse(dpip);
	else if (dpip->words[1])
		code = dpip_wrong("unknown word \"%s\"; see `dpip ipset help`", dpip->words[1]);
	return code == EXIT_OK ? dpip_refused("there is no set %s", name) : code;
}
