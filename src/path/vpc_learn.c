/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The worker's part of learning VMs (tunnel/vm_learn.c). A packet whose VM is to be learned is kept
 * as it came, and comes into a batch again when control has seen what it says. It waits once: if
 * the table still does not have its VM then, it is dropped.
 */
#include "path/vpc_learn.h"

#include "path/fragment.h"
#include "path/vpc.h"
#include "tunnel/vxlan.h"

static bool station_is_real(const uint8_t mac[RTE_ETHER_ADDR_LEN])
{
	static const uint8_t none[RTE_ETHER_ADDR_LEN];

	return !(mac[0] & 1) && memcmp(mac, none, RTE_ETHER_ADDR_LEN) != 0;
}

static bool address_is_real(const struct addr *addr)
{
	if (addr_is_multicast(addr) || addr_is_unspecified(addr))
		return false;
	return addr->family == AF_INET6 || (addr->bytes[0] < 224 && addr->bytes[0] != 127);
}

static bool packet_may_teach(const struct pkt *p, struct vm_heard *heard)
{
	memset(heard, 0, sizeof(*heard));
	heard->vni = pkt_zone(p);
	if (!(vni_get(heard->vni).flags & VNI_LEARNS))
		return false;
	// What it says of its sender is in another packet, which it quotes.
	if (p->flags & PKT_ICMP_ERROR)
		return false;
	if ((p->flags & PKT_HANDED) && p->mbuf->hash.usr != HAND_OWNER)
		return false;
	heard->addr = p->flags & PKT_IPV6 ? addr_v6(p->key6.source) : addr_v4(p->key4.source);
	memcpy(heard->mac, pkt_l3(p) - VXLAN_INNER_SOURCE, sizeof(heard->mac));
	vpc_outer_source(p, &heard->host);
	return address_is_real(&heard->addr) && station_is_real(heard->mac) &&
	       vm_learn_permits(&heard->host);
}

static void packet_wait(struct worker *w, struct pkt *p)
{
	struct vm_learner *learner = &w->learner;
	unsigned int at = learner->waiting_count++;

	tags_strip(p);
	p->mbuf->port = p->iface;
	p->mbuf->hash.usr = HAND_LEARNED;
	learner->waiting[at] = p->mbuf;
	learner->until[at] = learner->written;
	p->fate = FATE_TAKEN;
}

void vpc_learn(struct worker *w, struct pkt *p, uint32_t number, enum drop reason)
{
	const struct vm *vm = &vm_table[number];
	bool there = __atomic_load_n(&vm->host, __ATOMIC_RELAXED) != 0;
	struct vm_heard heard;

	// What is configured is as it says, and so are weir's own addresses.
	if ((there && !vm->learned) || __atomic_load_n(&vm->own, __ATOMIC_RELAXED) > 0 ||
	    !packet_may_teach(p, &heard))
		pkt_drop(p, reason);
	else if (!there && (vni_get(heard.vni).flags & VNI_FULL))
		pkt_drop(p, DROP_vpc_learn_full);
	else if (w->learner.waiting_count == VM_LEARN_WAITING ||
		 !vm_learn_hear(&w->learner, &heard))
		pkt_drop(p, DROP_vpc_learn_busy);
	else
		packet_wait(w, p);
}

/* How many of those that wait, the first ones, have waited long enough. */
static unsigned int waited(const struct vm_learner *learner)
{
	uint32_t read = __atomic_load_n(&learner->read, __ATOMIC_ACQUIRE);
	unsigned int count = 0;

	while (count < learner->waiting_count && (int32_t)(read - learner->until[count]) >= 0)
		count++;
	return count;
}

bool vpc_learn_pending(const struct worker *w)
{
	return waited(&w->learner) > 0;
}

void vpc_learn_released(struct worker *w, struct batch *b)
{
	struct vm_learner *learner = &w->learner;
	unsigned int count = RTE_MIN(waited(learner), BATCH - b->count), rest;

	for (unsigned int i = 0; i < count; i++) {
		struct pkt *p = &b->pkt[b->count++];

		p->mbuf = learner->waiting[i];
		p->iface = p->mbuf->port;
		p->flags = PKT_HANDED;
	}
	rest = learner->waiting_count -= count;
	memmove(learner->waiting, learner->waiting + count, rest * sizeof(*learner->waiting));
	memmove(learner->until, learner->until + count, rest * sizeof(*learner->until));
}
