/* SPDX-License-Identifier: MIT */
/* join.h - rows, told one by one, joined with the scores of a file by id and hash.
 *
 * Scores are nearly always in the order of their rows, with some rows left out.  So the file is
 * read beside the rows, one score ahead, and a row that is not the next score's is taken to have
 * none.  Only where scores are left when the rows have ended is their order another one; then
 * those that are left are looked up.
 */
#ifndef SEAL_JOIN_H
#define SEAL_JOIN_H

#include "../rows/tokens.h"
#include "scores.h"

struct join {
	/* To be read. */
	long n, found;                  /* rows so far; how many of them were scored */
	double *value[SCORES_FORMULAS]; /* [n] of each formula; NaN: null, or not scored */
	uint64_t *hash;                 /* [n] */
	char *scored;                   /* [n] */
	const char *name;               /* of the scores file, or NULL */
	struct scored *next; /* the first score that no row has taken; NULL: none is left */

	/* The join's own. */
	struct scores *scores; /* NULL after join_end */
	int formulas;
	long room;
	uint64_t *key; /* [n] XXH64 of the id; NULL after join_end */
};

/* Begins with no rows.  The formulas, as scores_open takes them, must stay until join_end.
 * path NULL: no row has a score, but each has room for them. */
struct join *join_open(const char *path, const struct scores_want *);
/* The next row, whose id no row before it had.  Dies where its score is of a row with another
 * hash: of another data set. */
void join_row(struct join *, const char *id, size_t id_n, uint64_t hash);
/* To be called after the last row: reads the scores that are left.  Dies where an id was scored
 * twice, and with `all` where a scored row has not come. */
void join_end(struct join *, int all);
void join_close(struct join *);

/* The column "weight" of every row of the tokens, [rows], owned; the file may have more rows.
 * Dies naming the first row that has none, or when the scores are of another data set. */
float *score_weights(const char *path, const struct tokens *);
/* The same of the column "score". */
float *score_values(const char *path, const struct tokens *);

#endif
