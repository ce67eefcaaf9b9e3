/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Traffic control as it is wanted: for each port one whole, of the file or of a door. Every change
 * is a new whole, which is checked and given to the workers (path/traffic.c), so that either all of
 * it is there or nothing has changed.
 *
 * What a door has changed is a door's from then on and is kept in traffic.json of the state folder.
 * At a start the file comes first: of a port that it names, what doors have changed is forgotten.
 */
#include "control/traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/saver.h"
#include "control/sets.h"

enum { SAVED_VERSION = 1 };

static struct {
	struct traffic_spec *specs[PORT_MAX]; // by port; NULL: nothing is wanted
	struct saver saver;
} traffic;

const struct traffic_spec *traffic_get(unsigned int port)
{
	return traffic.specs[port];
}

/* A higher priority first, else in the order in which they came. */
static void sort_classifiers(struct traffic_spec *spec)
{
	for (unsigned int i = 1; i < spec->classifier_count; i++) {
		struct traffic_classifier_spec row = spec->classifiers[i];
		unsigned int k = i;

		for (; k > 0 && spec->classifiers[k - 1].priority < row.priority; k--)
			spec->classifiers[k] = spec->classifiers[k - 1];
		spec->classifiers[k] = row;
	}
}

static bool is_empty(const struct traffic_spec *spec)
{
	return spec->queue_count == 0 && spec->classifier_count == 0 && spec->egress &&
	       spec->ingress;
}

/* Sets stay as long as something refers to them. */
static void sets_refer(struct traffic_spec *spec, bool refer)
{
	for (unsigned int i = 0; spec != NULL && i < spec->classifier_count; i++) {
		struct traffic_classifier_spec *row = &spec->classifiers[i];

		if (refer)
			row->found = row->set[0] != '\0' ? sets_find(row->set) : NULL;
		if (row->found != NULL)
			row->found->references += refer ? 1 : -1;
	}
}

/* Checked already. */
static int port_set(unsigned int port, const struct traffic_spec *spec, struct error *error)
{
	struct traffic_spec *copy = NULL;

	if (spec != NULL && !is_empty(spec)) {
		copy = malloc(sizeof(*copy));
		if (copy == NULL)
			return error_set(error, -ENOMEM, "", "out of memory");
		*copy = *spec;
		snprintf(copy->interface, sizeof(copy->interface), "%s",
			 port_get(port)->config.name);
		sort_classifiers(copy);
		sets_refer(copy, true);
	}
	if (traffic_set(port, copy) < 0) {
		sets_refer(copy, false);
		free(copy);
		return error_set(error, -ENOMEM, "", "out of memory");
	}
	sets_refer(traffic.specs[port], false);
	free(traffic.specs[port]);
	traffic.specs[port] = copy;
	return 0;
}

int traffic_put(unsigned int port, const struct traffic_spec *spec, struct error *error)
{
	int status = spec ? traffic_check_spec(spec, NULL, "", error) : 0;

	if (status == 0)
		status = port_set(port, spec, error);
	if (status == 0)
		saver_changed(&traffic.saver);
	return status;
}

/* The section of the file */

static bool specs_equal(const struct traffic_spec *a, const struct traffic_spec *b)
{
	json_t *one = traffic_spec_json(a, -1), *other = traffic_spec_json(b, -1);
	bool equal;

	json_object_del(one, "interface");
	json_object_del(other, "interface");
	equal = json_equal(one, other);
	json_decref(one);
	json_decref(other);
	return equal;
}

static const struct traffic_spec *wanted_of(const struct traffic_section *wanted, unsigned int port)
{
	struct error ignored;

	for (unsigned int i = 0; i < wanted->count; i++)
		if (traffic_check_port(wanted->specs[i].interface, "", &ignored) == (int)port)
			return &wanted->specs[i];
	return NULL;
}

/* Does the section change this port, and to what? */
static bool port_differs(const struct traffic_section *wanted, unsigned int port,
			 const struct traffic_spec **spec)
{
	const struct traffic_spec *now = traffic.specs[port];
	struct traffic_spec *sorted;
	bool equal;

	*spec = wanted_of(wanted, port);
	if (*spec == NULL)
		return now != NULL && now->of_file;
	if (now == NULL)
		return !is_empty(*spec);
	sorted = malloc(sizeof(*sorted));
	if (sorted == NULL)
		return true;
	*sorted = **spec;
	sort_classifiers(sorted);
	equal = now->of_file && specs_equal(now, sorted);
	free(sorted);
	return !equal;
}

