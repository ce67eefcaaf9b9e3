/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/vpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/saver.h"
#include "control/vm_journal.h"
#include "control/vni_tap.h"
#include "path/workers.h"

/*
 * VMs of the file bear the mark of the section that named them last, so that those which a newer
 * one does not name are found without comparing lists. A VM that another door changes is that
 * door's from then on.
 *
 * What other doors made is kept: VNIs in vpc.json of the state folder, VMs as vm_journal.c says.
 */
enum { SAVED_VERSION = 1, MAC_TEXT = 18 };

static struct {
	struct vpc_vni *vnis; // sorted
	unsigned int vni_count;
	uint32_t mark;
	struct saver saver;
} vpc;

static int out_of_memory(struct error *error)
{
	return error_set(error, -ENOMEM, "", "out of memory");
}

static void vpc_changed(void)
{
	saver_changed(&vpc.saver);
}

/* VNIs */

static int vni_compare(const void *a, const void *b)
{
	const struct vpc_vni *x = a, *y = b;

	return x->vni < y->vni ? -1 : x->vni > y->vni;
}

static struct vpc_vni *vni_find(uint32_t number)
{
	const struct vpc_vni key = {.vni = number};

	return vpc.vni_count == 0
		       ? NULL
		       : bsearch(&key, vpc.vnis, vpc.vni_count, sizeof(key), vni_compare);
}

static int locals_set(const struct vpc_vni *vni, struct error *error)
{
	struct addr addresses[VNI_LOCALS_MAX];
	int status;

	for (unsigned int i = 0; i < vni->local_count; i++)
		addresses[i] = vni->locals[i].addr;
	status = vni_local_set(vni->vni, addresses, vni->local_count);
	if (status == -ENOSPC)
		return error_set(error, status, "local_addresses",
				 "there is no room for them: at most %d VMs and addresses of weir",
				 VM_MAX);
	return status < 0 ? out_of_memory(error) : 0;
}

/* Room for one that is not there yet, where it belongs in the sorted list. NULL: no memory. */
static struct vpc_vni *vni_insert(uint32_t number)
{
	struct vpc_vni *more = realloc(vpc.vnis, (vpc.vni_count + 1) * sizeof(*more));
	unsigned int at = vpc.vni_count;

	if (more == NULL)
		return NULL;
	vpc.vnis = more;
	for (; at > 0 && more[at - 1].vni > number; at--)
		more[at] = more[at - 1];
	vpc.vni_count++;
	return &more[at];
}

int vpc_put_vni(const struct vpc_vni *vni, struct error *error)
{
	struct vpc_vni *place = vni_find(vni->vni);
	int status = vni_tap_set(place, vni, error);

	if (status == 0)
		status = locals_set(vni, error);
	if (status < 0)
		return status;
	if (place == NULL)
		place = vni_insert(vni->vni);
	if (place == NULL)
		return out_of_memory(error);
	*place = *vni;
	vni_set(vni->vni, &vni->settings);
	vpc_changed();
	return 0;
}

/* Would the real servers of services lose the local addresses that they need? */
static int check_users(const struct vpc_vni *after, struct error *error)
{
	const struct model_service *service;
	uint32_t cursor = 0;

	while ((service = model_next(&cursor)) != NULL) {
		for (unsigned int i = 0; i < service->server_count; i++) {
			const struct model_server *server = &service->servers[i];
			char name[SERVICE_TEXT], text[ENDPOINT_TEXT];
			struct error inner;

			if (server->vni != after->vni ||
			    vpc_judge_server(after, server->vni, &server->addr, &inner) == 0)
				continue;
			return error_set(
				error, -EBUSY, "local_addresses",
				"are needed by the real server %s of the service %s: remove it "
				"first, or leave one of its family",
				endpoint_format(&server->addr, server->port, text),
				model_service_format(&service->key, name));
		}
	}
	return 0;
}

