/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/announce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/bfd_gate.h"
#include "control/health.h"
#include "control/keyed.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/node.h"
#include "control/vip_device.h"
#include "net/kernel.h"

/*
 * Announcing is putting an address on a device that routing daemons look at, and withdrawing is
 * taking it away; weir speaks no routing protocol itself. The device is a TAP of this process, so
 * that nothing can be announced that nobody serves: a kill -9 takes it away.
 *
 * Nobody tells this file that something has changed. A look at the model's generation, twenty
 * times a second, is cheap, forgets no door, and makes one pass over all services out of a burst
 * of changes; what a pass costs puts off the next one, so that it is at most a tenth of the thread.
 * A pass decides for each service whether it has its quorum (with hysteresis, so this file
 * remembers what it said before) and for each VIP whether it is wanted. Then addresses are put
 * right in slices of some milliseconds, withdrawals first. Ten thousand addresses take seconds,
 * which nobody has when the node as a whole withdraws: then the device is taken down first, with all
 * routes over it, and comes up again when its addresses are gone.
 *
 * Once a second what stands in Linux is compared with what should: an address that somebody else
 * took away is put back, and one that Linux refused is tried again.
 *
 * Packets to a VIP do not care where it stands: an address of Linux is an address of Linux on any
 * device, for ARP as well (arp_ignore 0). Neighbour discovery is answered only for addresses of the
 * interface where it was asked, so an IPv6 VIP within the network of a port is also put on that
 * port's TAP.
 */
enum {
	SLICE = 10, // milliseconds, and the pause between two
	SLICE_PAUSE = 1,
	SLICE_STEP = 4, // addresses between looks at the clock
	BULK = 100,	// addresses that are more than a slice's work
	PASS_SHARE = 10,
	CHECK = 1000,
	NETWORKS = 256,
	TOLD = 20,
};

/* A service that wants its VIP announced. */
struct announced_service {
	struct service_key key; // first: the table's key
	bool quorum;
	uint32_t pass; // that saw it last
};

struct vip {
	struct addr addr; // first: the table's key
	bool wanted;
	bool stands;				// on the device
	bool announced;				// and the device is up
	bool decided;				// `reason` says something
	int refused;				// what Linux said, 0: nothing
	uint16_t iface;				// of ours, where it stands too; 0: none
	unsigned int services, services_quorum; // in this pass
	uint64_t since;
	uint32_t changes;
	char reason[ANNOUNCE_REASON];
	// In a pass the first service without a quorum, then the reason for what is to be done.
	char next[ANNOUNCE_REASON];
};

static struct {
	const struct announce_config *config;
	struct keyed services, vips;
	struct census census;
	uint64_t generation; // of the model at the last pass
	bool changed;	     // a pass is due though the generation is the same
	bool pending;	     // addresses are still to be put right
	bool down;	     // the device, while addresses are taken from it
	struct loop_timer timer;
	uint32_t pass;
	uint64_t not_before, next_check, next_open;
	unsigned int announced, refused;
	unsigned int told; // changes since all was settled, of which the first are logged
	struct announce_event events[ANNOUNCE_EVENTS];
	uint64_t event_count;
} announce = {
	.services = KEYED_INIT(sizeof(struct service_key)),
	.vips = KEYED_INIT(sizeof(struct addr)),
};

static struct prefix host_prefix(const struct addr *addr)
{
	return (struct prefix){.addr = *addr, .len = addr->family == AF_INET ? 32 : 128};
}

/* Telling */

static void vip_event(const struct vip *vip)
{
	struct announce_event *event = &announce.events[announce.event_count++ % ANNOUNCE_EVENTS];
	char text[ADDR_TEXT];

	event->vip = vip->addr;
	event->announced = vip->announced;
	event->time = vip->since;
	memcpy(event->reason, vip->reason, sizeof(event->reason));
	if (announce.told++ < TOLD)
		log_notice("VIP %s is %s: %s", addr_format(&vip->addr, text),
			   vip->announced ? "announced" : "withdrawn", vip->reason);
}

