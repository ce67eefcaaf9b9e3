/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "control/bfd.h"
#include "control/rest.h"

/* BFD: sessions, one by one, and what happened to them. */

int rest_bfd_list(struct request *request, struct error *error)
{
	return request_reply(request, 200,
			     json_pack("{s:o, s:o}", "sessions", bfd_sessions_json(), "accept",
				       bfd_accepts_json()));
}

int rest_bfd_events(struct request *request, struct error *error)
{
	return request_reply(request, 200, json_pack("{s:o}", "events", bfd_events_json()));
}

static int name_of_request(const struct request *request, struct bfd_name *name,
			   struct error *error)
{
	memset(name, 0, sizeof(*name));
	return bfd_decode_name(request_part(request, 0), request_part(request, 1), name, error);
}

int rest_bfd_get(struct request *request, struct error *error)
{
	struct bfd_name name;
	char text[ADDR_TEXT + 16];
	int status = name_of_request(request, &name, error);
	json_t *session = status < 0 ? NULL : bfd_session_json(&name);

	if (session != NULL)
		return request_reply(request, 200, session);
	return status < 0 ? status
			  : error_set(error, -ENOENT, "", "there is no %s session with %s",
				      bfd_kind_words[name.kind], bfd_peer_format(&name, text));
}

int rest_bfd_put(struct request *request, struct error *error)
{
	struct bfd_spec spec = {.origin = ORIGIN_REST};
	int status = name_of_request(request, &spec.name, error);
	char text[ADDR_TEXT + 16];
	json_t *body;
	bool is_new;

	if (status < 0)
		return status;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	status = bfd_decode_session(body, &spec, error);
	json_decref(body);
	if (status == 0)
		status = bfd_put(&spec, &is_new, error);
	if (status < 0)
		return status;
	log_notice("%s: %c BFD %s %s", request_peer(request), is_new ? '+' : '~',
		   bfd_kind_words[spec.name.kind], bfd_peer_format(&spec.name, text));
	return request_reply(request, is_new ? 201 : 200, bfd_session_json(&spec.name));
}

int rest_bfd_delete(struct request *request, struct error *error)
{
	struct bfd_name name;
	char text[ADDR_TEXT + 16];
	int status = name_of_request(request, &name, error);

	if (status == 0)
		status = bfd_delete(&name, error);
	if (status < 0)
		return status;
	log_notice("%s: - BFD %s %s", request_peer(request), bfd_kind_words[name.kind],
		   bfd_peer_format(&name, text));
	return request_reply_empty(request, 204);
}
