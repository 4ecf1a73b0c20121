/* SPDX-License-Identifier: MIT */
/* ops.c - how fast each operation is, at SmolLM2-135M's shapes: 2048 packed
 * tokens in rows of about 150.  The best of some runs is printed; for one
 * thread that is processor time, so that a busy machine matters less.  A GPU
 * has the shapes of three models, and passes of 8192 tokens.
 *
 *     build/t/bench/ops [threads]
 *     build/cuda/gpu/t/bench/ops
 */
#include <stdlib.h>
#include <time.h>

#include "../ops_help.h"

enum { TOKENS = 2048, DIM = 576, QKV = 960, WIDE = 1536, VOCAB = 49152, HEAD = 64 };
enum { PASS = 8192, ANSWERS = 64, SOME = 1 << 18 }; /* on a GPU: tokens; rows that are generated */

static clockid_t watch = CLOCK_MONOTONIC;
static void *some;                  /* on a GPU: SOME normal values, F32 */

static double now(void)
{
	struct timespec t;

	clock_gettime(watch, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* One operation as a call that the timer repeats. */
struct call { void (*run)(void *); void *with; };

/* Seconds of each of n calls.  A GPU has only been told what to do when they return: who reads
 * waits until it is done. */
static double timed(struct call c, int n)
{
	double t = now();
	float x;

	for (int i = 0; i < n; i++)
		c.run(c.with);
	if (dev->apart)
		op->get(dev, &x, some, sizeof x);
	return (now() - t) / n;
}

/* A GPU's calls are so many that the one wait for them is nothing. */
static double best(struct call c)
{
	double least = INFINITY, end, t;
	int n = 1;

	timed(c, 2);
	if (dev->apart)
		n += (int)fmin(1000, 5e-3 / timed(c, 1));
	end = now() + (dev->apart ? 0.05 : 0.25);
	do {
		t = timed(c, n);
		least = t < least ? t : least;
	} while (now() < end);
	return least;
}

static void report(const char *name, double seconds, double flops, double bytes)
{
	printf("%-46s %9.1f us", name, seconds * 1e6);
	if (flops > 0 && dev->apart)
		printf(" %8.1f TFLOP/s", flops / seconds * 1e-12);
	else if (flops > 0)
		printf(" %8.1f GFLOP/s", flops / seconds * 1e-9);
	if (bytes > 0)
		printf(" %8.1f GB/s", bytes / seconds * 1e-9);
	putchar('\n');
	fflush(stdout);
}

/* A matrix of normal values, on the device, perhaps some columns of one of `wide`.  A GPU's are
 * large: the same values again and again. */
static struct mat made(enum dtype t, long rows, long cols, long wide)
{
	long n, all = rows * (wide > cols ? wide : cols);
	struct mat m;

	if (!dev->apart)
		return upload(host_mat(t, rows, cols, wide > cols ? wide - cols : 0, 1));
	m = mat_of(dev_alloc(all * dtype_size(t)), t, rows, cols);
	m.ld = all / rows;
	for (long at = 0; at < all; at += n) {
		n = all - at < SOME ? all - at : SOME;
		op->copy(dev, mat_of((char *)m.p + at * dtype_size(t), t, 1, n), mat_of(some, DT_F32, 1, n));
	}
	return m;
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
		.a = ta ? made(type, k, m, 0) : made(type, m, k, 0),
		.b = tb ? made(type, n, k, 0) : made(type, k, n, 0),
		.c = made(ctype, m, n, wide),
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

/* Rows of `length`, on a processor give or take a third; dims of a model. */
static void attention(enum dtype t, long tokens, long length, int q, int kv, int dim)
{
	struct mat qkv = made(t, tokens, (q + 2 * kv) * dim, 0);
	struct mat grad = made(t, tokens, (q + 2 * kv) * dim, 0);
	int32_t start[PASS + 1] = {0}, len[PASS];
	double pairs = 0, flops;
	struct attn a = {.h = {q, kv, dim, dim, dim, 0, 1 / sqrt(dim), 0}};
	char name[100];

	for (int n = 0; start[n] < tokens; n = a.s.n) {
		long room = tokens - start[n], more = dev->apart ? 0 : (n % 3 - 1) * length / 3;
		long most = length < room ? length + more : room;

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
	a.o = made(t, tokens, q * dim, 0);
	a.lse = dev_alloc(4 * tokens * q);
	flops = 4 * pairs * dim * q;
	snprintf(name, sizeof name, "attn %s rows of %ld, %d/%d heads of %d", type_name(t), length, q, kv,
	         dim);
	report(name, best((struct call){run_attn, &a}), flops, 0);
	snprintf(name, sizeof name, "attn_back %s rows of %ld, %d/%d heads of %d", type_name(t), length, q,
	         kv, dim);
	report(name, best((struct call){run_attn_back, &a}), 2.5 * flops, 0);
	tidy();
}

/* A model's shapes. */
struct model {
	const char *name;
	long dim, wide, vocab;
	int q, kv, head;
	int gated; /* up is two matrices */
};

struct rows {
	struct mat x, y, dy, f, gain, none, wide, z, dz;
	float *stat, *table, *loss, *weight;
	int32_t *id, *best;
	struct groups same;
	long n; /* columns of a part of `wide` */
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

	op->rope(dev, r->y, (int)(r->y.cols / HEAD), HEAD, HEAD, r->id, r->table, 1);
}

static void run_copy(void *p) { struct rows *r = p; op->copy(dev, r->y, r->f); }
static void run_gather(void *p) { struct rows *r = p; op->gather(dev, r->y, r->f, r->id, 1); }
static void run_add(void *p) { struct rows *r = p; op->scatter_add(dev, r->x, r->dy, r->same, 1); }
static void run_bias(void *p) { struct rows *r = p; op->bias(dev, r->y, r->gain, 1); }
static void run_bias_back(void *p) { struct rows *r = p; op->bias_back(dev, r->gain, r->dy, 1); }

static void run_act(void *p)
{
	struct rows *r = p;

	op->act(dev, columns(r->wide, 0, r->n), columns(r->wide, r->n, 2 * r->n), (struct act){ACT_SILU, 1});
}

static void run_gelu(void *p)
{
	struct rows *r = p;

	op->act(dev, columns(r->wide, 0, r->n), columns(r->wide, r->n, r->n), (struct act){ACT_GELU, 0});
}

static void run_act_back(void *p)
{
	struct rows *r = p;
	struct mat pair = columns(r->wide, r->n, 2 * r->n);

	op->act_back(dev, columns(r->wide, 3 * r->n, 2 * r->n), columns(r->wide, 0, r->n), pair,
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

static void run_argmax(void *p) { struct rows *r = p; op->argmax(dev, r->best, r->z); }

static void rows(enum dtype t, long n, const struct model *m, long head)
{
	double small = n * m->dim, wide = n * m->wide, logits = (double)head * m->vocab, e = dtype_size(t);
	struct rows r = {.n = m->wide, .none = {NULL, DT_F32, 1, m->dim, m->dim}};
	int32_t id[PASS];
	char name[60];

	for (int i = 0; i < n; i++)
		id[i] = i % 150;
	r.x = made(DT_F32, n, m->dim, 0), r.f = made(DT_F32, n, m->dim, 0);
	r.y = made(t, n, m->dim, 0), r.dy = made(t, n, m->dim, 0);
	r.wide = made(t, n, 5 * m->wide, 0), r.gain = made(DT_F32, 1, m->dim, 0);
	r.z = made(DT_F32, head, m->vocab, 0), r.dz = made(t, head, m->vocab, 0);
	r.stat = dev_alloc(8 * n), r.loss = dev_alloc(4 * n), r.best = dev_alloc(4 * head);
	r.weight = made(DT_F32, 1, n, 0).p, r.table = made(DT_F32, 150, HEAD, 0).p;
	r.id = upload_bytes(id, 4 * n), r.same = upload_groups(id, n);
	const struct { const char *name; void (*run)(void *); double bytes; } list[] = {
		{"norm", run_norm, small * (4 + e)}, {"norm_back", run_norm_back, small * (12 + e)},
		{"rope", run_rope, small * 2 * e}, {"copy", run_copy, small * (4 + e)},
		{"gather", run_gather, small * (4 + e)}, {"scatter_add", run_add, small * (8 + e)},
		{"bias", run_bias, small * 2 * e}, {"bias_back", run_bias_back, small * e},
		{"silu_gate", run_act, wide * 3 * e}, {"silu_gate back", run_act_back, wide * 5 * e},
		{"gelu", run_gelu, wide * 2 * e}, {"xent", run_xent, logits * 4},
		{"xent with gradient", run_xent_back, logits * (4 + e)}, {"argmax", run_argmax, logits * 4}};
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

static const struct model models[] = {
	{"SmolLM2-135M", DIM, WIDE, VOCAB, 9, 3, HEAD, 1},
	{"Llama-3-8B", 4096, 14336, 128256, 32, 8, 128, 1},
	{"Pythia-2.8B", 2560, 10240, 50304, 32, 32, 80, 0},
	{0}};

/* A block's products with m rows, forwards. */
static void block(const struct model *s, long m)
{
	long q = s->q * s->head, kv = s->kv * s->head;

	gemm("qkv", m, q + 2 * kv, s->dim, 0, 1, DT_BF16, DT_BF16, 1, 0, 0);
	gemm("out", m, s->dim, q, 0, 1, DT_BF16, DT_F32, 1, 1, 0);
	gemm("up", m, s->wide << s->gated, s->dim, 0, 1, DT_BF16, DT_BF16, 1, 0, 0);
	gemm("down", m, s->dim, s->wide, 0, 1, DT_BF16, DT_F32, 1, 1, 0);
}

/* What a pass of training is made of, and a step of generation. */
static void pass_of(const struct model *s)
{
	long q = s->q * s->head, qkv = q + 2L * s->kv * s->head, up = s->wide << s->gated, head = dev->head_rows;
	enum dtype t = DT_BF16;

	printf("%s\n", s->name);
	for (long length = 256; length <= 4096; length *= length < 512 ? 2 : 8)
		attention(t, PASS, length, s->q, s->kv, s->head);
	block(s, PASS);
	gemm("dx", PASS, s->dim, qkv, 0, 0, t, DT_F32, 1, 0, 0);
	gemm("dx", PASS, q, s->dim, 0, 0, t, t, 1, 0, 0);
	gemm("dx", PASS, s->dim, up, 0, 0, t, DT_F32, 1, 0, 0);
	gemm("dx", PASS, s->wide, s->dim, 0, 0, t, t, 1, 0, 0);
	gemm("lora t", PASS, 32, s->dim, 0, 1, t, t, 1, 0, 0);
	gemm("lora y", PASS, q, 16, 0, 1, t, t, 1, 1, qkv);
	gemm("lora db", q, 16, PASS, 1, 0, t, DT_F32, 1, 1, 0);
	gemm("lora da", 32, s->dim, PASS, 1, 0, t, DT_F32, 1, 1, 0);
	gemm("lora dx", PASS, s->dim, 32, 0, 0, t, DT_F32, 1, 1, 0);
	gemm("head", head, s->vocab, s->dim, 0, 1, t, DT_F32, 1, 0, 0);
	gemm("head dx", head, s->dim, s->vocab, 0, 0, t, DT_F32, 1, 0, 0);
	rows(t, PASS, s, head);
	block(s, ANSWERS);
	gemm("head", ANSWERS, s->vocab, s->dim, 0, 1, t, DT_F32, 1, 0, 0);
}

static void at_smollm2(void)
{
	for (int t = DT_F32; t <= DT_BF16; t++) {
		gemms(t);
		attention(t, TOKENS, 150, 9, 3, HEAD);
		attention(t, TOKENS, TOKENS, 9, 3, HEAD);
		attention(t, TOKENS, 150, 32, 8, 128);
		rows(t, TOKENS, models, 256);
	}
}

static void on_gpu(void)
{
	struct mat m = host_mat(DT_F32, 1, SOME, 0, 1);

	some = op->alloc(dev, mat_bytes(m));
	op->put(dev, some, m.p, mat_bytes(m));
	for (const struct model *s = models; s->name; s++)
		pass_of(s);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 0;

	open_device(threads);
	if (threads == 1 && !dev->apart)
		watch = CLOCK_PROCESS_CPUTIME_ID;
	printf("%s: bf16 is %s here\n", dev->name, dev->fast_bf16 ? "fast" : "not fast");
	if (dev->apart)
		on_gpu();
	else
		at_smollm2();
	optimiser();
	op->free(dev, some);
	dev_close(dev);
	return 0;
}
