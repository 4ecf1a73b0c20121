/* SPDX-License-Identifier: MIT */
/* ops_attn.c - attention and rotary positions against formulas in double. */
#include "ops_help.h"

/* Everything one call takes; host matrices and their device copies. */
struct problem {
	struct heads h;
	int32_t qs[9], ks[8], len[8];
	struct spans spans;
	long queries, keys;
	double size;                           /* of queries and keys */
	struct mat q, k, v, dout;
	struct ref o, lse, dq, dk, dv;
	struct ref p, slope;                   /* of one row and head, [queries x keys]; slope: of the cap */
};

static int seen(const struct problem *t, int row, long i, long j)
{
	long last = i + t->len[row] - (t->qs[row + 1] - t->qs[row]);

	return j <= last && (!t->h.window || j > last - t->h.window);
}

/* p = softmax(scores), o = p v, for head h of one row. */
static void refer_row(struct problem *t, int row, int h)
{
	long n = t->qs[row + 1] - t->qs[row], g = h / (t->h.q / t->h.kv), dim = t->h.dim;
	long qc = h * t->h.q_stride, kc = g * t->h.kv_stride, k0 = t->ks[row];

	for (long i = 0; i < n; i++) {
		double high = -INFINITY, sum = 0;
		long token = t->qs[row] + i;

		for (long j = 0; j < t->len[row]; j++) {
			double s = 0;

			for (long c = 0; c < dim; c++)
				s += get(t->q, token, qc + c) * get(t->k, k0 + j, kc + c);
			s *= t->h.scale;
			R(t->slope, i, j) = t->h.cap > 0 ? 1 - pow(tanh(s / t->h.cap), 2) : 1;
			s = t->h.cap > 0 ? t->h.cap * tanh(s / t->h.cap) : s;
			R(t->p, i, j) = s = seen(t, row, i, j) ? s : -INFINITY;
			high = fmax(high, s);
		}
		for (long j = 0; j < t->len[row]; j++)
			sum += R(t->p, i, j) = exp(R(t->p, i, j) - high);
		for (long j = 0; j < t->len[row]; j++) {
			R(t->p, i, j) /= sum;
			for (long c = 0; c < dim; c++)
				R(t->o, token, h * dim + c) +=
					R(t->p, i, j) * get(t->v, k0 + j, kc + c);
		}
		R(t->lse, token, h) = high + log(sum);
	}
}

/* The gradient, from p and o of refer_row. */
static void refer_back(struct problem *t, int row, int h)
{
	long n = t->qs[row + 1] - t->qs[row], g = h / (t->h.q / t->h.kv), dim = t->h.dim;
	long qc = h * t->h.q_stride, kc = g * t->h.kv_stride, k0 = t->ks[row];

	for (long i = 0; i < n; i++) {
		long token = t->qs[row] + i;
		double d = 0;

		for (long c = 0; c < dim; c++)
			d += get(t->dout, token, h * dim + c) * R(t->o, token, h * dim + c);
		for (long j = 0; j < t->len[row]; j++) {
			double dp = 0, p = R(t->p, i, j), ds;

			for (long c = 0; c < dim; c++) {
				dp += get(t->dout, token, h * dim + c) * get(t->v, k0 + j, kc + c);
				R(t->dv, k0 + j, kc + c) += p * get(t->dout, token, h * dim + c);
			}
			ds = t->h.scale * p * (dp - d) * R(t->slope, i, j);
			for (long c = 0; c < dim; c++) {
				R(t->dq, token, qc + c) += ds * get(t->k, k0 + j, kc + c);
				R(t->dk, k0 + j, kc + c) += ds * get(t->q, token, qc + c);
			}
		}
	}
}

static void refer(struct problem *t)
{
	t->o = ref_new(t->queries, t->h.q * t->h.dim);
	t->lse = ref_new(t->queries, t->h.q);
	t->p = ref_new(t->spans.longest, t->spans.longest);
	t->slope = ref_new(t->spans.longest, t->spans.longest);
	for (int row = 0; row < t->spans.n; row++)
		for (int h = 0; h < t->h.q; h++)
			refer_row(t, row, h);
}

