/* SPDX-License-Identifier: MIT */
/* attn_back.c - the gradient of attention.  With D = sum do o of each lane,
 *
 *     p = exp(scale k q' - lse),  dv = p do,  dp = v do',  ds = p (dp - D)
 *     dq = scale ds' k,  dk = scale ds q
 *
 * Where scores are capped, s = cap tanh(scale k q' / cap), p = exp(s - lse) and ds is also
 * multiplied by 1 - (s / cap)^2.
 *
 * A thread has one row of tokens and one key head to itself, so that dk and dv need no locks.  In
 * bf16, where the CPU is fast at it, all products are of bf16 values: p and ds are rounded.
 */
#include "attn.h"

/* What a thread works in.  Of all queries of its row, a tile after another: q and dout as they are
 * and transposed (where products are of pairs, all four are pairs), dq, lse and D (sum).  Of the
 * tile of keys at hand: k, v, dk and dv (k may be pairs).  Of both: p, ds, and `half` for either of
 * them rounded.  With AMX, q, dout and what they are transposed are panels, dq is dq', k is k' and
 * v is room. */
struct backward {
	float *q, *qt, *dout, *doutt, *dq, *lse, *sum;
	float *k, *v, *dk, *dv;
	float *p, *ds, *half;
	int32_t *query;
};

/* How many lanes all tiles of the row have together. */
static long all_lanes(const struct attn_task *t)
{
	return (t->queries + t->tile - 1) / t->tile * t->lanes;
}

static struct backward backward_room(struct dev *d, const struct attn_task *t)
{
	long all = all_lanes(t), size = all * t->wide;
	long keys = ATTN_KEYS * t->wide, both = ATTN_KEYS * t->lanes;
	long half = ATTN_KEYS * round_up(t->lanes, AMX_EDGE) / 2;
	float *p = own_workspace(d, 5 * size + 2 * all + 4 * keys + 2 * both + half + t->lanes);
	struct backward b = {.q = p,
	                     .qt = p + size,
	                     .dout = p + 2 * size,
	                     .doutt = p + 3 * size,
	                     .dq = p + 4 * size};

	b.lse = p + 5 * size;
	b.sum = b.lse + all;
	b.k = b.sum + all;
	b.v = b.k + keys;
	b.dk = b.v + keys;
	b.dv = b.dk + keys;
	b.p = b.dv + keys;
	b.ds = b.p + both;
	b.half = b.ds + both;
	b.query = (int32_t *)(b.half + half);
	number_lanes(b.query, t);
	return b;
}

HOT static float dot(const float *x, const float *y, long n)
{
	float s = 0;

#pragma omp simd reduction(+ : s)
	for (long j = 0; j < n; j++)
		s += x[j] * y[j];
	return s;
}

/* x [lanes x dim] F32 becomes panels, n lanes deep, and xt panels of its transpose; room holds x
 * rounded. */
static void make_panels(float *x, float *xt, long n, uint16_t *room, const struct attn_task *t)
{
	narrow(room, x, t->lanes * t->dim);
	amx_panels((bf16_pair *)x, room, t->dim, t->dim, n);
	amx_panels_transposed((bf16_pair *)xt, room, t->dim, t->lanes, t->dim);
}

/* Fetches all that belongs to the tile at query i, and sets its dq to 0. */
static void start_back(struct backward *b, struct mat q, struct mat dout, struct mat o,
                       const float *lse, long i, const struct attn_task *t)
{
	long n = filled(t, i), first = i / t->tile * t->lanes, at = first * t->wide;

	fetch_tile(b->q + at, o, t->dim, i, t);
	fetch_tile(b->dout + at, dout, t->dim, i, t);
	for (long r = 0; r < t->lanes; r++) {
		long x = at + r * t->wide;

		b->sum[first + r] = dot(b->q + x, b->dout + x, t->wide);
		b->lse[first + r] = r < n ? lse[token_of(t, i, r) * t->h->q + head_of(t, r)] : 0;
	}
	fetch_tile(b->q + at, q, t->h->q_stride, i, t);
	if (t->way == ATTN_AMX) {
		make_panels(b->q + at, b->qt + at, n, (uint16_t *)(b->dq + at), t);
		make_panels(b->dout + at, b->doutt + at, n, (uint16_t *)(b->dq + at), t);
	} else {
		transpose(b->qt + at, b->q + at, t->lanes, t->wide);
		transpose(b->doutt + at, b->dout + at, t->lanes, t->wide);
	}
	if (t->way == ATTN_PAIRS) {
		float *x[] = {b->q + at, b->dout + at}, *xt[] = {b->qt + at, b->doutt + at};

		for (int k = 0; k < 2; k++) {
			pair_rows((bf16_pair *)x[k], x[k], t->lanes, t->wide);
			pair_rows((bf16_pair *)xt[k], xt[k], t->wide, t->lanes);
		}
	}
	memset(b->dq + at, 0, t->lanes * t->wide * sizeof(float));
}

