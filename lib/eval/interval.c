/* SPDX-License-Identifier: MIT */
/* interval.c - Wilson's interval of a share, the bootstrap's of a mean, DeLong's of an
 * area; see interval.h. */
#include "interval.h"

#include <math.h>
#include <stdlib.h>

#include "../base/buf.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/rng.h"

enum { SAMPLES = 10000 };

static const double z = 1.959963984540054; /* of a normal variable 95 % lie within z deviations */

struct interval interval_share(double k, double n)
{
	double p = k / n, wide = 1 + z * z / n;
	double middle = (p + z * z / (2 * n)) / wide;
	double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / wide;

	if (!(n > 0))
		return (struct interval){NAN, NAN, NAN};
	/* at shares of 0 and 1 one root is the share itself, up to rounding */
	return (struct interval){p, k > 0 ? middle - half : 0, k < n ? middle + half : 1};
}

struct interval interval_bootstrap(double (*statistic)(void *ctx, const long drawn[], long n),
                                   void *ctx, long n, long samples)
{
	struct rng rng = rng_new(0, 0);
	struct interval i = {NAN, NAN, NAN};
	double *found = xalloc(samples * sizeof *found);
	long *drawn = xalloc(long_max(n, 1) * sizeof *drawn);

	for (long k = 0; k < n; k++)
		drawn[k] = k;
	if (n > 0)
		i.mean = statistic(ctx, drawn, n);
	for (long s = 0; n > 0 && s < samples; s++) {
		for (long k = 0; k < n; k++)
			drawn[k] = (long)rng_below(&rng, n);
		found[s] = statistic(ctx, drawn, n);
	}
	if (n > 0) {
		qsort(found, samples, sizeof *found, double_order);
		i.low = found[samples / 40];
		i.high = found[samples - 1 - samples / 40];
	}
	free(found);
	free(drawn);
	return i;
}

struct pairs {
	const double *a, *b; /* b NULL: 1 each */
};

static double ratio_of(void *ctx, const long drawn[], long n)
{
	const struct pairs *p = ctx;
	double above = 0, below = 0;

	for (long k = 0; k < n; k++) {
		above += p->a[drawn[k]];
		below += p->b ? p->b[drawn[k]] : 1;
	}
	return above / below;
}

struct interval interval_ratio(const double a[], const double b[], long n)
{
	struct pairs p = {a, b};

	return interval_bootstrap(ratio_of, &p, n, SAMPLES);
}

struct interval interval_mean(const double v[], long n) { return interval_ratio(v, NULL, n); }

struct interval interval_values(const double v[], long n)
{
	double sum = 0;

	for (long k = 0; k < n; k++) {
		if (v[k] != 0 && v[k] != 1)
			return interval_mean(v, n);
		sum += v[k];
	}
	return interval_share(sum, n);
}

/* How many of x[n], ascending, are below v, or not above it. */
static long count_below(const double x[], long n, double v, int or_equal)
{
	long low = 0, high = n;

	while (low < high) {
		long mid = (low + high) / 2;

		if (x[mid] < v || (or_equal && x[mid] == v))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* All sums are of multiples of a quarter, and exact. */
struct interval interval_auroc(const double safe[], long n, const double unsafe[], long m)
{
	double won = 0, square_s = 0, square_u = 0, area, half;
	long passed = 0; /* safe scores that are not above the last unsafe one */

	for (long j = 0, k; j < m; j = k) {
		long low = count_below(safe, n, unsafe[j], 0);
		long high = count_below(safe, n, unsafe[j], 1);
		double above = n - high + (high - low) / 2.0;

		for (k = j; k < m && unsafe[k] == unsafe[j]; k++)
			;
		won += (k - j) * above;
		square_s += (k - j) * above * above;
		square_u += (low - passed) * pow(j, 2) + (high - low) * pow((j + k) / 2.0, 2);
		passed = high;
	}
	square_u += (n - passed) * pow(m, 2);
	area = won / m / n;
	half = z * sqrt((square_u / m / m - n * area * area) / (n - 1) / n +
	                (square_s / n / n - m * area * area) / (m - 1) / m);
	if (!(half > 0))
		return (struct interval){area, NAN, NAN};
	return (struct interval){area, fmax(area - half, 0), fmin(area + half, 1)};
}

void interval_set_ends(json_t *object, const char *name, struct interval i)
{
	struct buf key = {0};

	buf_fmt(&key, "%s_ci", name);
	json_object_set_new(object, key.p,
	                    isnan(i.low) ? json_null() : json_pack("[f, f]", i.low, i.high));
	buf_free(&key);
}

void interval_set(json_t *object, const char *name, struct interval i)
{
	json_object_set_new(object, name, real_or_null(i.mean));
	interval_set_ends(object, name, i);
}
