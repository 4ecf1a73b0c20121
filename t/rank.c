/* SPDX-License-Identifier: MIT */
/* rank.c - the order statistics against their definitions, counted pair by pair; orders, and how
 * many rows a share means. */
#include "../lib/score/rank.h"

#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/base/rng.h"
#include "tap.h"

enum { N = 300, MILLION = 1000000 };

static double pairs_auroc(const double v[], const int positive[], long n)
{
	double good = 0, all = 0;

	for (long i = 0; i < n; i++)
		for (long j = 0; j < n; j++)
			if (positive[i] && !positive[j]) {
				good += v[i] > v[j] ? 1 : v[i] == v[j] ? 0.5 : 0;
				all++;
			}
	return good / all;
}

static double auroc(const double v[], const int positive[], long n)
{
	double x[N], y[N], win[N], sum = 0;
	long nx = 0, ny = 0;

	for (long i = 0; i < n; i++)
		if (positive[i])
			x[nx++] = v[i];
		else
			y[ny++] = v[i];
	rank_wins(x, nx, y, ny, win);
	for (long j = 0; j < ny; j++)
		sum += win[j];
	return sum / nx / ny;
}

static double pairs_rank(const double v[], long n, long i)
{
	double below = 0, equal = 0;

	for (long j = 0; j < n; j++) {
		below += v[j] < v[i];
		equal += v[j] == v[i];
	}
	return below + (equal + 1) / 2;
}

static double pairs_spearman(const double x[], const double y[], long n)
{
	double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0;

	for (long i = 0; i < n; i++) {
		double a = pairs_rank(x, n, i), b = pairs_rank(y, n, i);

		sx += a, sy += b, xx += a * a, yy += b * b, xy += a * b;
	}
	return (xy - sx * sy / n) / sqrt((xx - sx * sx / n) * (yy - sy * sy / n));
}

/* values: how many different ones, 0 for no ties */
static void statistics(struct rng *r, int values, const char *name)
{
	double x[N], y[N];
	int positive[N];

	for (int i = 0; i < N; i++) {
		positive[i] = rng_below(r, 3) == 0;
		x[i] = values ? (double)rng_below(r, values) : rng_unit(r);
		y[i] = values ? x[i] + rng_below(r, values) : x[i] + rng_unit(r);
	}
	x[0] = x[1] = -INFINITY;
	near(auroc(x, positive, N), pairs_auroc(x, positive, N), 1e-12, name);
	near(spearman(x, y, N), pairs_spearman(x, y, N), 1e-12, name);
}

static void edges(void)
{
	const double x[] = {1, 2, 3, 4}, down[] = {8, 4, 2, 1}, flat[] = {5, 5, 5, 5};
	const int half[] = {0, 0, 1, 1};

	ok(auroc(x, half, 4) == 1 && auroc(down, half, 4) == 0 && auroc(flat, half, 4) == 0.5,
	   "auroc is 1, 0 and 1/2 at its ends and for ties");
	ok(spearman(x, down, 4) == -1 && spearman(x, x, 4) == 1, "spearman is 1 and -1 at its ends");
	ok(isnan(spearman(x, flat, 4)) && isnan(spearman(x, x, 1)) && isnan(spearman(x, x, 0)),
	   "spearman of a constant, of one and of nothing is NaN");
}

static void keeps(void)
{
	ok(keep_count("80%", 10) == 8 && keep_count("50%", 5) == 3 && keep_count("50%", 4) == 2 &&
	   keep_count("0%", 9) == 0 && keep_count("100%", 9) == 9, "a share is rounded half up");
	ok(keep_count("33.3%", 500) == 167 && keep_count("0.1%", 500) == 1 &&
	   keep_count("1.1%", 500) == 6 && keep_count("16.4%", 375) == 62, "the half is a half for decimal shares too");
	ok(keep_count("17", 3) == 17 && keep_count("0", 3) == 0, "a count is itself");
	ok(keep_count("", 1) < 0 && keep_count("%", 1) < 0 && keep_count("-1", 1) < 0 &&
	   keep_count("101%", 1) < 0 && keep_count("8.5", 1) < 0 && keep_count("1e1%", 1) < 0 &&
	   keep_count("nan%", 1) < 0 && keep_count("80%%", 1) < 0 && keep_count("1.2.3%", 1) < 0 &&
	   keep_count("80 %", 1) < 0 && keep_count("99999999999999999999", 1) < 0,
	   "anything else is neither");
}

static void order(void)
{
	const double score[] = {-3, 2, NAN, NAN, 5, 2, 2, -0.0, 0, -INFINITY, INFINITY};
	const uint64_t hash[] = {1, 9, 0, 1, 7, 4, 9, 3, UINT64_MAX, 2, 2};
	const uint32_t want[] = {10, 4, 5, 1, 6, 7, 8, 0, 9};
	uint32_t got[11];

	ok(rank_order(score, hash, 11, got) == 9, "null and missing scores are not counted");
	ok(!memcmp(got, want, sizeof want), "best first, ties by hash, then as they stand");
}
static void scale(struct rng *r)
{
	double *score = xalloc(MILLION * sizeof *score);
	uint64_t *hash = xalloc(MILLION * sizeof *hash);
	uint32_t *place = xalloc(MILLION * sizeof *place);
	long bad = 0;

	for (long i = 0; i < MILLION; i++) {
		hash[i] = rng_next(r);
		score[i] = rng_below(r, MILLION / 2);
	}
	ok(rank_order(score, hash, MILLION, place) == MILLION, "a million scores are ranked");
	for (long i = 1; i < MILLION; i++) {
		uint32_t p = place[i - 1], q = place[i];

		if (!(score[p] > score[q] || (score[p] == score[q] && hash[p] < hash[q])) && !bad++)
			printf("# first wrong: place %ld\n", i);
	}
	ok(!bad, "and rightly so");
	free(place);
	free(hash);
	free(score);
}

int main(void)
{
	struct rng r = rng_new(1, 2);

	statistics(&r, 0, "without ties");
	statistics(&r, 4, "with many ties");
	edges();
	keeps();
	order();
	scale(&r);
	return tap_done();
}
