/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The field `syn_proxy` of a service: true, false, "auto", or an object with DPVS's names for what
 * can be set. An object turns it on unless it says `enabled: false`; what it leaves out stays as it
 * is.
 */
#include <errno.h>
#include <string.h>

#include "control/document_fields.h"
#include "session/state.h"

static const struct syn_proxy defaults = SYN_PROXY_DEFAULTS;

static const struct field synack_fields[] = {
	{"mss", decode_integer, FIELD_OF(struct syn_proxy, mss), .minimum = 256, .maximum = 65495},
	{"ttl", decode_integer, FIELD_OF(struct syn_proxy, ttl), .minimum = 1, .maximum = 255},
	{"sack", decode_boolean, FIELD_OF(struct syn_proxy, sack)},
	{"wscale", decode_integer, FIELD_OF(struct syn_proxy, window_scale), .maximum = 14},
	{"timestamp", decode_boolean, FIELD_OF(struct syn_proxy, timestamps)},
	{NULL},
};

static int decode_synack(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	return decode_object(d, value, synack_fields, target);
}

#define REUSE_OF(state) FIELD_OF(struct syn_proxy, reuse[(state)-STATE_FIN_WAIT])

static const struct field reuse_fields[] = {
	{"close", decode_boolean, REUSE_OF(STATE_CLOSE)},
	{"time_wait", decode_boolean, REUSE_OF(STATE_TIME_WAIT)},
	{"fin_wait", decode_boolean, REUSE_OF(STATE_FIN_WAIT)},
	{"close_wait", decode_boolean, REUSE_OF(STATE_CLOSE_WAIT)},
	{"last_ack", decode_boolean, REUSE_OF(STATE_LAST_ACK)},
	{NULL},
};

static int decode_reuse(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	return decode_object(d, value, reuse_fields, target);
}

static int decode_enabled(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct syn_proxy *proxy = target;

	if (json_is_boolean(value))
		proxy->mode = json_is_true(value) ? SYN_PROXY_ON : SYN_PROXY_OFF;
	else if (json_is_string(value) && strcmp(json_string_value(value), "auto") == 0)
		proxy->mode = SYN_PROXY_AUTO;
	else
		return decode_fail(d, -EINVAL, "must be true, false or \"auto\"");
	return 0;
}

static const struct field syn_proxy_fields[] = {
	{"enabled", decode_enabled},
	{"synack_options", decode_synack},
	{"close_client_window", decode_boolean, FIELD_OF(struct syn_proxy, close_client_window)},
	{"defer_rs_syn", decode_boolean, FIELD_OF(struct syn_proxy, defer)},
	{"rs_syn_max_retry", decode_integer, FIELD_OF(struct syn_proxy, retries), .minimum = 1,
	 .maximum = 99},
	{"ack_storm_thresh", decode_integer, FIELD_OF(struct syn_proxy, acks), .minimum = 1,
	 .maximum = 999},
	{"max_ack_saved", decode_integer, FIELD_OF(struct syn_proxy, saved), .minimum = 1,
	 .maximum = 63},
	{"conn_reuse_state", decode_reuse},
	{NULL},
};

int document_decode_syn_proxy(struct decode *d, const json_t *value, const struct field *field,
			      void *target)
{
	struct syn_proxy *proxy = &((struct model_service *)target)->syn_proxy;

	if (json_is_null(value)) {
		*proxy = defaults;
		return 0;
	}
	if (!json_is_object(value))
		return decode_enabled(d, value, field, proxy);
	proxy->mode = SYN_PROXY_ON;
	return decode_object(d, value, syn_proxy_fields, proxy);
}

static json_t *synack_json(const struct syn_proxy *proxy)
{
	json_t *object = json_object();

	if (proxy->mss != defaults.mss)
		json_object_set_new(object, "mss", json_integer(proxy->mss));
	if (proxy->ttl != defaults.ttl)
		json_object_set_new(object, "ttl", json_integer(proxy->ttl));
	if (proxy->sack != defaults.sack)
		json_object_set_new(object, "sack", json_boolean(proxy->sack));
	if (proxy->window_scale != defaults.window_scale)
		json_object_set_new(object, "wscale", json_integer(proxy->window_scale));
	if (proxy->timestamps != defaults.timestamps)
		json_object_set_new(object, "timestamp", json_boolean(proxy->timestamps));
	return object;
}