/* The gradients, given the o that the operation is given: it may be rounded. */
static void refer_gradients(struct problem *t, struct mat o)
{
	struct ref exact = t->o, given = ref_of(o), spare = ref_new(exact.rows, exact.cols);

	t->dq = ref_new(t->q.rows, t->q.cols);
	t->dk = ref_new(t->k.rows, t->k.cols);
	t->dv = ref_new(t->v.rows, t->v.cols);
	for (int row = 0; row < t->spans.n; row++)
		for (int h = 0; h < t->h.q; h++) {
			t->o = spare;
			refer_row(t, row, h);
			t->o = given;
			refer_back(t, row, h);
		}
	t->o = exact;
}

/* Between the rows of a matrix there is room for so many times a few numbers more.  With 8 all rows
 * of heads that are a multiple of 8 wide begin at a multiple of 16 bytes, as a model's do: then a
 * device may compute in other ways. */
static long gaps = 1;

/* Rows of `queries` and `keys` lengths, ending with -1. */
static struct problem make(struct heads h, enum dtype type, const int *queries, const int *keys,
                           double size)
{
	struct problem t = {.h = h, .size = size};
	long nq = h.q_stride * (h.q - 1) + h.dim, nk = h.kv_stride * (h.kv - 1) + h.dim;
	int n = 0, gap = keys == queries ? 0 : 3;

	for (; queries[n] >= 0; n++) {
		t.qs[n] = t.queries;
		t.ks[n] = t.keys;
		t.len[n] = keys[n];
		t.queries += queries[n];
		t.keys += keys[n] + gap;
		t.spans.longest = keys[n] > t.spans.longest ? keys[n] : t.spans.longest;
	}
	t.qs[n] = t.queries;
	t.spans.n = n;
	t.q = host_mat(type, t.queries, nq, 3 * gaps, size);
	t.k = host_mat(type, t.keys, nk, 2 * gaps, size);
	t.v = host_mat(type, t.keys, nk, 0, 1);
	t.dout = host_mat(type, t.queries, h.q * h.dim, 2 * gaps, 1);
	refer(&t);
	return t;
}

static struct mat blank(struct mat like, long gap)
{
	struct mat host = host_mat(like.type, like.rows, like.cols, gap * gaps, 1), m = upload(host);

	return m;
}

/* What lies between the heads, or between n rows from[] of so many tokens, is not the
 * gradient's: it stays. */
static void keep_gaps(struct ref want, struct mat before, long stride, long dim, const int32_t *from,
                      const int32_t *tokens, int n)
{
	struct mat host = download(before);

	for (long i = 0; i < want.rows; i++) {
		int within = 0;

		for (int r = 0; r < n; r++)
			within |= i >= from[r] && i < from[r] + tokens[r];
		for (long j = 0; j < want.cols; j++)
			if (!within || j % stride >= dim)
				R(want, i, j) = get(host, i, j);
	}
}

/* A device that is fast at bf16 multiplies probabilities, and ds, in the type of q: each is
 * off by up to 1/256, which is more than all other errors together. */
static double rounding(enum dtype type) { return type == DT_BF16 && dev->fast_bf16 ? 1.0 / 128 : 0; }

static int forward(struct problem *t, struct mat *o, float **lse, const char *name)
{
	struct mat q = upload(t->q), k = upload(t->k), v = upload(t->v), again;
	struct spans s = t->spans;
	char text[200];

	s.q = upload_bytes(t->qs, sizeof t->qs);
	s.k = upload_bytes(t->ks, sizeof t->ks);
	s.len = upload_bytes(t->len, sizeof t->len);
	*o = blank(t->dout, 5);
	again = blank(t->dout, 5);
	*lse = dev_alloc(4 * (t->queries * t->h.q + 1));
	op->attn(dev, *o, *lse, q, k, v, s, t->h);
	op->attn(dev, again, NULL, q, k, v, s, t->h);
	snprintf(text, sizeof text, "attn %s %s: o", name, type_name(t->q.type));
	agrees(*o, t->o, 3e-6 * t->size * t->size + rounding(t->q.type), 1, text);
	snprintf(text, sizeof text, "attn %s %s: lse", name, type_name(t->q.type));
	agrees(mat_of(*lse, DT_F32, t->queries, t->h.q), t->lse, 2e-6, t->size, text);
	same_bytes(*o, again, "the same bits twice, without lse too");
	return 0;
}

