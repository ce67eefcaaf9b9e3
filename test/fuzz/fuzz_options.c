/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TCP headers with any options: what is changed in them is mended in the checksum, and nothing
 * beyond the header is touched. The input is the header, after two bytes of MSS and four of shift.
 */
#include <string.h>

#include "base/csum.h"
#include "fuzz.h"
#include "session/l4_tcp.h"

enum { ARGUMENTS = 6 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int header;
	uint16_t mss, sum;
	uint32_t shift;
	uint8_t *tcp, *before;

	if (size < ARGUMENTS + 20)
		return 0;
	memcpy(&mss, data, 2);
	memcpy(&shift, data + 2, 4);
	header = (data[ARGUMENTS + 12] >> 4) * 4;
	// As input() promises: the header is there as a whole.
	if (header < 20 || header > size - ARGUMENTS)
		return 0;
	tcp = malloc(header);
	before = malloc(header);
	memcpy(tcp, data + ARGUMENTS, header);
	tcp[17] &= 0xfe; // a sum of 0xffff is none
	memcpy(before, tcp, header);
	sum = csum_fold(csum_bytes(tcp, header));
	tcp_clamp_mss(tcp, header, mss);
	fuzz_assert(csum_fold(csum_bytes(tcp, header)) == sum);
	tcp_remove_timestamp(tcp, header);
	fuzz_assert(csum_fold(csum_bytes(tcp, header)) == sum);
	tcp_shift_sequence(tcp, shift);
	tcp_shift_acknowledgement(tcp, header, shift);
	fuzz_assert(csum_fold(csum_bytes(tcp, header)) == sum);
	tcp_shift_acknowledgement(tcp, header, -shift);
	tcp_shift_sequence(tcp, -shift);
	fuzz_assert(memcmp(tcp, before, 16) == 0);
	free(tcp);
	free(before);
	return 0;
}
