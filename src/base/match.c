/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { RANGE_ROOM = 128 };

static const struct {
	const char *name;
	uint8_t number;
	uint8_t family; // that it belongs to, 0: both
	bool ports;
} protocols[] = {
	{"tcp", IPPROTO_TCP, 0, true},
	{"udp", IPPROTO_UDP, 0, true},
	{"sctp", IPPROTO_SCTP, 0, true},
	{"icmp", IPPROTO_ICMP, AF_INET, false},
	{"icmpv6", IPPROTO_ICMPV6, AF_INET6, false},
};
enum { PROTOCOLS = sizeof(protocols) / sizeof(*protocols) };

bool match_equal(const struct match *a, const struct match *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool range_has_addresses(const struct match_range *range)
{
	return range->first.family != AF_UNSPEC;
}

static bool range_has_ports(const struct match_range *range)
{
	return range->port_last != 0;
}

bool match_range_is_any(const struct match_range *range)
{
	return !range_has_addresses(range) && !range_has_ports(range);
}

bool match_range_takes(const struct match_range *range, const struct addr *addr, uint16_t port)
{
	if (range_has_addresses(range) &&
	    (memcmp(addr->bytes, range->first.bytes, sizeof(addr->bytes)) < 0 ||
	     memcmp(addr->bytes, range->last.bytes, sizeof(addr->bytes)) > 0))
		return false;
	return !range_has_ports(range) || (port >= range->port_first && port <= range->port_last);
}

bool match_takes_protocol(const struct match *match, uint8_t protocol)
{
	if (match->protocol)
		return match->protocol == protocol;
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return (protocol == IPPROTO_ICMP) == (match->family == AF_INET) &&
		       !range_has_ports(&match->source) && !range_has_ports(&match->destination);
	}
	return false;
}

uint8_t match_protocol_parse(const char *text)
{
	for (unsigned int i = 0; i < PROTOCOLS; i++)
		if (strcasecmp(protocols[i].name, text) == 0)
			return protocols[i].number;
	return 0;
}

const char *match_protocol_name(uint8_t protocol)
{
	for (unsigned int i = 0; i < PROTOCOLS; i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	return "none";
}

/* Ranges */

/* A whole number without sign, at most 65535, and nothing behind it. */
static int port_parse(const char *text, uint16_t *out)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || number > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)number;
	return 0;
}

static int ports_parse(char *text, struct match_range *out, struct error *error)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = '\0';
	if (port_parse(text, &out->port_first) < 0)
		return error_set(error, -EINVAL, "", "\"%.32s\" is no port, 0 to 65535", text);
	out->port_last = out->port_first;
	if (dash && port_parse(dash, &out->port_last) < 0)
		return error_set(error, -EINVAL, "", "\"%.32s\" is no port, 0 to 65535", dash);
	if (out->port_last < out->port_first)
		return error_set(error, -EINVAL, "",
				 "the ports %u-%u are the wrong way round: the lower comes first",
				 out->port_first, out->port_last);
	return 0;
}

/* Make `first` and `last` the ends of a prefix. */
static void range_of_prefix(const struct prefix *prefix, struct match_range *out)
{
	unsigned int bytes = prefix->addr.family == AF_INET ? 4 : 16;

	out->first = out->last = prefix->addr;
	for (unsigned int bit = prefix->len; bit < bytes * 8; bit++) {
		out->first.bytes[bit / 8] &= ~(0x80 >> bit % 8);
		out->last.bytes[bit / 8] |= 0x80 >> bit % 8;
	}
}

