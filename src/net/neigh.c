/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbours: the mirror of Linux's ARP and ND tables on our interfaces.
 *
 * Linux resolves; this file remembers what it said, gives each usable neighbour a next hop number,
 * and decides when Linux should be asked again. There are two kinds of interest:
 *
 *  - users (neigh_attach): gateways of routes and watched destinations. Linux is asked at once when
 *    the entry has gone stale, and each second while it does not answer, so that a silent next hop
 *    is noticed and a returning one found within seconds;
 *  - requests of workers (neigh_request): clients on the same link. These are verified every 15 s
 *    while they are used, and let go after five minutes without a lookup.
 *
 * What is in neither of the two is used while Linux happens to know it.
 *
 * Asking goes through queues with a constant delay each, so that the head is always the next that
 * is due; the caller limits how many it takes in a round, because thousands of ARP requests in one
 * burst overrun the TAP.
 *
 * Workers look neighbours up without locks: a chain is changed by single stores, and what is
 * unlinked is freed after a grace period (net/retire.h). The control thread does all else.
 */
#include "net/neigh.h"

#include <assert.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/nexthop.h"
#include "net/route.h"

#include <rte_errno.h>
#include <rte_jhash.h>
#include <rte_ring_elem.h>

enum {
	BUCKETS = 1 << 16,
	NEIGH_MAX = 100 * 1000,	 // that workers may bring about
	REQUESTS = 1024,	 // that wait for the control thread
	REQUESTS_PER_TICK = 100, // new neighbours that workers may bring about in one tick
	RETRY_MS = 1000,
	VERIFY_MS = 15 * 1000,
	REQUEST_UNANSWERED_MS = 3 * 1000,
	REQUEST_KEPT_MS = 300 * 1000,
	IFACE_MTUS = 4, // MTUs of on-link routes of one interface
};

#define NUD_USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)
#define NUD_FIXED  (NUD_PERMANENT | NUD_NOARP)

struct neigh_list neigh_all = TAILQ_HEAD_INITIALIZER(neigh_all);

struct request {
	uint16_t iface;
	uint16_t zero;
	struct addr addr;
};

static struct neigh **neigh_buckets;
static unsigned int neigh_count;
static struct neigh_list neigh_queues[NEIGH_QUEUES];
static struct rte_ring *request_ring;
static uint16_t iface_mtus[IFACE_MAX + 1][IFACE_MTUS];
static uint32_t dump_generation[2]; // IPv4, IPv6
static bool dump_running[2];
static uint64_t clock_ms;

static const uint64_t queue_delay_ms[NEIGH_QUEUES] = {
	[NEIGH_QUEUE_RETRY] = RETRY_MS,
	[NEIGH_QUEUE_VERIFY] = VERIFY_MS,
};

int neigh_start(void)
{
	neigh_buckets = calloc(BUCKETS, sizeof(*neigh_buckets));
	if (!neigh_buckets)
		return -ENOMEM;
	// A worker that loses the CPU in the middle of an enqueue must not hold up the others.
	request_ring = rte_ring_create_elem("neigh_request", sizeof(struct request), REQUESTS,
					    SOCKET_ID_ANY, RING_F_SC_DEQ | RING_F_MP_RTS_ENQ);
	if (!request_ring) {
		free(neigh_buckets);
		neigh_buckets = NULL;
		return -rte_errno;
	}
	for (unsigned int i = 0; i < NEIGH_QUEUES; i++)
		TAILQ_INIT(&neigh_queues[i]);
	TAILQ_INIT(&neigh_all);
	neigh_count = 0;
	memset(iface_mtus, 0, sizeof(iface_mtus));
	memset(dump_generation, 0, sizeof(dump_generation));
	memset(dump_running, 0, sizeof(dump_running));
	return 0;
}

static void neigh_reclaim(struct retired *retired)
{
	free((char *)retired - offsetof(struct neigh, retired));
}

static void variant_reclaim(struct retired *retired)
{
	free((char *)retired - offsetof(struct neigh_variant, retired));
}

static uint32_t neigh_hash(uint16_t iface, const struct addr *addr)
{
	return rte_jhash(addr->bytes, sizeof(addr->bytes), iface) & (BUCKETS - 1);
}

