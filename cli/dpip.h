/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "client.h"
#include "command.h"

/*
 * The face that speaks the grammar of DPVS' dpip: `dpip [OPTIONS] OBJECT COMMAND [WORDS]`. Each
 * object has a function that is given all of it. What is wrong with the words is said here with
 * "dpip: parse:", what is wrong with what they ask for by the daemon.
 */
struct dpip {
	struct client *client;
	int family; // AF_INET, AF_INET6; AF_UNSPEC: none was named
	bool verbose, statistics, colour, force;
	unsigned int interval, count; // seconds; 0: once, and without end
	const char *object, *command; // the command as the tables have it: "show", "set"
	char **words;		      // NULL at the end
};

/* An object's function; the exit code, where anything but EXIT_OK becomes 1. */
enum exit_code dpip_addr(struct dpip *dpip);
enum exit_code dpip_route(struct dpip *dpip);
enum exit_code dpip_neigh(struct dpip *dpip);
enum exit_code dpip_link(struct dpip *dpip);
enum exit_code dpip_vlan(struct dpip *dpip);
enum exit_code dpip_tunnel(struct dpip *dpip);
enum exit_code dpip_qsch(struct dpip *dpip);
enum exit_code dpip_cls(struct dpip *dpip);
enum exit_code dpip_ipset(struct dpip *dpip);
enum exit_code dpip_ipv6(struct dpip *dpip);
enum exit_code dpip_iftraf(struct dpip *dpip);
enum exit_code dpip_memory(struct dpip *dpip);
enum exit_code dpip_flow(struct dpip *dpip);
enum exit_code dpip_maddr(struct dpip *dpip);
enum exit_code dpip_lldp(struct dpip *dpip);

/* "dpip: parse: ..." on standard error; gives EXIT_USAGE. */
enum exit_code dpip_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "dpip: check: ..."; gives EXIT_REFUSED. */
enum exit_code dpip_refused(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The command is none of this object's: says which there are. */
enum exit_code dpip_no_command(const struct dpip *dpip, const char *commands);
bool dpip_is(const struct dpip *dpip, const char *command);

/*
 * Words: a table of keywords, each with the member of a structure that takes its value (a text,
 * or for a flag "1"). One word that is no keyword is taken for `bare`, if that is not NULL.
 */
struct dpip_word {
	const char *name; // NULL ends the table
	bool flag;	  // takes no value
	const char **value;
};
enum exit_code dpip_words(const struct dpip *dpip, const struct dpip_word *table, const char **bare,
			  const char *bare_name);
/* A number within a range, for the field of a body. */
enum exit_code dpip_number(const char *name, const char *text, long long minimum, long long maximum,
			   long long *number);

/* "10.0.0.1/24" into its parts for a path; the host's length without "/". By -4 and -6. */
struct dpip_prefix {
	int family;
	char address[64];
	unsigned int length;
};
enum exit_code dpip_prefix(const struct dpip *dpip, const char *what, const char *text,
			   struct dpip_prefix *prefix);
/* "default" is 0.0.0.0/0, with -6 ::/0. */
enum exit_code dpip_destination(const struct dpip *dpip, const char *text,
				struct dpip_prefix *prefix);

/* The name of an interface as the daemon has it, from any of its names; refused when there is none.
 */
enum exit_code dpip_device(const struct dpip *dpip, const char *device, char name[static 32]);
/* Is this row of a listing on the device (NULL: any of weir's)? */
bool dpip_row_on(const json_t *row, const char *device);
/* A text field, "" when there is none; a number, 0 when there is none. */
const char *dpip_text(const json_t *row, const char *field);
long long dpip_integer(const json_t *row, const char *field);
/* PATCH /v1/SECTION/NAME with one field, which takes `value` over. */
enum exit_code dpip_patch(const struct dpip *dpip, const char *section, const char *name,
			  const char *field, json_t *value);
/* GET and the array of that name; `*answer` is the caller's. */
enum exit_code dpip_list(const struct dpip *dpip, const char *path, const char *name,
			 json_t **answer, json_t **rows);
