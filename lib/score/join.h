/* SPDX-License-Identifier: MIT */
/* join.h - rows, told one by one, joined with the scores of a file by id and hash.
 *
 * Scores are nearly always in the order of their rows, some rows being without.  So the
 * file is read beside the rows, one score ahead, and a row that is not the next score's is
 * taken to have none; only where scores are left when the rows have ended is the order
 * another one, and those that are left are looked up.
 */
#ifndef SEAL_JOIN_H
#define SEAL_JOIN_H

#include "../rows/tokens.h"
#include "file.h"

struct join {
	long n, found;                  /* rows; how many of them were scored */
	double *value[SCORES_FORMULAS]; /* [n] of each formula, NaN: null, or not scored */
	uint64_t *hash;                 /* [n] */
	char *scored;                   /* [n] */

	struct scores *scores; /* the rest is the join's own; scores: NULL after join_end */
	const char *name;      /* of the scores file */
	int formulas;
	long room;
	uint64_t *key;       /* [n], XXH64 of the id, until join_end */
	struct scored *next; /* the first score that no row has taken, or NULL */
};

/* The formulas, as scores_open takes them, must stay until join_end. */
struct join *join_open(const char *path, const struct scores_want *);
/* The next row; no two have the same id.  Dies where another row of this id was scored. */
void join_row(struct join *, const char *id, size_t id_n, uint64_t hash);
/* After the last row: reads the scores that are left.  Dies where an id was scored twice, and
 * with `all` where a scored row has not come. */
void join_end(struct join *, int all);
void join_close(struct join *);

/* The column "weight" of every row of tokens; the scores may have more rows.  Dies naming
 * the first row that has none, or when the scores are of another data set.  Owned. */
float *score_weights(const char *path, const struct tokens *);

#endif
