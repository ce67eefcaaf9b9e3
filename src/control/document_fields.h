/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/decode.h"
#include "control/document.h"

/* What document.c and document_fields.c share: the tables of fields of each kind of object. */
enum { DOCUMENT_LOCALS = 65536 };

/* `context` of the decoder. */
struct document_context {
	const struct document_source *source;
	const struct model_service *service; // whose servers are being decoded
	bool key_given;			     // the key of a service stands in the path
};

extern const struct field document_local_fields[];   // of a struct model_local
extern const struct field document_server_fields[];  // of a struct model_server
extern const struct field document_timeout_fields[]; // of a struct timeouts

/*
 * Decode a service. The key comes first whatever the order of the fields, because the others are
 * checked against it.
 */
int document_fields_service(struct decode *d, const json_t *json, struct model_service *service);
/* A list, in place of what was there. */
int document_decode_locals(struct decode *d, const json_t *value, struct model_local **locals,
			   unsigned int *count);
/* The section `marks`; see document_marks.c. */
int document_decode_marks(struct decode *d, const json_t *list, struct model_marks *marks);
/* An address that one host can have. */
int document_check_unicast(struct decode *d, const struct addr *addr);
int document_decode_unicast(struct decode *d, const json_t *value, const struct field *field,
			    void *target);
/* The field `check` of a service, of a real server, and both together; see document_check.c. */
int document_decode_check(struct decode *d, const json_t *value, const struct field *field,
			  void *target);
int document_decode_server_check(struct decode *d, const json_t *value, const struct field *field,
				 void *target);
int document_judge_checks(struct decode *d, const struct model_service *service);
/*
 * The field `match` of a service, what only services by match have or have not, and what holds for
 * their servers, which are WAN addresses; see document_match.c.
 */
int document_decode_match(struct decode *d, const json_t *value, const struct field *field,
			  void *target);
/* A match apart from services, of a family that follows from elsewhere, unless `any`. */
int document_decode_ranges(struct decode *d, const json_t *value, uint8_t family, bool any,
			   struct match *out);
int document_judge_match(struct decode *d, const json_t *json, const struct model_service *service);
int document_check_wan(struct decode *d, const struct service_key *key,
		       const struct model_server *server);
/* The parts of a key, and settings of sessions, whole; see document_key.c. */
int document_decode_protocol_field(struct decode *d, const json_t *value, const struct field *field,
				   void *target);
int document_decode_mark(struct decode *d, const json_t *value, const struct field *field,
			 void *target);
int document_decode_family(struct decode *d, const json_t *value, const struct field *field,
			   void *target);
int document_decode_persistent(struct decode *d, const json_t *value, const struct field *field,
			       void *target);
int document_decode_netmask(struct decode *d, const json_t *value, const struct field *field,
			    void *target);
int document_judge_key(struct decode *d, const json_t *json, const struct model_service *service);
/* What does not go with the field `proxy_protocol`; see document_proxy.c. */
int document_judge_proxy(struct decode *d, const struct model_service *service);
int document_judge_client_address(struct decode *d, const struct model_service *service);
/* A list of access lists; see document_acl.c. */
int document_decode_acl(struct decode *d, const json_t *value, const struct field *field,
			void *target);
int document_decode_denied(struct decode *d, const json_t *value, const struct field *field,
			   void *target);
int document_decode_acl_sections(struct decode *d, const json_t *document, struct acl_node *node);
/* Are the sets that its lists name in the document, or there? */
int document_judge_acl(const struct document *document, struct error *error);
/* A real server without a port of its own. */
int document_check_port(struct decode *d, const struct model_server *server);
/* `quic` and `quic_lb` of a service, `quic_id` of a real server; see document_quic.c. */
int document_decode_quic(struct decode *d, const json_t *value, const struct field *field,
			 void *target);
int document_decode_quic_lb(struct decode *d, const json_t *value, const struct field *field,
			    void *target);
int document_decode_quic_id(struct decode *d, const json_t *value, const struct field *field,
			    void *target);
int document_judge_quic(struct decode *d, const struct model_service *service);
/*
 * The field `vni` of a service or of a real server, and what does not go with it; see document_vni.c.
 */
int document_decode_vni(struct decode *d, const json_t *value, const struct field *field,
			void *target);
int document_decode_server_vni(struct decode *d, const json_t *value, const struct field *field,
			       void *target);
int document_judge_server_vni(struct decode *d, const struct model_server *server);
int document_judge_vni(struct decode *d, const struct model_service *service);
/* A real server that is put into a service. */
int document_check_vni(const struct service_key *key, const struct model_server *server,
		       struct error *error);
/* "172.16.25.13@96", of a path or a command; without "@" the VNI is 0. */
int document_split_vni(const char *text, char vip[static ADDR_TEXT + 2], uint32_t *vni,
		       struct error *error);
/* The field `limits` of a service and of the file, and DPVS's words; see document_limits.c. */
int document_decode_limits(struct decode *d, const json_t *value, const struct field *field,
			   void *target);
int document_limits_decode(struct decode *d, const json_t *value, bool node,
			   struct limit_settings *limits);
int document_decode_bps(struct decode *d, const json_t *value, const struct field *field,
			void *target);
int document_decode_proportion(struct decode *d, const json_t *value, const struct field *field,
			       void *target);
json_t *document_limits_json(const struct limit_settings *limits);
extern const char *const document_limit_kinds[];
/* Its thresholds; see document_limits.c. */
int document_check_thresholds(struct decode *d, const struct model_server *server);
/*
 * The field `syn_proxy` of a service, what does not go with it, and a real server of such a service;
 * see document_syn_proxy.c.
 */
int document_decode_syn_proxy(struct decode *d, const json_t *value, const struct field *field,
			      void *target);
int document_judge_syn_proxy(struct decode *d, const struct model_service *service);
/* Of another family than the context's service, a real server needs a mode that can reach it. */
int document_check_family(struct decode *d, const struct model_server *server);
/* Does it go with its mode? Fills in the port that a mode implies. */
int document_judge_server(struct decode *d, struct model_server *server);
