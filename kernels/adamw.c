/* SPDX-License-Identifier: MIT */
/* adamw.c - products of gradients, and AdamW's step with the gradient clipped by its norm.
 *
 *     g' = g min(1, clip / (|g| + 1e-6)),  p -= rate decay p
 *     m = b1 m + (1 - b1) g',  v = b2 v + (1 - b2) g'^2
 *     p -= rate / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps)
 */
#include "cpu.h"

/* A product is the sum of so many parts, the same for any number of threads. */
enum { PARTS = 256 };

HOT static float products(const float *x, const float *y, long n)
{
	float s = 0;

#pragma omp simd reduction(+ : s)
	for (long j = 0; j < n; j++)
		s += x[j] * y[j];
	return s;
}

void cpu_dot(struct dev *d, float *sum, const float *x, const float *y, long n)
{
	long size = round_up((n + PARTS - 1) / PARTS, 16);
	double part[PARTS] = {0}, total = 0;

#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long k = 0; k < PARTS; k++)
		for (long j = k * size; j < long_min(n, (k + 1) * size); j += CPU_CHUNK)
			part[k] += products(x + j, y + j,
			                    long_min(CPU_CHUNK, long_min(n, (k + 1) * size) - j));
	for (int k = 0; k < PARTS; k++)
		total += part[k];
	*sum = total;
}

/* What a step multiplies with: shrink the gradient (clipping), keep of p (decay), root of
 * 1 / (1 - b2^t). */
struct adamw_factors {
	float shrink, keep, b1, b2, rate, root, eps;
};

HOT static void step(float *p, const float *g, float *m, float *v, long n,
                     const struct adamw_factors *s)
{
	float shrink = s->shrink, keep = s->keep, b1 = s->b1, b2 = s->b2;
	float rate = s->rate, root = s->root, eps = s->eps;

#pragma omp simd
	for (long j = 0; j < n; j++) {
		float x = g[j] * shrink;

		m[j] = b1 * m[j] + (1 - b1) * x;
		v[j] = b2 * v[j] + (1 - b2) * x * x;
		p[j] = p[j] * keep - rate * m[j] / (sqrtf(v[j]) * root + eps);
	}
}

void cpu_adamw(struct dev *d, float *p, const float *g, float *m, float *v, long n, struct adamw a,
               const float *sum)
{
	double norm = a.clip > 0 ? sqrt(*sum) : 0;
	struct adamw_factors s = {
		.shrink = a.clip > 0 ? fmin(1, a.clip / (norm + 1e-6)) : 1,
		.keep = 1 - (double)a.rate * a.decay,
		.b1 = a.beta1,
		.b2 = a.beta2,
		.eps = a.eps,
		.rate = a.rate / (1 - pow(a.beta1, a.step)),
		.root = 1 / sqrt(1 - pow(a.beta2, a.step)),
	};

#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long j = 0; j < n; j += CPU_CHUNK)
		step(p + j, g + j, m + j, v + j, long_min(CPU_CHUNK, n - j), &s);
}
