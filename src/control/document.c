/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/protocol.h"
#include "control/decode.h"
#include "control/document_fields.h"
#include "control/keyed.h"
#include "control/match_number.h"
#include "control/service_key.h"

enum { DOCUMENT_SERVICES = SERVICE_MAX };

/* Whole documents */

static int range_compare(const void *a, const void *b)
{
	const struct service_key *x = &(*(struct model_service *const *)a)->key;
	const struct service_key *y = &(*(struct model_service *const *)b)->key;
	int order = addr_compare(&x->vip, &y->vip);

	if (order == 0)
		order = (int)x->protocol - (int)y->protocol;
	return order != 0 ? order : (int)x->port - (int)y->port;
}

/* Services on ranges of ports of one address must not overlap; others are more or less specific. */
static int ranges_check(struct decode *d, const struct document *document)
{
	struct model_service **ranges = calloc(document->service_count + 1, sizeof(*ranges));
	unsigned int count = 0;
	int status = 0;

	if (ranges == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < document->service_count; i++)
		if (document->services[i]->key.port_end != 0)
			ranges[count++] = document->services[i];
	qsort(ranges, count, sizeof(*ranges), range_compare);
	for (unsigned int i = 1; i < count && status == 0; i++) {
		const struct service_key *one = &ranges[i - 1]->key, *two = &ranges[i]->key;
		char name[SERVICE_TEXT], other[SERVICE_TEXT];

		if (addr_equal(&one->vip, &two->vip) && one->protocol == two->protocol &&
		    two->port <= one->port_end)
			status = decode_fail(d, -EINVAL, "the ports of %s and %s overlap",
					     model_service_format(one, name),
					     model_service_format(two, other));
	}
	free(ranges);
	return status;
}

static int services_decode(struct decode *d, const json_t *list, struct document *document)
{
	const struct document_context *context = d->context;
	const struct service_key no_key = {.protocol = IPPROTO_TCP};
	struct keyed seen = KEYED_INIT(sizeof(struct service_key));
	size_t length, count;
	int status = decode_list_size(d, list, DOCUMENT_SERVICES, &count);

	if (status < 0)
		return status;
	document->services = calloc(count + 1, sizeof(*document->services));
	if (document->services == NULL || keyed_reserve(&seen, (uint32_t)count) < 0)
		return decode_fail(d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct model_service *service = model_service_new(&no_key, context->source->origin);
		unsigned int first = 0;

		length = decode_enter(d, "[%zu]", i);
		status = service ? document_fields_service(d, json_array_get(list, i), service)
				 : -ENOMEM;
		if (status < 0) {
			model_service_free(service);
			break;
		}
		document->services[document->service_count++] = service;
		if (keyed_find(&seen, &service->key) != NULL) {
			while (memcmp(&document->services[first]->key, &service->key,
				      sizeof(service->key)) != 0)
				first++;
			status = decode_fail(d, -EINVAL, "is the same service as services[%u]",
					     first);
			break;
		}
		keyed_insert(&seen, service);
		decode_leave(d, length);
	}
	keyed_free(&seen);
	return status < 0 ? status : ranges_check(d, document);
}

/* The defaults of all services, which have defaults themselves. */
static int defaults_decode(struct decode *d, const json_t *section, struct timeouts *timeouts)
{
	int status = decode_object(d, section, document_timeout_fields, timeouts);

	for (unsigned int i = 0; i < STATE_COUNT; i++) {
		if (timeouts->seconds[i] == 0)
			timeouts->seconds[i] = timeouts_default.seconds[i];
	}
	return status;
}

static int section_decode(struct decode *d, const json_t *json, const char *name,
			  struct document *document)
{
	const json_t *section = json_object_get(json, name);
	size_t length = decode_enter(d, ".%s", name);
	int status;

	if (section == NULL || json_is_null(section)) {
		decode_leave(d, length);
		return 0;
	}
	if (strcmp(name, "services") == 0)
		status = services_decode(d, section, document);
	else if (strcmp(name, "timeouts") == 0)
		status = defaults_decode(d, section, &document->timeouts);
	else if (strcmp(name, "marks") == 0)
		status = document_decode_marks(d, section, &document->marks);
	else
		status = document_decode_locals(d, section, &document->pool, &document->pool_count);
	if (status == 0)
		decode_leave(d, length);
	return status;
}