int vpc_change_vni(const struct vpc_vni *vni, struct error *error)
{
	int status = check_users(vni, error);

	return status < 0 ? status : vpc_put_vni(vni, error);
}

int vpc_check_server(uint32_t vni, const struct addr *server, struct error *error)
{
	return vpc_judge_server(vni_find(vni), vni, server, error);
}

/* What workers and Linux know of it. */
static void vni_withdraw(const struct vpc_vni *vni)
{
	const struct vpc_vni none = {.vni = vni->vni};
	struct error ignored;

	vni_tap_set(vni, &none, &ignored);
	vni_local_set(vni->vni, NULL, 0);
	vni_set(vni->vni, NULL);
}

static void vni_remove(struct vpc_vni *vni)
{
	vni_withdraw(vni);
	memmove(vni, vni + 1, (&vpc.vnis[--vpc.vni_count] - vni) * sizeof(*vni));
	vpc_changed();
}

int vpc_delete_vni(uint32_t number, struct error *error)
{
	struct vpc_vni *vni = vni_find(number);

	if (vni == NULL)
		return error_set(error, -ENOENT, "", "VNI %u has no settings", number);
	if (vni->local_count > 0) {
		const struct vpc_vni none = {.vni = number};
		int status = check_users(&none, error);

		if (status < 0)
			return status;
	}
	vni_remove(vni);
	return 0;
}

static json_t *locals_json(const struct vpc_vni *vni)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT];

	for (unsigned int i = 0; i < vni->local_count; i++)
		json_array_append_new(list, json_string(prefix_format(&vni->locals[i], text)));
	return list;
}

static json_t *vni_json(const struct vpc_vni *vni, bool marks)
{
	json_t *object = json_pack("{s:I}", "vni", (json_int_t)vni->vni);

	if (vni->settings.mtu)
		json_object_set_new(object, "mtu", json_integer(vni->settings.mtu));
	if (vni->settings.trusted)
		json_object_set_new(object, "check_host", json_false());
	if (vni->local_count > 0)
		json_object_set_new(object, "local_addresses", locals_json(vni));
	if (vni->no_tap)
		json_object_set_new(object, "tap", json_false());
	if (vni->settings.learn) {
		json_object_set_new(object, "learn", json_true());
		json_object_set_new(object, "learn_max", json_integer(vni->settings.learn_max));
		json_object_set_new(object, "learn_age", json_integer(vni->settings.learn_age));
	}
	if (marks && vni->settings.learn)
		json_object_set_new(object, "learned", json_integer(vm_learn_count(vni->vni)));
	if (marks)
		json_object_set_new(object, "origin", json_string(origin_name(vni->origin)));
	return object;
}

json_t *vpc_vnis_json(bool marks)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < vpc.vni_count; i++)
		json_array_append_new(list, vni_json(&vpc.vnis[i], marks));
	return list;
}

/* VMs */

static int put_rows(const struct vm_row *rows, unsigned int count, struct error *error)
{
	int status = vm_upsert(rows, count, vpc.mark);

	if (status == -ENOSPC)
		return error_set(error, status, "vms",
				 "there is no room for them: at most %d VMs on %d hosts", VM_MAX,
				 HOST_MAX);
	return status < 0 ? out_of_memory(error) : 0;
}

int vpc_put_vms(const struct vm_row *rows, unsigned int count, struct error *error)
{
	int status = put_rows(rows, count, error);

	if (status == 0)
		vm_journal_put(rows, count);
	return status;
}

static int check_there(const struct vm_row *row, const char *field, struct error *error)
{
	uint32_t number = vm_find(row->vni, &row->addr);
	char text[ADDR_TEXT];

	if (number != 0 && vm_table[number].host != 0)
		return 0;
	return error_set(error, -ENOENT, field, "VNI %u has no VM %s", row->vni,
			 addr_format(&row->addr, text));
}