static int addresses_parse(char *text, struct match_range *out, struct error *error)
{
	char *dash = strchr(text, '-');
	struct prefix prefix;

	if (strchr(text, '/')) {
		if (dash || prefix_parse(text, &prefix) < 0)
			return error_set(error, -EINVAL, "", "\"%.64s\" is no network A/LENGTH",
					 text);
		range_of_prefix(&prefix, out);
		return 0;
	}
	if (dash)
		*dash++ = '\0';
	if (addr_parse(text, &out->first) < 0)
		return error_set(error, -EINVAL, "", "\"%.64s\" is no IPv4 or IPv6 address", text);
	out->last = out->first;
	if (dash && addr_parse(dash, &out->last) < 0)
		return error_set(error, -EINVAL, "",
				 "\"%.64s\" is no IPv4 or IPv6 address; both ends of a range are "
				 "written out",
				 dash);
	if (out->first.family != out->last.family)
		return error_set(error, -EINVAL, "",
				 "the range begins with IPv%c and ends with "
				 "IPv%c",
				 out->first.family == AF_INET ? '4' : '6',
				 out->last.family == AF_INET ? '4' : '6');
	if (addr_compare(&out->first, &out->last) > 0)
		return error_set(error, -EINVAL, "",
				 "the range %.40s-%.40s is the wrong way round: the lower comes "
				 "first",
				 text, dash);
	return 0;
}

/* Take a text apart into addresses and ports (NULL: none); -EINVAL when brackets do not match. */
static int range_split(char *text, char **addresses, char **ports, bool *brackets)
{
	char *close, *colon = strchr(text, ':');

	*ports = NULL;
	*addresses = text;
	*brackets = *text == '[';
	if (*brackets) {
		close = strchr(text, ']');
		if (!close || (close[1] != '\0' && close[1] != ':'))
			return -EINVAL;
		*ports = close[1] == ':' ? close + 2 : NULL;
		*close = '\0';
		*addresses = text + 1;
	} else if (colon && !strchr(colon + 1, ':')) { // more than one belongs to IPv6
		*colon = '\0';
		*ports = colon + 1;
	}
	return 0;
}

int match_range_parse(const char *text, struct match_range *out, uint8_t *family,
		      struct error *error)
{
	char copy[RANGE_ROOM], *addresses, *ports;
	bool brackets;
	int status;

	memset(out, 0, sizeof(*out));
	if (strlen(text) >= sizeof(copy))
		return error_set(error, -EINVAL, "", "is no range A-B:P-Q: it is too long");
	strcpy(copy, text);
	if (range_split(copy, &addresses, &ports, &brackets) < 0)
		return error_set(error, -EINVAL, "", "\"%.100s\" is no range [A-B]:P-Q", text);
	status = addresses_parse(addresses, out, error);
	if (status == 0 && brackets && out->first.family != AF_INET6)
		status = error_set(error, -EINVAL, "", "brackets are for IPv6: write %.60s%s",
				   addresses, ports ? ":P-Q" : "");
	if (status == 0 && ports)
		status = ports_parse(ports, out, error);
	if (status < 0)
		return status;
	*family = out->first.family;
	if (addr_is_unspecified(&out->first) && addr_equal(&out->first, &out->last))
		memset(out, 0, offsetof(struct match_range, port_first));
	return 0;
}

char *match_range_format(const struct match_range *range, uint8_t family,
			 char text[static MATCH_RANGE_TEXT])
{
	struct addr first = range->first, last = range->last;
	char a[ADDR_TEXT], b[ADDR_TEXT];

	if (first.family == AF_UNSPEC)
		first.family = last.family = family;
	snprintf(text, MATCH_RANGE_TEXT, family == AF_INET6 ? "[%s-%s]:%u-%u" : "%s-%s:%u-%u",
		 addr_format(&first, a), addr_format(&last, b), range->port_first,
		 range->port_last);
	return text;
}

/* Whole matches */

static int part_range(const char *text, struct match_range *out, struct match *match,
		      const char *field, struct error *error)
{
	uint8_t family = AF_UNSPEC;
	int status = match_range_parse(text, out, &family, error);

	snprintf(error->field, sizeof(error->field), "%s", field);
	if (status < 0)
		return status;
	if (match->family != AF_UNSPEC && match->family != family)
		return error_set(error, -EINVAL, field, "is IPv%c, and what stands before it IPv%c",
				 family == AF_INET ? '4' : '6', family == AF_INET ? '6' : '4');
	match->family = family;
	return 0;
}

