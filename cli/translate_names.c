/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "translate_parts.h"

void *tree_find(void **tree, const void *key, int (*compare)(const void *, const void *))
{
	void **found = tfind(key, tree, compare);

	return found ? *found : NULL;
}

void tree_put(void **tree, void *item, int (*compare)(const void *, const void *))
{
	if (!tsearch(item, tree, compare))
		abort();
}

int compare_addr(const void *a, const void *b)
{
	return addr_compare(a, b);
}

int compare_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool is_vague(const char *word)
{
	return strpbrk(word, "$~") != NULL;
}

struct addr addr_plus(const struct addr *addr, unsigned int count)
{
	struct addr sum = *addr;

	if (addr->family == AF_INET)
		sum.v4 = htonl(ntohl(addr->v4) + count);
	else
		sum.v6[3] = htonl(ntohl(addr->v6[3]) + count);
	return sum;
}

/* The last address of a range, from "203", "ff" (IPv6) or a whole address. */
static bool range_last(const char *text, const struct addr *first, struct addr *last)
{
	bool four = first->family == AF_INET;
	unsigned long number;
	char *end;

	if (addr_parse(text, last) == 0)
		return last->family == first->family;
	if (!isxdigit((unsigned char)*text))
		return false;
	number = strtoul(text, &end, four ? 10 : 16);
	if (*end || number > (four ? 0xff : 0xffff))
		return false;
	*last = *first;
	last->bytes[four ? 3 : 15] = (uint8_t)number;
	if (!four)
		last->bytes[14] = (uint8_t)(number >> 8);
	return true;
}

bool range_parse(const char *text, struct addr *first, unsigned int *count)
{
	const char *dash = strchr(text, '-');
	char begin[ADDR_TEXT];
	struct addr last;
	uint32_t from, to;

	*count = 1;
	if (!dash)
		return addr_parse(text, first) == 0;
	if ((size_t)(dash - text) >= sizeof(begin))
		return false;
	memcpy(begin, text, (size_t)(dash - text));
	begin[dash - text] = 0;
	if (addr_parse(begin, first) < 0 || !range_last(dash + 1, first, &last))
		return false;
	if (first->family == AF_INET6 && memcmp(first->bytes, last.bytes, 12) != 0)
		return false;
	from = ntohl(first->family == AF_INET ? first->v4 : first->v6[3]);
	to = ntohl(first->family == AF_INET ? last.v4 : last.v6[3]);
	if (to < from || to - from >= TRANSLATE_RANGE)
		return false;
	*count = to - from + 1;
	return true;
}

/* Where nobody says what the interfaces are called, this is how. */
static const char tap_suffix[] = ".kni";

static bool has_suffix(const char *name)
{
	size_t length = strlen(name);

	return length >= sizeof(tap_suffix) && !strcmp(name + length - 4, tap_suffix);
}

bool device_is_port(const struct translation *t, const char *device)
{
	return t->taps && json_object_get(t->taps, device);
}

static void device_unknown(struct translation *t, const struct block *block, const char *device)
{
	char names[256] = "";
	const char *name;
	json_t *tap;

	json_object_foreach (t->taps, name, tap) {
		size_t length = strlen(names);
		snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "", name);
	}
	finding_error(t->findings, block, "weir has no port \"%s\"; it has: %s", device,
		      *names ? names : "none");
}

const char *device_port(struct translation *t, const struct block *block, const char *device)
{
	const char *name;
	json_t *tap;

	if (!t->taps) {
		char *port = blocks_take(t->blocks, strlen(device) + 1);
		strcpy(port, device);
		if (has_suffix(port))
			port[strlen(port) - 4] = 0;
		return port;
	}
	if (json_object_get(t->taps, device))
		return device;
	json_object_foreach (t->taps, name, tap)
		if (!strcmp(json_string_value(tap), device))
			return name;
	device_unknown(t, block, device);
	return NULL;
}

const char *device_tap(struct translation *t, const struct block *block, const char *device)
{
	char *name;

	if (t->taps) {
		const char *port = device_port(t, block, device);
		return port ? json_string_value(json_object_get(t->taps, port)) : NULL;
	}
	if (has_suffix(device))
		return device;
	name = blocks_take(t->blocks, strlen(device) + sizeof(tap_suffix));
	sprintf(name, "%s%s", device, tap_suffix);
	return name;
}
