/* SPDX-License-Identifier: MIT */
/* interval.c - Wilson's interval against its equation, and the bootstrap against the normal
 * interval that it tends to, and against how often it covers the true mean. */
#include "../lib/eval/interval.h"

#include <math.h>

#include "../lib/base/rng.h"
#include "tap.h"

/* Both ends solve (x - p)^2 = z^2 x (1 - x) / n. */
static double off(double x, double k, double n)
{
	double p = k / n, z = 1.959963984540054;

	return fabs((x - p) * (x - p) - z * z * x * (1 - x) / n);
}

static void shares(void)
{
	static const double trial[][2] = {{0, 1}, {1, 1}, {3, 10}, {0, 147}, {147, 147}, {50, 100}, {2.5, 7}};
	struct interval i;
	double worst = 0;

	for (unsigned t = 0; t < sizeof trial / sizeof *trial; t++) {
		i = interval_share(trial[t][0], trial[t][1]);
		worst = fmax(worst, off(i.low, trial[t][0], trial[t][1]));
		worst = fmax(worst, off(i.high, trial[t][0], trial[t][1]));
		ok(i.low <= i.mean && i.mean <= i.high && i.low < i.high && i.low >= 0 && i.high <= 1,
		   "%g of %g: %.3f in %.3f to %.3f", trial[t][0], trial[t][1], i.mean, i.low, i.high);
	}
	ok(worst < 1e-12, "the ends solve Wilson's equation (off by %.1e)", worst);
	i = interval_share(0, 10); /* published: Newcombe 1998 has 0 to 0.2775 */
	ok(i.low == 0 && fabs(i.high - 0.2775) < 5e-5, "0 of 10 ends at 0.2775");
	ok(isnan(interval_share(0, 0).mean) && isnan(interval_share(0, 0).low), "0 of 0 is unknown");
}

static double normal(struct rng *r)
{
	double u = 1 - rng_unit(r);

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * rng_unit(r));
}

static void means(void)
{
	enum { N = 400, TRIALS = 100 };
	struct rng r = rng_new(7, 0);
	struct interval i, again;
	double v[N], sum = 0, square = 0, half;
	int covered = 0;

	for (int k = 0; k < N; k++)
		sum += v[k] = 3 + 2 * normal(&r);
	for (int k = 0; k < N; k++)
		square += pow(v[k] - sum / N, 2);
	half = 1.96 * sqrt(square / N / N);
	i = interval_mean(v, N);
	again = interval_mean(v, N);
	ok(i.mean == sum / N, "the mean is the mean");
	ok(fabs(i.high - i.mean - half) < 0.06 * half && fabs(i.mean - i.low - half) < 0.06 * half,
	   "of 400 normal values it is the normal interval: %.3f and %.3f, %.3f", i.mean - i.low,
	   i.high - i.mean, half);
	ok(i.low == again.low && i.high == again.high, "the same values give the same interval");
	for (int t = 0; t < TRIALS; t++) {
		for (int k = 0; k < 50; k++)
			v[k] = -log(1 - rng_unit(&r)); /* exponential, of mean 1 */
		i = interval_mean(v, 50);
		covered += i.low <= 1 && 1 <= i.high;
	}
	ok(covered >= 86 && covered <= 99, "of 100 skewed samples %d intervals hold the mean", covered);
	v[0] = 5;
	i = interval_mean(v, 1);
	ok(i.low == 5 && i.high == 5, "one value is its own interval");
	ok(isnan(interval_mean(v, 0).mean), "no value is unknown");
}

/* The variance of the values that are drawn. */
static double variance(void *ctx, const long drawn[], long n)
{
	const double *v = ctx;
	double sum = 0, square = 0;

	for (long k = 0; k < n; k++) {
		sum += v[drawn[k]];
		square += v[drawn[k]] * v[drawn[k]];
	}
	return square / n - sum / n * (sum / n);
}

/* Of n normal values the variance's deviation is sqrt(2/n) of it. */
static void others(void)
{
	enum { N = 1000 };
	struct rng r = rng_new(8, 0);
	long each[N];
	double v[N], half, all;
	struct interval i;

	for (long k = 0; k < N; k++) {
		v[k] = normal(&r);
		each[k] = k;
	}
	all = variance(v, each, N);
	half = 1.96 * sqrt(2.0 / N) * all;
	i = interval_bootstrap(variance, v, N, 2000);
	ok(i.mean == all, "another statistic: its own value");
	ok(fabs((i.high - i.low) / 2 - half) < 0.1 * half && i.low < all && all < i.high,
	   "the variance of 1000 normal values: %.3f to %.3f, %.3f wide in theory", i.low, i.high,
	   2 * half);
	ok(isnan(interval_bootstrap(variance, v, 0, 100).low), "of nothing, unknown");
}

int main(void)
{
	shares();
	means();
	others();
	return tap_done();
}