static void backward(struct problem *t, struct mat o, const float *lse, const char *name)
{
	struct mat q = upload(t->q), k = upload(t->k), v = upload(t->v), dout = upload(t->dout);
	struct mat dq = blank(t->q, 3), dk = blank(t->k, 1), dv = blank(t->v, 0);
	double tol = (5e-6 * t->size + rounding(t->q.type)) * sqrt(t->h.q / t->h.kv);
	struct spans s = t->spans;
	struct mat rounded = download(o);
	char text[200];

	refer_gradients(t, rounded);

	s.q = upload_bytes(t->qs, sizeof t->qs);
	s.k = upload_bytes(t->ks, sizeof t->ks);
	s.len = upload_bytes(t->len, sizeof t->len);
	keep_gaps(t->dq, dq, t->h.q_stride, t->h.dim, &(int32_t){0}, &(int32_t){(int32_t)t->queries}, 1);
	keep_gaps(t->dk, dk, t->h.kv_stride, t->h.dim, t->ks, t->len, t->spans.n);
	keep_gaps(t->dv, dv, t->h.kv_stride, t->h.dim, t->ks, t->len, t->spans.n);
	for (int twice = 0; twice < 2; twice++)
		op->attn_back(dev, dq, dk, dv, dout, o, lse, q, k, v, s, t->h);
	snprintf(text, sizeof text, "attn_back %s %s: dq", name, type_name(t->q.type));
	agrees(dq, t->dq, tol, t->size, text);
	snprintf(text, sizeof text, "attn_back %s %s: dk", name, type_name(t->q.type));
	agrees(dk, t->dk, tol, t->size, text);
	snprintf(text, sizeof text, "attn_back %s %s: dv", name, type_name(t->q.type));
	agrees(dv, t->dv, tol, 1, text);
}

static void check(const char *name, struct heads h, const int *queries, const int *keys, double size)
{
	for (int type = DT_F32; type <= DT_BF16; type++) {
		struct problem t = make(h, type, queries, keys, size);
		struct mat o;
		float *lse;

		forward(&t, &o, &lse, name);
		backward(&t, o, lse, name);
		tidy();
	}
}

static struct heads heads(int q, int kv, int dim, int gap, int window)
{
	return (struct heads){q, kv, dim, dim + gap, dim + gap, window, 1 / sqrt(dim), 0};
}

static struct heads capped(struct heads h, float cap)
{
	h.cap = cap;
	return h;
}

/* sum o dout, of the problem's own matrices on the device */
static double objective(const struct problem *t, struct mat q, struct mat k, struct mat v, struct spans s)
{
	struct mat o = upload(t->dout), got;
	double sum = 0;

	op->attn(dev, o, NULL, q, k, v, s, t->h);
	got = download(o);
	for (long i = 0; i < got.rows; i++)
		for (long j = 0; j < got.cols; j++)
			sum += get(got, i, j) * get(t->dout, i, j);
	return sum;
}

/* Its gradients by differences: one element of q, k or v in seven. */
static void differences(struct heads h)
{
	static const int rows[] = {3, 5, -1};
	struct problem t = make(h, DT_F32, rows, rows, 1);
	struct mat in[] = {t.q, t.k, t.v}, u[3], grad[3], o, dout = upload(t.dout);
	float *lse = dev_alloc(4 * t.queries * h.q);
	struct spans s = t.spans;
	double worst = 0, step = 1e-2;

	s.q = upload_bytes(t.qs, sizeof t.qs);
	s.k = upload_bytes(t.ks, sizeof t.ks);
	s.len = upload_bytes(t.len, sizeof t.len);
	for (int m = 0; m < 3; m++) {
		u[m] = upload(in[m]);
		grad[m] = upload(in[m]);
	}
	o = upload(t.dout);
	op->attn(dev, o, lse, u[0], u[1], u[2], s, h);
	op->attn_back(dev, grad[0], grad[1], grad[2], dout, o, lse, u[0], u[1], u[2], s, h);
	for (int m = 0; m < 3; m++) {
		struct mat got = download(grad[m]);

		for (long at = 0; at < in[m].rows * in[m].cols; at += 7) {
			long i = at / in[m].cols, j = at % in[m].cols;
			double was = get(in[m], i, j), d = 0;

			for (int side = -1; side <= 1; side += 2) {
				set(in[m], i, j, was + side * step);
				op->put(dev, u[m].p, in[m].p, mat_bytes(in[m]));
				d += side * objective(&t, u[0], u[1], u[2], s) / (2 * step);
			}
			set(in[m], i, j, was);
			op->put(dev, u[m].p, in[m].p, mat_bytes(in[m]));
			worst = fmax(worst, fabs(d - get(got, i, j)));
		}
	}
	ok(worst < 2e-3, "attn_back, cap %g: by differences (%.1e)", h.cap, worst);
	tidy();
}

