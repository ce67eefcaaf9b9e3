/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "ipvsadm_format.h"
#include "match_words.h"
#include "service_name.h"

/*
 * -S: lines from which -R makes the same services again. What the tool has an option for is
 * written with it; everything else that a service or a server says, now or in a later version of
 * the daemon, goes into --settings as it is, so that nothing is lost. Addresses are always
 * numbers: a name that resolves otherwise at the time of the restore would make another service.
 */

/* A text that -R reads as one word. */
static void word_print(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	}
	fputc('\'', out);
}

static const char *text_of(const json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));

	return text ? text : "";
}

static void service_words(FILE *out, char command, const json_t *service)
{
	char endpoint[SERVICE_PATH];
	const char *protocol = text_of(service, "protocol");
	const json_t *match = match_of_service(service);
	char text[MATCH_TEXT];

	if (match) {
		fprintf(out, "-%c -H ", command);
		match_option_text(match, text);
		if (strpbrk(text, "'\"\\#"))
			word_print(out, text);
		else
			fputs(text, out);
		return;
	}

	if (service_mark(service))
		fprintf(out, "-%c -f %lld%s", command, service_mark(service),
			service_mark_is_ipv6(service) ? " -6" : "");
	else
		fprintf(out, "-%c %s %s", command,
			!strcmp(protocol, "udp")    ? "-u"
			: !strcmp(protocol, "sctp") ? "--sctp-service"
						    : "-t",
			service_endpoint(service, endpoint));
}

/* What is left of an object when everything is gone that was written already. */
static void settings_print(FILE *out, json_t *left)
{
	if (json_object_size(left) > 0) {
		char *text = json_dumps(left, JSON_COMPACT | JSON_SORT_KEYS);
		fputs(" --settings ", out);
		word_print(out, text ? text : "{}");
		free(text);
	}
	json_decref(left);
}

/* Take a field out when it has this value, which is the default. */
static void default_drop(json_t *object, const char *field, json_t *value)
{
	if (json_equal(json_object_get(object, field), value))
		json_object_del(object, field);
	json_decref(value);
}

/* The timeouts that --conn-timeout sets for a protocol; NULL: of a match for all of them. */
static const char *const *conn_timeout_fields(const char *protocol)
{
	static const char *const udp[] = {"udp_normal", "udp_one_way", NULL};
	static const char *const sctp[] = {"sctp_established", NULL};
	static const char *const icmp[] = {"icmp", NULL};
	static const char *const tcp[] = {"established", NULL};
	static const char *const all[] = {
		"established", "sctp_established", "udp_normal", "udp_one_way", "icmp", NULL};

	return !protocol		       ? all
	       : !strcmp(protocol, "udp")      ? udp
	       : !strcmp(protocol, "sctp")     ? sctp
	       : !strncmp(protocol, "icmp", 4) ? icmp
					       : tcp;
}

/* The timeout that the tool has an option for; 0: none, or not to be said with it. */
static long long conn_timeout_take(json_t *left, const json_t *service)
{
	json_t *timeouts = json_deep_copy(json_object_get(service, "timeouts"));
	const json_t *match = match_of_service(service);
	const json_t *protocol = json_object_get(match ? match : service, "protocol");
	const char *const *fields = conn_timeout_fields(json_string_value(protocol));
	long long seconds;

	if (!timeouts)
		return 0;
	json_object_set_new(left, "timeouts", timeouts);
	seconds = json_integer_value(json_object_get(timeouts, fields[0]));
	for (unsigned int i = 1; fields[i]; i++)
		if (json_integer_value(json_object_get(timeouts, fields[i])) != seconds)
			seconds = 0;
	for (unsigned int i = 0; seconds && fields[i]; i++)
		json_object_del(timeouts, fields[i]);
	if (json_object_size(timeouts) == 0)
		json_object_del(left, "timeouts");
	return seconds;
}

/* Can -P say everything about these addresses? */
static bool locals_are_plain(const json_t *locals)
{
	const json_t *entry;
	size_t i;

	json_array_foreach ((json_t *)locals, i, entry) {
		if (json_object_size(entry) != 2)
			return false;
	}
	return true;
}

