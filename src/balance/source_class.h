/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Classes of the source classifier, each combination once. Control thread only. Every function that
 * gives a class gives a reference with it; SOURCE_NO_CLASS: no memory, or too many combinations.
 */
#define SOURCE_NO_CLASS UINT32_MAX

int source_class_start(void);
void source_class_stop(void);
/* The class with, and without, a mention of the list. */
uint32_t source_class_with(uint32_t class, uint32_t list, bool nomatch);
uint32_t source_class_without(uint32_t class, uint32_t list);
/* What a prefix of class `own` makes of addresses that are of class `outer` around it. */
uint32_t source_class_inside(uint32_t outer, uint32_t own);
void source_class_hold(uint32_t class);
/* The last reference: workers may still see it, and source_commit() waits for them. */
void source_class_drop(uint32_t class);
/* Classes that have been dropped and can be freed once nobody sees them; NULL: none. */
struct source_class_rest;
struct source_class_rest *source_class_rest(void);
void source_class_rest_free(struct source_class_rest *rest);
size_t source_class_bytes(void);
