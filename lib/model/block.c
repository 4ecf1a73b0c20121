/* SPDX-License-Identifier: MIT */
/* block.c - one transformer block, forwards and backwards.
 *
 *   a  = pre_attn(x)                      n = pre_mlp(x1), of x where the block is parallel
 *   x1 = x + r post_attn(out(attn(qkv(a))))
 *   y  = x1 + r post_mlp(down(act(up(n))))
 *
 * A norm that the family lacks is the identity; r is 1 but for Granite.  Queries and keys may
 * have norms of their own, before they rotate.  Every matrix of the model is applied by
 * linear(), and there alone LoRA's pairs are added:
 *
 *   y = x w' + bias + scale ((x a') b' + the pair's own bias)
 *
 * The block's own tensors may be trained too: then theta->grad says where their gradients go.
 */
#include "block.h"

#include "../base/num.h"

static const struct lora_site *pairs_of(const struct block *b, enum site s)
{
	const struct params *a = b->theta;

	return a && a->site && a->site[b->layer][s].n ? &a->site[b->layer][s] : NULL;
}

/* Where the gradients of the block's own tensors go; no tensors where those are frozen. */
static const struct layer *gradients_of(const struct block *b)
{
	static const struct layer frozen;

	return b->theta && b->theta->grad ? &b->theta->grad->layer[b->layer] : &frozen;
}

/* Does m lie right behind the matrix `of`? */
static int is_behind(struct mat m, struct mat of)
{
	return m.type == of.type && m.p == (char *)of.p + of.rows * of.ld * dtype_size(of.type);
}

static int follows(const struct linear_part *p, const struct linear_part *of)
{
	return p->first == of->first + of->w.rows && is_behind(p->w, of->w) &&
	       (of->bias.p ? is_behind(p->bias, of->bias) : !p->bias.p);
}

/* The part with its matrix where products find it: for one that is as the file has it, in the room
 * for decoded ones, of which `used` bytes are taken. */
static struct linear_part placed(const struct block *b, struct linear_part p, size_t *used)
{
	if (!p.order)
		return p;
	p.w = mat_of((char *)b->decoded.p + *used, b->decoded.type, p.w.rows, p.w.cols);
	*used += size_round_up(p.w.rows * p.w.cols * dtype_size(p.w.type), MAT_ALIGN);
	return p;
}

static void decode(const struct block *b, struct mat w, const struct linear_part *p)
{
	if (p->order)
		b->dev->op->gather(b->dev, w, p->w, p->order, 1);
}

/* Part *i of the layer and those after it whose tensors lie behind its own, as one, since one
 * large product is faster than some small ones; *i becomes the part after these.  What is decoded
 * holds until the next call. */
static struct linear_part parts_from(const struct block *b, const struct linear *l, int *i)
{
	size_t used = 0;
	struct linear_part all = placed(b, l->part[*i], &used);

	decode(b, all.w, &l->part[*i]);
	while (++*i < l->n) {
		struct linear_part p = placed(b, l->part[*i], &used);

		if (!follows(&p, &all))
			break;
		decode(b, p.w, &l->part[*i]);
		all.w.rows += p.w.rows;
		all.bias.cols += p.bias.cols;
		all.bias.ld = all.bias.cols;
	}
	return all;
}

/* c = base + alpha a w', or without base */
static void product(struct dev *d, struct mat c, struct mat base, struct mat a, struct mat w,
                    float alpha)
{
	if (base.p && base.p != c.p)
		d->op->gemm_add(d, c, base, a, 0, w, 1, alpha);
	else
		d->op->gemm(d, c, a, 0, w, 1, alpha, base.p ? 1 : 0);
}

/* y = base + r (the layer of x), where base.p is not NULL; t = r x a' is kept for the way back. */
static void linear(const struct block *b, enum site s, struct mat y, struct mat base, struct mat x,
                   float r)
{
	struct dev *d = b->dev;
	const struct linear *l = &b->at->at[s];
	const struct lora_site *pairs = pairs_of(b, s);
	struct mat t;

	for (int i = 0; i < l->n;) {
		struct linear_part p = parts_from(b, l, &i);
		struct mat part = columns(y, p.first, p.w.rows);

		product(d, part, base.p ? columns(base, p.first, p.w.rows) : base, x, p.w, r);
		if (p.bias.p)
			d->op->bias(d, part, p.bias, r);
	}
	if (!pairs)
		return;
	t = columns(b->kept.t[s], 0, pairs->ranks);
	d->op->gemm(d, t, x, 0, pairs->a, 1, r, 0);
	for (int i = 0; i < pairs->n; i++) {
		const struct lora *p = &pairs->pair[i];
		struct mat part = columns(y, p->first, p->cols);

		d->op->gemm(d, part, columns(t, p->at, p->rank), 0, p->b, 1, p->scale, 1);
		if (p->bias.p)
			d->op->bias(d, part, p->bias, r * p->scale);
	}
}