int vpc_delete_vms(const struct vm_row *rows, unsigned int count, struct error *error)
{
	char field[40];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(field, sizeof(field), "vms[%u]", i);
		if (check_there(&rows[i], field, error) < 0)
			return error->code;
	}
	for (unsigned int i = 0; i < count; i++)
		if (vm_remove(rows[i].vni, &rows[i].addr) == 0) // else it was named twice
			vm_journal_remove(rows[i].vni, &rows[i].addr);
	return 0;
}

int vpc_delete_vm(uint32_t vni, const struct addr *addr, struct error *error)
{
	const struct vm_row row = {.vni = vni, .addr = *addr};

	return check_there(&row, "", error) < 0 ? error->code : vpc_delete_vms(&row, 1, error);
}

static char *mac_format(const uint8_t mac[6], char text[static MAC_TEXT])
{
	snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return text;
}

json_t *vpc_vm_json(const struct vm_row *row, bool marks)
{
	char address[ADDR_TEXT], host[ADDR_TEXT], mac[MAC_TEXT];
	json_t *object;

	object = json_pack("{s:I, s:s, s:s, s:s}", "vni", (json_int_t)row->vni, "address",
			   addr_format(&row->addr, address), "mac", mac_format(row->mac, mac),
			   "host", addr_format(&row->host, host));
	if (marks && row->path_mtu)
		json_object_set_new(object, "path_mtu", json_integer(row->path_mtu));
	if (marks && row->learned) {
		json_object_set_new(object, "origin", json_string("learned"));
		json_object_set_new(object, "age", json_integer(row->age));
	} else if (marks) {
		json_object_set_new(object, "origin", json_string(origin_name(row->origin)));
	}
	return object;
}

static json_t *vms_json(void)
{
	json_t *list = json_array();
	const struct vm *vm;
	uint32_t cursor = 0;

	while ((vm = vm_next(&cursor)) != NULL) {
		struct vm_row row;

		if (vm->learned)
			continue;
		vm_row_of(vm, &row);
		json_array_append_new(list, vpc_vm_json(&row, false));
	}
	return list;
}

json_t *vpc_running_json(const struct vpc_config *config)
{
	json_t *object = vpc_config_json(config);

	if (object == NULL)
		return NULL;
	json_object_set_new(object, "vnis", vpc_vnis_json(false));
	json_object_set_new(object, "vms", vms_json());
	return object;
}

/* The section of the file */

static bool row_is_there(const struct vm_row *row)
{
	uint32_t number = vm_find(row->vni, &row->addr);
	struct vm_row there;

	if (number == 0 || vm_table[number].host == 0 || vm_table[number].learned)
		return false;
	vm_row_of(&vm_table[number], &there);
	return memcmp(there.mac, row->mac, sizeof(row->mac)) == 0 &&
	       addr_equal(&there.host, &row->host);
}

static const struct vpc_vni *wanted_vni(const struct vpc_config *wanted, uint32_t number)
{
	for (unsigned int i = 0; i < wanted->vni_count; i++)
		if (wanted->vnis[i].vni == number)
			return &wanted->vnis[i];
	return NULL;
}

static bool settings_differ(const struct vni_settings *a, const struct vni_settings *b)
{
	return a->mtu != b->mtu || a->trusted != b->trusted || a->learn != b->learn ||
	       a->learn_max != b->learn_max || a->learn_age != b->learn_age;
}

static bool vni_differs(const struct vpc_vni *a, const struct vpc_vni *b)
{
	if (settings_differ(&a->settings, &b->settings) || a->local_count != b->local_count ||
	    a->no_tap != b->no_tap)
		return true;
	for (unsigned int i = 0; i < a->local_count; i++)
		if (a->locals[i].len != b->locals[i].len ||
		    !addr_equal(&a->locals[i].addr, &b->locals[i].addr))
			return true;
	return false;
}

