/* SPDX-License-Identifier: MIT */
/* xent.c - softmax and cross-entropy in one operation, the cap on logits before it, and their
 * largest.
 *
 *     loss = log sum_j exp(z_j) - z_target,  dz_j = weight (softmax(z)_j - [j = target])
 *     z = cap tanh(x / cap),  dx = dz (1 - (z / cap)^2)
 */
#include "cpu.h"

HOT static float largest(const float *z, long n)
{
	float m = -INFINITY;

#ifndef __clang__ /* which cannot where there may be NaN, and warns */
#pragma omp simd reduction(max : m)
#endif
	for (long j = 0; j < n; j++)
		m = z[j] > m ? z[j] : m;
	return m;
}

HOT static float sum_exp(const float *z, long n, float shift)
{
	float s = 0;

#pragma omp simd reduction(+ : s)
	for (long j = 0; j < n; j++)
		s += exp_fast(z[j] - shift);
	return s;
}

HOT static void scaled_exp(float *y, const float *z, long n, float shift, float scale)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = exp_fast(z[j] - shift) * scale;
}

/* The slope of cap tanh(x / cap) where it has the value z. */
INLINE float cap_slope(float z, float by_cap) { return 1 - z * by_cap * (z * by_cap); }

HOT static void capped_exp(float *y, const float *z, long n, float shift, float scale, float by_cap)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = exp_fast(z[j] - shift) * scale * cap_slope(z[j], by_cap);
}

static void gradient(struct mat dz, struct mat z, long i, long target, float shift, float scale,
                     float weight, float cap)
{
	if (cap > 0)
		weight *= cap_slope(*(const float *)at(z, i, target), 1 / cap);
	for (long j = 0; j < z.cols; j += CPU_CHUNK) {
		long n = long_min(CPU_CHUNK, z.cols - j);
		float buf[CPU_CHUNK], *o = place(dz, i, j, buf);

		if (cap > 0)
			capped_exp(o, at(z, i, j), n, shift, scale, 1 / cap);
		else
			scaled_exp(o, at(z, i, j), n, shift, scale);
		if (target >= j && target < j + n)
			o[target - j] -= weight;
		store(dz, i, j, n, o);
	}
}

static float xent_row(struct mat dz, struct mat z, long i, long target, float weight, float cap)
{
	const float *row = at(z, i, 0);
	float shift = largest(row, z.cols), loss;
	double total = 0;

	for (long j = 0; j < z.cols; j += CPU_CHUNK)
		total += sum_exp(row + j, long_min(CPU_CHUNK, z.cols - j), shift);
	loss = log(total) + shift - row[target];
	if (dz.p)
		gradient(dz, z, i, target, shift, weight / total, weight, cap);
	return loss;
}

void cpu_xent(struct dev *d, float *loss, struct mat dlogits, struct mat logits,
              const int32_t *target, const float *weight, float cap)
{
#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < logits.rows; i++) {
		if (target[i] >= 0) {
			loss[i] = xent_row(dlogits, logits, i, target[i], dlogits.p ? weight[i] : 0,
			                   cap);
			continue;
		}
		loss[i] = 0;
		if (dlogits.p)
			memset(at(dlogits, i, 0), 0, logits.cols * dtype_size(dlogits.type));
	}
}

HOT static void cap_values(float *x, long n, float cap)
{
	float by_cap = 1 / cap;

#pragma omp simd
	for (long j = 0; j < n; j++)
		x[j] = cap * tanh_fast(x[j] * by_cap);
}

void cpu_softcap(struct dev *d, struct mat x, float cap)
{
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < x.rows; i++)
		for (long j = 0; j < x.cols; j += CPU_CHUNK)
			cap_values(at(x, i, j), long_min(CPU_CHUNK, x.cols - j), cap);
}

HOT static long not_numbers(const float *z, long n)
{
	long k = 0;

#pragma omp simd reduction(+ : k)
	for (long j = 0; j < n; j++)
		k += z[j] != z[j];
	return k;
}

void cpu_argmax(struct dev *d, int32_t *id, struct mat x)
{
#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < x.rows; i++) {
		const float *row = at(x, i, 0);
		float high = largest(row, x.cols);
		int32_t j = 0;

		if (!isfinite(high) || not_numbers(row, x.cols)) {
			id[i] = -1;
			continue;
		}
		while (row[j] != high)
			j++;
		id[i] = j;
	}
}
