/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/rest.h"
#include "control/traffic.h"

/*
 * Traffic control: of a port as a whole, or one queue or classifier of it. A single one is put into
 * a copy of the whole, which then takes its place.
 */

#define AUTOMATIC (0x8001u << 16) // the first handle that is chosen for somebody

/* A copy of what the port of the path has, for free(). */
static struct traffic_spec *spec_copy(const struct request *request, int *port, struct error *error)
{
	const struct traffic_spec *now;
	struct traffic_spec *copy;

	*port = traffic_check_port(request_part(request, 0), "interface", error);
	if (*port < 0)
		return NULL;
	copy = calloc(1, sizeof(*copy));
	if (copy == NULL) {
		error_set(error, -ENOMEM, "", "out of memory");
		return NULL;
	}
	now = traffic_get((unsigned int)*port);
	if (now != NULL)
		*copy = *now;
	else
		copy->egress = copy->ingress = true;
	strcpy(copy->interface, port_get((unsigned int)*port)->config.name);
	return copy;
}

/* Put the copy in place, say so, and free it. */
static int spec_put(struct request *request, struct traffic_spec *copy, int port, const char *what,
		    struct error *error)
{
	const char *part;
	int status;

	copy->of_file = false;
	status = traffic_put((unsigned int)port, copy, error);
	part = status < 0 && request_part(request, 1) ? strstr(error->field, "].") : NULL;
	if (part != NULL) // the body is but one of them
		memmove(error->field, part + 2, strlen(part + 2) + 1);
	if (status == 0)
		log_notice("%s: traffic control of %s: %s", request_peer(request), copy->interface,
			   what);
	free(copy);
	if (status == 0)
		request_wait_grace(request);
	return status;
}

int rest_traffic_list(struct request *request, struct error *error)
{
	return request_reply(request, 200,
			     json_pack("{s:o}", "traffic_control", traffic_list_json()));
}

int rest_traffic_get(struct request *request, struct error *error)
{
	int port;
	struct traffic_spec *spec = spec_copy(request, &port, error);
	json_t *json;

	if (spec == NULL)
		return error->code;
	json = traffic_spec_json(spec, port);
	free(spec);
	return request_reply(request, 200, json);
}

int rest_traffic_put(struct request *request, struct error *error)
{
	int port, status;
	struct traffic_spec *spec = spec_copy(request, &port, error);
	char name[IFACE_NAME];
	json_t *body;

	if (spec == NULL)
		return error->code;
	strcpy(name, spec->interface);
	body = request_body(request, error);
	status = body ? traffic_decode_spec(body, spec, error) : error->code;
	json_decref(body);
	if (status == 0 && strcmp(spec->interface, name) != 0)
		status = error_set(error, -EINVAL, "interface", "differs from that in the path");
	if (status < 0) {
		free(spec);
		return status;
	}
	return spec_put(request, spec, port, "replaced", error) < 0
		       ? error->code
		       : request_reply_empty(request, 204);
}

int rest_traffic_patch(struct request *request, struct error *error)
{
	static const char *const names[] = {"egress", "ingress"};
	int port;
	struct traffic_spec *spec = spec_copy(request, &port, error);
	json_t *body, *value;
	const char *name;

	if (spec == NULL)
		return error->code;
	body = request_body(request, error);
	if (body == NULL)
		goto fail;
	json_object_foreach (body, name, value) {
		bool is_egress = strcmp(name, names[0]) == 0;

		if ((!is_egress && strcmp(name, names[1]) != 0) || !json_is_boolean(value)) {
			error_set(error, -EINVAL, name,
				  "must be egress or ingress, with true or false");
			goto fail;
		}
		*(is_egress ? &spec->egress : &spec->ingress) = json_is_true(value);
	}
	json_decref(body);
	return spec_put(request, spec, port, "switched", error) < 0
		       ? error->code
		       : request_reply_empty(request, 204);

fail:
	json_decref(body);
	free(spec);
	return error->code;
}