/* The state and the reason for it; told when the state has changed, or is the first one. */
static void vip_say(struct vip *vip, bool announced, const char *reason)
{
	bool told = vip->decided && vip->announced == announced;

	snprintf(vip->reason, sizeof(vip->reason), "%s", reason);
	vip->decided = true;
	if (told)
		return;
	vip->announced = announced;
	vip->since = health_clock();
	vip->changes++;
	vip_event(vip);
}

/* Deciding */

static struct announced_service *service_watch(const struct model_service *service)
{
	struct announced_service *watched = keyed_find(&announce.services, &service->key);

	if (watched != NULL)
		return watched;
	watched = calloc(1, sizeof(*watched));
	if (watched == NULL)
		return NULL;
	watched->key = service->key;
	if (keyed_insert(&announce.services, watched) == 0)
		return watched;
	free(watched);
	return NULL;
}

static struct vip *vip_watch(const struct addr *addr)
{
	struct vip *vip = keyed_find(&announce.vips, addr);

	if (vip != NULL)
		return vip;
	vip = calloc(1, sizeof(*vip));
	if (vip == NULL)
		return NULL;
	vip->addr = *addr;
	vip->since = health_clock();
	if (keyed_insert(&announce.vips, vip) == 0)
		return vip;
	free(vip);
	return NULL;
}

static void service_judge(const struct model_service *service, uint64_t weight)
{
	struct announced_service *watched = service_watch(service);
	struct vip *vip = vip_watch(&service->key.vip);
	char name[SERVICE_TEXT];

	if (watched == NULL || vip == NULL) {
		log_error("out of memory: service %s is not announced",
			  model_service_format(&service->key, name));
		return;
	}
	watched->pass = announce.pass;
	watched->quorum = quorum_holds(watched->quorum, weight, service->quorum,
				       service->hysteresis);
	vip->services++;
	vip->services_quorum += watched->quorum;
	if (watched->quorum || vip->next[0] != '\0')
		return;
	if (service->hysteresis > 0)
		snprintf(vip->next, sizeof(vip->next),
			 "service %s has no quorum: its servers weigh %llu, it is gained at %llu",
			 model_service_format(&service->key, name), (unsigned long long)weight,
			 (unsigned long long)service->quorum + service->hysteresis);
	else
		snprintf(vip->next, sizeof(vip->next),
			 "service %s has no quorum: its servers weigh %llu of %u",
			 model_service_format(&service->key, name), (unsigned long long)weight,
			 service->quorum);
}

static bool vip_has_quorum(const struct vip *vip)
{
	if (announce.config->shared == SHARED_ANY)
		return vip->services_quorum > 0;
	return vip->services > 0 && vip->services_quorum == vip->services;
}

/* Is it wanted, and why (not)? */
static void vip_judge(struct vip *vip, const char *withheld)
{
	char reason[ANNOUNCE_REASON];

	vip->wanted = vip_has_quorum(vip) && withheld == NULL;
	if (vip->services == 0)
		strcpy(reason, "no service announces it any more");
	else if (withheld != NULL)
		snprintf(reason, sizeof(reason), "%s", withheld);
	else if (!vip->wanted)
		memcpy(reason, vip->next, sizeof(reason)); // service_judge() wrote it
	else if (vip->services == 1)
		strcpy(reason, "its service has a quorum");
	else
		snprintf(reason, sizeof(reason), "%u of %u services have a quorum",
			 vip->services_quorum, vip->services);
	if (!vip->wanted)
		vip->refused = 0;
	if (vip->wanted == vip->announced)
		vip_say(vip, vip->announced, reason);
	else
		memcpy(vip->next, reason, sizeof(reason)); // to be said when it is done
}

/* Services that are gone, or do not want to be announced any more. */
static void services_sweep(void)
{
	for (uint32_t i = 0; i < announce.services.capacity; i++) {
		struct announced_service *watched = announce.services.slots[i];

		while (watched != NULL && watched->pass != announce.pass) {
			keyed_remove(&announce.services, &watched->key);
			free(watched);
			watched = announce.services.slots[i]; // another may have moved up
		}
	}
}

