/* SPDX-License-Identifier: MIT */
/* suspect.h - which untrusted rows look bad, from the features of rows that are trusted, of some
 * that are known to be bad, if there are any, and of the untrusted themselves.
 *
 *   round 0        a fit (logistic.h) of the trusted rows against the bad ones; without those,
 *                  against all untrusted rows, of which the bad ones are the part that can be told
 *                  from trusted ones (Elkan and Noto 2008, "Learning classifiers from only
 *                  positive and unlabeled data")
 *   round 1 ...    the same against the bad rows and the worst `share` of the untrusted ones, by
 *                  the round before (self-training, Yarowsky 1995)
 *
 * Rows are dealt into folds by hashes of their tokens, and each is valued by a fit that has not
 * seen its fold.  So no row speaks for itself, and neither order nor labels can be known.
 */
#ifndef SEAL_SUSPECT_H
#define SEAL_SUSPECT_H

#include "../base/opt.h"
#include "../rows/batch.h"
#include "logistic.h"
#include "scores.h"

enum { SUSPECT_FOLDS = 5 };

/* What a value means: the log odds that a row is bad are slope value + offset, were bad rows as
 * many as good; prior is the share of bad rows. */
struct odds {
	double slope, offset, prior;
};

/* The options of the methods that work so: state and words. */
extern struct suspect_opts {
	double c;     /* the penalty's inverse; 0: chosen */
	long rounds;  /* after round 0 */
	double share; /* of the untrusted rows, in per cent */
} suspect_opts;
extern const struct opt suspect_options[]; /* --fit-c --rounds --share */
/* Dies of options that make no sense, and where such a method was not chosen of any of them. */
void suspect_check(int chosen);

struct suspects {
	/* Given: the features of the trusted rows, the bad and the untrusted ones, in this order. */
	struct features x;
	long trusted, bad;
	const uint64_t *hash; /* [x.n] of the rows: tokens_row_key, which knows no label */
	long seed;            /* of the folds */
	double first;         /* C of a fit against all untrusted rows */
	double c;             /* of all others */
	int threads;
	/* Found: */
	char *fold;       /* [x.n]; owned */
	double *value;    /* [x.n] above 0 where a row looks bad; owned */
	struct logit fit; /* of all rows that the last round fitted, for rows never seen */
	struct odds odds; /* of the untrusted rows, prior as estimated */
};

/* Deals the rows of each kind into folds of equal size, whatever their order. */
void suspect_deal(struct suspects *);
/* How well the bad rows are told from the trusted ones, by fits that have not seen them, with this
 * C: sets below[bad] to the share of the trusted rows that each is worse than.  Their mean, which
 * is returned, is the area under the ROC curve. */
double suspect_auroc(const struct suspects *, double c, double below[]);
/* Whether one such choice is better than another by more than the standard error of the difference,
 * as it varies over the bad rows (DeLong, DeLong and Clarke-Pearson 1988). */
int suspect_better(const double below[], const double than[], long bad);
/* Finds all the rest.  Needs trusted and untrusted rows, and no bad ones or at least
 * SUSPECT_FOLDS. */
void suspect_find(struct suspects *);
void suspect_free(struct suspects *);

/* The probability that a row of this value is bad. */
double suspect_probability(const struct odds *, double value);
/* Writes a row with the columns that all such methods have: the value, and "p_bad". */
void suspect_write(struct scores_out *, const struct tokens_row *, const struct odds *,
                   double value);
extern const char suspect_p_bad[]; /* what that column means */

#endif
