/* SPDX-License-Identifier: MIT */
/* block_linear.c - the matrices of a block: what they make of rows, and both gradients. */
#include "block_in.h"

#include "../base/num.h"

const struct layer *block_gradients(const struct block *b)
{
	static const struct layer frozen;

	return b->theta && b->theta->grad ? &b->theta->grad->layer[b->layer] : &frozen;
}

static const struct lora_site *pairs_of(const struct block *b, enum site s)
{
	const struct params *a = b->theta;

	return a && a->site && a->site[b->layer][s].n ? &a->site[b->layer][s] : NULL;
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

void linear(const struct block *b, enum site s, struct mat y, struct mat base, struct mat x,
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

void linear_back(const struct block *b, enum site s, struct mat dx, struct mat dy, struct mat dt,
                 float r, float beta)
{
	struct dev *d = b->dev;
	const struct linear *l = &b->at->at[s];
	const struct lora_site *pairs = pairs_of(b, s);

	for (int i = 0; i < l->n && dx.p; beta = 1) {
		struct linear_part p = parts_from(b, l, &i);

		d->op->gemm(d, dx, columns(dy, p.first, p.w.rows), 0, p.w, 0, r, beta);
	}
	if (!pairs)
		return;
	for (int i = 0; i < pairs->n; i++) {
		const struct lora *p = &pairs->pair[i];

		d->op->gemm(d, columns(dt, p->at, p->rank), columns(dy, p->first, p->cols), 0, p->b,
		            0, r * p->scale, 0);
	}
	if (dx.p)
		d->op->gemm(d, dx, columns(dt, 0, pairs->ranks), 0, pairs->a, 0, 1, 1);
}

void linear_sums(const struct block *b, enum site s, struct mat dy, struct mat x, struct mat dt,
                 float r)
{
	struct dev *d = b->dev;
	const struct linear *grad = &block_gradients(b)->at[s];
	const struct lora_site *pairs = pairs_of(b, s);

	for (int i = 0; i < grad->n;) {
		struct linear_part g = parts_from(b, grad, &i);
		struct mat part = columns(dy, g.first, g.w.rows);

		d->op->gemm(d, g.w, part, 1, x, 0, r, 1);
		if (g.bias.p)
			d->op->bias_back(d, g.bias, part, r);
	}
	if (!pairs)
		return;
	for (int i = 0; i < pairs->n; i++) {
		const struct lora *p = &pairs->pair[i];
		struct mat part = columns(dy, p->first, p->cols);

		d->op->gemm(d, p->db, part, 1, columns(b->kept.t[s], p->at, p->rank), 0, p->scale,
		            1);
		if (p->dbias.p)
			d->op->bias_back(d, p->dbias, part, r * p->scale);
	}
	d->op->gemm(d, pairs->da, columns(dt, 0, pairs->ranks), 1, x, 0, 1, 1);
}
