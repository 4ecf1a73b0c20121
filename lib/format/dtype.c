/* SPDX-License-Identifier: MIT */
/* dtype.c - types of stored weights: plain floats, and ggml's blocks of values that share a scale.
 *
 * Small blocks are 32 values; q is an integer of 4, 5 or 8 bits:
 *   Q4_0, Q5_0, Q8_0   x = d (q - 8),  d (q - 16),  d q (signed)
 *   Q4_1, Q5_1         x = d q + m
 * K blocks are 256 values in parts of 32 (Q6_K: of 16), each with a scale s of its own:
 *   Q4_K, Q5_K         x = d s q - dmin m
 *   Q6_K               x = d s (q - 32)
 * d, m and dmin are halves.  The low and the high nibble of a byte belong to two values that
 * stand 16 apart (small blocks), 32 apart (Q4_K, Q5_K) or 64 apart (Q6_K).
 */
#include "dtype.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "../base/num.h"

static float half(const uint8_t *p) { return float_of_half(p[0] | p[1] << 8); }

static void f32(const uint8_t *p, float *x) { memcpy(x, p, 4); }
static void f16(const uint8_t *p, float *x) { *x = half(p); }
static void bf16(const uint8_t *p, float *x) { *x = float_of_bf16(p[0] | p[1] << 8); }

static void q4_0(const uint8_t *p, float *x)
{
	float d = half(p);

	for (int i = 0; i < 16; i++) {
		x[i] = d * ((p[2 + i] & 15) - 8);
		x[i + 16] = d * ((p[2 + i] >> 4) - 8);
	}
}

static void q4_1(const uint8_t *p, float *x)
{
	float d = half(p), m = half(p + 2);

	for (int i = 0; i < 16; i++) {
		x[i] = d * (p[4 + i] & 15) + m;
		x[i + 16] = d * (p[4 + i] >> 4) + m;
	}
}

/* The 32 values of five bits: the fifth ones are the bits of `high`. */
static void fives(const uint8_t *low, const uint8_t *high, int q[32])
{
	uint32_t fifth = high[0] | high[1] << 8 | high[2] << 16 | (uint32_t)high[3] << 24;

	for (int i = 0; i < 16; i++) {
		q[i] = (low[i] & 15) | (fifth >> i & 1) << 4;
		q[i + 16] = (low[i] >> 4) | (fifth >> (i + 16) & 1) << 4;
	}
}

static void q5_0(const uint8_t *p, float *x)
{
	float d = half(p);
	int q[32];

	fives(p + 6, p + 2, q);
	for (int i = 0; i < 32; i++)
		x[i] = d * (q[i] - 16);
}

static void q5_1(const uint8_t *p, float *x)
{
	float d = half(p), m = half(p + 2);
	int q[32];

	fives(p + 8, p + 4, q);
	for (int i = 0; i < 32; i++)
		x[i] = d * q[i] + m;
}

static void q8_0(const uint8_t *p, float *x)
{
	float d = half(p);

	for (int i = 0; i < 32; i++)
		x[i] = d * (int8_t)p[2 + i];
}

/* Eight scales and eight minima of six bits in twelve bytes: the first four of
 * each in bytes 0-3 and 4-7; the other four's low bits in the nibbles of bytes
 * 8-11, their high bits on top of bytes 0-3 and 4-7. */
static void scale_min(const uint8_t p[12], int i, int *s, int *m)
{
	if (i < 4) {
		*s = p[i] & 63;
		*m = p[i + 4] & 63;
	} else {
		*s = (p[i + 4] & 15) | p[i - 4] >> 6 << 4;
		*m = p[i + 4] >> 4 | p[i] >> 6 << 4;
	}
}

/* Q4_K and Q5_K; part i's fifth bits are bit i of `high`, which may be NULL. */
static void parts(const uint8_t *p, const uint8_t *low, const uint8_t *high, float *x)
{
	float d = half(p), dmin = half(p + 2);
	int s, m;

	for (int i = 0; i < 8; i++, x += 32) {
		const uint8_t *q = low + i / 2 * 32;

		scale_min(p + 4, i, &s, &m);
		for (int j = 0; j < 32; j++) {
			int v = i % 2 ? q[j] >> 4 : q[j] & 15;

			if (high)
				v |= (high[j] >> i & 1) << 4;
			x[j] = d * s * v - dmin * m;
		}
	}
}

static void q4_k(const uint8_t *p, float *x) { parts(p, p + 16, NULL, x); }
static void q5_k(const uint8_t *p, float *x) { parts(p, p + 48, p + 16, x); }

static void q6_k(const uint8_t *p, float *x)
{
	const uint8_t *low = p, *high = p + 128;
	const int8_t *s = (const int8_t *)p + 192;
	float d = half(p + 208);

	for (int i = 0; i < 256; i++) {
		int in = i % 128, byte = i / 128 * 64 + in % 64;
		int q = low[byte] >> in / 64 * 4 & 15;

		q |= (high[i / 128 * 32 + in % 32] >> in / 32 * 2 & 3) << 4;
		x[i] = d * s[i / 16] * (q - 32);
	}
}

static const struct quant_block {
	const char *name;
	long values;
	size_t bytes;
	void (*decode)(const uint8_t *, float *);
} blocks[DT_TYPES] = {
	[DT_F32] = {"F32", 1, 4, f32},        [DT_BF16] = {"BF16", 1, 2, bf16},
	[DT_F16] = {"F16", 1, 2, f16},        [DT_Q4_0] = {"Q4_0", 32, 18, q4_0},
	[DT_Q4_1] = {"Q4_1", 32, 20, q4_1},   [DT_Q5_0] = {"Q5_0", 32, 22, q5_0},
	[DT_Q5_1] = {"Q5_1", 32, 24, q5_1},   [DT_Q8_0] = {"Q8_0", 32, 34, q8_0},
	[DT_Q4_K] = {"Q4_K", 256, 144, q4_k}, [DT_Q5_K] = {"Q5_K", 256, 176, q5_k},
	[DT_Q6_K] = {"Q6_K", 256, 210, q6_k},
};

const char *dtype_name(enum dtype t) { return blocks[t].name; }
long dtype_block(enum dtype t) { return blocks[t].values; }
size_t dtype_block_bytes(enum dtype t) { return blocks[t].bytes; }

void dtype_decode(enum dtype t, const void *src, long n, float *dst)
{
	const struct quant_block *b = &blocks[t];
	const uint8_t *p = src;

	for (long i = 0; i < n; i += b->values, p += b->bytes)
		b->decode(p, dst + i);
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
