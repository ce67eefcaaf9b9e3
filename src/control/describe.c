/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bfd_gate.h"
#include "control/document_fields.h"

/*
 * One line for each object that differs, objects inside a service included, so that a dry run of
 * a one-word change shows one line. A service that comes or goes is one line with its contents
 * counted.
 */
static void line_add(struct describe *d, unsigned int *counter, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void line_add(struct describe *d, unsigned int *counter, const char *format, ...)
{
	char text[512];
	va_list arguments;

	(*counter)++;
	if (d->texts == NULL || json_array_size(d->texts) >= d->limit)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_array_append_new(d->texts, json_string(text));
}

/* Local addresses of a service (`where` names it) or of the pool (""). Both arrays are sorted. */
static void describe_locals(struct describe *d, const char *where, const struct model_local *was,
			    unsigned int was_count, const struct model_local *is,
			    unsigned int is_count)
{
	unsigned int i = 0, k = 0;
	char text[ADDR_TEXT];

	while (i < was_count || k < is_count) {
		int order = i == was_count  ? 1
			    : k == is_count ? -1
					    : addr_compare(&was[i].addr, &is[k].addr);

		if (order < 0) {
			line_add(d, &d->removed, "- local address %s on %s%s",
				 addr_format(&was[i].addr, text), was[i].iface, where);
			i++;
		} else if (order > 0) {
			line_add(d, &d->added, "+ local address %s on %s%s",
				 addr_format(&is[k].addr, text), is[k].iface, where);
			k++;
		} else {
			if (strcmp(was[i].iface, is[k].iface) != 0)
				line_add(d, &d->changed, "~ local address %s%s: %s -> %s",
					 addr_format(&is[k].addr, text), where, was[i].iface,
					 is[k].iface);
			if (was[i].unclaimed != is[k].unclaimed)
				line_add(d, &d->changed, "~ local address %s%s: claim %s -> %s",
					 addr_format(&is[k].addr, text), where,
					 was[i].unclaimed ? "false" : "true",
					 is[k].unclaimed ? "false" : "true");
			i++;
			k++;
		}
	}
}

/* What settings amount to, in a word. */
static const char *check_kind(const struct check *check)
{
	if (check == NULL)
		return "not set";
	if (check == &check_none || (check->named & CHECK_HAS_TYPE) == 0)
		return check == &check_none ? "none" : "set";
	return check_types[check->type];
}

static void describe_check_field(struct describe *d, const char *what, const char *name,
				 const json_t *was, const json_t *is)
{
	const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10);
	char *old = was ? json_dumps(was, flags) : NULL, *new = is ? json_dumps(is, flags) : NULL;

	if (was == NULL || is == NULL || !json_equal(was, is))
		line_add(d, &d->changed, "~ %scheck.%s %s -> %s", what, name, old ? old : "default",
			 new ? new : "default");
	free(old);
	free(new);
}

/* "~ server 10.1.0.1:80 of service ...: check.interval 5 -> 2", a line for each field. */
static void describe_check(struct describe *d, const char *what, const struct check *was,
			   const struct check *is)
{
	json_t *old, *new, *value;
	const char *name;

	if (was == is)
		return;
	old = was && was != &check_none ? document_check_json(was) : json_object();
	new = is &&is != &check_none ? document_check_json(is) : json_object();
	if (json_object_size(old) == 0 || json_object_size(new) == 0)
		line_add(d, &d->changed, "~ %scheck %s -> %s", what, check_kind(was),
			 check_kind(is));
	else
		json_object_foreach (new, name, value)
			describe_check_field(d, what, name, json_object_get(old, name), value);
	json_object_foreach (old, name, value) {
		if (json_object_size(new) > 0 && json_object_get(new, name) == NULL)
			describe_check_field(d, what, name, value, NULL);
	}
	json_decref(old);
	json_decref(new);
}

static void describe_gate(struct describe *d, const char *prefix, const struct model_server *old,
			  const struct model_server *new)
{
	char was[BFD_REFERENCE] = "none", is[BFD_REFERENCE] = "none";

	if (memcmp(&old->bfd, &new->bfd, sizeof(old->bfd)) == 0)
		return;
	if (old->bfd.peer.family != AF_UNSPEC)
		bfd_reference_format(&old->bfd, was);
	if (new->bfd.peer.family != AF_UNSPEC)
		bfd_reference_format(&new->bfd, is);
	line_add(d, &d->changed, "~ %sbfd %s -> %s", prefix, was, is);
}

