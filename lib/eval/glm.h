/* SPDX-License-Identifier: MIT */
/* glm.h - a logistic regression of shares on a few numbers, with an L1 penalty and no intercept.
 *
 *   minimise over w:  sum_j |w_j| + C sum_i s_i (p_i log(1 + exp(-w'x_i)) +
 *                                                (1 - p_i) log(1 + exp(w'x_i)))
 *
 * It is what scikit-learn's LogisticRegression finds with penalty l1 where each row stands twice,
 * as a success of weight s_i p_i and as a failure of weight s_i (1 - p_i).
 */
#ifndef SEAL_GLM_H
#define SEAL_GLM_H

enum { GLM_TERMS = 3 };

struct glm_row {
	double x[GLM_TERMS];
	double p; /* in [0, 1] */
	double s; /* at least 0 */
};

/* Goes from w to the minimum, as near as doubles tell. */
void glm_fit(const struct glm_row *, long n, double c, double w[GLM_TERMS]);
double glm_share(const double w[GLM_TERMS], const double x[GLM_TERMS]); /* 1 / (1 + exp(-w'x)) */

/* Sets w to the fit with the C, of ten from 1e-4 to 1e4 in equal ratios, that tells rows best which
 * were left out, and returns that C.  The rows are in five parts, the last row in the first, the
 * one before it in the second and so on (scikit-learn's GroupKFold); each is left out once, and the
 * mean over its rows of their terms of the sum above, the s_i included, is what should be least
 * when summed over the parts.  n is at least 5. */
double glm_choose(const struct glm_row *, long n, double w[GLM_TERMS]);

#endif
