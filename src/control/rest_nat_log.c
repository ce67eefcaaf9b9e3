/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "base/log.h"
#include "control/apply.h"
#include "control/decode.h"
#include "control/nat_journal.h"
#include "control/persist.h"
#include "control/rest.h"

/* The log of SNAT: how much of it is written, and what was not. */

struct wanted {
	uint32_t rate;
};

static const struct field fields[] = {
	{"rate", decode_integer, FIELD_OF(struct wanted, rate), .maximum = NAT_JOURNAL_RATE_MAX},
	{NULL},
};

int rest_nat_log_get(struct request *request, struct error *error)
{
	struct nat_journal_counts counts;

	nat_journal_counts(&counts);
	return request_reply(
		request, 200,
		json_pack("{s:I, s:I, s:I, s:I}", "rate", (json_int_t)nat_journal_rate(), "written",
			  (json_int_t)counts.written, "skipped", (json_int_t)counts.skipped, "lost",
			  (json_int_t)counts.lost));
}

int rest_nat_log_patch(struct request *request, struct error *error)
{
	struct wanted wanted = {.rate = nat_journal_rate()};
	struct decode d = {.error = error};
	json_t *body = request_body(request, error);
	int status;

	if (body == NULL)
		return error->code;
	status = decode_object(&d, body, fields, &wanted);
	json_decref(body);
	if (status == 0 && apply_nat_log(wanted.rate) < 0)
		status = error_set(error, -ENOMEM, "", "out of memory");
	if (status < 0)
		return status;
	persist_changed();
	log_notice("%s: ~ nat_log: rate %u", request_peer(request), wanted.rate);
	return rest_nat_log_get(request, error);
}
