/* SPDX-License-Identifier: MIT */
/* mixture.c - one normal or two, by EM and BIC; see mixture.h.
 *
 * The numbers are sorted, and brought to mean 0 and deviation 1; then EM begins at several splits
 * into a lower and an upper part, and the likeliest of its ends counts.  The logarithm of the odds
 * of the upper group,
 *
 *   d(x) = log w_1 N(x; mu_1, s_1^2) / (w_0 N(x; mu_0, s_0^2)),
 *
 * is a parabola in x that rises from mu_0 to mu_1; the upper group's probability is 1 / (1 + e^-d).
 */
#include "mixture.h"

#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "../base/num.h"

enum { ROUNDS = 500 };
static const double least_deviation = 0.01, /* of all numbers' */
	least_step = 1e-8, /* EM ends when a round adds less to the mean log likelihood */
	evidence = 10;     /* of BIC */

/* log w N(x; mu, s^2) = peak - half_precision (x - mu)^2; what does not depend on x is
 * computed once for all numbers. */
struct log_density {
	double peak, half_precision, mean;
};

static struct log_density log_density(const struct normal *g)
{
	return (struct log_density){log(g->share / (g->deviation * sqrt(2 * M_PI))),
	                            0.5 / (g->deviation * g->deviation), g->mean};
}

static double at(const struct log_density *f, double x)
{
	return f->peak - f->half_precision * (x - f->mean) * (x - f->mean);
}

/* Sums over the numbers of a group, each weighing as it belongs to it. */
struct moments {
	double n, x, xx;
};

static void add(struct moments *m, double x, double weight)
{
	m->n += weight;
	m->x += weight * x;
	m->xx += weight * x * x;
}

static struct normal normal_of(const struct moments *m, long n)
{
	double mean = m->x / m->n;
	double variance = m->xx / m->n - mean * mean;

	return (struct normal){m->n / n, mean, sqrt(fmax(variance, pow(least_deviation, 2)))};
}

/* A round of EM.  Returns the log likelihood before it; -INFINITY: a group has vanished. */
static double em(struct mixture *m, const double x[], long n)
{
	struct moments lower = {0}, upper = {0};
	struct log_density low = log_density(&m->lower), high = log_density(&m->upper);
	double sum = 0;

	for (long i = 0; i < n; i++) {
		double l = at(&low, x[i]), h = at(&high, x[i]), ratio = exp(-fabs(h - l));
		double p = (h > l ? 1 : ratio) / (1 + ratio);

		sum += fmax(l, h) + log1p(ratio);
		add(&lower, x[i], 1 - p);
		add(&upper, x[i], p);
	}
	if (!(lower.n >= 1 && upper.n >= 1))
		return -INFINITY;
	m->lower = normal_of(&lower, n);
	m->upper = normal_of(&upper, n);
	return sum;
}

/* 1: the groups are at two places, and each has enough numbers that belong to it rather than to
 * the other. */
static int are_groups(const struct mixture *m, const double x[], long n)
{
	long upper = 0;

	if (m->upper.mean - m->lower.mean < fmax(m->lower.deviation, m->upper.deviation))
		return 0;
	for (long i = 0; i < n; i++)
		upper += mixture_upper(m, x[i]) >= 0.5;
	return upper >= MIXTURE_LEAST && n - upper >= MIXTURE_LEAST;
}

/* Fits two groups, beginning with the k lowest numbers and the others.  Returns the log likelihood;
 * -INFINITY: they are no two groups. */
static double fit_two(struct mixture *m, const double x[], long n, long k)
{
	struct moments lower = {0}, upper = {0};
	double before = -INFINITY, now;

	for (long i = 0; i < n; i++)
		add(i < k ? &lower : &upper, x[i], 1);
	m->lower = normal_of(&lower, n);
	m->upper = normal_of(&upper, n);
	now = em(m, x, n);
	for (int r = 1; r < ROUNDS && now - before > least_step * n; r++) {
		before = now;
		now = em(m, x, n);
	}
	if (m->lower.mean > m->upper.mean) {
		struct normal g = m->lower;

		m->lower = m->upper;
		m->upper = g;
	}
	return now > -INFINITY && are_groups(m, x, n) ? now : -INFINITY;
}

/* Sorts the numbers and brings them to mean 0 and deviation 1; returns what they had. */
static struct normal standardise(double x[], long n)
{
	struct normal all = {.share = 1};

	qsort(x, n, sizeof *x, double_order);
	for (long i = 0; i < n; i++)
		all.mean += x[i] / n;
	for (long i = 0; i < n; i++)
		all.deviation += pow(x[i] - all.mean, 2) / n;
	all.deviation = sqrt(all.deviation);
	for (long i = 0; i < n; i++)
		x[i] = (x[i] - all.mean) / all.deviation;
	return all;
}

/* A group of standardised numbers, in the numbers' own measure. */
static struct normal restored(const struct normal *g, const struct normal *all)
{
	return (struct normal){g->share, all->mean + all->deviation * g->mean,
	                       all->deviation * g->deviation};
}

struct mixture mixture_fit(const double numbers[], long all_n)
{
	static const double splits[] = {0.1, 0.5, 0.9};
	struct mixture best = {.gain = -INFINITY};
	double *x = xalloc(all_n * sizeof *x);
	struct normal all;
	long n = 0;

	for (long i = 0; i < all_n; i++)
		if (isfinite(numbers[i]))
			x[n++] = numbers[i];
	all = standardise(x, n);
	for (size_t s = 0; s < sizeof splits / sizeof *splits; s++) {
		struct mixture m;
		double gain;

		if (n < 2 * MIXTURE_LEAST || !(x[0] < x[n - 1]) || !isfinite(all.deviation))
			break;
		/* the likelihood of one standard normal is a constant */
		gain = 2 * fit_two(&m, x, n, splits[s] * n) + n * (log(2 * M_PI) + 1) - 3 * log(n);
		if (gain > best.gain)
			best = (struct mixture){gain >= evidence, gain, restored(&m.lower, &all),
			                        restored(&m.upper, &all)};
	}
	free(x);
	if (!best.two)
		best.lower = best.upper = all;
	return best;
}

double mixture_upper(const struct mixture *m, double x)
{
	struct log_density low = log_density(&m->lower), high = log_density(&m->upper);
	double bend = low.half_precision - high.half_precision;
	/* where the parabola turns */
	double turn = (low.half_precision * low.mean - high.half_precision * high.mean) / bend;

	if (bend < 0)
		x = fmin(x, turn);
	if (bend > 0)
		x = fmax(x, turn);
	return 1 / (1 + exp(at(&low, x) - at(&high, x)));
}
