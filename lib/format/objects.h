/* SPDX-License-Identifier: MIT */
/* objects.h - JSON objects many in a file, as evaluation reads them. */
#ifndef SEAL_OBJECTS_H
#define SEAL_OBJECTS_H

#include "jsonl.h"

/* Calls see for every object of the inputs (none: stdin), each JSONL or one
 * JSON array, plain or zstd; where names its place, for die("%s: ...", where).
 * Dies on what is neither. */
void objects_read(char *const paths[], int n,
                  void (*see)(void *ctx, const json_t *object, const char *where), void *ctx);

/* A value as a key to group by: a text as it is, anything else as compact
 * JSON, a missing one as "null".  Set in b. */
const char *object_key(const json_t *object, const char *key, struct buf *b);

json_t *real_or_null(double); /* null when not finite; owned */

#endif
