/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "control/document.h"
#include "control/model.h"

/*
 * An edit: the difference between the model as it is and as it shall be. A door builds one from
 * objects that have been decoded and checked, and publishes it (control/publish.h) whole or not
 * at all. An edit does not outlive the callback of the event loop in which it was made.
 */
struct edit_change {
	struct model_service *before; // in the model; NULL: a new one
	struct model_service *after;  // owned by the edit; NULL: removed
	bool again;		      // to be shown though nothing differs
	bool silent;		      // only marks differ: workers need not be shown (publish.c)
};

struct edit {
	struct edit_change *changes; // a service stands here at most once
	unsigned int count;
	unsigned int capacity;
	bool pool_given;
	struct model_local *pool;
	unsigned int pool_count;
	bool marks_given;
	struct model_marks marks;
	bool acl_given;
	struct acl_node acl;
	bool timeouts_given;
	struct timeouts timeouts; // defaults of the model
};

void edit_free(struct edit *edit);
bool edit_empty(const struct edit *edit);
/*
 * Takes `after` also when it fails; nothing is added when both are the same. -ENOMEM. Servers keep
 * the health that they have in `before`.
 */
int edit_service(struct edit *edit, struct model_service *before, struct model_service *after);
/* `after` differs from `before` in the health of servers, and in nothing else. Takes it. -ENOMEM. */
int edit_health(struct edit *edit, struct model_service *before, struct model_service *after);
/* Show a service again though nothing in it changes. -ENOMEM. */
int edit_republish(struct edit *edit, struct model_service *service);
/* Lists of the node, if they differ from those that there are. Copies. -ENOMEM. */
int edit_acl(struct edit *edit, const struct acl_node *wanted);
/* Copies. -ENOMEM. */
int edit_pool(struct edit *edit, const struct model_local *pool, unsigned int count);

/*
 * A whole document against the model: adds, changes, and removes what came from the file and is
 * no longer in it. `document` keeps what it owns.
 */
int edit_apply(struct edit *edit, const struct document *document, struct error *error);

/*
 * The same between two documents: `saved` becomes what a model that held it would be after
 * edit_apply(file). -ENOMEM; `saved` is then still whole.
 */
int document_merge(struct document *saved, const struct document *file);
