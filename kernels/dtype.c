/* SPDX-License-Identifier: MIT */
/* dtype.c - types of stored weights: plain floats, and ggml's blocks of values that share a scale.
 *
 * Small blocks are 32 values; q is an integer of 4, 5 or 8 bits:
 *   Q4_0, Q5_0, Q8_0   x = d (q - 8),  d (q - 16),  d q (signed)
 *   Q4_1, Q5_1         x = d q + m
 *   IQ4_NL, MXFP4      x = d level[q], of sixteen levels that are not evenly spaced
 * K blocks are 256 values in parts of 16 (Q2_K, Q3_K, Q6_K) or 32, each with a scale s of its own:
 *   Q2_K, Q4_K, Q5_K   x = d s q - dmin m
 *   Q3_K, Q6_K         x = d s (q - 4),  d s (q - 32)
 *   IQ4_XS             x = d s level[q]
 * d, m and dmin are halves, but MXFP4's d, a power of two.  The low and the high nibble of a byte
 * belong to two values that stand 16 apart (small blocks, IQ4_XS), 32 apart (Q4_K, Q5_K) or 64
 * apart (Q6_K); the four pairs of bits of a byte to values that stand 32 apart (Q2_K, Q3_K).
 */
#include "dtype.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../lib/base/num.h"

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

/* Sixteen bytes of two values each. */
static void levels(const uint8_t *q, const int8_t level[16], float d, float *x)
{
	for (int i = 0; i < 16; i++) {
		x[i] = d * level[q[i] & 15];
		x[i + 16] = d * level[q[i] >> 4];
	}
}

static const int8_t iq4_level[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

static void iq4_nl(const uint8_t *p, float *x) { levels(p + 2, iq4_level, half(p), x); }

/* Floats of four bits, E2M1, times two; the scale is two to the first byte, times a half. */
static void mxfp4(const uint8_t *p, float *x)
{
	static const int8_t level[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

	levels(p + 1, level, ldexpf(1, p[0] - 128), x);
}

/* The eight scales' low four bits are in bytes 4-7, their high two in bytes 2-3. */
static void iq4_xs(const uint8_t *p, float *x)
{
	int high = p[2] | p[3] << 8;

	for (int i = 0; i < 8; i++) {
		int s = (p[4 + i / 2] >> i % 2 * 4 & 15) | (high >> 2 * i & 3) << 4;

		levels(p + 8 + 16 * i, iq4_level, half(p) * (s - 32), x + 32 * i);
	}
}

/* Value i's two bits. */
static int two_bits(const uint8_t q[64], int i)
{
	return q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
}

static void q2_k(const uint8_t *p, float *x)
{
	float d = half(p + 80), dmin = half(p + 82);

	for (int i = 0; i < 256; i++) {
		int s = p[i / 16];

		x[i] = d * (s & 15) * two_bits(p + 16, i) - dmin * (s >> 4);
	}
}

/* Sixteen scales of six bits: the low four in the nibbles of bytes 0-7, the high two in bytes
 * 8-11.  A value's third bit is bit i / 32 of `high`. */
static void q3_k(const uint8_t *p, float *x)
{
	const uint8_t *high = p, *low = p + 32, *scale = p + 96;
	float d = half(p + 108);

	for (int i = 0; i < 256; i++) {
		int n = i / 16, q = two_bits(low, i) | (high[i % 32] >> i / 32 & 1) << 2;
		int s = (scale[n % 8] >> n / 8 * 4 & 15) | (scale[8 + n % 4] >> n / 4 * 2 & 3) << 4;

		x[i] = d * (s - 32) * (q - 4);
	}
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
	[DT_F32] = {"F32", 1, 4, f32},
	[DT_BF16] = {"BF16", 1, 2, bf16},
	[DT_F16] = {"F16", 1, 2, f16},
	[DT_Q4_0] = {"Q4_0", 32, 18, q4_0},
	[DT_Q4_1] = {"Q4_1", 32, 20, q4_1},
	[DT_Q5_0] = {"Q5_0", 32, 22, q5_0},
	[DT_Q5_1] = {"Q5_1", 32, 24, q5_1},
	[DT_Q8_0] = {"Q8_0", 32, 34, q8_0},
	[DT_Q2_K] = {"Q2_K", 256, 84, q2_k},
	[DT_Q3_K] = {"Q3_K", 256, 110, q3_k},
	[DT_Q4_K] = {"Q4_K", 256, 144, q4_k},
	[DT_Q5_K] = {"Q5_K", 256, 176, q5_k},
	[DT_Q6_K] = {"Q6_K", 256, 210, q6_k},
	[DT_IQ4_NL] = {"IQ4_NL", 32, 18, iq4_nl},
	[DT_IQ4_XS] = {"IQ4_XS", 256, 136, iq4_xs},
	[DT_MXFP4] = {"MXFP4", 32, 17, mxfp4},
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
