/* SPDX-License-Identifier: MIT */
/* file.h - the scores file (seal-scores(5)): a header object, then an object a row.
 *
 *   {"seal":"scores","rows":2,"method":"safe-loss","score":"-loss","columns":[...], ...}
 *   {"id":"r1","hash":"00000000000000ff","line":1,"score":-1.5,"loss_base":2.25,"loss":1.5}
 *
 * A reader says which formulas it wants of every row, and gets their values: it takes the
 * columns in any order, and whatever else a row holds is passed over.
 */
#ifndef SEAL_SCORES_FILE_H
#define SEAL_SCORES_FILE_H

#include <stdint.h>

#include "../format/jsonl.h"
#include "columns.h"

/* --- writing */
struct scores_out;

/* header: an object of the method, settings, fingerprints (borrowed); "seal", "rows",
 * "score" and "columns" are put before them.  The columns and the formula, whose columns
 * must be among them, are kept until scores_finish.  A column "score" is written once. */
struct scores_out *scores_create(struct zout *, const json_t *header, const struct column[],
                                 const struct formula *score, long rows);
/* value[i]: of column i, NaN: null. */
void scores_add(struct scores_out *, const char *id, size_t id_n, uint64_t hash, long line,
                const double value[]);
void scores_finish(struct scores_out *);
/* The first of the formula's columns that is not among these, or NULL. */
const char *columns_lack(const struct column[], const struct formula *);

/* --- reading */
enum { SCORES_FORMULAS = 2 }; /* that a reader can ask for at once */

struct scored {
	struct buf id; /* a text with its NUL */
	uint64_t hash;
	long line; /* of the scores file, from 1 */
	double value[SCORES_FORMULAS];
};

struct scores;

/* Dies on what is no scores file.  A formula that is `optional` is null where the file lacks
 * one of its columns; of another, that is an error at the end of the file.  At most
 * SCORES_FORMULAS of them, with a NULL formula behind fewer. */
struct scores_want {
	const struct formula *formula;
	int optional;
};
struct scores *scores_open(const char *path, const struct scores_want *);
const char *scores_name(const struct scores *); /* of the file */
/* 1 and the next row, valid until the next call; 0 at the end.  Dies on a malformed or cut
 * file.  That no id is there twice is for the caller to check. */
int scores_next(struct scores *, struct scored **);
void scores_close(struct scores *);

/* What scores_open and scores_next parse with: -1 with a fault.  The header is owned. */
int scores_header(const char *text, size_t n, json_t **header, long *rows, struct fault *);
/* A column that is wanted of every row. */
struct scores_cell {
	const char *name;
	int f32;      /* it was written as a float */
	int here;     /* it is in this row, */
	int seen;     /* in some row so far, or in the header's list */
	double value; /* NaN: null or missing */
};
int scores_row(struct scored *, struct scores_cell[], int cells, const char *text, size_t n,
               struct fault *);

#endif