/* Products p become probabilities, and dp, which is in ds, becomes ds. */
HOT static void soften_back(float *p, float *ds, const struct attn_mask *w, float scale,
                            const float *lse, const float *sum)
{
	for (long j = 0; j < w->n; j++, p += w->lanes, ds += w->lanes)
#pragma omp simd
		for (long r = 0; r < w->lanes; r++) {
			p[r] = exp_fast(scale * p[r] - lse[r]);
			ds[r] = p[r] * (ds[r] - sum[r]);
		}
}

/* The same where p are capped scores.  A score that is hidden is -INFINITY, which is taken as -cap
 * for the slope, so that 0 is not multiplied by an infinity. */
HOT static void soften_capped(float *p, float *ds, const struct attn_mask *w, float cap,
                              const float *lse, const float *sum)
{
	float by_cap = 1 / cap;

	for (long j = 0; j < w->n; j++, p += w->lanes, ds += w->lanes)
#pragma omp simd
		for (long r = 0; r < w->lanes; r++) {
			float t = (p[r] > -cap ? p[r] : -cap) * by_cap;

			p[r] = exp_fast(p[r] - lse[r]);
			ds[r] = p[r] * (ds[r] - sum[r]) * (1 - t * t);
		}
}

/* dx [keys x wide] += s y, over the n lanes of a tile; y is pairs, and s is rounded to them. */
static void add_pairs(struct backward *b, float *dx, const float *s, const float *y, long keys,
                      long n, const struct attn_task *t)
{
	narrow((uint16_t *)b->half, s, keys * t->lanes);
	pair_product(dx, t->wide, (const bf16_pair *)b->half, t->lanes / 2, 1, (const bf16_pair *)y,
	             t->wide, keys, t->wide, (n + 1) / 2, 1);
}

/* The same with AMX: lanes are filled up to a whole step, and keys to whole tiles, with zeros. */
static void add_panels(struct backward *b, float *dx, const float *s, const float *y, long keys,
                       long n, const struct attn_task *t)
{
	long steps = amx_steps(n), wide = steps * AMX_STEP, some = long_min(wide, t->lanes);
	uint16_t *half = (uint16_t *)b->half;

	if (some < wide || keys % 16)
		memset(half, 0, round_up(keys, 16) * wide * sizeof *half);
	for (long r = 0; r < keys; r++)
		narrow(half + r * wide, s + r * t->lanes, some);
	amx_products(dx, t->wide, half, wide, (const bf16_pair *)y, steps, keys, t->dim, 1);
}

/* Products of n keys from key j on with the lanes of a tile: x = k q', where qt is that tile's. */
static void tile_products(struct backward *b, float *x, struct mat k, const float *tile,
                          const float *qt, long j, long n, const struct attn_task *t)
{
	const uint16_t *keys;
	long ld;

	switch (t->way) {
	case ATTN_AMX:
		keys = amx_keys(k, j, n, t, (uint16_t *)b->v, &ld);
		amx_products(x, t->lanes, keys, ld, (const bf16_pair *)qt, t->dim / AMX_STEP, n,
		             t->lanes, 0);
		break;
	case ATTN_PAIRS:
		pair_product(x, t->lanes, pairs_at(k, j, t), k.ld / 2, 1, (const bf16_pair *)qt,
		             t->lanes, n, t->lanes, t->dim / 2, 0);
		break;
	case ATTN_F32:
		product(x, t->lanes, tile, t->wide, 1, qt, t->lanes, n, t->lanes, t->wide, 0);
	}
}

/* dk, dv and dq are added to, of n keys and the first `lanes` lanes; p and ds are known. */
static void add_gradients(struct backward *b, const float *q, const float *dout, float *dq, long n,
                          long lanes, const struct attn_task *t)
{
	long wide = t->wide, all = t->lanes;

	switch (t->way) {
	case ATTN_AMX:
		add_panels(b, b->dv, b->p, dout, n, lanes, t);
		add_panels(b, b->dk, b->ds, q, n, lanes, t);
		amx_panels_f32((bf16_pair *)b->half, b->ds, all, all, n);
		amx_products(dq, all, (const uint16_t *)b->k, ATTN_KEYS, (const bf16_pair *)b->half,
		             amx_steps(n), t->dim, all, 1);
		break;
	case ATTN_PAIRS:
		add_pairs(b, b->dv, b->p, dout, n, lanes, t);
		add_pairs(b, b->dk, b->ds, q, n, lanes, t);
		pair_rows((bf16_pair *)b->ds, b->ds, n, all);
		pair_product(dq, wide, (bf16_pair *)b->ds, 1, all, (bf16_pair *)b->k, wide, lanes,
		             wide, (n + 1) / 2, 1);
		break;
	case ATTN_F32:
		product(b->dv, wide, b->p, all, 1, dout, wide, n, wide, lanes, 1);
		product(b->dk, wide, b->ds, all, 1, q, wide, n, wide, lanes, 1);
		product(dq, wide, b->ds, 1, all, b->k, wide, lanes, wide, n, 1);
	}
}