static unsigned int vnis_different(const struct vpc_config *wanted)
{
	unsigned int different = 0;

	for (unsigned int i = 0; i < wanted->vni_count; i++) {
		const struct vpc_vni *vni = &wanted->vnis[i], *now = vni_find(vni->vni);

		different += now == NULL || vni_differs(now, vni);
	}
	for (unsigned int i = 0; i < vpc.vni_count; i++)
		different += vpc.vnis[i].origin == ORIGIN_FILE &&
			     wanted_vni(wanted, vpc.vnis[i].vni) == NULL;
	return different;
}

unsigned int vpc_differences(const struct vpc_config *wanted, json_t *texts)
{
	unsigned int vnis = vnis_different(wanted), put = 0, of_file = 0, named = 0;
	const struct vm *vm;
	uint32_t cursor = 0;

	if (vxlan.port == VXLAN_PORT_OFF)
		return 0;
	while ((vm = vm_next(&cursor)) != NULL)
		of_file += vm->origin == ORIGIN_FILE;
	for (unsigned int i = 0; i < wanted->vm_count; i++) {
		uint32_t number = vm_find(wanted->vms[i].vni, &wanted->vms[i].addr);

		named += number != 0 && vm_table[number].host != 0 &&
			 vm_table[number].origin == ORIGIN_FILE;
		put += !row_is_there(&wanted->vms[i]);
	}
	if (vnis + put + (of_file - named) == 0)
		return 0;
	json_array_append_new(texts,
			      json_sprintf("~ vpc: settings of %u VNIs, %u VMs new or changed, "
					   "%u removed",
					   vnis, put, of_file - named));
	return vnis + put + (of_file - named);
}

int vpc_check(const struct vpc_config *wanted, struct error *error)
{
	char field[40];

	for (unsigned int i = 0; vxlan.port != VXLAN_PORT_OFF && i < wanted->vm_count; i++) {
		bool ipv6 = wanted->vms[i].host.family == AF_INET6;

		if (ipv6 ? vxlan.has_v6 : vxlan.v4 != 0)
			continue;
		snprintf(field, sizeof(field), "vpc.vms[%u].host", i);
		return error_set(error, -EINVAL, field,
				 "is IPv%c, and weir runs without an address of that in "
				 "vpc.addresses, which needs a restart",
				 ipv6 ? '6' : '4');
	}
	return 0;
}

static int apply_vnis(const struct vpc_config *wanted, struct error *error)
{
	int status = 0;

	for (unsigned int i = vpc.vni_count; i-- > 0;)
		if (vpc.vnis[i].origin == ORIGIN_FILE &&
		    wanted_vni(wanted, vpc.vnis[i].vni) == NULL)
			vni_remove(&vpc.vnis[i]);
	for (unsigned int i = 0; i < wanted->vni_count && status == 0; i++)
		status = vpc_put_vni(&wanted->vnis[i], error);
	return status;
}

/* A row of another door that the file names now is the file's, and kept no longer. */
static int put_section_rows(const struct vpc_config *wanted, struct error *error)
{
	for (unsigned int i = 0; i < wanted->vm_count; i++) {
		uint32_t number = vm_find(wanted->vms[i].vni, &wanted->vms[i].addr);

		if (number != 0 && vm_table[number].host != 0 &&
		    vm_table[number].origin != ORIGIN_FILE && !vm_table[number].learned)
			vm_journal_remove(wanted->vms[i].vni, &wanted->vms[i].addr);
	}
	return put_rows(wanted->vms, wanted->vm_count, error);
}

int vpc_apply(const struct vpc_config *wanted, struct error *error)
{
	int status;

	if (vxlan.port == VXLAN_PORT_OFF)
		return 0; // the section came later: it needs a restart
	status = apply_vnis(wanted, error);
	vpc.mark++;
	if (status == 0 && wanted->vm_count > 0)
		status = put_section_rows(wanted, error);
	if (status == 0)
		vm_remove_unmarked(ORIGIN_FILE, vpc.mark);
	return status;
}

/* What is kept over a restart */

