/* attn.c - attention with a running softmax (Milakov, Gimelshein 2018; Dao et
 * al. 2022), in tiles.
 *
 * The query heads of one key head are stacked: stacked row r is query r / group,
 * head r % group, so that keys and values are read once for all.  Per row the
 * largest score m and the sum of exponentials l are kept as tiles of keys pass
 * (q is scaled when it is fetched):
 *
 *     s = q k',  m' = max(m, max s),  c = exp(m - m'),  p = exp(s - m')
 *     l = c l + sum p,  o = c o + p v;  at the end o / l, lse = m + log l
 *
 * Backwards, with D = sum do o:
 *
 *     p = exp(s - lse),  dv = p' do,  dp = do v',  ds = p (dp - D)
 *     dq = scale ds k,  dk = ds' q
 */
#include "tile.h"

/* Stacked rows that pass a tile of keys at once, and that pass it in turn while
 * it is in cache. */
enum { KEYS = 64, TILE = 48, BLOCK = 512 };

/* One row of the packed tokens under one key head. */
struct task {
	const struct heads *h;
	long group, dim, wide;         /* heads stacked; dim rounded up to LANES */
	long head;                     /* the key head */
	long q, queries, k, keys;      /* where they start, how many */
	long tile;                     /* queries in a tile */
};

static long tile_queries(const struct heads *h) { return max_long(1, TILE / (h->q / h->kv)); }
static long block_queries(const struct heads *h) { return max_long(1, BLOCK / (h->q / h->kv)); }

static struct task task_of(const struct spans *s, const struct heads *h, long row, long head)
{
	return (struct task){h, h->q / h->kv, h->dim, round_up(h->dim, LANES), head, s->q[row],
	                     s->q[row + 1] - s->q[row], s->k[row], s->len[row], tile_queries(h)};
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

/* How many of the keys j.., nk of them, the queries i.., n of them, reach into. */
static long reach(const struct task *t, long i, long n, long j, long nk)
{
	return first_key(t, i) < j + nk ? min_long(nk, last_key(t, i + n - 1) - j) : 0;
}

static void fetch(float *y, struct mat m, long i, long j, const struct task *t)
{
	const float *x = load(m, i, j, t->dim, y);

	if (x != y)
		memcpy(y, x, t->dim * sizeof *y);
	memset(y + t->dim, 0, (t->wide - t->dim) * sizeof *y);
}

/* The matrix's row and column of a stacked row; heads lie `stride` apart. */
static long token_of(const struct task *t, long r) { return t->q + r / t->group; }
static long head_of(const struct task *t, long r) { return t->head * t->group + r % t->group; }

/* y [n x wide] = keys or values j.., n of them. */
static void fetch_keys(float *y, struct mat m, long j, long n, const struct task *t)
{
	for (long r = 0; r < n; r++)
		fetch(y + r * t->wide, m, t->k + j + r, t->head * t->h->kv_stride, t);
}

static void put(struct mat m, long i, long j, long n, const float *x)
{
	if (m.type == F32)
		memcpy(at(m, i, j), x, n * sizeof *x);
	else
		store(m, i, j, n, x);
}

/* y [cols x KEYS] = x', x [n x cols]; columns up to a multiple of LANES are 0. */
HOT static void transpose(float *y, const float *x, long n, long cols)
{
	long padded = round_up(n, LANES);

	for (long i = 0; i < n; i++)
		for (long j = 0; j < cols; j++)
			y[j * KEYS + i] = x[i * cols + j];
	for (long j = 0; j < cols; j++)
		for (long i = n; i < padded; i++)
			y[j * KEYS + i] = 0;
}

HOT static void scale_row(float *x, long n, float c)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		x[j] *= c;
}

/* What a tile of stacked rows sees of a tile of keys: row r the columns
 * to + r / group - window .. to + r / group - 1. */
struct view { long rows, group, n, to, window; };

static struct view view_of(const struct task *t, long i, long rows, long j, long n)
{
	long window = t->h->window ? t->h->window : t->keys + KEYS;

	return (struct view){rows, t->group, n, i + 1 + t->keys - t->queries - j, window};
}

/* What row r does not see becomes x. */
INLINE void hide(float *s, const struct view *w, long r, float x)
{
	long to = w->to + r / w->group, from = to - w->window;

	for (long j = 0; j < min_long(from, w->n); j++)
		s[j] = x;
	for (long j = max_long(to, 0); j < w->n; j++)
		s[j] = x;
}

