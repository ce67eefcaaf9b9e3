/* SPDX-License-Identifier: BSD-3-Clause */

/* Whether queues and classifiers fit together, and to the port that they are for. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/sets.h"
#include "control/traffic.h"
#include "io/port.h"
#include "path/workers.h"

enum { FRAME_MORE = 22 }; // an Ethernet header with two tags

/* Whose field is wrong: "PREFIXqueues[2].parent". */
static int fail(struct error *error, const char *prefix, const char *list, unsigned int at,
		const char *field, const char *format, ...) __attribute__((format(printf, 6, 7)));

static int fail(struct error *error, const char *prefix, const char *list, unsigned int at,
		const char *field, const char *format, ...)
{
	char path[sizeof(error->field)], text[sizeof(error->text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(path, sizeof(path), "%.64s%s[%u].%s", prefix, list, at, field);
	return error_set(error, -EINVAL, path, "%s", text);
}

int traffic_check_port(const char *interface, const char *field, struct error *error)
{
	static const char *const kinds[] = {"", "", "a tunnel", "a VNI"};
	const struct iface *iface = iface_find(interface);
	const struct port *port = port_find(interface);

	if (iface == NULL && port != NULL && port->bond)
		return error_set(error, -EINVAL, field,
				 "\"%.16s\" is a member of %s: name the bond", interface,
				 port_get(port->bond - 1u)->config.name);
	if (iface == NULL)
		return error_set(error, -ENOENT, field, "there is no interface \"%.16s\"",
				 interface);
	if (iface->kind == IFACE_VLAN)
		return error_set(error, -EOPNOTSUPP, field,
				 "%s is a VLAN on %s: make a queue there, and a classifier with "
				 "oif=%s (iif= for ingress) that leads to it",
				 iface->name, port_get(iface->port)->config.name, iface->name);
	if (iface->kind != IFACE_PORT)
		return error_set(error, -EOPNOTSUPP, field,
				 "%s is %s: traffic control is for ports and bonds", iface->name,
				 kinds[iface->kind]);
	return iface->port;
}

static const struct traffic_queue_spec *queue_find(const struct traffic_spec *spec, uint32_t handle)
{
	for (unsigned int i = 0; i < spec->queue_count; i++)
		if (spec->queues[i].handle == handle)
			return &spec->queues[i];
	return NULL;
}

/* TRAFFIC_ROOT or TRAFFIC_INGRESS, 0: it hangs on neither. */
static uint32_t root_of(const struct traffic_spec *spec, uint32_t handle)
{
	for (unsigned int i = 0; i <= TRAFFIC_QUEUES_MAX; i++) {
		const struct traffic_queue_spec *queue = queue_find(spec, handle);

		if (queue == NULL)
			return 0;
		if (queue->parent == 0)
			return handle;
		handle = queue->parent;
	}
	return 0;
}

static int check_sizes(const struct traffic_spec *spec, unsigned int at, uint32_t root,
		       const char *prefix, struct error *error)
{
	const struct traffic_queue_spec *queue = &spec->queues[at];
	const struct iface *iface = iface_find(spec->interface);
	uint32_t frame = port_get(iface->port)->mtu + FRAME_MORE;
	uint32_t least = root == TRAFFIC_INGRESS ? frame * workers_count() : frame;

	if (queue->kind != TRAFFIC_TBF)
		return 0;
	if (root == TRAFFIC_INGRESS && queue->peakrate)
		return fail(error, prefix, "queues", at, "peakrate",
			    "is only for egress: at ingress nothing waits");
	if (queue->burst < least)
		return fail(error, prefix, "queues", at, "burst",
			    "must be at least %u bytes here: a frame of %s%s", least,
			    spec->interface,
			    root == TRAFFIC_INGRESS ? ", for each worker" : " could never leave");
	if (queue->peakrate && queue->mtu < frame)
		return fail(error, prefix, "queues", at, "mtu",
			    "must be at least %u bytes here: a frame of %s could never leave",
			    frame, spec->interface);
	return 0;
}

static int check_queue(const struct traffic_spec *spec, unsigned int at, const char *prefix,
		       struct error *error)
{
	const struct traffic_queue_spec *queue = &spec->queues[at];
	char text[TRAFFIC_HANDLE_TEXT];
	uint32_t root;

	if (queue->handle <= 0xffff)
		return fail(error, prefix, "queues", at, "handle",
			    "must have a first number: \"1:\" or \"1:2\"");
	if (queue_find(spec, queue->handle) != queue)
		return fail(error, prefix, "queues", at, "handle", "%s is there already",
			    traffic_handle_format(queue->handle, text));
	if (queue->parent && queue_find(spec, queue->parent) == NULL)
		return fail(error, prefix, "queues", at, "parent", "there is no queue %s on %s",
			    traffic_handle_format(queue->parent, text), spec->interface);
	root = root_of(spec, queue->handle);
	if (root == 0)
		return fail(error, prefix, "queues", at, "parent",
			    "leads in a circle, not to root or ingress");
	return check_sizes(spec, at, root, prefix, error);
}

/*
 * An interface that a match names: the port itself, or a VLAN on it; for where a packet that leaves
 * has come in any port, bond or VLAN.
 */
static int check_device(const struct traffic_spec *spec, unsigned int at, const char *name,
			const char *field, uint32_t root, const char *prefix, struct error *error)
{
	const struct iface *iface = iface_find(name), *port = iface_find(spec->interface);

	if (name[0] == '\0')
		return 0;
	if (root == TRAFFIC_INGRESS && strcmp(field, "match.out") == 0)
		return fail(error, prefix, "classifiers", at, field,
			    "is only for egress: where a packet leaves is not known when it comes "
			    "in");
	if (iface == NULL)
		return fail(error, prefix, "classifiers", at, field,
			    "there is no interface \"%.16s\"", name);
	if (root == TRAFFIC_ROOT && strcmp(field, "match.in") == 0) {
		if (iface->kind == IFACE_PORT || iface->kind == IFACE_VLAN)
			return 0;
		return fail(error, prefix, "classifiers", at, field, "%s is no port, bond or VLAN",
			    iface->name);
	}
	if (iface != port && (iface->kind != IFACE_VLAN || iface->port != port->port))
		return fail(error, prefix, "classifiers", at, field,
			    "%s is neither %s nor a VLAN on it", iface->name, spec->interface);
	return 0;
}

/* The settings of a set, NULL: there is and will be none. */
static const struct set_settings *set_settings(const char *name, const struct sets_wanted *sets)
{
	const struct set *set = sets_find(name);

	for (unsigned int i = 0; sets != NULL && i < sets->count; i++)
		if (strcmp(sets->sets[i].settings.name, name) == 0)
			return &sets->sets[i].settings;
	return set ? &set->settings : NULL;
}

static int check_set(const struct traffic_spec *spec, unsigned int at,
		     const struct sets_wanted *sets, const char *prefix, struct error *error)
{
	const struct traffic_classifier_spec *row = &spec->classifiers[at];
	const struct set_settings *set = row->set[0] ? set_settings(row->set, sets) : NULL;

	if (row->set[0] == '\0')
		return 0;
	if (set == NULL)
		return fail(error, prefix, "classifiers", at, "set", "there is no set \"%s\"",
			    row->set);
	if (set->family == 0 || row->packets == TRAFFIC_VLAN ||
	    (set->family == AF_INET6) == (row->packets == TRAFFIC_IPV6))
		return 0;
	return fail(error, prefix, "classifiers", at, "set", "%s is of IPv%c, and packets is ipv%c",
		    row->set, set->family == AF_INET6 ? '6' : '4',
		    row->packets == TRAFFIC_IPV6 ? '6' : '4');
}

static int check_classifier(const struct traffic_spec *spec, unsigned int at,
			    const struct sets_wanted *sets, const char *prefix, struct error *error)
{
	const struct traffic_classifier_spec *row = &spec->classifiers[at];
	const struct traffic_queue_spec *target = queue_find(spec, row->target);
	uint32_t root = root_of(spec, row->queue);
	char text[TRAFFIC_HANDLE_TEXT], queue[TRAFFIC_HANDLE_TEXT];
	int status;

	status = check_set(spec, at, sets, prefix, error);
	if (status < 0)
		return status;
	for (unsigned int i = 0; i < at; i++)
		if (spec->classifiers[i].handle == row->handle)
			return fail(error, prefix, "classifiers", at, "handle",
				    "%s is there already",
				    traffic_handle_format(row->handle, text));
	if (row->handle == TRAFFIC_ROOT || row->handle == TRAFFIC_INGRESS)
		return fail(error, prefix, "classifiers", at, "handle",
			    "must be one such as \"1:\" or \"0:1\"");
	if (root == 0)
		return fail(error, prefix, "classifiers", at, "queue", "there is no queue %s on %s",
			    traffic_handle_format(row->queue, text), spec->interface);
	if (row->target && (target == NULL || target->parent != row->queue))
		return fail(error, prefix, "classifiers", at, "target",
			    "%s is no child of queue %s on %s",
			    traffic_handle_format(row->target, text),
			    traffic_handle_format(row->queue, queue), spec->interface);
	status = check_device(spec, at, row->match.in, "match.in", root, prefix, error);
	return status < 0
		       ? status
		       : check_device(spec, at, row->match.out, "match.out", root, prefix, error);
}

int traffic_check_spec(const struct traffic_spec *spec, const struct sets_wanted *sets,
		       const char *field, struct error *error)
{
	int status = 0;

	for (unsigned int i = 0; i < spec->queue_count && status == 0; i++)
		status = check_queue(spec, i, field, error);
	for (unsigned int i = 0; i < spec->classifier_count && status == 0; i++)
		status = check_classifier(spec, i, sets, field, error);
	return status;
}