static struct neigh *neigh_search(uint16_t iface, const struct addr *addr)
{
	struct neigh *neigh = __atomic_load_n(&neigh_buckets[neigh_hash(iface, addr)],
					      __ATOMIC_ACQUIRE);

	while (neigh && (neigh->iface != iface || !addr_equal(&neigh->addr, addr)))
		neigh = __atomic_load_n(&neigh->next, __ATOMIC_ACQUIRE);
	return neigh;
}

/* Where nobody resolves neighbours, all addresses of a family are one. */
static bool neigh_is_fixed(uint16_t iface)
{
	const struct iface *on = iface_get(iface);

	return on && on->no_arp;
}

static struct addr neigh_name(uint16_t iface, const struct addr *addr)
{
	return neigh_is_fixed(iface) ? (struct addr){.family = addr->family} : *addr;
}

uint16_t neigh_lookup(uint16_t iface, const struct addr *addr, uint16_t mtu)
{
	struct addr name = neigh_name(iface, addr);
	struct neigh *neigh = neigh_search(iface, &name);
	struct neigh_variant *variant;

	if (!neigh)
		return NEXTHOP_UNRESOLVED;
	if (!__atomic_load_n(&neigh->seen_by_worker, __ATOMIC_RELAXED))
		__atomic_store_n(&neigh->seen_by_worker, true, __ATOMIC_RELAXED);
	if (mtu) {
		variant = __atomic_load_n(&neigh->variants, __ATOMIC_ACQUIRE);
		for (; variant; variant = __atomic_load_n(&variant->next, __ATOMIC_ACQUIRE))
			if (variant->mtu == mtu)
				return variant->nexthop;
	}
	return __atomic_load_n(&neigh->nexthop, __ATOMIC_RELAXED);
}

void neigh_request(uint16_t iface, const struct addr *destination)
{
	struct request request = {.iface = iface, .addr = *destination};

	rte_ring_mp_rts_enqueue_bulk_elem(request_ring, &request, sizeof(request), 1, NULL);
}

bool neigh_usable(const struct neigh *neigh)
{
	return neigh->present && neigh->has_mac && (neigh->state & NUD_USABLE);
}

bool neigh_wanted(const struct neigh *neigh)
{
	return !LIST_EMPTY(&neigh->users) || neigh->requested_until_ms;
}

static void neigh_enqueue(struct neigh *neigh, enum neigh_queue queue)
{
	if (neigh->queue != NEIGH_QUEUES)
		TAILQ_REMOVE(&neigh_queues[neigh->queue], neigh, queued);
	neigh->queue = queue;
	if (queue == NEIGH_QUEUES)
		return;
	neigh->due_ms = clock_ms + queue_delay_ms[queue];
	TAILQ_INSERT_TAIL(&neigh_queues[queue], neigh, queued);
}

static struct neigh *neigh_create(uint16_t iface, const struct addr *addr)
{
	struct neigh **bucket = &neigh_buckets[neigh_hash(iface, addr)];
	struct neigh *neigh = calloc(1, sizeof(*neigh));

	if (!neigh)
		return NULL;
	neigh->addr = *addr;
	neigh->iface = iface;
	neigh->nexthop = NEXTHOP_UNRESOLVED;
	neigh->queue = NEIGH_QUEUES;
	neigh->next = *bucket;
	LIST_INIT(&neigh->users);
	TAILQ_INSERT_TAIL(&neigh_all, neigh, all);
	neigh_count++;
	__atomic_store_n(bucket, neigh, __ATOMIC_RELEASE);
	return neigh;
}

static struct neigh *neigh_get(uint16_t iface, const struct addr *addr)
{
	struct addr name = neigh_name(iface, addr);
	struct neigh *neigh = neigh_search(iface, &name);

	return neigh ? neigh : neigh_create(iface, &name);
}

static void neigh_destroy(struct neigh *neigh)
{
	struct neigh **link = &neigh_buckets[neigh_hash(neigh->iface, &neigh->addr)];

	assert(neigh->nexthop < NEXTHOP_FIRST && !neigh->variants);
	neigh_enqueue(neigh, NEIGH_QUEUES);
	while (*link != neigh)
		link = &(*link)->next;
	__atomic_store_n(link, neigh->next, __ATOMIC_RELEASE);
	TAILQ_REMOVE(&neigh_all, neigh, all);
	neigh_count--;
	retire(&neigh->retired, neigh_reclaim);
}

