/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nothing that the program under test wrote ends up in an answer but MAC addresses, addresses,
 * ports and sequence numbers, and checksums are computed from these anew: a broken one is not
 * carried on, it is found in the captured samples. The sums of what all frames of a kind have in
 * common are computed once, since the generator must be cheap beside what it measures.
 */
#include "frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_memcpy.h>
#include <rte_tcp.h>

enum {
	CLIENT_SEQUENCE = 1000,
	SERVER_SEQUENCE = 5000000,
	FIRST_PORT = 1024, // of clients
	PORTS = 60000,
	TCP_HEADER = 20,
	UDP_HEADER = 8,
	FRAME_SHORTEST = 60, // and four of FCS
	ETHER = 14,
	OUTER_L4 = 34,
	OUTER = OUTER_L4 + 8 + 8, // UDP and VXLAN; then the frame of the VM
	VXLAN_PORT = 4789,
};

/* Sum of the 16-bit words of an even number of bytes, as they are in memory. */
static uint64_t sum_words(const uint8_t *bytes, unsigned int count)
{
	uint64_t sum = 0;
	uint16_t word;

	for (unsigned int i = 0; i < count; i += 2) {
		memcpy(&word, bytes + i, 2);
		sum += word;
	}
	return sum;
}

static inline uint16_t sum_finish(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void model_fill_l3(const struct frame_shape *shape, uint8_t *frame, unsigned int l4_length)
{
	if (shape->wide) {
		memcpy(frame + 12, "\x86\xdd\x60", 3);
		frame[19] = l4_length;
		frame[20] = shape->traffic->protocol;
		frame[21] = 64;
		return;
	}
	memcpy(frame + 12, "\x08\x00\x45", 3);
	frame[17] = 20 + l4_length;
	frame[20] = 0x40; // do not fragment
	frame[22] = 64;
	frame[23] = shape->traffic->protocol;
}

static void model_fill_l4(const struct frame_shape *shape, uint8_t *l4, unsigned int length,
			  enum frame_kind kind)
{
	static const uint8_t flags[FRAME_KINDS] = {
		[FRAME_SYN] = RTE_TCP_SYN_FLAG,
		[FRAME_SYN_ACK] = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
		[FRAME_ACK] = RTE_TCP_ACK_FLAG,
		[FRAME_RST] = RTE_TCP_RST_FLAG,
	};

	if (shape->tcp) {
		l4[12] = 5 << 4;
		l4[13] = flags[kind];
		l4[14] = l4[15] = 0xff;
		return;
	}
	l4[5] = length;
	for (unsigned int i = UDP_HEADER; i < length; i++)
		l4[i] = i;
}

int frame_shape_init(struct frame_shape *shape, const struct control_traffic *traffic,
		     uint64_t family, bool vxlan)
{
	unsigned int l4_length;

	if (traffic->flows == 0 || traffic->packets < traffic->flows || traffic->services == 0 ||
	    traffic->vip_ports == 0 || traffic->clients == 0 || traffic->new_clients == 0 ||
	    (family != 4 && family != 6) || (vxlan && (family != 4 || traffic->hosts == 0)) ||
	    (traffic->protocol != IPPROTO_UDP && traffic->protocol != IPPROTO_TCP))
		return -EINVAL;
	memset(shape, 0, sizeof(*shape));
	shape->traffic = traffic;
	shape->wide = family == 6;
	shape->tcp = traffic->protocol == IPPROTO_TCP;
	shape->source = shape->wide ? 22 : 26;
	shape->destination = shape->source + (shape->wide ? 16 : 4);
	shape->protocol = shape->wide ? 20 : 23;
	shape->l4 = shape->wide ? 54 : 34;
	shape->length = RTE_MAX(shape->l4 + (shape->tcp ? TCP_HEADER : UDP_HEADER), FRAME_SHORTEST);
	// A datagram fills the frame, a TCP header is padded; but not that of a VM.
	l4_length = shape->tcp ? TCP_HEADER : shape->length - shape->l4;
	if (vxlan) {
		shape->outer = OUTER;
		shape->length = OUTER + shape->l4 + l4_length;
	}
	shape->slot = shape->length > 64 ? 128 : 64;
	for (unsigned int kind = 0; kind < FRAME_KINDS; kind++) {
		struct frame_model *model = &shape->models[kind];

		model_fill_l3(shape, model->bytes, l4_length);
		model_fill_l4(shape, model->bytes + shape->l4, l4_length, kind);
		model->l3_sum = sum_words(model->bytes + 14, 20);
		model->l4_sum = sum_words(model->bytes + shape->l4, l4_length) +
				rte_cpu_to_be_16(l4_length) + rte_cpu_to_be_16(traffic->protocol);
	}
	return 0;
}

static inline uint64_t sum_addresses(const uint64_t *words, unsigned int count)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < count; i++)
		sum += (words[i] & 0xffffffff) + (words[i] >> 32);
	return sum;
}

