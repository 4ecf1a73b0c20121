/* SPDX-License-Identifier: MIT */
/* pass.c - one pass: through the embedding, the blocks and the head, and back.
 *
 *   x = s_e embed[id];  x = block(x) for each;  logits = cap(s_l norm(x) head')
 *
 * The head works on the predicted tokens alone, some at a time: logits of all tokens never exist
 * at once.
 */
#include <assert.h>

#include "../base/num.h"
#include "engine_in.h"

void pass_open(struct engine *e, const struct params *theta, long tokens, long keys, int backward)
{
	struct work_size s = {.config = e->config,
	                      .type = e->model->type,
	                      .ranks = theta ? theta->ranks : NULL,
	                      .tokens = tokens,
	                      .keys = keys,
	                      .head = e->dev->head_rows,
	                      .stored = e->model->stored,
	                      .backward = backward};

	s.kept = work_keeps(&e->work, &s, e->arena.size);
	assert(s.kept && "a pass fits what was planned");
	work_place(&e->work, &e->arena, &s);
}

/* The tensors that a pass computes with. */
static const struct net *net_of(const struct engine *e, const struct params *theta)
{
	return theta && theta->net ? theta->net : &e->model->net;
}

/* Where their gradients go; without tensors where they are frozen. */
static const struct net *gradients_of(const struct params *theta)
{
	static const struct net frozen;

	return theta && theta->grad ? theta->grad : &frozen;
}

/* Block i, with its activations' place; the lower blocks share the first. */
static struct block block_of(struct engine *e, const struct way *w, long i)
{
	long shared = e->config->layers - e->work.kept;

	return (struct block){.dev = e->dev,
	                      .config = e->config,
	                      .layer = i,
	                      .at = &net_of(e, w->theta)->layer[i],
	                      .theta = w->theta,
	                      .pass = w->pass,
	                      .kept = e->work.block[i > shared ? i - shared : 0],
	                      .decoded = e->work.decoded};
}

/* The block's matrices are where it looks for them. */
static void bring(const struct engine *e, const struct way *w, long i)
{
	if (e->model->divided && !(w->theta && w->theta->net))
		divided_bring(e->model->divided, i);
}

static void tap(struct engine *e, const struct way *w, long after, struct mat x)
{
	for (int k = 0; k < w->taps; k++)
		if (after == w->tap[k])
			e->dev->op->get(e->dev, w->taken + k * x.rows * x.cols, x.p,
			                x.rows * x.cols * sizeof(float));
}

struct mat pass_blocks(struct engine *e, const struct way *w)
{
	struct mat x = e->work.x[0];

	e->dev->op->gather(e->dev, x, net_of(e, w->theta)->embed, w->id, e->config->embed_scale);
	tap(e, w, 0, x);
	for (long i = 0; i < w->blocks; i++) {
		const int32_t *only = i == w->blocks - 1 ? w->only : NULL;
		struct mat y = e->work.one_x ? x : e->work.x[i + 1];
		struct block b = block_of(e, w, i);

		bring(e, w, i);
		if (only)
			y.rows = w->n;
		else if (y.p == x.p) /* there is no way back: x1 in place too */
			b.kept.x1 = x;
		block_forward(&b, y, x, w->cache ? &w->cache[i] : NULL, only);
		x = y;
		tap(e, w, i + 1, x);
	}
	return x;
}

struct mat pass_logits(struct engine *e, const struct params *theta, struct mat h)
{
	const struct ops *op = e->dev->op;
	const struct config *c = e->config;
	const struct net *n = net_of(e, theta);
	struct mat hn = row_range(e->work.hn, 0, h.rows);
	struct mat logits = row_range(e->work.logits, 0, h.rows);

	op->norm(e->dev, hn, e->work.hstat, h, n->final.gain, n->final.bias, c->norm, 0);
	op->gemm(e->dev, logits, hn, 0, n->head, 1, c->logit_scale, 0);
	if (c->logit_cap > 0)
		op->softcap(e->dev, logits, c->logit_cap);
	return logits;
}