/* What the tool has options for, of how sessions begin and end; takes them out. */
static void sessions_words(FILE *out, json_t *left)
{
	long long seconds = json_integer_value(json_object_get(left, "persistent"));
	long long bits = json_integer_value(json_object_get(left, "netmask"));

	if (seconds)
		fprintf(out, " -p %lld", seconds);
	if (seconds && bits)
		fprintf(out, " -M %lld", bits);
	if (json_is_true(json_object_get(left, "one_packet")))
		fputs(" --ops", out);
	// What else it says is written as a setting, which comes first.
	if (json_is_true(json_object_get(left, "syn_proxy"))) {
		fputs(" -j enable", out);
		json_object_del(left, "syn_proxy");
	}
	if (!strcmp(text_of(left, "hash_target"), "qid"))
		fputs(" --hash-target qid", out);
	if (json_is_true(json_object_get(left, "expire_quiescent")))
		fputs(" --expire-quiescent", out);
	if (!strcmp(text_of(left, "quic"), "dpvs")) {
		fputs(" --quic", out);
		json_object_del(left, "quic");
	}
	if (json_object_get(left, "proxy_protocol"))
		fprintf(out, " --proxy-protocol %s", text_of(left, "proxy_protocol"));
	json_object_del(left, "persistent");
	json_object_del(left, "netmask");
	json_object_del(left, "one_packet");
	json_object_del(left, "hash_target");
	json_object_del(left, "expire_quiescent");
	json_object_del(left, "proxy_protocol");
}

static void service_line(FILE *out, const json_t *service)
{
	static const char *const said[] = {"protocol", "vip",	"port",	     "port_end", "fwmark",
					   "family",   "match", "scheduler", "servers"};
	json_t *left = json_copy((json_t *)service);
	long long seconds = conn_timeout_take(left, service);

	for (unsigned int i = 0; i < sizeof(said) / sizeof(*said); i++)
		json_object_del(left, said[i]);
	default_drop(left, "mode", json_string(match_of_service(service) ? "snat" : "fullnat"));
	default_drop(left, "unknown_tcp", json_string("reset"));
	default_drop(left, "mss", json_integer(0));
	if (locals_are_plain(json_object_get(service, "local_addresses")))
		json_object_del(left, "local_addresses");
	service_words(out, 'A', service);
	fprintf(out, " -s %s", text_of(service, "scheduler"));
	sessions_words(out, left);
	if (seconds)
		fprintf(out, " --conn-timeout %lld", seconds);
	settings_print(out, left);
	fputc('\n', out);
}

static char forward_letter(const json_t *service, const json_t *server)
{
	static const struct {
		const char *mode;
		char letter;
	} letters[] = {{"dr", 'g'}, {"tunnel", 'i'}, {"nat", 'm'}, {"snat", 'J'}};
	const char *mode = text_of(server, "mode");

	mode = *mode ? mode : text_of(service, "mode");
	for (unsigned int i = 0; i < sizeof(letters) / sizeof(*letters); i++)
		if (!strcmp(letters[i].mode, mode))
			return letters[i].letter;
	return 'b';
}

static void tunnel_words(FILE *out, const json_t *tunnel)
{
	const char *checksum = text_of(tunnel, "checksum");

	if (!tunnel)
		return;
	fprintf(out, " --tun-type %s", text_of(tunnel, "type"));
	if (json_object_get(tunnel, "port"))
		fprintf(out, " --tun-port %lld",
			(long long)json_integer_value(json_object_get(tunnel, "port")));
	if (!strcmp(checksum, "full"))
		fputs(" --tun-csum", out);
	else if (!strcmp(checksum, "remote"))
		fputs(" --tun-remcsum", out);
}

static void number_word(FILE *out, const char *option, const json_t *number)
{
	if (number)
		fprintf(out, " %s %lld", option, (long long)json_integer_value(number));
}

static void server_line(FILE *out, const json_t *service, const json_t *server)
{
	static const char *const said[] = {"address",	     "port",   "weight",
					   "mode",	     "tunnel", "upper_threshold",
					   "lower_threshold"};
	const char *address = text_of(server, "address");
	json_t *left = json_copy((json_t *)server);

	for (unsigned int i = 0; i < sizeof(said) / sizeof(*said); i++)
		json_object_del(left, said[i]);
	service_words(out, 'a', service);
	fprintf(out, strchr(address, ':') ? " -r [%s]:%lld -%c -w %lld" : " -r %s:%lld -%c -w %lld",
		address, (long long)json_integer_value(json_object_get(server, "port")),
		forward_letter(service, server),
		(long long)json_integer_value(json_object_get(server, "weight")));
	tunnel_words(out, json_object_get(server, "tunnel"));
	number_word(out, "-x", json_object_get(server, "upper_threshold"));
	number_word(out, "-y", json_object_get(server, "lower_threshold"));
	settings_print(out, left);
	fputc('\n', out);
}

void save_service(FILE *out, const json_t *service)
{
	const json_t *locals = json_object_get(service, "local_addresses"), *entry;
	size_t i;

	service_line(out, service);
	if (locals_are_plain(locals)) {
		json_array_foreach ((json_t *)locals, i, entry) {
			service_words(out, 'P', service);
			fprintf(out, " -z %s -F %s\n", text_of(entry, "address"),
				text_of(entry, "interface"));
		}
	}
	json_array_foreach (json_object_get(service, "servers"), i, entry)
		server_line(out, service, entry);
}
