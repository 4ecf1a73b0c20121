/* SPDX-License-Identifier: MIT */
/* gemm_row.c - c = alpha a b' + beta c where a is one row, as when one text is generated.
 *
 * Such a product takes as long as reading b from memory, once; oneDNN would copy b first.
 */
#include "cpu.h"

/* Rows of b that a thread takes, and how many of them it reads abreast. */
enum { STRIP = 64, ABREAST = 4 };

/* y[i] = x w[i]' for ABREAST rows w[i] of k values */
INLINE void dots(float *y, const float *x, const void *const w[ABREAST], long k, enum dtype type)
{
	const void *w0 = w[0], *w1 = w[1], *w2 = w[2], *w3 = w[3];
	float s0 = 0, s1 = 0, s2 = 0, s3 = 0;

#pragma omp simd reduction(+ : s0, s1, s2, s3)
	for (long j = 0; j < k; j++) {
		s0 += x[j] * element(w0, j, type);
		s1 += x[j] * element(w1, j, type);
		s2 += x[j] * element(w2, j, type);
		s3 += x[j] * element(w3, j, type);
	}
	y[0] = s0;
	y[1] = s1;
	y[2] = s2;
	y[3] = s3;
}

HOT static void dots_f32(float *y, const float *x, const void *const w[ABREAST], long k)
{
	dots(y, x, w, k, DT_F32);
}

HOT static void dots_bf16(float *y, const float *x, const void *const w[ABREAST], long k)
{
	dots(y, x, w, k, DT_BF16);
}

/* Columns first..first+n-1 of c. */
static void strip(struct mat c, struct mat x, struct mat b, long first, long n, float alpha,
                  float beta)
{
	float s[STRIP + ABREAST], buf[STRIP], *y = place(c, 0, first, buf);

	for (long j = 0; j < n; j += ABREAST) {
		const void *w[ABREAST];

		for (long r = 0; r < ABREAST; r++)
			w[r] = at(b, first + long_min(j + r, n - 1), 0);
		(b.type == DT_F32 ? dots_f32 : dots_bf16)(s + j, x.p, w, x.cols);
	}
	if (beta != 0)
		load(c, 0, first, n, buf);
	for (long j = 0; j < n; j++)
		y[j] = alpha * s[j] + (beta != 0 ? beta * y[j] : 0);
	store(c, 0, first, n, y);
}

void row_product(struct dev *d, struct mat c, struct mat a, struct mat b, float alpha, float beta)
{
	struct mat x = a;

	if (a.type == DT_BF16) {
		x = mat_of(workspace(&cpu_of(d)->whole, a.cols), DT_F32, 1, a.cols);
		cpu_copy(d, x, a);
	}
#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long j = 0; j < c.cols; j += STRIP)
		strip(c, x, b, j, long_min(STRIP, c.cols - j), alpha, beta);
}
