/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dpip ipset: there are none yet. A listing is empty, what names one says that it is not there, and
 * what would make one is refused, but only when its words are right, so that a script can be checked
 * already.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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
