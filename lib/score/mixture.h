/* SPDX-License-Identifier: MIT */
/* mixture.h - whether numbers are of one group or of two, and which of two a number belongs to.
 *
 *   one:   N(x; mu, s^2)
 *   two:   f(x) = w_0 N(x; mu_0, s_0^2) + w_1 N(x; mu_1, s_1^2),   w_0 + w_1 = 1,  mu_0 <= mu_1
 *   BIC    = -2 log likelihood + k log n,   with k = 2 and 5 parameters (Schwarz 1978)
 *
 * both fitted by maximum likelihood, the second by EM (Dempster, Laird and Rubin 1977; McLachlan
 * and Peel 2000, "Finite Mixture Models", chapters 2 and 3).  There are two groups where their BIC
 * is lower by at least 10, "very strong" evidence (Kass and Raftery 1995).
 *
 * BIC only says that two normals fit better than one, which has reasons other than two groups.  The
 * likelihood has no bound where a deviation goes to 0, so a deviation is at least a hundredth of
 * all numbers'.  A few far-off numbers are no group: it needs MIXTURE_LEAST.  Heavy tails are no
 * group either, but look like a wide one in the place of a narrow one; so the means must be apart
 * by the larger deviation at least.  A long tail on one side alone does look like a group.
 */
#ifndef SEAL_MIXTURE_H
#define SEAL_MIXTURE_H

enum { MIXTURE_LEAST = 10 };

struct normal {
	double share, mean, deviation;
};

struct mixture {
	int two;     /* 1: there are two groups */
	double gain; /* the BIC of one less that of two; -INFINITY: no two were found */
	struct normal lower, upper; /* the groups by their means; of one group, both are that */
};

/* Fits the finite ones among n numbers; their order makes no difference. */
struct mixture mixture_fit(const double x[], long n);
/* The probability that a finite x belongs to the upper of two groups.  It never falls as x rises:
 * in either tail, where the group with the larger deviation would take all, it stays at its
 * highest or its lowest. */
double mixture_upper(const struct mixture *, double x);

#endif