/* From dlogits of predicted tokens, which follow the rows h, to the head's own gradients, and to
 * rows at[0..n) of work.dy: those beyond n fill up. */
static void head_back(struct engine *e, const struct params *theta, struct mat h,
                      struct mat dlogits, const int32_t *at, long n)
{
	const struct ops *op = e->dev->op;
	const struct net *net = net_of(e, theta), *g = gradients_of(theta);
	struct work *w = &e->work;
	const struct mat none = {0};
	struct mat dh = row_range(w->dh, 0, h.rows), h2 = row_range(w->h2, 0, h.rows);
	float scale = e->config->logit_scale;

	op->gemm(e->dev, dh, dlogits, 0, net->head, 0, scale, 0);
	if (g->head.p)
		op->gemm(e->dev, g->head, dlogits, 1, row_range(w->hn, 0, h.rows), 0, scale, 1);
	op->norm_back(e->dev, h2, none, g->final.gain, g->final.bias, dh, h, net->final.gain,
	              w->hstat, e->config->norm, 0);
	op->scatter(e->dev, w->dy, row_range(h2, 0, n), at);
}

void pass_head(struct engine *e, const struct params *theta, struct mat x, int only, long trained,
               int backward)
{
	const struct ops *op = e->dev->op;
	struct work *w = &e->work;
	struct pack *p = &w->numbers;
	const struct mat none = {0};

	if (backward)
		op->zero(e->dev, w->dy);
	for (long i = 0; i < trained; i += e->dev->head_rows) {
		long own = long_min(trained - i, e->dev->head_rows), n = pack_round(own);
		struct mat h = only ? row_range(x, i, n) : row_range(w->h, 0, n), logits;
		struct mat dlogits = backward ? row_range(w->dlogits, 0, n) : none;

		if (!only)
			op->gather(e->dev, h, x, p->at + i, 1);
		logits = pass_logits(e, theta, h);
		op->xent(e->dev, p->loss + i, dlogits, logits, p->target + i, p->weight + i,
		         e->config->logit_cap);
		if (backward)
			head_back(e, theta, h, dlogits, p->at + i, own);
	}
}

/* The lowest block with anything trained. */
static long lowest(const struct params *theta)
{
	if (theta->grad)
		return 0;
	for (long i = 0; i < theta->config->layers; i++)
		for (int s = 0; s < SITES; s++)
			if (theta->site[i][s].n)
				return i;
	return theta->config->layers;
}

/* A number for a way, from which pass_idle knows which blocks it goes through. */
enum { WAY_LAYERS = 1 << 20 };

long pass_number(const struct way *w, int backward)
{
	long low = backward ? lowest(w->theta) : WAY_LAYERS - 1;

	return w->blocks * WAY_LAYERS + WAY_LAYERS - 1 - low;
}

void pass_idle(struct engine *e, long number)
{
	long low = WAY_LAYERS - 1 - number % WAY_LAYERS;

	for (long i = 0; i < number / WAY_LAYERS; i++)
		divided_bring(e->model->divided, i);
	for (long i = e->config->layers - 1; i >= low; i--)
		divided_bring(e->model->divided, i);
}

void pass_back(struct engine *e, const struct way *w)
{
	const struct params *theta = w->theta;
	struct work *work = &e->work;
	long low = lowest(theta), shared = e->config->layers - work->kept;

	work->scratch.rounded = 0;
	for (long i = e->config->layers - 1; i >= low; i--) {
		struct block b = block_of(e, w, i);

		bring(e, w, i);
		if (i < shared) /* its activations were overwritten: compute them again */
			block_forward(&b, work->x[i + 1], work->x[i], NULL, NULL);
		block_back(&b, work->dy, work->x[i], &work->scratch, i > low || theta->grad);
	}
	if (theta->grad)
		e->dev->op->scatter_add(e->dev, theta->grad->embed, work->dy, w->same,
		                        e->config->embed_scale);
}
