/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Datagrams at the IPVS door, as whoever may write to its socket may send them: nothing beyond their
 * end is read, and what was taken out of them keeps its promises. The corpus are messages of stock
 * ipvsadm.
 */
#include <string.h>

#include "control/ipvs_message.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static void check_text(const char *text, size_t size)
{
	fuzz_assert(memchr(text, '\0', size) != NULL);
	for (; *text; text++)
		fuzz_assert(*text > ' ' && *text <= '~');
}

static void check_address(const struct addr *addr)
{
	static const uint8_t zero[12];

	fuzz_assert(addr->family == AF_INET || addr->family == AF_INET6);
	if (addr->family == AF_INET)
		fuzz_assert(memcmp(addr->bytes + 4, zero, sizeof(zero)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipvs_request request;
	struct error error = {0};
	uint8_t *exact = malloc(size); // aligned, and watched at both ends
	int status;

	if (size > 0)
		memcpy(exact, data, size);
	status = ipvs_request_parse(exact, size, &request, &error);
	free(exact);
	if (status < 0) {
		fuzz_assert(error.code == status && error.text[0] != '\0');
		return 0;
	}
	fuzz_assert(request.header.nlmsg_len >= sizeof(request.header));
	if (request.kind == IPVS_KIND_FILE)
		fuzz_assert(memchr(request.file, '\0', sizeof(request.file)) != NULL);
	check_text(request.service.scheduler, sizeof(request.service.scheduler));
	check_text(request.service.engine, sizeof(request.service.engine));
	if (request.service.given && !request.service.has_fwmark)
		check_address(&request.service.addr);
	if (request.server.given)
		check_address(&request.server.addr);
	return 0;
}