/* Local addresses for servers of the other family: the document's, or those that there are. */
static int service_judge(const struct document *document, unsigned int number, struct error *error)
{
	unsigned int count = document->pool_count;
	const struct model_local *pool = document->pool;
	struct error found;
	int status;

	if (count == 0)
		pool = model_pool(&count);
	status = document_judge_families(document->services[number], pool, count, &found);
	if (status < 0) {
		char field[sizeof(found.field)];

		snprintf(field, sizeof(field), "services[%u].local_addresses", number);
		error_set(error, status, field, "%s", found.text);
	}
	return status;
}

int document_decode(const json_t *json, const struct document_source *source,
		    struct document *document, struct error *error)
{
	struct document_context context = {.source = source};
	struct decode d = {.error = error, .context = &context};
	int status;

	memset(document, 0, sizeof(*document));
	document->timeouts = timeouts_default;
	status = section_decode(&d, json, "timeouts", document);
	if (status == 0)
		status = section_decode(&d, json, "local_addresses", document);
	if (status == 0)
		status = section_decode(&d, json, "marks", document);
	if (status == 0)
		status = section_decode(&d, json, "services", document);
	if (status == 0)
		status = document_decode_acl_sections(&d, json, &document->acl);
	if (status == 0 && !source->saved)
		status = sets_decode(json_object_get(json, "sets"), &document->sets, error);
	if (status == 0 && !source->saved)
		status = document_judge_acl(document, error);
	// What was saved was accepted once, and has to come back.
	for (unsigned int i = 0; status == 0 && !source->saved && i < document->service_count; i++)
		status = service_judge(document, i, error);
	if (status < 0)
		document_free(document);
	return status;
}

void document_free(struct document *document)
{
	for (unsigned int i = 0; i < document->service_count; i++)
		model_service_free(document->services[i]);
	free(document->services);
	free(document->pool);
	marks_free(&document->marks);
	sets_wanted_free(&document->sets);
	acl_node_free(&document->acl);
	memset(document, 0, sizeof(*document));
}

/* Bodies of requests */

/* An address that stands in the path and not in the body. */
static int check_path_address(struct decode *d, const char *name, const struct addr *addr)
{
	size_t length = decode_enter(d, ".%s", name);
	int status = document_check_unicast(d, addr);

	decode_leave(d, length);
	return status;
}

int document_patch_service(const json_t *body, enum origin origin, struct model_service *service,
			   struct error *error)
{
	const struct document_source source = {.origin = origin};
	struct document_context context = {.source = &source, .key_given = true};
	struct decode d = {.error = error, .context = &context};
	const struct service_key key = service->key;
	int status = 0;

	if (key.kind == SERVICE_ADDRESS)
		status = check_path_address(&d, "vip", &key.vip);
	if (status == 0)
		status = document_fields_service(&d, body, service);
	if (status == 0 && memcmp(&key, &service->key, sizeof(key)) != 0)
		status = error_set(error, -EINVAL, "",
				   key.kind == SERVICE_MATCH
					   ? "the match differs from that in the path"
					   : "vip, port, protocol and vni differ from those in the "
					     "path");
	if (status == 0) {
		unsigned int count;
		const struct model_local *pool = model_pool(&count);

		status = document_judge_families(service, pool, count, error);
	}
	return status;
}

int document_decode_service(const json_t *body, const struct service_key *key, enum origin origin,
			    struct model_service **out, struct error *error)
{
	struct model_service *service = model_service_new(key, origin);
	int status;

	if (service == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = document_patch_service(body, origin, service, error);
	if (status < 0) {
		model_service_free(service);
		return status;
	}
	*out = service;
	return 0;
}

/* A body in which everything may be left out, since the key stands in the path. */
static int body_decode(struct decode *d, const json_t *body, const struct field *fields,
		       void *target)
{
	struct field optional[32];
	unsigned int count = 0;

	do {
		optional[count] = fields[count];
		optional[count].required = false;
	} while (fields[count++].name != NULL);
	return decode_object(d, body, optional, target);
}

int document_decode_server(const json_t *body, const struct service_key *key,
			   struct model_server *server, struct error *error)
{
	const struct document_source source = {.origin = server->origin};
	const struct model_service *running = model_find(key);
	struct model_service service = {.key = *key, .check = running ? running->check : NULL};
	struct document_context context = {.source = &source, .service = &service};
	struct decode d = {.error = error, .context = &context};
	const struct model_server wanted = *server;
	int status = check_path_address(&d, "address", &wanted.addr);

