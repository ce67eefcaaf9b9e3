/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "path/traffic.h"

/*
 * Traffic control as doors see it: for each port what the section `traffic_control` of the file or
 * a door wants there. See traffic.c. Control thread only.
 */
enum { TRAFFIC_HANDLE_TEXT = 16 };

/* The section of the file: a list of ports. */
struct traffic_section {
	struct traffic_spec *specs;
	unsigned int count;
};

struct config;
struct sets_wanted;
struct decode;
struct field;

extern const char *const traffic_kind_words[];

/* config_traffic.c: for the table of the file's sections, into a struct config. */
int decode_traffic(struct decode *d, const json_t *value, const struct field *field, void *target);
void traffic_section_drop(struct traffic_section *section);
void traffic_section_free(struct traffic_section *section);
/* A port as a whole; `interface` is filled in, or has to be in the body when it is "". */
int traffic_decode_spec(const json_t *body, struct traffic_spec *spec, struct error *error);
/* One queue or classifier over what `spec` has already; its handle stands in the path. */
int traffic_decode_queue(const json_t *body, struct traffic_queue_spec *spec, struct error *error);
int traffic_decode_classifier(const json_t *body, struct traffic_classifier_spec *spec,
			      struct error *error);
/* "root", "ingress", "1:", "1:2"; 0: it is none. And back. */
uint32_t traffic_handle_parse(const char *text);
char *traffic_handle_format(uint32_t handle, char text[static TRAFFIC_HANDLE_TEXT]);
json_t *traffic_queue_json(const struct traffic_queue_spec *spec);
json_t *traffic_classifier_json(const struct traffic_classifier_spec *spec);
/* As the file has it; with `port` also what was counted there. */
json_t *traffic_spec_json(const struct traffic_spec *spec, int port);

/* traffic_check.c: does it fit together, and to the port? `field` is the path to it. */
int traffic_check_spec(const struct traffic_spec *spec, const struct sets_wanted *sets,
		       const char *field, struct error *error);
/* The port of an interface, by any of its names, or -1 and an error with this field. */
int traffic_check_port(const char *interface, const char *field, struct error *error);

/* traffic.c, for the file: as those of bfd.h. */
unsigned int traffic_differences(const struct traffic_section *wanted, json_t *texts);
/* `sets`: those that will be there, beside those that are; NULL: none. */
int traffic_check(const struct traffic_section *wanted, const struct sets_wanted *sets,
		  struct error *error);
int traffic_apply(const struct traffic_section *wanted, struct error *error);
int traffic_start(const struct traffic_section *section, const char *state_dir,
		  struct error *error);
void traffic_control_stop(void);

/* What a port has now; NULL: nothing. */
const struct traffic_spec *traffic_get(unsigned int port);
/* Make a port be as `spec` says, NULL: as if it had never had any. Errors name fields of it. */
int traffic_put(unsigned int port, const struct traffic_spec *spec, struct error *error);
json_t *traffic_list_json(void);
/* As the file would have it; NULL: nothing. */
json_t *traffic_running_json(void);
