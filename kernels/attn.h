/* SPDX-License-Identifier: MIT */
/* attn.h - what attention forwards and backwards share on the CPU; private to kernels/.
 *
 * Attention is computed a tile of queries against a tile of keys at a time.  The query heads that
 * share a key head are stacked in a tile, so that keys and values are read once for all of them:
 * lane r of a tile is its query r / group under the group's head r % group.  Scores are kept
 * transposed, a row for each key and a column for each lane, so that the softmax of many lanes is
 * a loop over vectors.
 */
#ifndef SEAL_ATTN_H
#define SEAL_ATTN_H

#include "tile_amx.h"
#include "tile.h"

enum {
	ATTN_KEYS = 96, /* keys in a tile */
	ATTN_TILE = 48, /* lanes in a tile */
};

/* What products are of: F32 values, bf16 pairs (tile_bf16.h), or AMX's tiles (tile_amx.h). */
enum attn_way { ATTN_F32, ATTN_PAIRS, ATTN_AMX };

/* The work on one row of tokens under one key head. */
struct attn_task {
	const struct heads *h;
	long group, dim, wide;    /* query heads stacked; dim, rounded up to TILE_LANES */
	long head;                /* the key head */
	long q, queries, k, keys; /* where its tokens start in q and in k, how many */
	long tile, lanes;         /* queries in a tile; its lanes, rounded up to TILE_LANES */
	enum attn_way way;
};

/* How many queries make a tile of about ATTN_TILE lanes. */
static inline long queries_a_tile(const struct heads *h)
{
	return long_max(1, long_min(16, ATTN_TILE / (h->q / h->kv)));
}

static inline struct attn_task attn_task_of(const struct spans *s, const struct heads *h, long row,
                                            long head)
{
	struct attn_task t = {h,
	                      h->q / h->kv,
	                      h->dim,
	                      round_up(h->dim, TILE_LANES),
	                      head,
	                      s->q[row],
	                      s->q[row + 1] - s->q[row],
	                      s->k[row],
	                      s->len[row],
	                      queries_a_tile(h),
	                      0,
	                      ATTN_F32};

	t.tile = long_min(t.tile, long_max(1, t.queries));
	t.lanes = round_up(t.tile * t.group, TILE_LANES);
	return t;
}

/* How products with these keys (or values) are best computed. */
static inline enum attn_way way_of(struct mat k, const struct heads *h)
{
	if (k.type != DT_BF16 || !bf16_is_fast())
		return ATTN_F32;
	if (h->dim % AMX_STEP == 0 && amx_is_there())
		return ATTN_AMX;
	return (uintptr_t)k.p % sizeof(bf16_pair) || (k.ld | h->dim | h->kv_stride) % 2
	               ? ATTN_F32
	               : ATTN_PAIRS;
}

/* The pairs of key (or value) j. */
static inline const bf16_pair *pairs_at(struct mat k, long j, const struct attn_task *t)
{
	return at(k, t->k + j, t->head * t->h->kv_stride);
}

/* n keys (or values) from key j of the row on, as rows that AMX reads 16 at a time; where the
 * matrix ends before that, copies of the last ones in room, which holds ATTN_KEYS rows. */
static inline const uint16_t *amx_keys(struct mat k, long j, long n, const struct attn_task *t,
                                       uint16_t *room, long *ld)
{
	long column = t->head * t->h->kv_stride;

	*ld = k.ld;
	if (t->k + j + round_up(n, 16) <= k.rows)
		return at(k, t->k + j, column);
	*ld = t->dim;
	for (long r = 0; r < n; r++)
		memcpy(room + r * t->dim, at(k, t->k + j + r, column), t->dim * sizeof *room);
	return room;
}

/* y [dim x ATTN_KEYS] = n keys (or values) from key j of the row on, transposed, and 0 behind the
 * last of them as far as a step goes; room holds their panels. */
static inline void amx_keys_transposed(uint16_t *y, struct mat k, long j, long n,
                                       const struct attn_task *t, bf16_pair *room)
{
	amx_panels(room, at(k, t->k + j, t->head * t->h->kv_stride), k.ld, t->dim, n);
	amx_columns(y, ATTN_KEYS, room, t->dim, n);
}

/* Query i of a row sees the keys from first_key up to, but without, last_key. */
static inline long last_key(const struct attn_task *t, long i)
{
	return long_max(0, i + 1 + t->keys - t->queries);
}

static inline long first_key(const struct attn_task *t, long i)
{
	return t->h->window ? long_max(0, last_key(t, i) - t->h->window) : 0;
}

/* y [wide] = dim columns of row i from column j on, then zeros. */
static inline void fetch(float *y, struct mat m, long i, long j, const struct attn_task *t)
{
	const float *x = load(m, i, j, t->dim, y);

	if (x != y)
		memcpy(y, x, t->dim * sizeof *y);
	memset(y + t->dim, 0, (t->wide - t->dim) * sizeof *y);
}

