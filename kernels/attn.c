/* SPDX-License-Identifier: MIT */
/* attn.c - attention with a running softmax (Milakov, Gimelshein 2018; Dao et al. 2022).
 *
 * The matrix of scores of a row is too large to be kept.  So keys pass in tiles, and for each lane
 * (attn.h) the largest score so far m and the sum of exponentials so far l are kept; when m grows,
 * what was summed before is scaled down by c:
 *
 *     s = k q',  m' = max(m, max s),  c = exp(scale (m - m')),  p = exp(scale (s - m'))
 *     l = c l + sum p,  o = c o + p' v;  at the end o / l, lse = scale m + log l
 *
 * Capped scores are s = cap tanh(scale k q' / cap), with 1 for scale in the rest.  In bf16, where
 * the CPU is fast at it, both products are of bf16 values: p is rounded, as the values are that it
 * weighs.
 */
#include "attn.h"

/* Tiles of queries that meet a tile of keys in turn, while it is in cache. */
enum { BLOCK = 10 };

/* Scores s become p, m and l are brought up to date, and c is what o must then be scaled by. */
HOT static void soften(float *s, const struct attn_mask *w, float scale, float *m, float *l,
                       float *c)
{
	for (long r = 0; r < w->lanes; r += TILE_LANES) {
		float high[TILE_LANES], sum[TILE_LANES];

#pragma omp simd
		for (int x = 0; x < TILE_LANES; x++) {
			high[x] = m[r + x];
			sum[x] = 0;
		}
		for (long j = 0; j < w->n; j++)
#pragma omp simd
			for (int x = 0; x < TILE_LANES; x++) {
				float z = s[j * w->lanes + r + x];

				high[x] = z > high[x] ? z : high[x];
			}
		for (long j = 0; j < w->n; j++)
#pragma omp simd
			for (int x = 0; x < TILE_LANES; x++) {
				float *z = s + j * w->lanes + r + x;

				*z = exp_fast(scale * (*z - high[x]));
				sum[x] += *z;
			}
#pragma omp simd
		for (int x = 0; x < TILE_LANES; x++) {
			c[r + x] = exp_fast(scale * (m[r + x] - high[x]));
			l[r + x] = l[r + x] * c[r + x] + sum[x];
			m[r + x] = high[x];
		}
	}
}

HOT static void scale_columns(float *o, const float *c, long rows, long wide)
{
	for (long r = 0; r < rows; r++)
#pragma omp simd
		for (long j = 0; j < wide; j++)
			o[r * wide + j] *= c[j];
}

HOT static void scale_rows(float *o, const float *c, long rows, long wide)
{
	for (long r = 0; r < rows; r++)
#pragma omp simd
		for (long j = 0; j < wide; j++)
			o[r * wide + j] *= c[r];
}

/* The state of a block of tiles (q transposed, o, m, l) and room for the tile at hand (k, v, s, c;
 * query: the lanes' queries).  Where products are of pairs, q and v are pairs, and so is what s
 * becomes.  With AMX, q are panels of q', v is v', k is room, p are panels of the probabilities,
 * and o is o'. */
struct forward {
	float *q, *o, *m, *l, *k, *v, *s, *p, *c;
	int32_t *query;
};

/* s = k q' of n keys from key j on */
static void scores(struct forward *f, const float *q, struct mat k, long j, long n,
                   const struct attn_task *t)
{
	long ld;
	const uint16_t *keys;

	switch (t->way) {
	case ATTN_AMX:
		keys = amx_keys(k, j, n, t, (uint16_t *)f->k, &ld);
		amx_products(f->s, t->lanes, keys, ld, (const bf16_pair *)q, t->dim / AMX_STEP, n,
		             t->lanes, 0);
		break;
	case ATTN_PAIRS:
		pair_product(f->s, t->lanes, pairs_at(k, j, t), k.ld / 2, 1, (const bf16_pair *)q,
		             t->lanes, n, t->lanes, t->dim / 2, 0);
		break;
	case ATTN_F32:
		product(f->s, t->lanes, f->k, t->wide, 1, q, t->lanes, n, t->lanes, t->wide, 0);
	}
}

/* o = c o + p' v, of n keys and the first `rows` lanes; p is in s */
static void mix_values(struct forward *f, float *o, long rows, long n, const struct attn_task *t)
{
	if (t->way == ATTN_AMX) {
		scale_columns(o, f->c, t->dim, t->lanes);
		amx_panels_f32((bf16_pair *)f->p, f->s, t->lanes, t->lanes, n);
		amx_products(o, t->lanes, (const uint16_t *)f->v, ATTN_KEYS,
		             (const bf16_pair *)f->p, amx_steps(n), t->dim, t->lanes, 1);
		return;
	}
	scale_rows(o, f->c, t->lanes, t->wide);
	if (t->way == ATTN_PAIRS) {
		pair_rows((bf16_pair *)f->s, f->s, n, t->lanes);
		pair_product(o, t->wide, (const bf16_pair *)f->s, 1, t->lanes,
		             (const bf16_pair *)f->v, t->wide, rows, t->wide, (n + 1) / 2, 1);
	} else
		product(o, t->wide, f->s, 1, t->lanes, f->v, t->wide, rows, t->wide, n, 1);
}

static struct forward forward_room(struct dev *d, const struct attn_task *t)
{
	long lanes = t->lanes, block = BLOCK * lanes, keys = ATTN_KEYS * t->wide;
	long room =
		ATTN_KEYS * round_up(lanes, AMX_EDGE) / 2; /* of panels as deep as a tile of keys */
	float *p = own_workspace(d, 2 * block * t->wide + 2 * block + 2 * keys + room +
	                                    (ATTN_KEYS + 2) * lanes);
	struct forward f = {.q = p, .o = p + block * t->wide};

