/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipvsadm_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

enum { VALUE_TEXT = 256, SECONDS_MAX = 64800 };

/* Numbers */

int value_number(const char *text, unsigned int minimum, unsigned int maximum, unsigned int *out)
{
	char *end;

	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number < minimum || number > maximum)
		return -EINVAL;
	*out = (unsigned int)number;
	return 0;
}

/* A number, a letter or two behind it such as the s of "3s", and nothing else. */
static int number_unit(const char *text, const char *unit, unsigned int minimum,
		       unsigned int maximum, unsigned int *out)
{
	char number[VALUE_TEXT];
	size_t length = strlen(text), tail = strlen(unit);

	if (length <= tail || length >= sizeof(number) || strcmp(text + length - tail, unit))
		return -EINVAL;
	snprintf(number, sizeof(number), "%.*s", (int)(length - tail), text);
	return value_number(number, minimum, maximum, out);
}

/* Hosts and services */

static int host_resolve(const char *text, int family, struct addr *out)
{
	const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;

	if (addr_parse(text, out) == 0)
		return 0;
	// A number alone would be taken for an address in one piece, which nobody means.
	if (!*text || text[strspn(text, "0123456789.")] == '\0' || strchr(text, ':'))
		return -EINVAL;
	if (getaddrinfo(text, NULL, &hints, &found) || !found)
		return -ENOENT;
	if (found->ai_family == AF_INET6)
		*out = addr_v6(
			((const struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr.s6_addr);
	else
		*out = addr_v4(
			((const struct sockaddr_in *)(void *)found->ai_addr)->sin_addr.s_addr);
	freeaddrinfo(found);
	return 0;
}

static int port_resolve(const char *text, uint8_t protocol, uint16_t *out)
{
	unsigned int number;

	if (value_number(text, 0, 65535, &number) == 0) {
		*out = (uint16_t)number;
		return 0;
	}
	if (!*text || text[strspn(text, "0123456789")] == '\0')
		return -EINVAL;
	const struct servent *service = getservbyname(text, rule_protocol_name(protocol));
	if (!service)
		return -ENOENT;
	*out = ntohs((uint16_t)service->s_port);
	return 0;
}

int value_endpoint(const char *text, int family, uint8_t protocol, struct rule_endpoint *out)
{
	char host[VALUE_TEXT], *port = NULL;
	int status;

	*out = (struct rule_endpoint){0};
	if (snprintf(host, sizeof(host), "%s", text) >= (int)sizeof(host))
		return -EINVAL;
	char *bare = host, *colon = strchr(host, ':');
	if (*host == '[') {
		char *end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		port = end[1] ? end + 2 : NULL;
		*end = '\0';
		bare = host + 1;
		family = AF_INET6;
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		port = colon + 1;
	}
	status = host_resolve(bare, family, &out->addr);
	if (status == 0 && *host == '[' && out->addr.family != AF_INET6)
		return -EINVAL;
	out->port_given = port != NULL;
	return status == 0 && port ? port_resolve(port, protocol, &out->port) : status;
}

/* Services */

/* HOST:PORT, and HOST:PORT-PORT for a range of ports. */
static int service_endpoint(struct rule *rule, const char *text, uint8_t protocol)
{
	char first[VALUE_TEXT], *dash;
	unsigned int end;
	int status;

	rule->protocol = protocol;
	if (snprintf(first, sizeof(first), "%s", text) >= (int)sizeof(first))
		return -EINVAL;
	dash = strrchr(first, '-');
	// A name of a host or a service may have a dash too.
	if (!dash || value_number(dash + 1, 1, 65535, &end) < 0 || dash == first ||
	    dash[-1] < '0' || dash[-1] > '9')
		return value_endpoint(text, AF_UNSPEC, protocol, &rule->service);
	*dash = '\0';
	status = value_endpoint(first, AF_UNSPEC, protocol, &rule->service);
	if (status == 0 && (rule->service.port == 0 || end <= rule->service.port))
		return -EINVAL;
	rule->service.port_end = (uint16_t)end;
	return status;
}

int take_tcp(struct rule *rule, const char *text)
{
	return service_endpoint(rule, text, IPPROTO_TCP);
}

int take_udp(struct rule *rule, const char *text)
{
	return service_endpoint(rule, text, IPPROTO_UDP);
}

int take_sctp(struct rule *rule, const char *text)
{
	rule->protocol = IPPROTO_SCTP;
	return value_endpoint(text, AF_UNSPEC, IPPROTO_SCTP, &rule->service);
}

int take_other_service(struct rule *rule, const char *text)
{
	return value_endpoint(text, AF_UNSPEC, IPPROTO_TCP, &rule->service);
}

int take_mark(struct rule *rule, const char *text)
{
	return value_number(text, 1, UINT32_MAX, &rule->mark);
}

static bool word_is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcasecmp(word, *words))
			return true;
	return false;
}

