/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of logical interfaces. An interface is made complete before it is put into the table,
 * and taken out before it goes, with the punt thread asked in between to forget it
 * (punt_forget()); so the table may be read by control and punt without a lock.
 */
#include "net/iface.h"

#include "base/log.h"
#include "net/punt.h"
#include "net/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An interface and what only this file knows of it. */
struct iface_entry {
	struct iface iface; // first: a pointer to it is a pointer to the entry
	struct tap tap;
	int carrier; // as last told to the TAP, -1: not yet
};

static struct iface_entry *iface_table[IFACE_MAX]; // by index; 0 is never used

struct iface *iface_get(unsigned int index)
{
	if (index >= IFACE_MAX)
		return NULL;
	return (struct iface *)__atomic_load_n(&iface_table[index], __ATOMIC_ACQUIRE);
}

struct iface *iface_find(const char *name)
{
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		struct iface *iface = iface_get(i);

		if (iface && (strcmp(iface->name, name) == 0 || strcmp(iface->tap_name, name) == 0))
			return iface;
	}
	return NULL;
}

struct iface *iface_find_kernel(int kernel_index)
{
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		struct iface *iface = iface_get(i);

		if (iface && iface->kernel_index == kernel_index)
			return iface;
	}
	return NULL;
}

static unsigned int iface_free_index(void)
{
	for (unsigned int i = 1; i < IFACE_MAX; i++)
		if (!iface_table[i])
			return i;
	return 0;
}

static void iface_set_carrier(struct iface_entry *entry)
{
	struct port *port = port_get(entry->iface.port);
	bool up = port && __atomic_load_n(&port->link_up, __ATOMIC_RELAXED);
	int result;

	if (entry->carrier == up)
		return;
	result = tap_set_carrier(&entry->tap, up);
	if (result < 0)
		log_warning("%s: cannot set its carrier: %s", entry->iface.tap_name,
			    strerror(-result));
	entry->carrier = up;
}

void iface_update_carrier(void)
{
	for (unsigned int i = 1; i < IFACE_MAX; i++)
		if (iface_table[i])
			iface_set_carrier(iface_table[i]);
}

/* The name that the file gives, else "<port>.kni" cut to what Linux takes. */
static void iface_name_tap(const struct port_config *config, char name[IFACE_NAME])
{
	if (config->tap[0])
		snprintf(name, IFACE_NAME, "%s", config->tap);
	else
		snprintf(name, IFACE_NAME, "%.11s.kni", config->name);
}

int iface_create(struct port *port, struct iface **out, struct error *error)
{
	unsigned int index = iface_free_index();
	struct iface_entry *entry;
	struct iface *iface;
	char field[32];
	int result;

	if (index == 0)
		return error_set(error, -ENOSPC, "", "more than %d interfaces", IFACE_MAX - 1);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return error_set(error, -ENOMEM, "", "out of memory");
	iface = &entry->iface;
	snprintf(iface->name, sizeof(iface->name), "%s", port->config.name);
	iface_name_tap(&port->config, iface->tap_name);
	result = tap_create(&entry->tap, iface->tap_name, &port->mac, port->mtu, error);
	if (result < 0)
		goto free_entry;
	iface->index = index;
	iface->port = port->index;
	iface->mtu = port->mtu;
	iface->mac = port->mac;
	iface->tap_fd = entry->tap.fd;
	iface->kernel_index = entry->tap.index;
	iface->up = port->link_up;
	entry->carrier = -1;
	iface_set_carrier(entry);
	__atomic_store_n(&iface_table[index], entry, __ATOMIC_RELEASE);
	result = punt_watch(iface);
	if (result < 0) {
		error_set(error, result, "tap", "%s cannot be watched: %s", iface->tap_name,
			  strerror(-result));
		goto remove_iface;
	}
	*out = iface;
	return 0;

remove_iface:
	iface_table[index] = NULL;
	tap_destroy(&entry->tap);
free_entry:
	free(entry);
	snprintf(field, sizeof(field), "%.16s", error->field);
	snprintf(error->field, sizeof(error->field), "ports[%u]%s%s", port->index,
		 *field ? "." : "", field);
	return result;
}

void iface_destroy(struct iface *iface)
{
	struct iface_entry *entry = (struct iface_entry *)iface;

	if (!iface)
		return;
	__atomic_store_n(&iface_table[iface->index], NULL, __ATOMIC_RELEASE);
	punt_forget(iface);
	tap_destroy(&entry->tap);
	free(entry);
}
