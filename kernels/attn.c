/* attn.c - attention with a running softmax (Milakov, Gimelshein 2018; Dao et
 * al. 2022), in tiles.
 *
 * The query heads of one key head are stacked: a tile's row r is query r / group
 * of the tile in head r % group, so that keys and values are read once for all.
 * Per row the largest score m and the sum of exponentials l are kept as tiles of
 * keys pass:
 *
 *     s = scale q k',  m' = max(m, max s),  c = exp(m - m'),  p = exp(s - m')
 *     l = c l + sum p,  o = c o + p v;  at the end o / l, lse = m + log l
 *
 * Backwards, with D = sum do o:
 *
 *     p = exp(s - lse),  dv = p' do,  dp = do v',  ds = scale p (dp - D)
 *     dq = ds k,  dk = ds' q
 */
#include "tile.h"

enum { KEYS = 64, STACK = 96 };        /* of a tile: keys, stacked queries */

/* One row of the packed tokens under one key head. */
struct task {
	const struct heads *h;
	long group, dim, wide;         /* heads stacked; dim rounded up to LANES */
	long head;                     /* the key head */
	long q, queries, k, keys;      /* where they start, how many */
};

static struct task task_of(const struct spans *s, const struct heads *h, long row, long head)
{
	return (struct task){h, h->q / h->kv, h->dim, round_up(h->dim, LANES), head, s->q[row],
	                     s->q[row + 1] - s->q[row], s->k[row], s->len[row]};
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

static long queries_a_tile(const struct heads *h)
{
	return max_long(1, STACK / (h->q / h->kv));
}

static void fetch(float *y, struct mat m, long i, long j, const struct task *t)
{
	const float *x = load(m, i, j, t->dim, y);

	if (x != y)
		memcpy(y, x, t->dim * sizeof *y);
	memset(y + t->dim, 0, (t->wide - t->dim) * sizeof *y);
}

/* y [n group x wide] = queries i.., n of them, of a matrix laid out as q. */
static void fetch_queries(float *y, struct mat m, long stride, long i, long n, const struct task *t)
{
	for (long r = 0; r < n * t->group; r++) {
		long head = t->head * t->group + r % t->group;

		fetch(y + r * t->wide, m, t->q + i + r / t->group, head * stride, t);
	}
}

/* y [n x wide] = keys or values j.., n of them. */
static void fetch_keys(float *y, struct mat m, long j, long n, const struct task *t)
{
	for (long r = 0; r < n; r++)
		fetch(y + r * t->wide, m, t->k + j + r, t->head * t->h->kv_stride, t);
}

/* y [cols x KEYS] = x', x [n x cols]; columns from n on are 0. */
HOT static void transpose(float *y, const float *x, long n, long cols)
{
	for (long i = 0; i < n; i++)
		for (long j = 0; j < cols; j++)
			y[j * KEYS + i] = x[i * cols + j];
	for (long j = 0; j < cols; j++)
		for (long i = n; i < KEYS; i++)
			y[j * KEYS + i] = 0;
}

HOT static void scale_row(float *x, long n, float c)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		x[j] *= c;
}

/* One row of scores, of which only from..to-1 are seen, becomes p; m and l are
 * brought up to date; returns c. */
HOT static float soften(float *s, long n, long from, long to, float scale, float *m, float *l)
{
	float high = *m, sum = 0, c;

#pragma omp simd reduction(max:high)
	for (long j = 0; j < n; j++) {
		s[j] = j >= from && j < to ? s[j] * scale : -INFINITY;
		high = s[j] > high ? s[j] : high;
	}
#pragma omp simd reduction(+:sum)
	for (long j = 0; j < n; j++) {
		s[j] = exp_fast(s[j] - high);
		sum += s[j];
	}
	c = exp_fast(*m - high);
	*m = high;
	*l = *l * c + sum;
	return c;
}

/* The state of a tile of queries and the room it works in. */
struct forward { float *q, *o, *m, *l, *k, *kt, *v, *s; };

