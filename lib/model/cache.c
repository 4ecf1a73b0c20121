/* SPDX-License-Identifier: MIT */
/* cache.c - see cache.h.
 *
 * A row that grows beyond rope.original turns by other rates from then on, its former tokens
 * too: they are fed once more, as transformers does; and again when it is rewound and shorter.
 */
#include "cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "engine_in.h"

enum { FEED = 512 }; /* tokens of one call: prompts are fed a few slots at a time */

struct cache {
	struct engine *engine;
	const struct params *theta;
	struct cache_layer *layer; /* [layers]; kv is [n * positions x key and value columns] */
	long n, positions;
	int32_t *token, *filled; /* host, [n x positions], [n]: the tokens of each slot */
	char *turned;            /* [n]: its keys are turned by the rates beyond rope.original */
};

long cache_tokens(long n, long positions)
{
	long tokens = positions > FEED ? positions : FEED;

	return tokens > n ? tokens : n;
}

static size_t layer_bytes(const struct model *m, long n, long positions)
{
	return n * positions * (m->config.qkv - m->config.k_at) * dtype_size(m->type);
}

size_t cache_bytes(const struct model *m, long n, long positions)
{
	return m->config.layers * layer_bytes(m, n, positions);
}

struct cache *cache_open(struct engine *e, const struct params *theta, int n, long positions)
{
	struct cache *c = xzalloc(1, sizeof *c);
	const struct config *f = e->config;

	c->engine = e;
	c->theta = theta;
	c->n = n;
	c->positions = positions;
	c->token = xalloc(n * positions * sizeof *c->token);
	c->filled = xzalloc(n, sizeof *c->filled);
	c->turned = xzalloc(n, 1);
	c->layer = xzalloc(f->layers, sizeof *c->layer);
	for (long i = 0; i < f->layers; i++)
		c->layer[i].kv =
			mat_of(e->dev->op->alloc(e->dev, layer_bytes(e->model, n, positions)),
		               e->model->type, n * positions, f->qkv - f->k_at);
	assert(positions <= e->positions);
	return c;
}

void cache_close(struct cache *c)
{
	for (long i = 0; i < c->engine->config->layers; i++)
		c->engine->dev->op->free(c->engine->dev, c->layer[i].kv.p);
	free(c->layer);
	free(c->token);
	free(c->filled);
	free(c->turned);
	free(c);
}

static int is_beyond(const struct cache *c, long filled)
{
	long original = c->engine->config->rope[0].original;

	return original && filled > original;
}

/* The first token of a slot to feed when so many more come. */
static long first(const struct cache *c, int slot, long more)
{
	long filled = c->filled[slot];

	return is_beyond(c, filled + more) != c->turned[slot] ? 0 : filled;
}

static long due(const struct cache *c, int slot, long more)
{
	return c->filled[slot] + more - first(c, slot, more);
}

void cache_rewind(struct cache *c, int slot, long n)
{
	assert(n <= c->filled[slot]);
	c->filled[slot] = (int32_t)n;
}

/* Packs what is due of a slot, with these tokens more: its queries are the new tokens, its keys
 * all that lie in the cache. */
static void pack_slot(struct cache *c, struct pack *p, const int32_t *token, long more, int slot)
{
	const struct rope *rope = &c->engine->config->rope[0];
	long from = first(c, slot, more), at = slot * c->positions;
	int32_t *filled = &c->filled[slot];

	assert(*filled + more <= c->positions);
	memcpy(c->token + at + *filled, token, more * sizeof *token);
	*filled += (int32_t)more;
	c->turned[slot] = (char)is_beyond(c, *filled);
	for (long j = from; j < *filled; j++, p->tokens++) {
		p->id[p->tokens] = c->token[at + j];
		p->position[p->tokens] = (int32_t)rope_entry(rope, j, *filled);
		p->store[p->tokens] = (int32_t)(at + j);
	}
	p->k[p->rows] = (int32_t)at;
	p->len[p->rows++] = *filled;
	p->q[p->rows] = (int32_t)p->tokens;
	p->longest = *filled > p->longest ? *filled : p->longest;
	p->at[p->trained++] = (int32_t)p->tokens - 1;
}

/* What follows each row: all logits [n x vocab], or where that is NULL the best token's id [n]. */
struct next {
	float *logits;
	int32_t *best;
};

/* x without the gaps between its rows. */
static void get_rows(struct dev *d, float *to, struct mat x)
{
	if (x.ld == x.cols) {
		d->op->get(d, to, x.p, x.rows * x.cols * sizeof *to);
		return;
	}
	for (long i = 0; i < x.rows; i++)
		d->op->get(d, to + i * x.cols, (float *)x.p + i * x.ld, x.cols * sizeof *to);
}

/* One pass over the rows [0, n). */
static void feed(struct cache *c, const int32_t *token, const int32_t *start, const int *slot,
                 int n, struct next next)
{
	struct engine *e = c->engine;
	const struct ops *op = e->dev->op;
	struct pack *host = &e->pack, *to = &e->work.numbers;
	const struct mat none = {0};
	long vocab = e->config->vocab;
	struct pass pass;
	struct mat x;

	pack_clear(host);
	for (int i = 0; i < n; i++)
		pack_slot(c, host, token + start[i], start[i + 1] - start[i], slot[i]);
	pass_open(e, c->theta, host->tokens, 0, 0);
	pass = pack_put(e->dev, to, host, none, e->rope);
	pass.spans.k = to->k;
	op->put(e->dev, to->store, host->store, host->tokens * sizeof *host->store);
	for (long i = 0; i < e->config->layers; i++)
		c->layer[i].at = to->store;
	x = pass_blocks(e, &(struct way){.theta = c->theta,
	                                 .pass = &pass,
	                                 .id = to->id,
	                                 .cache = c->layer,
	                                 .only = to->at,
	                                 .n = n,
	                                 .blocks = e->config->layers});
	for (long i = 0; i < n; i += e->dev->head_rows) {
		long rows = long_min(n - i, e->dev->head_rows);
		struct mat y = pass_logits(e, c->theta, row_range(x, i, rows));

		if (next.logits)
			get_rows(e->dev, next.logits + i * vocab, y);
		else
			op->argmax(e->dev, to->target + i, y);
	}
	if (next.best)
		op->get(e->dev, next.best, to->target, n * sizeof *next.best);
}

static void feed_all(struct cache *c, const int32_t *token, const int32_t *start, const int *slot,
                     int n, struct next next)
{
	long room = cache_tokens(c->n, c->positions), vocab = c->engine->config->vocab;

	for (int from = 0, to; from < n; from = to) {
		struct next its = {next.logits ? next.logits + from * vocab : NULL,
		                   next.best ? next.best + from : NULL};
		long total = 0;

		for (to = from; to < n; to++) {
			long tokens = due(c, slot[to], start[to + 1] - start[to]);

			if (to > from && total + tokens > room)
				break;
			total += tokens;
		}
		feed(c, token, start + from, slot + from, to - from, its);
	}
}

void cache_next(struct cache *c, const int32_t *token, const int32_t *start, const int *slot, int n,
                float *logits)
{
	feed_all(c, token, start, slot, n, (struct next){.logits = logits});
}

void cache_best(struct cache *c, const int32_t *token, const int32_t *start, const int *slot, int n,
                int32_t *best)
{
	feed_all(c, token, start, slot, n, (struct next){.best = best});
}
