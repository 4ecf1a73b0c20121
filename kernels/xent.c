/* SPDX-License-Identifier: MIT */
/* xent.c - softmax and cross-entropy, fused.
 *
 *     loss = log sum_j exp(z_j) - z_target,  dz_j = weight (softmax(z)_j - [j = target])
 */
#include "cpu.h"

HOT static float largest(const float *z, long n)
{
	float m = -INFINITY;

#pragma omp simd reduction(max : m)
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

static void gradient(struct mat dz, struct mat z, long i, long target, float shift, float scale,
                     float weight)
{
	for (long j = 0; j < z.cols; j += CHUNK) {
		long n = min_long(CHUNK, z.cols - j);
		float buf[CHUNK], *o = place(dz, i, j, buf);

		scaled_exp(o, at(z, i, j), n, shift, scale);
		if (target >= j && target < j + n)
			o[target - j] -= weight;
		store(dz, i, j, n, o);
	}
}

static float xent_row(struct mat dz, struct mat z, long i, long target, float weight)
{
	const float *row = at(z, i, 0);
	float shift = largest(row, z.cols), loss;
	double total = 0;

	for (long j = 0; j < z.cols; j += CHUNK)
		total += sum_exp(row + j, min_long(CHUNK, z.cols - j), shift);
	loss = log(total) + shift - row[target];
	if (dz.p)
		gradient(dz, z, i, target, shift, weight / total, weight);
	return loss;
}

void cpu_xent(struct dev *d, float *loss, struct mat dlogits, struct mat logits,
              const int32_t *target, const float *weight)
{
	(void)d;
#pragma omp parallel for schedule(static)
	for (long i = 0; i < logits.rows; i++) {
		if (target[i] >= 0) {
			loss[i] =
				xent_row(dlogits, logits, i, target[i], dlogits.p ? weight[i] : 0);
			continue;
		}
		loss[i] = 0;
		if (dlogits.p)
			memset(at(dlogits, i, 0), 0, logits.cols * dtype_size(dlogits.type));
	}
}
