/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/* Every reason to drop a packet: an identifier for programs and a sentence for people. */
enum drop {
#define DROP(name, sentence) DROP_##name,
#include "base/drops.def"
#undef DROP
	DROP_COUNT,
};

const char *drop_name(enum drop reason);     // "ttl_exceeded"
const char *drop_sentence(enum drop reason); // what happened and what to do about it