static int part_device(const char *text, char out[static MATCH_DEVICE], const char *field,
		       struct error *error)
{
	if (!*text || strlen(text) >= MATCH_DEVICE)
		return error_set(error, -EINVAL, field, "\"%.32s\" is no name of an interface",
				 text);
	strcpy(out, text);
	return 0;
}

static int part_vni(const char *text, struct match *match, struct error *error)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || number == 0 || number >= 1 << 24)
		return error_set(error, -EINVAL, "vni", "\"%.32s\" is no VNI, 1 to 16777215", text);
	match->vni = (uint32_t)number;
	return 0;
}

static int part_family(const char *text, struct match *match, struct error *error)
{
	uint8_t family = strcasecmp(text, "ipv4") == 0	 ? AF_INET
			 : strcasecmp(text, "ipv6") == 0 ? AF_INET6
							 : AF_UNSPEC;

	if (family == AF_UNSPEC)
		return error_set(error, -EINVAL, "af", "\"%.32s\" is none of: ipv4, ipv6", text);
	if (match->family != AF_UNSPEC && match->family != family)
		return error_set(error, -EINVAL, "af", "is %s, and the range before it is not",
				 text);
	match->family = family;
	return 0;
}

static int part_protocol(const char *text, struct match *match, struct error *error)
{
	match->protocol = match_protocol_parse(text);
	if (match->protocol == 0)
		return error_set(error, -EINVAL, "proto",
				 "\"%.32s\" is none of: tcp, udp, sctp, icmp, icmpv6", text);
	return 0;
}

/* "src-range=10.0.0.1-10.0.0.9", or the name of a protocol alone. */
static int part_parse(const char *name, const char *value, struct match *match, struct error *error)
{
	if (!value)
		return part_protocol(name, match, error);
	if (!strcmp(name, "proto"))
		return part_protocol(value, match, error);
	if (!strcmp(name, "src-range") || !strcmp(name, "from"))
		return part_range(value, &match->source, match, "src-range", error);
	if (!strcmp(name, "dst-range") || !strcmp(name, "to"))
		return part_range(value, &match->destination, match, "dst-range", error);
	if (!strcmp(name, "af"))
		return part_family(value, match, error);
	if (!strcmp(name, "iif"))
		return part_device(value, match->in, "iif", error);
	if (!strcmp(name, "oif"))
		return part_device(value, match->out, "oif", error);
	if (!strcmp(name, "vni"))
		return part_vni(value, match, error);
	return error_set(error, -EINVAL, "",
			 "\"%.32s\" is none of: proto, af, src-range, dst-range, iif, oif, vni",
			 name);
}

int match_parse(const char *text, struct match *out, struct error *error)
{
	char copy[MATCH_TEXT], *next = copy, *part;

	memset(out, 0, sizeof(*out));
	if (strlen(text) >= sizeof(copy))
		return error_set(error, -EINVAL, "", "is too long for a match");
	strcpy(copy, text);
	while ((part = strsep(&next, ","))) {
		char *value = strchr(part, '=');
		int status;

		if (value)
			*value++ = '\0';
		status = part_parse(part, value, out, error);
		if (status < 0)
			return status;
	}
	return match_normalize(out, error);
}

static int range_check(const struct match *match, const struct match_range *range, bool ports,
		       const char *field, struct error *error)
{
	if (range_has_addresses(range) && range->first.family != match->family)
		return error_set(error, -EINVAL, field, "is not of the family of the match, IPv%c",
				 match->family == AF_INET ? '4' : '6');
	if (range_has_ports(range) && !ports)
		return error_set(error, -EINVAL, field, "names ports, which %s does not have",
				 match_protocol_name(match->protocol));
	return 0;
}

