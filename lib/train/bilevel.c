/* SPDX-License-Identifier: MIT */
/* bilevel.c - SEAL's Algorithms 1 and 2: learn a weight for every row of the data, such that a
 * model tuned on the weighted data serves the safe rows; see bilevel.h.
 *
 * The problem, with the weights w = w(omega) that selector.h defines:
 *
 *   min over omega, theta of  (1-gamma) mean_safe l(theta; z0)
 *     + gamma [ mean_i w_i l(theta; z_i) - min over hat of mean_i w_i l(hat; z_i) ]
 *
 * Algorithm 1, a step on a batch of safe rows z0 and a batch of rows z_j, with
 * w = w(omega), all losses and weights from before the step:
 *
 *   theta <- theta - beta  grad[ (1-gamma) mean l(theta; z0) + gamma mean w_j l(theta; z_j) ]
 *   hat   <- hat   - beta  grad[ mean w_j l(hat; z_j) ]
 *   omega <- omega - alpha sum_j [ l(theta; z_j) - l(hat; z_j) ] grad w_j
 *
 * Algorithm 2 keeps no hat and takes l(hat; z_j) to be 0.
 */
#include "bilevel.h"

#include <stdlib.h>

#include "../base/memory.h"
#include "training.h"

/* Of a step's batches, of `batch` rows each. */
struct room {
	float *w;      /* of the data's rows */
	float *scaled; /* what each row's gradient is multiplied by */
	float *l0, *l,
		*lhat; /* losses: of safe rows; of the data under theta and theta-hat (or 0) */
	float *gap;    /* l - lhat */
	long *at;      /* the numbers of the data's rows */
};

/* y_i = a w_i / n; w NULL: all are 1. */
static void scale(float y[], const float w[], double a, int n)
{
	for (int i = 0; i < n; i++)
		y[i] = (float)((w ? w[i] : 1) * a / n);
}

static double mean(const float x[], int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i];
	return n ? sum / n : 0;
}

/* Adds to theta's gradient that of (1-gamma) mean l(theta; z0) + gamma mean w l(theta; z).
 * Where gamma is 0, only the losses of z are computed. */
static void upper(struct bilevel *b, struct training *t, const struct batch *z0,
                  const struct batch *z, double gamma, struct room *r)
{
	struct params *theta = b->setup->theta;

	scale(r->scaled, NULL, 1 - gamma, z0->n);
	training_grad(t, theta, z0, r->scaled, r->l0);
	scale(r->scaled, r->w, gamma, z->n);
	if (b->omega)
		training_grad(t, theta, z, gamma > 0 ? r->scaled : NULL, r->l);
	params_sum(theta);
}

/* Adds to hat's gradient that of mean w l(hat; z). */
static void lower(struct bilevel *b, struct training *t, const struct batch *z, struct room *r)
{
	scale(r->scaled, r->w, 1, z->n);
	training_grad(t, b->hat, z, r->scaled, r->lhat);
	params_sum(b->hat);
}

/* One step of the algorithm; returns what is to be logged of it, owned. */
static json_t *step(struct bilevel *b, struct training *t, const struct batch *z0,
                    const struct batch *z, struct room *r)
{
	double gamma = b->gamma + training_epoch(t) * b->gamma_step, norm;
	struct adamw adamw = training_adamw(t);
	json_t *line;

	for (int j = 0; j < z->n; j++)
		r->at[j] = z->row[j].at;
	if (b->omega)
		selector_weights(b->omega, r->at, z->n, r->w);
	upper(b, t, z0, z, gamma, r);
	if (b->hat)
		lower(b, t, z, r);
	for (int j = 0; j < z->n; j++)
		r->gap[j] = r->l[j] - r->lhat[j];

	norm = training_update(t, b->setup->theta, adamw, NULL);
	if (b->hat)
		training_update(t, b->hat, adamw, NULL);
	if (b->omega)
		selector_step(b->omega, r->at, r->gap, z->n);
	line = json_pack("{s:f, s:f}", "epoch", (double)training_epoch(t), "loss_safe",
	                 mean(r->l0, z0->n));
	if (b->omega)
		json_object_set_new(line, "loss", json_real(mean(r->l, z->n)));
	if (b->hat)
		json_object_set_new(line, "loss_hat", json_real(mean(r->lhat, z->n)));
	json_object_set_new(line, "norm", json_real(norm));
	json_object_set_new(line, "lr", json_real(adamw.rate));
	if (b->omega)
		json_object_set_new(line, "gamma", json_real(gamma));
	return line;
}

/* Notes that the rows of this batch were visited. */
static void visit(struct bilevel *b, const struct training *t, const struct batch *z)
{
	for (int j = 0; j < z->n; j++) {
		b->visits[z->row[j].at]++;
		b->last[z->row[j].at] = (int32_t)(t->order.at - z->n + j);
	}
}

/* All that a resumed run must have again. */
static void add_state(struct bilevel *b, struct state *s)
{
	long n = b->setup->data->rows;

	state_params(s, "theta", b->setup->theta);
	if (b->hat)
		state_params(s, "hat", b->hat);
	if (b->omega) {
		state_add(s, "omega", ST_F32, b->omega->omega, n);
		state_add(s, "omega.t", ST_I64, &b->omega->t, 1);
	}
	if (b->omega && b->omega->m) {
		state_add(s, "omega.m", ST_F32, b->omega->m, n);
		state_add(s, "omega.v", ST_F32, b->omega->v, n);
	}
	state_add(s, "visits", ST_I32, b->visits, n);
	state_add(s, "last", ST_I32, b->last, n);
}

void bilevel_run(struct bilevel *b)
{
	const struct train_opts *o = b->setup->opts;
	struct training t = {.setup = b->setup,
	                     .what = b->omega ? "bilevel" : "safe-loss",
	                     .safe = b->setup->safe};
	float *room = xzalloc(6 * o->batch, sizeof *room);
	struct room r = {room,
	                 room + o->batch,
	                 room + 2 * o->batch,
	                 room + 3 * o->batch,
	                 room + 4 * o->batch,
	                 room + 5 * o->batch,
	                 xalloc(o->batch * sizeof *r.at)};
	struct batch z0, z;

	add_state(b, &t.state);
	training_open(&t);
	while (training_next(&t, &z)) {
		json_t *line;

		training_safe(&t, &z0);
		visit(b, &t, &z);
		line = step(b, &t, &z0, &z, &r);
		training_stepped(&t, line, json_number(line, "loss_safe", 0));
	}
	training_close(&t);
	free(room);
	free(r.at);
}
