/* SPDX-License-Identifier: MIT */
/* act.c - the activations of the feed-forward layer, plain or gated.
 *
 *     gelu(x)      = x Phi(x), Phi the normal distribution
 *     gelu_tanh(x) = x s(2u), u = sqrt(2/pi) (x + 0.044715 x^3), s the sigmoid
 *     silu(x)      = x s(x)
 *     gated:       y = f(gate) up,  dgate = dy up f'(gate),  dup = dy f(gate)
 *
 * (Hendrycks, Gimpel 2016; Shazeer 2020.)
 */
#include "cpu.h"

#include <assert.h>

/* Phi(x), and exp(-x^2/2) in *e: formula 7.1.26 of Abramowitz and Stegun, exact to 1e-7. */
INLINE float normal(float x, float *e)
{
	float z = fabsf(x) * 0.70710678f, t = 1 / (1 + 0.3275911f * z);
	float p = 1.061405429f, tail;

	p = p * t - 1.453152027f;
	p = p * t + 1.421413741f;
	p = p * t - 0.284496736f;
	p = p * t + 0.254829592f;
	*e = exp_fast(-z * z);
	tail = 0.5f * p * t * *e;
	return x < 0 ? tail : 1 - tail;
}

/* u of gelu_tanh */
INLINE float inner(float x) { return 0.79788456f * (x + 0.044715f * x * x * x); }

/* by f(x) */
INLINE float value(enum act_function f, float by, float x)
{
	float e;

	if (f == ACT_GELU)
		return by * x * normal(x, &e);
	return by * x * sigmoid(f == ACT_SILU ? x : 2 * inner(x));
}

/* by f'(x) */
INLINE float slope(enum act_function f, float by, float x)
{
	float e, s, du;

	if (f == ACT_GELU) {
		s = normal(x, &e);
		return by * (s + x * 0.39894228f * e);
	}
	if (f == ACT_GELU_TANH) {
		s = sigmoid(2 * inner(x));
		du = 0.79788456f * (1 + 3 * 0.044715f * x * x);
		return by * (s + x * s * (1 - s) * 2 * du);
	}
	s = sigmoid(x);
	return by * s * (1 + x * (1 - s));
}

/* y of n values of a row; up is NULL where not gated.  f and type are constants where this is
 * inlined, so that each function and type has a loop of its own. */
INLINE void act_values(void *y, const void *gate, const void *up, long n, enum act_function f,
                       enum dtype type)
{
	if (up) {
#pragma omp simd
		for (long j = 0; j < n; j++)
			set_element(y, j, type,
			            value(f, 1, element(gate, j, type)) * element(up, j, type));
	} else {
#pragma omp simd
		for (long j = 0; j < n; j++)
			set_element(y, j, type, value(f, 1, element(gate, j, type)));
	}
}

INLINE void act_any(void *y, const void *gate, const void *up, long n, enum act_function f,
                    enum dtype type)
{
	if (f == ACT_GELU)
		act_values(y, gate, up, n, ACT_GELU, type);
	else if (f == ACT_GELU_TANH)
		act_values(y, gate, up, n, ACT_GELU_TANH, type);
	else
		act_values(y, gate, up, n, ACT_SILU, type);
}

HOT static void act_f32(void *y, const void *gate, const void *up, long n, enum act_function f)
{
	act_any(y, gate, up, n, f, DT_F32);
}

HOT static void act_bf16(void *y, const void *gate, const void *up, long n, enum act_function f)
{
	act_any(y, gate, up, n, f, DT_BF16);
}

void cpu_act(struct dev *d, struct mat y, struct mat x, struct act act)
{
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < y.rows; i++)
		for (long j = 0; j < y.cols; j += CPU_CHUNK) {
			assert(x.p); /* so only what is not gated has no up */
			(y.type == DT_F32 ? act_f32
			                  : act_bf16)(at(y, i, j), at(x, i, j),
			                              act.gated ? at(x, i, y.cols + j) : NULL,
			                              long_min(CPU_CHUNK, y.cols - j), act.f);
		}
}

/* The places of n values of a row and of its gradient; up and dup are NULL where not gated. */
struct act_back {
	void *dgate, *dup;
	const void *dy, *gate, *up;
	long n;
};

INLINE void back_values(const struct act_back *b, enum act_function f, enum dtype type)
{
	void *dgate = b->dgate, *dup = b->dup;
	const void *dy = b->dy, *gate = b->gate, *up = b->up;

	if (up) {
#pragma omp simd
		for (long j = 0; j < b->n; j++) {
			float g = element(gate, j, type), by = element(dy, j, type);

			set_element(dgate, j, type, slope(f, by * element(up, j, type), g));
			set_element(dup, j, type, value(f, by, g));
		}
	} else {
#pragma omp simd
		for (long j = 0; j < b->n; j++)
			set_element(dgate, j, type,
			            slope(f, element(dy, j, type), element(gate, j, type)));
	}
}

INLINE void back_any(const struct act_back *b, enum act_function f, enum dtype type)
{
	if (f == ACT_GELU)
		back_values(b, ACT_GELU, type);
	else if (f == ACT_GELU_TANH)
		back_values(b, ACT_GELU_TANH, type);
	else
		back_values(b, ACT_SILU, type);
}

HOT static void back_f32(const struct act_back *b, enum act_function f) { back_any(b, f, DT_F32); }

HOT static void back_bf16(const struct act_back *b, enum act_function f)
{
	back_any(b, f, DT_BF16);
}

void cpu_act_back(struct dev *d, struct mat dx, struct mat dy, struct mat x, struct act act)
{
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < dy.rows; i++)
		for (long j = 0; j < dy.cols; j += CPU_CHUNK) {
			struct act_back b = {.dgate = at(dx, i, j),
			                     .dy = at(dy, i, j),
			                     .gate = at(x, i, j),
			                     .n = long_min(CPU_CHUNK, dy.cols - j)};

			assert(x.p);
			if (act.gated) {
				b.dup = at(dx, i, dy.cols + j);
				b.up = at(x, i, dy.cols + j);
			}
			(dx.type == DT_F32 ? back_f32 : back_bf16)(&b, act.f);
		}
}
