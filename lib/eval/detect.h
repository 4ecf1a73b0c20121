/* SPDX-License-Identifier: MIT */
/* detect.h - labelled rows with their scores, and the comparisons of parts of them that seal-eval
 * detect adds to the one of all unsafe rows with all safe ones. */
#ifndef SEAL_DETECT_H
#define SEAL_DETECT_H

#include "../format/jsonl.h"
#include "../score/join.h"

/* What rows can be told apart by, each by the values of a key that an option names. */
enum detect_key { DETECT_GROUP, DETECT_PAIR, DETECT_CELLS, DETECT_AGAINST, DETECT_KEYS };

/* The rows; value[0] of the join is their score. */
struct labelled {
	struct join *join;           /* of n rows */
	json_t *values[DETECT_KEYS]; /* of each key: see object_group */
	long room;
	struct label {
		int safe;
		int32_t number[DETECT_KEYS]; /* of the row's value of each key; -1: none */
	} * label;                           /* [n] */
};

/* A row's score for a comparison: one without a score, or with a null one, is below all others. */
double detect_score(const struct labelled *, long row);

/* The scores of the safe rows, or of the unsafe ones, in parts by the number of their value of a
 * key. */
struct parts {
	long *from;    /* [values + 1]: where each part begins */
	double *score; /* of all parts, one after the other; each part ascends */
};
struct parts parts_new(const struct labelled *, int safe, enum detect_key);
static inline long parts_size(const struct parts *p, long part)
{
	return p->from[part + 1] - p->from[part];
}
void parts_free(struct parts *);
/* All of them, ascending, owned; sets *n. */
double *detect_scores(const struct labelled *, int safe, long *n);

/* Each adds to the result what its option promises. */
/* Of the (safe, unsafe) pairs within the groups of DETECT_PAIR: the share in which the safe row's
 * score is above the other's, ties counting half, with its interval, for which values are drawn;
 * how many pairs there are. */
void detect_pairs(const struct labelled *, json_t *result);
/* Of each value of DETECT_CELLS that at least `least` unsafe rows have, against each that so many
 * safe rows have: the mean AUROC, the worst, of which values that is, how many cells there are. */
void detect_cells(const struct labelled *, long least, json_t *result);
/* The AUROC of all unsafe rows against the safe rows of each value of DETECT_AGAINST. */
void detect_against(const struct labelled *, json_t *result);

#endif
