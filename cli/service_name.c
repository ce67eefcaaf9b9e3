/* SPDX-License-Identifier: BSD-3-Clause */
#include "service_name.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));

	return text ? text : "";
}

static long long number_of(const json_t *object, const char *field)
{
	return (long long)json_integer_value(json_object_get(object, field));
}

/* Rows have the text of a match in the place of the VIP, services have the match itself. */
static const char *match_of(const json_t *service, char text[static MATCH_TEXT])
{
	if (match_of_service(service))
		return match_text(match_of_service(service), text);
	return strcmp(text_of(service, "protocol"), "match") ? NULL : text_of(service, "vip");
}

/* Rows have the mark in the place of the port, services have it by its name. */
long long service_mark(const json_t *service)
{
	if (strcmp(text_of(service, "protocol"), "fwmark"))
		return 0;
	return json_object_get(service, "fwmark") ? number_of(service, "fwmark")
						  : number_of(service, "port");
}

bool service_mark_is_ipv6(const json_t *service)
{
	return !strcmp(text_of(service, "family"), "ipv6") ||
	       !strcmp(text_of(service, "vip"), "ipv6");
}

char *service_ports(const json_t *service, char text[static SERVICE_PATH])
{
	long long end = number_of(service, "port_end");
	int length = snprintf(text, SERVICE_PATH, "%lld", number_of(service, "port"));

	if (end)
		snprintf(text + length, (size_t)(SERVICE_PATH - length), "-%lld", end);
	return text;
}

/*
 * The VIP without a VNI, and "@96" or "": services have the VNI by its name, rows have it behind the
 * VIP.
 */
static char *service_vip(const json_t *service, char vip[static 64], char vni[static 16])
{
	const char *text = text_of(service, "vip"), *at = strchr(text, '@');
	long long number = number_of(service, "vni");

	snprintf(vip, 64, "%.*s", (int)strcspn(text, "@"), text);
	snprintf(vni, 16, "%s", at ? at : "");
	if (!at && number)
		snprintf(vni, 16, "@%lld", number);
	return vip;
}

char *service_path(const json_t *service, char path[static SERVICE_PATH])
{
	char ports[SERVICE_PATH], text[MATCH_TEXT], piece[MATCH_PATH], vip[64], vni[16];
	const char *match = match_of(service, text);
	long long mark = service_mark(service);

	if (match)
		snprintf(path, SERVICE_PATH, "/v1/services/match/%s/0", match_escape(match, piece));
	else if (mark)
		snprintf(path, SERVICE_PATH, "/v1/services/fwmark/%s/%lld",
			 service_mark_is_ipv6(service) ? "ipv6" : "ipv4", mark);
	else
		snprintf(path, SERVICE_PATH, "/v1/services/%s/%s%s/%.20s",
			 text_of(service, "protocol"), service_vip(service, vip, vni), vni,
			 service_ports(service, ports));
	return path;
}

char *service_endpoint(const json_t *service, char text[static SERVICE_PATH])
{
	bool has_vip = json_object_get(service, "vip");
	long long mark = service_mark(service);
	char ports[SERVICE_PATH], room[MATCH_TEXT], vip[64], vni[16];
	const char *match = match_of(service, room);

	if (match)
		snprintf(text, SERVICE_PATH, "%s", match);
	else if (mark)
		snprintf(text, SERVICE_PATH, "%lld%s", mark,
			 service_mark_is_ipv6(service) ? " IPv6" : "");
	else if (!has_vip)
		snprintf(text, SERVICE_PATH, "-");
	else
		snprintf(text, SERVICE_PATH,
			 strchr(service_vip(service, vip, vni), ':') ? "[%s]%s:%.20s"
								     : "%s%s:%.20s",
			 vip, vni, service_ports(service, ports));
	return text;
}