int take_match(struct rule *rule, const char *text)
{
	int status = match_parse(text, &rule->match, &rule->why);

	// Names of WAN addresses are looked up in the family of the match, ports are none of TCP's.
	rule->protocol = rule->match.protocol;
	rule->service.addr.family = rule->match.family;
	return status;
}

/* Other endpoints */

int take_server(struct rule *rule, const char *text)
{
	int family = rule->service.addr.family ? rule->service.addr.family : AF_UNSPEC;
	int status = value_endpoint(text, family, rule->protocol, &rule->server);

	// Of a service on several ports the real server keeps the one that the client asked for.
	if (status == 0 && !rule->server.port_given && !rule->service.port_end)
		rule->server.port = rule->service.port;
	return status;
}

int take_local(struct rule *rule, const char *text)
{
	return value_endpoint(text, rule->service.addr.family, rule->protocol, &rule->local);
}

int take_access(struct rule *rule, const char *text)
{
	struct rule_endpoint endpoint;
	struct prefix prefix;

	if (!strncmp(text, "ipset:", 6))
		return text[6] ? 0 : -EINVAL;
	return prefix_parse(text, &prefix) == 0
		       ? 0
		       : value_endpoint(text, AF_UNSPEC, IPPROTO_TCP, &endpoint);
}

/* Settings of services and servers */

int take_scheduler(struct rule *rule, const char *text)
{
	return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0'
		       ? 0
		       : -EINVAL;
}

int take_persistent(struct rule *rule, const char *text)
{
	unsigned int seconds;

	return value_number(text, 1, RULE_TIMEOUT_MAX, &seconds);
}

int take_netmask(struct rule *rule, const char *text)
{
	struct in_addr mask;
	unsigned int length;

	if (value_number(text, 1, 128, &length) == 0)
		return 0;
	if (inet_pton(AF_INET, text, &mask) != 1)
		return -EINVAL;
	// Ones, then zeros: the inverse plus one has at most one bit.
	uint32_t inverse = ~ntohl(mask.s_addr);
	return mask.s_addr && (inverse & (inverse + 1)) == 0 ? 0 : -EINVAL;
}

int take_weight(struct rule *rule, const char *text)
{
	return value_number(text, 0, 65535, &rule->weight);
}

int take_tunnel_type(struct rule *rule, const char *text)
{
	static const char *const words[] = {"ipip", "gue", "gre", NULL};

	for (unsigned int i = 0; words[i]; i++)
		if (!strcmp(words[i], text))
			return 0;
	return -EINVAL;
}

int take_tunnel_port(struct rule *rule, const char *text)
{
	return value_number(text, 1, 65535, &rule->tunnel_port);
}

int take_upper(struct rule *rule, const char *text)
{
	return value_number(text, 0, INT32_MAX, &rule->upper);
}

int take_lower(struct rule *rule, const char *text)
{
	return value_number(text, 0, INT32_MAX, &rule->lower);
}

int take_switch(struct rule *rule, const char *text)
{
	return !strcmp(text, "enable") || !strcmp(text, "disable") ? 0 : -EINVAL;
}

int take_hash_target(struct rule *rule, const char *text)
{
	return !strcmp(text, "sip") || !strcmp(text, "qid") ? 0 : -EINVAL;
}

