/* SPDX-License-Identifier: MIT */
/* share.c - how much of a training step is spent in matrix products, and how fast
 * they are against oneDNN's own on the same shapes: contiguous matrices, nothing
 * else done, the best of some runs.  For one thread that is processor time.
 * Products of some rows each, which threads compute beside each other, are
 * compared with oneDNN's on one thread.
 *
 *     build/t/bench/share MODEL ROWS.tok bf16|f32 THREADS BATCH STEPS
 */
#include <math.h>
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../lib/base/memory.h"
#include "../../lib/model/engine.h"
#include "../../lib/rows/order.h"

struct product {
	long m, n, k;
	int ta, tb, type, ctype, threads, zero; /* no padding: compared as bytes, up to here */
	long calls;
	double seconds, own;
};

enum { PRODUCTS = 4096 };

static struct product product[PRODUCTS];
static int products;
static const struct ops *body;         /* the device's */
static struct ops timed;               /* the same, with a watch on its products */
static struct dev *whole;
static int threads;                    /* its own */
static clockid_t watch = CLOCK_MONOTONIC;

static double now(void)
{
	struct timespec t;

	clock_gettime(watch, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Seconds of all its threads together. */
static double busy(const struct product *p) { return p->seconds * p->threads; }

static double flops(const struct product *p) { return 2.0 * p->m * p->n * p->k; }

static struct product *find(const struct product *p)
{
	for (int i = 0; i < products; i++)
		if (!memcmp(&product[i], p, offsetof(struct product, calls)))
			return &product[i];
	if (products == PRODUCTS)
		die("too many shapes");
	product[products] = *p;
	return &product[products++];
}

static void timed_gemm(struct dev *d, struct mat c, struct mat a, int ta, struct mat b, int tb, float alpha,
                       float beta)
{
	struct product p = {.m = c.rows, .n = c.cols, .k = ta ? a.rows : a.cols, .ta = ta, .tb = tb,
	                    .type = a.type, .ctype = c.type,
	                    .threads = d == whole ? threads : 1}, *at;
	double took = now();

	body->gemm(d, c, a, ta, b, tb, alpha, beta);
	took = now() - took;
#pragma omp critical
	{
		at = find(&p);
		at->seconds += took;
		at->calls++;
	}
}

struct stretch { void (*f)(struct dev *part, long first, long n, void *with); void *with; };

static void timed_part(struct dev *part, long first, long n, void *with)
{
	const struct stretch *s = with;
	const struct ops *was = part->op;

	part->op = &timed;
	s->f(part, first, n, s->with);
	part->op = was;
}

static void timed_by_rows(struct dev *d, long rows, void (*f)(struct dev *, long, long, void *),
                          void *with)
{
	struct stretch s = {f, with};

	body->by_rows(d, rows, timed_part, &s);
}

static void check(dnnl_status_t s)
{
	if (s != dnnl_success)
		die("oneDNN: status %d", s);
}

static dnnl_memory_t memory(dnnl_engine_t e, long rows, long cols, int t, int type, dnnl_memory_desc_t *d)
{
	dnnl_dims_t dims = {rows, cols}, strides = {t ? 1 : cols, t ? rows : 1};
	dnnl_data_type_t of = type == DT_BF16 ? dnnl_bf16 : dnnl_f32;
	dnnl_memory_t m;

#if DNNL_VERSION_MAJOR >= 3
	check(dnnl_memory_desc_create_with_strides(d, 2, dims, of, strides));
	check(dnnl_memory_create(&m, *d, e, DNNL_MEMORY_ALLOCATE));
#else
	check(dnnl_memory_desc_init_by_strides(d, 2, dims, of, strides));
	check(dnnl_memory_create(&m, d, e, DNNL_MEMORY_ALLOCATE));
#endif
	return m;
}

static dnnl_primitive_t matmul(dnnl_engine_t e, dnnl_memory_desc_t a, dnnl_memory_desc_t b, dnnl_memory_desc_t c)
{
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t p;

#if DNNL_VERSION_MAJOR >= 3
	check(dnnl_matmul_primitive_desc_create(&pd, e, a, b, NULL, c, NULL));
#else
	dnnl_matmul_desc_t d;

	check(dnnl_matmul_desc_init(&d, &a, &b, NULL, &c));
	check(dnnl_primitive_desc_create(&pd, &d, NULL, e, NULL));
#endif
	check(dnnl_primitive_create(&p, pd));
	check(dnnl_primitive_desc_destroy(pd));
	return p;
}

static void zero(dnnl_memory_t m, long n, int type)
{
	void *p;

	check(dnnl_memory_get_data_handle(m, &p));
	memset(p, 0, n * dtype_size(type));
}

/* Seconds that oneDNN takes for this product. */
static double own(const struct product *p)
{
	dnnl_engine_t e;
	dnnl_stream_t s;
	dnnl_memory_desc_t da, db, dc;
	dnnl_memory_t a, b, c;
	dnnl_primitive_t run;
	double least = INFINITY, end;
	int times = 0;

	omp_set_num_threads(p->threads);
	check(dnnl_engine_create(&e, dnnl_cpu, 0));
	check(dnnl_stream_create(&s, e, dnnl_stream_default_flags));
	a = memory(e, p->m, p->k, p->ta, p->type, &da);
	b = memory(e, p->k, p->n, p->tb, p->type, &db);
	c = memory(e, p->m, p->n, 0, p->ctype, &dc);
	zero(a, p->m * p->k, p->type);
	zero(b, p->k * p->n, p->type);
	run = matmul(e, da, db, dc);
	dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
	for (end = now() + 0.1; times < 4 || now() < end; times++) {
		double t = now();

		check(dnnl_primitive_execute(run, s, 3, args));
		check(dnnl_stream_wait(s));
		t = now() - t;
		least = t < least ? t : least;
	}
	dnnl_primitive_destroy(run);
	dnnl_memory_destroy(a);
	dnnl_memory_destroy(b);
	dnnl_memory_destroy(c);
	dnnl_stream_destroy(s);
	dnnl_engine_destroy(e);
	return least;
}

static int by_time(const void *a, const void *b)
{
	const struct product *x = a, *y = b;

	return (busy(x) < busy(y)) - (busy(x) > busy(y));
}

/* oneDNN's own time is measured on the shapes that make up all but a fiftieth. */
static void report(double total)
{
	double all = 0, seen = 0, ours = 0, theirs = 0, work = 0;

	qsort(product, products, sizeof *product, by_time);
	for (int i = 0; i < products; i++)
		all += busy(&product[i]);
	printf("%-34s %7s %6s %10s %10s %6s\n", "product", "threads", "calls", "GFLOP/s", "oneDNN",
	       "ratio");
	for (int i = 0; i < products && seen < 0.98 * all; i++) {
		struct product *p = &product[i];
		char shape[64];

		p->own = own(p) * p->calls;
		seen += busy(p);
		ours += busy(p);
		theirs += p->own * p->threads;
		work += flops(p) * p->calls;
		snprintf(shape, sizeof shape, "%ldx%ldx%ld %s%s %s", p->m, p->n, p->k, p->ta ? "t" : "n",
		         p->tb ? "t" : "n", p->ctype == DT_BF16 ? "bf16" : "f32");
		if (i < 12)
			printf("%-34s %7d %6ld %10.1f %10.1f %6.2f\n", shape, p->threads, p->calls,
			       flops(p) * p->calls / p->seconds * 1e-9, flops(p) * p->calls / p->own * 1e-9,
			       p->own / p->seconds);
	}
	printf("share of a step in products: %.3f of %.2f s, %d thread%s\n", all / threads / total, total,
	       threads, threads == 1 ? "" : "s");
	printf("their rate: %.1f GFLOP/s, oneDNN's own %.1f, ratio %.3f (%d shapes)\n", work / ours * threads * 1e-9,
	       work / theirs * threads * 1e-9, theirs / ours, products);
}

int main(int argc, char **argv)
{
	struct compute_opts o = COMPUTE_DEFAULTS;
	struct demand demand = {.copies = 1};
	struct model *m;
	struct engine *e;
	struct tokens *d;
	struct params *theta;
	struct order order;
	struct batch b;
	float *loss, *weight;
	double began = 0;

	die_name("share");
	dev_prepare(argv);
	if (argc != 7)
		die("needs MODEL ROWS TYPE THREADS BATCH STEPS");
	o.dtype = argv[3];
	o.threads = atol(argv[4]);
	if (o.threads == 1)
		watch = CLOCK_PROCESS_CPUTIME_ID;
	m = model_open(argv[1], &o);
	d = tokens_read(&argv[2], 1);
	theta = params_lora(&m->config, m->type, "q_proj,v_proj", 16, 16);
	demand.theta = theta;
	demand.longest = d->longest;
	demand.rows[1] = atol(argv[5]);
	e = engine_open(m, &o, &demand);
	params_room(theta, m->dev);
	params_random(theta, 1);
	loss = xalloc(atol(argv[5]) * sizeof *loss);
	weight = xalloc(atol(argv[5]) * sizeof *weight);
	for (long i = 0; i < atol(argv[5]); i++)
		weight[i] = 1.0f / atol(argv[5]);
	order_open(&order, d, 0, 0, 0);
	body = m->dev->op;
	timed = *body;
	timed.gemm = timed_gemm;
	timed.by_rows = timed_by_rows;
	whole = m->dev;
	threads = atoi(argv[4]);
	for (int step = 0; step <= atoi(argv[6]); step++) {    /* the first prepares */
		if (step == 1) {
			products = 0;
			memset(product, 0, sizeof product);
			m->dev->op = &timed;
		}
		if (step < 2)
			began = now();
		order_cycle(&order, &b, atoi(argv[5]));
		engine_grad(e, theta, &b, weight, loss);
		params_step(theta, (struct adamw){1e-4f, 0.9f, 0.95f, 1e-8f, 0, 1, 0}, NULL);
	}
	report(now() - began);
	m->dev->op = body;
	return 0;
}