/* dw += r dy' x, dbias += r sum dy, where they are trained */
static void weights_back(const struct block *b, struct mat dy, struct mat x,
                         const struct linear *grad, float r)
{
	struct dev *d = b->dev;

	for (int i = 0; i < grad->n;) {
		struct linear_part g = parts_from(b, grad, &i);
		struct mat part = columns(dy, g.first, g.w.rows);

		d->op->gemm(d, g.w, part, 1, x, 0, r, 1);
		if (g.bias.p)
			d->op->bias_back(d, g.bias, part, r);
	}
}

/* With dt = r scale dy b:  db += scale dy' t;  da += dt' x;  dx = beta dx + r dy w + dt a, where
 * dx.p. */
static void linear_back(const struct block *b, enum site s, struct mat dx, struct mat dy,
                        struct mat x, struct mat dt, float r, float beta)
{
	struct dev *d = b->dev;
	const struct linear *l = &b->at->at[s];
	const struct lora_site *pairs = pairs_of(b, s);

	for (int i = 0; i < l->n && dx.p; beta = 1) {
		struct linear_part p = parts_from(b, l, &i);

		d->op->gemm(d, dx, columns(dy, p.first, p.w.rows), 0, p.w, 0, r, beta);
	}
	weights_back(b, dy, x, &gradients_of(b)->at[s], r);
	if (!pairs)
		return;
	dt = columns(dt, 0, pairs->ranks);
	for (int i = 0; i < pairs->n; i++) {
		const struct lora *p = &pairs->pair[i];
		struct mat part = columns(dy, p->first, p->cols);

		d->op->gemm(d, p->db, part, 1, columns(b->kept.t[s], p->at, p->rank), 0, p->scale,
		            1);
		d->op->gemm(d, columns(dt, p->at, p->rank), part, 0, p->b, 0, r * p->scale, 0);
		if (p->dbias.p)
			d->op->bias_back(d, p->dbias, part, r * p->scale);
	}
	d->op->gemm(d, pairs->da, dt, 1, x, 0, 1, 1);
	if (dx.p)
		d->op->gemm(d, dx, dt, 0, pairs->a, 0, 1, 1);
}

static int has_norm(const struct block *b, enum norm_role role)
{
	return b->at->norm[role].gain.p != NULL;
}

/* y = (or += where add) the norm in this role of x; where there is none, y = x */
static void norm(const struct block *b, enum norm_role role, struct mat y, struct mat x, int add)
{
	const struct gains *g = &b->at->norm[role];
	long cols;

	if (has_norm(b, role))
		b->dev->op->norm(b->dev, y, b->kept.stat[role], x, g->gain, g->bias,
		                 config_norm(b->config, role, &cols), add);
	else
		b->dev->op->copy(b->dev, y, x);
}

/* dx = (or += where add) the gradient of a norm that is there, and half the same in BF16 */
static void norm_back(const struct block *b, enum norm_role role, struct mat dx, struct mat half,
                      struct mat dy, struct mat x, int add)
{
	const struct gains *g = &gradients_of(b)->norm[role];
	long cols;

	b->dev->op->norm_back(b->dev, dx, half, g->gain, g->bias, dy, x, b->at->norm[role].gain,
	                      b->kept.stat[role], config_norm(b->config, role, &cols), add);
}

/* dy += the gradient of a norm before attention or MLP; it is rounded for what comes next. */
static void add_norm_back(const struct block *b, enum norm_role role, struct mat dy, struct mat dn,
                          struct mat x, struct scratch *s)
{
	const struct mat none = {0};

