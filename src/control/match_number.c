/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/match_number.h"

#include <assert.h>
#include <stdlib.h>

#include "balance/matches.h"
#include "control/model.h"

/*
 * Numbers begin at 1. Nobody says when a number is no longer needed: those of matches that were
 * only asked about, or whose service is gone, are used again once all are given out, the ones that
 * nobody has asked for longest first. There are four times as many as services by match may exist,
 * so that a document under way never loses the numbers that it was just given.
 */
enum { NUMBERS = 4 * MATCHES_MAX };

static struct numbered {
	struct match match;
	uint64_t asked; // 0: never given out
} * numbered;
static uint64_t asked;

static struct service_key key_of(const struct match *match, uint32_t number)
{
	struct service_key key;

	memset(&key, 0, sizeof(key));
	key.vip.family = match->family;
	key.protocol = match->protocol;
	key.kind = SERVICE_MATCH;
	key.mark = number;
	return key;
}

static bool number_is_free(uint32_t number)
{
	struct service_key key;

	if (numbered[number].asked == 0)
		return true;
	key = key_of(&numbered[number].match, number);
	return model_find(&key) == NULL;
}

struct service_key match_key(const struct match *match)
{
	uint32_t oldest = 0;

	if (!numbered)
		numbered = calloc(NUMBERS + 1, sizeof(*numbered));
	for (uint32_t i = 1; numbered && i <= NUMBERS; i++) {
		if (numbered[i].asked && match_equal(&numbered[i].match, match)) {
			numbered[i].asked = ++asked;
			return key_of(match, i);
		}
		if ((oldest == 0 || numbered[i].asked < numbered[oldest].asked) &&
		    number_is_free(i))
			oldest = i;
	}
	if (oldest) {
		numbered[oldest].match = *match;
		numbered[oldest].asked = ++asked;
	}
	return key_of(match, oldest);
}

const struct match *match_of_key(const struct service_key *key)
{
	assert(key->kind == SERVICE_MATCH && key->mark >= 1 && key->mark <= NUMBERS);
	return &numbered[key->mark].match;
}

void match_numbers_stop(void)
{
	free(numbered);
	numbered = NULL;
}
