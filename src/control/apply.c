/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/syn_guard.h"
#include "control/announce.h"
#include "control/claim.h"
#include "control/config_fields.h"
#include "control/config_interface.h"
#include "control/describe.h"
#include "control/edit.h"
#include "control/nat_journal.h"
#include "control/persist.h"
#include "control/publish.h"

enum { APPLY_LOGGED = 16 }; // lines, so that a large change does not flood the log

/* The start file's settings with the live ones replaced by those of the last document. */
static struct config running;

static int addresses_copy(const struct config *config, struct config_address **copy)
{
	*copy = calloc(config->address_count + 1, sizeof(**copy));
	if (*copy == NULL)
		return -ENOMEM;
	if (config->address_count > 0)
		memcpy(*copy, config->addresses, config->address_count * sizeof(**copy));
	return 0;
}

int apply_start(const struct config *config, struct error *error)
{
	struct config_address *addresses;
	int status;

	if (addresses_copy(config, &addresses) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = interface_start(config->interfaces, config->interface_count, error);
	if (status == 0)
		status = claim_port_addresses(NULL, 0, addresses, config->address_count, error);
	if (status < 0) {
		interface_stop();
		free(addresses);
		return status;
	}
	running = *config;
	running.addresses = addresses;
	vpc_config_drop_lists(&running.vpc);
	bfd_section_drop(&running.bfd);
	traffic_section_drop(&running.traffic);
	running.interfaces = config_interfaces_copy(config);
	memset(&running.document, 0, sizeof(running.document));
	log_set_level(running.log_level);
	if (apply_nat_log(config->nat_log_rate) < 0)
		log_warning("nat_log: out of memory");
	syn_guard_set(&config->syn_guard);
	if (limit_set(0, &config->limits) < 0)
		log_warning("limits: out of memory");
	return 0;
}

int apply_nat_log(uint32_t rate)
{
	int status = nat_journal_set(rate);

	if (status == 0)
		running.nat_log_rate = rate;
	return status;
}

void apply_stop(void)
{
	nat_journal_stop();
	interface_stop();
	free(running.addresses);
	free(running.interfaces);
	memset(&running, 0, sizeof(running)); // the rest is the start file's
}

const struct config *apply_running(void)
{
	return &running;
}

void apply_result_free(struct apply_result *result)
{
	json_decref(result->differences);
	json_decref(result->restart);
	memset(result, 0, sizeof(*result));
}

static bool addresses_differ(const struct config *wanted)
{
	if (wanted->address_count != running.address_count)
		return true;
	for (unsigned int i = 0; i < wanted->address_count; i++) {
		const struct config_address *a = &wanted->addresses[i];
		const struct config_address *b = &running.addresses[i];

		if (strcmp(a->iface, b->iface) != 0 || a->prefix.len != b->prefix.len ||
		    !addr_equal(&a->prefix.addr, &b->prefix.addr))
			return true;
	}
	return false;
}

/* The name of the interface apart, which needs a restart. */
static bool announcing_differs(const struct announce_config *wanted)
{
	json_t *now = announce_config_json(&running.announce);
	json_t *then = announce_config_json(wanted);
	bool differs;

	json_object_del(now, "interface");
	json_object_del(then, "interface");
	differs = !json_equal(now, then);
	json_decref(now);
	json_decref(then);
	return differs;
}

static void announcing_set(const struct announce_config *wanted)
{
	char interface[sizeof(running.announce.interface)];

	strcpy(interface, running.announce.interface);
	running.announce = *wanted;
	strcpy(running.announce.interface, interface);
	announce_changed();
}

/* The settings that are neither services nor local addresses, in words. */
static void describe_settings(const struct config *wanted, struct describe *d)
{
	if (wanted->log_level != running.log_level) {
		d->changed++;
		json_array_append_new(d->texts, json_sprintf("~ log_level %s -> %s",
							     config_log_levels[running.log_level],
							     config_log_levels[wanted->log_level]));
	}
	if (wanted->nat_log_rate != running.nat_log_rate) {
		d->changed++;
		json_array_append_new(d->texts,
				      json_sprintf("~ nat_log: rate %u -> %u", running.nat_log_rate,
						   wanted->nat_log_rate));
	}
	if (memcmp(&wanted->limits, &running.limits, sizeof(running.limits)) != 0) {
		d->changed++;
		json_array_append_new(d->texts, json_string("~ limits"));
	}
	if (memcmp(&wanted->syn_guard, &running.syn_guard, sizeof(running.syn_guard)) != 0) {
		d->changed++;
		json_array_append_new(d->texts, json_string("~ syn_proxy"));
	}
	if (announcing_differs(&wanted->announce)) {
		d->changed++;
		json_array_append_new(d->texts, json_string("~ announce"));
	}
	d->changed += interface_differences(wanted->interfaces, wanted->interface_count, d->texts);
	if (vpc_differences(&wanted->vpc, d->texts) > 0)
		d->changed++;
	if (bfd_differences(&wanted->bfd, d->texts) > 0)
		d->changed++;
	if (traffic_differences(&wanted->traffic, d->texts) > 0)
		d->changed++;
	if (addresses_differ(wanted)) {
		d->changed++;
		json_array_append_new(d->texts, json_string("~ addresses of ports"));
	}
}

/* Publish the edit and make the settings be as wanted, or leave both. */
static int apply_all(const struct config *wanted, struct edit *edit, struct error *error)
{
	struct interface_config *interfaces = config_interfaces_copy(wanted);
	struct config_address *addresses = NULL;
	struct error ignored;
	int status;

	if (interfaces == NULL || addresses_copy(wanted, &addresses) < 0) {
		status = error_set(error, -ENOMEM, "", "out of memory");
		goto free_addresses;
	}
	status = sets_check_wanted(&wanted->document.sets, error);
	if (status == 0)
		status = vpc_check(&wanted->vpc, error);
	if (status == 0)
		status = bfd_check(&wanted->bfd, error);
	if (status == 0)
		status = traffic_check(&wanted->traffic, &wanted->document.sets, error);
	if (status < 0)
		goto free_addresses;
	status = interface_apply(wanted->interfaces, wanted->interface_count, error);
	if (status < 0)
		goto free_addresses;
	status = claim_port_addresses(running.addresses, running.address_count, addresses,
				      wanted->address_count, error);
	if (status < 0)
		goto remove_interfaces;
	status = sets_apply(&wanted->document.sets, error);
	if (status < 0)
		goto restore_addresses;
	status = publish_edit(edit, error);
	sets_apply_end(status == 0);
	if (status < 0)
		goto restore_addresses;
	status = traffic_apply(&wanted->traffic, error); // it may refer to sets that go
	sets_prune(&wanted->document.sets);
	free(running.addresses);
	running.addresses = addresses;
	running.address_count = wanted->address_count;
	free(running.interfaces);
	running.interfaces = interfaces;
	running.interface_count = wanted->interface_count;
	interface_apply_end(interfaces, wanted->interface_count);
	running.log_level = wanted->log_level;
	announcing_set(&wanted->announce);
	log_set_level(running.log_level);
	running.syn_guard = wanted->syn_guard;
	syn_guard_set(&running.syn_guard);
	if (limit_set(0, &wanted->limits) == 0)
		running.limits = wanted->limits;
	else
		log_warning("limits: out of memory");
	if (apply_nat_log(wanted->nat_log_rate) < 0)
		log_warning("nat_log: out of memory");
	if (status == 0)
		status = vpc_apply(&wanted->vpc, error);
	return status < 0 ? status : bfd_apply(&wanted->bfd, error);

restore_addresses:
	claim_port_addresses(addresses, wanted->address_count, running.addresses,
			     running.address_count, &ignored);
remove_interfaces:
	interface_apply_end(running.interfaces, running.interface_count);
free_addresses:
	free(interfaces);
	free(addresses);
	return status;
}

int apply_config(const struct config *wanted, bool dry_run, const char *door,
		 struct apply_result *result, struct error *error)
{
	struct describe d = {.texts = json_array(), .limit = dry_run ? UINT32_MAX : APPLY_TEXTS};
	struct edit edit = {0};
	int status;

	memset(result, 0, sizeof(*result));
	result->restart = config_restart_json(&running, wanted);
	interface_restart_json(wanted->interfaces, wanted->interface_count, result->restart);
	status = edit_apply(&edit, &wanted->document, error);
	if (status < 0)
		goto free_result;
	describe_settings(wanted, &d);
	describe_edit(&edit, &d);
	result->published = !dry_run && !edit_empty(&edit);
	if (!dry_run)
		status = apply_all(wanted, &edit, error);
	if (status < 0)
		goto free_result;
	result->added = d.added;
	result->changed = d.changed;
	result->removed = d.removed;
	result->differences = d.texts;
	edit_free(&edit);
	if (dry_run)
		return 0;
	persist_changed();
	for (size_t i = 0; i < json_array_size(result->differences) && i < APPLY_LOGGED; i++)
		log_notice("%s: %s", door,
			   json_string_value(json_array_get(result->differences, i)));
	log_notice("%s: applied, %u added, %u changed, %u removed", door, d.added, d.changed,
		   d.removed);
	for (size_t i = 0; i < json_array_size(result->restart); i++)
		log_warning("%s", json_string_value(json_array_get(result->restart, i)));
	return 0;

free_result:
	json_decref(d.texts);
	edit_free(&edit);
	apply_result_free(result);
	return status;
}