/* One pass over all services. */
static void announce_decide(void)
{
	const struct model_service *service;
	const char *withheld;
	uint64_t begin = loop_clock();
	uint32_t cursor = 0;

	announce.generation = model_generation();
	announce.changed = false;
	announce.pass++;
	memset(&announce.census, 0, sizeof(announce.census));
	for (uint32_t i = 0; i < announce.vips.capacity; i++) {
		struct vip *vip = announce.vips.slots[i];

		if (vip != NULL) {
			vip->services = vip->services_quorum = 0;
			vip->next[0] = '\0';
		}
	}
	while ((service = model_next(&cursor)) != NULL) {
		uint64_t weight = quorum_weight(service);

		census_add(&announce.census, service, weight);
		if (service->announce)
			service_judge(service, weight);
	}
	services_sweep();
	node_judge(announce.config, &announce.census);
	withheld = node_withheld();
	if (withheld == NULL)
		withheld = bfd_gate_withheld(announce.config);
	for (uint32_t i = 0; i < announce.vips.capacity; i++) {
		if (announce.vips.slots[i] != NULL)
			vip_judge(announce.vips.slots[i], withheld);
	}
	announce.pending = true;
	announce.not_before = loop_clock() + PASS_SHARE * (loop_clock() - begin);
}

/* Doing */

/* It cannot be put where it belongs; tried again at the next check. */
static void vip_refuse(struct vip *vip, int status, const char *reason)
{
	char text[ADDR_TEXT];

	if (strcmp(vip->reason, reason) != 0)
		log_error("VIP %s cannot be announced: %s", addr_format(&vip->addr, text), reason);
	vip->refused = status;
	vip_say(vip, false, reason);
}

static void vip_put(struct vip *vip)
{
	struct prefix prefix = host_prefix(&vip->addr);
	int status = kernel_vip_add(vip_device_index(), &prefix);
	const struct iface *owner;
	char reason[ANNOUNCE_REASON], text[ADDR_TEXT];

	if (status < 0 && status != -EEXIST) {
		snprintf(reason, sizeof(reason), "Linux refuses it on %s: %s",
			 announce.config->interface, strerror(-status));
		vip_refuse(vip, status, reason);
		return;
	}
	vip->refused = 0;
	vip->stands = true;
	vip_say(vip, true, vip->next);
	if (vip->addr.family == AF_INET6)
		announce.next_check = 0; // neighbour discovery
	owner = kernel_address_owner(&vip->addr);
	if (owner != NULL && vip->iface == 0)
		log_warning("VIP %s stands on %s too, from where weir cannot withdraw it",
			    addr_format(&vip->addr, text), owner->tap_name);
}

static void vip_leave_iface(struct vip *vip)
{
	struct prefix prefix = host_prefix(&vip->addr);
	const struct iface *iface = vip->iface ? iface_get(vip->iface) : NULL;

	if (iface != NULL)
		kernel_vip_delete(iface->kernel_index, &prefix);
	vip->iface = 0;
}

static void vip_take(struct vip *vip)
{
	struct prefix prefix = host_prefix(&vip->addr);
	int status = kernel_vip_delete(vip_device_index(), &prefix);
	char text[ADDR_TEXT];

	vip_leave_iface(vip);
	if (status < 0 && status != -EADDRNOTAVAIL && status != -ENODEV)
		log_warning("VIP %s could not be taken from %s: %s", addr_format(&vip->addr, text),
			    announce.config->interface, strerror(-status));
	vip->stands = false;
	if (vip->announced)
		vip_say(vip, false, vip->next);
}

/* Neighbour discovery: an IPv6 VIP stands on the port's TAP too whose network it is in. */
static void vip_join_iface(struct vip *vip, const struct kernel_network *networks,
			   unsigned int count)
{
	struct prefix prefix = host_prefix(&vip->addr);
	const struct iface *iface = NULL;

	for (unsigned int i = 0; i < count && iface == NULL; i++) {
		if (prefix_contains(&networks[i].prefix, &vip->addr))
			iface = networks[i].iface;
	}
	if (vip->iface != 0 && (iface == NULL || iface->index != vip->iface ||
				!kernel_vip_stands(iface->kernel_index, &prefix)))
		vip_leave_iface(vip);
	if (iface != NULL && vip->iface == 0 &&
	    kernel_vip_add(iface->kernel_index, &prefix) == 0) // else it was there already
		vip->iface = iface->index;
}

