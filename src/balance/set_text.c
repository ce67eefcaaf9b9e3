/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "balance/set.h"
#include "base/protocol.h"

/*
 * Entries of sets as text: the parts of the type, with commas between them. Where an address or a
 * port may be a range, the entry stands for all that are in it: addresses one by one where the type
 * has addresses, the fewest networks where it has networks.
 */
enum { PARTS_MAX = 5 };

/* What is being parsed: ranges that have still to be spread out. */
struct ranges {
	struct addr first, last; // of the first address
	struct addr second_first, second_last;
	uint16_t port, port_last, second_port, second_port_last;
	struct set_item item;
	const struct set_settings *settings;
	int (*each)(const struct set_item *item, void *arg);
	void *arg;
};

static int text_fail(struct error *error, const char *field, const char *text, const char *what)
{
	return error_set(error, -EINVAL, field, "\"%.64s\" is no %s", text, what);
}

static unsigned int family_bits(uint8_t family)
{
	return family == AF_INET6 ? 128 : 32;
}

/* The last address of a prefix whose host bits are zero. */
static struct addr prefix_last(const struct prefix *prefix)
{
	struct addr last = prefix->addr;

	for (unsigned int bit = prefix->len; bit < family_bits(last.family); bit++)
		last.bytes[bit / 8] |= 0x80 >> bit % 8;
	return last;
}

static void prefix_cut(struct prefix *prefix)
{
	for (unsigned int bit = prefix->len; bit < family_bits(prefix->addr.family); bit++)
		prefix->addr.bytes[bit / 8] &= ~(0x80 >> bit % 8);
}

/* "A", "A/length", "A-B". */
static int parse_addresses(const char *text, struct addr *first, struct addr *last)
{
	const char *dash = strchr(text, '-');
	struct prefix prefix;
	char head[ADDR_TEXT];

	if (dash) {
		if ((size_t)(dash - text) >= sizeof(head))
			return -EINVAL;
		memcpy(head, text, dash - text);
		head[dash - text] = '\0';
		if (addr_parse(head, first) < 0 || addr_parse(dash + 1, last) < 0 ||
		    first->family != last->family ||
		    memcmp(first->bytes, last->bytes, sizeof(first->bytes)) > 0)
			return -EINVAL;
		return 0;
	}
	if (prefix_parse(text, &prefix) < 0)
		return -EINVAL;
	prefix_cut(&prefix);
	*first = prefix.addr;
	*last = prefix_last(&prefix);
	return 0;
}

/* "80", "80-90". */
static int parse_port_range(const char *text, uint16_t *first, uint16_t *last)
{
	unsigned long one, two;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	one = two = strtoul(text, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		two = strtoul(end + 1, &end, 10);
	if (*end != '\0' || one > 65535 || two > 65535 || one > two)
		return -EINVAL;
	*first = (uint16_t)one;
	*last = (uint16_t)two;
	return 0;
}

/* "[proto:]80[-90]"; icmp6 and icmpv6 are the same. */
static int parse_ports(const char *text, uint8_t *protocol, uint16_t *first, uint16_t *last)
{
	const char *colon = strchr(text, ':');
	char word[16];
	int number;

	if (!colon)
		return parse_port_range(text, first, last);
	snprintf(word, sizeof(word), "%.*s", (int)(colon - text), text);
	if (strcasecmp(word, "icmp") == 0)
		number = IPPROTO_ICMP;
	else if (strcasecmp(word, "icmp6") == 0 || strcasecmp(word, "icmpv6") == 0)
		number = IPPROTO_ICMPV6;
	else
		number = strcasecmp(word, "unspec") == 0 ? 0 : protocol_parse(word);
	if (number < 0)
		return -EINVAL;
	*protocol = (uint8_t)number;
	return parse_port_range(colon + 1, first, last);
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	unsigned int byte[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &rest) != 6)
		return -EINVAL;
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = (uint8_t)byte[i];
	return 0;
}

/* Spreading out */

static bool addr_next(struct addr *addr)
{
	for (unsigned int i = family_bits(addr->family) / 8; i-- > 0;)
		if (++addr->bytes[i] != 0)
			return true;
	return false; // there is none behind the last
}

/* The longest network that begins with the address and ends before, or with, `last`. */
static struct prefix network_from(const struct addr *addr, const struct addr *last)
{
	unsigned int bits = family_bits(addr->family);
	struct prefix best = {.addr = *addr, .len = (uint8_t)bits};

	for (unsigned int len = bits; len-- > 0;) {
		struct prefix wider = {.addr = *addr, .len = (uint8_t)len};
		struct addr end;

		prefix_cut(&wider);
		end = prefix_last(&wider);
		if (!addr_equal(&wider.addr, addr) ||
		    memcmp(end.bytes, last->bytes, sizeof(end.bytes)) > 0)
			break;
		best = wider;
	}
	return best;
}

static int spread_ports(struct ranges *r)
{
	for (uint32_t port = r->port; port <= r->port_last; port++) {
		for (uint32_t other = r->second_port; other <= r->second_port_last; other++) {
			int status;

			r->item.port = (uint16_t)port;
			r->item.port_second = (uint16_t)other;
			status = r->each(&r->item, r->arg);
			if (status != 0)
				return status;
		}
	}
	return 0;
}