unsigned int traffic_differences(const struct traffic_section *wanted, json_t *texts)
{
	unsigned int differences = 0;

	for (unsigned int port = 0; port < port_count(); port++) {
		const struct traffic_spec *spec;

		if (!port_differs(wanted, port, &spec))
			continue;
		json_array_append_new(texts, json_sprintf("~ traffic_control of %s",
							  port_get(port)->config.name));
		differences++;
	}
	return differences;
}

int traffic_check(const struct traffic_section *wanted, const struct sets_wanted *sets,
		  struct error *error)
{
	char field[64];

	for (unsigned int i = 0; i < wanted->count; i++) {
		int port, status;

		snprintf(field, sizeof(field), "traffic_control[%u].interface", i);
		port = traffic_check_port(wanted->specs[i].interface, field, error);
		if (port < 0)
			return port;
		for (unsigned int k = 0; k < i; k++)
			if (iface_find(wanted->specs[k].interface) ==
			    iface_find(wanted->specs[i].interface))
				return error_set(error, -EINVAL, field,
						 "%s is there already as [%u]",
						 wanted->specs[i].interface, k);
		snprintf(field, sizeof(field), "traffic_control[%u].", i);
		status = traffic_check_spec(&wanted->specs[i], sets, field, error);
		if (status < 0)
			return status;
	}
	return 0;
}

int traffic_apply(const struct traffic_section *wanted, struct error *error)
{
	int status = 0;

	for (unsigned int port = 0; port < port_count() && status == 0; port++) {
		const struct traffic_spec *spec;

		if (port_differs(wanted, port, &spec))
			status = port_set(port, spec, error);
	}
	saver_changed(&traffic.saver);
	return status;
}

/* Listings */

json_t *traffic_list_json(void)
{
	json_t *list = json_array();

	for (unsigned int port = 0; port < port_count(); port++)
		if (traffic.specs[port] != NULL)
			json_array_append_new(list,
					      traffic_spec_json(traffic.specs[port], (int)port));
	return list;
}

static json_t *plain_json(bool file, bool doors)
{
	json_t *list = json_array();

	for (unsigned int port = 0; port < port_count(); port++) {
		const struct traffic_spec *spec = traffic.specs[port];

		if (spec != NULL && (spec->of_file ? file : doors))
			json_array_append_new(list, traffic_spec_json(spec, -1));
	}
	return list;
}

json_t *traffic_running_json(void)
{
	json_t *list = plain_json(true, true);

	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}

/* Kept over a restart */

static json_t *saved_make(void)
{
	return json_pack("{s:i, s:o}", "version", SAVED_VERSION, "ports", plain_json(false, true));
}

static int saved_put(const json_t *row, struct error *error)
{
	struct traffic_spec *spec = calloc(1, sizeof(*spec));
	int port, status;

	if (spec == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = traffic_decode_spec(row, spec, error);
	port = status < 0 ? status : traffic_check_port(spec->interface, "interface", error);
	status = port;
	if (port >= 0 && traffic.specs[port] == NULL)
		status = traffic_put((unsigned int)port, spec, error);
	free(spec);
	return status;
}

static void saved_restore(const char *path)
{
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL), *row;
	size_t i;

	json_array_foreach (json_object_get(json, "ports"), i, row) {
		struct error error = {0};

		if (saved_put(row, &error) < 0)
			log_warning("traffic control that was saved in %s is left out: %s: %s",
				    path, error.field, error.text);
	}
	json_decref(json);
}

int traffic_start(const struct traffic_section *section, const char *state_dir, struct error *error)
{
	char path[SAVER_PATH];
	int status = traffic_check(section, NULL, error);

	if (status == 0)
		status = traffic_apply(section, error);
	if (status < 0)
		return status;
	snprintf(path, sizeof(path), "%s/traffic.json", state_dir);
	if (access(path, F_OK) == 0)
		saved_restore(path);
	return saver_start(&traffic.saver, state_dir, "traffic.json", saved_make, error);
}

void traffic_control_stop(void)
{
	saver_stop(&traffic.saver);
	for (unsigned int port = 0; port < PORT_MAX; port++) {
		sets_refer(traffic.specs[port], false);
		free(traffic.specs[port]);
		traffic.specs[port] = NULL;
	}
}
