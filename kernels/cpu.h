/* SPDX-License-Identifier: MIT */
/* cpu.h - what the CPU's bodies of the operations share; private to kernels/.
 *
 * A body divides its rows among the device's threads in an OpenMP loop, which says
 * num_threads(threads_of(d)).  The arithmetic on a row is a function marked HOT, of which the
 * compiler makes one version for each generation of vector instructions.  It has to be a
 * function of its own: OpenMP cuts the body of a parallel loop out into a function that would
 * not get those versions.
 */
#ifndef SEAL_CPU_H
#define SEAL_CPU_H

#include <math.h>
#include <string.h>

#include "../lib/base/num.h"
#include "ops.h"

#define INLINE static inline __attribute__((always_inline))
/* A function that is written for AVX-512 with bf16: it may run only where bf16_is_fast(). */
#define WIDE        __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")))
#define INLINE_WIDE WIDE static inline __attribute__((always_inline))

/* Rows are worked on in pieces of so many columns: a piece of bf16 values is converted in a
 * buffer of this size on the stack. */
enum { CPU_CHUNK = 1024 };

/* Memory that is kept from call to call and grows with what is asked of it. */
struct workspace {
	float *p;
	size_t n; /* floats */
};

/* The state of an opened CPU. */
struct cpu {
	int threads;               /* of every parallel loop */
	struct workspace *own;     /* [threads]: one for each thread of such a loop */
	struct workspace whole;    /* one for the thread that calls: gemm's conversions */
	struct products *products; /* oneDNN's products, kept by gemm.c; NULL before the first */
	struct dev **part;         /* [threads], of one thread each, for by_rows; NULL before */
};

static inline struct cpu *cpu_of(struct dev *d) { return d->self; }
/* How many threads a parallel loop of this device has.  Each loop says so itself: OpenMP's own
 * setting is that of the device that was opened last. */
static inline int threads_of(struct dev *d) { return cpu_of(d)->threads; }

/* At least n floats, aligned to 64 bytes, whose contents are undefined; valid until the same
 * workspace is asked for more. */
float *workspace(struct workspace *, size_t n);
/* The same, of the calling thread of a parallel loop of this device. */
float *own_workspace(struct dev *, size_t n);

static inline long round_up(long n, long to) { return (n + to - 1) / to * to; }

/* Where element (i, j) lies. */
static inline void *at(struct mat m, long i, long j)
{
	return (char *)m.p + (i * m.ld + j) * dtype_size(m.type);
}

/* n values from bf16 to F32 and back, which rounds to nearest even and keeps NaN. */
void widen(float *y, const uint16_t *x, long n);
void narrow(uint16_t *y, const float *x, long n);
/* y += scale x, n values */
void add_scaled(float *y, const float *x, long n, float scale);

/* Columns j..j+n-1 of row i as F32: where they lie, or converted in buf, which holds n. */
static inline const float *load(struct mat m, long i, long j, long n, float *buf)
{
	if (m.type == DT_F32)
		return at(m, i, j);
	widen(buf, at(m, i, j), n);
	return buf;
}

/* Where to write such columns as F32: where they lie, or in buf, from which store() converts. */
static inline float *place(struct mat m, long i, long j, float *buf)
{
	return m.type == DT_F32 ? at(m, i, j) : buf;
}

static inline void store(struct mat m, long i, long j, long n, const float *buf)
{
	if (m.type == DT_BF16)
		narrow(at(m, i, j), buf, n);
}

/* Reads and writes element j of p, in loops where the type is a constant. */
INLINE float element(const void *p, long j, enum dtype type)
{
	return type == DT_F32 ? ((const float *)p)[j] : float_of_bf16(((const uint16_t *)p)[j]);
}

INLINE void set_element(void *p, long j, enum dtype type, float x)
{
	if (type == DT_F32)
		((float *)p)[j] = x;
	else
		((uint16_t *)p)[j] = bf16_of_float(x);
}

/* exp(x) to 2e-7 relative, in loops that become vectors; 0 below -87.3, infinite above 88.37
 * (2^128 is no float), NaN for NaN.  exp(x) = 2^n exp(r) with |r| <= log(2)/2: adding 1.5 * 2^23
 * rounds x / log(2) to n and leaves it in the low bits. */
INLINE float exp_fast(float x)
{
	const float magic = 12582912.0f;
	float t = x * 1.44269504f + magic, n = t - magic;
	float r = x - n * 0.693359375f + n * 2.12194440e-4f;
	float p = 1.9875691500e-4f;
	uint32_t e = (bits_of_float(t) - bits_of_float(magic) + 127) << 23;

	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1;
	p = p * float_of_bits(e);
	p = x > 88.37f ? INFINITY : p;
	return x < -87.33f ? 0 : p;
}

