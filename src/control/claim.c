/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/config.h"
#include "control/keyed.h"
#include "net/iface.h"
#include "net/kernel.h"

/*
 * A local address must be Linux's own, so that Linux answers ARP and neighbour discovery for it.
 * The first claim of an address puts it on the interface's TAP as a host prefix, the last release
 * takes it away, and an address that somebody else had put there is left alone in both.
 *
 * An unclaimed address is put there by somebody else, keepalived for example, on the one node that
 * shall have it. weir uses it exactly while Linux has it on that interface: another node may answer
 * ARP for it at any other time, and the answers of real servers would go there.
 */
struct claim {
	struct addr addr; // first: the table's key
	uint16_t iface;
	uint32_t users;
	uint32_t claimers; // of the users, those for whom weir puts it into Linux
	bool ours;	   // weir put it on the interface
	bool present;	   // unclaimed: Linux has it
	bool changed;
};

static struct keyed claims = KEYED_INIT(sizeof(struct addr));

static struct prefix host_prefix(const struct addr *addr)
{
	return (struct prefix){.addr = *addr, .len = addr->family == AF_INET ? 32 : 128};
}

/* Make sure that the address is on the interface; `*ours` says whether it had to be put there. */
static int address_put(struct iface *iface, const struct prefix *prefix, bool *ours,
		       struct error *error)
{
	struct iface *owner = kernel_address_owner(&prefix->addr);
	char text[ADDR_TEXT];
	int status;

	*ours = false;
	addr_format(&prefix->addr, text);
	if (owner == iface)
		return 0;
	if (owner != NULL)
		return error_set(error, -EEXIST, "", "%s is an address of %s, not of %s", text,
				 owner->name, iface->name);
	status = kernel_address_add(iface, prefix);
	if (status == -EEXIST)
		return 0;
	if (status < 0)
		return error_set(error, status, "", "Linux refuses the address %s on %s: %s", text,
				 iface->tap_name, strerror(-status));
	*ours = true;
	return 0;
}

static bool address_present(const struct claim *claim)
{
	const struct iface *owner = kernel_address_owner(&claim->addr);

	return owner != NULL && owner->index == claim->iface;
}

/* One more user of an address that is in use, or the first one of a new claim. */
static int claim_use(struct claim *claim, bool unclaimed, struct error *error)
{
	struct prefix prefix = host_prefix(&claim->addr);
	int status = 0;

	if (!unclaimed && claim->claimers == 0)
		status = address_put(iface_get(claim->iface), &prefix, &claim->ours, error);
	if (status < 0)
		return status;
	claim->users++;
	claim->claimers += unclaimed ? 0 : 1;
	claim->present = address_present(claim);
	return 0;
}

int claim_take(const struct model_local *local, struct error *error)
{
	struct iface *iface = iface_find(local->iface);
	struct claim *claim = keyed_find(&claims, &local->addr);
	char text[ADDR_TEXT];
	int status;

	if (iface == NULL)
		return error_set(error, -ENODEV, "", "there is no interface \"%s\"", local->iface);
	if (claim != NULL) {
		if (claim->iface != iface->index)
			return error_set(error, -EEXIST, "",
					 "%s is in use as a local address on %s: remove it there "
					 "first",
					 addr_format(&local->addr, text),
					 iface_get(claim->iface)->name);
		return claim_use(claim, local->unclaimed, error);
	}
	claim = calloc(1, sizeof(*claim));
	if (claim == NULL || keyed_reserve(&claims, 1) < 0) {
		status = error_set(error, -ENOMEM, "", "out of memory");
		goto free_claim;
	}
	claim->addr = local->addr;
	claim->iface = iface->index;
	status = claim_use(claim, local->unclaimed, error);
	if (status < 0)
		goto free_claim;
	keyed_insert(&claims, claim);
	return 0;

free_claim:
	free(claim);
	return status;
}

/* Nobody is left for whom weir put the address there. */
static void address_take(struct claim *claim)
{
	struct prefix prefix = host_prefix(&claim->addr);
	struct iface *iface = iface_get(claim->iface);
	char text[ADDR_TEXT];
	int status = 0;

	if (claim->ours && iface != NULL)
		status = kernel_address_delete(iface, &prefix);
	if (status < 0 && status != -EADDRNOTAVAIL)
		log_warning("the address %s could not be taken from %s: %s",
			    addr_format(&claim->addr, text), iface->tap_name, strerror(-status));
	claim->ours = false;
}

