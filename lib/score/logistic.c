/* SPDX-License-Identifier: MIT */
/* logistic.c - the objective, and Newton's method on it; see logistic.h. */
#include "logistic.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"
#include "../base/num.h"

/* Rows are summed up in parts, so many at most and of so many rows at least, whose bounds do not
 * depend on the number of threads; and the parts are summed up in their order. */
enum { PARTS = 32, PART_ROWS = 64 };

/* z = (x - mean) / deviation, so that w'z + b = v'(x - mean) + b with v = w / deviation.  The mean
 * is taken off every number before it is summed: it can be thousands of deviations. */
struct fit {
	const struct features *x;
	const struct examples *rows;
	double c, weight[2];      /* of a good row's loss, of a bad one's */
	double *mean, *deviation; /* [d] */
	double *v, b;             /* [d] and b, where it is evaluated */
	double *curve;            /* [n] the second derivative of each row's loss by its value */
	double *part;             /* [parts x (d + 2)]: sum r (x - mean), sum r, sum of losses */
	int parts, threads;
};

/* v'(x_i - mean); the mean of sparse features is not taken off */
HOT static double dot(const struct features *x, long i, const double *v, const double *mean)
{
	const float *row = x->x + i * x->ld;
	double sum = 0;

	if (x->start) {
		for (long k = x->start[i]; k < x->start[i + 1]; k++)
			sum += x->x[k] * v[x->index[k]];
		return sum;
	}
#pragma omp simd reduction(+ : sum)
	for (long j = 0; j < x->d; j++)
		sum += (row[j] - mean[j]) * v[j];
	return sum;
}

/* sum += scale (x_i - mean) */
HOT static void add(const struct features *x, long i, double scale, double *sum, const double *mean)
{
	const float *row = x->x + i * x->ld;

	if (x->start) {
		for (long k = x->start[i]; k < x->start[i + 1]; k++)
			sum[x->index[k]] += scale * x->x[k];
		return;
	}
#pragma omp simd
	for (long j = 0; j < x->d; j++)
		sum[j] += scale * (row[j] - mean[j]);
}

/* Adds up over the examples what one_row adds to sum [d + 2] for each. */
static const double *over_rows(struct fit *f, void (*one_row)(struct fit *, long, double *sum))
{
	long wide = f->x->d + 2, n = f->rows->n, size = (n + f->parts - 1) / f->parts;

	memset(f->part, 0, f->parts * wide * sizeof *f->part);
#pragma omp parallel for schedule(dynamic) num_threads(f->threads)
	for (int k = 0; k < f->parts; k++)
		for (long i = k * size; i < long_min(n, (k + 1) * size); i++)
			one_row(f, i, f->part + k * wide);
	for (int k = 1; k < f->parts; k++)
		for (long j = 0; j < wide; j++)
			f->part[j] += f->part[k * wide + j];
	return f->part;
}

static void add_numbers(struct fit *f, long i, double *sum)
{
	add(f->x, f->rows->row[i], 1, sum, f->mean);
}

static void add_squares(struct fit *f, long i, double *sum)
{
	const float *row = f->x->x + f->rows->row[i] * f->x->ld;

	for (long j = 0; j < f->x->d; j++)
		sum[j] += (row[j] - f->mean[j]) * (row[j] - f->mean[j]);
}

/* Mean and deviation of the rows that are fitted; a feature that is constant has deviation 1. */
static void standardise(struct fit *f)
{
	const double *sum;

	for (long j = 0; j < f->x->d; j++) {
		f->mean[j] = 0;
		f->deviation[j] = 1;
	}
	if (f->x->start)
		return;
	sum = over_rows(f, add_numbers); /* the mean is still 0 */
	for (long j = 0; j < f->x->d; j++)
		f->mean[j] = sum[j] / f->rows->n;
	sum = over_rows(f, add_squares);
	for (long j = 0; j < f->x->d; j++)
		f->deviation[j] = sum[j] > 0 ? sqrt(sum[j] / f->rows->n) : 1;
}

/* The loss of a row and its gradient, at w; and its curvature, kept. */
static void add_loss(struct fit *f, long i, double *sum)
{
	long d = f->x->d;
	int bad = f->rows->bad[i];
	double s = f->weight[bad], y = bad ? 1 : -1;
	double margin = y * (dot(f->x, f->rows->row[i], f->v, f->mean) + f->b);
	/* exp of a negative number only: of losses neither the small nor the large is lost */
	double e = exp(-fabs(margin)), r = -y * s * (margin > 0 ? e : 1) / (1 + e);

	f->curve[i] = s * e / ((1 + e) * (1 + e));
	add(f->x, f->rows->row[i], r, sum, f->mean);
	sum[d] += r;
	sum[d + 1] += s * ((margin > 0 ? 0 : -margin) + log1p(e));
}

/* The curvature of a row along w. */
static void add_curve(struct fit *f, long i, double *sum)
{
	double r = f->curve[i] * (dot(f->x, f->rows->row[i], f->v, f->mean) + f->b);

	add(f->x, f->rows->row[i], r, sum, f->mean);
	sum[f->x->d] += r;
}

/* out = the penalty's and the rows' part of what belongs to w [d + 1], b being the last; returns
 * the sum of the losses. */
