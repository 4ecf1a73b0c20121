/* SPDX-License-Identifier: MIT */
/* logistic.c - the objective, and libLBFGS on it; see logistic.h. */
#include "logistic.h"

#include <assert.h>
#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"
#include "../base/num.h"

/* Rows are summed up in so many parts, whose bounds do not depend on the number of threads, and
 * the parts in their order. */
enum { PARTS = 32 };

/* z = (x - mean) / deviation, so that w'z + b = v'(x - mean) + b with v = w / deviation.  The mean
 * is taken off every number before it is summed: it can be thousands of deviations. */
struct fit {
	const struct features *x;
	const struct examples *rows;
	double c, weight[2];      /* of a good row's loss, of a bad one's */
	double *mean, *deviation; /* [d] */
	double *v;                /* [d] */
	double *part;             /* [PARTS x (d + 2)]: sum r (x - mean), sum r, sum of losses */
	int threads;
};

/* v'(x_i - mean); the mean of sparse features is not taken off */
static double dot(const struct features *x, long i, const double *v, const double *mean)
{
	const float *row = x->x + i * x->ld;
	double sum = 0;

	for (long k = x->start ? x->start[i] : 0; x->start && k < x->start[i + 1]; k++)
		sum += x->x[k] * v[x->index[k]];
	if (x->start)
		return sum;
#pragma omp simd reduction(+ : sum)
	for (long j = 0; j < x->d; j++)
		sum += (row[j] - mean[j]) * v[j];
	return sum;
}

/* sum += scale (x_i - mean) */
static void add(const struct features *x, long i, double scale, double *sum, const double *mean)
{
	const float *row = x->x + i * x->ld;

	for (long k = x->start ? x->start[i] : 0; x->start && k < x->start[i + 1]; k++)
		sum[x->index[k]] += scale * x->x[k];
	if (x->start)
		return;
#pragma omp simd
	for (long j = 0; j < x->d; j++)
		sum[j] += scale * (row[j] - mean[j]);
}

/* The rows of part k: first[0] up to, but without, first[1]. */
static void bounds(const struct fit *f, int k, long first[2])
{
	long size = (f->rows->n + PARTS - 1) / PARTS;

	first[0] = long_min(f->rows->n, k * size);
	first[1] = long_min(f->rows->n, first[0] + size);
}

/* Adds the parts up, each n numbers wide, into the first. */
static double *sum_parts(struct fit *f)
{
	long wide = f->x->d + 2;

	for (int k = 1; k < PARTS; k++)
		for (long j = 0; j < wide; j++)
			f->part[j] += f->part[k * wide + j];
	return f->part;
}

/* Mean and deviation of the rows that are fitted; a feature that is constant has deviation 1. */
static void standardise(struct fit *f)
{
	long d = f->x->d, n = f->rows->n;

	for (long j = 0; j < d; j++) {
		f->mean[j] = 0;
		f->deviation[j] = 1;
	}
	if (f->x->start)
		return;
	for (int round = 0; round < 2; round++) { /* first the mean, then what is left of x */
		memset(f->part, 0, PARTS * (d + 2) * sizeof *f->part);
#pragma omp parallel for schedule(dynamic) num_threads(f->threads)
		for (int k = 0; k < PARTS; k++) {
			double *sum = f->part + k * (d + 2);
			long at[2];

			bounds(f, k, at);
			for (long i = at[0]; i < at[1]; i++) {
				const float *row = f->x->x + f->rows->row[i] * f->x->ld;

				for (long j = 0; j < d; j++) {
					double x = row[j] - f->mean[j];

					sum[j] += round ? x * x : x;
				}
			}
		}
		sum_parts(f);
		for (long j = 0; j < d; j++)
			(round ? f->deviation : f->mean)[j] = f->part[j] / n;
	}
	for (long j = 0; j < d; j++)
		f->deviation[j] = f->deviation[j] > 0 ? sqrt(f->deviation[j]) : 1;
}

