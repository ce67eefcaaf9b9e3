/* SPDX-License-Identifier: BSD-3-Clause */

/* The tables that the word lists of meson.build make: schedulers and modes. */
#include <stddef.h>
#include <string.h>

#include "balance/mode.h"
#include "balance/scheduler.h"
#include "balance/service.h"

#define SCHEDULER(name) extern const struct scheduler scheduler_##name;
#define MODE(name)	extern const struct mode mode_##name;
#include "balance/words.def"
#undef SCHEDULER
#undef MODE

static const struct scheduler *const schedulers[] = {
#define SCHEDULER(name) &scheduler_##name,
#define MODE(name)
#include "balance/words.def"
#undef SCHEDULER
#undef MODE
};

static const struct mode *const modes[] = {
#define SCHEDULER(name)
#define MODE(name) &mode_##name,
#include "balance/words.def"
#undef SCHEDULER
#undef MODE
};

static const char *const scheduler_words[] = {
#define SCHEDULER(name) #name,
#define MODE(name)
#include "balance/words.def"
#undef SCHEDULER
#undef MODE
	NULL,
};

static const char *const mode_words[] = {
#define SCHEDULER(name)
#define MODE(name) #name,
#include "balance/words.def"
#undef SCHEDULER
#undef MODE
	NULL,
};

const struct scheduler *scheduler_find(const char *name)
{
	for (size_t i = 0; i < sizeof(schedulers) / sizeof(*schedulers); i++)
		if (strcmp(schedulers[i]->name, name) == 0)
			return schedulers[i];
	return NULL;
}

const struct mode *mode_find(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (strcmp(modes[i]->name, name) == 0)
			return modes[i];
	return NULL;
}

bool scheduler_exists(const char *name)
{
	return scheduler_find(name) != NULL;
}

bool mode_exists(const char *name)
{
	return mode_find(name) != NULL;
}

const char *const *scheduler_names(void)
{
	return scheduler_words;
}

const char *const *mode_names(void)
{
	return mode_words;
}