static void check_rope(enum dtype type, int n, int dim, int rotary, int tokens)
{
	int half = rotary / 2, stride = dim + 2;
	struct mat x = host_mat(type, tokens, (n - 1) * stride + dim, 3, 1), y = upload(x);
	struct mat turn = host_mat(DT_F32, 50, rotary, 0, 1);
	int32_t *position = host_alloc(4 * tokens);
	struct ref want = ref_of(x), back = ref_of(x);
	char name[100];

	for (int i = 0; i < tokens; i++) {
		position[i] = rng_below(&dice, 50);
		for (int h = 0; h < n; h++)
			for (int j = 0; j < half; j++) {
				long a = h * stride + j, b = a + half;
				double c = get(turn, position[i], j);
				double s = get(turn, position[i], half + j);

				R(want, i, a) = get(x, i, a) * c - get(x, i, b) * s;
				R(want, i, b) = get(x, i, b) * c + get(x, i, a) * s;
				R(back, i, a) = get(x, i, a) * (c * c + s * s);
				R(back, i, b) = get(x, i, b) * (c * c + s * s);
			}
	}
	int32_t *at = upload_bytes(position, 4 * tokens);
	float *table = upload(turn).p;
	snprintf(name, sizeof name, "rope %s, %d of %d", type_name(type), rotary, dim);
	op->rope(dev, y, n, stride, rotary, at, table, 1);
	agrees(y, want, 1e-6, 1, name);
	op->rope(dev, y, n, stride, rotary, at, table, -1);
	agrees(y, back, type == DT_BF16 ? 3e-2 : 2e-6, 2, "rope and its inverse");
	tidy();
}

