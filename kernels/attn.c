/* attn.c - attention with a running softmax (Milakov, Gimelshein 2018; Dao et
 * al. 2022), in tiles.
 *
 * The query heads of one key head are stacked, so that keys and values are read
 * once for all: lane r of a tile is its query r / group, head r % group.  Scores
 * are kept transposed, a lane a column, so that the softmax of many lanes is a
 * loop of vectors.  Per lane the largest score m and the sum of exponentials l
 * are kept as keys pass (q is scaled when it is fetched):
 *
 *     s = k q',  m' = max(m, max s),  c = exp(m - m'),  p = exp(s - m')
 *     l = c l + sum p,  o = c o + p' v;  at the end o / l, lse = m + log l
 *
 * Backwards, with D = sum do o:
 *
 *     p = exp(s - lse),  dv = p do,  dp = v do',  ds = p (dp - D)
 *     dq = scale ds' k,  dk = ds q
 */
#include "tile.h"

enum {
	KEYS = 96,     /* keys in a tile */
	TILE = 48,     /* lanes in a tile */
	BLOCK = 10,    /* tiles that pass a tile of keys in turn, while it is in cache */
};

/* One row of the packed tokens under one key head. */
struct task {
	const struct heads *h;
	long group, dim, wide;         /* heads stacked; dim rounded up to LANES */
	long head;                     /* the key head */
	long q, queries, k, keys;      /* where they start, how many */
	long tile, lanes;              /* queries in a tile; stacked, rounded up to LANES */
};

static long queries_a_tile(const struct heads *h) { return max_long(1, min_long(16, TILE / (h->q / h->kv))); }

static struct task task_of(const struct spans *s, const struct heads *h, long row, long head)
{
	struct task t = {h, h->q / h->kv, h->dim, round_up(h->dim, LANES), head, s->q[row],
	                 s->q[row + 1] - s->q[row], s->k[row], s->len[row], queries_a_tile(h), 0};

	t.lanes = round_up(t.tile * t.group, LANES);
	return t;
}

/* Query i sees keys first_key .. last_key - 1. */
static long last_key(const struct task *t, long i)
{
	return max_long(0, i + 1 + t->keys - t->queries);
}

static long first_key(const struct task *t, long i)
{
	return t->h->window ? max_long(0, last_key(t, i) - t->h->window) : 0;
}

/* y [wide] = columns j.. of row i, then zeros. */
static void fetch(float *y, struct mat m, long i, long j, const struct task *t)
{
	const float *x = load(m, i, j, t->dim, y);

	if (x != y)
		memcpy(y, x, t->dim * sizeof *y);
	memset(y + t->dim, 0, (t->wide - t->dim) * sizeof *y);
}

static void put(struct mat m, long i, long j, long n, const float *x)
{
	if (m.type == F32)
		memcpy(at(m, i, j), x, n * sizeof *x);
	else
		store(m, i, j, n, x);
}

/* y [n x wide] = keys or values j.., n of them. */
static void fetch_keys(float *y, struct mat m, long j, long n, const struct task *t)
{
	for (long r = 0; r < n; r++)
		fetch(y + r * t->wide, m, t->k + j + r, t->head * t->h->kv_stride, t);
}

/* How many lanes a tile that starts at query i fills. */
static long filled(const struct task *t, long i)
{
	return min_long(t->tile, t->queries - i) * t->group;
}

static long token_of(const struct task *t, long i, long r) { return t->q + i + r / t->group; }
static long head_of(const struct task *t, long r) { return t->head * t->group + r % t->group; }

/* y [lanes x wide] = the tile at query i of a matrix whose heads lie stride apart. */
static void fetch_tile(float *y, struct mat m, long stride, long i, const struct task *t)
{
	long n = filled(t, i);

	for (long r = 0; r < n; r++)
		fetch(y + r * t->wide, m, token_of(t, i, r), head_of(t, r) * stride, t);
	memset(y + n * t->wide, 0, (t->lanes - n) * t->wide * sizeof *y);
}

HOT static void scale_by(float *x, long n, float c)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		x[j] *= c;
}

