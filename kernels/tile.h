/* SPDX-License-Identifier: MIT */
/* tile.h - products of small F32 tiles that lie in cache, for attention; private to kernels/.
 *
 * product: c [m x n] = (or += where add) a [m x k] b [k x n].  b and c are row-major and aligned to
 * 64 bytes, n is a multiple of TILE_LANES.  Element (i, j) of a is a[i * rs + j * cs], so that a
 * may be a transpose.
 */
#ifndef SEAL_TILE_H
#define SEAL_TILE_H

#include "cpu.h"

enum { TILE_LANES = 16, TILE_ROWS = 6 };

typedef float vec __attribute__((vector_size(64), may_alias));

/* A piece of c of `rows` rows by `vecs` vectors, which are constants where this is inlined, so that
 * acc lives in registers. */
INLINE void tile_piece(float *c, long ldc, const float *a, long rs, long cs, const float *b,
                       long ldb, long k, int rows, int vecs, int add)
{
	vec acc[TILE_ROWS][2];

#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < vecs; v++)
			acc[i][v] = add ? *(vec *)(c + i * ldc + v * TILE_LANES) : (vec){0};
	for (long j = 0; j < k; j++) {
		vec y[2];

#pragma GCC unroll 2
		for (int v = 0; v < vecs; v++)
			y[v] = *(const vec *)(b + j * ldb + v * TILE_LANES);
#pragma GCC unroll 6
		for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
			for (int v = 0; v < vecs; v++)
				acc[i][v] += a[i * rs + j * cs] * y[v];
	}
#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < vecs; v++)
			*(vec *)(c + i * ldc + v * TILE_LANES) = acc[i][v];
}

/* `vecs` vectors of all m rows of c. */
INLINE void tile_columns(float *c, long ldc, const float *a, long rs, long cs, const float *b,
                         long ldb, long m, long k, int vecs, int add)
{
	for (; m >= TILE_ROWS; m -= TILE_ROWS, c += TILE_ROWS * ldc, a += TILE_ROWS * rs)
		tile_piece(c, ldc, a, rs, cs, b, ldb, k, TILE_ROWS, vecs, add);
	if (m == 5)
		tile_piece(c, ldc, a, rs, cs, b, ldb, k, 5, vecs, add);
	else if (m == 4)
		tile_piece(c, ldc, a, rs, cs, b, ldb, k, 4, vecs, add);
	else if (m == 3)
		tile_piece(c, ldc, a, rs, cs, b, ldb, k, 3, vecs, add);
	else if (m == 2)
		tile_piece(c, ldc, a, rs, cs, b, ldb, k, 2, vecs, add);
	else if (m == 1)
		tile_piece(c, ldc, a, rs, cs, b, ldb, k, 1, vecs, add);
}

/* Whether there are the 32 registers of 64 bytes that two vectors a row want. */
static inline int has_wide_registers(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx512f");
#else
	return 0;
#endif
}

HOT static void product(float *c, long ldc, const float *a, long rs, long cs, const float *b,
                        long ldb, long m, long n, long k, int add)
{
	long j = 0;

	if (has_wide_registers())
		for (; j + 2 * TILE_LANES <= n; j += 2 * TILE_LANES)
			tile_columns(c + j, ldc, a, rs, cs, b + j, ldb, m, k, 2, add);
	for (; j < n; j += TILE_LANES)
		tile_columns(c + j, ldc, a, rs, cs, b + j, ldb, m, k, 1, add);
}

typedef float vec4 __attribute__((vector_size(16), may_alias));

/* y [cols x rows] = x [rows x cols] transposed; both sizes multiples of 4, both aligned to 16
 * bytes. */
HOT static void transpose(float *y, const float *x, long rows, long cols)
{
	for (long i = 0; i < rows; i += 4)
		for (long j = 0; j < cols; j += 4) {
			const vec4 *p = (const vec4 *)(x + i * cols + j);
			vec4 *q = (vec4 *)(y + j * rows + i);
			long ps = cols / 4, qs = rows / 4;
			vec4 a = p[0], b = p[ps], c = p[2 * ps], d = p[3 * ps];
			vec4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
			vec4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
			vec4 AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
			vec4 CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);

			q[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
			q[qs] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
			q[2 * qs] = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
			q[3 * qs] = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
		}
}

#endif