/* Each address or network of a range into `prefix`, and then what comes behind. */
static int spread_addresses(struct ranges *r, struct prefix *prefix, struct addr at,
			    const struct addr *last, bool networks, int (*then)(struct ranges *r))
{
	int status;

	if (at.family == AF_UNSPEC)
		return then(r);
	for (;;) {
		struct addr end = at;

		*prefix = (struct prefix){.addr = at, .len = (uint8_t)family_bits(at.family)};
		if (networks) {
			*prefix = network_from(&at, last);
			end = prefix_last(prefix);
		}
		status = then(r);
		if (status != 0 || memcmp(end.bytes, last->bytes, sizeof(end.bytes)) >= 0)
			return status;
		at = end;
		if (!addr_next(&at))
			return 0;
	}
}

static int spread_second(struct ranges *r)
{
	return spread_addresses(r, &r->item.second, r->second_first, &r->second_last,
				set_type_parts(r->settings->type) & SET_SECOND_NET, spread_ports);
}

/* How many addresses there are at most before somebody is asked to write a network. */
static bool range_is_long(const struct addr *first, const struct addr *last)
{
	unsigned int bits = family_bits(first->family), at = 0;

	while (at < bits && !((first->bytes[at / 8] ^ last->bytes[at / 8]) & (0x80 >> at % 8)))
		at++;
	return bits - at > 22;
}

static int check_addresses(const struct ranges *r, const struct addr *first,
			   const struct addr *last, bool networks, const char *text,
			   struct error *error)
{
	const struct set_settings *s = r->settings;

	if (first->family != s->family)
		return error_set(error, -EINVAL, "entry", "\"%.64s\" is not IPv%c, as the set is",
				 text, s->family == AF_INET ? '4' : '6');
	if (!networks && range_is_long(first, last))
		return error_set(error, -EINVAL, "entry",
				 "\"%.64s\" has more addresses than a set can hold one by one: "
				 "make a set of networks",
				 text);
	if ((set_type_parts(s->type) & SET_BITMAP) &&
	    (memcmp(first->bytes, s->range_first.bytes, 16) < 0 ||
	     memcmp(last->bytes, s->range_last.bytes, 16) > 0))
		return error_set(error, -EINVAL, "entry", "\"%.64s\" is outside of the set's range",
				 text);
	return 0;
}

static int parse_one_address(struct ranges *r, bool second, unsigned int part, const char *text,
			     struct error *error)
{
	struct addr *first = second ? &r->second_first : &r->first;
	struct addr *last = second ? &r->second_last : &r->last;
	bool networks = part & (SET_NET | SET_SECOND_NET);

	if (parse_addresses(text, first, last) < 0)
		return text_fail(error, "entry", text,
				 networks ? "address, network or range of addresses"
					  : "address, or range of addresses");
	return check_addresses(r, first, last, networks, text, error);
}

static int parse_port_part(struct ranges *r, bool second, const char *text, struct error *error)
{
	const struct set_settings *s = r->settings;
	uint8_t protocol = r->item.protocol;
	uint16_t *first = second ? &r->second_port : &r->port;
	uint16_t *last = second ? &r->second_port_last : &r->port_last;

	if (parse_ports(text, &protocol, first, last) < 0)
		return text_fail(error, "entry", text, "port, such as 80, tcp:80 or udp:5000-5010");
	if (second && protocol != r->item.protocol)
		return error_set(error, -EINVAL, "entry",
				 "both ports of an entry are of one protocol");
	if ((set_type_parts(s->type) & SET_BITMAP) &&
	    (*first < s->port_first || *last > s->port_last))
		return error_set(error, -EINVAL, "entry", "\"%.64s\" is outside of the set's range",
				 text);
	r->item.protocol = protocol;
	return 0;
}

static int parse_part(struct ranges *r, unsigned int part, const char *text, struct error *error)
{
	switch (part) {
	case SET_PORT:
	case SET_SECOND_PORT:
		return parse_port_part(r, part == SET_SECOND_PORT, text, error);
	case SET_MAC:
		return parse_mac(text, r->item.mac) < 0
			       ? text_fail(error, "entry", text, "MAC address")
			       : 0;
	case SET_IFACE:
		if (text[0] == '\0' || strlen(text) >= sizeof(r->item.iface))
			return text_fail(error, "entry", text, "name of an interface");
		strcpy(r->item.iface, text);
		return 0;
	}
	return parse_one_address(r, part & (SET_SECOND_IP | SET_SECOND_NET), part, text, error);
}

