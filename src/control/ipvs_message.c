/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_message.h"

#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

/*
 * Whoever may write to the socket may send any bytes. No length is believed before it was compared
 * with what is there: libmnl walks attributes within the payload of the datagram, and each value is
 * taken only when it has exactly the size that its type says. Attributes that nobody knows are
 * passed over, as the kernel does, so that a newer ipvsadm works.
 */
enum { ATTRIBUTES = 24 };

struct attributes {
	const struct nlattr *by_type[ATTRIBUTES];
};

static const char *const command_names[] = {
	[IPVS_CMD_NEW_SERVICE] = "NEW_SERVICE",
	[IPVS_CMD_SET_SERVICE] = "SET_SERVICE",
	[IPVS_CMD_DEL_SERVICE] = "DEL_SERVICE",
	[IPVS_CMD_GET_SERVICE] = "GET_SERVICE",
	[IPVS_CMD_NEW_DEST] = "NEW_DEST",
	[IPVS_CMD_SET_DEST] = "SET_DEST",
	[IPVS_CMD_DEL_DEST] = "DEL_DEST",
	[IPVS_CMD_GET_DEST] = "GET_DEST",
	[IPVS_CMD_NEW_DAEMON] = "NEW_DAEMON",
	[IPVS_CMD_DEL_DAEMON] = "DEL_DAEMON",
	[IPVS_CMD_GET_DAEMON] = "GET_DAEMON",
	[IPVS_CMD_SET_CONFIG] = "SET_CONFIG",
	[IPVS_CMD_GET_CONFIG] = "GET_CONFIG",
	[IPVS_CMD_SET_INFO] = "SET_INFO",
	[IPVS_CMD_GET_INFO] = "GET_INFO",
	[IPVS_CMD_ZERO] = "ZERO",
	[IPVS_CMD_FLUSH] = "FLUSH",
};

const char *ipvs_command_name(uint8_t command)
{
	return command < sizeof(command_names) / sizeof(command_names[0]) ? command_names[command]
									  : NULL;
}

static int attributes_read(const void *bytes, size_t size, struct attributes *attributes,
			   struct error *error)
{
	const struct nlattr *attr; // the name that libmnl's loop wants
	const char *end = bytes;

	memset(attributes, 0, sizeof(*attributes));
	mnl_attr_for_each_payload(bytes, size)
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type < ATTRIBUTES)
			attributes->by_type[type] = attr;
		end = (const char *)attr + MNL_ALIGN(attr->nla_len);
	}
	if (end < (const char *)bytes + size)
		return error_set(error, -EINVAL, "", "an attribute is longer than its message");
	return 0;
}

static int nest_read(const struct nlattr *nest, struct attributes *attributes, struct error *error)
{
	return attributes_read(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest),
			       attributes, error);
}

/* Copy a value of exactly this size; one that was not sent leaves zero. */
static int value_take(const struct attributes *attributes, unsigned int type, const char *name,
		      void *value, size_t size, struct error *error)
{
	const struct nlattr *attribute = attributes->by_type[type];

	memset(value, 0, size);
	if (attribute == NULL)
		return 0;
	if (mnl_attr_get_payload_len(attribute) != size)
		return error_set(error, -EINVAL, name, "has %u bytes, not %zu",
				 mnl_attr_get_payload_len(attribute), size);
	memcpy(value, mnl_attr_get_payload(attribute), size);
	return 0;
}

/* A text with or without its NUL, that fits into `size` with one. */
static int text_take(const struct attributes *attributes, unsigned int type, const char *name,
		     char *text, size_t size, struct error *error)
{
	const struct nlattr *attribute = attributes->by_type[type];
	size_t length;

	memset(text, 0, size);
	if (attribute == NULL)
		return 0;
	length = strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
	if (length >= size)
		return error_set(error, -EINVAL, name, "is longer than %zu characters", size - 1);
	memcpy(text, mnl_attr_get_payload(attribute), length);
	for (size_t i = 0; i < length; i++) {
		if (text[i] <= ' ' || text[i] > '~') {
			text[i] = '?'; // it will be printed
		}
	}
	return 0;
}

/* An address of 16 bytes, of which IPv4 uses the first four; the four alone will do. */
static int address_take(const struct attributes *attributes, unsigned int type, uint16_t family,
			struct addr *addr, struct error *error)
{
	const struct nlattr *attribute = attributes->by_type[type];
	size_t size = attribute ? mnl_attr_get_payload_len(attribute) : 0;
	const void *bytes = attribute ? mnl_attr_get_payload(attribute) : NULL;
	uint32_t v4;

