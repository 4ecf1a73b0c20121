/* SPDX-License-Identifier: MIT */
/* block.c - one transformer block, forwards and backwards.
 *
 *   sequential (Llama):  x1 = x + out(attn(qkv(norm1 x)))    y = x1 + down(act(up(norm2 x1)))
 *   parallel (NeoX):     y  = x + out(attn(qkv(norm1 x)))       +     down(act(up(norm2 x)))
 *
 * Every matrix of the model is applied by linear(), and there alone is the
 * adapter added:  y = x w' + bias + scale (x a') b'.  The layer's own tensors may be
 * trained too: then theta says where their gradients go.
 */
#include "block.h"

/* y = beta y + the layer of x; t = scale x a' is kept for the way back */
static void linear(struct dev *d, struct mat y, struct mat x, const struct linear *l,
                   struct theta th, enum site s, struct mat t, float beta)
{
	const struct lora_site *a = th.site ? &th.site[s] : NULL;

	for (int i = 0; i < l->n; i++) {
		const struct linear_part *p = &l->part[i];
		struct mat part = columns(y, p->first, p->w.rows);

		d->op->gemm(d, part, x, 0, p->w, 1, 1, beta);
		if (p->bias.p)
			d->op->bias(d, part, p->bias, 1);
	}
	if (!a || !a->n)
		return;
	t = columns(t, 0, a->ranks);
	d->op->gemm(d, t, x, 0, a->a, 1, th.scale, 0);
	for (int i = 0; i < a->n; i++) {
		const struct lora *r = &a->pair[i];

		d->op->gemm(d, columns(y, r->first, r->cols), columns(t, r->at, r->rank), 0, r->b,
		            1, 1, 1);
	}
}

/* dw += dy' x, dbias += sum dy, where they are trained */
static void weights_back(struct dev *d, struct mat dy, struct mat x, const struct linear *grad)
{
	for (int i = 0; i < grad->n; i++) {
		const struct linear_part *g = &grad->part[i];
		struct mat part = columns(dy, g->first, g->w.rows);

		d->op->gemm(d, g->w, part, 1, x, 0, 1, 1);
		if (g->bias.p)
			d->op->bias_back(d, g->bias, part, 1);
	}
}

/* with dt = scale dy b:  dx = dy w + dt a where dx.p;  db += dy' t;  da += dt' x */
static void linear_back(struct dev *d, struct mat dx, struct mat dy, struct mat x,
                        const struct linear *l, struct theta th, enum site s, struct mat t,
                        struct mat dt)
{
	const struct lora_site *a = th.site ? &th.site[s] : NULL;

	for (int i = 0; i < l->n && dx.p; i++) {
		const struct linear_part *p = &l->part[i];

		d->op->gemm(d, dx, columns(dy, p->first, p->w.rows), 0, p->w, 0, 1, i > 0);
	}
	if (th.grad)
		weights_back(d, dy, x, &th.grad->at[s]);
	if (!a || !a->n)
		return;
	dt = columns(dt, 0, a->ranks);
	for (int i = 0; i < a->n; i++) {
		const struct lora *r = &a->pair[i];
		struct mat part = columns(dy, r->first, r->cols);

		d->op->gemm(d, r->db, part, 1, columns(t, r->at, r->rank), 0, 1, 1);
		d->op->gemm(d, columns(dt, r->at, r->rank), part, 0, r->b, 0, th.scale, 0);
	}
	d->op->gemm(d, a->da, dt, 1, x, 0, 1, 1);
	if (dx.p)
		d->op->gemm(d, dx, dt, 0, a->a, 0, 1, 1);
}

struct views {
	struct mat q, k, v;
};

/* The queries, keys and values within the qkv activation or its gradient. */
static struct views views(const struct config *c, struct mat qkv)
{
	const struct heads *h = &c->heads;
	long q = (h->q - 1) * h->q_stride + h->dim, kv = (h->kv - 1) * h->kv_stride + h->dim;

	return (struct views){columns(qkv, 0, q), columns(qkv, c->k_at, kv),
	                      columns(qkv, c->v_at, kv)};
}

/* The columns of qkv from the first key or value on. */
static struct mat kv_columns(const struct config *c, struct mat qkv)
{
	return columns(qkv, c->k_at, c->qkv - c->k_at);
}

/* v, with keys and values within kv, as wide as those columns */
static struct views with_kv(const struct config *c, struct views v, struct mat kv)
{
	v.k = columns(kv, 0, v.k.cols);
	v.v = columns(kv, c->v_at - c->k_at, v.v.cols);
	return v;
}

static void rotate(struct dev *d, const struct config *c, const struct pack *p, struct views v,
                   int sign)
{
	const struct heads *h = &c->heads;

	d->op->rope(d, v.q, h->q, h->q_stride, c->rotary, p->position, p->table, sign);
	d->op->rope(d, v.k, h->kv, h->kv_stride, c->rotary, p->position, p->table, sign);
}

/* What it keeps of the first n rows after attention. */
static struct kept kept_rows(struct kept k, long n)
{
	struct mat *m[] = {&k.x1, &k.n2, &k.u, &k.h, &k.t[OUT], &k.t[UP], &k.t[DOWN]};

