/* SPDX-License-Identifier: MIT */
/* gemm.c - c = alpha op(a) op(b) + beta c by oneDNN's matmul.
 *
 * oneDNN compiles code for each shape of product (a "primitive"), which takes longer than many a
 * product: what was made is kept in a table and used again.  It computes
 * alpha (op(a) op(b) + beta / alpha c), since oneDNN is only fast where the sum comes first.
 * What it cannot multiply on this CPU (bf16 without AVX-512, F32 into bf16) is converted to F32,
 * a piece of c at a time.  Products of one or a few rows are gemm_row.c's and gemm_few.c's, and
 * those of bf16 gemm_amx.c's where there is AMX.
 */
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/base/hash.h"
#include "tile_amx.h"

/* All that a primitive is made for. */
struct product_shape {
	long m, n, k, lda, ldb, ldc;
	float alpha, beta;
	int ta, tb, type, ctype;
};

struct product {
	struct product_shape shape;
	int made;             /* else the slot is empty */
	dnnl_primitive_t run; /* NULL: oneDNN has no such product */
	dnnl_memory_t a, b, c, scratch;
	size_t room; /* bytes of scratch */
};

/* The table: a shape has WAYS slots, those of its set. */
enum { SETS = 64, WAYS = 4 };

struct products {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	struct product slot[SETS][WAYS];
	unsigned next[SETS]; /* the way that a new product takes */
	/* All products share one scratch: one for each would grow with the size of its c. */
	struct workspace scratch;
};

/* oneDNN knows the processor, and what of it ONEDNN_MAX_CPU_ISA allows. */
static int has(dnnl_cpu_isa_t isa) { return (dnnl_get_effective_cpu_isa() & isa) == isa; }

int bf16_is_fast(void) { return has(dnnl_cpu_isa_avx512_core_bf16); }

int amx_is_there(void) { return has(dnnl_cpu_isa_avx512_core_amx) && amx_is_allowed(); }

static void check(dnnl_status_t s, const char *what)
{
	if (s != dnnl_success)
		die("oneDNN: %s failed (status %d)", what, s);
}

static dnnl_data_type_t type_of(int type) { return type == DT_BF16 ? dnnl_bf16 : dnnl_f32; }

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t desc;

static desc describe(long rows, long cols, long rs, long cs, int type)
{
	dnnl_dims_t dims = {rows, cols}, strides = {rs, cs};
	desc d;

	check(dnnl_memory_desc_create_with_strides(&d, 2, dims, type_of(type), strides), "memory");
	return d;
}

static void forget(desc d) { dnnl_memory_desc_destroy(d); }

static dnnl_memory_t memory(const desc d, dnnl_engine_t engine)
{
	dnnl_memory_t m;

	check(dnnl_memory_create(&m, d, engine, DNNL_MEMORY_NONE), "memory");
	return m;
}

static void append(dnnl_post_ops_t ops, float alpha, float beta)
{
	if (beta != 0)
		check(dnnl_post_ops_append_sum(ops, beta / alpha, 0, dnnl_data_type_undef),
		      "post-op");
	if (alpha != 1)
		check(dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_linear, alpha, 0), "post-op");
}

static dnnl_status_t describe_product(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, desc a,
                                      desc b, desc c, dnnl_primitive_attr_t attr)
{
	return dnnl_matmul_primitive_desc_create(pd, engine, a, b, NULL, c, attr);
}
#else
typedef dnnl_memory_desc_t desc;

static desc describe(long rows, long cols, long rs, long cs, int type)
{
	dnnl_dims_t dims = {rows, cols}, strides = {rs, cs};
	desc d;

	check(dnnl_memory_desc_init_by_strides(&d, 2, dims, type_of(type), strides), "memory");
	return d;
}

static void forget(desc d) { (void)d; }

static dnnl_memory_t memory(const desc d, dnnl_engine_t engine)
{
	dnnl_memory_t m;

	check(dnnl_memory_create(&m, &d, engine, DNNL_MEMORY_NONE), "memory");
	return m;
}

static void append(dnnl_post_ops_t ops, float alpha, float beta)
{
	if (beta != 0)
		check(dnnl_post_ops_append_sum(ops, beta / alpha), "post-op");
	if (alpha != 1)
		check(dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_linear, alpha, 0),
		      "post-op");
}

static dnnl_status_t describe_product(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, desc a,
                                      desc b, desc c, dnnl_primitive_attr_t attr)
{
	dnnl_matmul_desc_t d;
	dnnl_status_t s = dnnl_matmul_desc_init(&d, &a, &b, NULL, &c);

	return s ? s : dnnl_primitive_desc_create(pd, &d, attr, engine, NULL);
}
#endif

static struct products *products_open(void)
{
	struct products *t = xzalloc(1, sizeof *t);

