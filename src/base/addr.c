/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool addr_is_multicast(const struct addr *a)
{
	return a->family == AF_INET ? (a->bytes[0] & 0xf0) == 0xe0 : a->bytes[0] == 0xff;
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	unsigned int whole = p->len / 8, rest = p->len % 8;

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0;
}

int addr_parse(const char *text, struct addr *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->bytes) == 1) {
		out->family = AF_INET;
		return 0;
	}
	if (inet_pton(AF_INET6, text, out->bytes) == 1) {
		out->family = AF_INET6;
		return 0;
	}
	memset(out, 0, sizeof(*out));
	return -EINVAL;
}

/* A decimal number without sign or space, at most `max`; -EINVAL otherwise. */
static long number_parse(const char *text, long max)
{
	char *end;
	long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || value > max)
		return -EINVAL;
	return value;
}

int prefix_parse(const char *text, struct prefix *out)
{
	char copy[PREFIX_TEXT];
	char *slash;
	long len, max;

	memset(out, 0, sizeof(*out));
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (addr_parse(copy, &out->addr) < 0)
		return -EINVAL;
	max = out->addr.family == AF_INET ? 32 : 128;
	len = slash ? number_parse(slash, max) : max;
	if (len < 0)
		return -EINVAL;
	out->len = len;
	return 0;
}

int endpoint_parse(const char *text, struct addr *addr, uint16_t *port)
{
	char copy[ENDPOINT_TEXT];
	char *host = copy, *colon;
	long value;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	if (*host == '[') {
		char *close = strchr(++host, ']');

		if (!close || close[1] != ':')
			return -EINVAL;
		*close = '\0';
		colon = close + 1;
	} else {
		colon = strchr(host, ':');
		if (!colon)
			return -EINVAL;
		*colon = '\0';
	}
	value = number_parse(colon + 1, 65535);
	if (value < 0 || addr_parse(host, addr) < 0)
		return -EINVAL;
	if ((addr->family == AF_INET6) != (host != copy)) // brackets belong to IPv6, and only to it
		return -EINVAL;
	*port = value;
	return 0;
}

char *addr_format(const struct addr *a, char text[static ADDR_TEXT])
{
	if (a->family != AF_INET && a->family != AF_INET6)
		strcpy(text, "none");
	else
		inet_ntop(a->family, a->bytes, text, ADDR_TEXT);
	return text;
}

char *prefix_format(const struct prefix *p, char text[static PREFIX_TEXT])
{
	char address[ADDR_TEXT];

	snprintf(text, PREFIX_TEXT, "%s/%u", addr_format(&p->addr, address), p->len);
	return text;
}

char *endpoint_format(const struct addr *a, uint16_t port, char text[static ENDPOINT_TEXT])
{
	char address[ADDR_TEXT];

	snprintf(text, ENDPOINT_TEXT, a->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		 addr_format(a, address), port);
	return text;
}
