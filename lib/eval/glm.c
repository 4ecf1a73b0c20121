/* SPDX-License-Identifier: MIT */
/* glm.c - Newton's method for a smooth sum with an L1 penalty; see glm.h.
 *
 * A step goes to the minimum of the sum's quadratic at w with the penalty as it is, which is found
 * one number at a time (Friedman, Hastie and Tibshirani 2010); and only so far that the objective
 * falls enough.
 */
#include "glm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

enum { PARTS = 5, CHOICES = 10 };

/* The sum at some w, times C; its gradient and second derivatives. */
struct sum {
	double value, g[GLM_TERMS], h[GLM_TERMS][GLM_TERMS];
};

static double product(const double *a, const double *b)
{
	double sum = 0;

	for (int j = 0; j < GLM_TERMS; j++)
		sum += a[j] * b[j];
	return sum;
}

static double size(const double *w)
{
	double sum = 0;

	for (int j = 0; j < GLM_TERMS; j++)
		sum += fabs(w[j]);
	return sum;
}

/* log(1 + exp(-z)) */
static double loss(double z) { return fmax(-z, 0) + log1p(exp(-fabs(z))); }

double glm_share(const double w[GLM_TERMS], const double x[GLM_TERMS])
{
	double z = product(w, x), e = exp(-fabs(z));

	return (z > 0 ? 1 : e) / (1 + e);
}

static double objective(const struct glm_row *r, long n, double c, const double *w)
{
	double sum = 0;

	for (long i = 0; i < n; i++) {
		double z = product(w, r[i].x);

		sum += r[i].s * (loss(z) + (1 - r[i].p) * z); /* loss(-z) = loss(z) + z */
	}
	return c * sum + size(w);
}

static struct sum evaluate(const struct glm_row *r, long n, double c, const double *w)
{
	struct sum f = {.value = objective(r, n, c, w)};

	for (long i = 0; i < n; i++) {
		double q = glm_share(w, r[i].x), s = c * r[i].s;

		for (int j = 0; j < GLM_TERMS; j++) {
			f.g[j] += s * (q - r[i].p) * r[i].x[j];
			for (int k = 0; k < GLM_TERMS; k++)
				f.h[j][k] += s * q * (1 - q) * r[i].x[j] * r[i].x[k];
		}
	}
	return f;
}

/* to = where the quadratic at w and the penalty are least. */
static void least(const struct sum *f, const double *w, double *to)
{
	double moved = 1;

	memcpy(to, w, GLM_TERMS * sizeof *to);
	for (int sweep = 0; sweep < 1000 && moved > 1e-15 * (1 + size(to)); sweep++) {
		moved = 0;
		for (int j = 0; j < GLM_TERMS; j++) {
			double slope = f->g[j], was = to[j], u;

			if (f->h[j][j] <= 0)
				continue;
			for (int k = 0; k < GLM_TERMS; k++)
				slope += f->h[j][k] * (to[k] - w[k]);
			u = was - slope / f->h[j][j];
			to[j] = copysign(fmax(fabs(u) - 1 / f->h[j][j], 0), u);
			moved += fabs(to[j] - was);
		}
	}
}

/* Goes to `to`, or as far towards it as makes the objective fall.  0: nowhere. */
static int take(const struct glm_row *r, long n, double c, const struct sum *f, double *w,
                const double *to)
{
	double at[GLM_TERMS], d[GLM_TERMS], fall;

	for (int j = 0; j < GLM_TERMS; j++)
		d[j] = to[j] - w[j];
	fall = product(f->g, d) + size(to) - size(w);
	for (double t = 1; t > 1e-9; t /= 2) {
		for (int j = 0; j < GLM_TERMS; j++)
			at[j] = t < 1 ? w[j] + t * d[j] : to[j];
		if (objective(r, n, c, at) > f->value + 1e-4 * t * fall + 1e-14 * fabs(f->value))
			continue;
		memcpy(w, at, sizeof at);
		return 1;
	}
	return 0;
}

void glm_fit(const struct glm_row *r, long n, double c, double w[GLM_TERMS])
{
	double to[GLM_TERMS], far = 1;

	for (int k = 0; k < 100 && far > 1e-11 * (1 + size(w)); k++) {
		struct sum f = evaluate(r, n, c, w);

		least(&f, w, to);
		far = 0;
		for (int j = 0; j < GLM_TERMS; j++)
			far += fabs(to[j] - w[j]);
		if (!take(r, n, c, &f, w, to))
			break;
	}
}

static long part_of(long i, long n) { return (n - 1 - i) % PARTS; }

/* The mean loss of a part's rows by the fit to the others, which begins at w; others: room. */
static double left_out(const struct glm_row *r, long n, int part, double c, double *w,
                       struct glm_row *others)
{
	long fitted = 0;
	double sum = 0;

	for (long i = 0; i < n; i++)
		if (part_of(i, n) != part)
			others[fitted++] = r[i];
	glm_fit(others, fitted, c, w);
	for (long i = 0; i < n; i++)
		if (part_of(i, n) == part) {
			double q = fmin(fmax(glm_share(w, r[i].x), 1e-15), 1 - 1e-15);

			sum -= r[i].s * (r[i].p * log(q) + (1 - r[i].p) * log(1 - q));
		}
	return sum / (n - fitted);
}

double glm_choose(const struct glm_row *r, long n, double w[GLM_TERMS])
{
	struct glm_row *others = xalloc(n * sizeof *others);
	double start[PARTS][GLM_TERMS] = {{0}}, best = INFINITY, chosen = 0;

	for (int k = 0; k < CHOICES; k++) {
		double c = pow(10, -4 + 8.0 * k / (CHOICES - 1)), sum = 0;

		for (int part = 0; part < PARTS; part++)
			sum += left_out(r, n, part, c, start[part], others);
		if (sum < best) {
			best = sum;
			chosen = c;
		}
	}
	free(others);
	memset(w, 0, GLM_TERMS * sizeof *w);
	glm_fit(r, n, chosen, w);
	return chosen;
}
