/* SPDX-License-Identifier: MIT */
/* tile_amx.h - products of bf16 tiles by AMX, and the orders that it wants; private to kernels/.
 *
 * AMX (Intel's processors from Sapphire Rapids on) has eight registers of 16 rows by 64 bytes.  One
 * instruction adds to 16 x 16 sums the product of 16 rows of 32 values of a and of 32 rows of b,
 * of which two neighbours make a row of 16 pairs, as in tile_bf16.h.  So a is read as it lies, and
 * b has to be put in order first:
 *
 *   a panel   AMX_EDGE columns of b, AMX_STEP rows after another ("steps"): of each, 16 rows of
 *             pairs of the first 16 columns, and then 16 of the other 16.  Zeros where there is
 *             nothing.  It is aligned to 64 bytes, and takes AMX_PAIRS pairs a step.
 */
#ifndef SEAL_TILE_AMX_H
#define SEAL_TILE_AMX_H

#include "tile_bf16.h"

enum { AMX_EDGE = 32, AMX_STEP = 32, AMX_PAIRS = AMX_EDGE * AMX_STEP / 2 };

static inline long amx_steps(long k) { return (k + AMX_STEP - 1) / AMX_STEP; }

/* Whether this processor has AMX, and the system lets us use it.  All that follows asks for it. */
int amx_is_there(void);
/* The latter: asks Linux for the registers, of which a process has none before (arch_prctl). */
int amx_is_allowed(void);

/* Before a thread's first product, and after its last: other code has other tiles. */
void amx_begin(void);
void amx_end(void);

/* c [m x n] = (or += where add) a times a panel of `steps`, where m and n are at most AMX_EDGE.
 * 16 or 32 rows of a are read, of AMX_STEP values a step, and 16 or 32 rows and columns of c
 * written; rows lie lda and ldc values apart.  The order of a sum is that of k, whatever is
 * computed beside it: equal rows of a give equal bits.  fetch: a comes from memory, and the
 * AMX_EDGE rows after these are next. */
void amx_product(float *c, long ldc, const uint16_t *a, long lda, const bf16_pair *panel,
                 long steps, long m, long n, int add, int fetch);
/* The same of any m and n, where panels follow each other. */
void amx_products(float *c, long ldc, const uint16_t *a, long lda, const bf16_pair *panels,
                  long steps, long m, long n, int add);

/* Panels of x, n columns and k rows, which lie ld values apart. */
void amx_panels(bf16_pair *panels, const uint16_t *x, long ld, long n, long k);
/* The same of F32 values, rounded; n is a multiple of 16. */
void amx_panels_f32(bf16_pair *panels, const float *x, long ld, long n, long k);
/* The same of x transposed: n rows of k values. */
void amx_panels_transposed(bf16_pair *panels, const uint16_t *x, long ld, long n, long k);
/* y [n x k] = what the panels are of, transposed.  n and k are rounded up to whole panels and
 * steps; rows lie ldy values apart. */
void amx_columns(uint16_t *y, long ldy, const bf16_pair *panels, long n, long k);

/* y [16 x 16] = x transposed; rows lie ldy and ldx apart. */
void amx_transpose(uint32_t *y, long ldy, const uint32_t *x, long ldx);

#endif