	s->rounded =
		s->g.type != dy.type && !has_norm(b, NORM_POST_ATTN) && !has_norm(b, NORM_POST_MLP);
	norm_back(b, role, dy, s->rounded ? s->g : none, dn, x, 1);
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

/* v, with keys and values within kv, which is as wide as those columns. */
static struct views with_kv(const struct config *c, struct views v, struct mat kv)
{
	v.k = columns(kv, 0, v.k.cols);
	v.v = columns(kv, c->v_at - c->k_at, v.v.cols);
	return v;
}

/* Turns queries and keys: at once, where key heads follow the query heads as these each other. */
static void rotate(const struct block *b, struct views v, int sign)
{
	const struct config *c = b->config;
	const struct heads *h = &c->heads;
	const float *table = b->pass->table[c->ropes > 1 && c->local[b->layer]];
	const int32_t *position = b->pass->position;
	int together = h->q_stride == h->kv_stride && c->k_at == h->q * h->q_stride;

	if (together)
		v.q.cols = c->k_at + v.k.cols;
	b->dev->op->rope(b->dev, v.q, h->q + (together ? h->kv : 0), h->q_stride, c->rotary,
	                 position, table, sign);
	if (!together)
		b->dev->op->rope(b->dev, v.k, h->kv, h->kv_stride, c->rotary, position, table,
		                 sign);
}

/* Sets kept.o from x. */
static void attention(const struct block *b, struct mat x, const struct cache_layer *cache)
{
	const struct ops *op = b->dev->op;
	const struct config *c = b->config;
	const struct kept *k = &b->kept;
	const struct pass *p = b->pass;
	struct views v = views(c, k->qkv), raw = views(c, k->raw);
	const struct mat none = {0};

	norm(b, NORM_PRE_ATTN, k->n1, x, 0);
	linear(b, SITE_QKV, k->qkv, none, k->n1, 1);
	if (has_norm(b, NORM_QUERY)) {
		op->copy(b->dev, k->raw, columns(k->qkv, 0, c->v_at));
		norm(b, NORM_QUERY, v.q, raw.q, 0);
		norm(b, NORM_KEY, v.k, raw.k, 0);
	}
	rotate(b, v, 1);
	if (cache) {
		op->scatter(b->dev, cache->kv, kv_columns(c, k->qkv), cache->at);
		v = with_kv(c, v, cache->kv);
	} else if (p->keys.p) {
		op->gather(b->dev, p->keys, kv_columns(c, k->qkv), p->from, 1);
		v = with_kv(c, v, p->keys);
	}
	op->attn(b->dev, k->o, k->lse, v.q, v.k, v.v, p->spans, config_heads(c, b->layer));
}

/* y = x + r (the layer of `in`), by way of the norm after it if there is one, whose input is kept
 * in `out`.  y may be x. */
static void add_branch(const struct block *b, enum site s, enum norm_role after, struct mat y,
                       struct mat x, struct mat in, struct mat out)
{
	const struct mat none = {0};

	if (!has_norm(b, after)) {
		linear(b, s, y, x, in, b->config->residual_scale);
		return;
	}
	linear(b, s, out, none, in, 1);
	if (y.p != x.p)
		b->dev->op->copy(b->dev, y, x);
	norm(b, after, y, out, 1);
}

/* What is kept of the first n rows after attention. */
static struct kept kept_rows(struct kept k, long n)
{
	struct mat *m[] = {&k.attn, &k.mlp,         &k.x1,         &k.n2,          &k.u,
	                   &k.h,    &k.t[SITE_OUT], &k.t[SITE_UP], &k.t[SITE_DOWN]};