	check(dnnl_set_primitive_cache_capacity(0), "cache"); /* the table here is the cache */
	check(dnnl_engine_create(&t->engine, dnnl_cpu, 0), "engine");
	check(dnnl_stream_create(&t->stream, t->engine, dnnl_stream_default_flags), "stream");
	return t;
}

static void discard(struct product *p)
{
	if (p->made && p->run) {
		dnnl_primitive_destroy(p->run);
		dnnl_memory_destroy(p->a);
		dnnl_memory_destroy(p->b);
		dnnl_memory_destroy(p->c);
		dnnl_memory_destroy(p->scratch);
	}
	*p = (struct product){0};
}

void products_close(struct products *t)
{
	if (!t)
		return;
	for (int i = 0; i < SETS * WAYS; i++)
		discard(&t->slot[0][0] + i);
	dnnl_stream_destroy(t->stream);
	dnnl_engine_destroy(t->engine);
	free(t->scratch.p);
	free(t);
}

/* The scratch of a product, as memory that is set before each use; p->room is set to its size. */
static dnnl_memory_t scratch_of(struct product *p, dnnl_primitive_desc_t pd, dnnl_engine_t engine)
{
	dnnl_memory_t m;

	p->room = dnnl_memory_desc_get_size(
		dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0));
	check(dnnl_memory_create(&m, dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0),
	                         engine, DNNL_MEMORY_NONE),
	      "memory");
	return m;
}

static void make(struct products *t, struct product *p, const struct product_shape *s)
{
	desc a = describe(s->m, s->k, s->ta ? 1 : s->lda, s->ta ? s->lda : 1, s->type);
	desc b = describe(s->k, s->n, s->tb ? 1 : s->ldb, s->tb ? s->ldb : 1, s->type);
	desc c = describe(s->m, s->n, s->ldc, 1, s->ctype);
	dnnl_primitive_attr_t attr;
	dnnl_primitive_desc_t pd;
	dnnl_post_ops_t ops;

	discard(p);
	p->shape = *s;
	p->made = 1;
	check(dnnl_primitive_attr_create(&attr), "attributes");
	check(dnnl_post_ops_create(&ops), "post-ops");
	append(ops, s->alpha, s->beta);
	check(dnnl_primitive_attr_set_post_ops(attr, ops), "post-ops");
	check(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
	      "scratchpad");
	if (describe_product(&pd, t->engine, a, b, c, attr) == dnnl_success) {
		check(dnnl_primitive_create(&p->run, pd), "matmul");
		p->scratch = scratch_of(p, pd, t->engine);
		dnnl_primitive_desc_destroy(pd);
		p->a = memory(a, t->engine);
		p->b = memory(b, t->engine);
		p->c = memory(c, t->engine);
	}
	dnnl_post_ops_destroy(ops);
	dnnl_primitive_attr_destroy(attr);
	forget(a);
	forget(b);
	forget(c);
}

static struct product *find(struct products *t, const struct product_shape *s)
{
	unsigned set = hash_bytes(s, sizeof *s) % SETS;
	struct product *p = t->slot[set];

	for (int i = 0; i < WAYS; i++)
		if (p[i].made && !memcmp(&p[i].shape, s, sizeof *s))
			return &p[i];
	p += t->next[set]++ % WAYS;
	make(t, p, s);
	return p;
}

/* Returns 0 when oneDNN has no such product. */
static int multiply(struct cpu *cpu, struct mat c, struct mat a, int ta, struct mat b, int tb,
                    float alpha, float beta)
{
	struct product_shape s = {c.rows, c.cols, ta ? a.rows : a.cols,
	                          a.ld,   b.ld,   c.ld,
	                          alpha,  beta,   !!ta,
	                          !!tb,   a.type, c.type}; /* no padding: compared as bytes */
	struct product *p;

	if (!cpu->products)
		cpu->products = products_open();
	p = find(cpu->products, &s);
	if (!p->run)
		return 0;
	dnnl_memory_set_data_handle(p->a, a.p);
	dnnl_memory_set_data_handle(p->b, b.p);
	dnnl_memory_set_data_handle(p->c, c.p);
	dnnl_memory_set_data_handle(p->scratch, workspace(&cpu->products->scratch,
	                                                  p->room / sizeof(float) + 1));
	dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, p->a},
	                          {DNNL_ARG_WEIGHTS, p->b},
	                          {DNNL_ARG_DST, p->c},
	                          {DNNL_ARG_SCRATCHPAD, p->scratch}};
	check(dnnl_primitive_execute(p->run, cpu->products->stream, 4, args), "matmul");
	check(dnnl_stream_wait(cpu->products->stream), "matmul");
	return 1;
}

/* oneDNN has no number of threads of its own: it takes OpenMP's, both when it divides a product
 * and when it computes it. */
