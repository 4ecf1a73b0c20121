/* SPDX-License-Identifier: MIT */
/* tile_bf16.c - products of bf16 tiles in pairs, and the making of pairs; tile_bf16.h says what
 * each function promises.  On other processors than x86-64 nothing calls the product. */
#include "tile_bf16.h"

/* y[j] = the pair of x0[j] and x1[j] */
HOT static void pair_up(bf16_pair *y, const float *x0, const float *x1, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = bf16_of_float(x0[j]) | (uint32_t)bf16_of_float(x1[j]) << 16;
}

/* y[j] = the pair of x[j] and 0 */
HOT static void pair_last(bf16_pair *y, const float *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = bf16_of_float(x[j]);
}

void pair_rows(bf16_pair *y, const float *x, long n, long wide)
{
	for (; n > 1; n -= 2, y += wide, x += 2 * wide)
		pair_up(y, x, x + wide, wide);
	if (n)
		pair_last(y, x, wide);
}

HOT void pair_rows_bf16(bf16_pair *y, const uint16_t *x, long ld, long n, long dim, long wide)
{
	for (; n > 0; n -= 2, y += wide, x += 2 * ld) {
		const uint16_t *next = x + (n > 1 ? ld : 0);
		uint32_t mask = n > 1 ? 0xffff0000 : 0;

#pragma omp simd
		for (long j = 0; j < dim; j++)
			y[j] = x[j] | ((uint32_t)next[j] << 16 & mask);
		for (long j = dim; j < wide; j++)
			y[j] = 0;
	}
}

#if defined(__x86_64__)
#include <immintrin.h>

enum { ROWS = 6, WIDTH = 16 };

/* A piece of c of `rows` rows by `vecs` vectors, which are constants where this is inlined, so that
 * acc lives in registers. */
INLINE_WIDE void piece(float *c, long ldc, const bf16_pair *a, long rs, long cs, const bf16_pair *b,
                       long ldb, long k, int rows, int vecs, int add)
{
	__m512 acc[ROWS][2];

#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < vecs; v++)
			acc[i][v] = add ? _mm512_loadu_ps(c + i * ldc + v * WIDTH)
			                : _mm512_setzero_ps();
	for (long j = 0; j < k; j++) {
		__m512i y[2];

#pragma GCC unroll 2
		for (int v = 0; v < vecs; v++)
			y[v] = _mm512_loadu_si512(b + j * ldb + v * WIDTH);
#pragma GCC unroll 6
		for (int i = 0; i < rows; i++) {
			__m512i x = _mm512_set1_epi32((int)a[i * rs + j * cs]);

#pragma GCC unroll 2
			for (int v = 0; v < vecs; v++)
				acc[i][v] =
					_mm512_dpbf16_ps(acc[i][v], (__m512bh)x, (__m512bh)y[v]);
		}
	}
#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < vecs; v++)
			_mm512_storeu_ps(c + i * ldc + v * WIDTH, acc[i][v]);
}

/* `vecs` vectors of all m rows of c. */
INLINE_WIDE void pieces(float *c, long ldc, const bf16_pair *a, long rs, long cs,
                        const bf16_pair *b, long ldb, long m, long k, int vecs, int add)
{
	for (; m >= ROWS; m -= ROWS, c += ROWS * ldc, a += ROWS * rs)
		piece(c, ldc, a, rs, cs, b, ldb, k, ROWS, vecs, add);
	for (; m >= 2; m -= 2, c += 2 * ldc, a += 2 * rs)
		piece(c, ldc, a, rs, cs, b, ldb, k, 2, vecs, add);
	if (m)
		piece(c, ldc, a, rs, cs, b, ldb, k, 1, vecs, add);
}

WIDE void pair_product(float *c, long ldc, const bf16_pair *a, long rs, long cs, const bf16_pair *b,
                       long ldb, long m, long n, long k, int add)
{
	long j = 0;

	for (; j + 2 * WIDTH <= n; j += 2 * WIDTH)
		pieces(c + j, ldc, a, rs, cs, b + j, ldb, m, k, 2, add);
	if (j < n)
		pieces(c + j, ldc, a, rs, cs, b + j, ldb, m, k, 1, add);
}
#else
void pair_product(float *c, long ldc, const bf16_pair *a, long rs, long cs, const bf16_pair *b,
                  long ldb, long m, long n, long k, int add)
{
	(void)c, (void)ldc, (void)a, (void)rs, (void)cs, (void)b, (void)ldb, (void)m, (void)n,
		(void)k, (void)add;
}
#endif
