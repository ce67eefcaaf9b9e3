/* SPDX-License-Identifier: BSD-3-Clause */
#include "judge.h"

bool judge_take(struct judge *judge, bool good, uint16_t rise, uint16_t fall)
{
	bool against = judge->state == JUDGE_DOWN ? good : !good;

	if (!against && judge->state != JUDGE_UNCHECKED) {
		judge->streak = 0;
		return false;
	}
	if (against && ++judge->streak < (good ? rise : fall))
		return false;
	judge->state = good ? JUDGE_UP : JUDGE_DOWN;
	judge->streak = 0;
	return true;
}

const char *judge_name(uint8_t state)
{
	static const char *const names[] = {
		[JUDGE_UNCHECKED] = "unchecked", [JUDGE_UP] = "up", [JUDGE_DOWN] = "down"};

	return names[state];
}