static int multiply_here(struct dev *d, struct mat c, struct mat a, int ta, struct mat b, int tb,
                         float alpha, float beta)
{
	int others = omp_get_max_threads(), done;

	omp_set_num_threads(threads_of(d));
	done = multiply(cpu_of(d), c, a, ta, b, tb, alpha, beta);
	omp_set_num_threads(others);
	return done;
}

/* m if it is F32, else its copy as F32 at p. */
static struct mat as_f32(struct dev *d, struct mat m, float *p)
{
	struct mat y = mat_of(p, DT_F32, m.rows, m.cols);

	if (m.type == DT_F32)
		return m;
	cpu_copy(d, y, m);
	return y;
}

/* n rows of op(x) from row i on, where op transposes if t is set. */
static struct mat part(struct mat x, int t, long i, long n)
{
	return t ? columns(x, i, n) : row_range(x, i, n);
}

/* y = x + beta y; beta 0 does not read y */
HOT static void mix(float *y, const float *x, long n, float beta)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = beta != 0 ? x[j] + beta * y[j] : x[j];
}

/* c = x + beta c, c bf16 */
static void put_back(struct dev *d, struct mat c, struct mat x, float beta)
{
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < c.rows; i++)
		for (long j = 0; j < c.cols; j += CPU_CHUNK) {
			long n = long_min(CPU_CHUNK, c.cols - j);
			float buf[CPU_CHUNK];

			load(c, i, j, n, buf);
			mix(buf, at(x, i, j), n, beta);
			store(c, i, j, n, buf);
		}
}

static void through_f32(struct dev *d, struct mat c, struct mat a, int ta, struct mat b, int tb,
                        float alpha, float beta)
{
	long k = ta ? a.rows : a.cols;
	long side = long_max(64, long_min(1024, (1L << 22) / k)); /* of a piece of c */
	float *pa = workspace(&cpu_of(d)->whole, 2 * side * k + side * side);
	float *pb = pa + side * k, *pc = pb + side * k;

	for (long j = 0; j < c.cols; j += side) {
		long n = long_min(side, c.cols - j);
		struct mat fb = as_f32(d, part(b, !tb, j, n), pb);

		for (long i = 0; i < c.rows; i += side) {
			long m = long_min(side, c.rows - i);
			struct mat fa = as_f32(d, part(a, ta, i, m), pa);
			struct mat to = columns(row_range(c, i, m), j, n);
			struct mat fc = to.type == DT_F32 ? to : mat_of(pc, DT_F32, m, n);
			float keep = to.type == DT_F32 ? beta : 0;

			if (!multiply_here(d, fc, fa, ta, fb, tb, alpha, keep))
				die("oneDNN cannot multiply F32 matrices");
			if (to.type == DT_BF16)
				put_back(d, to, fc, beta);
		}
	}
}

HOT static void scale(float *y, long n, float beta)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = beta != 0 ? beta * y[j] : 0;
}

static void scale_all(struct mat c, float beta)
{
	for (long i = 0; i < c.rows; i++)
		for (long j = 0; j < c.cols; j += CPU_CHUNK) {
			long n = long_min(CPU_CHUNK, c.cols - j);
			float buf[CPU_CHUNK], *y = place(c, i, j, buf);

			load(c, i, j, n, buf);
			scale(y, n, beta);
			store(c, i, j, n, y);
		}
}

void cpu_gemm(struct dev *d, struct mat c, struct mat a, int ta, struct mat b, int tb, float alpha,
              float beta)
{
	if (!c.rows || !c.cols)
		return;
	if (!(ta ? a.rows : a.cols) || alpha == 0)
		scale_all(c, beta);
	else if (c.rows > 1 && amx_gemm(d, c, c, a, ta, b, tb, alpha, beta))
		return;
	else if (!ta && tb && few_product(d, c, a, b, alpha, beta))
		return;
	else if (c.rows == 1 && !ta && tb)
		row_product(d, c, a, b, alpha, beta);
	else if (a.type == DT_F32 && c.type == DT_BF16)
		through_f32(d, c, a, ta, b, tb, alpha, beta);
	else if (!multiply_here(d, c, a, ta, b, tb, alpha, beta))
		through_f32(d, c, a, ta, b, tb, alpha, beta);
}

void cpu_gemm_add(struct dev *d, struct mat c, struct mat base, struct mat a, int ta, struct mat b,
                  int tb, float alpha)
{
	if (c.rows > 1 && c.cols && (ta ? a.rows : a.cols) &&
	    amx_gemm(d, c, base, a, ta, b, tb, alpha, 1))
		return;
	cpu_copy(d, c, base);
	cpu_gemm(d, c, a, ta, b, tb, alpha, 1);
}
