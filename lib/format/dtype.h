/* SPDX-License-Identifier: MIT */
/* dtype.h - the types in which files store weights: their names, their blocks, and how floats
 * are made of them.
 *
 * Values come in blocks of dtype_block() values and dtype_block_bytes() bytes; a plain type's
 * block is one value.  GGUF and safetensors number the types each in its way; both are mapped
 * to enum dtype.
 */
#ifndef SEAL_DTYPE_H
#define SEAL_DTYPE_H

#include <stddef.h>

#include "../../kernels/dtype.h"

const char *dtype_name(enum dtype); /* "F32", "Q4_K": as GGUF and safetensors have it */
long dtype_block(enum dtype);
size_t dtype_block_bytes(enum dtype);

/* dst[0..n-1] = the n values at src, which is at the beginning of a block; n is a multiple of
 * the block.  src need not be aligned. */
void dtype_decode(enum dtype, const void *src, long n, float *dst);
/* The reverse for F32, BF16 and F16: rounds to nearest, ties to even. */
void dtype_encode(enum dtype, const float *src, long n, void *dst);

#endif
