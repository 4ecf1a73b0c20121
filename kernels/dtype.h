/* SPDX-License-Identifier: MIT */
/* dtype.h - how numbers are stored.
 *
 * Operations compute on matrices of DT_F32 and DT_BF16.  The others are what files hold, and
 * are decoded when they are loaded (lib/format/dtype.h).
 */
#ifndef SEAL_KERNELS_DTYPE_H
#define SEAL_KERNELS_DTYPE_H

#include <stddef.h>

enum dtype {
	DT_F32,
	DT_BF16,
	DT_F16,
	DT_Q4_0, /* from here on ggml's blocks of values that share a scale */
	DT_Q4_1,
	DT_Q5_0,
	DT_Q5_1,
	DT_Q8_0,
	DT_Q2_K,
	DT_Q3_K,
	DT_Q4_K,
	DT_Q5_K,
	DT_Q6_K,
	DT_IQ4_NL,
	DT_IQ4_XS,
	DT_MXFP4,
	DT_TYPES
};

/* The bytes of a value of a matrix: DT_F32, DT_BF16 or DT_F16. */
static inline size_t dtype_size(enum dtype t) { return t == DT_F32 ? 4 : 2; }

#endif
