/* SPDX-License-Identifier: MIT */
/* rank.c - the best rows, the area under the ROC curve, Spearman's rho; see rank.h.
 *
 * With r(v) the rank of a value from 1, equal values sharing the mean of theirs:
 *
 *   win_j = n - (r(y_j) among all x and y  -  r(y_j) among the y)
 *           since the two ranks differ by how many x are below y_j, and half of those equal to it
 *   rho   = cov(r(x), r(y)) / sqrt(var r(x) var r(y))
 */
#include "rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/die.h"

struct ranked {
	const double *score;
	const uint64_t *hash;
};

static int better(const void *a, const void *b, void *ranked)
{
	const struct ranked *r = ranked;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	if (r->score[i] != r->score[j])
		return r->score[i] > r->score[j] ? -1 : 1;
	if (r->hash[i] != r->hash[j])
		return r->hash[i] < r->hash[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

long rank_order(const double score[], const uint64_t hash[], long n, uint32_t order[])
{
	long numbers = 0;

	for (long i = 0; i < n; i++)
		if (!isnan(score[i]))
			order[numbers++] = i;
	qsort_r(order, numbers, sizeof *order, better, &(struct ranked){score, hash});
	return numbers;
}

long keep_count(const char *keep, long rows)
{
	size_t digits = strspn(keep, "0123456789");
	char *end;
	double x;

	if (!digits)
		return -1;
	if (!keep[digits])
		return digits > 18 ? -1 : strtol(keep, NULL, 10);
	if (keep[strspn(keep, "0123456789.")] != '%')
		return -1;
	x = strtod(keep, &end);
	if (strcmp(end, "%") || x > 100)
		return -1;
	/* 33.3, say, is no exact double: whether a half is reached must not depend on its last bit */
	return floor(x * rows / 100 + 0.5 + 1e-9);
}

char *rank_keep(const char *keep, const double score[], const uint64_t hash[], long n)
{
	uint32_t *order = xalloc(n * sizeof *order);
	long numbers = rank_order(score, hash, n, order), most = keep_count(keep, n);
	char *kept = xzalloc(n, 1);

	for (long i = 0; i < numbers && i < most; i++)
		kept[order[i]] = 1;
	free(order);
	return kept;
}

struct value {
	double x;
	long at;
};

static int rising(const void *a, const void *b)
{
	const struct value *p = a, *q = b;

	return (p->x > q->x) - (p->x < q->x);
}

double *rank_all(const double x[], long n)
{
	struct value *v = xalloc(n * sizeof *v);
	double *rank = xalloc(n * sizeof *rank);

	for (long i = 0; i < n; i++)
		v[i] = (struct value){x[i], i};
	qsort(v, n, sizeof *v, rising);
	for (long i = 0, j; i < n; i = j) {
		for (j = i; j < n && v[j].x == v[i].x; j++)
			;
		for (long k = i; k < j; k++)
			rank[v[k].at] = (i + 1 + j) / 2.0;
	}
	free(v);
	return rank;
}

void rank_wins(const double x[], long n, const double y[], long m, double win[])
{
	double *both = xalloc((n + m) * sizeof *both), *all, *own;

	memcpy(both, x, n * sizeof *both);
	memcpy(both + n, y, m * sizeof *both);
	all = rank_all(both, n + m);
	own = rank_all(y, m);
	for (long j = 0; j < m; j++)
		win[j] = n - (all[n + j] - own[j]);
	free(both);
	free(all);
	free(own);
}

double spearman(const double x[], const double y[], long n)
{
	double *rx = rank_all(x, n), *ry = rank_all(y, n), mean = (n + 1) / 2.0;
	double xx = 0, yy = 0, xy = 0;

	for (long i = 0; i < n; i++) {
		double dx = rx[i] - mean, dy = ry[i] - mean;

		xx += dx * dx;
		yy += dy * dy;
		xy += dx * dy;
	}
	free(rx);
	free(ry);
	return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}