static struct forward forward_room(struct dev *d, const struct task *t)
{
	long rows = queries_a_tile(t->h) * t->group, tile = rows * t->wide, keys = KEYS * t->wide;
	long stack = round_up(rows, LANES);
	float *p = own_workspace(d, 2 * tile + 3 * keys + rows * KEYS + 2 * stack);
	struct forward f = {.q = p, .o = p + tile};

	f.k = f.o + tile;
	f.kt = f.k + keys;
	f.v = f.kt + keys;
	f.s = f.v + keys;
	f.m = f.s + rows * KEYS;
	f.l = f.m + stack;
	return f;
}

/* Keys j..j+n-1 pass the queries i.. */
static void pass_keys(struct forward *f, struct mat k, struct mat v, long i, long rows, long j,
                      long n, const struct task *t)
{
	long wide = t->wide, padded = round_up(n, LANES);

	fetch_keys(f->k, k, j, n, t);
	fetch_keys(f->v, v, j, n, t);
	transpose(f->kt, f->k, n, wide);
	product(f->s, KEYS, f->q, wide, 1, f->kt, KEYS, rows, padded, wide, 0);
	for (long r = 0; r < rows; r++) {
		long from = first_key(t, i + r / t->group), to = last_key(t, i + r / t->group);
		float c = soften(f->s + r * KEYS, padded, from - j, min_long(to - j, n), t->h->scale,
		                 f->m + r, f->l + r);

		if (c != 1)
			scale_row(f->o + r * wide, wide, c);
	}
	product(f->o, wide, f->s, KEYS, 1, f->v, wide, rows, wide, n, 1);
}

static void attend(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k,
                   struct mat v, long i, long n, const struct task *t)
{
	struct forward f = forward_room(d, t);
	long rows = n * t->group, end = last_key(t, i + n - 1);

	fetch_queries(f.q, q, t->h->q_stride, i, n, t);
	memset(f.o, 0, rows * t->wide * sizeof(float));
	for (long r = 0; r < rows; r++) {
		f.m[r] = -1e30f;       /* finite: -INFINITY - m is no NaN */
		f.l[r] = 0;
	}
	for (long j = first_key(t, i); j < end; j += KEYS)
		pass_keys(&f, k, v, i, rows, j, min_long(KEYS, end - j), t);
	for (long r = 0; r < rows; r++) {
		long token = t->q + i + r / t->group, head = t->head * t->group + r % t->group;
		float *row = f.o + r * t->wide;

		scale_row(row, t->dim, f.l[r] != 0 ? 1 / f.l[r] : 0);
		if (o.type == F32)
			memcpy(at(o, token, head * t->dim), row, t->dim * sizeof *row);
		else
			store(o, token, head * t->dim, t->dim, row);
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
	long step = queries_a_tile(&h), most = most_queries(&spans);

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
	float *q, *dout, *p, *ds;              /* of a tile of queries */
	float *k, *kt, *v, *vt, *dk, *dv;      /* of a tile of keys */
	float *dq, *sum;                       /* of the whole row; sum is D */
};

static struct backward backward_room(struct dev *d, const struct task *t)
{
	long rows = queries_a_tile(t->h) * t->group, tile = rows * t->wide, keys = KEYS * t->wide;
	long whole = t->queries * t->group;
	float *p = own_workspace(d, 2 * tile + 2 * rows * KEYS + 6 * keys + whole * (t->wide + 1));
	struct backward b = {.q = p, .dout = p + tile};

