/* SPDX-License-Identifier: MIT */
/* bilevel.c - learn which rows of the data leave the safe data well served.
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
#include <string.h>

#include "../base/memory.h"

struct room {
	float *w, *scaled, *l0, *l, *lhat, *gap;
	long *at; /* the numbers of the batch's rows */
};

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

/* (1-gamma) mean l(theta; z0) + gamma mean w l(theta; z), its gradient to theta;
 * where gamma is 0 the losses of z are all that is needed of it. */
static void upper(struct bilevel *b, const struct batch *z0, const struct batch *z, double gamma,
                  struct room *r)
{
	scale(r->scaled, NULL, 1 - gamma, z0->n);
	engine_grad(b->engine, b->theta, z0, r->scaled, r->l0);
	if (!b->omega)
		return;
	scale(r->scaled, r->w, gamma, z->n);
	if (gamma > 0)
		engine_grad(b->engine, b->theta, z, r->scaled, r->l);
	else
		engine_loss(b->engine, b->theta, z, r->l);
}

/* mean w l(hat; z), its gradient to hat */
static void lower(struct bilevel *b, const struct batch *z, struct room *r)
{
	scale(r->scaled, r->w, 1, z->n);
	engine_grad(b->engine, b->hat, z, r->scaled, r->lhat);
}

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
	upper(b, z0, z, gamma, r);
	training_saw(t, z0, r->l0);
	if (b->omega)
		training_saw(t, z, r->l);
	memset(r->lhat, 0, z->n * sizeof *r->lhat);
	if (b->hat) {
		lower(b, z, r);
		training_saw(t, z, r->lhat);
	}
	for (int j = 0; j < z->n; j++)
		r->gap[j] = r->l[j] - r->lhat[j];

	norm = training_update(t, b->theta, adamw);
	if (b->hat)
		training_update(t, b->hat, adamw);
	if (b->omega)
		selector_step(b->omega, r->at, r->gap, z->n);
	line = json_pack("{s:f, s:f}", "epoch", training_epoch(t), "loss_safe", mean(r->l0, z0->n));
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

static void visit(struct bilevel *b, const struct training *t, const struct batch *z)
{
	for (int j = 0; j < z->n; j++) {
		b->visits[z->row[j].at]++;
		b->last[z->row[j].at] = (int32_t)(t->order.at - z->n + j);
	}
}

static void open_state(struct bilevel *b, struct training *t, struct order *safe)
{
	struct state *s = &t->state;
	long n = b->data->rows;

	state_params(s, "theta", b->theta);
	if (b->hat)
		state_params(s, "hat", b->hat);
	if (b->omega) {
		state_add(s, "omega", ST_F32, b->omega->omega, n);
		state_add(s, "omega.t", ST_I64, &b->omega->t, 1);
		if (b->omega->m) {
			state_add(s, "omega.m", ST_F32, b->omega->m, n);
			state_add(s, "omega.v", ST_F32, b->omega->v, n);
		}
	}
	state_add(s, "visits", ST_I32, b->visits, n);
	state_add(s, "last", ST_I32, b->last, n);
	state_add(s, "safe.epoch", ST_I64, &safe->epoch, 1);
	state_add(s, "safe.at", ST_I64, &safe->at, 1);
}

static void room_open(struct room *r, long n)
{
	r->w = xzalloc(n, sizeof(float));
	r->scaled = xzalloc(n, sizeof(float));
	r->l0 = xzalloc(n, sizeof(float));
	r->l = xzalloc(n, sizeof(float));
	r->lhat = xzalloc(n, sizeof(float));
	r->gap = xzalloc(n, sizeof(float));
	r->at = xzalloc(n, sizeof(long));
}

static void room_close(struct room *r)
{
	free(r->w);
	free(r->scaled);
	free(r->l0);
	free(r->l);
	free(r->lhat);
	free(r->gap);
	free(r->at);
}

void bilevel_run(struct bilevel *b)
{
	struct training t = {.opts = b->opts,
	                     .what = b->omega ? "bilevel" : "safe-loss",
	                     .engine = b->engine,
	                     .theta = b->theta,
	                     .data = b->data,
	                     .valid = b->valid,
	                     .settings = b->settings};
	struct order safe;
	struct batch z0, z;
	struct room r;

	room_open(&r, b->opts->batch);
	order_open(&safe, b->safe, b->opts->seed, SAFE_STREAM, !b->opts->no_shuffle);
	open_state(b, &t, &safe);
	training_open(&t);
	order_seek(&safe, safe.epoch, safe.at);
	while (training_next(&t, &z)) {
		json_t *line;

		order_cycle(&safe, &z0, (int)b->opts->batch);
		visit(b, &t, &z);
		line = step(b, &t, &z0, &z, &r);
		training_stepped(&t, line, json_number(line, "loss_safe", 0));
	}
	order_close(&safe);
	training_close(&t);
	room_close(&r);
}