	for (size_t i = 0; i < sizeof m / sizeof *m; i++)
		*m[i] = row_range(*m[i], 0, n);
	return k;
}

void block_forward(const struct block *all, struct mat y, struct mat x,
                   const struct cache_layer *cache, const int32_t *only)
{
	struct dev *d = all->dev;
	struct block b = *all;
	struct kept *k = &b.kept;
	const struct mat none = {0};
	struct mat o = k->o;

	b.kept = kept_rows(all->kept, y.rows);
	attention(&b, x, cache);
	if (only) {
		o = mat_of(k->qkv.p, o.type, y.rows, o.cols); /* attention has read it */
		d->op->gather(d, o, k->o, only, 1);
		d->op->gather(d, k->x1, x, only, 1);
		x = k->x1;
	}
	if (b.config->parallel)
		norm(&b, NORM_PRE_MLP, k->n2, x, 0);
	add_branch(&b, SITE_OUT, NORM_POST_ATTN, k->x1, x, o, k->attn);
	if (!b.config->parallel)
		norm(&b, NORM_PRE_MLP, k->n2, k->x1, 0);
	linear(&b, SITE_UP, k->u, none, k->n2, 1);
	d->op->act(d, k->h, k->u, b.config->act);
	add_branch(&b, SITE_DOWN, NORM_POST_MLP, y, k->x1, k->h, k->mlp);
}

/* Sets dqkv from dout.  A key that several rows share has the sum of what each makes of it. */
static void attention_back(const struct block *b, const struct scratch *s)
{
	const struct ops *op = b->dev->op;
	const struct config *c = b->config;
	const struct kept *k = &b->kept;
	const struct pass *p = b->pass;
	const struct mat none = {0};
	struct views v = views(c, k->qkv), raw = views(c, k->raw), dqkv = views(c, s->dqkv), dv;

	dv = dqkv;
	if (p->keys.p) {
		op->gather(b->dev, p->keys, kv_columns(c, k->qkv), p->from, 1);
		v = with_kv(c, v, p->keys);
		dv = with_kv(c, dv, s->dkeys);
		if (c->heads.kv_stride > c->heads.dim) /* queries lie between keys */
			op->zero(b->dev, s->dkeys);
		op->zero(b->dev, kv_columns(c, s->dqkv));
	}
	op->attn_back(b->dev, dv.q, dv.k, dv.v, s->dout, k->o, k->lse, v.q, v.k, v.v, p->spans,
	              config_heads(c, b->layer));
	if (p->keys.p)
		op->scatter_add(b->dev, kv_columns(c, s->dqkv), s->dkeys, p->shared, 1);
	rotate(b, dqkv, -1);
	if (has_norm(b, NORM_QUERY)) {
		norm_back(b, NORM_QUERY, dqkv.q, none, dqkv.q, raw.q, 0);
		norm_back(b, NORM_KEY, dqkv.k, none, dqkv.k, raw.k, 0);
	}
}

/* din = the gradient of add_branch's `in`, from dy, that of x. */
static void branch_back(const struct block *b, enum site s, enum norm_role after, struct mat din,
                        struct mat dy, struct mat in, struct mat out, struct scratch *r)
{
	const struct mat none = {0};
	float scale = b->config->residual_scale;
	struct mat g = r->g;

	if (has_norm(b, after)) {
		norm_back(b, after, g, none, dy, out, 0);
		scale = 1;
	} else if (dy.type == g.type) {
		g = dy;
	} else if (!r->rounded) {
		b->dev->op->copy(b->dev, g, dy);
		r->rounded = 1;
	}
	linear_back(b, s, din, g, in, r->dt, scale, 0);
}

void block_back(const struct block *b, struct mat dy, struct mat x, struct scratch *s, int need_dx)
{
	const struct kept *k = &b->kept;
	const struct mat none = {0};
	int parallel = b->config->parallel;
	int pre_attn = has_norm(b, NORM_PRE_ATTN), pre_mlp = has_norm(b, NORM_PRE_MLP);

	branch_back(b, SITE_DOWN, NORM_POST_MLP, s->dh, dy, k->h, k->mlp, s);
	b->dev->op->act_back(b->dev, s->du, s->dh, k->u, b->config->act);
	linear_back(b, SITE_UP, pre_mlp ? s->dn2 : dy, s->du, k->n2, s->dt, 1, !pre_mlp);
	s->rounded = s->rounded && pre_mlp; /* else dy was added to */
	if (pre_mlp && !parallel)
		add_norm_back(b, NORM_PRE_MLP, dy, s->dn2, k->x1, s);

	branch_back(b, SITE_OUT, NORM_POST_ATTN, s->dout, dy, k->o, k->attn, s);
	attention_back(b, s);
	linear_back(b, SITE_QKV,
	            !need_dx   ? none
	            : pre_attn ? s->dn
	                       : dy,
	            s->dqkv, k->n1, s->dt, 1, !pre_attn);
	s->rounded = s->rounded && pre_attn;
	if (!need_dx)
		return;
	if (pre_attn)
		add_norm_back(b, NORM_PRE_ATTN, dy, s->dn, x, s);
	if (pre_mlp && parallel)
		add_norm_back(b, NORM_PRE_MLP, dy, s->dn2, x, s);
}
