/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Headers of the PROXY protocol, as clients send them. Whatever is read can be written in either
 * version, and reads the same then; what is cut off anywhere is never taken for a whole one, and
 * what follows one changes nothing.
 */
#include "fuzz.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "session/proxy_header.h"

static void again(const struct proxy_ends *ends, unsigned int version)
{
	uint8_t header[PROXY_HEADER_MAX];
	unsigned int length = proxy_header_make(header, version, ends), read_version;
	struct proxy_ends read;

	fuzz_assert(length > 0 && length <= sizeof(header));
	fuzz_assert(proxy_header_read(header, length, &read, &read_version) == (int)length);
	fuzz_assert(read_version == version && read.family == ends->family);
	if (ends->family == AF_UNSPEC)
		return;
	fuzz_assert(memcmp(read.source, ends->source, 16) == 0);
	fuzz_assert(memcmp(read.destination, ends->destination, 16) == 0);
	fuzz_assert(read.source_port == ends->source_port);
	fuzz_assert(read.destination_port == ends->destination_port);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_ends ends, alone, ignored;
	unsigned int version;
	uint8_t *part;
	int length;

	if (size > 70000)
		return 0;
	length = proxy_header_read(data, size, &ends, &version);
	if (length <= 0)
		return 0;
	fuzz_assert((size_t)length <= size);
	again(&ends, 1);
	again(&ends, 2);
	part = malloc(length);
	if (part == NULL)
		return 0;
	memcpy(part, data, length); // on the heap, so that reading beyond it is seen
	// A header is taken out of a client's data by its length: what follows must not matter.
	fuzz_assert(proxy_header_read(part, length, &alone, &version) == length);
	fuzz_assert(memcmp(&alone, &ends, sizeof(ends)) == 0);
	part = realloc(part, length - 1);
	if (part == NULL)
		return 0;
	fuzz_assert(proxy_header_read(part, length - 1, &ignored, &version) <= 0);
	free(part);
	return 0;
}
