/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipvsadm_format.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

/* What lines of listings are made of: names, numbers, states. */

/* Names */

void names_free(struct names *names)
{
	json_decref(names->known);
	names->known = NULL;
}

static const char *name_recall(struct names *names, const char *key)
{
	if (!names->known)
		names->known = json_object();
	return json_string_value(json_object_get(names->known, key));
}

static const char *host_name(struct names *names, const char *address)
{
	const char *known = name_recall(names, address);
	struct sockaddr_storage socket = {0};
	char host[NI_MAXHOST];
	socklen_t size;
	struct addr addr;

	if (known)
		return known;
	if (addr_parse(address, &addr) < 0)
		return address;
	if (addr.family == AF_INET6) {
		struct sockaddr_in6 *in6 = (void *)&socket;
		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, addr.bytes, sizeof(in6->sin6_addr));
		size = sizeof(*in6);
	} else {
		struct sockaddr_in *in = (void *)&socket;
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = addr.v4;
		size = sizeof(*in);
	}
	if (getnameinfo((struct sockaddr *)&socket, size, host, sizeof(host), NULL, 0, 0))
		snprintf(host, sizeof(host), "%s", address);
	json_object_set_new(names->known, address, json_string(host));
	return name_recall(names, address);
}

static const char *port_name(struct names *names, unsigned int port, const char *protocol)
{
	char key[32], number[16];

	snprintf(key, sizeof(key), "%s %u", protocol, port);
	snprintf(number, sizeof(number), "%u", port);
	if (!name_recall(names, key)) {
		const struct servent *service =
			names->numeric ? NULL : getservbyport(htons((uint16_t)port), protocol);
		json_object_set_new(names->known, key,
				    json_string(service ? service->s_name : number));
	}
	return name_recall(names, key);
}

char *format_endpoint(struct names *names, const char *address, unsigned int port,
		      const char *protocol, char text[static FORMAT_NAME])
{
	const char *host = names->numeric ? address : host_name(names, address);

	snprintf(text, FORMAT_NAME, strchr(address, ':') ? "[%s]:%s" : "%s:%s", host,
		 port_name(names, port, protocol));
	return text;
}

/* Numbers and words */

char *format_large(uint64_t number, bool exact, char text[static FORMAT_NUMBER])
{
	static const struct {
		uint64_t below, divisor;
		char unit;
	} steps[] = {
		{1000000000ull, 1000ull, 'K'},
		{100000000000ull, 1000000ull, 'M'},
		{100000000000000ull, 1000000000ull, 'G'},
		{UINT64_MAX, 1000000000000ull, 'T'},
	};
	unsigned int i = 0;

	if (exact || number < 100000000) {
		// Of a number that fills the column a space still parts it from the one before.
		snprintf(text, FORMAT_NUMBER, " %8llu", (unsigned long long)number);
		return text;
	}
	while (number >= steps[i].below && i < 3)
		i++;
	snprintf(text, FORMAT_NUMBER, " %7llu%c", (unsigned long long)(number / steps[i].divisor),
		 steps[i].unit);
	return text;
}

const char *format_state(const char *state)
{
	static const char *const names[][2] = {
		{"NONE", "TCP_NONE"},	       {"ESTABLISHED", "TCP_EST"}, {"CLOSE", "TCP_CLOSE"},
		{"UDP_ONE_WAY", "UDP_ONEWAY"}, {"UDP_NORMAL", "UDP_NORM"},
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i][0], state))
			return names[i][1];
	return state; // the others have the same name
}

char *format_local_key(const char *protocol, const char *vip, long long port, const char *local,
		       char text[static FORMAT_NAME])
{
	snprintf(text, FORMAT_NAME, "%s %s %lld %s", protocol, vip, port, local);
	return text;
}
