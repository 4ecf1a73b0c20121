/* SPDX-License-Identifier: MIT */
/* states.c - see states.h. */
#include "states.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/progress.h"
#include "../rows/order.h"
#include "../train/losses.h"

struct pooling {
	long dim;
	int layers, prompt;
	float *x;    /* [layers x wide] */
	double *sum; /* [dim] */
	void (*see)(void *ctx, const struct pooled *);
	void *ctx;
};

/* The features of a row after one layer. */
static void pool(const struct pooling *p, const struct tokens_row *r, const float *state, float *x)
{
	long first = r->n, n = 0;

	memset(p->sum, 0, p->dim * sizeof *p->sum);
	for (long t = r->n - 1; t >= 0; t--) {
		if (!r->train[t])
			continue;
		first = t;
		n++;
		for (long j = 0; j < p->dim; j++)
			p->sum[j] += state[t * p->dim + j];
	}
	for (long j = 0; j < p->dim; j++)
		x[j] = (float)(p->sum[j] / n);
	if (p->prompt)
		memcpy(x + p->dim, state + (first - 1) * p->dim, p->dim * sizeof *x);
}

static void see(void *pooling, const struct visited *v)
{
	struct pooling *p = pooling;
	const struct tokens_row *r = v->row;
	long wide = (1 + p->prompt) * p->dim;
	char id[128];

	if (!memchr(r->train, 1, r->n))
		die("row %s has no trained token", row_id(r, id, sizeof id));
	for (int l = 0; l < p->layers; l++)
		pool(p, r, v->state + l * r->n * p->dim, p->x + l * wide);
	for (long k = 0; k < p->layers * wide; k++)
		if (!isfinite(p->x[k]))
			die("a hidden state is not finite on row %s", row_id(r, id, sizeof id));
	p->see(p->ctx, &(struct pooled){r, p->x, v->state});
}

void states_each(struct engine *e, const struct params *theta, const struct tokens *t,
                 const int *layer, int layers, int prompt,
                 void (*shown)(void *ctx, const struct pooled *), void *ctx, const char *what)
{
	const struct config *c = &engine_model(e)->config;
	struct progress *bar = progress_open(what, "rows", t->rows);
	struct pooling p = {.dim = c->dim,
	                    .layers = layers,
	                    .prompt = prompt,
	                    .see = shown,
	                    .ctx = ctx};
	const struct visit visit = {.see = see,
	                            .ctx = &p,
	                            .layer = layer,
	                            .layers = layers,
	                            .no_nll = 1};
	struct order o;
	struct batch b;
	long at = 0;

	p.x = xalloc(layers * states_wide(c, prompt) * sizeof *p.x);
	p.sum = xalloc(c->dim * sizeof *p.sum);
	order_open(&o, t, 0, 0, 0);
	for (order_next(&o, &b, LOSS_BATCH); b.n; order_next(&o, &b, LOSS_BATCH)) {
		engine_visit(e, theta, &b, &visit);
		progress_at(bar, at += b.n, NULL);
	}
	order_close(&o);
	progress_close(bar);
	free(p.x);
	free(p.sum);
}