static void describe_thresholds(struct describe *d, const char *prefix,
				const struct model_server *old, const struct model_server *new)
{
	if (old->upper != new->upper)
		line_add(d, &d->changed, "~ %supper_threshold %u -> %u", prefix, old->upper,
			 new->upper);
	if (old->lower != new->lower)
		line_add(d, &d->changed, "~ %slower_threshold %u -> %u", prefix, old->lower,
			 new->lower);
}

static void describe_servers(struct describe *d, const char *where, const struct model_service *was,
			     const struct model_service *is)
{
	unsigned int i = 0, k = 0;
	char text[ENDPOINT_TEXT], prefix[ENDPOINT_TEXT + SERVICE_TEXT + 32];

	while (i < was->server_count || k < is->server_count) {
		const struct model_server *old = &was->servers[i], *new = &is->servers[k];
		int order = i == was->server_count  ? 1
			    : k == is->server_count ? -1
						    : model_server_compare(old, new);

		if (order < 0) {
			line_add(d, &d->removed, "- server %s%s",
				 endpoint_format(&old->addr, old->port, text), where);
			i++;
		} else if (order > 0) {
			line_add(d, &d->added, "+ server %s%s, weight %u",
				 endpoint_format(&new->addr, new->port, text), where, new->weight);
			k++;
		} else {
			if (old->weight != new->weight)
				line_add(d, &d->changed, "~ server %s%s: weight %u -> %u",
					 endpoint_format(&new->addr, new->port, text), where,
					 old->weight, new->weight);
			snprintf(prefix, sizeof(prefix),
				 "server %s%s: ", endpoint_format(&new->addr, new->port, text),
				 where);
			if (strcmp(old->mode, new->mode) != 0)
				line_add(d, &d->changed, "~ %smode %s -> %s", prefix,
					 model_server_mode(was, old), model_server_mode(is, new));
			if (memcmp(&old->tunnel, &new->tunnel, sizeof(old->tunnel)) != 0)
				line_add(d, &d->changed, "~ %stunnel %s -> %s", prefix,
					 tunnel_type_words[old->tunnel.type],
					 tunnel_type_words[new->tunnel.type]);
			describe_thresholds(d, prefix, old, new);
			describe_gate(d, prefix, old, new);
			describe_check(d, prefix, old->check, new->check);
			i++;
			k++;
		}
	}
}

/* "90", or "default" for what a service leaves to the defaults. */
static const char *seconds_format(uint16_t seconds, char text[static 8])
{
	if (seconds == 0)
		return "default";
	snprintf(text, 8, "%u", seconds);
	return text;
}

static void describe_timeouts(struct describe *d, const char *where, const struct timeouts *was,
			      const struct timeouts *is)
{
	char old[8], new[8];

	for (unsigned int i = 0; i < STATE_COUNT; i++) {
		if (was->seconds[i] != is->seconds[i])
			line_add(d, &d->changed, "~ %stimeouts.%s %s -> %s", where,
				 document_timeout_name(i), seconds_format(was->seconds[i], old),
				 seconds_format(is->seconds[i], new));
	}
}

static const char *unknown_name(uint8_t action)
{
	return action == UNKNOWN_HASH ? "hash" : action == UNKNOWN_DROP ? "drop" : "reset";
}

static void describe_announcing(struct describe *d, const char *prefix,
				const struct model_service *was, const struct model_service *is)
{
	if (was->announce != is->announce)
		line_add(d, &d->changed, "~ %sannounce %s -> %s", prefix,
			 was->announce ? "true" : "false", is->announce ? "true" : "false");
	if (was->quorum != is->quorum)
		line_add(d, &d->changed, "~ %squorum %u -> %u", prefix, was->quorum, is->quorum);
	if (was->hysteresis != is->hysteresis)
		line_add(d, &d->changed, "~ %shysteresis %u -> %u", prefix, was->hysteresis,
			 is->hysteresis);
}

static const char *yes(bool value)
{
	return value ? "true" : "false";
}

