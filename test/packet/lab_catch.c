/* SPDX-License-Identifier: BSD-3-Clause */

/* What comes out of the lab, and what a row says about it. */
#include "lab_parts.h"

#include <inttypes.h>
#include <string.h>

#include <rte_mbuf.h>

enum { CAUGHT_MAX = 512 };

struct caught {
	uint16_t place; // port or interface
	enum punt_class class;
	unsigned int length;
	uint8_t bytes[2048];
};

/* A queue of frames that came out. */
struct net {
	struct caught frame[CAUGHT_MAX];
	unsigned int first, end;
};

const struct ends ends4 = {CLIENT ":4000", VIP ":80", LOCAL ":*", LOCAL ":@", SERVER ":80"};
const struct ends ends6 = {"[" CLIENT6 "]:4000", "[" VIP6 "]:80", "[" LOCAL6 "]:*",
			   "[" LOCAL6 "]:@", "[" SERVER6 "]:80"};

static struct net sent[2], punted; // by port

void lab_catch_begin(void)
{
	memset(sent, 0, sizeof(sent));
	memset(&punted, 0, sizeof(punted));
}

static void net_catch(struct net *net, uint16_t place, enum punt_class class,
		      const struct rte_mbuf *m)
{
	struct caught *c = &net->frame[net->end % CAUGHT_MAX];
	const void *bytes;

	assert_true(net->end - net->first < CAUGHT_MAX);
	net->end++;
	c->place = place;
	c->class = class;
	c->length = RTE_MIN(rte_pktmbuf_pkt_len(m), sizeof(c->bytes));
	bytes = rte_pktmbuf_read(m, 0, c->length, c->bytes);
	if (bytes != c->bytes)
		memcpy(c->bytes, bytes, c->length);
}

static struct caught *net_next(struct net *net)
{
	return net->first == net->end ? NULL : &net->frame[net->first++ % CAUGHT_MAX];
}

uint16_t lab_catch_sent(uint16_t port, uint16_t queue, struct rte_mbuf *packets[], uint16_t count,
			void *arg)
{
	if (lab.transmit_refusals > 0 && lab.transmit_refusals-- > 0)
		return 0;
	if (lab.transmit_refuses)
		return 0;
	for (unsigned int i = 0; i < count && !lab.transmit_unseen; i++) {
		rte_mbuf_sanity_check(packets[i], 1);
		net_catch(&sent[port], port, 0, packets[i]);
	}
	return count;
}

bool lab_catch_punted(uint16_t iface, enum punt_class class, struct rte_mbuf *m)
{
	if (lab.punt_refuses)
		return false;
	net_catch(&punted, iface, class, m);
	rte_pktmbuf_free(m);
	return true;
}

/* On which side of the lab an address is. */
static unsigned int side_of(const char *end)
{
	struct prefix servers[2];
	struct addr addr;
	uint16_t port;

	packet_end(end, 1, &addr, &port);
	prefix_parse("192.168.0.0/16", &servers[0]);
	prefix_parse("2001:db8:2::/48", &servers[1]);
	return prefix_contains(&servers[0], &addr) || prefix_contains(&servers[1], &addr) ? SERVERS
											  : CLIENTS;
}

static void ether_fill(uint8_t *frame, unsigned int iface, bool leaving, const uint8_t *mac)
{
	const uint8_t ours[6] = {2, 0, 0, 0, 0, iface}, router[6] = {2, 0, 0, 0, 0x0c, iface};

	memcpy(frame, mac ? mac : leaving ? router : ours, 6);
	memcpy(frame + 6, leaving ? ours : router, 6);
}

unsigned int lab_frame_in(const struct packet *p, uint8_t *frame, unsigned int *iface)
{
	unsigned int length = packet_build(p, lab.remembered, frame);

	*iface = p->iface ? p->iface : side_of(p->kernel ? p->to : p->from);
	ether_fill(frame, *iface, p->kernel, p->mac);
	while (p->vlan && !p->kernel && fake_iface[*iface].parent)
		*iface = fake_iface[*iface].parent; // what it arrives by
	return length;
}

static void read_remembered(const struct packet *p, const uint8_t *frame)
{
	const uint8_t *l3 = frame + 14 + (p->vlan ? 4 : 0) + (p->vlan_inner ? 4 : 0);
	unsigned int header = l3[0] >> 4 == 6 ? 40 + p->extension_length : (l3[0] & 0xf) * 4;
	const uint8_t *l4 = l3 + header;

	if (packet_end_is_any(p->from))
		lab.remembered = l4[0] << 8 | l4[1];
	if (packet_end_is_any(p->to))
		lab.remembered = l4[2] << 8 | l4[3];
}

static void frames_compare(const struct caught *got, const uint8_t *wanted, unsigned int length,
			   const char *file, int line)
{
	if (got->length == length && memcmp(got->bytes, wanted, length) == 0)
		return;
	packet_dump("expected", wanted, length);
	packet_dump("got", got->bytes, got->length);
	for (unsigned int i = 0; i < length && i < got->length; i++)
		if (got->bytes[i] != wanted[i]) {
			print_error("first difference at byte %u\n", i);
			break;
		}
	_fail(file, line);
}