/*
 * What a VM's host puts before its frame; in the inner frame, how the VM is called is of no matter.
 */
static void outer_write(const struct frame_shape *shape, uint8_t *out, const uint8_t *inner)
{
	const struct control_traffic *t = shape->traffic;
	uint16_t length = rte_cpu_to_be_16(shape->length - ETHER), checksum;
	uint16_t udp[4] = {rte_cpu_to_be_16(0xc000 | inner[shape->l4 + 1]),
			   rte_cpu_to_be_16(VXLAN_PORT), rte_cpu_to_be_16(shape->length - OUTER_L4),
			   0};
	uint32_t vxlan[2] = {rte_cpu_to_be_32(0x08000000), rte_cpu_to_be_32(t->vni << 8)};
	uint32_t vm, first, host;

	memcpy(&vm, inner + shape->source, 4);
	memcpy(&first, t->client + 12, 4);
	memcpy(&host, t->host + 12, 4);
	host = rte_cpu_to_be_32(rte_be_to_cpu_32(host) +
				(rte_be_to_cpu_32(vm) - rte_be_to_cpu_32(first)) % t->hosts);
	memset(out, 0, OUTER);
	memcpy(out, "\x02\0\0\0\0\x01\x02\0\0\0\0\xaa\x08\x00\x45", 15);
	memcpy(out + 16, &length, 2);
	out[20] = 0x40; // do not fragment
	out[22] = 64;
	out[23] = IPPROTO_UDP;
	memcpy(out + 26, &host, 4);
	memcpy(out + 30, t->gateway + 12, 4);
	checksum = sum_finish(sum_words(out + ETHER, 20));
	memcpy(out + 24, &checksum, 2);
	memcpy(out + OUTER_L4, udp, sizeof(udp));
	memcpy(out + OUTER_L4 + sizeof(udp), vxlan, sizeof(vxlan));
}

/* Without outer headers: at most a slot's bytes. */
static inline void inner_write(const struct frame_shape *shape, uint8_t *out,
			       const struct frame_head *head)
{
	const struct frame_model *model = &shape->models[head->kind];
	uint8_t *l4 = out + shape->l4;
	uint64_t words[4], sum;
	uint16_t checksum;

	memcpy(words, head->addresses, sizeof(words));
	rte_memcpy(out, model->bytes, shape->slot == 64 || shape->outer ? 64 : 128);
	memcpy(out, head->macs, sizeof(head->macs));
	if (shape->wide) {
		sum = sum_addresses(words, 4);
		memcpy(out + 22, head->addresses, 32);
	} else {
		sum = sum_addresses(words, 1);
		memcpy(out + 26, head->addresses, 8);
		checksum = sum_finish(model->l3_sum + sum);
		memcpy(out + 24, &checksum, 2);
	}
	memcpy(l4, head->ports, 4);
	sum += model->l4_sum + head->ports[0] + head->ports[1];
	if (!shape->tcp) {
		checksum = sum_finish(sum);
		if (checksum == 0)
			checksum = 0xffff;
		memcpy(l4 + 6, &checksum, 2);
		return;
	}
	memcpy(l4 + 4, &head->sequence, 4);
	memcpy(l4 + 8, &head->ack, 4);
	checksum = sum_finish(sum + head->sequence + head->ack);
	memcpy(l4 + 16, &checksum, 2);
}

void frame_write(const struct frame_shape *shape, uint8_t *out, const struct frame_head *head)
{
	inner_write(shape, out + shape->outer, head);
	if (shape->outer)
		outer_write(shape, out, out + shape->outer);
}

static void head_put_address(const struct frame_shape *shape, uint8_t *place, const uint8_t *base,
			     uint32_t number)
{
	const unsigned int length = shape->wide ? 16 : 4;
	uint32_t low;

	memcpy(&low, base + 12, 4);
	low = rte_cpu_to_be_32(rte_be_to_cpu_32(low) + number);
	memcpy(place, base + 16 - length, length - 4);
	memcpy(place + length - 4, &low, 4);
}