/* Put addresses right, withdrawals or announcements, for a while. True: all are done. */
static bool vips_settle(bool announcing, uint64_t until)
{
	unsigned int step = 0;

	for (uint32_t i = 0; i < announce.vips.capacity; i++) {
		struct vip *vip = announce.vips.slots[i];

		if (vip == NULL || vip->wanted != announcing ||
		    (announcing ? vip->announced || vip->refused != 0 : !vip->stands))
			continue;
		if (announcing)
			vip_put(vip);
		else
			vip_take(vip);
		if (++step % SLICE_STEP == 0 && loop_clock() >= until)
			return false;
	}
	return true;
}

/* VIPs that no service names any more are forgotten once they are withdrawn. */
static void vips_sweep(void)
{
	announce.announced = announce.refused = 0;
	for (uint32_t i = 0; i < announce.vips.capacity; i++) {
		struct vip *vip = announce.vips.slots[i];

		while (vip != NULL && vip->services == 0 && !vip->stands) {
			keyed_remove(&announce.vips, &vip->addr);
			free(vip);
			vip = announce.vips.slots[i]; // another may have moved up
		}
		if (vip != NULL) {
			announce.announced += vip->announced;
			announce.refused += vip->refused != 0 && vip->wanted;
		}
	}
}

static bool vips_wanted(void)
{
	for (uint32_t i = 0; i < announce.vips.capacity; i++) {
		const struct vip *vip = announce.vips.slots[i];

		if (vip != NULL && vip->wanted)
			return true;
	}
	return false;
}

static void vips_refuse(const struct error *error)
{
	for (uint32_t i = 0; i < announce.vips.capacity; i++) {
		struct vip *vip = announce.vips.slots[i];

		if (vip != NULL && vip->wanted)
			vip_refuse(vip, error->code, error->text);
	}
}

/* The device is made when the first VIP is to stand on it. False: it cannot be made now. */
static bool device_ready(void)
{
	struct error error = {0};

	if (vip_device_index() != 0)
		return true;
	if (!vips_wanted() || loop_clock() < announce.next_open)
		return false;
	if (vip_device_open(announce.config->interface, &error) == 0)
		return true;
	vips_refuse(&error);
	announce.next_open = loop_clock() + CHECK / 2;
	return false;
}

/*
 * All VIPs at once: nobody has a route to them any more when this returns. Their addresses are left
 * for vips_settle().
 */
static void announce_cut(void)
{
	int status = kernel_link_set_up(vip_device_index(), false);

	if (status < 0) {
		log_warning("%s cannot be taken down: %s", announce.config->interface,
			    strerror(-status));
		return;
	}
	announce.down = true;
	for (uint32_t i = 0; i < announce.vips.capacity; i++) {
		struct vip *vip = announce.vips.slots[i];

		if (vip == NULL || !vip->announced)
			continue;
		vip_leave_iface(vip);
		vip_say(vip, false, vip->next);
	}
}

/* True: the device is up. */
static bool announce_uncut(void)
{
	int status = announce.down ? kernel_link_set_up(vip_device_index(), true) : 0;

	if (status < 0)
		log_error("%s cannot be taken up again: %s", announce.config->interface,
			  strerror(-status));
	announce.down = status < 0;
	return status == 0;
}

static void announce_settle(unsigned int milliseconds)
{
	uint64_t until = loop_clock() + milliseconds;

	if (node_withheld() != NULL && announce.announced > BULK && !announce.down)
		announce_cut();
	announce.pending = !vips_settle(false, until) ||
			   (device_ready() && announce_uncut() && !vips_settle(true, until));
	if (announce.pending)
		loop_timer_set(&announce.timer, SLICE_PAUSE);
	vips_sweep();
	if (announce.pending)
		return;
	if (announce.told > TOLD)
		log_notice("and %u more VIPs", announce.told - TOLD);
	announce.told = 0;
}

/* Compare with Linux. */

