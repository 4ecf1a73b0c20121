/* SPDX-License-Identifier: MIT */
/* states.c - see states.h. */
#include "states.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/progress.h"
#include "../train/losses.h"

struct pooling {
	long dim;
	int layers;
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
	memcpy(x + p->dim, state + (first - 1) * p->dim, p->dim * sizeof *x);
}

static void see(void *pooling, const struct visited *v)
{
	struct pooling *p = pooling;
	const struct tokens_row *r = v->row;
	char id[128];

	if (!memchr(r->train, 1, r->n))
		die("row %s has no trained token", row_id(r, id, sizeof id));
	for (int l = 0; l < p->layers; l++)
		pool(p, r, v->state + l * r->n * p->dim, p->x + l * 2 * p->dim);
	for (long k = 0; k < p->layers * 2 * p->dim; k++)
		if (!isfinite(p->x[k]))
			die("a hidden state is not finite on row %s", row_id(r, id, sizeof id));
	p->see(p->ctx, &(struct pooled){r, p->x, v->state});
}

/* The next rows before `end` that are not marked; *at: where to go on. */
static int next_rows(const struct tokens *t, long end, const char *skip, long *at,
                     struct tokens_row row[])
{
	int n = 0;

	for (; *at < end && n < LOSS_BATCH; ++*at)
		if (!skip || !skip[*at])
			row[n++] = tokens_row(t, *at);
	return n;
}

void states_each(const struct states *s, const struct tokens *t, struct share share,
                 const char *skip, void (*shown)(void *ctx, const struct pooled *), void *ctx,
                 const char *what)
{
	const struct config *c = &engine_model(s->engine)->config;
	struct progress *bar = progress_open(what, "rows", share.end - share.first);
	struct pooling p = {.dim = c->dim, .layers = s->layers, .see = shown, .ctx = ctx};
	const struct visit visit = {.see = see,
	                            .ctx = &p,
	                            .layer = s->layer,
	                            .layers = s->layers,
	                            .no_nll = 1};
	struct tokens_row row[LOSS_BATCH];
	struct batch b = {.row = row};
	long at = share.first;

	p.x = xalloc(s->layers * states_wide(c) * sizeof *p.x);
	p.sum = xalloc(c->dim * sizeof *p.sum);
	while ((b.n = next_rows(t, share.end, skip, &at, row)) > 0) {
		engine_visit(s->engine, s->theta, &b, &visit);
		progress_at(bar, at - share.first, NULL);
	}
	engine_wait(s->engine);
	progress_close(bar);
	free(p.x);
	free(p.sum);
}