int take_conn_timeout(struct rule *rule, const char *text)
{
	return value_number(text, 0, SECONDS_MAX, &rule->conn_timeout);
}

int take_proxy_protocol(struct rule *rule, const char *text)
{
	static const char *const words[] = {"disable",	   "v1",	  "v2",
					    "v1-insecure", "v2-insecure", NULL};

	return word_is_one_of(text, words) ? 0 : -EINVAL;
}

/* A word, "D,Ws", or "D,U,Ws,MIN-MAXs". */
int take_dest_check(struct rule *rule, const char *text)
{
	static const char *const words[] = {"disable", "default", "tcp", "udp",
					    "sctp",    "ping",	  NULL};
	char copy[VALUE_TEXT], *next = copy, *part[5] = {NULL}, *dash;
	unsigned int count = 0, down, up, wait, minimum, maximum;

	if (word_is_one_of(text, words))
		return 0;
	snprintf(copy, sizeof(copy), "%s", text);
	while (next && count < 5)
		part[count++] = strsep(&next, ",");
	if (count == 2)
		return value_number(part[0], 1, 65535, &down) < 0 ||
				       number_unit(part[1], "s", 1, SECONDS_MAX, &wait) < 0
			       ? -EINVAL
			       : 0;
	if (count != 4 || !(dash = strchr(part[3], '-')))
		return -EINVAL;
	*dash = '\0';
	if (value_number(part[0], 1, 65535, &down) < 0 || value_number(part[1], 1, 65535, &up) < 0)
		return -EINVAL;
	if (number_unit(part[2], "s", 1, SECONDS_MAX, &wait) < 0 ||
	    value_number(part[3], 1, SECONDS_MAX, &minimum) < 0)
		return -EINVAL;
	return number_unit(dash + 1, "s", minimum, SECONDS_MAX, &maximum);
}

int take_settings(struct rule *rule, const char *text)
{
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	bool right = json_is_object(value);

	json_decref(value);
	return right ? 0 : -EINVAL;
}

/* Listings and the rest */

int take_cpu(struct rule *rule, const char *text)
{
	return value_number(text, 0, 128, &rule->cpu);
}

/* One part of "tcp:10.0.0.1:1024:[fd00::1]:80"; `*text` moves on behind the colon. */
static int pair_part(const char **text, char *part, size_t room)
{
	const char *end = **text == '[' ? strchr(*text, ']') : *text;
	size_t length;

	if (!end)
		return -EINVAL;
	length = (size_t)(end - *text) + strcspn(end, ":");
	if (length == 0 || length >= room)
		return -EINVAL;
	snprintf(part, room, "%.*s", (int)length, *text);
	*text += length;
	if (**text == ':')
		(*text)++;
	return 0;
}

static int pair_endpoint(const char **text, struct rule_endpoint *out)
{
	char host[VALUE_TEXT], port[16];
	unsigned int number;

	if (pair_part(text, host, sizeof(host)) < 0 || pair_part(text, port, sizeof(port)) < 0 ||
	    value_number(port, 1, 65535, &number) < 0 ||
	    value_endpoint(host, AF_UNSPEC, IPPROTO_TCP, out) < 0)
		return -EINVAL;
	out->port = (uint16_t)number;
	return 0;
}

int take_sockpair(struct rule *rule, const char *text)
{
	char protocol[16];

	if (pair_part(&text, protocol, sizeof(protocol)) < 0 ||
	    pair_endpoint(&text, &rule->pair_client) < 0 ||
	    pair_endpoint(&text, &rule->pair_vip) < 0 || *text)
		return -EINVAL;
	if (!strcasecmp(protocol, "tcp"))
		rule->pair_protocol = IPPROTO_TCP;
	else if (!strcasecmp(protocol, "udp"))
		rule->pair_protocol = IPPROTO_UDP;
	else if (!strcasecmp(protocol, "sctp"))
		rule->pair_protocol = IPPROTO_SCTP;
	else
		return -EINVAL;
	return 0;
}

int take_sync_id(struct rule *rule, const char *text)
{
	unsigned int number;

	return value_number(text, 0, 255, &number);
}