/* A part's loss and gradient. */
static void evaluate_part(struct fit *f, int k, double b)
{
	long d = f->x->d, at[2];
	double *sum = f->part + k * (d + 2);

	memset(sum, 0, (d + 2) * sizeof *sum);
	bounds(f, k, at);
	for (long i = at[0]; i < at[1]; i++) {
		int bad = f->rows->bad[i];
		double s = f->weight[bad], y = bad ? 1 : -1;
		double margin = y * (dot(f->x, f->rows->row[i], f->v, f->mean) + b);
		/* exp of a negative number only: of losses neither the small nor the large is lost */
		double e = exp(-fabs(margin)), r = -y * s * (margin > 0 ? e : 1) / (1 + e);

		add(f->x, f->rows->row[i], r, sum, f->mean);
		sum[d] += r;
		sum[d + 1] += s * ((margin > 0 ? 0 : -margin) + log1p(e));
	}
}

/* w[0..d) and, behind them, b; what pads them to libLBFGS's multiple of 8 stays 0. */
static lbfgsfloatval_t evaluate(void *fit, const lbfgsfloatval_t *w, lbfgsfloatval_t *g, int n,
                                lbfgsfloatval_t step)
{
	struct fit *f = fit;
	long d = f->x->d;
	double penalty = 0, *sum;

	(void)step;
	for (long j = 0; j < d; j++) {
		f->v[j] = w[j] / f->deviation[j];
		penalty += w[j] * w[j] / 2;
	}
#pragma omp parallel for schedule(dynamic) num_threads(f->threads)
	for (int k = 0; k < PARTS; k++)
		evaluate_part(f, k, w[d]);
	sum = sum_parts(f);
	for (long j = 0; j < d; j++)
		g[j] = w[j] + f->c * sum[j] / f->deviation[j];
	g[d] = f->c * sum[d];
	for (long j = d + 1; j < n; j++)
		g[j] = 0;
	return penalty + f->c * sum[d + 1];
}

/* libLBFGS wants the number of variables to be a multiple of 8. */
static long padded(long d) { return (d + 1 + 7) / 8 * 8; }

static double length(const double *v, long n)
{
	double sum = 0;

	for (long j = 0; j < n; j++)
		sum += v[j] * v[j];
	return sqrt(sum);
}

/* Close to the minimum, where the objective's last digits no longer change, libLBFGS finds no step
 * that improves.  So it is asked for more than is needed, and not its word but the gradient
 * decides: a millionth of what it was at the start. */
static void minimise(struct fit *f, double *w)
{
	int n = (int)padded(f->x->d), rc;
	double *g = xalloc(n * sizeof *g), first, off;
	lbfgs_parameter_t p;

	lbfgs_parameter_init(&p);
	p.m = 20;
	p.epsilon = 1e-10; /* the gradient's length, in that of w, but at least 1 */
	p.max_linesearch = 60;
	p.max_iterations = 10000;
	evaluate(f, w, g, n, 0);
	first = length(g, n);
	rc = lbfgs(n, w, NULL, evaluate, NULL, f, &p);
	evaluate(f, w, g, n, 0);
	off = length(g, n) / first;
	if (first > 0 && !(off < 1e-6))
		die("the logistic regression does not converge (libLBFGS: %d, gradient %.1e)", rc,
		    off);
	free(g);
}

struct logit logistic_fit(const struct features *x, const struct examples *rows, double c,
                          int threads)
{
	long d = x->d, n = rows->n, bad = 0;
	struct fit f = {.x = x, .rows = rows, .c = c, .threads = threads};
	struct logit l = {.d = d,
	                  .w = xalloc(d * sizeof(double)),
	                  .mean = xalloc(d * sizeof(double))};
	double *w = lbfgs_malloc((int)padded(d));

	for (long i = 0; i < n; i++)
		bad += rows->bad[i];
	assert(bad > 0 && bad < n);
	f.weight[0] = n / 2.0 / (n - bad);
	f.weight[1] = n / 2.0 / bad;
	f.mean = l.mean;
	f.deviation = xalloc(d * sizeof(double));
	f.v = l.w;
	f.part = xalloc(PARTS * (d + 2) * sizeof(double));
	memset(w, 0, padded(d) * sizeof *w);
	standardise(&f);
	minimise(&f, w);
	l.b = w[d];
	for (long j = 0; j < d; j++)
		l.w[j] = w[j] / f.deviation[j];
	lbfgs_free(w);
	free(f.deviation);
	free(f.part);
	return l;
}

double logit_value(const struct logit *l, const struct features *x, long row)
{
	return dot(x, row, l->w, l->mean) + l->b;
}

void logit_free(struct logit *l)
{
	free(l->w);
	free(l->mean);
	l->w = l->mean = NULL;
}