	if (family == AF_INET && (size == 4 || size == 16)) {
		memcpy(&v4, bytes, sizeof(v4));
		*addr = addr_v4(v4);
	} else if (family == AF_INET6 && size == 16) {
		*addr = addr_v6(bytes);
	} else {
		return error_set(error, -EINVAL, "address", "has %zu bytes", size);
	}
	return 0;
}

static int family_check(uint16_t family, struct error *error)
{
	if (family == AF_INET || family == AF_INET6)
		return 0;
	return error_set(error, -EAFNOSUPPORT, "address family", "%u is neither IPv4 nor IPv6",
			 family);
}

static int service_take_key(const struct attributes *a, struct ipvs_service *service,
			    struct error *error)
{
	uint16_t family, port;
	int status = value_take(a, IPVS_SVC_ATTR_AF, "address family", &family, 2, error);

	if (status == 0)
		status = family_check(family, error);
	if (status == 0)
		status = value_take(a, IPVS_SVC_ATTR_FWMARK, "firewall mark", &service->fwmark, 4,
				    error);
	service->family = family;
	service->has_fwmark = a->by_type[IPVS_SVC_ATTR_FWMARK] != NULL;
	if (status < 0 || service->has_fwmark)
		return status;
	if (a->by_type[IPVS_SVC_ATTR_PROTOCOL] == NULL || a->by_type[IPVS_SVC_ATTR_PORT] == NULL)
		return error_set(error, -EINVAL, "service", "protocol or port is missing");
	status = value_take(a, IPVS_SVC_ATTR_PROTOCOL, "protocol", &service->protocol, 2, error);
	if (status == 0)
		status = value_take(a, IPVS_SVC_ATTR_PORT, "port", &port, 2, error);
	if (status == 0)
		status = address_take(a, IPVS_SVC_ATTR_ADDR, family, &service->addr, error);
	if (status == 0)
		service->port = ntohs(port);
	return status;
}

static int service_take(const struct nlattr *nest, struct ipvs_service *service,
			struct error *error)
{
	struct ip_vs_flags flags;
	struct attributes a;
	int status = nest_read(nest, &a, error);

	service->given = true;
	if (status == 0)
		status = service_take_key(&a, service, error);
	if (status == 0)
		status = text_take(&a, IPVS_SVC_ATTR_SCHED_NAME, "scheduler", service->scheduler,
				   sizeof(service->scheduler), error);
	if (status == 0)
		status = text_take(&a, IPVS_SVC_ATTR_PE_NAME, "persistence engine", service->engine,
				   sizeof(service->engine), error);
	if (status == 0)
		status = value_take(&a, IPVS_SVC_ATTR_FLAGS, "flags", &flags, sizeof(flags), error);
	if (status == 0)
		status = value_take(&a, IPVS_SVC_ATTR_TIMEOUT, "timeout", &service->timeout, 4,
				    error);
	if (status == 0)
		status = value_take(&a, IPVS_SVC_ATTR_NETMASK, "netmask", &service->netmask, 4,
				    error);
	service->has_netmask = a.by_type[IPVS_SVC_ATTR_NETMASK] != NULL;
	if (status == 0)
		service->flags = flags.flags & flags.mask;
	return status;
}

static int tunnel_take(const struct attributes *a, struct ipvs_server *server, struct error *error)
{
	uint16_t port = 0;
	int status = value_take(a, IPVS_DEST_ATTR_TUN_TYPE, "tunnel type", &server->tunnel_type, 1,
				error);

	if (status == 0)
		status = value_take(a, IPVS_DEST_ATTR_TUN_PORT, "tunnel port", &port, 2, error);
	if (status == 0)
		status = value_take(a, IPVS_DEST_ATTR_TUN_FLAGS, "tunnel flags",
				    &server->tunnel_flags, 2, error);
	server->tunnel_port = ntohs(port);
	return status;
}

static int server_take(const struct nlattr *nest, uint16_t service_family,
		       struct ipvs_server *server, struct error *error)
{
	uint16_t family, port;
	struct attributes a;
	int status = nest_read(nest, &a, error);

	server->given = true;
	if (status == 0)
		status = value_take(&a, IPVS_DEST_ATTR_ADDR_FAMILY, "address family", &family, 2,
				    error);
	if (status == 0 && a.by_type[IPVS_DEST_ATTR_ADDR_FAMILY] == NULL)
		family = service_family;
	if (status == 0)
		status = family_check(family, error);
	if (status == 0)
		status = address_take(&a, IPVS_DEST_ATTR_ADDR, family, &server->addr, error);
	if (status == 0 && a.by_type[IPVS_DEST_ATTR_PORT] == NULL)
		status = error_set(error, -EINVAL, "port", "of the real server is missing");
	if (status == 0)
		status = value_take(&a, IPVS_DEST_ATTR_PORT, "port", &port, 2, error);
	if (status == 0)
		status = value_take(&a, IPVS_DEST_ATTR_FWD_METHOD, "forwarding method",
				    &server->method, 4, error);
	if (status == 0)
		status = value_take(&a, IPVS_DEST_ATTR_WEIGHT, "weight", &server->weight, 4, error);
	if (status == 0)
		status = value_take(&a, IPVS_DEST_ATTR_U_THRESH, "upper threshold", &server->upper,
				    4, error);
	if (status == 0)
		status = value_take(&a, IPVS_DEST_ATTR_L_THRESH, "lower threshold", &server->lower,
				    4, error);
	if (status == 0)
		status = tunnel_take(&a, server, error);
	if (status == 0)
		server->port = ntohs(port);
	return status;
}