static void describe_quic(struct describe *d, const char *prefix, const struct quic_settings *was,
			  const struct quic_settings *is)
{
	json_t *old = document_quic_lb_json(was), *new = document_quic_lb_json(is);
	char *before = json_dumps(old, JSON_COMPACT), *after = json_dumps(new, JSON_COMPACT);

	line_add(d, &d->changed, "~ %squic %s%s -> %s%s", prefix, document_quic_words[was->format],
		 was->format == QUIC_LB && before ? before : "", document_quic_words[is->format],
		 is->format == QUIC_LB && after ? after : "");
	free(before);
	free(after);
	json_decref(old);
	json_decref(new);
}

static void describe_syn_proxy(struct describe *d, const char *prefix, const struct syn_proxy *was,
			       const struct syn_proxy *is)
{
	json_t *before, *after;
	char *old, *new;

	if (memcmp(was, is, sizeof(*was)) == 0)
		return;
	before = document_syn_proxy_json(was);
	after = document_syn_proxy_json(is);
	old = json_dumps(before, JSON_COMPACT | JSON_ENCODE_ANY);
	new = json_dumps(after, JSON_COMPACT | JSON_ENCODE_ANY);
	line_add(d, &d->changed, "~ %ssyn_proxy %s -> %s", prefix, old ? old : "?",
		 new ? new : "?");
	free(old);
	free(new);
	json_decref(before);
	json_decref(after);
}

static void describe_sessions(struct describe *d, const char *prefix,
			      const struct model_service *was, const struct model_service *is)
{
	if (was->persistent != is->persistent)
		line_add(d, &d->changed, "~ %spersistent %u -> %u", prefix, was->persistent,
			 is->persistent);
	if (was->persistent_bits != is->persistent_bits)
		line_add(d, &d->changed, "~ %snetmask %u -> %u", prefix,
			 model_service_persistent_bits(was), model_service_persistent_bits(is));
	if (was->one_packet != is->one_packet)
		line_add(d, &d->changed, "~ %sone_packet %s -> %s", prefix, yes(was->one_packet),
			 yes(is->one_packet));
	if (was->hash_target != is->hash_target)
		line_add(d, &d->changed, "~ %shash_target %s -> %s", prefix,
			 document_hash_targets[was->hash_target],
			 document_hash_targets[is->hash_target]);
	if (memcmp(&was->quic, &is->quic, sizeof(was->quic)) != 0)
		describe_quic(d, prefix, &was->quic, &is->quic);
	if (was->removed_servers != is->removed_servers)
		line_add(d, &d->changed, "~ %sremoved_servers %s -> %s", prefix,
			 document_removed_words[was->removed_servers],
			 document_removed_words[is->removed_servers]);
	if (was->expire_quiescent != is->expire_quiescent)
		line_add(d, &d->changed, "~ %sexpire_quiescent %s -> %s", prefix,
			 yes(was->expire_quiescent), yes(is->expire_quiescent));
	if (was->client_address != is->client_address)
		line_add(d, &d->changed, "~ %sclient_address %s -> %s", prefix,
			 document_client_address_words[was->client_address],
			 document_client_address_words[is->client_address]);
	if (was->uoa_max_trail != is->uoa_max_trail)
		line_add(d, &d->changed, "~ %suoa_max_trail %u -> %u", prefix, was->uoa_max_trail,
			 is->uoa_max_trail);
	if (was->proxy_protocol != is->proxy_protocol)
		line_add(d, &d->changed, "~ %sproxy_protocol %s -> %s", prefix,
			 document_proxy_protocol_words[was->proxy_protocol],
			 document_proxy_protocol_words[is->proxy_protocol]);
	describe_syn_proxy(d, prefix, &was->syn_proxy, &is->syn_proxy);
	if (was->symmetric_return != is->symmetric_return)
		line_add(d, &d->changed, "~ %ssymmetric_return %s -> %s", prefix,
			 yes(was->symmetric_return), yes(is->symmetric_return));
}

static void describe_scheduler_flags(struct describe *d, const char *prefix, uint8_t was,
				     uint8_t is)
{
	for (unsigned int i = 0; document_scheduler_flags[i]; i++) {
		if ((was ^ is) & 1 << i)
			line_add(d, &d->changed, "~ %sscheduler_flags: %c%s", prefix,
				 is & 1 << i ? '+' : '-', document_scheduler_flags[i]);
	}
}

