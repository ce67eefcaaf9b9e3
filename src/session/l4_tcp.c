/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TCP as a balancer sees it: both directions pass by, so one state describes the connection.
 *
 *   client SYN             SYN_RECV     half-open until the client's ACK
 *   Linux's own SYN        SYN_SENT     sessions that begin at this host, until the SYN-ACK
 *   client FIN first       CLOSE_WAIT   then the server's FIN: LAST_ACK
 *   server FIN first       FIN_WAIT     then the client's FIN: TIME_WAIT
 *   RST                    CLOSE        shortens the life, never ends it: it may be forged
 *
 * RFC 9293 for the protocol, RFC 7323 and RFC 2018 for the options that are touched.
 */
#include "session/l4_tcp.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "base/csum.h"

enum tcp_event { EVENT_SYN, EVENT_SYN_ACK, EVENT_FIN, EVENT_RST, EVENT_ACK, EVENT_COUNT };

/* Short names, so that the tables below can be read as tables. */
#define NO STATE_NONE
#define SS STATE_SYN_SENT
#define SR STATE_SYN_RECV
#define ES STATE_ESTABLISHED
#define FW STATE_FIN_WAIT
#define CW STATE_CLOSE_WAIT
#define LA STATE_LAST_ACK
#define TW STATE_TIME_WAIT
#define CL STATE_CLOSE

static const uint8_t tcp_table[2][EVENT_COUNT][STATE_CLOSE + 1] = {
	{
		/* from the client         NO  SS  SR  ES  FW  CW  LA  TW  CL */
		[EVENT_SYN] = /*        */ {SR, SS, SR, ES, FW, CW, LA, TW, CL},
		[EVENT_SYN_ACK] = /*    */ {SR, SS, SR, ES, FW, CW, LA, TW, CL},
		[EVENT_FIN] = /*        */ {CW, CW, CW, CW, TW, CW, LA, TW, CL},
		[EVENT_RST] = /*        */ {CL, CL, CL, CL, CL, CL, CL, CL, CL},
		[EVENT_ACK] = /*        */ {ES, ES, ES, ES, FW, CW, CL, TW, CL},
	},
	{
		/* from the server         NO  SS  SR  ES  FW  CW  LA  TW  CL */
		[EVENT_SYN] = /*        */ {SS, SS, SR, ES, FW, CW, LA, TW, CL},
		[EVENT_SYN_ACK] = /*    */ {SR, ES, SR, ES, FW, CW, LA, TW, CL},
		[EVENT_FIN] = /*        */ {FW, FW, FW, FW, FW, LA, LA, TW, CL},
		[EVENT_RST] = /*        */ {CL, CL, CL, CL, CL, CL, CL, CL, CL},
		[EVENT_ACK] = /*        */ {ES, SS, SR, ES, FW, CW, LA, TW, CL},
	},
};

static enum tcp_event tcp_event(uint8_t flags)
{
	if (flags & TCP_RST)
		return EVENT_RST;
	if (flags & TCP_SYN)
		return flags & TCP_ACK ? EVENT_SYN_ACK : EVENT_SYN;
	return flags & TCP_FIN ? EVENT_FIN : EVENT_ACK;
}

enum session_state tcp_next_state(enum session_state state, unsigned int direction, uint8_t flags)
{
	return tcp_table[direction][tcp_event(flags)][state];
}

/*
 * Where servers answer by themselves (DR, Tunnel) the client's packets have to tell it all:
 *
 *   client SYN             SYN_RECV     half-open until the client's ACK
 *   client ACK             ESTABLISHED
 *   client FIN             FIN_WAIT     its ACKs of what the server still sends keep it alive
 *   RST                    CLOSE
 *
 * That the server closed first is not seen; its side is over when the client's FIN has come, and
 * ended by the timeout of what is established when that never comes.
 */
enum session_state tcp_next_state_one_way(enum session_state state, uint8_t flags)
{
	static const uint8_t table[EVENT_COUNT][STATE_CLOSE + 1] = {
		/*                         NO  SS  SR  ES  FW  CW  LA  TW  CL */
		[EVENT_SYN] = /*        */ {SR, SR, SR, ES, FW, FW, FW, FW, CL},
		[EVENT_SYN_ACK] = /*    */ {SR, SR, SR, ES, FW, FW, FW, FW, CL},
		[EVENT_FIN] = /*        */ {FW, FW, FW, FW, FW, FW, FW, FW, CL},
		[EVENT_RST] = /*        */ {CL, CL, CL, CL, CL, CL, CL, CL, CL},
		[EVENT_ACK] = /*        */ {ES, ES, ES, ES, FW, FW, FW, FW, CL},
	};

