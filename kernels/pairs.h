/* SPDX-License-Identifier: MIT */
/* pairs.h - products of small bf16 tiles in cache, for attention, where the CPU
 * multiplies two bf16 values and adds both products at once; private to kernels/.
 *
 * A pair is two values that follow each other along k; of an odd k the last one's
 * second is 0.
 */
#ifndef SEAL_PAIRS_H
#define SEAL_PAIRS_H

#include "cpu.h"

typedef uint32_t pair __attribute__((may_alias));

/* c [m x n] F32, n a multiple of LANES, = (or += where add) a b: k pairs deep.  a's pair
 * (i, j) is a[i * rs + j * cs], b is row-major [k x n].  Only where bf16_is_fast(). */
void pair_product(float *c, long ldc, const pair *a, long rs, long cs, const pair *b, long ldb,
                  long m, long n, long k, int add);

/* y [(n + 1) / 2 x wide] = pairs of x's n rows, x F32 [n x wide]; may be the same memory. */
void pair_rows(pair *y, const float *x, long n, long wide);
/* The same of bf16 rows that lie ld apart, dim of their columns, then zeros. */
void pair_rows_bf16(pair *y, const uint16_t *x, long ld, long n, long dim, long wide);

#endif
