/* rank.c - what only the order of numbers decides: the best rows, AUROC,
 * Spearman's rho; see scores.h.
 *
 * With r the rank of a value from 1, equal values sharing the mean of theirs:
 *
 *   win = n - (r among x and y - r among y alone): the latter two differ by how
 *         many x are below, and half of those that are equal
 *   rho = cov(r(x), r(y)) / sqrt(var r(x) var r(y))
 */
#include "scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct place { const struct score *score; long at; };

static int has_number(const struct score *s) { return s && !isnan(s->score); }

static int better(const void *a, const void *b)
{
	const struct place *p = a, *q = b;
	int np = has_number(p->score), nq = has_number(q->score);

	if (!np || !nq)
		return np != nq ? nq - np : (p->at > q->at) - (p->at < q->at);
	if (p->score->score != q->score->score)
		return p->score->score > q->score->score ? -1 : 1;
	if (p->score->hash != q->score->hash)
		return p->score->hash < q->score->hash ? -1 : 1;
	return strcmp(p->score->id, q->score->id);
}

long rank_order(const struct score *const score[], long n, long order[])
{
	struct place *p = xalloc(n * sizeof *p);
	long numbers = 0;

	for (long i = 0; i < n; i++) {
		p[i] = (struct place){ score[i], i };
		numbers += has_number(score[i]);
	}
	qsort(p, n, sizeof *p, better);
	for (long i = 0; i < n; i++)
		order[i] = p[i].at;
	free(p);
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
	/* 33.3 has no exact double: the half must not depend on its last bit */
	return floor(x * rows / 100 + 0.5 + 1e-9);
}

struct value { double x; long at; };

static int rising(const void *a, const void *b)
{
	const struct value *p = a, *q = b;

	return (p->x > q->x) - (p->x < q->x);
}

/* rank[i]: that of x[i] among all, from 1, ties at their mean. */
static double *ranks(const double x[], long n)
{
	struct value *v = xalloc(n * sizeof *v);
	double *rank = xalloc(n * sizeof *rank);

	for (long i = 0; i < n; i++)
		v[i] = (struct value){ x[i], i };
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

	for (long i = 0; i < n; i++)
		both[i] = x[i];
	for (long j = 0; j < m; j++)
		both[n + j] = y[j];
	all = ranks(both, n + m);
	own = ranks(y, m);
	for (long j = 0; j < m; j++)
		win[j] = n - (all[n + j] - own[j]);
	free(both);
	free(all);
	free(own);
}

double spearman(const double x[], const double y[], long n)
{
	double *rx = ranks(x, n), *ry = ranks(y, n), mean = (n + 1) / 2.0;
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
