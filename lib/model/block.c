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
 *
 * But in attention no row needs another one.  So the way is made of stretches (before_attention,
 * after_attention, and on the way back down_back, up_back, qkv_back), each a function of some of
 * the rows: the device takes them through it all at once or some at a time.
 */
#include "block_in.h"

/* Rows first..first+n-1 of the block, computed on `part`. */
static struct block rows_of(const struct block *all, struct dev *part, long first, long n)
{
	struct block b = *all;
	struct kept *k = &b.kept;
	struct mat *m[] = {&k->n1,  &k->raw, &k->qkv, &k->o, &k->attn,
	                   &k->mlp, &k->x1,  &k->n2,  &k->u, &k->h};
	long cols;

	b.dev = part;
	b.first = first;
	for (size_t i = 0; i < sizeof m / sizeof *m; i++)
		*m[i] = row_range(*m[i], first, n);
	for (int i = 0; i < SITES; i++)
		k->t[i] = row_range(k->t[i], first, n);
	for (int r = 0; r < NORM_ROLES; r++)
		k->stat[r] += 2 * first * config_norm(b.config, r, &cols).heads;
	return b;
}

static struct scratch scratch_rows(const struct scratch *all, long first, long n)
{
	struct scratch s = *all;
	struct mat *m[] = {&s.g, &s.dh, &s.du, &s.dn, &s.dn2, &s.dout, &s.dqkv};

	for (size_t i = 0; i < sizeof m / sizeof *m; i++)
		*m[i] = row_range(*m[i], first, n);
	for (int i = 0; i < SITES; i++)
		s.dt[i] = row_range(s.dt[i], first, n);
	return s;
}

typedef void stretch(struct dev *part, long first, long n, void *with);

/* A stretch of the way in which no row needs another one. */
static void by_rows(const struct block *b, long rows, stretch *f, void *with)
{
	if (b->decoded.cols) /* there is room for one product's matrices */
		f(b->dev, 0, rows, with);
	else
		b->dev->op->by_rows(b->dev, rows, f, with);
}

/* The same on the way back, where norms add to their gains' gradients, if these are trained. */
static void by_rows_back(const struct block *b, long rows, stretch *f, void *with)
{
	if (b->theta && b->theta->grad)
		f(b->dev, 0, rows, with);
	else
		by_rows(b, rows, f, with);
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
	const struct gains *g = &block_gradients(b)->norm[role];
	long cols;

	b->dev->op->norm_back(b->dev, dx, half, g->gain, g->bias, dy, x, b->at->norm[role].gain,
	                      b->kept.stat[role], config_norm(b->config, role, &cols), add);
}

/* Whether add_norm_back leaves dy rounded in s->g. */
static int rounds(const struct block *b, struct mat dy, const struct scratch *s)
{
	return s->g.type != dy.type && !has_norm(b, NORM_POST_ATTN) && !has_norm(b, NORM_POST_MLP);
}

/* dy += the gradient of a norm before attention or MLP; it is rounded for what comes next. */
static void add_norm_back(const struct block *b, enum norm_role role, struct mat dy, struct mat dn,
                          struct mat x, struct scratch *s)
{
	const struct mat none = {0};

	s->rounded = rounds(b, dy, s);
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
	const int32_t *position = b->pass->position + b->first;
	int together = h->q_stride == h->kv_stride && c->k_at == h->q * h->q_stride;

	if (together)
		v.q.cols = c->k_at + v.k.cols;
	b->dev->op->rope(b->dev, v.q, h->q + (together ? h->kv : 0), h->q_stride, c->rotary,
	                 position, table, sign);
	if (!together)
		b->dev->op->rope(b->dev, v.k, h->kv, h->kv_stride, c->rotary, position, table,
		                 sign);
}

/* A way forwards: y = block(x). */
struct forth {
	const struct block *block;
	struct mat y, x, o; /* o: attention's heads, of y's rows */
};