int main(void)
{
	static const int short_rows[] = {1, 2, 17, 33, -1}, one[] = {1, -1}, long_rows[] = {150, 97, -1};
	static const int with_empty[] = {0, 5, 0, 3, -1}, with_none[] = {0, 70, 0, 33, -1}, none[] = {-1};
	static const int middle_rows[] = {33, 70, -1};
	static const int next[] = {1, 3, 40, -1}, cached[] = {70, 3, 161, -1};

	/* The simulator of a GPU is slow: there long rows only where a kernel first meets them. */
	const int *rows = on_cpu() ? long_rows : middle_rows;

	open_device(0);
	check("short rows", heads(3, 3, 16, 0, 0), short_rows, short_rows, 1);
	check("grouped", heads(9, 3, 64, 0, 0), long_rows, long_rows, 1);
	check("odd dim, gaps", heads(4, 2, 37, 5, 0), short_rows, short_rows, 1);
	check("one key head for many", heads(7, 1, 8, 0, 0), long_rows, long_rows, 1);
	check("more heads than a tile", heads(100, 1, 4, 0, 0), short_rows, short_rows, 1);
	check("dim 256", heads(2, 1, 256, 0, 0), short_rows, short_rows, 1);
	check("dim 80", heads(4, 4, 80, 0, 0), rows, rows, 1);
	check("dim 96, gaps", heads(2, 2, 96, 8, 0), rows, rows, 1);
	check("dim 128", heads(4, 1, 128, 0, 40), rows, rows, 1);
	check("dim 160", heads(2, 1, 160, 0, 0), rows, rows, 1);
	check("window", heads(4, 2, 32, 0, 10), rows, rows, 1);
	check("window 1", heads(2, 2, 16, 0, 1), short_rows, short_rows, 1);
	check("one token", heads(2, 1, 16, 0, 0), one, one, 1);
	check("empty rows", heads(2, 1, 16, 0, 0), with_empty, with_empty, 1);
	check("no rows", heads(2, 1, 16, 0, 0), none, none, 1);
	check("cache", heads(6, 2, 64, 0, 0), next, cached, 1);
	check("cache, window", heads(6, 2, 20, 4, 50), next, cached, 1);
	check("cache, dim 80", heads(3, 3, 80, 0, 0), next, cached, 1);
	check("cache, dim 128", heads(8, 2, 128, 0, 100), next, cached, 1);
	check("large scores", heads(2, 1, 32, 0, 0), rows, rows, 8);
	check("cap", capped(heads(6, 2, 64, 0, 0), 3), rows, rows, 2);
	check("cap, window", capped(heads(4, 2, 20, 3, 30), 1), rows, rows, 3);
	check("cap, cache", capped(heads(3, 3, 80, 0, 0), 50), next, cached, 4);
	check("cap, dim 128", capped(heads(4, 2, 128, 0, 0), 2), short_rows, short_rows, 2);
	check("cap, dim 256, window", capped(heads(4, 2, 256, 0, 20), 2), middle_rows, middle_rows, 2);
	check("dim 256, window, cache", heads(4, 2, 256, 8, 20), next, cached, 1);
	gaps = 8;
	check("in vectors", heads(9, 3, 64, 0, 0), long_rows, long_rows, 1);
	check("in vectors, short rows", heads(3, 3, 16, 8, 0), short_rows, short_rows, 1);
	check("in vectors, empty rows", heads(4, 2, 64, 0, 0), with_empty, with_empty, 1);
	check("in vectors, dim 80", heads(4, 4, 80, 160, 0), rows, rows, 1);
	check("in vectors, dim 72, long rows", heads(2, 1, 72, 0, 0), long_rows, long_rows, 1);
	check("in vectors, dim 96", heads(2, 2, 96, 8, 0), middle_rows, middle_rows, 1);
	check("in vectors, window, cache", heads(9, 3, 64, 0, 70), next, cached, 1);
	check("in vectors, cap", capped(heads(6, 2, 64, 0, 0), 3), rows, rows, 2);
	check("in vectors, dim 128, window", heads(8, 2, 128, 0, 40), rows, rows, 1);
	check("in vectors, dim 256", heads(2, 1, 256, 0, 0), middle_rows, middle_rows, 1);
	check("in vectors, cache, window", heads(6, 2, 128, 0, 50), next, cached, 1);
	check("in vectors, large scores", heads(2, 1, 64, 0, 0), rows, rows, 8);
	check("in vectors, rows without queries", heads(4, 2, 64, 0, 0), with_none, with_none, 1);
	check("in vectors, dim 40", heads(3, 1, 40, 8, 0), middle_rows, middle_rows, 1);
	check("in vectors, dim 88, window", heads(2, 2, 88, 0, 30), middle_rows, middle_rows, 1);
	check("in vectors, dim 104", heads(2, 1, 104, 0, 0), middle_rows, middle_rows, 1);
	if (strstr(dev->name, "simulator")) {
		/* It is a Hopper card unless it is told otherwise, and others compute in another way. */
		dev_close(dev);
		setenv("CUDASIM_MAJOR", "8", 1);
		open_device(0);
		check("before Hopper, in vectors", heads(9, 3, 64, 0, 0), middle_rows, middle_rows, 1);
		check("before Hopper, dim 80", heads(4, 4, 80, 160, 0), middle_rows, middle_rows, 1);
		check("before Hopper, dim 128, window, cache", heads(6, 2, 128, 0, 50), next, cached, 1);
	}
	gaps = 1;
	differences(heads(4, 2, 8, 0, 0));
	differences(capped(heads(4, 2, 8, 0, 0), 0.5f));
	for (int type = DT_F32; type <= DT_BF16; type++) {
		check_rope(type, 3, 64, 64, 19);
		check_rope(type, 4, 64, 16, 5);
		check_rope(type, 1, 5, 2, 1);
	}
	dev_close(dev);
	return tap_done();
}