/*
 * Decide what to do about it next, after anything has changed. May free it when it is neither in
 * the kernel nor wanted.
 */
static void neigh_review(struct neigh *neigh)
{
	unsigned int family = neigh->addr.family == AF_INET6;
	bool recently = neigh->asked_ms && clock_ms - neigh->asked_ms < RETRY_MS;
	enum neigh_queue soon = recently ? NEIGH_QUEUE_RETRY : NEIGH_QUEUE_NOW;

	if (!neigh_wanted(neigh) && !neigh->present) {
		neigh_enqueue(neigh, NEIGH_QUEUES);
		// While a dump runs, the memory that an event took it away has to stay.
		if (!dump_running[family] || neigh->touched != dump_generation[family])
			neigh_destroy(neigh);
	} else if (neigh_usable(neigh) && (neigh->state & NUD_FIXED)) {
		neigh_enqueue(neigh, NEIGH_QUEUES);
	} else if (!neigh_wanted(neigh)) {
		neigh_enqueue(neigh, neigh->ours ? soon : NEIGH_QUEUES);
	} else if (LIST_EMPTY(&neigh->users)) {
		// Asked once; if there is no answer, the worker asks again while it has packets.
		if (neigh_usable(neigh))
			neigh_enqueue(neigh, NEIGH_QUEUE_VERIFY);
		else
			neigh_enqueue(neigh, neigh->asked_ms ? NEIGH_QUEUE_RETRY : NEIGH_QUEUE_NOW);
	} else if (neigh_usable(neigh) && !(neigh->state & NUD_STALE)) {
		neigh_enqueue(neigh, NEIGH_QUEUES); // Linux will say when that ends
	} else {
		neigh_enqueue(neigh, soon);
	}
}

uint16_t neigh_nexthop(struct neigh *neigh, uint16_t mtu)
{
	struct iface *iface = iface_get(neigh->iface);
	struct neigh_variant *variant;

	if (neigh->nexthop < NEXTHOP_FIRST || !mtu || !iface || mtu >= iface->mtu)
		return neigh->nexthop;
	for (variant = neigh->variants; variant; variant = variant->next)
		if (variant->mtu == mtu)
			return variant->nexthop;
	variant = calloc(1, sizeof(*variant));
	if (!variant)
		return neigh->nexthop;
	variant->mtu = mtu;
	variant->nexthop = nexthop_create(iface, &neigh->addr, &neigh->mac, mtu);
	variant->next = neigh->variants;
	__atomic_store_n(&neigh->variants, variant, __ATOMIC_RELEASE);
	return variant->nexthop;
}

/* Give it a new number after anything in its header changed, and take the old ones back. */
static void neigh_renumber(struct neigh *neigh)
{
	struct iface *iface = iface_get(neigh->iface);
	struct neigh_variant *variant = neigh->variants, *next;
	uint16_t old = neigh->nexthop, fresh = NEXTHOP_UNRESOLVED;
	struct neigh_user *user;

	if (iface && neigh_usable(neigh))
		fresh = nexthop_create(iface, &neigh->addr, &neigh->mac, iface->mtu);
	__atomic_store_n(&neigh->nexthop, fresh, __ATOMIC_RELEASE);
	__atomic_store_n(&neigh->variants, NULL, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < IFACE_MTUS && iface_mtus[neigh->iface][i]; i++)
		neigh_nexthop(neigh, iface_mtus[neigh->iface][i]);
	LIST_FOREACH (user, &neigh->users, link)
		user->changed(user);

	if (old >= NEXTHOP_FIRST)
		nexthop_release(old);
	for (; variant; variant = next) {
		next = variant->next;
		if (variant->nexthop >= NEXTHOP_FIRST)
			nexthop_release(variant->nexthop);
		retire(&variant->retired, variant_reclaim);
	}
	route_changed();
}

void neigh_add_mtu(uint16_t iface, uint16_t mtu)
{
	struct neigh *neigh;

	for (unsigned int i = 0; i < IFACE_MTUS; i++) {
		if (iface_mtus[iface][i] == mtu)
			return;
		if (iface_mtus[iface][i])
			continue;
		iface_mtus[iface][i] = mtu;
		TAILQ_FOREACH (neigh, &neigh_all, all)
			if (neigh->iface == iface)
				neigh_nexthop(neigh, mtu);
		return;
	}
	log_warning("on-link routes of %s have more than %u different MTUs: %u is not obeyed",
		    iface_get(iface) ? iface_get(iface)->name : "an interface", IFACE_MTUS, mtu);
}

