/* SPDX-License-Identifier: MIT */
/* interval.c - Wilson's interval against its equation, and the bootstrap against the normal
 * interval that it tends to, and against how often it covers the true mean, DeLong's against its
 * definition and how often it covers the true area. */
#include "../lib/eval/interval.h"

#include <math.h>
#include <stdlib.h>

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

/* Clusters of unequal size: the ratio's bootstrap against the linear approximation of its spread,
 * whose terms are a - r b. */
static void ratios(void)
{
	enum { N = 300 };
	struct rng r = rng_new(8, 0);
	double a[N], b[N], one[N], above = 0, below = 0, square = 0, half;
	struct interval i, mean;

	for (int k = 0; k < N; k++) {
		below += b[k] = 1 + rng_below(&r, 4);
		above += a[k] = b[k] * rng_unit(&r);
		one[k] = 1;
	}
	for (int k = 0; k < N; k++)
		square += pow(a[k] - above / below * b[k], 2);
	half = 1.96 * sqrt(square) / below;
	i = interval_ratio(a, b, N);
	ok(i.mean == above / below, "a ratio is that of the sums");
	ok(fabs(i.high - i.mean - half) < 0.06 * half && fabs(i.mean - i.low - half) < 0.06 * half,
	   "its interval is about the linear one: %.4f and %.4f, %.4f", i.mean - i.low, i.high - i.mean, half);
	i = interval_ratio(a, one, N);
	mean = interval_mean(a, N);
	ok(i.mean == mean.mean && i.low == mean.low && i.high == mean.high, "a mean is a ratio to ones");
	ok(isnan(interval_ratio(a, b, 0).mean), "no ratio is unknown");
}

static int rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* n values about mean, in steps of so much, ascending. */
static void draw(struct rng *r, double v[], int n, double mean, double step)
{
	for (int i = 0; i < n; i++)
		v[i] = step * round((mean + normal(r)) / step);
	qsort(v, n, sizeof *v, rising);
}

static double win(double x, double y) { return x > y ? 1 : x == y ? 0.5 : 0; }

/* sum_k (v_k - mean)^2 / (n - 1) / n, where v_k is the mean of win over the other side. */
static double part(const double x[], int n, const double y[], int m, int swapped, double area)
{
	double square = 0;

	for (int i = 0; i < n; i++) {
		double v = 0;

		for (int j = 0; j < m; j++)
			v += (swapped ? win(y[j], x[i]) : win(x[i], y[j])) / m;
		square += (v - area) * (v - area);
	}
	return square / (n - 1) / n;
}

static void areas(void)
{
	enum { N = 30, M = 22, TRIALS = 200 };
	struct rng r = rng_new(9, 0);
	double x[N], y[M], area, worst = 0, off = 0, truth = 0.7602499; /* Phi(1 / sqrt 2) */
	struct interval i;
	int covered = 0;

	for (int t = 0; t < 20; t++) {
		double half;

		draw(&r, x, N, 0.5, t < 10 ? 0.5 : 1e-6);
		draw(&r, y, M, 0, t < 10 ? 0.5 : 1e-6);
		i = interval_auroc(x, N, y, M);
		area = 0;
		for (int k = 0; k < N * M; k++)
			area += win(x[k / M], y[k % M]);
		area /= N * M;
		half = 1.959963984540054 * sqrt(part(x, N, y, M, 0, area) + part(y, M, x, N, 1, area));
		worst = fmax(worst, fabs(i.mean - area));
		off = fmax(off, fmax(fabs(i.high - fmin(area + half, 1)), fabs(i.low - fmax(area - half, 0))));
	}
	ok(worst < 1e-14 && off < 1e-12, "areas and DeLong's interval as defined (off by %.1e and %.1e)", worst, off);
	for (int t = 0; t < TRIALS; t++) {
		draw(&r, x, N, 1, 1e-9);
		draw(&r, y, M, 0, 1e-9);
		i = interval_auroc(x, N, y, M);
		covered += i.low <= truth && truth <= i.high;
	}
	ok(covered >= 180 && covered <= 198, "of 200 samples %d intervals hold the area", covered);
	x[0] = 3;
	y[0] = 1;
	i = interval_auroc(x, 1, y, 1);
	ok(i.mean == 1 && isnan(i.low) && isnan(i.high), "one against one is an area without an interval");
	i = interval_auroc((double[]){2, 3}, 2, (double[]){0, 1}, 2);
	ok(i.mean == 1 && isnan(i.low), "as is a separation without a fault");
	ok(isnan(interval_auroc(x, 0, y, 1).mean) && isnan(interval_auroc(x, 1, y, 0).mean), "of nothing there is none");
}

static void kinds(void)
{
	static const double bits[] = {0, 1, 1, 0, 0}, reals[] = {0, 1, 0.5};
	struct interval share = interval_share(2, 5), mean = interval_mean(reals, 3);
	struct interval i = interval_values(bits, 5), k = interval_values(reals, 3);

	ok(i.low == share.low && i.high == share.high && i.mean == 0.4, "zeros and ones are a share");
	ok(k.low == mean.low && k.high == mean.high, "other values are not");
	ok(isnan(interval_values(bits, 0).mean), "no values are unknown");
}

int main(void)
{
	shares();
	means();
	ratios();
	areas();
	kinds();
	return tap_done();
}
