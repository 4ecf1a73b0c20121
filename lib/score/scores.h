/* SPDX-License-Identifier: MIT */
/* scores.h - the scores file (seal-scores(5)): a header object, then an object a row.
 *
 *   {"seal":"scores","rows":2,"method":"safe-loss","score":"-loss","columns":[...], ...}
 *   {"id":"r1","hash":"00000000000000ff","line":1,"score":-1.5,"loss_base":2.25,"loss":1.5}
 *
 * A reader says which formulas it wants of every row, and gets their values: columns may be in any
 * order, and whatever else a row holds is passed over.
 */
#ifndef SEAL_SCORES_H
#define SEAL_SCORES_H

#include <stdint.h>

#include "../format/jsonl.h"
#include "../rows/shard.h"
#include "columns.h"

/* Writing (scores_write.c). */
struct scores_out;

/* Writes the header, if the share begins the output: "seal", "rows", "method", "score" and
 * "columns", then what else `header` holds (an object with "method", borrowed).  The columns, and
 * the formula, whose columns must be among them, are kept until scores_finish.  A column "score" is
 * written once. */
struct scores_out *scores_create(struct zout *, const json_t *header, const struct column[],
                                 const struct formula *score, long rows, struct share);
/* Writes a row; value[i]: of column i, NaN for null. */
void scores_add(struct scores_out *, const char *id, size_t id_n, uint64_t hash, long line,
                const double value[]);
/* To be called after all rows of the share; the zout stays open. */
void scores_finish(struct scores_out *);
/* The first of the formula's columns that is not among these, or NULL. */
const char *columns_lack(const struct column[], const struct formula *);

/* Reading (scores_read.c). */
enum { SCORES_FORMULAS = 2 }; /* that a reader can ask for at once */

/* A row that was read. */
struct scored {
	struct buf id; /* its text, NUL-terminated */
	uint64_t hash;
	long line;                     /* of the scores file, from 1 */
	double value[SCORES_FORMULAS]; /* NaN: null */
};

/* A formula, borrowed until scores_close.  Where it is optional, a file that lacks one of its
 * columns gives null; else that is an error at the end of the file. */
struct scores_want {
	const struct formula *formula;
	int optional;
};

struct scores;

/* Dies on what is no scores file.  want: SCORES_FORMULAS of them; a formula of NULL ends fewer. */
struct scores *scores_open(const char *path, const struct scores_want *want);
const char *scores_name(const struct scores *); /* of the file */
/* 1 and the next row, valid until the next call; 0 at the end.  Dies on a malformed or cut file.
 * That no id is there twice is for the caller to check. */
int scores_next(struct scores *, struct scored **);
void scores_close(struct scores *);

/* The parsers under scores_open and scores_next. */
/* The header, owned; NULL with a fault. */
json_t *scores_header(const char *text, size_t n, struct fault *);
/* A column that is wanted of every row. */
struct scores_cell {
	const char *name;
	int f32;      /* it was written as a float */
	int here;     /* it is in this row */
	int seen;     /* it was in some row so far, or is in the header's list */
	double value; /* NaN: null or missing */
};
/* Sets a row, but for line and value, and the cells; text: n bytes and a NUL.  -1 with a fault. */
int scores_row(struct scored *, struct scores_cell[], int cells, const char *text, size_t n,
               struct fault *);

#endif