static void describe_limits(struct describe *d, const char *prefix, const struct model_service *was,
			    const struct model_service *is)
{
	json_t *old, *new;
	char *from, *to;

	if (memcmp(&was->limits, &is->limits, sizeof(was->limits)) == 0)
		return;
	old = document_limits_json(&was->limits);
	new = document_limits_json(&is->limits);
	from = json_dumps(old, JSON_COMPACT | JSON_SORT_KEYS);
	to = json_dumps(new, JSON_COMPACT | JSON_SORT_KEYS);
	line_add(d, &d->changed, "~ %slimits %s -> %s", prefix, from ? from : "?", to ? to : "?");
	free(from);
	free(to);
	json_decref(old);
	json_decref(new);
}

/* A service that was and is. */
static void describe_service(struct describe *d, const struct model_service *was,
			     const struct model_service *is)
{
	char name[SERVICE_TEXT], of[SERVICE_TEXT + 16], prefix[SERVICE_TEXT + 16];

	model_service_format(&is->key, name);
	snprintf(of, sizeof(of), " of service %s", name);
	snprintf(prefix, sizeof(prefix), "service %s: ", name);
	if (strcmp(was->scheduler, is->scheduler) != 0)
		line_add(d, &d->changed, "~ %sscheduler %s -> %s", prefix, was->scheduler,
			 is->scheduler);
	describe_scheduler_flags(d, prefix, was->scheduler_flags, is->scheduler_flags);
	if (strcmp(was->mode, is->mode) != 0)
		line_add(d, &d->changed, "~ %smode %s -> %s", prefix, was->mode, is->mode);
	if (was->unknown_tcp != is->unknown_tcp)
		line_add(d, &d->changed, "~ %sunknown_tcp %s -> %s", prefix,
			 unknown_name(was->unknown_tcp), unknown_name(is->unknown_tcp));
	if (was->mss != is->mss)
		line_add(d, &d->changed, "~ %smss %u -> %u", prefix, was->mss, is->mss);
	describe_sessions(d, prefix, was, is);
	describe_limits(d, prefix, was, is);
	describe_announcing(d, prefix, was, is);
	describe_check(d, prefix, was->check, is->check);
	describe_timeouts(d, prefix, &was->timeouts, &is->timeouts);
	describe_locals(d, of, was->locals, was->local_count, is->locals, is->local_count);
	describe_servers(d, of, was, is);
}

static void describe_marks(struct describe *d, const struct model_marks *was,
			   const struct model_marks *is)
{
	const struct model_marks *sides[] = {was, is};
	unsigned int before = d->removed + d->added;
	char text[MARK_TEXT];

	for (unsigned int side = 0; side < 2; side++)
		for (unsigned int i = 0; i < sides[side]->count; i++) {
			const struct model_mark *rule = &sides[side]->rules[i];
			const struct model_marks *other = sides[1 - side];
			unsigned int k = 0;

			while (k < other->count && !mark_equal(&other->rules[k], rule))
				k++;
			if (k == other->count)
				line_add(d, side ? &d->added : &d->removed, "%c mark %s",
					 side ? '+' : '-', mark_format(rule, text));
		}
	if (before == d->removed + d->added)
		line_add(d, &d->changed, "~ marks: the order of the rules, or who made them");
}

void describe_edit(const struct edit *edit, struct describe *d)
{
	const struct model_local *pool;
	unsigned int pool_count;
	char name[SERVICE_TEXT];

	for (unsigned int i = 0; i < edit->count; i++) {
		const struct model_service *was = edit->changes[i].before;
		const struct model_service *is = edit->changes[i].after;

		if (was == NULL)
			line_add(d, &d->added, "+ service %s (%s, %s, %u real server%s)",
				 model_service_format(&is->key, name), is->scheduler, is->mode,
				 is->server_count, is->server_count == 1 ? "" : "s");
		else if (is == NULL)
			line_add(d, &d->removed, "- service %s (%u real server%s)",
				 model_service_format(&was->key, name), was->server_count,
				 was->server_count == 1 ? "" : "s");
		else
			describe_service(d, was, is);
	}
	pool = model_pool(&pool_count);
	if (edit->pool_given)
		describe_locals(d, "", pool, pool_count, edit->pool, edit->pool_count);
	if (edit->marks_given)
		describe_marks(d, model_marks(), &edit->marks);
	if (edit->timeouts_given)
		describe_timeouts(d, "", model_timeouts(), &edit->timeouts);
}
