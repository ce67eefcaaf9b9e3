/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Moving addresses and routes from a device to its TAP and back.
 *
 * They are kept as the kernel tells them (takeover_record.c) and written to a file before anything
 * is changed (takeover_file.c); the file goes when all is back. After a kill -9 the TAP is gone and
 * what was on it; the file then stands for it: the next start that takes the device over goes on
 * from there, any other start puts it back (takeover_recover).
 *
 * A move is: delete the routes, delete the addresses (the last one first, because deleting a
 * primary address takes its secondaries along), add the addresses, add the routes, those without a
 * gateway first, because the others need them. Connected routes are among them though the kernel
 * makes them with the address, since not every address has one; that one is there already is no
 * error, nor is that what is to be deleted is gone.
 *
 * Not taken: link-local IPv6, which the TAP makes for itself from the same MAC; routes by nexthop
 * object, of which the log says that they are lost.
 */
#include "net/takeover.h"

#include "base/log.h"
#include "io/device.h"
#include "net/takeover_file.h"

#include <libmnl/libmnl.h>

#include <dirent.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAKEOVER_BUFFER = 32768, TAKEOVER_DUMP_TRIES = 5 };

struct takeover {
	struct takeover_record record;
	char *state_dir;
	int tap_index; // 0: nothing has been moved
};

static unsigned int takeover_sequence;

static struct mnl_socket *takeover_socket(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	return nl;
}

/* Take in answers until the kernel says that it is done: 0 or negative errno. */
static int takeover_answer(struct mnl_socket *nl, mnl_cb_t message, void *arg)
{
	unsigned int port = mnl_socket_get_portid(nl);
	char buffer[TAKEOVER_BUFFER];
	int result;

	do {
		ssize_t length = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));

		if (length < 0)
			return -errno;
		result = mnl_cb_run(buffer, length, takeover_sequence, port, message, arg);
	} while (result > MNL_CB_STOP);
	return result < 0 ? -errno : 0;
}

static int takeover_send(struct mnl_socket *nl, struct nlmsghdr *request, uint16_t flags)
{
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	request->nlmsg_seq = ++takeover_sequence;
	return mnl_socket_sendto(nl, request, request->nlmsg_len) < 0 ? -errno : 0;
}

/* What a dump fills. */
struct takeover_dump {
	struct takeover_record *record;
	int result;
};

static int takeover_dump_message(const struct nlmsghdr *message, void *arg)
{
	struct takeover_dump *dump = arg;
	int result = takeover_record_take(dump->record, message);

	if (result == -EOPNOTSUPP)
		log_warning(
			"%s: a route by nexthop object is not moved to the TAP and will be lost",
			dump->record->device);
	else if (result < 0)
		dump->result = result;
	return MNL_CB_OK;
}

static int takeover_dump_kind(struct mnl_socket *nl, struct takeover_record *record, uint16_t type,
			      uint8_t family)
{
	struct takeover_dump dump = {.record = record};
	char buffer[256];
	int result = 0;

	// EINTR: the tables changed while they were dumped. What is known already is not added
	// twice.
	for (unsigned int i = 0; i < TAKEOVER_DUMP_TRIES; i++) {
		struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
		struct rtmsg *body;

		request->nlmsg_type = type;
		body = mnl_nlmsg_put_extra_header(request, sizeof(*body));
		body->rtm_family = family; // the first byte of struct ifaddrmsg too
		result = takeover_send(nl, request, NLM_F_DUMP);
		if (result == 0)
			result = takeover_answer(nl, takeover_dump_message, &dump);
		if (result != -EINTR)
			break;
	}
	return result < 0 ? result : dump.result;
}

static int takeover_dump(struct takeover_record *record)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct mnl_socket *nl = takeover_socket();
	int result = 0;

	if (!nl)
		return -errno;
	for (unsigned int i = 0; i < 2 && result == 0; i++) {
		result = takeover_dump_kind(nl, record, RTM_GETADDR, families[i]);
		if (result == 0)
			result = takeover_dump_kind(nl, record, RTM_GETROUTE, families[i]);
	}
	mnl_socket_close(nl);
	return result;
}

/* A move under way; `result` keeps the first error. */
struct takeover_move {
	struct mnl_socket *nl;
	const struct takeover_record *record;
	int from, to, result;
};

/* Nothing to be done is fine, and so is an interface that is gone with all that was on it. */
static bool takeover_tolerates(bool adding, int result)
{
	if (adding)
		return result == -EEXIST;
	return result == -ESRCH || result == -EADDRNOTAVAIL || result == -ENODEV ||
	       result == -ENETDOWN;
}

static void takeover_step(struct takeover_move *move, const struct takeover_message *m, bool add)
{
	uint16_t type = m->route ? (add ? RTM_NEWROUTE : RTM_DELROUTE)
				 : (add ? RTM_NEWADDR : RTM_DELADDR);
	uint16_t flags = add ? NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL : NLM_F_ACK;
	char buffer[TAKEOVER_REQUEST * 2], text[160];
	struct nlmsghdr *request;
	int result;

	request = takeover_request(buffer, m, type, move->record->index,
				   add ? move->to : move->from);
	result = takeover_send(move->nl, request, flags);
	if (result == 0)
		result = takeover_answer(move->nl, NULL, NULL);
	if (result == 0 || takeover_tolerates(add, result))
		return;
	log_warning("%s: %s cannot be %s: %s", move->record->device,
		    takeover_describe(m, text, sizeof(text)), add ? "added" : "deleted",
		    strerror(-result));
	if (move->result == 0)
		move->result = result;
}