	b.p = b.dout + tile;
	b.ds = b.p + rows * KEYS;
	b.k = b.ds + rows * KEYS;
	b.kt = b.k + keys;
	b.v = b.kt + keys;
	b.vt = b.v + keys;
	b.dk = b.vt + keys;
	b.dv = b.dk + keys;
	b.dq = b.dv + keys;
	b.sum = b.dq + whole * t->wide;
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

/* dq = 0 and D of every query. */
static void start_row(struct backward *b, struct mat dout, struct mat o, const struct task *t)
{
	memset(b->dq, 0, t->queries * t->group * t->wide * sizeof(float));
	for (long i = 0; i < t->queries; i++) {
		fetch_queries(b->q, o, t->dim, i, 1, t);
		fetch_queries(b->dout, dout, t->dim, i, 1, t);
		for (long g = 0; g < t->group; g++)
			b->sum[i * t->group + g] =
				dot(b->q + g * t->wide, b->dout + g * t->wide, t->wide);
	}
}

/* One row: scores p become probabilities, dp in ds becomes ds. */
HOT static void soften_back(float *p, float *ds, long n, long from, long to, float scale, float lse,
                            float sum)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		float e = exp_fast(p[j] * scale - lse);

		p[j] = j >= from && j < to ? e : 0;
		ds[j] = scale * p[j] * (ds[j] - sum);
	}
}

/* Queries i.., n of them, against the keys j.., nk of them. */
static void back_tile(struct backward *b, struct mat q, struct mat dout, const float *lse, long i,
                      long n, long j, long nk, const struct task *t)
{
	long rows = n * t->group, wide = t->wide, padded = round_up(nk, LANES);

	fetch_queries(b->q, q, t->h->q_stride, i, n, t);
	fetch_queries(b->dout, dout, t->dim, i, n, t);
	product(b->p, KEYS, b->q, wide, 1, b->kt, KEYS, rows, padded, wide, 0);
	product(b->ds, KEYS, b->dout, wide, 1, b->vt, KEYS, rows, padded, wide, 0);
	for (long r = 0; r < rows; r++) {
		long query = i + r / t->group, head = t->head * t->group + r % t->group;
		long from = first_key(t, query), to = last_key(t, query);

		soften_back(b->p + r * KEYS, b->ds + r * KEYS, padded, from - j,
		            min_long(to - j, nk), t->h->scale,
		            lse[(t->q + query) * t->h->q + head], b->sum[i * t->group + r]);
	}
	product(b->dv, wide, b->p, 1, KEYS, b->dout, wide, nk, wide, rows, 1);
	product(b->dk, wide, b->ds, 1, KEYS, b->q, wide, nk, wide, rows, 1);
	product(b->dq + i * t->group * wide, wide, b->ds, KEYS, 1, b->k, wide, rows, wide, nk, 1);
}

static void write_row(struct mat m, long i, long j, long n, const float *x)
{
	if (m.type == F32)
		memcpy(at(m, i, j), x, n * sizeof *x);
	else
		store(m, i, j, n, x);
}

static void back_row(struct dev *d, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                     struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                     const struct task *t)
{
	struct backward b = backward_room(d, t);
	long step = queries_a_tile(t->h), column = t->head * t->h->kv_stride;

	start_row(&b, dout, o, t);
	for (long j = 0; j < t->keys; j += KEYS) {
		long nk = min_long(KEYS, t->keys - j);

		fetch_keys(b.k, k, j, nk, t);
		fetch_keys(b.v, v, j, nk, t);
		transpose(b.kt, b.k, nk, t->wide);
		transpose(b.vt, b.v, nk, t->wide);
		memset(b.dk, 0, nk * t->wide * sizeof(float));
		memset(b.dv, 0, nk * t->wide * sizeof(float));
		for (long i = 0; i < t->queries; i += step) {
			long n = min_long(step, t->queries - i);

			if (last_key(t, i + n - 1) > j && first_key(t, i) < j + nk)
				back_tile(&b, q, dout, lse, i, n, j, nk, t);
		}
		for (long r = 0; r < nk; r++) {
			write_row(dk, t->k + j + r, column, t->dim, b.dk + r * t->wide);
			write_row(dv, t->k + j + r, column, t->dim, b.dv + r * t->wide);
		}
	}
	for (long r = 0; r < t->queries * t->group; r++)
		write_row(dq, t->q + r / t->group,
		          (t->head * t->group + r % t->group) * t->h->q_stride, t->dim,
		          b.dq + r * t->wide);
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