int match_normalize(struct match *match, struct error *error)
{
	unsigned int i = 0;
	int status;

	while (i < PROTOCOLS && protocols[i].number != match->protocol)
		i++;
	if (match->family == AF_UNSPEC)
		return error_set(error, -EINVAL, "src-range",
				 "is missing: a match has at least a source, a destination or a "
				 "family");
	if (i == PROTOCOLS) // of any protocol
		i = 0;
	if (protocols[i].family && protocols[i].family != match->family)
		return error_set(error, -EINVAL, "proto", "%s is not of IPv%c", protocols[i].name,
				 match->family == AF_INET ? '4' : '6');
	status = range_check(match, &match->source, protocols[i].ports, "src-range", error);
	return status < 0 ? status
			  : range_check(match, &match->destination, protocols[i].ports, "dst-range",
					error);
}

/* One more part of a text whose end is `at`; returns the new end. */
static int part_add(char text[static MATCH_TEXT], int at, const char *name, const char *value)
{
	return at +
	       snprintf(text + at, (size_t)(MATCH_TEXT - at), "%s%s%s", at ? "," : "", name, value);
}

/* Both spellings, in the order that DPVS's tools print. */
static char *format_parts(const struct match *match, const char *protocol, const char *source,
			  const char *destination, char text[static MATCH_TEXT])
{
	char range[MATCH_RANGE_TEXT], number[12];
	int at = 0;

	if (match->protocol)
		at = part_add(text, at, protocol, match_protocol_name(match->protocol));
	if (!match_range_is_any(&match->source))
		at = part_add(text, at, source,
			      match_range_format(&match->source, match->family, range));
	if (!match_range_is_any(&match->destination))
		at = part_add(text, at, destination,
			      match_range_format(&match->destination, match->family, range));
	if (match_range_is_any(&match->source) && match_range_is_any(&match->destination))
		at = part_add(text, at, "af=", match->family == AF_INET ? "ipv4" : "ipv6");
	if (match->in[0])
		at = part_add(text, at, "iif=", match->in);
	if (match->out[0])
		at = part_add(text, at, "oif=", match->out);
	snprintf(number, sizeof(number), "%u", match->vni);
	if (match->vni)
		part_add(text, at, "vni=", number);
	return text;
}

char *match_format(const struct match *match, char text[static MATCH_TEXT])
{
	return format_parts(match, "", "from=", "to=", text);
}

char *match_format_words(const struct match *match, char text[static MATCH_TEXT])
{
	return format_parts(match, "proto=", "src-range=", "dst-range=", text);
}

/* Order */

/* How many addresses a range has, less one: big-endian as an address, all ones for any. */
static void range_width(const struct match_range *range, uint8_t width[16])
{
	unsigned int bytes = range->first.family == AF_INET ? 4 : 16;
	int borrow = 0;

	memset(width, range_has_addresses(range) ? 0 : 0xff, 16);
	for (int i = (int)bytes - 1; range_has_addresses(range) && i >= 0; i--) {
		int difference = range->last.bytes[i] - range->first.bytes[i] - borrow;

		borrow = difference < 0;
		width[16 - bytes + i] = (uint8_t)difference;
	}
}

static int width_compare(const struct match_range *a, const struct match_range *b)
{
	uint8_t of_a[16], of_b[16];

	range_width(a, of_a);
	range_width(b, of_b);
	return memcmp(of_a, of_b, sizeof(of_a));
}

static int ports_width(const struct match_range *range)
{
	return range_has_ports(range) ? range->port_last - range->port_first : UINT16_MAX;
}

int match_compare(const struct match *a, const struct match *b)
{
	int order = width_compare(&a->source, &b->source);
	char of_a[MATCH_TEXT], of_b[MATCH_TEXT];

	if (order == 0)
		order = width_compare(&a->destination, &b->destination);
	if (order == 0)
		order = ports_width(&a->source) - ports_width(&b->source);
	if (order == 0)
		order = ports_width(&a->destination) - ports_width(&b->destination);
	if (order == 0)
		order = (b->in[0] != '\0') + (b->out[0] != '\0') - (a->in[0] != '\0') -
			(a->out[0] != '\0');
	if (order == 0)
		order = (a->protocol == 0) - (b->protocol == 0);
	return order ? order : strcmp(match_format(a, of_a), match_format(b, of_b));
}