	return table[tcp_event(flags)][state];
}

bool tcp_state_is_over(enum session_state state)
{
	return state == STATE_TIME_WAIT || state == STATE_CLOSE || state == STATE_LAST_ACK ||
	       state == STATE_FIN_WAIT || state == STATE_CLOSE_WAIT;
}

enum tcp_option {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_SCALE = 3,
	OPTION_SACK = 5,
	OPTION_TIME = 8
};

/* The option of this kind and at least this length, or NULL. `length`: bytes that are there. */
static uint8_t *tcp_option(uint8_t *tcp, unsigned int length, uint8_t kind, unsigned int size)
{
	unsigned int end = (tcp[12] >> 4) * 4;

	if (end > length)
		end = length;
	for (unsigned int at = sizeof(struct rte_tcp_hdr); at < end;) {
		if (tcp[at] == OPTION_END)
			return NULL;
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= end || tcp[at + 1] < 2 || at + tcp[at + 1] > end)
			return NULL;
		if (tcp[at] == kind)
			return tcp[at + 1] >= size ? tcp + at : NULL;
		at += tcp[at + 1];
	}
	return NULL;
}

/*
 * Overwrite bytes of a TCP header wherever they stand: an option may begin at an odd offset, and
 * then its bytes weigh the other way round in the checksum.
 */
static void tcp_overwrite(uint8_t *tcp, uint8_t *at, const void *bytes, unsigned int length)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;
	unsigned int odd = (at - tcp) & 1;
	uint8_t before[42] = {0}, after[42] = {0};

	memcpy(before + odd, at, length);
	memcpy(after + odd, bytes, length);
	memcpy(at, bytes, length);
	header->cksum = csum_apply(header->cksum,
				   csum_difference(csum_fold(csum_bytes(before, sizeof(before))),
						   csum_fold(csum_bytes(after, sizeof(after)))));
}

void tcp_clamp_mss(uint8_t *tcp, unsigned int length, uint16_t mss)
{
	uint8_t *option = tcp_option(tcp, length, OPTION_MSS, 4);
	uint16_t value = rte_cpu_to_be_16(mss);

	if (option && (option[2] << 8 | option[3]) > mss)
		tcp_overwrite(tcp, option + 2, &value, 2);
}

void tcp_remove_timestamp(uint8_t *tcp, unsigned int length)
{
	static const uint8_t nops[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	uint8_t *option = tcp_option(tcp, length, OPTION_TIME, 10);

	if (option && option[1] == 10)
		tcp_overwrite(tcp, option, nops, 10);
}

void tcp_remove_option(uint8_t *tcp, unsigned int length, uint8_t kind)
{
	uint8_t *option, nops[40];

	memset(nops, OPTION_NOP, sizeof(nops));
	while ((option = tcp_option(tcp, length, kind, 2)) != NULL)
		tcp_overwrite(tcp, option, nops, option[1]);
}

uint8_t tcp_window_scale(uint8_t *tcp, unsigned int length)
{
	const uint8_t *option = tcp_option(tcp, length, OPTION_SCALE, 3);

	return option ? RTE_MIN(option[2], 14) : 0;
}

static void tcp_add32(uint8_t *tcp, uint8_t *at, uint32_t shift)
{
	uint32_t value;

	memcpy(&value, at, 4);
	value = rte_cpu_to_be_32(rte_be_to_cpu_32(value) + shift);
	tcp_overwrite(tcp, at, &value, 4);
}

void tcp_shift_sequence(uint8_t *tcp, uint32_t shift)
{
	tcp_add32(tcp, tcp + offsetof(struct rte_tcp_hdr, sent_seq), shift);
}

void tcp_shift_acknowledgement(uint8_t *tcp, unsigned int length, uint32_t shift)
{
	uint8_t *sack;

	if (tcp[13] & TCP_ACK)
		tcp_add32(tcp, tcp + offsetof(struct rte_tcp_hdr, recv_ack), shift);
	sack = tcp_option(tcp, length, OPTION_SACK, 10);
	for (unsigned int at = 2; sack && at + 4 <= sack[1]; at += 4)
		tcp_add32(tcp, sack + at, shift);
}
