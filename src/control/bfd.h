/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "bfd/table.h"
#include "control/model.h"

/*
 * BFD as doors see it: the section `bfd` of the file, sessions that doors make, and peers that are
 * accepted without being named. The sessions themselves are in bfd/table.h.
 */
struct bfd_spec {
	struct bfd_name name;
	struct addr local;
	struct bfd_config config;
	uint8_t origin;
};

/* Peers that may begin a session by themselves. */
struct bfd_accept {
	struct prefix from;
	bool vm_hosts; // BFD_VXLAN: from any host of the VM table, in place of `from`
	uint32_t kind; // enum bfd_kind
	uint32_t limit;
	struct bfd_config config;
};

struct bfd_section {
	struct bfd_spec *sessions;
	unsigned int session_count;
	struct bfd_accept *accepts;
	unsigned int accept_count;
};

struct config;
struct decode;
struct field;

extern const char *const bfd_kind_words[];

/* config_bfd.c: for the table of the file's sections, into a struct config. */
int decode_bfd(struct decode *d, const json_t *value, const struct field *field, void *target);
/* The lists of one that was copied are the other's. */
void bfd_section_drop(struct bfd_section *section);
void bfd_section_free(struct bfd_section *section);
/* A body whose key stands in the path, or a row of the file. */
int bfd_decode_session(const json_t *body, struct bfd_spec *spec, struct error *error);
/* "multihop", "10.0.0.1"; "vxlan", "10.0.0.1@5001". */
int bfd_decode_name(const char *kind, const char *peer, struct bfd_name *name, struct error *error);
/* As it was configured; the secret is not shown unless `secrets`. */
json_t *bfd_spec_json(const struct bfd_spec *spec, bool secrets);
json_t *bfd_accept_json(const struct bfd_accept *accept, bool secrets);
char *bfd_peer_format(const struct bfd_name *name, char text[static ADDR_TEXT + 16]);

/* bfd.c: how many sessions differ; adds a line of text. */
unsigned int bfd_differences(const struct bfd_section *wanted, json_t *texts);
/* Can these sessions run as weir runs now? */
int bfd_check(const struct bfd_section *wanted, struct error *error);
/* Make the sessions of the file be as wanted; what other doors made stays. */
int bfd_apply(const struct bfd_section *wanted, struct error *error);
int bfd_start(const struct bfd_section *section, const char *state_dir, struct error *error);
/* Tell all peers that this end is going, and wait until that was sent. */
void bfd_stop(void);
/* Ten times a second. */
void bfd_tick(void);

/* For what follows a session (control/bfd_gate.h). Raised with every change that may matter there. */
uint64_t bfd_generation(void);
enum bfd_word { BFD_SAYS_NOTHING, BFD_SAYS_UP, BFD_SAYS_DOWN };
/*
 * Is it up? It says nothing while this end has it administratively down, and until it has been up for
 * the first time, within some seconds. `reason` becomes a sentence, unless it is NULL.
 */
enum { BFD_REASON = 128 };
enum bfd_word bfd_word_of(const struct bfd_name *name, char *reason);

int bfd_put(const struct bfd_spec *spec, bool *is_new, struct error *error);
int bfd_delete(const struct bfd_name *name, struct error *error);
/* With what the worker knows of it; NULL: there is none. */
json_t *bfd_session_json(const struct bfd_name *name);
json_t *bfd_sessions_json(void);
json_t *bfd_accepts_json(void);
/* The last changes of state, the newest first. */
json_t *bfd_events_json(void);
/* As the file would have it, secrets included, so that it can be applied. */
json_t *bfd_running_json(void);
