/* SPDX-License-Identifier: MIT */
/* work.c - the device memory that a pass works in: one piece, divided anew for
 * every pass, and measured by the same division without memory behind it.
 *
 * Backwards, every block's input stays; as many blocks as there is room for
 * keep their activations too, and the rest, the lower ones, share one place and
 * are computed again on the way back.
 */
#include "model_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

/* The next bytes of the piece; NULL while it is only measured. */
static void *own(struct work *w, size_t bytes)
{
	void *p = w->base ? w->base + w->used : NULL;

	bytes = (bytes + 63) / 64 * 64;
	w->used += bytes;
	w->by[w->kind] += bytes;
	assert(!w->base || w->used <= w->size);
	return p;
}

static struct mat room(struct work *w, enum dtype type, long rows, long cols)
{
	size_t bytes = (size_t)rows * cols * dtype_size(type);

	return mat_of(bytes ? own(w, bytes) : NULL, type, rows, cols);
}

static void adapter_ranks(const struct adapter *a, long ranks[SITES])
{
	for (int s = 0; s < SITES; s++)
		ranks[s] = a ? a->site[0][s].ranks : 0;
}

static void room_for_block(struct work *w, const struct model *m, struct kept *k)
{
	const struct config *c = &m->config;
	long t = w->tokens, o = (long)c->heads.q * c->heads.dim, in, up;

	config_site(c, UP, &in, &up);
	k->n1 = room(w, m->type, t, c->dim);
	k->qkv = room(w, m->type, t, c->qkv);
	k->o = room(w, m->type, t, o);
	k->x1 = room(w, DT_F32, t, c->dim);
	k->n2 = room(w, m->type, t, c->dim);
	k->u = room(w, m->type, t, up);
	k->h = room(w, m->type, t, c->ffn);
	for (int s = 0; s < SITES; s++)
		k->t[s] = room(w, m->type, t, w->ranks[s]);
	k->stat1 = own(w, 2 * t * sizeof(float));
	k->stat2 = own(w, 2 * t * sizeof(float));
	k->lse = own(w, t * c->heads.q * sizeof(float));
}

static void room_backwards(struct work *w, const struct model *m)
{
	const struct config *c = &m->config;
	struct scratch *s = &w->scratch;
	long t = w->tokens, widest = 0, in, up;

	config_site(c, UP, &in, &up);
	for (int i = 0; i < SITES; i++)
		widest = w->ranks[i] > widest ? w->ranks[i] : widest;
	s->g = m->type == DT_F32 ? (struct mat){.type = DT_F32} : room(w, m->type, t, c->dim);
	s->dh = room(w, m->type, t, c->ffn);
	s->du = room(w, m->type, t, up);
	s->dn = room(w, DT_F32, t, c->dim);
	s->dn2 = room(w, DT_F32, t, c->dim);
	s->dout = room(w, m->type, t, (long)c->heads.q * c->heads.dim);
	s->dqkv = room(w, m->type, t, c->qkv);
	s->dt = room(w, m->type, t, widest);
	w->dy = room(w, DT_F32, t, c->dim);
	w->kind = WORK_HEAD;
	w->h = room(w, DT_F32, HEAD_ROWS, c->dim);
	w->h2 = room(w, DT_F32, HEAD_ROWS, c->dim);
	w->dh = room(w, DT_F32, HEAD_ROWS, c->dim);
	w->dlogits = m->type == DT_F32 ? w->logits : room(w, m->type, HEAD_ROWS, c->vocab);
	w->kind = WORK_SCRATCH;
}

/* Divides the piece for this many tokens and keys; ranks, dev and arrays are set. */
static void divide(struct work *w, const struct model *m, long tokens, long keys, int kept,
                   int backward)
{
	const struct config *c = &m->config;
	long wide = c->qkv - c->k_at;

	w->tokens = tokens;
	w->kept = kept;
	w->used = 0;
	memset(w->by, 0, sizeof w->by);
	w->kind = WORK_ACTIVATIONS;
	for (int i = 0; i < kept; i++)
		room_for_block(w, m, &w->block[i]);
	w->xs = backward ? c->layers + 1 : 1;
	for (long i = 0; i < w->xs; i++)
		w->x[i] = room(w, DT_F32, tokens, c->dim);
	w->kind = WORK_HEAD;
	w->hn = room(w, m->type, HEAD_ROWS, c->dim);
	w->hstat = own(w, 2 * HEAD_ROWS * sizeof(float));
	w->logits = room(w, DT_F32, HEAD_ROWS, c->vocab);
	w->kind = WORK_SCRATCH;
	w->keys = room(w, m->type, keys, wide);
	if (backward) {
		w->scratch.dkeys = room(w, m->type, keys, wide);
		w->scratch.dsum = room(w, DT_F32, keys ? tokens : 0, wide);
		room_backwards(w, m);
	}
	w->ints = own(w, (6 * tokens + 512 + 2 * keys) * sizeof *w->ints);
	w->floats = own(w, (2 * tokens + 256) * sizeof *w->floats);
}

static struct work *work_new(const struct model *m, const struct adapter *a)
{
	struct work *w = xzalloc(1, sizeof *w);

	w->dev = m->dev;
	w->block = xzalloc(m->config.layers + 1, sizeof *w->block); /* two are measured at least */
	w->x = xzalloc(m->config.layers + 1, sizeof *w->x);
	adapter_ranks(a, w->ranks);
	return w;
}

size_t work_bytes(const struct model *m, const struct adapter *a, long tokens, long keys, int kept,
                  int backward, size_t by[WORK_KINDS])
{
	struct work *w = work_new(m, a);
	size_t bytes;

	divide(w, m, tokens, keys, kept, backward);
	bytes = w->used;
	if (by)
		memcpy(by, w->by, sizeof w->by);
	work_close(w);
	return bytes;
}

int work_keeps(const struct model *m, const struct adapter *a, long tokens, long keys, int backward,
               size_t bytes)
{
	size_t one = work_bytes(m, a, tokens, keys, 1, backward, NULL);
	size_t each = work_bytes(m, a, tokens, keys, 2, backward, NULL) - one;
	long more = bytes < one ? -1 : (long)((bytes - one) / each);

	if (!backward && more > 0)
		return 1;
	return more < m->config.layers - 1 ? (int)(1 + more) : (int)m->config.layers;
}

struct work *work_open(const struct model *m, const struct adapter *a, long tokens, long keys,
                       int backward)
{
	int kept = work_keeps(m, a, tokens, keys, backward, m->room);
	struct work *w = work_new(m, a);

	w->size = work_bytes(m, a, tokens, keys, kept > 1 ? kept : 1, backward, NULL);
	w->base = m->dev->op->alloc(m->dev, w->size);
	return w;
}

int work_divide(struct work *w, const struct model *m, const struct adapter *a, long tokens,
                long keys, int backward)
{
	int kept;

	adapter_ranks(a, w->ranks);
	kept = work_keeps(m, a, tokens, keys, backward, w->size);
	if (!kept)
		return -1;
	divide(w, m, tokens, keys, kept, backward);
	return 0;
}

void work_close(struct work *w)
{
	if (w->base)
		w->dev->op->free(w->dev, w->base);
	free(w->block);
	free(w->x);
	free(w);
}