/* Writes n columns of row i from column j on, in the type of m. */
static inline void put(struct mat m, long i, long j, long n, const float *x)
{
	if (m.type == DT_F32)
		memcpy(at(m, i, j), x, n * sizeof *x);
	else
		store(m, i, j, n, x);
}

/* y [n x wide] = n rows of x, which lie ld apart: dim of their columns, then zeros. */
HOT static void widen_rows(float *y, const uint16_t *x, long ld, long n, long dim, long wide)
{
	for (long r = 0; r < n; r++, x += ld, y += wide) {
#pragma omp simd
		for (long j = 0; j < dim; j++)
			y[j] = element(x, j, DT_BF16);
		for (long j = dim; j < wide; j++)
			y[j] = 0;
	}
}

/* y [n x wide] = n keys (or values) from key j of the row on. */
static inline void fetch_keys(float *y, struct mat m, long j, long n, const struct attn_task *t)
{
	long column = t->head * t->h->kv_stride;

	if (m.type == DT_BF16)
		widen_rows(y, at(m, t->k + j, column), m.ld, n, t->dim, t->wide);
	for (long r = 0; r < n && m.type == DT_F32; r++)
		fetch(y + r * t->wide, m, t->k + j + r, column, t);
}

/* How many lanes a tile that starts at query i fills. */
static inline long filled(const struct attn_task *t, long i)
{
	return long_min(t->tile, t->queries - i) * t->group;
}

/* The token and the query head of lane r of the tile at query i. */
static inline long token_of(const struct attn_task *t, long i, long r)
{
	return t->q + i + r / t->group;
}
static inline long head_of(const struct attn_task *t, long r)
{
	return t->head * t->group + r % t->group;
}

/* y [lanes x wide] = the tile at query i of a matrix whose heads lie `stride` columns apart. */
static inline void fetch_tile(float *y, struct mat m, long stride, long i,
                              const struct attn_task *t)
{
	long n = filled(t, i);

	for (long r = 0; r < n; r++)
		fetch(y + r * t->wide, m, token_of(t, i, r), head_of(t, r) * stride, t);
	memset(y + n * t->wide, 0, (t->lanes - n) * t->wide * sizeof *y);
}

/* y [lanes x wide / 2] = that tile of a bf16 matrix laid out as q, in pairs of its columns. */
static inline void fetch_pairs(bf16_pair *y, struct mat m, long i, const struct attn_task *t)
{
	long n = filled(t, i), wide = t->wide / 2;

	memset(y, 0, t->lanes * wide * sizeof *y);
	for (long r = 0; r < n; r++)
		memcpy(y + r * wide, at(m, token_of(t, i, r), head_of(t, r) * t->h->q_stride),
		       t->dim / 2 * sizeof *y);
}

/* Products s become scores cap tanh(scale s / cap). */
HOT static void cap_scores(float *s, long n, float scale, float cap)
{
	float by_cap = scale / cap;

#pragma omp simd
	for (long j = 0; j < n; j++)
		s[j] = cap * tanh_fast(s[j] * by_cap);
}

/* What the scores in a tile are still to be multiplied with: nothing once they were capped. */
static inline float unit_of(const struct heads *h) { return h->cap > 0 ? 1 : h->scale; }

/* x *= c, n values */
HOT static void scale_by(float *x, long n, float c)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		x[j] *= c;
}

/* What a tile of queries sees of a tile of n keys: lane r sees the keys below to + query[r], and
 * where window is not 0 only so many last ones of these. */
struct attn_mask {
	long n, lanes, to, window;
	const int32_t *query;
};

/* The mask of the tile at query i against n keys from key j on; its n is 0 where none is seen. */
static inline struct attn_mask attn_mask_of(const struct attn_task *t, const int32_t *query, long i,
                                            long j, long n)
{
	long last = last_key(t, i + long_min(t->tile, t->queries - i) - 1);

	return (struct attn_mask){first_key(t, i) < j + n ? long_max(0, long_min(n, last - j)) : 0,
	                          t->lanes, i + 1 + t->keys - t->queries - j, t->h->window, query};
}

/* query[r] = the query of lane r within its tile. */
static inline void number_lanes(int32_t *query, const struct attn_task *t)
{
	for (long r = 0; r < t->lanes; r++)
		query[r] = r / t->group;
}

/* Scores that are not seen become -INFINITY. */
HOT static void hide(float *s, const struct attn_mask *w)
{
	for (long j = long_max(0, w->to); j < w->n; j++)
#pragma omp simd
		for (long r = 0; r < w->lanes; r++)
			s[j * w->lanes + r] = w->query[r] > (int32_t)(j - w->to)
			                              ? s[j * w->lanes + r]
			                              : -INFINITY;
	if (!w->window)
		return;
	for (long j = 0; j < w->n; j++)
#pragma omp simd
		for (long r = 0; r < w->lanes; r++)
			s[j * w->lanes + r] = w->query[r] - (int32_t)(j - w->to) <= w->window
			                              ? s[j * w->lanes + r]
			                              : -INFINITY;
}

#endif