/* The tile at query i meets nk keys from key j on: adds to dk, dv and dq. */
static void back_tile(struct backward *b, struct mat k, struct mat v, long i, long j, long nk,
                      const struct attn_task *t)
{
	struct attn_mask w = attn_mask_of(t, b->query, i, j, nk);
	long lanes = t->lanes, first = i / t->tile * lanes, at = first * t->wide;

	if (!w.n)
		return;
	tile_products(b, b->p, k, b->k, b->qt + at, j, w.n, t);
	tile_products(b, b->ds, v, b->v, b->doutt + at, j, w.n, t);
	if (t->h->cap > 0)
		cap_scores(b->p, w.n * lanes, t->h->scale, t->h->cap);
	hide(b->p, &w);
	if (t->h->cap > 0)
		soften_capped(b->p, b->ds, &w, t->h->cap, b->lse + first, b->sum + first);
	else
		soften_back(b->p, b->ds, &w, t->h->scale, b->lse + first, b->sum + first);
	add_gradients(b, b->q + at, b->dout + at, b->dq + at, w.n, filled(t, i), t);
}

/* Writes dq of the tile at query i. */
static void finish_back(struct backward *b, struct mat dq, long i, const struct attn_task *t)
{
	long n = filled(t, i), first = i / t->tile * t->lanes;
	float *x = b->dq + first * t->wide;

	if (t->way == ATTN_AMX) {
		memcpy(b->q + first * t->wide, x, t->lanes * t->wide * sizeof *x);
		transpose(x, b->q + first * t->wide, t->wide, t->lanes);
	}
	scale_by(x, n * t->wide, t->h->scale);
	for (long r = 0; r < n; r++)
		put(dq, token_of(t, i, r), head_of(t, r) * t->h->q_stride, t->dim, x + r * t->wide);
}

/* All of one row of tokens under one key head. */
static void back_row(struct dev *d, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                     struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                     const struct attn_task *t)
{
	struct backward b = backward_room(d, t);
	long column = t->head * t->h->kv_stride;

	if (t->way == ATTN_AMX)
		amx_begin();
	for (long i = 0; i < t->queries; i += t->tile)
		start_back(&b, q, dout, o, lse, i, t);
	for (long j = 0; j < t->keys; j += ATTN_KEYS) {
		long nk = long_min(ATTN_KEYS, t->keys - j);

		if (t->way == ATTN_AMX)
			amx_keys_transposed((uint16_t *)b.k, k, j, nk, t, (bf16_pair *)b.v);
		else if (t->way == ATTN_PAIRS)
			pair_rows_bf16((bf16_pair *)b.k, at(k, t->k + j, column), k.ld, nk, t->dim,
			               t->wide);
		else {
			fetch_keys(b.k, k, j, nk, t);
			fetch_keys(b.v, v, j, nk, t);
		}
		memset(b.dk, 0, nk * t->wide * sizeof(float));
		memset(b.dv, 0, nk * t->wide * sizeof(float));
		for (long i = 0; i < t->queries; i += t->tile)
			back_tile(&b, k, v, i, j, nk, t);
		scale_by(b.dk, nk * t->wide, t->h->scale);
		for (long r = 0; r < nk; r++) {
			put(dk, t->k + j + r, column, t->dim, b.dk + r * t->wide);
			put(dv, t->k + j + r, column, t->dim, b.dv + r * t->wide);
		}
	}
	for (long i = 0; i < t->queries; i += t->tile)
		finish_back(&b, dq, i, t);
	if (t->way == ATTN_AMX)
		amx_end();
}

void cpu_attn_back(struct dev *d, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                   struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                   struct spans spans, struct heads h)
{
	enum attn_way way = way_of(k, &h);

	way = way == way_of(v, &h) ? way : ATTN_F32;
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(threads_of(d))
	for (long row = 0; row < spans.n; row++)
		for (long head = 0; head < h.kv; head++) {
			struct attn_task t = attn_task_of(&spans, &h, row, head);

			t.way = way;
			back_row(d, dq, dk, dv, dout, o, lse, q, k, v, &t);
		}
}
