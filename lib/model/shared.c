/* shared.c - the first tokens that all rows of a pass have in common, a system prompt
 * say, are computed once, forwards: rows after the first begin behind them, and find
 * their keys and values, the first row's, copied before their own.
 */
#include "model_in.h"

#include <stdlib.h>

#include "../base/die.h"

struct shared { struct cache_layer *layer; int32_t *ints; void *kv; long room; };

long shared_tokens(const struct model *m, const struct batch *b, int from, int n)
{
	struct tokens_row a = tokens_row(b->data, b->row[from]);
	long most = n > 1 && !m->config.rope.original ? a.n - 1 : 0;   /* angles that know a row's length */

	for (int i = from; i < from + n && most; i++) {
		struct tokens_row r = tokens_row(b->data, b->row[i]);
		long j = 0;

		while (j < most && j < r.n - 1 && r.token[j] == a.token[j] && !r.train[j + 1])
			j++;
		most = j;
	}
	return most;
}

struct cache_layer *shared_place(struct model *m, const int32_t *from, long keys, const int32_t *k, long rows,
                                 struct spans *spans)
{
	const struct ops *op = m->dev->op;
	long layers = m->config.layers, wide = m->config.qkv - m->config.k_at;
	struct shared *s;

	if (!m->shared || m->shared->room < keys) {
		shared_close(m);
		m->shared = s = xzalloc(1, sizeof *s);
		s->room = keys > m->pass ? keys : m->pass;
		s->layer = xzalloc(layers, sizeof *s->layer);
		s->kv = op->alloc(m->dev, s->room * wide * dtype_size(m->type));
		s->ints = op->alloc(m->dev, 2 * s->room * sizeof *s->ints);
	}
	s = m->shared;
	op->put(m->dev, s->ints, from, keys * sizeof *from);
	op->put(m->dev, s->ints + s->room, k, rows * sizeof *k);
	spans->k = s->ints + s->room;
	for (long i = 0; i < layers; i++)
		s->layer[i] = (struct cache_layer){.kv = mat_of(s->kv, m->type, keys, wide), .from = s->ints};
	return s->layer;
}

void shared_close(struct model *m)
{
	struct shared *s = m->shared;

	if (!s)
		return;
	m->dev->op->free(m->dev, s->kv);
	m->dev->op->free(m->dev, s->ints);
	free(s->layer);
	free(s);
	m->shared = NULL;
}
