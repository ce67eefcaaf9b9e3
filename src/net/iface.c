/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of logical interfaces. An interface is made complete before it is put into the table,
 * and taken out before it goes, with the punt thread asked in between to forget it
 * (punt_forget()); so the table may be read by control and punt without a lock. Workers may still
 * hold what is taken out, until the grace period after that.
 */
#include "net/iface.h"

#include "base/log.h"
#include "io/rcu.h"
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

struct iface *iface_table[IFACE_MAX];
static unsigned int iface_last; // index that was given last

static struct iface_entry *iface_entry(struct iface *iface)
{
	return (struct iface_entry *)iface;
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

/* Not the one that became free last: neighbours and routes may still have to forget it. */
static unsigned int iface_free_index(void)
{
	for (unsigned int i = 0; i < IFACE_MAX - 1; i++) {
		unsigned int index = (iface_last + i) % (IFACE_MAX - 1) + 1;

		if (!iface_table[index])
			return index;
	}
	return 0;
}

/* Is what it stands on ready? The way of a tunnel, and that to VMs, is a matter of routes. */
static bool iface_has_carrier(const struct iface *iface)
{
	const struct iface *parent = iface_get(iface->parent);
	const struct port *port = port_get(iface->port);

	if (iface->kind == IFACE_TUNNEL || iface->kind == IFACE_VNI)
		return true;
	if (iface->kind == IFACE_VLAN)
		return parent && parent->up;
	return port && __atomic_load_n(&port->link_up, __ATOMIC_RELAXED);
}

static void iface_set_carrier(struct iface_entry *entry)
{
	bool up = iface_has_carrier(&entry->iface);
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
			iface_set_carrier(iface_entry(iface_table[i]));
}

/* The name that the file gives, else "<port>.kni" cut to what Linux takes. */
static void iface_name_tap(const struct port_config *config, char name[IFACE_NAME])
{
	if (config->tap[0])
		snprintf(name, IFACE_NAME, "%s", config->tap);
	else
		snprintf(name, IFACE_NAME, "%.11s.kni", config->name);
}

static int iface_refuse_names(const struct iface *made, struct error *error)
{
	const struct iface *other = iface_find(made->name);

	if (other)
		return error_set(error, -EEXIST, "name", "there is an interface \"%s\" already",
				 made->name);
	other = iface_find(made->tap_name);
	if (other)
		return error_set(error, -EEXIST, "tap", "\"%s\" is the TAP of %s", made->tap_name,
				 other->name);
	return 0;
}

int iface_add(const struct iface *made, struct iface **out, struct error *error)
{
	unsigned int index = iface_free_index();
	struct iface_entry *entry;
	struct iface *iface;
	int result = iface_refuse_names(made, error);

	if (result < 0)
		return result;
	if (index == 0)
		return error_set(error, -ENOSPC, "", "there are %d interfaces: no more fit",
				 IFACE_MAX - 1);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return error_set(error, -ENOMEM, "", "out of memory");
	iface = &entry->iface;
	*iface = *made;
	entry->tap.no_arp = iface->no_arp;
	result = tap_create(&entry->tap, iface->tap_name, &iface->mac, iface->mtu, error);
	if (result < 0)
		goto free_entry;
	iface->index = index;
	iface->tap_fd = entry->tap.fd;
	iface->kernel_index = entry->tap.index;
	iface->up = iface_has_carrier(iface);
	entry->carrier = -1;
	iface_set_carrier(entry);
	__atomic_store_n(&iface_table[index], iface, __ATOMIC_RELEASE);
	result = punt_watch(iface);
	if (result < 0) {
		error_set(error, result, "tap", "%s cannot be watched: %s", iface->tap_name,
			  strerror(-result));
		goto remove_iface;
	}
	iface_last = index;
	*out = iface;
	return 0;

remove_iface:
	iface_table[index] = NULL;
	tap_destroy(&entry->tap);
free_entry:
	free(entry);
	return result;
}

int iface_create(struct port *port, struct iface **out, struct error *error)
{
	struct iface made = {
		.port = port->index,
		.kind = IFACE_PORT,
		.repair = port->partial_checksums,
		.mtu = port->mtu,
		.mac = port->mac,
	};
	char field[32];
	int result;

	snprintf(made.name, sizeof(made.name), "%s", port->config.name);
	iface_name_tap(&port->config, made.tap_name);
	result = iface_add(&made, out, error);
	if (result < 0) {
		snprintf(field, sizeof(field), "%.16s", error->field);
		snprintf(error->field, sizeof(error->field), "ports[%u]%s%s", port->index,
			 *field ? "." : "", field);
	}
	return result;
}

static void iface_free(void *arg)
{
	struct iface *iface = arg;

	free(iface->vlans);
	free(iface_entry(iface));
}

static void iface_withdraw(struct iface *iface)
{
	__atomic_store_n(&iface_table[iface->index], NULL, __ATOMIC_RELEASE);
	punt_forget(iface);
	tap_destroy(&iface_entry(iface)->tap);
}

void iface_destroy(struct iface *iface)
{
	if (!iface)
		return;
	iface_withdraw(iface);
	iface_free(iface);
}

void iface_remove(struct iface *iface)
{
	iface_withdraw(iface);
	if (rcu_defer(iface_free, iface) < 0)
		log_warning("%s: no memory to free it", iface->name);
}