int neigh_attach(struct neigh_user *user, uint16_t iface, const struct addr *addr,
		 void (*changed)(struct neigh_user *self))
{
	struct neigh *neigh = neigh_get(iface, addr);

	user->neigh = neigh;
	user->changed = changed;
	if (!neigh)
		return -ENOMEM;
	LIST_INSERT_HEAD(&neigh->users, user, link);
	neigh_review(neigh);
	return 0;
}

void neigh_detach(struct neigh_user *user)
{
	struct neigh *neigh = user->neigh;

	if (!neigh)
		return;
	LIST_REMOVE(user, link);
	user->neigh = NULL;
	neigh_review(neigh);
}

/* An update of a dump is older than an event that came since the dump began. */
static bool neigh_outdated(struct neigh *neigh, bool event)
{
	unsigned int family = neigh->addr.family == AF_INET6;

	if (event)
		neigh->touched = dump_generation[family];
	else if (neigh->touched == dump_generation[family])
		return true;
	neigh->generation = dump_generation[family];
	return false;
}

/* Write down what the kernel says of it now. */
static void neigh_set(struct neigh *neigh, bool present, uint16_t state,
		      const struct rte_ether_addr *mac)
{
	bool usable = neigh_usable(neigh);
	uint16_t before = neigh->state;
	bool moved = mac && neigh->has_mac && !rte_is_same_ether_addr(mac, &neigh->mac);

	neigh->present = present;
	neigh->state = state;
	neigh->has_mac = mac != NULL;
	if (mac)
		neigh->mac = *mac;
	// A permanent entry is somebody's configuration, even where we had asked before.
	if (!present || (state & NUD_PERMANENT))
		neigh->ours = false;
	// News: ask at once, however short a time ago that was done before.
	if ((usable && !neigh_usable(neigh)) || ((state & NUD_STALE) && !(before & NUD_STALE)))
		neigh->asked_ms = 0;
	if (neigh_usable(neigh) != usable || (usable && moved))
		neigh_renumber(neigh);
	if (neigh->requested_until_ms && neigh_usable(neigh) && !usable)
		neigh->requested_until_ms = clock_ms + REQUEST_KEPT_MS;
	neigh_review(neigh);
}

void neigh_update(uint16_t iface, const struct addr *addr, uint16_t state,
		  const struct rte_ether_addr *mac, bool event)
{
	struct neigh *neigh = neigh_get(iface, addr);

	if (!neigh) {
		log_error("no memory for a neighbour");
		return;
	}
	if (neigh_is_fixed(iface))
		return;
	if (!neigh_outdated(neigh, event))
		neigh_set(neigh, true, state, mac);
}

void neigh_delete(uint16_t iface, const struct addr *addr)
{
	struct neigh *neigh = neigh_search(iface, addr);

	if (neigh && !neigh_is_fixed(iface) && !neigh_outdated(neigh, true))
		neigh_set(neigh, false, 0, NULL);
}

void neigh_without_arp(uint16_t iface)
{
	const struct addr any[2] = {{.family = AF_INET}, {.family = AF_INET6}};
	const struct iface *on = iface_get(iface);

	for (unsigned int i = 0; i < 2; i++) {
		struct neigh *neigh = neigh_get(iface, &any[i]);

		if (neigh)
			neigh_set(neigh, true, NUD_NOARP, &on->mac);
	}
}

void neigh_dump_begin(uint8_t family)
{
	dump_generation[family == AF_INET6]++;
	dump_running[family == AF_INET6] = true;
}

void neigh_dump_end(uint8_t family, bool complete)
{
	uint32_t generation = dump_generation[family == AF_INET6];
	struct neigh *neigh, *next;

	dump_running[family == AF_INET6] = false;
	for (neigh = TAILQ_FIRST(&neigh_all); neigh; neigh = next) {
		next = TAILQ_NEXT(neigh, all);
		if (neigh->addr.family != family)
			continue;
		if (neigh_is_fixed(neigh->iface))
			continue;
		if (complete && neigh->present && neigh->generation != generation)
			neigh_set(neigh, false, 0, NULL);
		else if (!neigh->present && !neigh_wanted(neigh))
			neigh_review(neigh);
	}
}

