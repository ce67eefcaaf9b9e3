/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip neigh: neighbours on weir's interfaces. */
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "dpip.h"
#include "place.h"

/* The words of DPVS for the states of Linux. */
static const char *state_word(const char *state)
{
	static const char *const words[][2] = {
		{"reachable", "REACHABLE"}, {"permanent", "REACHABLE"}, {"noarp", "REACHABLE"},
		{"stale", "DELAY"},	    {"delay", "DELAY"},		{"probe", "PROBE"},
		{"incomplete", "SEND"},
	};

	for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i][0], state))
			return words[i][1];
	return "NONE";
}

static enum exit_code neigh_show(struct dpip *dpip, const char *device)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/neighbours", "neighbours", &answer, &rows);
	size_t i;

	json_array_foreach (rows, i, row) {
		const char *address = dpip_text(row, "address"), *mac = dpip_text(row, "mac");
		const char *state = dpip_text(row, "state");
		bool ipv6 = strchr(address, ':') != NULL;
		char text[32];

		if (!dpip_row_on(row, device) || (dpip->family == AF_INET && ipv6) ||
		    (dpip->family == AF_INET6 && !ipv6))
			continue;
		snprintf(text, sizeof(text), "mac: %s", mac);
		// All workers share the table: it is that of the first.
		printf("ip: %-48s %-22s   state: %-12s  dev: %s  core: 0%s\n", address,
		       *mac ? text : "mac:incomplate", state_word(state),
		       dpip_text(row, "interface"), !strcmp(state, "permanent") ? "  static" : "");
	}
	json_decref(answer);
	return code;
}

static enum exit_code neigh_change(struct dpip *dpip, const char *device, const char *address,
				   const char *mac)
{
	bool add = dpip_is(dpip, "add");
	struct dpip_prefix prefix;
	char path[PLACE_TEXT];
	json_t *body = NULL;
	enum exit_code code = dpip_prefix(dpip, "address", address, &prefix);

	if (code != EXIT_OK)
		return code;
	if (strchr(address, '/'))
		return dpip_wrong("address: \"%s\" must be an address, not a prefix", address);
	if (add)
		body = json_pack("{s:s}", "mac", mac);
	snprintf(path, sizeof(path), "/v1/neighbours/%s/%s%s", device, prefix.address,
		 add ? "?new=1" : "");
	code = client_request(dpip->client, add ? "PUT" : "DELETE", path, body, NULL);
	json_decref(body);
	return code;
}

enum exit_code dpip_neigh(struct dpip *dpip)
{
	const char *address = NULL, *mac = NULL, *dev = NULL;
	const struct dpip_word table[] = {
		{"lladdr", false, &mac},
		{"dev", false, &dev},
		{NULL},
	};
	char device[32];
	enum exit_code code = dpip_words(dpip, table, &address, "the address");
	bool show = dpip_is(dpip, "show");

	if (code != EXIT_OK)
		return code;
	if (!show && !dpip_is(dpip, "add") && !dpip_is(dpip, "del"))
		return dpip_no_command(dpip, "show, add, del");
	if (show && (address || mac))
		return dpip_wrong("unknown word \"%s\"; see `dpip neigh help`",
				  address ? address : "lladdr");
	if (!show && !address)
		return dpip_wrong("missing address");
	if (!show && !dev)
		return dpip_wrong("missing device: `dev NIC`");
	if (dpip_is(dpip, "add") && !mac)
		return dpip_wrong("missing MAC: `lladdr MAC`");
	if (dev)
		code = dpip_device(dpip, dev, device);
	if (code != EXIT_OK)
		return code;
	return show ? neigh_show(dpip, dev ? device : NULL)
		    : neigh_change(dpip, device, address, mac);
}
