/* SPDX-License-Identifier: MIT */
/* interval.h - how far a measured number may be from what it would be on all prompts there are:
 * intervals of 95 per cent, of shares and of means.
 */
#ifndef SEAL_INTERVAL_H
#define SEAL_INTERVAL_H

#include "../format/jsonl.h"

struct interval {
	double mean, low, high; /* NAN where nothing was measured */
};

/* Of a share k/n, by Wilson (1927): with z = 1.96 and p = k/n the two roots of
 *
 *   (x - p)^2 = z^2 x (1 - x) / n
 *
 * It holds for few trials too, and at shares of 0 and 1, where p +- z sqrt(p (1-p) / n) is empty.
 */
struct interval interval_share(double k, double n);

/* Of the mean of v[n], independent of each other, by the bootstrap (Efron 1979): the 2.5th and the
 * 97.5th percentile of the means of 10,000 samples that are drawn from v with replacement, each of
 * n.  Nothing is assumed of how v is spread.  The random numbers are always the same ones, so
 * equal values in equal order give equal intervals.  For a comparison on the same prompts v is the
 * differences: then what makes a prompt hard is in both sides, and cancels.
 */
struct interval interval_mean(const double v[], long n);
/* Of sum a / sum b, where (a[k], b[k]) are independent of each other, in the same way. */
struct interval interval_ratio(const double a[], const double b[], long n);
/* The same of another statistic of n things, which is told which of them are drawn; so many
 * samples.  Its mean is the statistic of each thing once. */
struct interval interval_bootstrap(double (*statistic)(void *ctx, const long drawn[], long n),
                                   void *ctx, long n, long samples);

/* All three times as much: in per cent, say. */
static inline struct interval interval_scale(struct interval i, double by)
{
	return (struct interval){i.mean * by, i.low * by, i.high * by};
}

/* Of the mean of v[n] by whichever of the two is right for it: a share's where all are 0 or 1. */
struct interval interval_values(const double v[], long n);

/* Of the area under the ROC curve, by DeLong, DeLong and Clarke-Pearson (1988).  With u_i the share
 * of the unsafe scores that safe score i is above, and s_j the share of the safe scores that are
 * above unsafe score j, ties counting half, both have the area as their mean, and
 *
 *   area +- z sqrt(var(u) / n + var(s) / m)
 *
 * is cut to 0..1.  Both lists ascend.  low and high are NAN where that tells nothing: one score on
 * a side, or no spread at all, as where all safe scores are above all others. */
struct interval interval_auroc(const double safe[], long n, const double unsafe[], long m);

/* Sets NAME to the mean, and NAME_ci to [low, high]; null where they are not numbers. */
void interval_set(json_t *object, const char *name, struct interval);
/* Only the latter, behind a rate that is there already. */
void interval_set_ends(json_t *object, const char *name, struct interval);

#endif