/* Scores s become p; m and l are brought up to date and o scaled by c. */
HOT static void soften(float *s, const struct view *w, float *m, float *l, float *o, long wide)
{
	long n = round_up(w->n, LANES);

	for (long r = 0; r < w->rows; r++, s += KEYS, o += wide) {
		float high = m[r], sum = 0, c;

		hide(s, w, r, -INFINITY);
		for (long j = w->n; j < n; j++)
			s[j] = -INFINITY;
#pragma omp simd reduction(max:high)
		for (long j = 0; j < n; j++)
			high = s[j] > high ? s[j] : high;
#pragma omp simd reduction(+:sum)
		for (long j = 0; j < n; j++)
			sum += s[j] = exp_fast(s[j] - high);
		c = exp_fast(m[r] - high);
		m[r] = high;
		l[r] = l[r] * c + sum;
		if (c == 1)
			continue;
#pragma omp simd
		for (long j = 0; j < wide; j++)
			o[j] *= c;
	}
}

/* The state of a block of queries and the room it works in. */
struct forward { float *q, *o, *m, *l, *k, *kt, *v, *s; };

static struct forward forward_room(struct dev *d, const struct task *t, long rows)
{
	long stack = round_up(rows, LANES), keys = KEYS * t->wide;
	long scores = t->tile * t->group * KEYS;
	float *p = own_workspace(d, 2 * rows * t->wide + 2 * stack + 3 * keys + scores);
	struct forward f = {.q = p, .o = p + rows * t->wide};

	f.m = f.o + rows * t->wide;
	f.l = f.m + stack;
	f.k = f.l + stack;
	f.kt = f.k + keys;
	f.v = f.kt + keys;
	f.s = f.v + keys;
	return f;
}

/* The keys j.., nk of them, pass the block's queries i.., n of them. */
static void pass_keys(struct forward *f, long i, long n, long j, long nk, const struct task *t)
{
	long wide = t->wide;

	for (long a = 0; a < n; a += t->tile) {
		long count = min_long(t->tile, n - a), rows = count * t->group, r = a * t->group;
		long seen = reach(t, i + a, count, j, nk);
		struct view w = view_of(t, i + a, rows, j, seen);

		if (seen <= 0)
			continue;
		product(f->s, KEYS, f->q + r * wide, wide, 1, f->kt, KEYS, rows,
		        round_up(seen, LANES), wide, 0);
		soften(f->s, &w, f->m + r, f->l + r, f->o + r * wide, wide);
		product(f->o + r * wide, wide, f->s, KEYS, 1, f->v, wide, rows, wide, seen, 1);
	}
}

/* The queries i.., n of them, of one task. */
static void attend(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k,
                   struct mat v, long i, long n, const struct task *t)
{
	long first = i * t->group, rows = n * t->group, end = last_key(t, i + n - 1);
	struct forward f = forward_room(d, t, rows);

	for (long r = 0; r < rows; r++) {
		float *row = f.q + r * t->wide;

		fetch(row, q, token_of(t, first + r), head_of(t, r) * t->h->q_stride, t);
		scale_row(row, t->dim, t->h->scale);
		f.m[r] = -1e30f;       /* finite: -INFINITY - m is no NaN */
		f.l[r] = 0;
	}
	memset(f.o, 0, rows * t->wide * sizeof(float));
	for (long j = first_key(t, i); j < end; j += KEYS) {
		long nk = min_long(KEYS, end - j);

		fetch_keys(f.k, k, j, nk, t);
		fetch_keys(f.v, v, j, nk, t);
		transpose(f.kt, f.k, nk, t->wide);
		pass_keys(&f, i, n, j, nk, t);
	}
	for (long r = 0; r < rows; r++) {
		long token = token_of(t, first + r), head = head_of(t, r);
		float *row = f.o + r * t->wide;

		scale_row(row, t->dim, f.l[r] != 0 ? 1 / f.l[r] : 0);
		put(o, token, head * t->dim, t->dim, row);
		if (lse)
			lse[token * t->h->q + head] = f.m[r] + logf(f.l[r]);
	}
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
	long step = block_queries(&h), most = most_queries(&spans);

#pragma omp parallel for collapse(3) schedule(dynamic)
	for (long row = 0; row < spans.n; row++)
		for (long head = 0; head < h.kv; head++)
			for (long i = 0; i < most; i += step) {
				struct task t = task_of(&spans, &h, row, head);

				if (i < t.queries)
					attend(d, o, lse, q, k, v, i, min_long(step, t.queries - i),
					       &t);
			}
}

struct backward {
	float *q, *dout, *dq, *lse, *sum;      /* of all stacked rows; sum is D */
	float *k, *kt, *vt, *dk, *dv;          /* of a tile of keys */
	float *p, *ds;                         /* of a tile of both */
};

