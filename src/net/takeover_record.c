/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading, keeping and rewriting rtnetlink messages of addresses and routes. What an attribute
 * means is of no interest but where it names the interface; so everything that an address or route
 * can carry (metrics, source, lifetime, several legs) survives the move. Left out are states of the
 * moment.
 */
#include "net/takeover_record.h"

#include "base/addr.h"

#include <libmnl/libmnl.h>

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t takeover_header_size(const struct takeover_message *m)
{
	return MNL_ALIGN(m->route ? sizeof(struct rtmsg) : sizeof(struct ifaddrmsg));
}

static const struct nlattr *takeover_attribute(const struct takeover_message *m, uint16_t type)
{
	size_t header = takeover_header_size(m);
	const struct nlattr *attr; // the macro wants this name

	mnl_attr_for_each_payload((void *)(m->body + header), m->size - header)
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

int takeover_record_add(struct takeover_record *record, bool route, const void *body, size_t size)
{
	struct takeover_message *messages, *m;

	for (unsigned int i = 0; i < record->count; i++) {
		m = &record->messages[i];
		if (m->route == route && m->size == size && memcmp(m->body, body, size) == 0)
			return 0;
	}
	messages = realloc(record->messages, (record->count + 1) * sizeof(*messages));
	if (!messages)
		return -ENOMEM;
	record->messages = messages;
	m = &messages[record->count];
	m->route = route;
	m->size = size;
	m->body = malloc(size);
	if (!m->body)
		return -ENOMEM;
	memcpy(m->body, body, size);
	record->count++;
	return 0;
}

void takeover_record_clear(struct takeover_record *record)
{
	for (unsigned int i = 0; i < record->count; i++)
		free(record->messages[i].body);
	free(record->messages);
	record->messages = NULL;
	record->count = 0;
}

static bool takeover_legs_use(const struct nlattr *legs, int index)
{
	const struct rtnexthop *leg = mnl_attr_get_payload(legs);
	int rest = mnl_attr_get_payload_len(legs);

	while (RTNH_OK(leg, rest)) {
		if (leg->rtnh_ifindex == index)
			return true;
		rest -= RTNH_ALIGN(leg->rtnh_len);
		leg = RTNH_NEXT(leg);
	}
	return false;
}

static void takeover_legs_patch(void *legs, int rest, int from, int to)
{
	struct rtnexthop *leg = legs;

	while (RTNH_OK(leg, rest)) {
		if (leg->rtnh_ifindex == from)
			leg->rtnh_ifindex = to;
		leg->rtnh_flags &= RTNH_F_ONLINK;
		rest -= RTNH_ALIGN(leg->rtnh_len);
		leg = RTNH_NEXT(leg);
	}
}

static bool takeover_is_link_local(const struct nlattr *address)
{
	const uint8_t *bytes = mnl_attr_get_payload(address);

	return mnl_attr_get_payload_len(address) == 16 &&
	       (bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80));
}

static bool takeover_wants_address(const struct takeover_record *record,
				   const struct takeover_message *m)
{
	const struct ifaddrmsg *header = (const struct ifaddrmsg *)m->body;
	const struct nlattr *address = takeover_attribute(m, IFA_ADDRESS);

	if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
		return false;
	return (int)header->ifa_index == record->index && address &&
	       !takeover_is_link_local(address);
}

static bool takeover_wants_route(const struct takeover_record *record,
				 const struct takeover_message *m)
{
	const struct rtmsg *header = (const struct rtmsg *)m->body;
	const struct nlattr *out = takeover_attribute(m, RTA_OIF);
	const struct nlattr *legs = takeover_attribute(m, RTA_MULTIPATH);
	const struct nlattr *destination = takeover_attribute(m, RTA_DST);

	if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)
		return false;
	// The local table follows the addresses; cloned routes are a cache.
	if (header->rtm_table == RT_TABLE_LOCAL || header->rtm_type != RTN_UNICAST ||
	    (header->rtm_flags & RTM_F_CLONED))
		return false;
	if (destination && takeover_is_link_local(destination))
		return false;
	return (out && (int)mnl_attr_get_u32(out) == record->index) ||
	       (legs && takeover_legs_use(legs, record->index));
}