/* From x to queries, keys and values. */
static void before_attention(struct dev *part, long first, long n, void *with)
{
	const struct forth *f = with;
	struct block b = rows_of(f->block, part, first, n);
	const struct config *c = b.config;
	const struct kept *k = &b.kept;
	struct views v = views(c, k->qkv), raw = views(c, k->raw);
	const struct mat none = {0};

	norm(&b, NORM_PRE_ATTN, k->n1, row_range(f->x, first, n), 0);
	linear(&b, SITE_QKV, k->qkv, none, k->n1, 1);
	if (has_norm(&b, NORM_QUERY)) {
		part->op->copy(part, k->raw, columns(k->qkv, 0, c->v_at));
		norm(&b, NORM_QUERY, v.q, raw.q, 0);
		norm(&b, NORM_KEY, v.k, raw.k, 0);
	}
	rotate(&b, v, 1);
}

/* Sets kept.o from kept.qkv. */
static void attention(const struct block *b, const struct cache_layer *cache)
{
	const struct ops *op = b->dev->op;
	const struct config *c = b->config;
	const struct kept *k = &b->kept;
	const struct pass *p = b->pass;
	struct views v = views(c, k->qkv);

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

/* From attention's heads to y. */
static void after_attention(struct dev *part, long first, long n, void *with)
{
	const struct forth *f = with;
	struct block b = rows_of(f->block, part, first, n);
	const struct kept *k = &b.kept;
	struct mat x = row_range(f->x, first, n), y = row_range(f->y, first, n);
	const struct mat none = {0};

	if (b.config->parallel)
		norm(&b, NORM_PRE_MLP, k->n2, x, 0);
	add_branch(&b, SITE_OUT, NORM_POST_ATTN, k->x1, x, row_range(f->o, first, n), k->attn);
	if (!b.config->parallel)
		norm(&b, NORM_PRE_MLP, k->n2, k->x1, 0);
	linear(&b, SITE_UP, k->u, none, k->n2, 1);
	part->op->act(part, k->h, k->u, b.config->act);
	add_branch(&b, SITE_DOWN, NORM_POST_MLP, y, k->x1, k->h, k->mlp);
}

void block_forward(const struct block *b, struct mat y, struct mat x,
                   const struct cache_layer *cache, const int32_t *only)
{
	const struct ops *op = b->dev->op;
	const struct kept *k = &b->kept;
	struct forth f = {b, y, x, k->o};

	by_rows(b, x.rows, before_attention, &f);
	attention(b, cache);
	if (only) {
		f.o = mat_of(k->qkv.p, k->o.type, y.rows, k->o.cols); /* attention has read it */
		f.x = row_range(k->x1, 0, y.rows);
		op->gather(b->dev, f.o, k->o, only, 1);
		op->gather(b->dev, f.x, x, only, 1);
	}
	by_rows(b, y.rows, after_attention, &f);
}

/* Sets dqkv, still rotated, from dout.  A key that several rows share has the sum of what each
 * makes of it. */
static void attention_back(const struct block *b, const struct scratch *s)
{
	const struct ops *op = b->dev->op;
	const struct config *c = b->config;
	const struct kept *k = &b->kept;
	const struct pass *p = b->pass;
	struct views v = views(c, k->qkv), dv = views(c, s->dqkv);

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
}

/* A way back: dy becomes dx. */
struct back {
	const struct block *block;
	struct mat dy, x;
	const struct scratch *s;
	int need_dx;
};

/* The gradient of add_branch's layer: where a norm follows, or dy is to be rounded, that is in
 * scratch. */
static struct mat branch_gradient(const struct block *b, enum norm_role after, struct mat dy,
                                  const struct scratch *s)
{
	return has_norm(b, after) || dy.type != s->g.type ? s->g : dy;
}

static float branch_scale(const struct block *b, enum norm_role after)
{
	return has_norm(b, after) ? 1 : b->config->residual_scale;
}

/* din = the gradient of add_branch's `in`, from dy, that of x. */
static void branch_back(const struct block *b, enum site s, enum norm_role after, struct mat din,
                        struct mat dy, struct mat out, struct scratch *r)
{
	const struct mat none = {0};
	struct mat g = branch_gradient(b, after, dy, r);

	if (has_norm(b, after))
		norm_back(b, after, g, none, dy, out, 0);
	else if (g.p != dy.p && !r->rounded)
		b->dev->op->copy(b->dev, g, dy);
	linear_back(b, s, din, g, r->dt[s], branch_scale(b, after), 0);
}

/* What linear_sums adds of a branch whose branch_back is done. */
static void branch_sums(const struct block *b, enum site s, enum norm_role after, struct mat dy,
                        struct mat in, const struct scratch *r)
{
	linear_sums(b, s, branch_gradient(b, after, dy, r), in, r->dt[s], branch_scale(b, after));
}

/* From dy to the MLP's inner activations. */
static void down_back(struct dev *part, long first, long n, void *with)
{
	const struct back *w = with;
	struct block b = rows_of(w->block, part, first, n);
	struct scratch s = scratch_rows(w->s, first, n);
	const struct kept *k = &b.kept;

	branch_back(&b, SITE_DOWN, NORM_POST_MLP, s.dh, row_range(w->dy, first, n), k->mlp, &s);
	part->op->act_back(part, s.du, s.dh, k->u, b.config->act);
}

/* From there to attention's heads. */
static void up_back(struct dev *part, long first, long n, void *with)
{
	const struct back *w = with;
	struct block b = rows_of(w->block, part, first, n);
	struct scratch s = scratch_rows(w->s, first, n);
	const struct kept *k = &b.kept;
	struct mat dy = row_range(w->dy, first, n);
	int pre = has_norm(&b, NORM_PRE_MLP);

	linear_back(&b, SITE_UP, pre ? s.dn2 : dy, s.du, s.dt[SITE_UP], 1, !pre);
	/* By down_back, if that did; where no norm comes before the MLP, dy has changed since. */
	s.rounded = pre && !has_norm(&b, NORM_POST_MLP);
	if (pre && !b.config->parallel)
		add_norm_back(&b, NORM_PRE_MLP, dy, s.dn2, k->x1, &s);
	branch_back(&b, SITE_OUT, NORM_POST_ATTN, s.dout, dy, k->attn, &s);
}

/* From queries, keys and values to dx. */
static void qkv_back(struct dev *part, long first, long n, void *with)
{
	const struct back *w = with;
	struct block b = rows_of(w->block, part, first, n);
	struct scratch s = scratch_rows(w->s, first, n);
	struct mat dy = row_range(w->dy, first, n), x = row_range(w->x, first, n);
	struct views dqkv = views(b.config, s.dqkv), raw = views(b.config, b.kept.raw);
	int pre = has_norm(&b, NORM_PRE_ATTN);
	const struct mat none = {0};

	rotate(&b, dqkv, -1);
	if (has_norm(&b, NORM_QUERY)) {
		norm_back(&b, NORM_QUERY, dqkv.q, none, dqkv.q, raw.q, 0);
		norm_back(&b, NORM_KEY, dqkv.k, none, dqkv.k, raw.k, 0);
	}
	linear_back(&b, SITE_QKV,
	            !w->need_dx ? none
	            : pre       ? s.dn
	                        : dy,
	            s.dqkv, s.dt[SITE_QKV], 1, !pre);
	if (w->need_dx && pre)
		add_norm_back(&b, NORM_PRE_ATTN, dy, s.dn, x, &s);
	if (w->need_dx && has_norm(&b, NORM_PRE_MLP) && b.config->parallel)
		add_norm_back(&b, NORM_PRE_MLP, dy, s.dn2, x, &s);
}

void block_back(const struct block *b, struct mat dy, struct mat x, struct scratch *s, int need_dx)
{
	const struct kept *k = &b->kept;
	struct back w = {b, dy, x, s, need_dx};
	int last = has_norm(b, NORM_PRE_ATTN) || (has_norm(b, NORM_PRE_MLP) && b->config->parallel);

	by_rows_back(b, dy.rows, down_back, &w);
	branch_sums(b, SITE_DOWN, NORM_POST_MLP, dy, k->h, s);
	by_rows_back(b, dy.rows, up_back, &w);
	linear_sums(b, SITE_UP, s->du, k->n2, s->dt[SITE_UP], 1);
	branch_sums(b, SITE_OUT, NORM_POST_ATTN, dy, k->o, s);
	attention_back(b, s);
	by_rows_back(b, dy.rows, qkv_back, &w);
	linear_sums(b, SITE_QKV, s->dqkv, k->n1, s->dt[SITE_QKV], 1);
	s->rounded = last && rounds(b, dy, s);
}