/* What a tile of queries sees of a tile of n keys: lane r the keys below
 * to + query[r], and of those the last `window`. */
struct view { long n, lanes, to, window; const int32_t *query; };

static struct view view_of(const struct task *t, const int32_t *query, long i, long j, long n)
{
	long last = last_key(t, i + min_long(t->tile, t->queries - i) - 1);

	return (struct view){first_key(t, i) < j + n ? max_long(0, min_long(n, last - j)) : 0, t->lanes,
	                     i + 1 + t->keys - t->queries - j, t->h->window, query};
}

static void number_lanes(int32_t *query, const struct task *t)
{
	for (long r = 0; r < t->lanes; r++)
		query[r] = r / t->group;
}

/* Scores that are not seen become -INFINITY. */
HOT static void hide(float *s, const struct view *w)
{
	for (long j = max_long(0, w->to); j < w->n; j++)
#pragma omp simd
		for (long r = 0; r < w->lanes; r++)
			s[j * w->lanes + r] =
				w->query[r] > (int32_t)(j - w->to) ? s[j * w->lanes + r] : -INFINITY;
	if (!w->window)
		return;
	for (long j = 0; j < w->n; j++)
#pragma omp simd
		for (long r = 0; r < w->lanes; r++)
			s[j * w->lanes + r] = w->query[r] - (int32_t)(j - w->to) <= w->window
			                      ? s[j * w->lanes + r] : -INFINITY;
}

/* Scores s become p; m and l are brought up to date; the rest wants scaling by c. */
HOT static void soften(float *s, const struct view *w, float *m, float *l, float *c)
{
	for (long r = 0; r < w->lanes; r += LANES) {
		float high[LANES], sum[LANES];

#pragma omp simd
		for (int x = 0; x < LANES; x++) {
			high[x] = m[r + x];
			sum[x] = 0;
		}
		for (long j = 0; j < w->n; j++)
#pragma omp simd
			for (int x = 0; x < LANES; x++) {
				float z = s[j * w->lanes + r + x];

				high[x] = z > high[x] ? z : high[x];
			}
		for (long j = 0; j < w->n; j++)
#pragma omp simd
			for (int x = 0; x < LANES; x++) {
				float *z = s + j * w->lanes + r + x;

				*z = exp_fast(*z - high[x]);
				sum[x] += *z;
			}
#pragma omp simd
		for (int x = 0; x < LANES; x++) {
			c[r + x] = exp_fast(m[r + x] - high[x]);
			l[r + x] = l[r + x] * c[r + x] + sum[x];
			m[r + x] = high[x];
		}
	}
}

HOT static void scale_rows(float *o, const float *c, long rows, long wide)
{
	for (long r = 0; r < rows; r++)
#pragma omp simd
		for (long j = 0; j < wide; j++)
			o[r * wide + j] *= c[r];
}

/* The state of a block of tiles and the room it works in.  q lies transposed. */
struct forward { float *q, *o, *m, *l, *k, *v, *s, *c; int32_t *query; };

static struct forward forward_room(struct dev *d, const struct task *t)
{
	long lanes = t->lanes, block = BLOCK * lanes, keys = KEYS * t->wide;
	float *p = own_workspace(d, 2 * block * t->wide + 2 * block + 2 * keys + (KEYS + 2) * lanes);
	struct forward f = {.q = p, .o = p + block * t->wide};

	f.m = f.o + block * t->wide;
	f.l = f.m + block;
	f.k = f.l + block;
	f.v = f.k + keys;
	f.s = f.v + keys;
	f.c = f.s + KEYS * lanes;
	f.query = (int32_t *)(f.c + lanes);
	number_lanes(f.query, t);
	return f;
}

/* The keys j.., nk of them, pass tile b of the block, whose first query is i. */
static void pass_keys(struct forward *f, long b, long i, long j, long nk, const struct task *t)
{
	struct view w = view_of(t, f->query, i, j, nk);
	long wide = t->wide, lanes = t->lanes;
	float *o = f->o + b * lanes * wide;

	if (!w.n)
		return;
	product(f->s, lanes, f->k, wide, 1, f->q + b * lanes * wide, lanes, w.n, lanes, wide, 0);
	hide(f->s, &w);
	soften(f->s, &w, f->m + b * lanes, f->l + b * lanes, f->c);
	scale_rows(o, f->c, lanes, wide);
	product(o, wide, f->s, 1, lanes, f->v, wide, filled(t, i), wide, w.n, 1);
}

