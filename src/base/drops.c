/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/drops.h"

#include <assert.h>

static const char *const drop_names[] = {
#define DROP(name, sentence) #name,
#include "base/drops.def"
#undef DROP
};

static const char *const drop_sentences[] = {
#define DROP(name, sentence) sentence,
#include "base/drops.def"
#undef DROP
};

_Static_assert(sizeof(drop_names) / sizeof(*drop_names) == DROP_COUNT, "a name for each reason");

const char *drop_name(enum drop reason)
{
	assert(reason < DROP_COUNT);
	return drop_names[reason];
}

const char *drop_sentence(enum drop reason)
{
	assert(reason < DROP_COUNT);
	return drop_sentences[reason];
}