	snprintf(service.mode, sizeof(service.mode), "%s", running ? running->mode : "fullnat");
	if (status == 0)
		status = body_decode(&d, body, document_server_fields, server);
	if (status == 0)
		status = document_check_wan(&d, key, server);
	if (status == 0)
		status = document_judge_server_vni(&d, server);
	if (status == 0)
		status = document_judge_server(&d, server);
	if (status == 0)
		status = document_check_vni(key, server, error);
	if (status == 0 && model_server_compare(&wanted, server) != 0)
		status = error_set(error, -EINVAL, "",
				   "address and port differ from those in the path");
	return status;
}

int document_decode_local(const json_t *body, struct model_local *local, struct error *error)
{
	const struct document_source source = {.origin = local->origin};
	struct document_context context = {.source = &source};
	struct decode d = {.error = error, .context = &context};
	const struct addr wanted = local->addr;
	int status = check_path_address(&d, "address", &wanted);

	if (status == 0)
		status = body_decode(&d, body, document_local_fields, local);
	if (status < 0)
		return status;
	if (!addr_equal(&wanted, &local->addr))
		return error_set(error, -EINVAL, "address", "differs from that in the path");
	if (local->iface[0] == '\0')
		return error_set(error, -EINVAL, "interface", "is missing");
	return 0;
}

int document_patch_timeouts(const json_t *body, struct timeouts *timeouts, struct error *error)
{
	struct decode d = {.error = error};

	return defaults_decode(&d, body, timeouts);
}

/* Keys in paths */

/* An address as a path has it, in brackets or not; the checks are those of a body. */
static int path_address(const char *text, const char *field, struct addr *addr, struct error *error)
{
	char bare[ADDR_TEXT];
	size_t length = strlen(text);

	if (length > 2 && length < sizeof(bare) && text[0] == '[' && text[length - 1] == ']') {
		memcpy(bare, text + 1, length - 2);
		bare[length - 2] = '\0';
		text = bare;
	}
	if (addr_parse(text, addr) < 0)
		return error_set(error, -EINVAL, field, "\"%.64s\" is no IPv4 or IPv6 address",
				 text);
	return 0;
}

int document_decode_address(const char *text, struct addr *addr, struct error *error)
{
	return path_address(text, "address", addr, error);
}

int document_decode_server_port(const char *text, uint16_t *port, struct error *error)
{
	*port = 0;
	return strcmp(text, "0") == 0 ? 0 : document_decode_port(text, port, error);
}

int document_decode_port(const char *text, uint16_t *port, struct error *error)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number == 0 ||
	    number > 65535)
		return error_set(error, -EINVAL, "port", "\"%.32s\" is no port, 1 to 65535", text);
	*port = (uint16_t)number;
	return 0;
}

int document_decode_protocol(const char *text, uint8_t *protocol, struct error *error)
{
	int number = protocol_parse(text);

	if (number < 0)
		return error_set(error, -EINVAL, "protocol",
				 "\"%.32s\" is none of: " PROTOCOL_WORDS, text);
	*protocol = (uint8_t)number;
	return 0;
}

/* "/v1/services/match/tcp,from=A-B,oif=dpdk1/0": the port is that of the WAN addresses. */
static int path_match(const char *text, const char *port, struct service_key *key,
		      struct error *error)
{
	struct match match;

	if (strcmp(port, "0") != 0)
		return error_set(error, -EINVAL, "port", "of a match is 0, not \"%.32s\"", port);
	if (match_parse(text, &match, error) < 0)
		return -EINVAL;
	*key = match_key(&match);
	return key->mark ? 0 : error_set(error, -ENOSPC, "", "there is no room for more matches");
}

int document_decode_key(const char *protocol, const char *vip, const char *port,
			struct service_key *key, struct error *error)
{
	char address[ADDR_TEXT + 2];
	int status;

	if (strcmp(protocol, "match") == 0)
		return path_match(vip, port, key, error);
	memset(key, 0, sizeof(*key));
	if (strcasecmp(protocol, "fwmark") == 0)
		return service_key_decode_mark(vip, port, key, error);
	status = document_decode_protocol(protocol, &key->protocol, error);
	if (status == 0)
		status = document_split_vni(vip, address, &key->zone, error);
	if (status == 0)
		status = path_address(address, "vip", &key->vip, error);
	if (status == 0)
		status = service_key_decode_ports(port, key, error);
	return status;
}
