/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/service_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/protocol.h"
#include "control/match_number.h"

const char *service_key_protocol(const struct service_key *key)
{
	if (key->kind == SERVICE_MATCH)
		return "match";
	return key->kind == SERVICE_MARK ? "fwmark" : protocol_name(key->protocol);
}

char *service_key_vip(const struct service_key *key, char text[static SERVICE_VIP_TEXT])
{
	if (key->kind == SERVICE_ADDRESS) {
		addr_format(&key->vip, text);
		if (key->zone)
			sprintf(text + strlen(text), "@%u", key->zone);
		return text;
	}
	if (key->kind == SERVICE_MATCH)
		return match_format(match_of_key(key), text);
	return strcpy(text, key->vip.family == AF_INET6 ? "ipv6" : "ipv4");
}

char *service_key_ports(const struct service_key *key, char text[static SERVICE_PORTS_TEXT])
{
	if (key->port_end)
		snprintf(text, SERVICE_PORTS_TEXT, "%u-%u", key->port, key->port_end);
	else
		snprintf(text, SERVICE_PORTS_TEXT, "%u", service_key_number(key));
	return text;
}

uint32_t service_key_number(const struct service_key *key)
{
	return key->kind == SERVICE_MARK ? key->mark : key->port;
}

void service_key_add(json_t *object, const struct service_key *key)
{
	char vip[SERVICE_VIP_TEXT];

	json_object_set_new(object, "protocol", json_string(service_key_protocol(key)));
	json_object_set_new(object, "vip", json_string(service_key_vip(key, vip)));
	json_object_set_new(object, "port", json_integer(service_key_number(key)));
	if (key->port_end)
		json_object_set_new(object, "port_end", json_integer(key->port_end));
}

bool service_key_is_wide(const struct service_key *key)
{
	return key->kind != SERVICE_ADDRESS || key->port == 0 || key->port_end != 0;
}

/* A number at the beginning of a text, which goes on after it. */
static bool number_take(const char **text, unsigned long maximum, unsigned long *number)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*number = strtoul(*text, &end, 10);
	*text = end;
	return errno == 0 && *number <= maximum;
}

int service_key_decode_ports(const char *text, struct service_key *key, struct error *error)
{
	unsigned long first, last = 0;
	const char *at = text;
	bool good = number_take(&at, 65535, &first);

	if (good && *at == '-') {
		at++;
		good = number_take(&at, 65535, &last) && first > 0 && last > first;
	}
	if (!good || *at != '\0')
		return error_set(error, -EINVAL, "port",
				 "\"%.32s\" is no port, 1 to 65535 (0: any), and no range of ports "
				 "such as 8000-8010",
				 text);
	key->port = (uint16_t)first;
	key->port_end = (uint16_t)last;
	return 0;
}

int service_key_decode_mark(const char *family, const char *mark, struct service_key *key,
			    struct error *error)
{
	unsigned long number;

	if (strcmp(family, "ipv4") != 0 && strcmp(family, "ipv6") != 0)
		return error_set(error, -EINVAL, "family", "\"%.32s\" is none of: ipv4, ipv6",
				 family);
	key->kind = SERVICE_MARK;
	key->protocol = 0;
	key->vip.family = strcmp(family, "ipv6") == 0 ? AF_INET6 : AF_INET;
	if (!number_take(&mark, UINT32_MAX, &number) || *mark != '\0' || number == 0)
		return error_set(error, -EINVAL, "fwmark",
				 "must be a firewall mark, a whole number from 1 to 4294967295");
	key->mark = (uint32_t)number;
	return 0;
}