static int command_take(const void *payload, size_t size, struct ipvs_request *out,
			struct error *error)
{
	struct attributes a;
	int status = attributes_read(payload, size, &a, error);

	if (status == 0 && a.by_type[IPVS_CMD_ATTR_SERVICE] != NULL)
		status = service_take(a.by_type[IPVS_CMD_ATTR_SERVICE], &out->service, error);
	if (status == 0 && a.by_type[IPVS_CMD_ATTR_DEST] != NULL)
		status = server_take(a.by_type[IPVS_CMD_ATTR_DEST], out->service.addr.family,
				     &out->server, error);
	if (status == 0)
		status = value_take(&a, IPVS_CMD_ATTR_TIMEOUT_TCP, "tcp timeout", &out->tcp, 4,
				    error);
	if (status == 0)
		status = value_take(&a, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, "tcp fin timeout",
				    &out->tcp_fin, 4, error);
	if (status == 0)
		status = value_take(&a, IPVS_CMD_ATTR_TIMEOUT_UDP, "udp timeout", &out->udp, 4,
				    error);
	return status;
}

/* The question which number the family has. */
static int family_take(const struct genlmsghdr *generic, const void *payload, size_t size,
		       struct error *error)
{
	struct attributes a;
	char name[GENL_NAMSIZ];
	int status;

	if (generic->cmd != CTRL_CMD_GETFAMILY)
		return error_set(error, -EOPNOTSUPP, "",
				 "only GETFAMILY is known of the control "
				 "family");
	status = attributes_read(payload, size, &a, error);
	if (status == 0)
		status = text_take(&a, CTRL_ATTR_FAMILY_NAME, "family", name, sizeof(name), error);
	if (status == 0 && strcmp(name, IPVS_GENL_NAME) != 0)
		status = error_set(error, -ENOENT, "family", "\"%s\" is not %s", name,
				   IPVS_GENL_NAME);
	return status;
}

static int file_take(const char *name, size_t size, struct ipvs_request *out, struct error *error)
{
	size_t length = strnlen(name, size);

	out->kind = IPVS_KIND_FILE;
	if (length >= sizeof(out->file))
		return error_set(error, -EINVAL, "file", "has a name that is too long");
	memcpy(out->file, name, length);
	return 0;
}

int ipvs_request_parse(const void *bytes, size_t size, struct ipvs_request *out,
		       struct error *error)
{
	const struct nlmsghdr *header = bytes;
	const struct genlmsghdr *generic;
	const char *payload;
	size_t rest;

	memset(out, 0, sizeof(*out));
	if (size < sizeof(*header))
		return error_set(error, -EINVAL, "", "%zu bytes are no netlink message", size);
	out->header = *header;
	if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > size)
		return error_set(error, -EINVAL, "", "the message says %u bytes and has %zu",
				 header->nlmsg_len, size);
	if (MNL_ALIGN(header->nlmsg_len) < size)
		return error_set(error, -EINVAL, "", "there is more than one message in it");
	payload = mnl_nlmsg_get_payload(header);
	rest = mnl_nlmsg_get_payload_len(header);
	if (header->nlmsg_type == IPVS_FILE)
		return file_take(payload, rest, out, error);
	out->wants_ack = header->nlmsg_flags & NLM_F_ACK;
	out->dump = header->nlmsg_flags & NLM_F_DUMP;
	if (rest < GENL_HDRLEN)
		return error_set(error, -EINVAL, "", "the message has no generic header");
	generic = (const struct genlmsghdr *)payload;
	payload += GENL_HDRLEN;
	rest -= GENL_HDRLEN;
	if (header->nlmsg_type == GENL_ID_CTRL)
		return family_take(generic, payload, rest, error);
	if (header->nlmsg_type != IPVS_FAMILY)
		return error_set(error, -ENOENT, "", "there is no family %u", header->nlmsg_type);
	out->kind = IPVS_KIND_COMMAND;
	out->command = generic->cmd;
	return command_take(payload, rest, out, error);
}