int set_parse(const struct set_settings *settings, const char *text,
	      int (*each)(const struct set_item *item, void *arg), void *arg, struct error *error)
{
	unsigned int parts = set_type_parts(settings->type) & ~SET_BITMAP;
	struct ranges r = {.settings = settings, .each = each, .arg = arg};
	char copy[SET_ENTRY_TEXT], *next = copy, *one;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return error_set(error, -EINVAL, "entry", "is too long");
	r.item.protocol = settings->port_protocol;
	for (unsigned int part = 1; part <= SET_SECOND_PORT; part <<= 1) {
		int status;

		if (!(parts & part))
			continue;
		one = strsep(&next, ",");
		if (!one)
			return error_set(error, -EINVAL, "entry",
					 "\"%.64s\" has fewer parts than %s", text,
					 set_type_words[settings->type]);
		status = parse_part(&r, part, one, error);
		if (status < 0)
			return status;
	}
	if (next)
		return error_set(error, -EINVAL, "entry", "\"%.64s\" has more parts than %s", text,
				 set_type_words[settings->type]);
	return spread_addresses(&r, &r.item.first, r.first, &r.last, parts & SET_NET,
				spread_second);
}

/* The other way */

static const char *port_protocol_word(uint8_t protocol)
{
	switch (protocol) {
	case 0:
		return "unspec";
	case IPPROTO_ICMPV6:
		return "icmp6";
	}
	return protocol_name(protocol);
}

static int format_prefix(const struct prefix *prefix, char *to, size_t size)
{
	char text[PREFIX_TEXT];

	if (prefix->len == family_bits(prefix->addr.family))
		return snprintf(to, size, "%s,", addr_format(&prefix->addr, text));
	return snprintf(to, size, "%s,", prefix_format(prefix, text));
}

char *set_format(const struct set_settings *settings, const struct set_item *item,
		 char text[static SET_ENTRY_TEXT])
{
	unsigned int parts = set_type_parts(settings->type);
	const char *protocol = port_protocol_word(item->protocol);
	const uint8_t *m = item->mac;
	char *to = text, *end = text + SET_ENTRY_TEXT;

	if (parts & (SET_IP | SET_NET))
		to += format_prefix(&item->first, to, end - to);
	if (parts & SET_PORT)
		to += snprintf(to, end - to, "%s:%u,", protocol, item->port);
	if (parts & SET_MAC)
		to += snprintf(to, end - to, "%02x:%02x:%02x:%02x:%02x:%02x,", m[0], m[1], m[2],
			       m[3], m[4], m[5]);
	if (parts & SET_IFACE)
		to += snprintf(to, end - to, "%s,", item->iface);
	if (parts & (SET_SECOND_IP | SET_SECOND_NET))
		to += format_prefix(&item->second, to, end - to);
	if (parts & SET_SECOND_PORT)
		to += snprintf(to, end - to, "%s:%u,", protocol, item->port_second);
	to[-1] = '\0'; // the last comma
	return text;
}

int set_parse_range(struct set_settings *settings, const char *text, struct error *error)
{
	struct addr *first = &settings->range_first, *last = &settings->range_last;

	if (settings->type == SET_BITMAP_PORT) {
		if (parse_ports(text, &settings->port_protocol, &settings->port_first,
				&settings->port_last) < 0)
			return text_fail(error, "range", text,
					 "range of ports, such as 1-1024 or tcp:1-1024");
		return 0;
	}
	if (parse_addresses(text, first, last) < 0)
		return text_fail(error, "range", text,
				 "network, such as 10.0.0.0/16, and no range of addresses");
	settings->family = first->family;
	if (first->family != AF_INET)
		return error_set(error, -EINVAL, "range", "a bitmap has IPv4 addresses");
	if (ntohl(last->v4) - ntohl(first->v4) >= SET_RANGE_MAX)
		return error_set(error, -EINVAL, "range",
				 "\"%.64s\" has more than %d addresses, the most", text,
				 SET_RANGE_MAX);
	return 0;
}

char *set_format_range(const struct set_settings *s, char text[static SET_ENTRY_TEXT])
{
	char first[ADDR_TEXT], last[ADDR_TEXT];
	struct prefix all;

	if (s->type == SET_BITMAP_PORT && s->port_protocol)
		snprintf(text, SET_ENTRY_TEXT, "%s:%u-%u", port_protocol_word(s->port_protocol),
			 s->port_first, s->port_last);
	else if (s->type == SET_BITMAP_PORT)
		snprintf(text, SET_ENTRY_TEXT, "%u-%u", s->port_first, s->port_last);
	else {
		all = network_from(&s->range_first, &s->range_last);
		if (memcmp(prefix_last(&all).bytes, s->range_last.bytes, 16) == 0)
			snprintf(text, SET_ENTRY_TEXT, "%s/%u", addr_format(&all.addr, first),
				 all.len);
		else
			snprintf(text, SET_ENTRY_TEXT, "%s-%s", addr_format(&s->range_first, first),
				 addr_format(&s->range_last, last));
	}
	return text;
}

int set_check(const struct set_settings *s, struct error *error)
{
	bool bitmap = set_type_parts(s->type) & SET_BITMAP;

	if (bitmap && s->type != SET_BITMAP_PORT && s->range_first.family == AF_UNSPEC)
		return error_set(error, -EINVAL, "range", "is missing: a set of type %s has one",
				 set_type_words[s->type]);
	if (s->type == SET_BITMAP_PORT && s->port_last == 0)
		return error_set(error, -EINVAL, "range", "is missing: a set of type %s has one",
				 set_type_words[s->type]);
	return 0;
}