int rest_traffic_delete(struct request *request, struct error *error)
{
	int port = traffic_check_port(request_part(request, 0), "interface", error);
	int status = port;

	if (port >= 0 && traffic_get((unsigned int)port) == NULL)
		return error_set(error, -ENOENT, "interface", "there is no traffic control on %s",
				 request_part(request, 0));
	if (port >= 0)
		status = traffic_put((unsigned int)port, NULL, error);
	if (status < 0)
		return status;
	log_notice("%s: traffic control of %s: removed", request_peer(request),
		   request_part(request, 0));
	request_wait_grace(request);
	return request_reply_empty(request, 204);
}

/* One of them: the handle of the path; 0 with an error. "auto" of `used`. */
static uint32_t handle_of(const struct request *request,
			  bool (*used)(const struct traffic_spec *, uint32_t),
			  const struct traffic_spec *spec, struct error *error)
{
	const char *text = request_part(request, 1);
	uint32_t handle = traffic_handle_parse(text);

	if (strcmp(text, "auto") == 0)
		for (handle = AUTOMATIC; used(spec, handle); handle += 1u << 16)
			;
	if (handle == 0)
		error_set(error, -EINVAL, "handle",
			  "\"%.16s\" is neither root, ingress, auto nor a handle such as 1:", text);
	return handle;
}

static struct traffic_queue_spec *queue_find(struct traffic_spec *spec, uint32_t handle)
{
	for (unsigned int i = 0; i < spec->queue_count; i++)
		if (spec->queues[i].handle == handle)
			return &spec->queues[i];
	return NULL;
}

static bool queue_used(const struct traffic_spec *spec, uint32_t handle)
{
	return queue_find((struct traffic_spec *)spec, handle) != NULL;
}

static struct traffic_classifier_spec *classifier_find(struct traffic_spec *spec, uint32_t handle)
{
	for (unsigned int i = 0; i < spec->classifier_count; i++)
		if (spec->classifiers[i].handle == handle)
			return &spec->classifiers[i];
	return NULL;
}

static bool classifier_used(const struct traffic_spec *spec, uint32_t handle)
{
	return classifier_find((struct traffic_spec *)spec, handle) != NULL;
}

/* Does what the path names have to be there, or not to be there? */
static int existence_check(const struct request *request, bool exists, const char *kind,
			   const char *interface, struct error *error)
{
	if (exists && request_flag(request, "new"))
		return error_set(error, -EEXIST, "handle", "there is a %s %s on %s already", kind,
				 request_part(request, 1), interface);
	if (!exists && request_flag(request, "change"))
		return error_set(error, -ENOENT, "handle", "there is no %s %s on %s", kind,
				 request_part(request, 1), interface);
	return 0;
}

int rest_traffic_queue_put(struct request *request, struct error *error)
{
	int port, status;
	struct traffic_spec *spec = spec_copy(request, &port, error);
	struct traffic_queue_spec row = {0}, *there;
	json_t *body = NULL;

	if (spec == NULL)
		return error->code;
	row.handle = handle_of(request, queue_used, spec, error);
	there = queue_find(spec, row.handle);
	status = row.handle == 0
			 ? error->code
			 : existence_check(request, there != NULL, "queue", spec->interface, error);
	if (status == 0 && there != NULL && request_flag(request, "change"))
		row = *there;
	body = status < 0 ? NULL : request_body(request, error);
	if (status == 0)
		status = body ? traffic_decode_queue(body, &row, error) : error->code;
	json_decref(body);
	if (status == 0 && there == NULL && spec->queue_count == TRAFFIC_QUEUES_MAX)
		status = error_set(error, -ENOSPC, "", "there is room for %d queues on %s",
				   TRAFFIC_QUEUES_MAX, spec->interface);
	if (status < 0) {
		free(spec);
		return status;
	}
	*(there ? there : &spec->queues[spec->queue_count++]) = row;
	status = spec_put(request, spec, port, there ? "queue changed" : "queue added", error);
	return status < 0 ? status
			  : request_reply(request, there ? 200 : 201, traffic_queue_json(&row));
}

