/* SPDX-License-Identifier: MIT */
/* gradient.c - the method gradient: would a step on this row lead to the theta of the bad rows, or
 * to that of the trusted ones?
 *
 *   d        = theta_h - theta_s               from the trusted rows' theta to the bad rows'
 *   g        = grad l(theta; z) at (theta_s + theta_h) / 2
 *   gradient = 1/M sum_m cos(g_m, d_m)         over the M matrices of theta
 *
 * theta_s and theta_h are two_thetas.h's.  A step on z is along -g, so it leads towards theta_h
 * where g points away from it: a row is the worse the lower it is.  To first order <g, d> is
 * l(theta_h; z) - l(theta_s; z), the method contrast; what is new is that every matrix counts as
 * much as any other, and every row, however long its gradient.  A matrix whose gradient or
 * direction is 0 counts as 0.
 *
 * The point is the middle, not where both began: new pairs have b = 0, and at b = 0 no gradient
 * reaches a.
 *
 * Zhang et al. 2026, "From Parameter Dynamics to Risk Scoring" (SQSD), arXiv 2605.04572, project
 * the update by a row on a direction of danger and on one of safety, and take the difference.
 */
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "../train/losses.h"
#include "two_thetas.h"

static const struct column gradient_columns[] = {
	{"gradient", COLUMN_F32,
         "mean cosine of the row's gradient and theta_h - theta_s, over theta's matrices"},
	{0},
};

static const struct column *filled(void) { return gradient_columns; }

static void check(const struct score_opts *o, int chosen)
{
	if (!chosen)
		return;
	if (!o->danger)
		die_usage("--method gradient needs --danger");
	two_thetas_check(o);
}

struct gradient {
	struct two_thetas two;
	struct scores_out *out;
	float *d, *g; /* [theta->n] */
};

/* Sets d, and theta to the middle; theta_h is no longer needed. */
static void middle(struct gradient *k)
{
	struct params *s = k->two.setup.theta;

	params_get(s, k->g);
	params_get(k->two.bad, k->d);
	params_close(k->two.bad);
	k->two.bad = NULL;
	for (long i = 0; i < s->n; i++) {
		float of_s = k->g[i], of_h = k->d[i];

		k->g[i] = of_s + (of_h - of_s) / 2;
		k->d[i] = of_h - of_s;
	}
	params_set(s, k->g);
}

static double cosine(const float x[], const float y[], long n)
{
	double xy = 0, xx = 0, yy = 0;

	for (long i = 0; i < n; i++) {
		xy += (double)x[i] * y[i];
		xx += (double)x[i] * x[i];
		yy += (double)y[i] * y[i];
	}
	return xx == 0 || yy == 0 ? 0 : xy / sqrt(xx) / sqrt(yy);
}

static void see_row(void *gradient, const struct tokens_row *r, float loss,
                    const struct params *theta)
{
	struct gradient *k = gradient;
	double sum = 0;
	char id[128];

	params_get_gradient(theta, k->g);
	for (int m = 0; m < theta->slices; m++) {
		const struct slice *s = &theta->slice[m];

		sum += cosine(k->g + s->at, k->d + s->at, s->rows * s->cols);
	}
	sum /= theta->slices;
	if (!isfinite(loss) || !isfinite(sum))
		die("the gradient is not finite on row %s", row_id(r, id, sizeof id));
	scores_add(k->out, r->id, r->id_n, r->hash, r->line, &sum);
}

static void see(void *gradient, const struct batch *b)
{
	struct gradient *k = gradient;
	const struct setup *s = &k->two.setup;

	engine_row_gradients(s->engine, s->theta, b, see_row, k);
}

static void run(struct score_run *run)
{
	struct gradient k;
	struct setup *s = &k.two.setup;
	size_t vector;

	two_thetas_open(&k.two, run);
	vector = s->theta->n * sizeof(float);
	s->demand.bytes += 2 * vector;
	two_thetas_begin(&k.two);
	two_thetas_train(&k.two);
	k.d = xalloc(vector);
	k.g = xalloc(vector);
	middle(&k);
	k.out = two_thetas_scores(&k.two);
	two_thetas_each(&k.two, LOSS_BATCH, "rows", see, &k);
	scores_finish(k.out);
	free(k.d);
	free(k.g);
	two_thetas_close(&k.two);
}

const struct method method_gradient = {
	.name = "gradient",
	.what = "where a step on the row leads",
	.needs = METHOD_MODEL | METHOD_SAFE | METHOD_DANGER | METHOD_SHARES,
	.score = "gradient",
	.columns = filled,
	.check = check,
	.run = run,
};
