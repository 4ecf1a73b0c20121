/* SPDX-License-Identifier: MIT */
/* engine.c - batches: rows packed into passes, and what comes of each row. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/world.h"
#include "engine_in.h"

/* Tables for so many positions. */
static void open_ropes(struct engine *e, long positions)
{
	for (int i = 0; i < e->config->ropes; i++) {
		const struct rope *r = &e->config->rope[i];
		long entries = rope_entry(r, positions, 0);
		size_t bytes = entries * 2 * r->pairs * sizeof(float);
		float *table = xalloc(bytes);

		rope_table(r, table, entries);
		e->rope[i] = e->dev->op->alloc(e->dev, bytes);
		e->dev->op->put(e->dev, e->rope[i], table, bytes);
		free(table);
	}
	e->positions = positions;
}

/* Memory for the host's arrays of a pass. */
static void open_pack(struct engine *e, long room)
{
	pack_place(&e->pack, &e->arrays, room); /* measures */
	e->arrays.size = e->arrays.used;
	e->arrays.base = xalloc(e->arrays.size);
	e->arrays.used = 0;
	pack_place(&e->pack, &e->arrays, room);
}

/* The whole of it is touched, so that it is there when a pass needs it, or not at all. */
static void open_arena(struct engine *e, const struct plan *p)
{
	e->arena.size =
		p->bytes[MEMORY_ACTIVATIONS] + p->bytes[MEMORY_LOGITS] + p->bytes[MEMORY_SCRATCH];
	e->arena.base = e->dev->op->alloc(e->dev, e->arena.size);
	if (e->dev->large_pages)
		memory_all_used(e->arena.base, e->arena.size);
	e->dev->op->zero(e->dev, mat_of(e->arena.base, DT_F32, e->arena.size / 64, 16));
}

struct engine *engine_open(struct model *m, const struct compute_opts *o, const struct demand *d)
{
	struct engine *e = xzalloc(1, sizeof *e);
	struct plan p;
	long tokens;

	plan_make(&p, m, d, o);
	if (m->divides && world_most(p.stored) != p.stored) {
		m->stored = 1; /* as on a rank that has less memory: parts are of the same bytes */
		plan_make(&p, m, d, o);
	}
	plan_say(&p, m, d, o);
	e->model = m;
	e->dev = m->dev;
	e->config = &m->config;
	e->pass = p.pass;
	work_open(&e->work, e->config);
	open_arena(e, &p);
	tokens = long_max(p.tokens[0], p.tokens[1]);
	open_pack(e, tokens + 2 * PACK_ROUND);
	open_ropes(e, long_max(tokens, d->positions));
	m->stored = p.stored;
	if (!d->theta || d->theta->site)
		model_load(m);
	return e;
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	for (int i = 0; i < e->config->ropes; i++)
		e->dev->op->free(e->dev, e->rope[i]);
	e->dev->op->free(e->dev, e->arena.base);
	work_close(&e->work);
	free(e->arrays.base);
	free(e);
}

const struct model *engine_model(const struct engine *e) { return e->model; }

long engine_pass(const struct engine *e) { return e->pass; }

/* How many rows from `first` on make the next pass: rows of even shares of what is left, none
 * over e->pass tokens unless a single row is. */
static int next_pass(const struct engine *e, const struct batch *b, int first)
{
	long left = 0, share, n = 0;
	int to = first;

	for (int i = first; i < b->n; i++)
		left += b->row[i].n;
	share = left / ((left + e->pass - 1) / e->pass);
	while (to < b->n && (to == first || (n < share && n + b->row[to].n <= e->pass)))
		n += b->row[to++].n;
	return to - first;
}

/* Whether what the packed rows share is worth it.  On the way back a GPU gathers keys, and adds up
 * their gradients, in kernels of their own: that takes as long as a tenth of the tokens. */
static int shares_enough(const struct engine *e, int weighted)
{
	const struct pack *p = &e->pack;
	long saved = p->keys - p->tokens;

	return !saved || !weighted || !e->dev->apart || saved * 10 >= p->keys;
}

/* Packs the batch's rows from `first` on that make the next pass; returns how many.  weight: of
 * each row's mean loss; NULL: no gradient is taken. */
static int pack_next(struct engine *e, const struct batch *b, int first, int all,
                     const float weight[])
{
	int n = next_pass(e, b, first);

	e->pack.shares = 1;
	do {
		pack_clear(&e->pack);
		for (int i = first; i < first + n; i++)
			pack_row(&e->pack, e->config, b, first, i, all, weight ? weight[i] : 0);
	} while (!shares_enough(e, weight != NULL) && e->pack.shares--);
	return n;
}

/* Which gradients are added up on the way back: of keys that are one token's, and of tokens that
 * are one id. */
static void group_places(struct engine *e, const struct params *theta, struct pass *p,
                         struct way *w)
{
	struct pack *host = &e->pack, *to = &e->work.numbers;

	if (p->keys.p)
		p->shared = pack_group(e->dev, &to->by_token, &host->by_token, host->from,
		                       host->keys, host->tokens);
	if (theta->grad)
		w->same = pack_group(e->dev, &to->by_id, &host->by_id, host->id, host->tokens,
		                     e->config->vocab);
}