static json_t *saved_json(void)
{
	json_t *vnis = json_array();

	for (unsigned int i = 0; i < vpc.vni_count; i++)
		if (vpc.vnis[i].origin != ORIGIN_FILE)
			json_array_append_new(vnis, vni_json(&vpc.vnis[i], false));
	return json_pack("{s:i, s:o}", "version", SAVED_VERSION, "vnis", vnis);
}

/* Rows that an earlier version has kept in the same file. */
static int saved_restore_vms(const json_t *json, struct error *error)
{
	struct vm_row *rows = NULL;
	unsigned int count = 0;
	int status = vpc_decode_vms(json, ORIGIN_REST, &rows, &count, error);

	if (status == 0)
		status = vm_upsert(rows, count, vpc.mark);
	free(rows);
	return status;
}

static int saved_restore_vnis(const json_t *json, struct error *error)
{
	const json_t *vnis = json_object_get(json, "vnis"), *value;
	int status = 0;
	size_t i;

	json_array_foreach (vnis, i, value) {
		struct vpc_vni vni = {.vni = json_integer_value(json_object_get(value, "vni")),
				      .origin = ORIGIN_REST};

		if (status == 0)
			status = vpc_decode_vni(value, &vni, error);
		if (status == 0)
			status = vpc_put_vni(&vni, error);
	}
	return status;
}

static void saved_warn(int status, const char *path, const struct error *error)
{
	if (status < 0)
		log_warning("what was saved in %s is left out: %s: %s", path, error->field,
			    error->text);
}

/* The section of the file, but for VMs that another door has changed. */
static int start_section(const struct vpc_config *config, struct error *error)
{
	struct vpc_config section = *config;
	int status;

	section.vms = calloc(config->vm_count + 1, sizeof(*section.vms));
	if (section.vms == NULL)
		return out_of_memory(error);
	section.vm_count = 0;
	for (unsigned int i = 0; i < config->vm_count; i++) {
		uint32_t number = vm_find(config->vms[i].vni, &config->vms[i].addr);

		if (number == 0 || vm_table[number].host == 0)
			section.vms[section.vm_count++] = config->vms[i];
	}
	status = vpc_apply(&section, error);
	free(section.vms);
	return status;
}

int vpc_start(const struct vpc_config *config, const char *state_dir, struct error *error)
{
	struct error ignored = {0};
	unsigned int left_out;
	char path[SAVER_PATH];
	bool older;
	json_t *json;
	int status;

	if (vxlan.port == VXLAN_PORT_OFF)
		return 0;
	snprintf(path, sizeof(path), "%s/vpc.json", state_dir);
	json = access(path, F_OK) == 0 ? json_load_file(path, JSON_REJECT_DUPLICATES, NULL) : NULL;
	older = json_array_size(json_object_get(json, "vms")) > 0;
	if (older)
		saved_warn(saved_restore_vms(json, &ignored), path, &ignored);
	left_out = vm_journal_restore(state_dir, ORIGIN_REST, vpc.mark);
	if (left_out > 0)
		log_warning("%u VMs that were kept are left out: vpc.addresses has no address of "
			    "their host's family, or there is no room",
			    left_out);
	status = start_section(config, error);
	if (status == 0)
		saved_warn(saved_restore_vnis(json, &ignored), path, &ignored);
	json_decref(json);
	if (status == 0)
		status = saver_start(&vpc.saver, state_dir, "vpc.json", saved_json, error);
	if (status == 0)
		status = vm_journal_start(state_dir, older, error);
	if (status == 0 && older)
		vpc_changed();
	return status;
}

void vpc_stop(void)
{
	vm_journal_stop();
	saver_stop(&vpc.saver);
	for (unsigned int i = 0; i < vpc.vni_count; i++)
		vni_withdraw(&vpc.vnis[i]);
	free(vpc.vnis);
	memset(&vpc, 0, sizeof(vpc));
}

void vpc_tick(void)
{
	vm_reap(workers_pass_begin, workers_pass_over);
}