void neigh_iface_changed(uint16_t iface)
{
	struct neigh *neigh;

	TAILQ_FOREACH (neigh, &neigh_all, all)
		if (neigh->iface == iface && neigh_usable(neigh))
			neigh_renumber(neigh);
}

void neigh_iface_gone(uint16_t iface)
{
	struct neigh *neigh, *next;

	for (neigh = TAILQ_FIRST(&neigh_all); neigh; neigh = next) {
		next = TAILQ_NEXT(neigh, all);
		if (neigh->iface != iface)
			continue;
		neigh->requested_until_ms = 0;
		neigh_set(neigh, false, 0, NULL);
	}
}

/* A worker wants it: remember that for a while. */
static void neigh_take_request(const struct request *request)
{
	struct neigh *neigh = neigh_search(request->iface, &request->addr);

	if (neigh_is_fixed(request->iface))
		return;
	if (!neigh && request->iface && neigh_count < NEIGH_MAX && iface_get(request->iface))
		neigh = neigh_create(request->iface, &request->addr);
	if (!neigh || neigh_usable(neigh))
		return;
	if (neigh->requested_until_ms > clock_ms)
		return; // asked already
	neigh->asked_ms = 0;
	neigh->requested_until_ms = clock_ms + REQUEST_UNANSWERED_MS;
	neigh_review(neigh);
}

void neigh_tick(uint64_t now_ms)
{
	struct request request;

	clock_ms = now_ms;
	for (unsigned int i = 0; i < REQUESTS_PER_TICK; i++) {
		if (rte_ring_sc_dequeue_elem(request_ring, &request, sizeof(request)) < 0)
			return;
		neigh_take_request(&request);
	}
}

/* Its time has come: is there something to tell the kernel? */
static bool neigh_due(struct neigh *neigh)
{
	if (neigh->requested_until_ms && LIST_EMPTY(&neigh->users)) {
		if (neigh->seen_by_worker && neigh_usable(neigh))
			neigh->requested_until_ms = clock_ms + REQUEST_KEPT_MS;
		neigh->seen_by_worker = false;
		if (neigh->requested_until_ms <= clock_ms)
			neigh->requested_until_ms = 0;
		else if (neigh->asked_ms && !neigh_usable(neigh))
			return false;
	}
	if (!neigh_wanted(neigh))
		return neigh->present && neigh->ours;
	return !neigh_usable(neigh) || (neigh->state & NUD_STALE);
}

/* The head of one queue that is due and about which there is something to tell. */
static struct neigh *neigh_take_due(enum neigh_queue queue)
{
	struct neigh *neigh;

	while ((neigh = TAILQ_FIRST(&neigh_queues[queue])) && neigh->due_ms <= clock_ms) {
		bool due = neigh_due(neigh);

		neigh_enqueue(neigh, NEIGH_QUEUES);
		if (due) {
			neigh->asked_ms = clock_ms;
			neigh->ours = neigh_wanted(neigh);
		}
		neigh_review(neigh);
		if (due)
			return neigh;
	}
	return NULL;
}

struct neigh *neigh_next_due(uint64_t now_ms)
{
	// Many that are silent must not keep those that live from being verified, nor vice versa.
	static const enum neigh_queue turns[] = {
		NEIGH_QUEUE_NOW,
		NEIGH_QUEUE_NOW,
		NEIGH_QUEUE_RETRY,
		NEIGH_QUEUE_VERIFY,
	};
	static unsigned int turn;
	struct neigh *neigh = NULL;

	clock_ms = now_ms;
	for (unsigned int i = 0; i < RTE_DIM(turns) && !neigh; i++)
		neigh = neigh_take_due(turns[turn++ % RTE_DIM(turns)]);
	return neigh;
}

void neigh_stop(void)
{
	struct neigh *neigh;

	while ((neigh = TAILQ_FIRST(&neigh_all))) {
		assert(LIST_EMPTY(&neigh->users));
		neigh->requested_until_ms = 0;
		neigh->present = false;
		neigh_renumber(neigh);
		neigh_destroy(neigh);
	}
	rte_ring_free(request_ring);
	free(neigh_buckets);
	request_ring = NULL;
	neigh_buckets = NULL;
}