INLINE float sigmoid(float x) { return 1 / (1 + exp_fast(-x)); }

/* tanh(x) to 3e-7 relative, NaN for NaN.  Where |x| is small it is an odd polynomial, since
 * 1 - 2 / (1 + exp(2 |x|)) would lose the digits of so small a difference; elsewhere it is that. */
INLINE float tanh_fast(float x)
{
	float size = fabsf(x), z = x * x, p = -5.70498872745e-3f, far;

	p = p * z + 2.06390887954e-2f;
	p = p * z - 5.37397155531e-2f;
	p = p * z + 1.33314422036e-1f;
	p = p * z - 3.33332819422e-1f;
	p = p * z * x + x;
	far = copysignf(1 - 2 / (1 + exp_fast(2 * size)), x);
	return size < 0.625f ? p : far;
}

/* The device of this name, or NULL with the reason. */
struct dev *cpu_open(const char *name, int threads, const char **why);

/* The bodies, one for each entry of struct ops. */
void *cpu_alloc(struct dev *, size_t bytes);
void cpu_free(struct dev *, void *);
void cpu_put(struct dev *, void *dst, const void *host, size_t bytes);
void cpu_get(struct dev *, void *host, const void *src, size_t bytes);
void cpu_zero(struct dev *, struct mat x);
size_t cpu_spare(struct dev *);
void cpu_copy(struct dev *, struct mat y, struct mat x);
void cpu_gemm(struct dev *, struct mat c, struct mat a, int ta, struct mat b, int tb, float alpha,
              float beta);
void cpu_gemm_add(struct dev *, struct mat c, struct mat base, struct mat a, int ta, struct mat b,
                  int tb, float alpha);
void cpu_bias(struct dev *, struct mat y, struct mat b, float scale);
void cpu_bias_back(struct dev *, struct mat db, struct mat dy, float scale);
void cpu_gather(struct dev *, struct mat y, struct mat x, const int32_t *id, float scale);
void cpu_scatter(struct dev *, struct mat y, struct mat x, const int32_t *id);
void cpu_scatter_add(struct dev *, struct mat y, struct mat x, struct groups, float scale);
void cpu_norm(struct dev *, struct mat y, float *stat, struct mat x, struct mat gain,
              struct mat bias, struct norm, int add);
void cpu_norm_back(struct dev *, struct mat dx, struct mat half, struct mat dgain, struct mat dbias,
                   struct mat dy, struct mat x, struct mat gain, const float *stat, struct norm,
                   int add);
void cpu_rope(struct dev *, struct mat x, int n, long stride, int rotary, const int32_t *position,
              const float *table, int sign);
void cpu_attn(struct dev *, struct mat o, float *lse, struct mat q, struct mat k, struct mat v,
              struct spans, struct heads);
void cpu_attn_back(struct dev *, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                   struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                   struct spans, struct heads);
void cpu_act(struct dev *, struct mat y, struct mat x, struct act);
void cpu_act_back(struct dev *, struct mat dx, struct mat dy, struct mat x, struct act);
void cpu_xent(struct dev *, float *loss, struct mat dlogits, struct mat logits,
              const int32_t *target, const float *weight, float cap);
void cpu_argmax(struct dev *, int32_t *id, struct mat x);
void cpu_softcap(struct dev *, struct mat x, float cap);
void cpu_dot(struct dev *, float *sum, const float *x, const float *y, long n);
void cpu_adamw(struct dev *, float *p, const float *g, float *m, float *v, long n, struct adamw,
               const float *sum);

/* c = alpha a b' + beta c where a and c have one row; beta 0 does not read c. */
void row_product(struct dev *, struct mat c, struct mat a, struct mat b, float alpha, float beta);
/* The same where they have at most GEMM_FEW rows; returns 0, having done nothing, where it is not
 * faster than the other ways. */
enum { GEMM_FEW = 64 };
int few_product(struct dev *, struct mat c, struct mat a, struct mat b, float alpha, float beta);
/* c = alpha op(a) op(b) + beta base by AMX, where base may be c; returns 0, having done nothing,
 * where that cannot be. */
int amx_gemm(struct dev *, struct mat c, struct mat base, struct mat a, int ta, struct mat b,
             int tb, float alpha, float beta);
/* Frees oneDNN's products; NULL is none. */
void products_close(struct products *);
/* Whether this processor multiplies bf16 values (AVX-512 BF16). */
int bf16_is_fast(void);

#endif
