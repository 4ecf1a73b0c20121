/* SPDX-License-Identifier: MIT */
/* dtype.c - the types of stored weights: plain floats, and ggml's blocks of values. */
#include "dtype.h"

#include <assert.h>

#include "dtype_blocks.h"

#define INLINE static inline __attribute__((always_inline))

static float bf16_at(const uint8_t *p) { return float_of_bf16(p[0] | p[1] << 8); }

static const struct quant_block {
	const char *name;
	int values, bytes;
} blocks[DT_TYPES] = {
	[DT_F32] = {"F32", 1, 4},           [DT_BF16] = {"BF16", 1, 2},
	[DT_F16] = {"F16", 1, 2},           [DT_Q4_0] = {"Q4_0", 32, 18},
	[DT_Q4_1] = {"Q4_1", 32, 20},       [DT_Q5_0] = {"Q5_0", 32, 22},
	[DT_Q5_1] = {"Q5_1", 32, 24},       [DT_Q8_0] = {"Q8_0", 32, 34},
	[DT_Q2_K] = {"Q2_K", 256, 84},      [DT_Q3_K] = {"Q3_K", 256, 110},
	[DT_Q4_K] = {"Q4_K", 256, 144},     [DT_Q5_K] = {"Q5_K", 256, 176},
	[DT_Q6_K] = {"Q6_K", 256, 210},     [DT_IQ4_NL] = {"IQ4_NL", 32, 18},
	[DT_IQ4_XS] = {"IQ4_XS", 256, 136}, [DT_MXFP4] = {"MXFP4", 32, 17},
};

const char *dtype_name(enum dtype t) { return blocks[t].name; }
long dtype_block(enum dtype t) { return blocks[t].values; }
size_t dtype_block_bytes(enum dtype t) { return blocks[t].bytes; }

/* All values of n blocks, of one type where this is inlined. */
INLINE void decode(float value(const uint8_t *, int), const struct quant_block *b, const uint8_t *p,
                   long n, float *x)
{
	for (long i = 0; i < n; i++, p += b->bytes, x += b->values)
		for (int j = 0; j < b->values; j++)
			x[j] = value(p, j);
}

void dtype_decode(enum dtype t, const void *src, long n, float *dst)
{
	const struct quant_block *b = &blocks[t];
	long count = n / b->values;

	switch (t) {
	case DT_F32: memcpy(dst, src, n * sizeof *dst); break;
	case DT_BF16:
		for (long i = 0; i < n; i++)
			dst[i] = bf16_at((const uint8_t *)src + 2 * i);
		break;
	case DT_F16: decode(f16, b, src, count, dst); break;
	case DT_Q4_0: decode(q4_0, b, src, count, dst); break;
	case DT_Q4_1: decode(q4_1, b, src, count, dst); break;
	case DT_Q5_0: decode(q5_0, b, src, count, dst); break;
	case DT_Q5_1: decode(q5_1, b, src, count, dst); break;
	case DT_Q8_0: decode(q8_0, b, src, count, dst); break;
	case DT_Q2_K: decode(q2_k, b, src, count, dst); break;
	case DT_Q3_K: decode(q3_k, b, src, count, dst); break;
	case DT_Q4_K: decode(q4_k, b, src, count, dst); break;
	case DT_Q5_K: decode(q5_k, b, src, count, dst); break;
	case DT_Q6_K: decode(q6_k, b, src, count, dst); break;
	case DT_IQ4_NL: decode(iq4_nl, b, src, count, dst); break;
	case DT_IQ4_XS: decode(iq4_xs, b, src, count, dst); break;
	case DT_MXFP4: decode(mxfp4, b, src, count, dst); break;
	case DT_TYPES: break;
	}
}

void dtype_encode(enum dtype t, const float *src, long n, void *dst)
{
	uint16_t *h = dst;

	assert(dtype_block(t) == 1);
	if (t == DT_F32)
		memcpy(dst, src, n * sizeof *src);
	for (long i = 0; i < n && t == DT_BF16; i++)
		h[i] = bf16_of_float(src[i]);
	for (long i = 0; i < n && t == DT_F16; i++)
		h[i] = half_of_float(src[i]);
}