/* A queue with all that hangs on it, and the classifiers that lead there or stand there. */
static void queue_remove(struct traffic_spec *spec, uint32_t handle)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < spec->classifier_count; i++)
		if (spec->classifiers[i].queue != handle && spec->classifiers[i].target != handle)
			spec->classifiers[kept++] = spec->classifiers[i];
	spec->classifier_count = kept;
	for (unsigned int i = kept = 0; i < spec->queue_count; i++)
		if (spec->queues[i].handle != handle)
			spec->queues[kept++] = spec->queues[i];
	spec->queue_count = kept;
	for (unsigned int i = 0; i < spec->queue_count; i++)
		if (spec->queues[i].parent == handle) {
			queue_remove(spec, spec->queues[i].handle);
			i = UINT32_MAX; // and again from the first
		}
}

int rest_traffic_queue_delete(struct request *request, struct error *error)
{
	int port;
	struct traffic_spec *spec = spec_copy(request, &port, error);
	uint32_t handle;

	if (spec == NULL)
		return error->code;
	handle = handle_of(request, queue_used, spec, error);
	if (handle == 0 || !queue_used(spec, handle)) {
		if (handle != 0)
			error_set(error, -ENOENT, "handle", "there is no queue %s on %s",
				  request_part(request, 1), spec->interface);
		free(spec);
		return error->code;
	}
	queue_remove(spec, handle);
	return spec_put(request, spec, port, "queue removed", error) < 0
		       ? error->code
		       : request_reply_empty(request, 204);
}

int rest_traffic_classifier_put(struct request *request, struct error *error)
{
	int port, status;
	struct traffic_spec *spec = spec_copy(request, &port, error);
	struct traffic_classifier_spec row = {0}, *there;
	json_t *body;

	if (spec == NULL)
		return error->code;
	row.handle = handle_of(request, classifier_used, spec, error);
	there = classifier_find(spec, row.handle);
	status = row.handle == 0 ? error->code
				 : existence_check(request, there != NULL, "classifier",
						   spec->interface, error);
	body = status < 0 ? NULL : request_body(request, error);
	if (status == 0)
		status = body ? traffic_decode_classifier(body, &row, error) : error->code;
	json_decref(body);
	if (status == 0 && there == NULL && spec->classifier_count == TRAFFIC_CLASSIFIERS_MAX)
		status = error_set(error, -ENOSPC, "", "there is room for %d classifiers on %s",
				   TRAFFIC_CLASSIFIERS_MAX, spec->interface);
	if (status < 0) {
		free(spec);
		return status;
	}
	*(there ? there : &spec->classifiers[spec->classifier_count++]) = row;
	status = spec_put(request, spec, port, there ? "classifier changed" : "classifier added",
			  error);
	return status < 0
		       ? status
		       : request_reply(request, there ? 200 : 201, traffic_classifier_json(&row));
}

int rest_traffic_classifier_delete(struct request *request, struct error *error)
{
	int port;
	struct traffic_spec *spec = spec_copy(request, &port, error);
	struct traffic_classifier_spec *there;
	uint32_t handle;

	if (spec == NULL)
		return error->code;
	handle = handle_of(request, classifier_used, spec, error);
	there = handle ? classifier_find(spec, handle) : NULL;
	if (there == NULL) {
		if (handle != 0)
			error_set(error, -ENOENT, "handle", "there is no classifier %s on %s",
				  request_part(request, 1), spec->interface);
		free(spec);
		return error->code;
	}
	spec->classifier_count--;
	memmove(there, there + 1,
		(size_t)(&spec->classifiers[spec->classifier_count] - there) * sizeof(*there));
	return spec_put(request, spec, port, "classifier removed", error) < 0
		       ? error->code
		       : request_reply_empty(request, 204);
}