static void start_tile(struct forward *f, struct mat q, long b, long i, const struct task *t)
{
	long size = t->lanes * t->wide;

	fetch_tile(f->o + b * size, q, t->h->q_stride, i, t);
	scale_by(f->o + b * size, size, t->h->scale);
	transpose(f->q + b * size, f->o + b * size, t->lanes, t->wide);
	memset(f->o + b * size, 0, size * sizeof(float));
	for (long r = b * t->lanes; r < (b + 1) * t->lanes; r++) {
		f->m[r] = -1e30f;      /* finite: -INFINITY - m is no NaN */
		f->l[r] = 0;
	}
}

static void finish_tile(struct forward *f, struct mat o, float *lse, long b, long i,
                        const struct task *t)
{
	long n = filled(t, i), first = b * t->lanes;

	for (long r = 0; r < n; r++) {
		long token = token_of(t, i, r), head = head_of(t, r);
		float *row = f->o + (first + r) * t->wide, l = f->l[first + r];

		scale_by(row, t->dim, l != 0 ? 1 / l : 0);
		put(o, token, head * t->dim, t->dim, row);
		if (lse)
			lse[token * t->h->q + head] = f->m[first + r] + logf(l);
	}
}

/* A block of one task's queries, from i on. */
static void attend(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k,
                   struct mat v, long i, const struct task *t)
{
	struct forward f = forward_room(d, t);
	long past = min_long(t->queries, i + BLOCK * t->tile), end = last_key(t, past - 1);

	for (long a = i, b = 0; a < past; a += t->tile, b++)
		start_tile(&f, q, b, a, t);
	for (long j = first_key(t, i); j < end; j += KEYS) {
		long nk = min_long(KEYS, end - j);

		fetch_keys(f.k, k, j, nk, t);
		fetch_keys(f.v, v, j, nk, t);
		for (long a = i, b = 0; a < past; a += t->tile, b++)
			pass_keys(&f, b, a, j, nk, t);
	}
	for (long a = i, b = 0; a < past; a += t->tile, b++)
		finish_tile(&f, o, lse, b, a, t);
}

static long most_queries(const struct spans *s)
{
	long most = 0;

	for (int r = 0; r < s->n; r++)
		most = max_long(most, s->q[r + 1] - s->q[r]);
	return most;
}

void cpu_attn(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k, struct mat v,
              struct spans spans, struct heads h)
{
	long step = BLOCK * queries_a_tile(&h), most = most_queries(&spans);

#pragma omp parallel for collapse(3) schedule(dynamic)
	for (long row = 0; row < spans.n; row++)
		for (long head = 0; head < h.kv; head++)
			for (long i = 0; i < most; i += step) {
				struct task t = task_of(&spans, &h, row, head);

				if (i < t.queries)
					attend(d, o, lse, q, k, v, i, &t);
			}
}

/* Of all the row's queries, a tile after another: q and dout as they are and
 * transposed, dq, lse, D; of a tile of keys; of both. */
struct backward {
	float *q, *qt, *dout, *doutt, *dq, *lse, *sum;
	float *k, *v, *dk, *dv;
	float *p, *ds;
	int32_t *query;
};

static struct backward backward_room(struct dev *d, const struct task *t)
{
	long tiles = (t->queries + t->tile - 1) / t->tile, all = tiles * t->lanes, size = all * t->wide;
	long keys = KEYS * t->wide, both = KEYS * t->lanes;
	float *p = own_workspace(d, 5 * size + 2 * all + 4 * keys + 2 * both + t->lanes);
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
#pragma omp parallel for collapse(2) schedule(dynamic)
	for (long row = 0; row < spans.n; row++)
		for (long head = 0; head < h.kv; head++) {
			struct task t = task_of(&spans, &h, row, head);

			back_row(d, dq, dk, dv, dout, o, lse, q, k, v, &t);
		}
}
