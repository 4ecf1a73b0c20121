/* work.c - the device memory that a pass works in, planned once.
 *
 * Backwards, every block's input stays; as many blocks as model->keep allows
 * keep their activations too, and the rest, the lower ones, share one place and
 * are computed again on the way back.
 */
#include "model_in.h"

#include <stdlib.h>
#include <string.h>

#include "../base/die.h"

static void *own(struct work *w, size_t bytes)
{
	void *p = w->dev->op->alloc(w->dev, bytes);

	w->owned = xrealloc(w->owned, (w->n_owned + 1) * sizeof *w->owned);
	w->owned[w->n_owned++] = p;
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

/* Bytes a token that a kept block holds. */
static size_t kept_bytes(const struct model *m, const long ranks[SITES])
{
	const struct config *c = &m->config;
	long in, out, n = 2 * c->dim + c->qkv + (long)c->heads.q * c->heads.dim + c->ffn;

	config_site(c, UP, &in, &out);
	n += out;
	for (int s = 0; s < SITES; s++)
		n += ranks[s];
	return n * dtype_size(m->type) + (c->dim + 4 + c->heads.q) * sizeof(float);
}

static void room_for_block(struct work *w, const struct model *m, struct kept *k)
{
	const struct config *c = &m->config;
	long t = w->tokens, o = (long)c->heads.q * c->heads.dim, in, up;

	config_site(c, UP, &in, &up);
	k->n1 = room(w, m->type, t, c->dim);
	k->qkv = room(w, m->type, t, c->qkv);
	k->o = room(w, m->type, t, o);
	k->x1 = room(w, F32, t, c->dim);
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
	s->g = m->type == F32 ? (struct mat){.type = F32} : room(w, m->type, t, c->dim);
	s->dh = room(w, m->type, t, c->ffn);
	s->du = room(w, m->type, t, up);
	s->dn = room(w, F32, t, c->dim);
	s->dn2 = room(w, F32, t, c->dim);
	s->dout = room(w, m->type, t, (long)c->heads.q * c->heads.dim);
	s->dqkv = room(w, m->type, t, c->qkv);
	s->dt = room(w, m->type, t, widest);
	w->dy = room(w, F32, t, c->dim);
	w->h2 = room(w, F32, HEAD_ROWS, c->dim);
	w->dh = room(w, F32, HEAD_ROWS, c->dim);
	w->dlogits = m->type == F32 ? w->logits : room(w, m->type, HEAD_ROWS, c->vocab);
}

struct work *work_open(struct model *m, const struct adapter *a, long tokens, int backward)
{
	const struct config *c = &m->config;
	struct work *w = xzalloc(1, sizeof *w);
	size_t each;

	w->dev = m->dev;
	w->tokens = tokens;
	w->backward = backward;
	adapter_ranks(a, w->ranks);
	each = kept_bytes(m, w->ranks) * tokens;
	w->kept = !backward ? 1 : m->keep / each < (size_t)c->layers ? (int)(m->keep / each) : (int)c->layers;
	if (w->kept < 1)
		w->kept = 1;
	w->block = xzalloc(w->kept, sizeof *w->block);
	for (int i = 0; i < w->kept; i++)
		room_for_block(w, m, &w->block[i]);
	w->xs = backward ? c->layers + 1 : 1;
	w->x = xzalloc(w->xs, sizeof *w->x);
	for (long i = 0; i < w->xs; i++)
		w->x[i] = room(w, F32, tokens, c->dim);
	w->h = room(w, F32, HEAD_ROWS, c->dim);
	w->hn = room(w, m->type, HEAD_ROWS, c->dim);
	w->hstat = own(w, 2 * HEAD_ROWS * sizeof(float));
	w->logits = room(w, F32, HEAD_ROWS, c->vocab);
	if (backward)
		room_backwards(w, m);
	w->ints = own(w, (6 * tokens + 512) * sizeof *w->ints);
	w->floats = own(w, (2 * tokens + 256) * sizeof *w->floats);
	return w;
}

void work_rows(struct work *w, long n)
{
	struct scratch *s = &w->scratch;

	for (int i = 0; i < w->kept; i++) {
		struct kept *k = &w->block[i];

		k->n1.rows = k->qkv.rows = k->o.rows = k->x1.rows = k->n2.rows = k->u.rows = k->h.rows = n;
		for (int t = 0; t < SITES; t++)
			k->t[t].rows = n;
	}
	s->g.rows = s->dh.rows = s->du.rows = s->dn.rows = s->dn2.rows = n;
	s->dout.rows = s->dqkv.rows = s->dt.rows = w->dy.rows = n;
	for (long i = 0; i < w->xs; i++)
		w->x[i].rows = n;
}

int work_fits(const struct work *w, const struct adapter *a, long tokens, int backward)
{
	long ranks[SITES];

	adapter_ranks(a, ranks);
	if (w->tokens < tokens || (backward && !w->backward))
		return 0;
	for (int s = 0; s < SITES; s++)
		if (ranks[s] > w->ranks[s])
			return 0;
	return 1;
}

void work_close(struct work *w)
{
	for (int i = 0; i < w->n_owned; i++)
		w->dev->op->free(w->dev, w->owned[i]);
	free(w->owned);
	free(w->block);
	free(w->x);
	free(w);
}