static void head_put(const struct frame_shape *shape, struct frame_head *head, uint32_t client,
		     uint16_t port, uint64_t service, enum frame_kind kind)
{
	const struct control_traffic *t = shape->traffic;
	const bool first = kind == FRAME_SYN;

	memcpy(head->macs, "\x02\0\0\0\0\x01\x02\0\0\0\0\xaa", sizeof(head->macs));
	head_put_address(shape, head->addresses, t->client, client);
	head_put_address(shape, head->addresses + (shape->wide ? 16 : 4), t->vip,
			 service / t->vip_ports);
	head->ports[0] = rte_cpu_to_be_16(port);
	head->ports[1] = rte_cpu_to_be_16(t->first_port + service % t->vip_ports);
	head->sequence = rte_cpu_to_be_32(CLIENT_SEQUENCE + !first);
	// A flow has had data of its server: it is beyond what only the first segments pay for.
	head->ack = rte_cpu_to_be_32(first ? 0 : SERVER_SEQUENCE + 2);
	head->kind = kind;
}

void frame_head_flow(const struct frame_shape *shape, struct frame_head *head, uint64_t flow,
		     enum frame_kind kind)
{
	const struct control_traffic *t = shape->traffic;

	head_put(shape, head, flow % t->clients, FIRST_PORT + flow / t->clients % PORTS,
		 flow % t->services, kind);
}

void frame_head_new(const struct frame_shape *shape, struct frame_head *head, uint64_t number)
{
	const struct control_traffic *t = shape->traffic;

	head_put(shape, head, t->new_client + number % t->new_clients,
		 FIRST_PORT + number / t->new_clients % PORTS, number % t->services, FRAME_SYN);
}

void frame_head_answer(const struct frame_shape *shape, struct frame_head *head, const uint8_t *in,
		       enum frame_kind kind)
{
	uint32_t sequence, ack;

	memcpy(head->macs, in + 6, 6);
	memcpy(head->macs + 6, in, 6);
	if (shape->wide) {
		memcpy(head->addresses, in + 38, 16);
		memcpy(head->addresses + 16, in + 22, 16);
	} else {
		memcpy(head->addresses, in + 30, 4);
		memcpy(head->addresses + 4, in + 26, 4);
	}
	memcpy(&head->ports[0], in + shape->l4 + 2, 2);
	memcpy(&head->ports[1], in + shape->l4, 2);
	head->kind = kind;
	if (kind == FRAME_DATAGRAM)
		return;
	memcpy(&sequence, in + shape->l4 + 4, 4);
	memcpy(&ack, in + shape->l4 + 8, 4);
	if (!(frame_flags(shape, in) & RTE_TCP_ACK_FLAG)) // to a SYN
		ack = rte_cpu_to_be_32(SERVER_SEQUENCE + (kind == FRAME_ACK));
	head->sequence = ack;
	head->ack = rte_cpu_to_be_32(rte_be_to_cpu_32(sequence) + 1 +
				     (kind == FRAME_ACK && shape->traffic->told));
	if (kind == FRAME_RST)
		head->ack = 0;
}

bool frame_known(const struct frame_shape *shape, const uint8_t *in, uint32_t length)
{
	return length >= shape->l4 + (shape->tcp ? 20u : 8u) &&
	       memcmp(in + 12, shape->models[0].bytes + 12, 2) == 0 &&
	       in[shape->protocol] == shape->traffic->protocol && (shape->wide || in[14] == 0x45);
}

const uint8_t *frame_open(const uint8_t *in, uint32_t *length)
{
	if (*length < OUTER + ETHER || in[14] != 0x45 || in[23] != IPPROTO_UDP ||
	    in[36] != VXLAN_PORT >> 8 || in[37] != (VXLAN_PORT & 0xff))
		return in;
	*length -= OUTER;
	return in + OUTER;
}

uint32_t frame_inner(uint8_t *out, const uint8_t *in, uint32_t length)
{
	enum { IPIP = 20 };

	if (length < ETHER + IPIP || in[14] != 0x45 || in[23] != IPPROTO_IPIP)
		return 0;
	length = RTE_MIN(length - IPIP, (uint32_t)FRAME_SLOT_MAX);
	memcpy(out, in, ETHER);
	memcpy(out + ETHER, in + ETHER + IPIP, length - ETHER);
	return length;
}