static void takeover_steps_delete(struct takeover_move *move)
{
	const struct takeover_record *record = move->record;

	for (unsigned int i = record->count; i-- > 0;)
		if (record->messages[i].route)
			takeover_step(move, &record->messages[i], false);
	for (unsigned int i = record->count; i-- > 0;)
		if (!record->messages[i].route)
			takeover_step(move, &record->messages[i], false);
}

static void takeover_steps_add(struct takeover_move *move)
{
	const struct takeover_record *record = move->record;

	for (unsigned int i = 0; i < record->count; i++)
		if (!record->messages[i].route)
			takeover_step(move, &record->messages[i], true);
	for (unsigned int pass = 0; pass < 2; pass++)
		for (unsigned int i = 0; i < record->count; i++)
			if (record->messages[i].route &&
			    takeover_has_gateway(&record->messages[i]) == (pass == 1))
				takeover_step(move, &record->messages[i], true);
}

/* Delete on interface `from`, unless 0, and add on `to`. */
static int takeover_move(const struct takeover_record *record, int from, int to)
{
	struct takeover_move move = {.record = record, .from = from, .to = to};

	move.nl = takeover_socket();
	if (!move.nl)
		return -errno;
	if (from != 0)
		takeover_steps_delete(&move);
	takeover_steps_add(&move);
	mnl_socket_close(move.nl);
	return move.result;
}

static void takeover_free(struct takeover *t)
{
	takeover_record_clear(&t->record);
	free(t->state_dir);
	free(t);
}

int takeover_begin(const char *state_dir, const char *device, struct takeover **out,
		   struct error *error)
{
	struct takeover *t = calloc(1, sizeof(*t));
	char *name;
	int result;

	if (!t)
		return error_set(error, -ENOMEM, "", "out of memory");
	name = t->record.device;
	t->state_dir = strdup(state_dir);
	if (!device_vdev_interface(device, name))
		snprintf(name, sizeof(t->record.device), "%s", device);
	t->record.index = if_nametoindex(name);
	if (t->record.index == 0) {
		result = error_set(error, -ENODEV, "device",
				   "take_over is for a Linux interface, and there is no \"%s\"",
				   name);
		goto free_takeover;
	}
	result = t->state_dir ? takeover_file_load(state_dir, &t->record) : -ENOMEM;
	if (result == 0 && t->record.count > 0)
		log_notice(
			"%s: going on with the %u addresses and routes that an earlier weir took",
			name, t->record.count);
	// A file that is stale or broken is replaced below.
	if (result != -ENOMEM)
		result = takeover_dump(&t->record);
	if (result == 0)
		result = takeover_file_save(state_dir, &t->record);
	if (result < 0) {
		error_set(error, result, "device",
			  "the addresses and routes of %s cannot be remembered in %s: %s", name,
			  state_dir, strerror(-result));
		goto free_takeover;
	}
	*out = t;
	return 0;

free_takeover:
	takeover_free(t);
	return result;
}

int takeover_apply(struct takeover *t, int tap_index)
{
	int result;

	t->tap_index = tap_index;
	result = takeover_move(&t->record, t->record.index, tap_index);
	log_notice("%s: %u addresses and routes moved to its TAP%s", t->record.device,
		   t->record.count, result < 0 ? ", not all of them" : "");
	return result;
}

int takeover_restore(struct takeover *t)
{
	int result;

	if (!t)
		return 0;
	result = takeover_move(&t->record, t->tap_index, t->record.index);
	log_notice("%s: %u addresses and routes are back%s", t->record.device, t->record.count,
		   result < 0 ? ", not all of them" : "");
	if (result == 0)
		takeover_file_remove(t->state_dir, t->record.device);
	takeover_free(t);
	return result;
}

static void takeover_recover_one(const char *state_dir, const char *device)
{
	struct takeover_record record = {.index = if_nametoindex(device)};

	snprintf(record.device, sizeof(record.device), "%s", device);
	if (record.index != 0 && takeover_file_load(state_dir, &record) == 0) {
		takeover_move(&record, 0, record.index);
		log_notice("%s: %u addresses and routes are back that an earlier weir took", device,
			   record.count);
	}
	takeover_record_clear(&record);
	takeover_file_remove(state_dir, device);
}

void takeover_recover(const char *state_dir, const char *const *devices, unsigned int count)
{
	DIR *folder = opendir(state_dir);
	struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		char device[DEVICE_NAME];
		unsigned int i = 0;

		if (!takeover_file_device(entry->d_name, device))
			continue;
		while (i < count && !device_means(devices[i], device))
			i++;
		if (i == count)
			takeover_recover_one(state_dir, device);
	}
	closedir(folder);
}