/* The states that differ from the defaults. */
static json_t *reuse_json(const struct syn_proxy *proxy)
{
	json_t *object = json_object();

	for (const struct field *field = reuse_fields; field->name; field++) {
		bool value = *(const bool *)((const char *)proxy + field->offset);

		if (value != *(const bool *)((const char *)&defaults + field->offset))
			json_object_set_new(object, field->name, json_boolean(value));
	}
	return object;
}

static json_t *enabled_json(const struct syn_proxy *proxy)
{
	if (proxy->mode == SYN_PROXY_AUTO)
		return json_string("auto");
	return json_boolean(proxy->mode == SYN_PROXY_ON);
}

json_t *document_syn_proxy_json(const struct syn_proxy *proxy)
{
	json_t *object, *synack, *reuse;

	if (memcmp(proxy, &defaults, sizeof(defaults)) == 0)
		return json_false();
	object = json_pack("{s:o}", "enabled", enabled_json(proxy));
	synack = synack_json(proxy);
	if (json_object_size(synack) > 0)
		json_object_set(object, "synack_options", synack);
	json_decref(synack);
	if (proxy->close_client_window)
		json_object_set_new(object, "close_client_window", json_true());
	if (proxy->defer)
		json_object_set_new(object, "defer_rs_syn", json_true());
	if (proxy->retries != defaults.retries)
		json_object_set_new(object, "rs_syn_max_retry", json_integer(proxy->retries));
	if (proxy->acks != defaults.acks)
		json_object_set_new(object, "ack_storm_thresh", json_integer(proxy->acks));
	if (proxy->saved != defaults.saved)
		json_object_set_new(object, "max_ack_saved", json_integer(proxy->saved));
	reuse = reuse_json(proxy);
	if (json_object_size(reuse) > 0)
		json_object_set(object, "conn_reuse_state", reuse);
	json_decref(reuse);
	if (json_object_size(object) > 1 || proxy->mode == SYN_PROXY_OFF)
		return object;
	json_decref(object);
	return enabled_json(proxy);
}

/* Do answers of real servers come back through weir? */
static bool mode_goes_back(const char *mode)
{
	return strcmp(mode, "fullnat") == 0 || strcmp(mode, "nat") == 0;
}

int document_check_syn_proxy(const struct model_service *service, const struct model_server *server,
			     struct error *error)
{
	const char *mode = model_server_mode(service, server);
	char name[ENDPOINT_TEXT];

	if (service->syn_proxy.mode == SYN_PROXY_OFF)
		return 0;
	endpoint_format(&server->addr, server->port, name);
	if (!mode_goes_back(mode))
		return error_set(error, -EINVAL, "syn_proxy",
				 "needs the modes fullnat or nat: that of %s is %s", name, mode);
	return 0;
}

int document_judge_syn_proxy(struct decode *d, const struct model_service *service)
{
	struct error inner;
	size_t length;
	int status;

	if (service->syn_proxy.mode == SYN_PROXY_OFF)
		return 0;
	length = decode_enter(d, ".syn_proxy");
	if (service->key.kind == SERVICE_MATCH)
		return decode_fail(d, -EINVAL, "is not for a service by match");
	if (service->key.protocol != 0 && service->key.protocol != IPPROTO_TCP)
		return decode_fail(d, -EINVAL, "is only for TCP");
	if (!mode_goes_back(service->mode))
		return decode_fail(d, -EINVAL, "needs the modes fullnat or nat, not %s",
				   service->mode);
	if (service->unknown_tcp == UNKNOWN_HASH)
		return decode_fail(d, -EINVAL,
				   "does not go with unknown_tcp: hash, which forwards what has no "
				   "session");
	for (unsigned int i = 0; i < service->server_count; i++) {
		status = document_check_syn_proxy(service, &service->servers[i], &inner);
		if (status < 0)
			return decode_fail(d, status, "%s", inner.text);
	}
	decode_leave(d, length);
	return 0;
}
