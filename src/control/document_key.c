/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "control/document_fields.h"
#include "control/service_key.h"

/*
 * What names a service (an address with a port, a range or any port; a firewall mark), and the
 * settings of its sessions that not every service can have.
 */
static const char *const protocol_words[] = {"tcp", "udp", "sctp", NULL};
static const uint8_t protocol_numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};

int document_decode_protocol_field(struct decode *d, const json_t *value, const struct field *field,
				   void *target)
{
	const char *text = json_string_value(value);
	struct service_key *key = &((struct model_service *)target)->key;
	struct field place = {.size = 1, .more = protocol_words};
	uint8_t index;
	int status;

	if (text != NULL && strcasecmp(text, "fwmark") == 0) {
		key->kind = SERVICE_MARK;
		key->protocol = 0;
		return 0;
	}
	if (text != NULL && strcasecmp(text, "icmp") == 0)
		return decode_fail(d, -EOPNOTSUPP, "balancing %s is not available yet", text);
	status = decode_word(d, value, &place, &index);
	if (status == 0)
		key->protocol = protocol_numbers[index];
	return status;
}

/* The mark makes it a service by mark; which IP version, `family` says. */
int document_decode_mark(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	struct service_key *key = &((struct model_service *)target)->key;
	int status = decode_integer(d, value, field, target);

	if (status < 0)
		return status;
	if (key->kind != SERVICE_MARK && key->vip.family != AF_UNSPEC)
		return decode_fail(
			d, -EINVAL,
			"a service by firewall mark has no address of its own; leave out "
			"vip, port and protocol");
	key->kind = SERVICE_MARK;
	key->protocol = 0;
	if (key->vip.family == AF_UNSPEC)
		key->vip.family = AF_INET;
	return 0;
}

int document_decode_family(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	static const char *const words[] = {"ipv4", "ipv6", NULL};
	struct service_key *key = &((struct model_service *)target)->key;
	struct field place = {.size = 1, .more = words};
	uint8_t index;
	int status = decode_word(d, value, &place, &index);

	if (status < 0)
		return status;
	if (key->kind != SERVICE_MARK)
		return decode_fail(d, -EINVAL, "is only for services by firewall mark (fwmark)");
	key->vip.family = index == 1 ? AF_INET6 : AF_INET;
	return 0;
}

/* Seconds; false and null: not persistent. */
int document_decode_persistent(struct decode *d, const json_t *value, const struct field *field,
			       void *target)
{
	if (!json_is_null(value) && !json_is_false(value))
		return decode_integer(d, value, field, target);
	((struct model_service *)target)->persistent = 0;
	return 0;
}

/* A prefix length, or a mask of IPv4; null: whole addresses. */
int document_decode_netmask(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	struct model_service *service = target;
	bool ipv6 = service->key.vip.family == AF_INET6;
	const char *text = json_string_value(value);
	struct field bits = {.size = 1, .minimum = 1, .maximum = ipv6 ? 128 : 32};
	struct addr mask;
	uint32_t inverse;

	service->persistent_bits = 0;
	if (json_is_null(value))
		return 0;
	if (text == NULL)
		return decode_integer(d, value, &bits, &service->persistent_bits);
	if (ipv6 || addr_parse(text, &mask) < 0 || mask.family != AF_INET)
		return decode_fail(d, -EINVAL, "must be a prefix length%s",
				   ipv6 ? ", 1 to 128" : ", 1 to 32, or a mask like 255.255.255.0");
	inverse = ~ntohl(mask.v4);
	if (inverse == UINT32_MAX || (inverse & (inverse + 1)) != 0)
		return decode_fail(d, -EINVAL, "\"%.32s\" is no mask like 255.255.255.0", text);
	service->persistent_bits = (uint8_t)__builtin_popcount(~inverse);
	return 0;
}

int document_check_port(struct decode *d, const struct model_server *server)
{
	const struct document_context *context = d->context;
	const struct model_service *service = context->service;
	struct check check;

	if (server->port != 0)
		return 0;
	if (!service_key_is_wide(&service->key)) {
		decode_enter(d, ".port");
		return decode_fail(d, -EINVAL, "is missing, or 0; it is 1 to 65535");
	}
	if (!check_effective(service->check, server->check, &check) || check.type == CHECK_PING ||
	    check.port != 0)
		return 0;
	decode_enter(d, ".check.port");
	return decode_fail(d, -EINVAL,
			   "is missing: a server that keeps the client's port has none "
			   "of its own to be checked at");
}

/* Is the key whole, and does it make sense? */
static int judge_parts(struct decode *d, const json_t *json, const struct model_service *service)
{
	const struct document_context *context = d->context;
	const struct service_key *key = &service->key;
	bool has_port = context->key_given || json_object_get(json, "port") != NULL;
	const char *field = NULL, *wrong = "is missing";

	if (key->kind == SERVICE_MARK && key->mark == 0)
		field = ".fwmark";
	else if (key->kind == SERVICE_ADDRESS && key->vip.family == AF_UNSPEC)
		field = ".vip";
	else if (key->kind == SERVICE_ADDRESS && !has_port)
		field = ".port";
	if (field == NULL && key->kind == SERVICE_MARK) {
		wrong = "is not for a service by firewall mark, which has no address of its own";
		if (key->port != 0 || key->port_end != 0)
			field = ".port";
		else if (service->announce)
			field = ".announce";
	}
	if (field == NULL && key->port_end != 0 && key->port_end <= key->port) {
		field = ".port_end";
		wrong = "must be above the port that the range begins with";
	} else if (field == NULL && key->port_end != 0 && key->port == 0) {
		field = ".port";
		wrong = "must not be 0 where a range of ports ends (port_end)";
	}
	if (field == NULL)
		return 0;
	decode_enter(d, "%s", field);
	return decode_fail(d, -EINVAL, "%s", wrong);
}

/* What only some services can have. */
static int judge_sessions(struct decode *d, const struct model_service *service)
{
	const char *field = NULL, *wrong = NULL;

	if (service->one_packet && service->key.kind == SERVICE_ADDRESS &&
	    service->key.protocol != IPPROTO_UDP) {
		field = ".one_packet";
		wrong = "is only for UDP and for services by firewall mark";
	} else if (service->persistent_bits != 0 && service->persistent == 0) {
		field = ".netmask";
		wrong = "is only for persistent services (persistent: SECONDS)";
	} else if (service->hash_target == HASH_QUIC &&
		   strcmp(service->scheduler, "conhash") != 0) {
		field = ".hash_target";
		wrong = "qid is only for the scheduler conhash";
	} else if (service->hash_target == HASH_QUIC && service->key.protocol != IPPROTO_UDP) {
		field = ".hash_target";
		wrong = "qid, the connection ID of QUIC, is only for UDP";
	}
	if (field == NULL)
		return 0;
	decode_enter(d, "%s", field);
	return decode_fail(d, -EINVAL, "%s", wrong);
}

int document_judge_key(struct decode *d, const json_t *json, const struct model_service *service)
{
	int status = service->key.kind == SERVICE_MATCH ? 0 : judge_parts(d, json, service);

	return status < 0 ? status : judge_sessions(d, service);
}
