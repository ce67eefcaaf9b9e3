/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * From results of checks to a state: `rise` good ones in a row bring a server up that is down,
 * `fall` bad ones take one down that is up. One that was never checked counts as up, and the first
 * good result makes it so.
 */
enum judge_state { JUDGE_UNCHECKED, JUDGE_UP, JUDGE_DOWN };

struct judge {
	uint8_t state;	 // enum judge_state
	uint16_t streak; // results in a row, the last included, that spoke against the state
};

/* Take a result; true when the state has changed. */
bool judge_take(struct judge *judge, bool good, uint16_t rise, uint16_t fall);
/* "up" */
const char *judge_name(uint8_t state);
