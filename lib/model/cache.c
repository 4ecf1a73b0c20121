/* SPDX-License-Identifier: MIT */
/* cache.c - generation: keys and values of the tokens so far, a row a slot.
 *
 * A row that grows beyond rope.original turns by other rates from then on, its
 * former tokens too: they are fed once more, as transformers does.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "model_in.h"

struct cache {
	struct model *model;
	struct adapter *adapter;
	struct work *work;
	struct cache_layer *layer; /* [layers]; kv is [n * positions x key and value columns] */
	long n, positions, room;   /* room: tokens of a pass */
	int32_t *token, *filled;   /* host, [n x positions], [n]: the tokens of each slot */
	int32_t *host, *ints;      /* one pass's integers, and their copy on the device */
};

/* Tokens of one call: prompts are fed a few slots at a time. */
enum { FEED = 512 };

long cache_tokens(long n, long positions)
{
	long room = positions > FEED ? positions : FEED;

	return room > n ? room : n;
}

static size_t layer_bytes(const struct model *m, long n, long positions)
{
	return n * positions * (m->config.qkv - m->config.k_at) * dtype_size(m->type);
}

size_t cache_bytes(const struct model *m, long n, long positions)
{
	return m->config.layers * layer_bytes(m, n, positions);
}

struct cache *cache_open(struct model *m, struct adapter *a, int n, long positions)
{
	struct cache *c = xzalloc(1, sizeof *c);
	const struct config *f = &m->config;
	long room = cache_tokens(n, positions), width = f->qkv - f->k_at;

	c->model = m;
	c->adapter = a;
	c->n = n;
	c->positions = positions;
	c->room = room;
	c->work = work_open(m, a, room, 0, 0);
	c->token = xalloc(n * positions * sizeof *c->token);
	c->filled = xzalloc(n, sizeof *c->filled);
	c->host = xalloc((7 * room + 1) * sizeof *c->host);
	c->ints = m->dev->op->alloc(m->dev, (7 * room + 1) * sizeof *c->ints);
	c->layer = xzalloc(f->layers, sizeof *c->layer);
	for (long i = 0; i < f->layers; i++)
		c->layer[i].kv = mat_of(m->dev->op->alloc(m->dev, layer_bytes(m, n, positions)),
		                        m->type, n * positions, width);
	model_positions(m, positions);
	return c;
}

void cache_close(struct cache *c)
{
	for (long i = 0; i < c->model->config.layers; i++)
		c->model->dev->op->free(c->model->dev, c->layer[i].kv.p);
	c->model->dev->op->free(c->model->dev, c->ints);
	work_close(c->work);
	free(c->layer);
	free(c->token);
	free(c->filled);
	free(c->host);
	free(c);
}

/* The first token of a slot to feed when so many more come. */
static long first(const struct cache *c, int slot, long more)
{
	long filled = c->filled[slot], original = c->model->config.rope.original;

	return original && filled <= original && filled + more > original ? 0 : filled;
}

static long due(const struct cache *c, int slot, long more)
{
	return c->filled[slot] + more - first(c, slot, more);
}

/* One pass over the rows [0, n), whose `total` tokens due fit the work. */
static void feed(struct cache *c, const int32_t *token, const int32_t *start, const int *slot,
                 int n, long total, float *logits)
{
	struct model *m = c->model;
	const struct ops *op = m->dev->op;
	long vocab = m->config.vocab;
	int32_t *position = c->host, *at = position + total, *q = at + total, *k = q + n + 1,
		*len = k + n;
	int32_t *last = len + n, *id = last + n, *d = c->ints;
	struct pack p = {.table = m->rope, .position = d};
	struct mat x;
	long t = 0;

	for (int i = 0; i < n; i++) {
		int32_t *filled = &c->filled[slot[i]], more = start[i + 1] - start[i];
		long j = first(c, slot[i], more);

		q[i] = (int32_t)t;
		k[i] = (int32_t)(slot[i] * c->positions);
		assert(*filled + more <= c->positions);
		memcpy(c->token + k[i] + *filled, token + start[i], more * sizeof *token);
		*filled += more;
		for (; j < *filled; j++, t++) {
			position[t] = (int32_t)rope_entry(&m->config.rope, j, *filled);
			at[t] = (int32_t)(k[i] + j);
			id[t] = c->token[at[t]];
		}
		len[i] = *filled;
		last[i] = (int32_t)t - 1;
		if (len[i] > p.spans.longest)
			p.spans.longest = len[i];
	}
	q[n] = (int32_t)total;
	op->put(m->dev, d, c->host, (id + total - c->host) * sizeof *d);
	p.spans.q = d + (q - c->host);
	p.spans.k = d + (k - c->host);
	p.spans.len = d + (len - c->host);
	p.spans.n = n;
	for (long i = 0; i < m->config.layers; i++)
		c->layer[i].at = d + (at - c->host);
	if (work_divide(c->work, m, c->adapter, total, 0, 0))
		assert(!"a cache's work holds what it is fed");
	x = model_blocks(m, c->adapter, c->work, &p, d + (id - c->host), c->layer,
	                 d + (last - c->host), n);
	for (int i = 0; i < n; i += HEAD_ROWS) {
		int rows = n - i < HEAD_ROWS ? n - i : HEAD_ROWS;
		struct mat y = model_head(m, c->adapter, c->work, row_range(x, i, rows));

		op->get(m->dev, logits + i * vocab, y.p, rows * vocab * sizeof *logits);
	}
}

void model_next(struct cache *c, const int32_t *token, const int32_t *start, const int *slot, int n,
                float *logits)
{
	for (int from = 0, to; from < n; from = to) {
		long total = 0;

		for (to = from; to < n; to++) {
			long next = due(c, slot[to], start[to + 1] - start[to]);

			if (to > from && total + next > c->room)
				break;
			total += next;
		}
		feed(c, token, start + from, slot + from, to - from, total,
		     logits + (long)from * c->model->config.vocab);
	}
}
