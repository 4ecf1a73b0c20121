/* SPDX-License-Identifier: MIT */
/* logistic.h - logistic regression with an L2 penalty, as scikit-learn's LogisticRegression.
 *
 *   minimise over w, b:   1/2 w'w + C sum_i s_i log(1 + exp(-y_i (w'z_i + b)))
 *   y_i = 1 where row i is bad, else -1;   s_i = n / (2 n_class): both classes weigh the same
 *   z = (x - mean) / deviation, of the rows that are fitted; sparse features stay as they are
 *
 * The minimum is unique, and is found to 1e-6 by Newton's method.  Sums over rows are taken in
 * one order, whatever the number of threads.
 */
#ifndef SEAL_LOGISTIC_H
#define SEAL_LOGISTIC_H

#include <stdint.h>

/* Numbers of n rows, d each: dense, or sparse where `start` is set. */
struct features {
	long n, d;
	long ld;              /* dense: floats from a row to the next, of which it uses d */
	const float *x;       /* dense: [n x ld]; sparse: the values of all rows */
	const int64_t *start; /* [n + 1]: where each row's values begin */
	const int32_t *index; /* the column of each value */
};

/* w'(x - mean) + b, of features as they are: above 0 where a row looks bad.  The mean is that of
 * the rows that were fitted; 0 for sparse features. */
struct logit {
	long d;
	double *w, *mean, b; /* [d]; owned */
};

/* Some of the rows and their classes. */
struct examples {
	const int32_t *row; /* [n] */
	const char *bad;    /* [n]: 1 or 0 */
	long n;
};

/* Fits; both classes must have rows.  The result is to be freed. */
struct logit logistic_fit(const struct features *, const struct examples *, double c, int threads);
double logit_value(const struct logit *, const struct features *, long row);
void logit_free(struct logit *);

#endif
