/* tile.h - products of small F32 tiles in cache, for attention; private to kernels/.
 *
 * product: c [m x n] = (or += where add) a [m x k] b [k x n].  b and c are
 * row-major, aligned, n a multiple of LANES; a's element (i, j) is
 * a[i * rs + j * cs], so that a may be a transpose.
 */
#ifndef SEAL_TILE_H
#define SEAL_TILE_H

#include "cpu.h"

enum { LANES = 16, ROWS = 6 };

typedef float vec __attribute__((vector_size(64), may_alias));

/* A piece of c: `rows` by `vecs` vectors, constants where this is inlined, so
 * that acc lives in registers. */
INLINE void tile_piece(float *c, long ldc, const float *a, long rs, long cs, const float *b,
                       long ldb, long k, int rows, int vecs, int add)
{
	vec acc[ROWS][2];

#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < vecs; v++)
			acc[i][v] = add ? *(vec *)(c + i * ldc + v * LANES) : (vec){0};
	for (long j = 0; j < k; j++) {
		vec y[2];

#pragma GCC unroll 2
		for (int v = 0; v < vecs; v++)
			y[v] = *(const vec *)(b + j * ldb + v * LANES);
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
			*(vec *)(c + i * ldc + v * LANES) = acc[i][v];
}

/* All rows of `vecs` vectors of c. */
INLINE void tile_columns(float *c, long ldc, const float *a, long rs, long cs, const float *b,
                         long ldb, long m, long k, int vecs, int add)
{
	for (; m >= ROWS; m -= ROWS, c += ROWS * ldc, a += ROWS * rs)
		tile_piece(c, ldc, a, rs, cs, b, ldb, k, ROWS, vecs, add);
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

/* Two vectors a row want 32 registers of 64 bytes. */
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
		for (; j + 2 * LANES <= n; j += 2 * LANES)
			tile_columns(c + j, ldc, a, rs, cs, b + j, ldb, m, k, 2, add);
	for (; j < n; j += LANES)
		tile_columns(c + j, ldc, a, rs, cs, b + j, ldb, m, k, 1, add);
}

#endif