static void drops_print(void)
{
	for (unsigned int i = 0; i < lab.workers; i++)
		for (unsigned int reason = 0; reason < DROP_COUNT; reason++)
			if (lab.worker[i].drops[reason] != lab.drops_seen[i][reason])
				print_error("worker %u dropped %" PRIu64 " for %s\n", i,
					    lab.worker[i].drops[reason] - lab.drops_seen[i][reason],
					    drop_name(reason));
}

void lab_expect(const struct packet *p, const char *file, int line)
{
	unsigned int iface = p->iface ? p->iface : side_of(p->to), length;
	struct caught *got = net_next(&sent[fake_iface[iface].port]);
	struct packet wanted = *p;
	uint8_t frame[PACKET_MAX];

	if (!got) {
		drops_print();
		print_error("%s:%d: nothing was sent, %u packets were punted\n", file, line,
			    punted.end - punted.first);
		_fail(file, line);
	}
	read_remembered(p, got->bytes);
	if (p->inner && got->bytes[14] >> 4 == 6) // from the flow's hash
		wanted.flow = (got->bytes[15] & 0xf) << 16 | got->bytes[16] << 8 | got->bytes[17];
	// One hop further, unless the row says otherwise.
	wanted.ttl = p->ttl ? p->ttl : PACKET_TTL - 1;
	length = packet_build(&wanted, lab.remembered, frame);
	ether_fill(frame, iface, true, p->mac);
	frames_compare(got, frame, length, file, line);
	_assert_int_equal(got->place, fake_iface[iface].port, file, line);
}

void lab_expect_punt(enum punt_class class, const struct packet *p, const char *file, int line)
{
	struct caught *got = net_next(&punted);
	uint8_t frame[PACKET_MAX];
	unsigned int iface, length;

	if (!got) {
		drops_print();
		print_error("%s:%d: nothing was punted\n", file, line);
		_fail(file, line);
	}
	length = lab_frame_in(p, frame, &iface);
	frames_compare(got, frame, length, file, line);
	_assert_int_equal(got->class, class, file, line);
	_assert_int_equal(got->place, iface, file, line);
}

void lab_expect_drop(enum drop reason, unsigned int count, const char *file, int line)
{
	uint64_t *seen = &lab.drops_seen[lab.w->index][reason];
	uint64_t now = lab.w->drops[reason];

	if (now - *seen != count) {
		print_error("%s:%d: %" PRIu64 " drops for %s, not %u\n", file, line, now - *seen,
			    drop_name(reason), count);
		drops_print();
		_fail(file, line);
	}
	*seen = now;
}

void lab_expect_nothing(const char *file, int line)
{
	struct caught *got;

	bool left = false;

	while ((got = net_next(&sent[0])) || (got = net_next(&sent[1]))) {
		packet_dump("not expected, sent", got->bytes, got->length);
		left = true;
	}
	while ((got = net_next(&punted))) {
		packet_dump("not expected, punted", got->bytes, got->length);
		left = true;
	}
	drops_print();
	for (unsigned int i = 0; i < lab.workers; i++)
		if (memcmp(lab.worker[i].drops, lab.drops_seen[i], sizeof(lab.drops_seen[i])) != 0)
			_fail(file, line);
	if (left)
		_fail(file, line);
}

void lab_exchange(const struct exchange *rows, unsigned int count, const char *file, int line)
{
	for (unsigned int i = 0; i < count; i++) {
		lab_put(&rows[i].in);
		lab_run();
		if (sent[0].first == sent[0].end && sent[1].first == sent[1].end)
			print_error("exchange: row %u has no answer\n", i);
		lab_expect(&rows[i].out, file, line);
	}
}

void lab_connect(const struct ends *e)
{
	exchange({{.from = e->client, .to = e->vip, .tcp = SYN, .sequence = 1000},
		  {.from = e->local_any, .to = e->server, .tcp = SYN, .sequence = 1000}},
		 {{.from = e->server,
		   .to = e->local,
		   .tcp = SYN | ACK,
		   .sequence = 7000,
		   .acknowledgement = 1001},
		  {.from = e->vip,
		   .to = e->client,
		   .tcp = SYN | ACK,
		   .sequence = 7000,
		   .acknowledgement = 1001}},
		 {{.from = e->client,
		   .to = e->vip,
		   .tcp = ACK,
		   .sequence = 1001,
		   .acknowledgement = 7001},
		  {.from = e->local,
		   .to = e->server,
		   .tcp = ACK,
		   .sequence = 1001,
		   .acknowledgement = 7001}});
}

void lab_syn(uint16_t port)
{
	put(.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = SYN);
	run();
	lab_forget();
}

const uint8_t *lab_next_sent(unsigned int port, unsigned int *length)
{
	struct caught *got = net_next(&sent[port]);

	if (!got)
		return NULL;
	*length = got->length;
	return got->bytes;
}

const uint8_t *lab_peek_sent(unsigned int port, unsigned int *length)
{
	struct net *net = &sent[port];
	const struct caught *got = &net->frame[net->first % CAUGHT_MAX];

	if (net->first == net->end)
		return NULL;
	*length = got->length;
	return got->bytes;
}

void lab_forget_punted(void)
{
	punted.first = punted.end;
}

void lab_forget(void)
{
	sent[0].first = sent[0].end;
	sent[1].first = sent[1].end;
}

void lab_next_port(uint16_t port)
{
	struct ports *ports = &lab.w->balancer.ports;

	for (uint32_t pair = 1; pair <= ports->pair_high; pair++)
		ports->pairs[pair].cursor = port;
}
