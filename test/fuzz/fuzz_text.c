/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses, prefixes and endpoints as people and programs write them. */
#include <string.h>

#include "base/addr.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

/* What is accepted has a text of its own that means the same. */
static void check_addr(const char *text)
{
	char again[ADDR_TEXT];
	struct addr a, b;

	if (addr_parse(text, &a) < 0)
		return;
	fuzz_assert(addr_parse(addr_format(&a, again), &b) == 0);
	fuzz_assert(memcmp(&a, &b, sizeof(a)) == 0);
}

static void check_prefix(const char *text)
{
	char again[PREFIX_TEXT];
	struct prefix a, b;

	if (prefix_parse(text, &a) < 0)
		return;
	fuzz_assert(a.len <= (a.addr.family == AF_INET ? 32 : 128));
	fuzz_assert(prefix_parse(prefix_format(&a, again), &b) == 0);
	fuzz_assert(a.len == b.len && addr_equal(&a.addr, &b.addr));
	fuzz_assert(prefix_contains(&a, &a.addr));
}

static void check_endpoint(const char *text)
{
	char again[ENDPOINT_TEXT];
	struct addr a, b;
	uint16_t port, port_again;

	if (endpoint_parse(text, &a, &port) < 0)
		return;
	fuzz_assert(endpoint_parse(endpoint_format(&a, port, again), &b, &port_again) == 0);
	fuzz_assert(port == port_again && memcmp(&a, &b, sizeof(a)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	check_addr(text);
	check_prefix(text);
	check_endpoint(text);
	free(text);
	return 0;
}
