/* SPDX-License-Identifier: MIT */
/* jsonl_objects.h - reads files of many JSON objects, as evaluation has them. */
#ifndef SEAL_JSONL_OBJECTS_H
#define SEAL_JSONL_OBJECTS_H

#include "jsonl.h"

/* Calls see() for every object of n inputs (0: of stdin), each of which is JSONL or one JSON
 * array, plain or zstd; dies on one that is neither.  `where` names the place of the object, for
 * die("%s: ...", where). */
void objects_read(char *const paths[], int n,
                  void (*see)(void *ctx, const json_t *object, const char *where), void *ctx);

/* The value of a key as a text to group by: a string as it is, anything else as compact JSON, a
 * missing one as "null".  It is written to b, whose text is returned. */
const char *object_key(const json_t *object, const char *key, struct buf *b);

/* The number of the object's group by that value, from 0 in the order of first sight.  groups: a
 * JSON object of value -> number, {} before the first call. */
long object_group(json_t *groups, const json_t *object, const char *key);

json_t *real_or_null(double); /* null when not finite; owned */

#endif
