/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "control/apply.h"
#include "control/document.h"
#include "control/rest.h"
#include "control/vpc.h"

/* The VPC gateway: VMs, a few or all at once, and VNIs. Workers see a change at once. */

int rest_vpc_get(struct request *request, struct error *error)
{
	json_t *object = vpc_config_json(&apply_running()->vpc);

	if (object == NULL)
		object = json_pack("{s:[]}", "addresses");
	json_object_set_new(object, "vms", json_integer(vm_count()));
	json_object_set_new(object, "hosts", json_integer(vm_host_count()));
	json_object_set_new(object, "vnis", vpc_vnis_json(true));
	return request_reply(request, 200, object);
}

/* VMs */

struct vm_stream {
	uint32_t cursor;
	uint64_t vni; // 0: all
	bool begun;
};

static enum stream_next vm_stream_more(void *arg, struct text *text)
{
	struct vm_stream *stream = arg;
	const struct vm *vm;
	struct vm_row row;
	json_t *object;
	char *line;

	if (stream->cursor == 0)
		text_add(text, "{\"vms\":[");
	while (text->size < STREAM_PIECE) {
		vm = vm_next(&stream->cursor);
		if (vm == NULL) {
			text_add(text, "]}\n");
			return STREAM_END;
		}
		if (stream->vni != 0 && vm->vni != stream->vni)
			continue;
		vm_row_of(vm, &row);
		object = vpc_vm_json(&row, true);
		line = json_dumps(object, JSON_COMPACT);
		json_decref(object);
		text_add(text, "%s%s", stream->begun ? ",\n" : "\n", line ? line : "null");
		free(line);
		stream->begun = true;
	}
	return STREAM_MORE;
}

int rest_vm_list(struct request *request, struct error *error)
{
	struct vm_stream *stream = calloc(1, sizeof(*stream));
	int status = stream ? request_number(request, "vni", VNI_MAX, &stream->vni, error)
			    : -ENOMEM;

	if (status < 0) {
		free(stream);
		return status;
	}
	return request_stream(request, "application/json", vm_stream_more, stream, free);
}

/* The rows of a body, or those that it names by VNI and address alone; to be freed. */
static int vm_rows_of_body(struct request *request, bool named, struct vm_row **rows,
			   unsigned int *count, struct error *error)
{
	json_t *body = request_body(request, error);
	int status;

	if (body == NULL)
		return error->code;
	status = named ? vpc_decode_vm_keys(body, rows, count, error)
		       : vpc_decode_vms(body, ORIGIN_REST, rows, count, error);
	json_decref(body);
	return status;
}

int rest_vm_post(struct request *request, struct error *error)
{
	struct vm_row *rows;
	unsigned int count;
	int status = vm_rows_of_body(request, false, &rows, &count, error);

	if (status < 0)
		return status;
	status = vpc_put_vms(rows, count, error);
	free(rows);
	if (status < 0)
		return status;
	log_notice("%s: %u VMs put, %u in all", request_peer(request), count, vm_count());
	return request_reply(request, 200,
			     json_pack("{s:i, s:i}", "put", (int)count, "vms", (int)vm_count()));
}

int rest_vm_post_delete(struct request *request, struct error *error)
{
	struct vm_row *rows;
	unsigned int count;
	int status = vm_rows_of_body(request, true, &rows, &count, error);

	if (status < 0)
		return status;
	status = vpc_delete_vms(rows, count, error);
	free(rows);
	if (status < 0)
		return status;
	log_notice("%s: %u VMs removed, %u are left", request_peer(request), count, vm_count());
	return request_reply(
		request, 200,
		json_pack("{s:i, s:i}", "deleted", (int)count, "vms", (int)vm_count()));
}

static int vm_of_request(const struct request *request, struct vm_row *row, struct error *error)
{
	int status = vpc_parse_vni(request_part(request, 0), &row->vni, error);

	return status < 0 ? status
			  : document_decode_address(request_part(request, 1), &row->addr, error);
}

int rest_vm_put(struct request *request, struct error *error)
{
	struct vm_row row = {.origin = ORIGIN_REST};
	json_t *body;
	uint32_t there;
	int status = vm_of_request(request, &row, error);

	if (status < 0)
		return status;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	status = vpc_decode_vm(body, &row, error);
	json_decref(body);
	there = vm_find(row.vni, &row.addr);
	if (there != 0 && vm_table[there].host == 0)
		there = 0;
	if (status == 0)
		status = vpc_put_vms(&row, 1, error);
	if (status < 0)
		return status;
	return request_reply(request, there ? 200 : 201, vpc_vm_json(&row, true));
}

int rest_vm_delete(struct request *request, struct error *error)
{
	struct vm_row row = {0};
	int status = vm_of_request(request, &row, error);

	if (status == 0)
		status = vpc_delete_vm(row.vni, &row.addr, error);
	return status < 0 ? status : request_reply_empty(request, 204);
}

/* VNIs */

int rest_vni_put(struct request *request, struct error *error)
{
	struct vpc_vni vni = {.origin = ORIGIN_REST};
	json_t *body;
	int status = vpc_parse_vni(request_part(request, 0), &vni.vni, error);

	if (status < 0)
		return status;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	status = vpc_decode_vni(body, &vni, error);
	json_decref(body);
	if (status == 0)
		status = vpc_change_vni(&vni, error);
	if (status < 0)
		return status;
	log_notice("%s: settings of VNI %u", request_peer(request), vni.vni);
	return request_reply(request, 200, vpc_vnis_json(true));
}

int rest_vni_delete(struct request *request, struct error *error)
{
	uint32_t vni;
	int status = vpc_parse_vni(request_part(request, 0), &vni, error);

	if (status == 0)
		status = vpc_delete_vni(vni, error);
	return status < 0 ? status : request_reply_empty(request, 204);
}