static void vip_check(struct vip *vip, const struct kernel_network *networks, unsigned int count)
{
	struct prefix prefix = host_prefix(&vip->addr);
	char text[ADDR_TEXT];

	vip->refused = 0; // try again
	if (!vip->announced || !vip->wanted)
		return;
	if (vip_device_index() == 0 || !kernel_vip_stands(vip_device_index(), &prefix)) {
		log_warning("VIP %s was taken from %s by somebody else",
			    addr_format(&vip->addr, text), announce.config->interface);
		memcpy(vip->next, vip->reason, sizeof(vip->next));
		vip->stands = false;
		vip_say(vip, false, "it was taken from the device by somebody else");
	} else if (vip->addr.family == AF_INET6) {
		vip_join_iface(vip, networks, count);
	}
}

static void announce_check(void)
{
	static struct kernel_network networks[NETWORKS];
	unsigned int count = 0;

	announce.next_check = loop_clock() + CHECK;
	if (announce.vips.count == 0)
		return;
	count = kernel_networks(networks, NETWORKS);
	for (uint32_t i = 0; i < announce.vips.capacity; i++) {
		if (announce.vips.slots[i] != NULL)
			vip_check(announce.vips.slots[i], networks, count);
	}
	announce.pending = true;
}

void announce_tick(void)
{
	uint64_t now = loop_clock();

	if (node_judge(announce.config, &announce.census))
		announce.changed = true;
	if (announce.changed ||
	    (announce.generation != model_generation() && now >= announce.not_before))
		announce_decide();
	if (now >= announce.next_check)
		announce_check();
	if (announce.pending && !announce.timer.running)
		announce_settle(SLICE);
}

void announce_changed(void)
{
	if (announce.config == NULL)
		return;
	announce_decide();
	announce_settle(SLICE);
}

unsigned int announce_withdraw(void)
{
	unsigned int announced = announce.announced;

	node_stopping();
	announce_decide();
	announce_settle(announced > BULK ? SLICE : UINT32_MAX);
	return announced > 0 ? announce.config->linger_ms : 0;
}

/* Looking */

unsigned int announce_count(unsigned int *announced)
{
	*announced = announce.announced;
	return announce.vips.count;
}

unsigned int announce_refused(void)
{
	return announce.refused;
}

bool announce_device_down(void)
{
	return vip_device_index() != 0 && !announce.down && !kernel_link_is_up(vip_device_index());
}

const struct census *announce_census(void)
{
	return &announce.census;
}

bool announce_next(uint32_t *cursor, struct announcement *out)
{
	while (*cursor < announce.vips.capacity) {
		const struct vip *vip = announce.vips.slots[(*cursor)++];
		const struct iface *iface;

		if (vip == NULL)
			continue;
		iface = vip->iface ? iface_get(vip->iface) : NULL;
		*out = (struct announcement){
			.vip = vip->addr,
			.announced = vip->announced,
			.since = vip->since,
			.changes = vip->changes,
			.services = vip->services,
			.services_quorum = vip->services_quorum,
			.reason = vip->reason,
			.device = iface ? iface->tap_name : NULL,
		};
		return true;
	}
	return false;
}

const struct announce_event *announce_event(unsigned int index)
{
	if (index >= announce.event_count || index >= ANNOUNCE_EVENTS)
		return NULL;
	return &announce.events[(announce.event_count - 1 - index) % ANNOUNCE_EVENTS];
}

/* Start and stop */

static void announce_again(void *arg)
{
	if (announce.pending)
		announce_settle(SLICE);
}

int announce_start(const struct announce_config *config, struct error *error)
{
	const struct model_service *service;
	uint32_t cursor = 0;
	bool any = false;

	announce.config = config;
	announce.changed = true;
	announce.timer = (struct loop_timer){.fire = announce_again};
	while (!any && (service = model_next(&cursor)) != NULL)
		any = service->announce;
	// Later it is only tried again; at the start there is somebody who can do something about it.
	return any ? vip_device_open(config->interface, error) : 0;
}

static void table_free(struct keyed *table)
{
	for (uint32_t i = 0; i < table->capacity; i++)
		free(table->slots[i]);
	keyed_free(table);
}

void announce_stop(void)
{
	loop_timer_cancel(&announce.timer);
	vip_device_close();
	announce.down = announce.pending = false;
	table_free(&announce.services);
	table_free(&announce.vips);
	announce.config = NULL;
	announce.announced = announce.refused = 0;
	announce.event_count = 0;
}