/* Runs the pass that is packed, and backwards too where it is weighted.  states: where the
 * visitor's layer is copied, or NULL.  The pack's losses are set but where v->no_nll. */
static void run(struct engine *e, const struct params *theta, int weighted, const struct visit *v,
                float *states)
{
	struct pack *host = &e->pack;
	long trained = pack_fill(host, e->config);
	int only = !weighted && !states, nll = !(v && v->no_nll);
	struct pass pass;
	struct mat x;
	struct way way = {.theta = theta,
	                  .pass = &pass,
	                  .n = host->trained,
	                  .blocks = nll ? e->config->layers : v->layer[v->layers - 1],
	                  .tap = states ? v->layer : NULL,
	                  .taps = states ? v->layers : 0,
	                  .taken = states};

	if (!trained && !states)
		return;
	if (e->model->divided)
		world_most(pass_number(&way, weighted));
	pass_open(e, theta, host->tokens, host->keys > host->tokens ? host->keys : 0, weighted);
	pass = pack_put(e->dev, &e->work.numbers, host, e->work.keys, e->rope);
	if (weighted)
		group_places(e, theta, &pass, &way);
	way.id = e->work.numbers.id;
	way.only = only ? e->work.numbers.at : NULL;
	x = pass_blocks(e, &way);
	if (!nll)
		return;
	pass_head(e, theta, x, only, trained, weighted);
	if (weighted)
		pass_back(e, &way);
	e->dev->op->get(e->dev, host->loss, e->work.numbers.loss, trained * sizeof *host->loss);
}

void engine_wait(struct engine *e)
{
	long number;

	while (e->model->divided && (number = world_most(0)) > 0)
		pass_idle(e, number);
}

/* Spreads a row's losses over its tokens; returns how many there are. */
static long spread(const struct tokens_row *r, int all, const float loss[], float nll[])
{
	long k = 0;

	for (long t = 0; t < r->n; t++)
		nll[t] = t && (all || r->train[t]) ? loss[k++] : NAN;
	return k;
}

/* The states of the pack's row k after each of so many layers; some of its tokens may be another
 * row's. */
static void collect(const struct engine *e, int k, int layers, const float *states, float *into)
{
	const struct pack *p = &e->pack;
	long dim = e->config->dim;

	for (int l = 0; l < layers; l++, states += p->tokens * dim)
		for (long t = 0; t < p->len[k]; t++, into += dim)
			memcpy(into, states + p->from[p->k[k] + t] * dim, dim * sizeof *into);
}

void engine_visit(struct engine *e, const struct params *theta, const struct batch *b,
                  const struct visit *v)
{
	size_t width = v->layers * e->config->dim * sizeof(float);
	float *nll = xalloc(e->pack.room * sizeof *nll);
	float *states = v->layers ? xalloc(e->pack.room * width) : NULL;
	float *state = v->layers ? xalloc(e->pack.room * width) : NULL;

	assert(!v->layers || v->layer[v->layers - 1] <= e->config->layers);
	assert(!v->no_nll || v->layers);
	for (int first = 0, n; first < b->n; first += n) {
		const float *loss = e->pack.loss;

		n = pack_next(e, b, first, v->all, NULL);
		run(e, theta, 0, v, states);
		for (int i = first; i < first + n; i++) {
			struct visited s = {.row = &b->row[i], .i = i, .state = state};

			if (states)
				collect(e, i - first, v->layers, states, state);
			if (!v->no_nll) {
				loss += spread(s.row, v->all, loss, nll);
				s.nll = nll;
			}
			v->see(v->ctx, &s);
		}
	}
	free(nll);
	free(states);
	free(state);
}

/* The mean of a row's losses, which begin at *loss; moves that behind them. */
static float mean_loss(const struct tokens_row *r, const float **loss)
{
	long trained = pack_trained(r, 0);
	double sum = 0;
	char id[128];

	if (!trained)
		die("row %s has no trained token", row_id(r, id, sizeof id));
	for (long t = 0; t < trained; t++)
		sum += *(*loss)++;
	return (float)(sum / trained);
}

/* weight NULL: forwards only */
static void losses(struct engine *e, const struct params *theta, const struct batch *b,
                   const float weight[], float loss[])
{
	for (int first = 0, n; first < b->n; first += n) {
		const float *l = e->pack.loss;

		n = pack_next(e, b, first, 0, weight);
		run(e, theta, weight != NULL, NULL, NULL);
		for (int i = first; i < first + n; i++)
			loss[i] = mean_loss(&b->row[i], &l);
	}
}

void engine_loss(struct engine *e, const struct params *theta, const struct batch *b, float loss[])
{
	losses(e, theta, b, NULL, loss);
}

void engine_grad(struct engine *e, struct params *theta, const struct batch *b,
                 const float weight[], float loss[])
{
	losses(e, theta, b, weight, loss);
}

void engine_row_gradients(struct engine *e, struct params *theta, const struct batch *b,
                          void (*see)(void *ctx, const struct tokens_row *, float loss,
                                      const struct params *),
                          void *ctx)
{
	const float one = 1;

	for (int i = 0; i < b->n; i++) {
		struct batch single = {b->row + i, 1};
		float loss;

		params_zero(theta);
		engine_grad(e, theta, &single, &one, &loss);
		see(ctx, &b->row[i], loss, theta);
	}
	params_zero(theta);
}