	f.m = f.o + block * t->wide;
	f.l = f.m + block;
	f.k = f.l + block;
	f.v = f.k + keys;
	f.s = f.v + keys;
	f.p = f.s + ATTN_KEYS * lanes;
	f.c = f.p + room;
	f.query = (int32_t *)(f.c + lanes);
	number_lanes(f.query, t);
	return f;
}

/* nk keys from key j on pass tile b of the block, whose first query is i. */
static void pass_keys(struct forward *f, long b, long i, struct mat k, long j, long nk,
                      const struct attn_task *t)
{
	struct attn_mask w = attn_mask_of(t, f->query, i, j, nk);
	long wide = t->wide, lanes = t->lanes;
	float *o = f->o + b * lanes * wide;

	if (!w.n)
		return;
	scores(f, f->q + b * lanes * wide, k, j, w.n, t);
	if (t->h->cap > 0)
		cap_scores(f->s, w.n * lanes, t->h->scale, t->h->cap);
	hide(f->s, &w);
	soften(f->s, &w, unit_of(t->h), f->m + b * lanes, f->l + b * lanes, f->c);
	mix_values(f, o, filled(t, i), w.n, t);
}

static void start_tile(struct forward *f, struct mat q, long b, long i, const struct attn_task *t)
{
	long size = t->lanes * t->wide;
	float *x = f->q + b * size;

	if (t->way == ATTN_AMX) {
		fetch_pairs((bf16_pair *)(f->o + b * size), q, i, t);
		amx_panels_transposed((bf16_pair *)x, (const uint16_t *)(f->o + b * size), t->dim,
		                      t->lanes, t->dim);
	} else if (t->way == ATTN_PAIRS) {
		fetch_pairs((bf16_pair *)(f->o + b * size), q, i, t);
		transpose(x, f->o + b * size, t->lanes, t->wide / 2);
	} else {
		fetch_tile(f->o + b * size, q, t->h->q_stride, i, t);
		transpose(x, f->o + b * size, t->lanes, t->wide);
	}
	memset(f->o + b * size, 0, size * sizeof(float));
	for (long r = b * t->lanes; r < (b + 1) * t->lanes; r++) {
		f->m[r] = -1e30f; /* finite: -INFINITY - m is no NaN */
		f->l[r] = 0;
	}
}

static void finish_tile(struct forward *f, struct mat o, float *lse, long b, long i,
                        const struct attn_task *t)
{
	long n = filled(t, i), first = b * t->lanes;

	if (t->way == ATTN_AMX) {
		memcpy(f->q + first * t->wide, f->o + first * t->wide,
		       t->lanes * t->wide * sizeof(float));
		transpose(f->o + first * t->wide, f->q + first * t->wide, t->wide, t->lanes);
	}
	for (long r = 0; r < n; r++) {
		long token = token_of(t, i, r), head = head_of(t, r);
		float *row = f->o + (first + r) * t->wide, l = f->l[first + r];

		scale_by(row, t->dim, l != 0 ? 1 / l : 0);
		put(o, token, head * t->dim, t->dim, row);
		if (lse)
			lse[token * t->h->q + head] = unit_of(t->h) * f->m[first + r] + logf(l);
	}
}

/* A block of queries from query i on, against all keys that they see. */
static void attend(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k,
                   struct mat v, long i, const struct attn_task *t)
{
	struct forward f = forward_room(d, t);
	long past = long_min(t->queries, i + BLOCK * t->tile), end = last_key(t, past - 1);

	if (t->way == ATTN_AMX)
		amx_begin();
	for (long a = i, b = 0; a < past; a += t->tile, b++)
		start_tile(&f, q, b, a, t);
	for (long j = first_key(t, i); j < end; j += ATTN_KEYS) {
		long nk = long_min(ATTN_KEYS, end - j);

		if (t->way == ATTN_AMX)
			amx_keys_transposed((uint16_t *)f.v, v, j, nk, t, (bf16_pair *)f.k);
		else if (t->way == ATTN_PAIRS)
			pair_rows_bf16((bf16_pair *)f.v, at(v, t->k + j, t->head * t->h->kv_stride),
			               v.ld, nk, t->dim, t->wide);
		else {
			fetch_keys(f.k, k, j, nk, t);
			fetch_keys(f.v, v, j, nk, t);
		}
		for (long a = i, b = 0; a < past; a += t->tile, b++)
			pass_keys(&f, b, a, k, j, nk, t);
	}
	for (long a = i, b = 0; a < past; a += t->tile, b++)
		finish_tile(&f, o, lse, b, a, t);
	if (t->way == ATTN_AMX)
		amx_end();
}

static long most_queries(const struct spans *s)
{
	long most = 0;

	for (int r = 0; r < s->n; r++)
		most = long_max(most, s->q[r + 1] - s->q[r]);
	return most;
}

void cpu_attn(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k, struct mat v,
              struct spans spans, struct heads h)
{
	long step = BLOCK * queries_a_tile(&h), most = most_queries(&spans);
	enum attn_way way = way_of(k, &h); /* values are read one by one */

#pragma omp parallel for collapse(3) schedule(dynamic) num_threads(threads_of(d))
	for (long row = 0; row < spans.n; row++)
		for (long head = 0; head < h.kv; head++)
			for (long i = 0; i < most; i += step) {
				struct attn_task t = attn_task_of(&spans, &h, row, head);

				t.way = way;
				if (i < t.queries)
					attend(d, o, lse, q, k, v, i, &t);
			}
}
