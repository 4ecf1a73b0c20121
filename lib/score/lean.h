/* SPDX-License-Identifier: MIT */
/* lean.h - of a scores file only what selection needs, at some fifty bytes a row,
 * and the rows that were scored, recognised by their bytes. */
#ifndef SEAL_LEAN_H
#define SEAL_LEAN_H

#include "../rows/places.h"
#include "../rows/row.h"
#include "scores.h"

/* Arrays are of n.  The scores are known by their places; ids are not kept. */
struct lean {
	char *name;
	long n;                 /* name: of the file */
	double *score, *weight; /* NaN: null; weight: NULL if nobody asked */
	uint64_t *hash;
	struct seen {
		uint32_t line, key;
	} * seen;                        /* line: of the row in the input, over all files; 0: did
	                                            * not come; key: the lower half of the id's */
	struct places *by_key, *by_hash; /* place + 1, by the id's key; by the hash, mixed */
	struct rows_known known, lines;  /* for rows_known: of ids and lines, of lines alone */
	uint64_t key;
	uint32_t at; /* the key that was found last, its place + 1 */
};

/* Dies as scores_read does. */
struct lean *lean_read(const char *path, int weights);
/* The place of the row's score, -1: it has none.  Dies where another row was scored. */
long lean_of(struct lean *, const struct row *);
/* The id of a score, read from the file once more (which was spooled); owned. */
char *lean_id(const struct lean *, const char *path, long at);
/* No row is looked for any more: lets by_key, by_hash and seen go. */
void lean_found(struct lean *);
void lean_close(struct lean *);

#endif
