/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"
#include "control/acl.h"
#include "control/marks.h"
#include "control/model.h"
#include "control/sets.h"
#include "session/timeout.h"

/*
 * JSON to objects of the model and back. The shape is one for the file, for REST and for what is
 * persisted, and so are the checks and the sentences.
 */
struct document {
	struct model_service **services;
	unsigned int service_count;
	struct model_local *pool; // local addresses for services without own, sorted
	unsigned int pool_count;
	struct model_marks marks;
	struct sets_wanted sets; // not in what was saved: see control/sets_journal.h
	struct acl_node acl;
	struct timeouts timeouts; // complete: defaults where the document says nothing
};

/* Where a document comes from, which decides about marks and about what may be named. */
struct document_source {
	enum origin origin; // what the objects are marked with,
	bool saved;	    // unless they say it themselves
	bool (*has_interface)(const char *name, const void *arg); // NULL: ask iface_find()
	const void *arg;
};

/*
 * The sections "services", "local_addresses", "marks", "timeouts", "sets" and those of access lists of
 * an object; other names in it are passed over. 0, -EINVAL, -EOPNOTSUPP or -ENOMEM; then `document` holds nothing.
 */
int document_decode(const json_t *json, const struct document_source *source,
		    struct document *document, struct error *error);
void document_free(struct document *document);

/*
 * The bodies of REST requests. The key of an object stands in the request's path; a body may
 * repeat it but not differ. Fields that listings show and nobody can set are ignored.
 *
 * A whole service, with defaults for what the body leaves out; and only what the body names, into
 * a copy that the caller throws away after an error.
 */
int document_decode_service(const json_t *body, const struct service_key *key, enum origin origin,
			    struct model_service **out, struct error *error);
int document_patch_service(const json_t *body, enum origin origin, struct model_service *service,
			   struct error *error);
/* `server` and `local` hold the key, and what stays where the body is silent. */
int document_decode_server(const json_t *body, const struct service_key *key,
			   struct model_server *server, struct error *error);
int document_decode_local(const json_t *body, struct model_local *local, struct error *error);
/* One rule for marks, and the list `marks` as a whole, for marks_free(). */
int document_decode_mark_rule(const json_t *body, struct model_mark *rule, struct error *error);
int document_decode_mark_list(const json_t *list, struct model_marks *marks, struct error *error);
/* Lists of the node; only what the body names. */
int document_decode_acl_node(const json_t *body, struct acl_node *node, struct error *error);
/* What the body names; null is weir's own default. */
int document_patch_timeouts(const json_t *body, struct timeouts *timeouts, struct error *error);

/* A key of a path: "tcp", "10.0.0.1" ("172.16.25.13@96" in VNI 96), "80", or "match", "tcp,from=10.0.0.0/8", "0". -EINVAL with the field named. */
int document_decode_key(const char *protocol, const char *vip, const char *port,
			struct service_key *key, struct error *error);
int document_decode_protocol(const char *text, uint8_t *protocol, struct error *error);
int document_decode_address(const char *text, struct addr *addr, struct error *error);
int document_decode_port(const char *text, uint16_t *port, struct error *error);
/* The same of a real server, which may have none of its own: 0. */
int document_decode_server_port(const char *text, uint16_t *port, struct error *error);

/*
 * The other way: objects as a file has them, and with `marks` the fields that say where they came
 * from. NULL: no memory.
 */
json_t *document_service_json(const struct model_service *service, bool marks);
json_t *document_syn_proxy_json(const struct syn_proxy *proxy);
json_t *document_match_json(const struct match *match);
json_t *document_server_json(const struct model_server *server, bool marks);
json_t *document_local_json(const struct model_local *local, bool marks);
json_t *document_locals_json(const struct model_local *locals, unsigned int count, bool marks);
/* Settings of checks; of a real server's own only what they name. */
json_t *document_check_json(const struct check *check);
/* Only the states that are not 0. */
json_t *document_timeouts_json(const struct timeouts *timeouts);
/* Bit i of a service's scheduler_flags is the word i; NULL at the end. */
extern const char *const document_scheduler_flags[];
/* In the order of enum hash_target and of enum removed_action; NULL at the end. */
extern const char *const document_hash_targets[], *const document_removed_words[];
extern const char *const document_client_address_words[];
/* Routing by QUIC connection ID; the words are in the order of enum quic_format. */
extern const char *const document_quic_words[];
json_t *document_quic_lb_json(const struct quic_settings *quic);
enum { QUIC_ID_TEXT = 2 * QUIC_SERVER_ID + 1 };
char *document_quic_id_format(const struct quic_server_id *id, char text[static QUIC_ID_TEXT]);
/* Do the server IDs of its real servers fit? -EINVAL with the field `servers`, -ENOMEM. */
int document_check_quic(const struct model_service *service, struct error *error);
extern const char *const document_proxy_protocol_words[];
/* "established"; NULL for a state that has no timeout. */
const char *document_timeout_name(enum session_state state);

/*
 * To reach a server of the other family by FullNAT, the service needs a local address of that
 * family, its own or, when it has none, of the pool. One server; all of a service.
 */
int document_check_locals(const struct model_service *service, const struct model_server *server,
			  const struct model_local *pool, unsigned int pool_count,
			  struct error *error);
int document_check_syn_proxy(const struct model_service *service, const struct model_server *server,
			     struct error *error);
int document_judge_families(const struct model_service *service, const struct model_local *pool,
			    unsigned int pool_count, struct error *error);
