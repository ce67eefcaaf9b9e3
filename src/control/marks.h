/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/addr.h"
#include "net/iface.h"

/*
 * Rules for firewall marks, as they were asked for, in the order in which they are tried
 * (balance/mark.h). Control thread only.
 */
struct model_mark {
	struct prefix source, destination; // family AF_UNSPEC: any
	char iface[IFACE_NAME];		   // "": any
	uint32_t mark;
	uint16_t port, port_end; // of the destination; 0 and 65535: any
	uint8_t protocol;	 // 0: any
	uint8_t origin;
};

struct model_marks {
	struct model_mark *rules;
	unsigned int count;
};

/* The rules that workers try. */
const struct model_marks *model_marks(void);
/* Do both say the same, origins aside? */
bool mark_equal(const struct model_mark *a, const struct model_mark *b);
bool marks_equal(const struct model_marks *a, const struct model_marks *b);
/* -ENOMEM; `marks` then has no rules. */
int marks_copy(struct model_marks *marks, const struct model_marks *from);
void marks_free(struct model_marks *marks);
/* Put a rule at this place, 0 the first. -ENOMEM. */
int marks_insert(struct model_marks *marks, unsigned int at, const struct model_mark *rule);
/*
 * The rules of a document, `marks`, get those of `running` that came through other doors after
 * them. -ENOMEM.
 */
int marks_merge(struct model_marks *marks, const struct model_marks *running);

/* Show the rules to the workers and take a copy as model_marks(). -ENOMEM: nothing has changed. */
int marks_publish(const struct model_marks *marks);
/* Now and then: interfaces that rules name may have come or gone. */
void marks_follow(void);
void marks_stop(void);

/* "5: tcp from 10.0.0.0/8 to 10.1.0.0/16 port 80-90 by dpdk0" */
enum { MARK_TEXT = 2 * PREFIX_TEXT + IFACE_NAME + 64 };
char *mark_format(const struct model_mark *rule, char text[static MARK_TEXT]);
/* As a file has it, with its origin when `origin`. */
json_t *mark_json(const struct model_mark *rule, bool origin);
json_t *marks_json(const struct model_marks *marks, bool origins);
/* model_marks() with their counters of packets. */
json_t *marks_show(void);
