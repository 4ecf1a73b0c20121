/* attn_back.c - the gradient of attention; with D = sum do o,
 *
 *     p = exp(k q' - lse),  dv = p do,  dp = v do',  ds = p (dp - D)
 *     dq = scale ds' k,  dk = ds q      (q is scaled when it is fetched)
 *
 * A thread has a row and key head to itself, so dk and dv need no locks.
 */
#include "attn.h"

/* Of all the row's queries, a tile after another: q and dout as they are and
 * transposed, dq, lse, D; of a tile of keys; of both. */
struct backward {
	float *q, *qt, *dout, *doutt, *dq, *lse, *sum;
	float *k, *v, *dk, *dv;
	float *p, *ds;
	int32_t *query;
};

/* How many lanes all tiles of the row's queries have. */
static long all_lanes(const struct task *t) { return (t->queries + t->tile - 1) / t->tile * t->lanes; }

long attn_back_floats(const struct task *t)
{
	long all = all_lanes(t);

	return 5 * all * t->wide + 2 * all + 4 * KEYS * t->wide + 2 * KEYS * t->lanes + t->lanes;
}

static struct backward backward_room(struct dev *d, const struct task *t)
{
	long all = all_lanes(t), size = all * t->wide;
	long keys = KEYS * t->wide, both = KEYS * t->lanes;
	float *p = own_workspace(d, attn_back_floats(t));
	struct backward b = {.q = p, .qt = p + size, .dout = p + 2 * size, .doutt = p + 3 * size,
	                     .dq = p + 4 * size};

	b.lse = p + 5 * size;
	b.sum = b.lse + all;
	b.k = b.sum + all;
	b.v = b.k + keys;
	b.dk = b.v + keys;
	b.dv = b.dk + keys;
	b.p = b.dv + keys;
	b.ds = b.p + both;
	b.query = (int32_t *)(b.ds + both);
	number_lanes(b.query, t);
	return b;
}

HOT static float dot(const float *x, const float *y, long n)
{
	float s = 0;

#pragma omp simd reduction(+:s)
	for (long j = 0; j < n; j++)
		s += x[j] * y[j];
	return s;
}

/* Fetches what belongs to the tile at query i; dq = 0. */
static void start_back(struct backward *b, struct mat q, struct mat dout, struct mat o,
                       const float *lse, long i, const struct task *t)
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
	scale_by(b->q + at, t->lanes * t->wide, t->h->scale);
	transpose(b->qt + at, b->q + at, t->lanes, t->wide);
	transpose(b->doutt + at, b->dout + at, t->lanes, t->wide);
	memset(b->dq + at, 0, t->lanes * t->wide * sizeof(float));
}

/* Scores p become probabilities, dp in ds becomes ds. */
HOT static void soften_back(float *p, float *ds, const struct view *w, const float *lse,
                            const float *sum)
{
	for (long j = 0; j < w->n; j++, p += w->lanes, ds += w->lanes)
#pragma omp simd
		for (long r = 0; r < w->lanes; r++) {
			p[r] = exp_fast(p[r] - lse[r]);
			ds[r] = p[r] * (ds[r] - sum[r]);
		}
}

/* The tile at query i against the keys j.., nk of them. */
static void back_tile(struct backward *b, long i, long j, long nk, const struct task *t)
{
	struct view w = view_of(t, b->query, i, j, nk);
	long wide = t->wide, lanes = t->lanes, n = filled(t, i), first = i / t->tile * lanes;
	long at = first * wide;

	if (!w.n)
		return;
	product(b->p, lanes, b->k, wide, 1, b->qt + at, lanes, w.n, lanes, wide, 0);
	product(b->ds, lanes, b->v, wide, 1, b->doutt + at, lanes, w.n, lanes, wide, 0);
	hide(b->p, &w);
	soften_back(b->p, b->ds, &w, b->lse + first, b->sum + first);
	product(b->dv, wide, b->p, lanes, 1, b->dout + at, wide, w.n, wide, n, 1);
	product(b->dk, wide, b->ds, lanes, 1, b->q + at, wide, w.n, wide, n, 1);
	product(b->dq + at, wide, b->ds, 1, lanes, b->k, wide, n, wide, w.n, 1);
}

static void finish_back(struct backward *b, struct mat dq, long i, const struct task *t)
{
	long n = filled(t, i), first = i / t->tile * t->lanes;
	float *x = b->dq + first * t->wide;

	scale_by(x, n * t->wide, t->h->scale);
	for (long r = 0; r < n; r++)
		put(dq, token_of(t, i, r), head_of(t, r) * t->h->q_stride, t->dim, x + r * t->wide);
}

static void back_row(struct dev *d, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                     struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                     const struct task *t)
{
	struct backward b = backward_room(d, t);
	long column = t->head * t->h->kv_stride;

	for (long i = 0; i < t->queries; i += t->tile)
		start_back(&b, q, dout, o, lse, i, t);
	for (long j = 0; j < t->keys; j += KEYS) {
		long nk = min_long(KEYS, t->keys - j);

		fetch_keys(b.k, k, j, nk, t);
		fetch_keys(b.v, v, j, nk, t);
		memset(b.dk, 0, nk * t->wide * sizeof(float));
		memset(b.dv, 0, nk * t->wide * sizeof(float));
		for (long i = 0; i < t->queries; i += t->tile)
			back_tile(&b, i, j, nk, t);
		for (long r = 0; r < nk; r++) {
			put(dk, t->k + j + r, column, t->dim, b.dk + r * t->wide);
			put(dv, t->k + j + r, column, t->dim, b.dv + r * t->wide);
		}
	}
	for (long i = 0; i < t->queries; i += t->tile)
		finish_back(&b, dq, i, t);
}

void cpu_attn_back(struct dev *d, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                   struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                   struct spans spans, struct heads h)
{
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(cpu_of(d)->threads)
	for (long row = 0; row < spans.n; row++)
		for (long head = 0; head < h.kv; head++) {
			struct task t = task_of(&spans, &h, row, head);

			back_row(d, dq, dk, dv, dout, o, lse, q, k, v, &t);
		}
}