	for (size_t i = 0; i < sizeof m / sizeof *m; i++)
		*m[i] = row_range(*m[i], 0, n);
	return k;
}

void block_forward(struct dev *d, const struct config *c, const struct layer *l, struct theta th,
                   const struct pack *p, struct mat y, struct mat x, const struct kept *all,
                   const struct cache_layer *cache, const int32_t *only)
{
	const struct ops *op = d->op;
	struct norm norm = config_norm(c);
	struct kept s = kept_rows(*all, y.rows);
	struct views v = views(c, s.qkv);
	struct mat o = s.o;

	op->norm(d, s.n1, s.stat1, x, l->gain1, l->bias1, norm, 0);
	linear(d, s.qkv, s.n1, &l->at[QKV], th, QKV, s.t[QKV], 0);
	rotate(d, c, p, v, 1);
	if (cache) {
		op->scatter(d, cache->kv, kv_columns(c, s.qkv), cache->at);
		v = with_kv(c, v, cache->kv);
	} else if (p->keys.p) {
		op->gather(d, p->keys, kv_columns(c, s.qkv), p->from, 1);
		v = with_kv(c, v, p->keys);
	}
	op->attn(d, s.o, s.lse, v.q, v.k, v.v, p->spans, c->heads);
	if (only) {
		o = mat_of(s.qkv.p, o.type, y.rows, o.cols); /* attention has read it */
		op->gather(d, o, s.o, only, 1);
		op->gather(d, s.x1, x, only, 1);
	} else if (s.x1.p != x.p)
		op->copy(d, s.x1, x);
	if (c->parallel)
		op->norm(d, s.n2, s.stat2, s.x1, l->gain2, l->bias2, norm, 0);
	linear(d, s.x1, o, &l->at[OUT], th, OUT, s.t[OUT], 1);
	if (!c->parallel)
		op->norm(d, s.n2, s.stat2, s.x1, l->gain2, l->bias2, norm, 0);

	linear(d, s.u, s.n2, &l->at[UP], th, UP, s.t[UP], 0);
	op->act(d, s.h, s.u, c->act);
	if (y.p != s.x1.p)
		op->copy(d, y, s.x1);
	linear(d, y, s.h, &l->at[DOWN], th, DOWN, s.t[DOWN], 1);
}

/* x in the compute type */
static struct mat cast(struct dev *d, struct mat into, struct mat x)
{
	if (into.type == x.type)
		return x;
	d->op->copy(d, into, x);
	return into;
}

/* dqkv from dout.  A key that several rows share has the sum of what each makes of it. */
static void attn_back(struct dev *d, const struct config *c, const struct pack *p,
                      const struct kept *k, const struct scratch *s)
{
	const struct ops *op = d->op;
	struct views v = views(c, k->qkv), dv = views(c, s->dqkv);

	if (p->keys.p) {
		op->gather(d, p->keys, kv_columns(c, k->qkv), p->from, 1);
		v = with_kv(c, v, p->keys);
		dv = with_kv(c, dv, s->dkeys);
		op->zero(d, s->dkeys);
		op->zero(d, s->dqkv);
	}
	op->attn_back(d, dv.q, dv.k, dv.v, s->dout, k->o, k->lse, v.q, v.k, v.v, p->spans,
	              c->heads);
	if (p->keys.p) { /* dq may lie among these columns: it is kept */
		op->copy(d, s->dsum, kv_columns(c, s->dqkv));
		op->scatter_add(d, s->dsum, s->dkeys, p->from, 1);
		op->copy(d, kv_columns(c, s->dqkv), s->dsum);
	}
	rotate(d, c, p, views(c, s->dqkv), -1);
}

void block_back(struct dev *d, const struct config *c, const struct layer *l, struct theta th,
                const struct pack *p, struct mat dy, struct mat x, const struct kept *k,
                struct scratch *s, int need_dx)
{
	const struct ops *op = d->op;
	static const struct layer frozen;
	const struct layer *g = th.grad ? th.grad : &frozen;
	const struct mat none = {0};
	struct norm norm = config_norm(c);

	linear_back(d, s->dh, cast(d, s->g, dy), k->h, &l->at[DOWN], th, DOWN, k->t[DOWN], s->dt);
	op->act_back(d, s->du, s->dh, k->u, c->act);
	linear_back(d, s->dn2, s->du, k->n2, &l->at[UP], th, UP, k->t[UP], s->dt);
	if (!c->parallel)
		op->norm_back(d, dy, g->gain2, g->bias2, s->dn2, k->x1, l->gain2, k->stat2, norm,
		              1);

	linear_back(d, s->dout, cast(d, s->g, dy), k->o, &l->at[OUT], th, OUT, k->t[OUT], s->dt);
	attn_back(d, c, p, k, s);
	linear_back(d, need_dx ? s->dn : none, s->dqkv, k->n1, &l->at[QKV], th, QKV, k->t[QKV],
	            s->dt);
	if (!need_dx)
		return;
	op->norm_back(d, dy, g->gain1, g->bias1, s->dn, x, l->gain1, k->stat1, norm, 1);
	if (c->parallel)
		op->norm_back(d, dy, g->gain2, g->bias2, s->dn2, x, l->gain2, k->stat2, norm, 1);
}
