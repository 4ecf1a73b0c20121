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

/* `rows` is a constant where this is inlined, so that acc lives in registers. */
INLINE void tile_rows(float *c, long ldc, const float *a, long rs, long cs, const float *b,
                      long ldb, long k, int rows, int add)
{
	vec acc[ROWS];

#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
		acc[i] = add ? *(vec *)(c + i * ldc) : (vec){0};
	for (long j = 0; j < k; j++) {
		vec y = *(const vec *)(b + j * ldb);

#pragma GCC unroll 6
		for (int i = 0; i < rows; i++)
			acc[i] += a[i * rs + j * cs] * y;
	}
#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
		*(vec *)(c + i * ldc) = acc[i];
}

HOT static void product(float *c, long ldc, const float *a, long rs, long cs, const float *b,
                        long ldb, long m, long n, long k, int add)
{
	for (long j = 0; j < n; j += LANES) {
		long i = 0;

		for (; i + ROWS <= m; i += ROWS)
			tile_rows(c + i * ldc + j, ldc, a + i * rs, rs, cs, b + j, ldb, k, ROWS, add);
		c += i * ldc;
		a += i * rs;
		if (m - i == 1)
			tile_rows(c + j, ldc, a, rs, cs, b + j, ldb, k, 1, add);
		else if (m - i == 2)
			tile_rows(c + j, ldc, a, rs, cs, b + j, ldb, k, 2, add);
		else if (m - i == 3)
			tile_rows(c + j, ldc, a, rs, cs, b + j, ldb, k, 3, add);
		else if (m - i == 4)
			tile_rows(c + j, ldc, a, rs, cs, b + j, ldb, k, 4, add);
		else if (m - i == 5)
			tile_rows(c + j, ldc, a, rs, cs, b + j, ldb, k, 5, add);
		c -= i * ldc;
		a -= i * rs;
	}
}

#endif
