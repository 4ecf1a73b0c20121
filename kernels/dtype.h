/* SPDX-License-Identifier: MIT */
/* dtype.h - how numbers are stored: types, names, blocks, and how floats are made of them.
 *
 * Operations compute on matrices of DT_F32 and DT_BF16.  The others are what files hold; gather
 * decodes them.  Values come in blocks of dtype_block() values and dtype_block_bytes() bytes; a
 * plain type's block is one value.  GGUF and safetensors number the types each in its way; both
 * are mapped to enum dtype.
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

const char *dtype_name(enum dtype); /* "F32", "Q4_K": as GGUF and safetensors have it */
long dtype_block(enum dtype);
size_t dtype_block_bytes(enum dtype);

/* dst[0..n-1] = the n values at src, which is at the beginning of a block; n is a multiple of
 * the block.  src need not be aligned. */
void dtype_decode(enum dtype, const void *src, long n, float *dst);
/* The reverse for F32, BF16 and F16: rounds to nearest, ties to even. */
void dtype_encode(enum dtype, const float *src, long n, void *dst);

#endif
