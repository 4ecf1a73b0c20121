/* SPDX-License-Identifier: MIT */
/* tile_bf16.h - products of small bf16 tiles that lie in cache, for attention; private to kernels/.
 *
 * An instruction of AVX-512 BF16 multiplies two neighbouring values at once and adds both products.
 * So the values of a tile lie in pairs: two that follow each other along k, the direction of the
 * sum; where k is odd the second of the last pair is 0.
 */
#ifndef SEAL_TILE_BF16_H
#define SEAL_TILE_BF16_H

#include "cpu.h"

typedef uint32_t bf16_pair __attribute__((may_alias));

/* c [m x n] F32 = (or += where add) a b, k pairs deep.  Pair (i, j) of a is a[i * rs + j * cs]; b
 * is row-major [k x n], and n a multiple of 16.  It may be called only where bf16_is_fast(). */
void pair_product(float *c, long ldc, const bf16_pair *a, long rs, long cs, const bf16_pair *b,
                  long ldb, long m, long n, long k, int add);

/* y [(n + 1) / 2 x wide] = x [n x wide] F32, rounded, two rows to a row of pairs; y and x may be
 * the same memory. */
void pair_rows(bf16_pair *y, const float *x, long n, long wide);
/* The same of n rows of bf16 values that lie ld apart: dim of their columns, then zeros to wide. */
void pair_rows_bf16(bf16_pair *y, const uint16_t *x, long ld, long n, long dim, long wide);

#endif
