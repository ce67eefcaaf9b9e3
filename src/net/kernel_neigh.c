/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbour messages of rtnetlink, and what we ask of Linux's neighbour tables.
 *
 * Asking for a neighbour is RTM_NEWNEIGH without an address of the link layer: NTF_USE resolves or
 * verifies it now, and NTF_EXT_LEARNED exempts it from Linux's limit of 1,024, which is one for all
 * namespaces. NTF_EXT_MANAGED is not used: with it Linux verifies all neighbours at the same moment
 * every few seconds, and from some thousands on the answers to such a burst do not arrive
 * (doc/decisions/ has the figures). neigh.c asks for one after the other instead.
 *
 * Requests go out in batches, without acknowledgement; what the kernel refuses comes back to the
 * same socket.
 */
#include "net/kernel_mirror.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/neigh.h"

enum {
	ASKS_PER_SECOND = 1600, // below the policer of what comes back
	ASKS_BURST = 160,
	BATCH_SIZE = 8192,
	REFUSAL_LOG_MS = 10 * 1000,
};

static struct mnl_socket *neigh_socket;
static unsigned int refusals;
static int refusal_error;
static uint64_t refusal_logged_ms;

int neigh_mirror_start(struct error *error)
{
	refusals = 0;
	neigh_socket = kernel_socket_open(1 << 20, false, error);
	return neigh_socket ? 0 : error->code;
}

int neigh_mirror_fd(void)
{
	return mnl_socket_get_fd(neigh_socket);
}

void neigh_message(const struct nlmsghdr *message, bool event)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[ATTRIBUTES_MAX];
	const struct rte_ether_addr *mac = NULL;
	const struct iface *iface = iface_find_kernel(info->ndm_ifindex);
	struct addr addr;

	if (!iface || iface->kind == IFACE_VNI || (info->ndm_flags & NTF_PROXY))
		return;
	attributes_of_message(message, sizeof(*info), attributes);
	if (!attribute_addr(attributes[NDA_DST], info->ndm_family, &addr) ||
	    addr_is_multicast(&addr))
		return;
	if (message->nlmsg_type == RTM_DELNEIGH) {
		neigh_delete(iface->index, &addr);
		return;
	}
	if (attributes[NDA_LLADDR] &&
	    mnl_attr_get_payload_len(attributes[NDA_LLADDR]) == RTE_ETHER_ADDR_LEN)
		mac = mnl_attr_get_payload(attributes[NDA_LLADDR]);
	neigh_update(iface->index, &addr, info->ndm_state, mac, event);
}

/* Append a request about one neighbour to a batch. */
static void neigh_put_request(struct mnl_nlmsg_batch *batch, const struct neigh *neigh, bool wanted)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(batch));
	struct ndmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	const struct iface *iface = iface_get(neigh->iface);
	bool ipv6 = neigh->addr.family == AF_INET6;

	message->nlmsg_type = wanted ? RTM_NEWNEIGH : RTM_DELNEIGH;
	message->nlmsg_flags = NLM_F_REQUEST;
	info->ndm_family = neigh->addr.family;
	info->ndm_ifindex = iface ? iface->kernel_index : 0;
	mnl_attr_put(message, NDA_DST, ipv6 ? 16 : 4, neigh->addr.bytes);
	if (!wanted)
		return;
	message->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
	info->ndm_flags = NTF_USE | NTF_EXT_LEARNED;
}

static void neigh_send(struct mnl_nlmsg_batch *batch)
{
	if (mnl_nlmsg_batch_is_empty(batch))
		return;
	// If the socket is full, neigh.c asks again in a second.
	mnl_socket_sendto(neigh_socket, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch));
	mnl_nlmsg_batch_reset(batch);
}

static void neigh_put_batch(struct mnl_nlmsg_batch *batch, const struct neigh *neigh, bool wanted)
{
	neigh_put_request(batch, neigh, wanted);
	if (mnl_nlmsg_batch_next(batch))
		return;
	// This one did not fit any more: it is the first of the next batch.
	mnl_socket_sendto(neigh_socket, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch));
	mnl_nlmsg_batch_reset(batch);
}

static void neigh_log_refusals(uint64_t now_ms)
{
	if (!refusals || now_ms - refusal_logged_ms < REFUSAL_LOG_MS)
		return;
	log_warning("Linux refused %u requests to resolve neighbours: %s", refusals,
		    strerror(refusal_error));
	refusals = 0;
	refusal_logged_ms = now_ms;
}

/* How many requests may go out now. */
static unsigned int neigh_allowance(uint64_t now_ms)
{
	static uint64_t last_ms;
	uint64_t allowed = (now_ms - last_ms) * ASKS_PER_SECOND / 1000;

	if (!allowed)
		return 0;
	last_ms = now_ms;
	return allowed < ASKS_BURST ? allowed : ASKS_BURST;
}

void neigh_mirror_tick(uint64_t now_ms)
{
	static char buffer[2 * BATCH_SIZE] __attribute__((aligned(8)));
	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(buffer, BATCH_SIZE);
	unsigned int allowed = neigh_allowance(now_ms);
	struct neigh *neigh;

	if (!batch)
		return;
	neigh_tick(now_ms);
	for (; allowed && (neigh = neigh_next_due(now_ms)); allowed--) {
		const struct iface *iface = iface_get(neigh->iface);

		if (iface && iface->up)
			neigh_put_batch(batch, neigh, neigh_wanted(neigh));
	}
	neigh_send(batch);
	mnl_nlmsg_batch_stop(batch);
	neigh_log_refusals(now_ms);
}

static void neigh_take_answer(const struct nlmsghdr *message)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != NLMSG_ERROR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*answer) || !answer->error ||
	    answer->msg.nlmsg_type != RTM_NEWNEIGH)
		return; // an entry that we wanted deleted and that is gone is fine
	refusals++;
	refusal_error = -answer->error;
}

void neigh_mirror_read(void)
{
	char buffer[BATCH_SIZE] __attribute__((aligned(8)));
	ssize_t size;

	while ((size = mnl_socket_recvfrom(neigh_socket, buffer, sizeof(buffer))) > 0) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;

		for (int left = size; mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left))
			neigh_take_answer(message);
	}
}

/* Leave nothing in the kernel that is there because of us. */
static void neigh_delete_ours(void)
{
	static char buffer[2 * BATCH_SIZE] __attribute__((aligned(8)));
	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(buffer, BATCH_SIZE);
	struct neigh *neigh;

	if (!batch)
		return;
	TAILQ_FOREACH (neigh, &neigh_all, all)
		if (neigh->ours)
			neigh_put_batch(batch, neigh, false);
	neigh_send(batch);
	mnl_nlmsg_batch_stop(batch);
}

void neigh_mirror_stop(void)
{
	if (!neigh_socket)
		return;
	neigh_delete_ours();
	mnl_socket_close(neigh_socket);
	neigh_socket = NULL;
}