static double pass(struct fit *f, const double *w, double *out,
                   void (*one_row)(struct fit *, long, double *))
{
	long d = f->x->d;
	const double *sum;

	for (long j = 0; j < d; j++)
		f->v[j] = w[j] / f->deviation[j];
	f->b = w[d];
	sum = over_rows(f, one_row);
	for (long j = 0; j < d; j++)
		out[j] = w[j] + f->c * sum[j] / f->deviation[j];
	out[d] = f->c * sum[d];
	return sum[d + 1];
}

static double product(const double *a, const double *b, long n)
{
	double sum = 0;

	for (long j = 0; j < n; j++)
		sum += a[j] * b[j];
	return sum;
}

static double length(const double *a, long n) { return sqrt(product(a, a, n)); }

/* The objective at w, and its gradient. */
static double evaluate(struct fit *f, const double *w, double *g)
{
	double losses = pass(f, w, g, add_loss);

	return product(w, w, f->x->d) / 2 + f->c * losses;
}

/* The numbers that Newton's method works with, [d + 1] each. */
struct newton {
	long n;
	double *w, *g; /* where it is, and the gradient there */
	double *p;     /* the step */
	double *to, *g_to;
	double *r, *q, *hq; /* of the conjugate gradients */
};

/* p = about -H^-1 g, by conjugate gradients: the nearer the minimum, the better. */
static void solve(struct fit *f, struct newton *m, double near)
{
	double rr = product(m->g, m->g, m->n), end = rr * fmin(0.01, near), alpha, was;

	for (long j = 0; j < m->n; j++) {
		m->p[j] = 0;
		m->q[j] = m->r[j] = -m->g[j];
	}
	for (int k = 0; k < 1000 && rr > end; k++) {
		pass(f, m->q, m->hq, add_curve);
		alpha = rr / product(m->q, m->hq, m->n);
		was = rr;
		for (long j = 0; j < m->n; j++) {
			m->p[j] += alpha * m->q[j];
			m->r[j] -= alpha * m->hq[j];
		}
		rr = product(m->r, m->r, m->n);
		for (long j = 0; j < m->n; j++)
			m->q[j] = m->r[j] + rr / was * m->q[j];
	}
}

/* Takes the step, or as much of it as makes the objective less; close to the minimum, where the
 * last digits of the objective no longer tell, what makes the gradient less.  0: there is none. */
static int take(struct fit *f, struct newton *m, double *value)
{
	double slope = product(m->p, m->g, m->n), size = length(m->g, m->n);

	for (double t = 1; t > 1e-9; t /= 2) {
		double there;

		for (long j = 0; j < m->n; j++)
			m->to[j] = m->w[j] + t * m->p[j];
		there = evaluate(f, m->to, m->g_to);
		if (there > *value + 1e-4 * t * slope &&
		    (there - *value > 1e-11 * fabs(*value) || length(m->g_to, m->n) >= size))
			continue;
		memcpy(m->w, m->to, m->n * sizeof *m->w);
		memcpy(m->g, m->g_to, m->n * sizeof *m->g);
		*value = there;
		return 1;
	}
	return 0;
}

/* Newton's method from 0, with conjugate gradients (Nocedal and Wright 2006, algorithm 7.1), until
 * the gradient is nothing but rounding. */
static void minimise(struct fit *f, struct newton *m)
{
	double value = evaluate(f, m->w, m->g), first = length(m->g, m->n), near = 1;

	for (int k = 0; k < 200 && near > 1e-8; k++) {
		solve(f, m, near);
		if (!take(f, m, &value))
			break;
		near = length(m->g, m->n) / first;
	}
	if (first > 0 && !(near < 1e-7))
		die("the logistic regression does not converge (gradient %.1e of its first)", near);
}

struct logit logistic_fit(const struct features *x, const struct examples *rows, double c,
                          int threads)
{
	long d = x->d, n = rows->n, bad = 0;
	double *room = xzalloc(8 * (d + 1), sizeof *room);
	struct newton m = {d + 1,
	                   room,
	                   room + (d + 1),
	                   room + 2 * (d + 1),
	                   room + 3 * (d + 1),
	                   room + 4 * (d + 1),
	                   room + 5 * (d + 1),
	                   room + 6 * (d + 1),
	                   room + 7 * (d + 1)};
	struct fit f = {.x = x, .rows = rows, .c = c, .threads = threads};
	struct logit l = {.d = d,
	                  .w = xalloc(d * sizeof(double)),
	                  .mean = xalloc(d * sizeof(double))};

	for (long i = 0; i < n; i++)
		bad += rows->bad[i];
	assert(bad > 0 && bad < n);
	f.weight[0] = n / 2.0 / (n - bad);
	f.weight[1] = n / 2.0 / bad;
	f.parts = (int)long_max(1, long_min(PARTS, n / PART_ROWS));
	f.mean = l.mean;
	f.deviation = xalloc(d * sizeof(double));
	f.v = l.w;
	f.curve = xalloc(n * sizeof(double));
	f.part = xalloc(f.parts * (d + 2) * sizeof(double));
	standardise(&f);
	minimise(&f, &m);
	l.b = m.w[d];
	for (long j = 0; j < d; j++)
		l.w[j] = m.w[j] / f.deviation[j];
	free(room);
	free(f.deviation);
	free(f.curve);
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
