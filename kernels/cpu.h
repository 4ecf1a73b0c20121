/* SPDX-License-Identifier: MIT */
/* cpu.h - what the CPU's bodies of ops.h share; private to kernels/.
 *
 * Loops over rows are OpenMP's; what is inside them is a HOT function, of which
 * the compiler makes a version for each generation of vector instructions (the
 * body that OpenMP cuts out of its function would not get them).
 */
#ifndef SEAL_CPU_H
#define SEAL_CPU_H

#include <math.h>
#include <string.h>

#include "ops.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__)
#define HOT __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HOT
#endif
#define INLINE static inline __attribute__((always_inline))
/* Written for AVX-512 with bf16: to be called only where bf16_is_fast(). */
#define WIDE        __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")))
#define INLINE_WIDE WIDE static inline __attribute__((always_inline))

/* Work is cut into pieces of so many columns; a bf16 piece is converted in a
 * buffer of this size on the stack. */
enum { CHUNK = 1024 };

struct workspace {
	float *p;
	size_t n;
};

struct cpu {
	int threads;
	struct workspace *own;     /* [threads], attention's tiles */
	struct workspace whole;    /* gemm's conversions */
	struct products *products; /* gemm's cache */
};

static inline struct cpu *cpu_of(struct dev *d) { return d->self; }
/* How many threads a parallel region of this device has: every one says so itself, since
 * OpenMP's own number is that of the device that was opened last. */
static inline int threads_of(struct dev *d) { return cpu_of(d)->threads; }

/* n floats, aligned to 64 bytes, kept for the next call; contents undefined. */
float *workspace(struct workspace *, size_t n);
/* This thread's, inside a parallel region. */
float *own_workspace(struct dev *, size_t n);

static inline long min_long(long a, long b) { return a < b ? a : b; }
static inline long max_long(long a, long b) { return a > b ? a : b; }
static inline long round_up(long n, long to) { return (n + to - 1) / to * to; }

static inline void *at(struct mat m, long i, long j)
{
	return (char *)m.p + (i * m.ld + j) * dtype_size(m.type);
}

/* y[0..n) = x[0..n) */
void widen(float *y, const uint16_t *x, long n);
void narrow(uint16_t *y, const float *x, long n); /* to nearest even; NaN stays NaN */

/* Columns j..j+n-1 of row i as F32: in place, or converted in buf. */
static inline const float *load(struct mat m, long i, long j, long n, float *buf)
{
	if (m.type == DT_F32)
		return at(m, i, j);
	widen(buf, at(m, i, j), n);
	return buf;
}

/* Where to write them: in place, or in buf for store() to convert. */
static inline float *place(struct mat m, long i, long j, float *buf)
{
	return m.type == DT_F32 ? at(m, i, j) : buf;
}

static inline void store(struct mat m, long i, long j, long n, const float *buf)
{
	if (m.type == DT_BF16)
		narrow(at(m, i, j), buf, n);
}

INLINE float float_of(uint32_t u)
{
	float f;
	memcpy(&f, &u, 4);
	return f;
}
INLINE uint32_t bits_of(float f)
{
	uint32_t u;
	memcpy(&u, &f, 4);
	return u;
}

/* To nearest even; NaN stays NaN. */
INLINE uint16_t bf16_of(float x)
{
	uint32_t u = bits_of(x);

	return (u & 0x7fffffff) > 0x7f800000 ? u >> 16 | 0x40 : (u + 0x7fff + (u >> 16 & 1)) >> 16;
}

/* Element j of p, in loops where the type is a constant. */
INLINE float element(const void *p, long j, enum dtype type)
{
	return type == DT_F32 ? ((const float *)p)[j]
	                      : float_of((uint32_t)((const uint16_t *)p)[j] << 16);
}

INLINE void set_element(void *p, long j, enum dtype type, float x)
{
	if (type == DT_F32)
		((float *)p)[j] = x;
	else
		((uint16_t *)p)[j] = bf16_of(x);
}

/* exp(x) to 2e-7 relative, 0 below -87.3, inf above 88.37 (2^128 is no float),
 * NaN for NaN; in loops that become vectors.  exp(x) = 2^n exp(r), |r| <=
 * log(2)/2; adding 1.5 * 2^23 rounds to n and leaves it in the low bits. */
INLINE float exp_fast(float x)
{
	const float magic = 12582912.0f;
	float t = x * 1.44269504f + magic, n = t - magic;
	float r = x - n * 0.693359375f + n * 2.12194440e-4f;
	float p = 1.9875691500e-4f;
	uint32_t e = (bits_of(t) - bits_of(magic) + 127) << 23;

	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1;
	p = p * float_of(e);
	p = x > 88.37f ? INFINITY : p;
	return x < -87.33f ? 0 : p;
}

INLINE float sigmoid(float x) { return 1 / (1 + exp_fast(-x)); }

/* tanh(x) to 3e-7 relative; NaN for NaN: an odd polynomial where |x| is small, whose result the
 * exponentials would round away, and 1 - 2 / (1 + exp(2 |x|)) elsewhere. */
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
const void *cpu_adopt(struct dev *, const void *host, size_t bytes);
void cpu_disown(struct dev *, const void *);
size_t cpu_spare(struct dev *);
void cpu_copy(struct dev *, struct mat y, struct mat x);
void cpu_gemm(struct dev *, struct mat c, struct mat a, int ta, struct mat b, int tb, float alpha,
              float beta);
void cpu_bias(struct dev *, struct mat y, struct mat b, float scale);
void cpu_bias_back(struct dev *, struct mat db, struct mat dy, float scale);
void cpu_gather(struct dev *, struct mat y, struct mat x, const int32_t *id, float scale);
void cpu_scatter(struct dev *, struct mat y, struct mat x, const int32_t *id);
void cpu_scatter_add(struct dev *, struct mat y, struct mat x, const int32_t *id, float scale);
void cpu_norm(struct dev *, struct mat y, float *stat, struct mat x, struct mat gain,
              struct mat bias, struct norm, int add);
void cpu_norm_back(struct dev *, struct mat dx, struct mat dgain, struct mat dbias, struct mat dy,
                   struct mat x, struct mat gain, const float *stat, struct norm, int add);
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
void cpu_softcap(struct dev *, struct mat x, float cap);
void cpu_sumsq(struct dev *, float *sum, const float *x, long n);
void cpu_adamw(struct dev *, float *p, const float *g, float *m, float *v, long n, struct adamw,
               const float *sum);

/* c = alpha a b' + beta c, one row */
void row_product(struct dev *, struct mat c, struct mat a, struct mat b, float alpha, float beta);
/* The same with at most FEW rows; 0 where another is as fast. */
enum { FEW = 64 };
int few_product(struct dev *, struct mat c, struct mat a, struct mat b, float alpha, float beta);
void products_close(struct products *);
int bf16_is_fast(void);

#endif
