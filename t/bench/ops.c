/* SPDX-License-Identifier: MIT */
/* ops.c - how fast each operation is, at SmolLM2-135M's shapes: 2048 packed
 * tokens in rows of about 150.  The best of some runs is printed; for one
 * thread that is processor time, so that a busy machine matters less.
 *
 *     build/t/bench/ops [threads]
 */
#include <stdlib.h>
#include <time.h>

#include "../ops_help.h"

enum { TOKENS = 2048, DIM = 576, QKV = 960, WIDE = 1536, VOCAB = 49152, HEAD = 64 };

static clockid_t watch = CLOCK_MONOTONIC;

static double now(void)
{
	struct timespec t;

	clock_gettime(watch, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* One operation as a call that the timer repeats. */
struct call { void (*run)(void *); void *with; };

static double best(struct call c)
{
	double least = INFINITY, end, t;

	c.run(c.with);
	c.run(c.with);
	end = now() + 0.25;
	do {
		t = now();
		c.run(c.with);
		t = now() - t;
		least = t < least ? t : least;
	} while (now() < end);
	return least;
}

static void report(const char *name, double seconds, double flops, double bytes)
{
	printf("%-46s %9.1f us", name, seconds * 1e6);
	if (flops > 0)
		printf(" %8.1f GFLOP/s", flops / seconds * 1e-9);
	if (bytes > 0)
		printf(" %8.1f GB/s", bytes / seconds * 1e-9);
	putchar('\n');
	fflush(stdout);
}

struct gemm { struct mat c, a, b; int ta, tb; float alpha, beta; };

static void run_gemm(void *p)
{
	struct gemm *g = p;

	op->gemm(dev, g->c, g->a, g->ta, g->b, g->tb, g->alpha, g->beta);
}

/* wide: columns of the matrix that c is a part of. */
static void gemm(const char *what, long m, long n, long k, int ta, int tb, enum dtype type,
                 enum dtype ctype, float alpha, float beta, long wide)
{
	struct gemm g = {
		.a = upload(ta ? host_mat(type, k, m, 0, 1) : host_mat(type, m, k, 0, 1)),
		.b = upload(tb ? host_mat(type, n, k, 0, 1) : host_mat(type, k, n, 0, 1)),
		.c = upload(host_mat(ctype, m, n, wide > n ? wide - n : 0, 1)),
		.ta = ta, .tb = tb, .alpha = alpha, .beta = beta};
	char name[100];

	snprintf(name, sizeof name, "%-9s %ldx%ldx%ld %s%s %s->%s%s%s%s", what, m, n, k, ta ? "t" : "n",
	         tb ? "t" : "n", type_name(type), type_name(ctype), alpha != 1 ? " alpha" : "",
	         beta != 0 ? " +=" : "", wide > n ? " part" : "");
	report(name, best((struct call){run_gemm, &g}), 2.0 * m * n * k, 0);
	tidy();
}

static void gemms(enum dtype t)
{
	static const long shape[][2] = {{DIM, DIM}, {DIM, QKV}, {DIM, 2 * WIDE}, {WIDE, DIM}};

	for (int i = 0; i < 4; i++) {
		long in = shape[i][0], out = shape[i][1];

		gemm("y = xw'", TOKENS, out, in, 0, 1, t, t, 1, 0, 0);
		gemm("y = xw'", TOKENS, out, in, 0, 1, t, DT_F32, 1, 1, 0);
		gemm("dx = dyw", TOKENS, in, out, 0, 0, t, t, 1, 0, 0);
		gemm("dx = dyw", TOKENS, in, out, 0, 0, t, DT_F32, 1, 1, 0);
		gemm("dw = dy'x", out, in, TOKENS, 1, 0, t, DT_F32, 1, 1, 0);
	}
	gemm("q", TOKENS, 576, DIM, 0, 1, t, t, 1, 0, QKV);
	gemm("k", TOKENS, 192, DIM, 0, 1, t, t, 1, 0, QKV);
	gemm("head", 256, VOCAB, DIM, 0, 1, t, DT_F32, 1, 0, 0);
	gemm("head dx", 256, DIM, VOCAB, 0, 0, t, DT_F32, 1, 0, 0);
	gemm("head dw", VOCAB, DIM, 256, 1, 0, t, DT_F32, 1, 1, 0);
	gemm("lora t", TOKENS, 32, DIM, 0, 1, t, t, 1, 0, 0);
	gemm("lora y", TOKENS, DIM, 16, 0, 1, t, t, 1, 1, QKV);
	gemm("lora y", TOKENS, DIM, 16, 0, 1, t, t, 2, 1, QKV);
	gemm("lora dt", TOKENS, 16, DIM, 0, 0, t, t, 1, 0, 32);
	gemm("lora db", DIM, 16, TOKENS, 1, 0, t, DT_F32, 1, 1, 0);
	gemm("lora da", 32, DIM, TOKENS, 1, 0, t, DT_F32, 1, 1, 0);
	gemm("lora dx", TOKENS, DIM, 32, 0, 0, t, t, 1, 1, 0);
	for (long m = 4; m <= 128; m *= 2) {
		gemm("few rows", m, 2 * WIDE, DIM, 0, 1, t, t, 1, 0, 0);
		gemm("few rows", m, DIM, WIDE, 0, 1, t, DT_F32, 1, 1, 0);
		gemm("few rows", m, VOCAB, DIM, 0, 1, t, DT_F32, 1, 0, 0);
	}
	gemm("one row", 1, QKV, DIM, 0, 1, t, t, 1, 0, 0);
	gemm("one row", 1, 2 * WIDE, DIM, 0, 1, t, t, 1, 0, 0);
	gemm("one row", 1, DIM, WIDE, 0, 1, t, DT_F32, 1, 1, 0);
	gemm("one row", 1, VOCAB, DIM, 0, 1, t, DT_F32, 1, 0, 0);
}

struct attn {
	struct mat o, q, k, v, dq, dk, dv;
	float *lse;
	struct spans s;
	struct heads h;
};

static void run_attn(void *p)
{
	struct attn *a = p;

	op->attn(dev, a->o, a->lse, a->q, a->k, a->v, a->s, a->h);
}

static void run_attn_back(void *p)
{
	struct attn *a = p;

	op->attn_back(dev, a->dq, a->dk, a->dv, a->o, a->o, a->lse, a->q, a->k, a->v, a->s, a->h);
}

/* Rows of `length` give or take a third; dims of a model. */
static void attention(enum dtype t, long length, int q, int kv, int dim)
{
	struct mat qkv = upload(host_mat(t, TOKENS, (q + 2 * kv) * dim, 0, 1));
	struct mat grad = upload(host_mat(t, TOKENS, (q + 2 * kv) * dim, 0, 1));
	int32_t start[TOKENS + 1] = {0}, len[TOKENS];
	double pairs = 0, flops;
	struct attn a = {.h = {q, kv, dim, dim, dim, 0, 1 / sqrt(dim), 0}};
	char name[100];

	for (int n = 0; start[n] < TOKENS; n = a.s.n) {
		long room = TOKENS - start[n], most = length < room ? length + (n % 3 - 1) * length / 3 : room;

		len[n] = most < room ? most : room;
		start[n + 1] = start[n] + len[n];
		pairs += len[n] * (len[n] + 1.0) / 2;
		a.s.longest = len[n] > a.s.longest ? len[n] : a.s.longest;
		a.s.n = n + 1;
	}
	a.s.q = a.s.k = upload_bytes(start, sizeof start);
	a.s.len = upload_bytes(len, sizeof len);
	a.q = columns(qkv, 0, q * dim), a.dq = columns(grad, 0, q * dim);
	a.k = columns(qkv, q * dim, kv * dim), a.dk = columns(grad, q * dim, kv * dim);
	a.v = columns(qkv, (q + kv) * dim, kv * dim), a.dv = columns(grad, (q + kv) * dim, kv * dim);
	a.o = upload(host_mat(t, TOKENS, q * dim, 0, 1));
	a.lse = dev_alloc(4 * TOKENS * q);
	flops = 4 * pairs * dim * q;
	snprintf(name, sizeof name, "attn %s rows of %ld, %d/%d heads of %d", type_name(t), length, q, kv,
	         dim);
	report(name, best((struct call){run_attn, &a}), flops, 0);
	snprintf(name, sizeof name, "attn_back %s rows of %ld, %d/%d heads of %d", type_name(t), length, q,
	         kv, dim);
	report(name, best((struct call){run_attn_back, &a}), 2.5 * flops, 0);
	tidy();
}

struct rows {
	struct mat x, y, dy, f, gain, none, wide, z, dz;
	float *stat, *table, *loss, *weight;
	int32_t *id;
	struct groups same;
	enum dtype t;
};

static const struct norm rms_norm = {.rms = 1, .eps = 1e-5f, .heads = 1};

static void run_norm(void *p)
{
	struct rows *r = p;

	op->norm(dev, r->y, r->stat, r->f, r->gain, r->none, rms_norm, 0);
}

static void run_norm_back(void *p)
{
	struct rows *r = p;

	op->norm_back(dev, r->x, r->none, r->none, r->none, r->dy, r->f, r->gain, r->stat, rms_norm, 1);
}

static void run_rope(void *p)
{
	struct rows *r = p;

	op->rope(dev, r->y, 9, HEAD, HEAD, r->id, r->table, 1);
}

static void run_copy(void *p) { struct rows *r = p; op->copy(dev, r->y, r->f); }
static void run_gather(void *p) { struct rows *r = p; op->gather(dev, r->y, r->f, r->id, 1); }
static void run_add(void *p) { struct rows *r = p; op->scatter_add(dev, r->x, r->dy, r->same, 1); }
static void run_bias(void *p) { struct rows *r = p; op->bias(dev, r->y, r->gain, 1); }
static void run_bias_back(void *p) { struct rows *r = p; op->bias_back(dev, r->gain, r->dy, 1); }

static void run_act(void *p)
{
	struct rows *r = p;

	op->act(dev, columns(r->wide, 0, WIDE), columns(r->wide, WIDE, 2 * WIDE), (struct act){ACT_SILU, 1});
}

static void run_gelu(void *p)
{
	struct rows *r = p;

	op->act(dev, columns(r->wide, 0, WIDE), columns(r->wide, WIDE, WIDE), (struct act){ACT_GELU, 0});
}

static void run_act_back(void *p)
{
	struct rows *r = p;
	struct mat pair = columns(r->wide, WIDE, 2 * WIDE);

	op->act_back(dev, columns(r->wide, 3 * WIDE, 2 * WIDE), columns(r->wide, 0, WIDE), pair,
	             (struct act){ACT_SILU, 1});
}

static void run_xent(void *p)
{
	struct rows *r = p;

	op->xent(dev, r->loss, r->none, r->z, r->id, r->weight, 0);
}

static void run_xent_back(void *p)
{
	struct rows *r = p;

	op->xent(dev, r->loss, r->dz, r->z, r->id, r->weight, 0);
}

static void rows(enum dtype t)
{
	double small = TOKENS * DIM, wide = TOKENS * WIDE, logits = 256.0 * VOCAB, e = dtype_size(t);
	struct rows r = {.t = t, .none = {NULL, DT_F32, 1, DIM, DIM}};
	int32_t id[TOKENS];
	char name[60];

	for (int i = 0; i < TOKENS; i++)
		id[i] = i % 150;
	r.x = upload(host_mat(DT_F32, TOKENS, DIM, 0, 1)), r.f = upload(host_mat(DT_F32, TOKENS, DIM, 0, 1));
	r.y = upload(host_mat(t, TOKENS, DIM, 0, 1)), r.dy = upload(host_mat(t, TOKENS, DIM, 0, 1));
	r.wide = upload(host_mat(t, TOKENS, 5 * WIDE, 0, 1)), r.gain = upload(host_mat(DT_F32, 1, DIM, 0, 1));
	r.z = upload(host_mat(DT_F32, 256, VOCAB, 0, 1)), r.dz = upload(host_mat(t, 256, VOCAB, 0, 1));
	r.stat = dev_alloc(8 * TOKENS), r.loss = dev_alloc(4 * TOKENS);
	r.weight = upload(host_mat(DT_F32, 1, TOKENS, 0, 1)).p, r.table = upload(host_mat(DT_F32, 150, HEAD, 0, 1)).p;
	r.id = upload_bytes(id, sizeof id), r.same = upload_groups(id, TOKENS);
	const struct { const char *name; void (*run)(void *); double bytes; } list[] = {
		{"norm", run_norm, small * (4 + e)}, {"norm_back", run_norm_back, small * (12 + e)},
		{"rope", run_rope, small * 2 * e}, {"copy", run_copy, small * (4 + e)},
		{"gather", run_gather, small * (4 + e)}, {"scatter_add", run_add, small * (8 + e)},
		{"bias", run_bias, small * 2 * e}, {"bias_back", run_bias_back, small * e},
		{"silu_gate", run_act, wide * 3 * e}, {"silu_gate back", run_act_back, wide * 5 * e},
		{"gelu", run_gelu, wide * 2 * e}, {"xent", run_xent, logits * 4},
		{"xent with gradient", run_xent_back, logits * (4 + e)}};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		snprintf(name, sizeof name, "%s %s", list[i].name, type_name(t));
		report(name, best((struct call){list[i].run, &r}), 0, list[i].bytes);
	}
	tidy();
}

struct optim { float *p, *g, *m, *v, *sum; };
enum { VALUES = 10000000 };

static void run_dot(void *p)
{
	struct optim *o = p;

	op->dot(dev, o->sum, o->g, o->g, VALUES);
}

static void run_adamw(void *p)
{
	struct optim *o = p;
	struct adamw a = {1e-3, 0.9, 0.95, 1e-8, 0, 1, 1};

	op->adamw(dev, o->p, o->g, o->m, o->v, VALUES, a, o->sum);
}

static void optimiser(void)
{
	struct optim o = {dev_alloc(4 * VALUES), dev_alloc(4 * VALUES), dev_alloc(4 * VALUES),
	                  dev_alloc(4 * VALUES), dev_alloc(4)};

	for (int i = 0; i < 4; i++)
		op->zero(dev, mat_of((&o.p)[i], DT_F32, 1, VALUES));
	report("dot, 10M values", best((struct call){run_dot, &o}), 0, 4.0 * VALUES);
	report("adamw, 10M values", best((struct call){run_adamw, &o}), 0, 28.0 * VALUES);
	tidy();
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 0;

	if (threads == 1)
		watch = CLOCK_PROCESS_CPUTIME_ID;
	open_device(threads);
	printf("bf16 is %s here\n", dev->fast_bf16 ? "fast" : "not fast");
	for (int t = DT_F32; t <= DT_BF16; t++) {
		gemms(t);
		attention(t, 150, 9, 3, HEAD);
		attention(t, TOKENS, 9, 3, HEAD);
		attention(t, 150, 32, 8, 128);
		rows(t);
	}
	optimiser();
	dev_close(dev);
	return 0;
}
