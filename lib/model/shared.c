/* shared.c - what rows of a pass begin with in common, a system prompt or a question
 * say, is computed once, forwards: a row begins behind the tokens that it shares with
 * one before it, and finds their keys and values, copied before its own.
 */
#include "model_in.h"

#include <stdlib.h>

#include "../base/die.h"

struct shared { struct cache_layer *layer; int32_t *ints; void *kv; long room; };

/* First tokens of r that a has too, and from which nothing is predicted. */
static long common(struct tokens_row a, struct tokens_row r, int all)
{
	long n = 0;

	while (n < a.n && n < r.n - 1 && a.token[n] == r.token[n] && !(all || r.train[n + 1]))
		n++;
	return n;
}

long shared_tokens(const struct model *m, const struct batch *b, int from, int row, int all, int *with)
{
	struct tokens_row r = tokens_row(b->data, b->row[row]);
	long most = 0;

	for (int i = from; i < row && !m->config.rope.original; i++) {  /* angles that know a row's length */
		long n = common(tokens_row(b->data, b->row[i]), r, all);

		if (n > most) {
			most = n;
			*with = i - from;
		}
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