void claim_release(const struct model_local *local)
{
	struct claim *claim = keyed_find(&claims, &local->addr);

	if (claim == NULL)
		return;
	if (!local->unclaimed && --claim->claimers == 0)
		address_take(claim);
	if (--claim->users > 0)
		return;
	keyed_remove(&claims, &claim->addr);
	free(claim);
}

bool claim_usable(const struct addr *addr)
{
	const struct claim *claim = keyed_find(&claims, addr);

	return claim != NULL && (claim->claimers > 0 || claim->present);
}

bool claim_follow(void)
{
	bool any = false;

	for (uint32_t i = 0; i < claims.capacity; i++) {
		struct claim *claim = claims.slots[i];
		bool present;

		if (claim == NULL || claim->claimers == claim->users)
			continue;
		present = address_present(claim);
		if (present != claim->present && claim->claimers == 0)
			claim->changed = true;
		claim->present = present;
		any = any || claim->changed;
	}
	return any;
}

bool claim_changed(const struct addr *addr)
{
	const struct claim *claim = keyed_find(&claims, addr);

	return claim != NULL && claim->changed;
}

void claim_settle(void)
{
	for (uint32_t i = 0; i < claims.capacity; i++) {
		struct claim *claim = claims.slots[i];

		if (claim != NULL)
			claim->changed = false;
	}
}

uint16_t claim_iface(const struct addr *addr)
{
	const struct claim *claim = keyed_find(&claims, addr);

	return claim ? claim->iface : 0;
}

const struct addr *claim_on_iface(uint16_t iface)
{
	for (uint32_t i = 0; i < claims.capacity; i++) {
		const struct claim *claim = claims.slots[i];

		if (claim != NULL && claim->iface == iface)
			return &claim->addr;
	}
	return NULL;
}

unsigned int claim_count(void)
{
	return claims.count;
}

void claim_stop(void)
{
	for (uint32_t i = 0; i < claims.capacity; i++)
		free(claims.slots[i]);
	keyed_free(&claims);
}

/* The addresses of ports */

static bool address_among(const struct config_address *address, const struct config_address *list,
			  unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(address->iface, list[i].iface) == 0 &&
		    address->prefix.len == list[i].prefix.len &&
		    addr_equal(&address->prefix.addr, &list[i].prefix.addr))
			return true;
	}
	return false;
}

static int port_address_add(const struct config_address *address, struct error *error)
{
	struct iface *iface = iface_find(address->iface);
	char text[PREFIX_TEXT];
	int status;

	if (iface == NULL)
		return error_set(error, -ENODEV, "", "there is no interface \"%s\"",
				 address->iface);
	status = kernel_address_add(iface, &address->prefix);
	if (status < 0 && status != -EEXIST)
		return error_set(error, status, "", "Linux refuses the address %s on %s: %s",
				 prefix_format(&address->prefix, text), iface->tap_name,
				 strerror(-status));
	return 0;
}

static void port_address_delete(const struct config_address *address)
{
	struct iface *iface = iface_find(address->iface);
	char text[PREFIX_TEXT];
	int status = iface ? kernel_address_delete(iface, &address->prefix) : 0;

	if (status < 0 && status != -EADDRNOTAVAIL)
		log_warning("the address %s could not be taken from %s: %s",
			    prefix_format(&address->prefix, text), iface->tap_name,
			    strerror(-status));
}

int claim_port_addresses(const struct config_address *had, unsigned int had_count,
			 const struct config_address *wanted, unsigned int wanted_count,
			 struct error *error)
{
	int status = 0;
	unsigned int i;

	for (i = 0; i < wanted_count && status == 0; i++) {
		if (!address_among(&wanted[i], had, had_count))
			status = port_address_add(&wanted[i], error);
	}
	if (status < 0) {
		for (unsigned int k = 0; k + 1 < i; k++) {
			if (!address_among(&wanted[k], had, had_count))
				port_address_delete(&wanted[k]);
		}
		return status;
	}
	for (i = 0; i < had_count; i++) {
		if (!address_among(&had[i], wanted, wanted_count))
			port_address_delete(&had[i]);
	}
	return 0;
}