static struct backward backward_room(struct dev *d, const struct task *t)
{
	long rows = t->queries * t->group, stack = round_up(rows, LANES), keys = KEYS * t->wide;
	long tile = t->tile * t->group * KEYS;
	float *p = own_workspace(d, 3 * rows * t->wide + 2 * stack + 5 * keys + 2 * tile);
	struct backward b = {.q = p, .dout = p + rows * t->wide};

	b.dq = b.dout + rows * t->wide;
	b.lse = b.dq + rows * t->wide;
	b.sum = b.lse + stack;
	b.k = b.sum + stack;
	b.kt = b.k + keys;
	b.vt = b.kt + keys;
	b.dk = b.vt + keys;
	b.dv = b.dk + keys;
	b.p = b.dv + keys;
	b.ds = b.p + tile;
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

/* Fetches what belongs to the queries; dq = 0. */
static void start_row(struct backward *b, struct mat q, struct mat dout, struct mat o,
                      const float *lse, const struct task *t)
{
	long rows = t->queries * t->group;

	for (long r = 0; r < rows; r++) {
		long token = token_of(t, r), head = head_of(t, r);
		float *x = b->q + r * t->wide, *g = b->dout + r * t->wide;

		fetch(x, o, token, head * t->dim, t);
		fetch(g, dout, token, head * t->dim, t);
		b->sum[r] = dot(x, g, t->dim);
		b->lse[r] = lse[token * t->h->q + head];
		fetch(x, q, token, head * t->h->q_stride, t);
		scale_row(x, t->dim, t->h->scale);
	}
	memset(b->dq, 0, rows * t->wide * sizeof(float));
}

/* Scores p become probabilities, dp in ds becomes ds. */
HOT static void soften_back(float *p, float *ds, const struct view *w, const float *lse,
                            const float *sum)
{
	long n = round_up(w->n, LANES);

	for (long r = 0; r < w->rows; r++, p += KEYS, ds += KEYS) {
		float shift = lse[r], D = sum[r];

		hide(p, w, r, -INFINITY);
#pragma omp simd
		for (long j = 0; j < n; j++) {
			p[j] = exp_fast(p[j] - shift);
			ds[j] = p[j] * (ds[j] - D);
		}
	}
}

/* Queries i.., n of them, against the keys j.., nk of them. */
static void back_tile(struct backward *b, long i, long n, long j, long nk, const struct task *t)
{
	long rows = n * t->group, wide = t->wide, seen = reach(t, i, n, j, nk);
	long padded = round_up(seen, LANES), r = i * t->group;
	struct view w = view_of(t, i, rows, j, seen);

	if (seen <= 0)
		return;
	product(b->p, KEYS, b->q + r * wide, wide, 1, b->kt, KEYS, rows, padded, wide, 0);
	product(b->ds, KEYS, b->dout + r * wide, wide, 1, b->vt, KEYS, rows, padded, wide, 0);
	soften_back(b->p, b->ds, &w, b->lse + r, b->sum + r);
	product(b->dv, wide, b->p, 1, KEYS, b->dout + r * wide, wide, seen, wide, rows, 1);
	product(b->dk, wide, b->ds, 1, KEYS, b->q + r * wide, wide, seen, wide, rows, 1);
	product(b->dq + r * wide, wide, b->ds, KEYS, 1, b->k, wide, rows, wide, seen, 1);
}

static void back_row(struct dev *d, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                     struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                     const struct task *t)
{
	struct backward b = backward_room(d, t);
	long column = t->head * t->h->kv_stride;

	start_row(&b, q, dout, o, lse, t);
	for (long j = 0; j < t->keys; j += KEYS) {
		long nk = min_long(KEYS, t->keys - j);

		fetch_keys(b.k, v, j, nk, t);
		transpose(b.vt, b.k, nk, t->wide);
		fetch_keys(b.k, k, j, nk, t);
		transpose(b.kt, b.k, nk, t->wide);
		memset(b.dk, 0, nk * t->wide * sizeof(float));
		memset(b.dv, 0, nk * t->wide * sizeof(float));
		for (long i = 0; i < t->queries; i += t->tile)
			back_tile(&b, i, min_long(t->tile, t->queries - i), j, nk, t);
		for (long r = 0; r < nk; r++) {
			put(dk, t->k + j + r, column, t->dim, b.dk + r * t->wide);
			put(dv, t->k + j + r, column, t->dim, b.dv + r * t->wide);
		}
	}
	for (long r = 0; r < t->queries * t->group; r++) {
		scale_row(b.dq + r * t->wide, t->dim, t->h->scale);
		put(dq, token_of(t, r), head_of(t, r) * t->h->q_stride, t->dim, b.dq + r * t->wide);
	}
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