int takeover_record_take(struct takeover_record *record, const struct nlmsghdr *message)
{
	struct takeover_message m = {
		.route = message->nlmsg_type == RTM_NEWROUTE,
		.size = mnl_nlmsg_get_payload_len(message),
		.body = mnl_nlmsg_get_payload(message),
	};

	if (m.size < takeover_header_size(&m))
		return 0;
	if (m.route ? !takeover_wants_route(record, &m) : !takeover_wants_address(record, &m))
		return 0;
	if (m.size > TAKEOVER_REQUEST || (m.route && takeover_attribute(&m, RTA_NH_ID)))
		return -EOPNOTSUPP;
	return takeover_record_add(record, m.route, m.body, m.size);
}

bool takeover_has_gateway(const struct takeover_message *m)
{
	return takeover_attribute(m, RTA_GATEWAY) || takeover_attribute(m, RTA_VIA) ||
	       takeover_attribute(m, RTA_MULTIPATH);
}

/* An address attribute as text; `otherwise` when there is none. */
static const char *takeover_format(const struct nlattr *attribute, const char *otherwise,
				   char text[ADDR_TEXT])
{
	struct addr a;

	if (attribute && mnl_attr_get_payload_len(attribute) == 4)
		a = addr_v4(mnl_attr_get_u32(attribute));
	else if (attribute && mnl_attr_get_payload_len(attribute) == 16)
		a = addr_v6(mnl_attr_get_payload(attribute));
	else
		return otherwise;
	return addr_format(&a, text);
}

const char *takeover_describe(const struct takeover_message *m, char *text, size_t size)
{
	const struct nlattr *gateway = takeover_attribute(m, RTA_GATEWAY);
	const struct nlattr *local = takeover_attribute(m, IFA_LOCAL);
	char first[ADDR_TEXT], second[ADDR_TEXT];

	if (m->route) {
		const struct rtmsg *header = (const struct rtmsg *)m->body;
		const char *to = takeover_format(takeover_attribute(m, RTA_DST), "default", first);

		snprintf(text, size, "route %s/%u%s%s", to, header->rtm_dst_len,
			 gateway ? " via " : "", takeover_format(gateway, "", second));
	} else {
		const struct ifaddrmsg *header = (const struct ifaddrmsg *)m->body;

		// On a point-to-point link IFA_ADDRESS is the peer.
		if (!local)
			local = takeover_attribute(m, IFA_ADDRESS);
		snprintf(text, size, "address %s/%u", takeover_format(local, "?", first),
			 header->ifa_prefixlen);
	}
	return text;
}

/* Copy an attribute into a request, with `to` where it says `from`, or leave it out. */
static void takeover_copy_attribute(struct nlmsghdr *request, const struct nlattr *attribute,
				    bool route, int from, int to)
{
	uint16_t type = mnl_attr_get_type(attribute), size = mnl_attr_get_payload_len(attribute);
	struct nlattr *copy = mnl_nlmsg_get_payload_tail(request);

	if (route ? type == RTA_CACHEINFO : type == IFA_FLAGS)
		return;
	// A label begins with the name of its interface, so it is good only back there.
	if (!route && type == IFA_LABEL && to != from)
		return;
	if (route && type == RTA_OIF) {
		mnl_attr_put_u32(request, type, to);
		return;
	}
	mnl_attr_put(request, type, size, mnl_attr_get_payload(attribute));
	if (route && type == RTA_MULTIPATH)
		takeover_legs_patch(mnl_attr_get_payload(copy), size, from, to);
}

static void takeover_patch_address(struct nlmsghdr *request, const struct takeover_message *m,
				   int to)
{
	struct ifaddrmsg *header = mnl_nlmsg_get_payload(request);
	const struct nlattr *all = takeover_attribute(m, IFA_FLAGS);
	uint32_t flags = all ? mnl_attr_get_u32(all) : header->ifa_flags;

	flags &= IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR;
	// It was this host's before: nobody else can have it, and it is needed at once.
	if (header->ifa_family == AF_INET6)
		flags |= IFA_F_NODAD;
	header->ifa_index = to;
	header->ifa_flags = flags;
	mnl_attr_put_u32(request, IFA_FLAGS, flags);
}

struct nlmsghdr *takeover_request(char *buffer, const struct takeover_message *m, uint16_t type,
				  int from, int to)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	size_t header = takeover_header_size(m);
	const struct nlattr *attr;

	request->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(request, header), m->body, header);
	if (m->route)
		((struct rtmsg *)mnl_nlmsg_get_payload(request))->rtm_flags &= RTNH_F_ONLINK;
	else
		takeover_patch_address(request, m, to);
	mnl_attr_for_each_payload((void *)(m->body + header), m->size - header)
		takeover_copy_attribute(request, attr, m->route, from, to);
	return request;
}
