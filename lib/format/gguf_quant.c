/* SPDX-License-Identifier: MIT */
/* gguf_quant.c - ggml's tensor types: values in blocks that share a scale.
 *
 * Small blocks are 32 values, q an integer of 4, 5 or 8 bits:
 *   Q4_0, Q5_0, Q8_0   x = d (q - 8),  d (q - 16),  d q (signed)
 *   Q4_1, Q5_1         x = d q + m
 * K blocks are 256 values in parts of 32 (Q6_K: of 16), a scale s each:
 *   Q4_K, Q5_K         x = d s q - dmin m
 *   Q6_K               x = d s (q - 32)
 * d, m, dmin are halves.  Low and high nibbles of a byte belong to values 16
 * apart (small blocks), 32 apart (Q4_K, Q5_K) or 64 apart (Q6_K).
 */
#include "gguf.h"

#include <string.h>

static float float_of(uint32_t bits)
{
	float x;

	memcpy(&x, &bits, 4);
	return x;
}

static float half(const uint8_t *p)
{
	uint32_t h = p[0] | p[1] << 8, sign = (h & 0x8000) << 16;
	uint32_t exponent = h >> 10 & 31, fraction = h & 0x3ff;

	if (exponent == 31)
		return float_of(sign | 0x7f800000 | fraction << 13);
	if (exponent == 0)
		return (sign ? -0x1p-24f : 0x1p-24f) * fraction;
	return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

static void f32(const uint8_t *p, float *x) { memcpy(x, p, 4); }
static void f16(const uint8_t *p, float *x) { *x = half(p); }
static void bf16(const uint8_t *p, float *x) { *x = float_of((uint32_t)(p[0] | p[1] << 8) << 16); }

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

static const struct block {
	const char *name;
	long values;
	size_t bytes;
	void (*decode)(const uint8_t *, float *);
} blocks[] = {
	[GGUF_F32] = {"F32", 1, 4, f32},        [GGUF_F16] = {"F16", 1, 2, f16},
	[GGUF_BF16] = {"BF16", 1, 2, bf16},     [GGUF_Q4_0] = {"Q4_0", 32, 18, q4_0},
	[GGUF_Q4_1] = {"Q4_1", 32, 20, q4_1},   [GGUF_Q5_0] = {"Q5_0", 32, 22, q5_0},
	[GGUF_Q5_1] = {"Q5_1", 32, 24, q5_1},   [GGUF_Q8_0] = {"Q8_0", 32, 34, q8_0},
	[GGUF_Q4_K] = {"Q4_K", 256, 144, q4_k}, [GGUF_Q5_K] = {"Q5_K", 256, 176, q5_k},
	[GGUF_Q6_K] = {"Q6_K", 256, 210, q6_k},
};

static const struct block none;

static const struct block *block_of(enum gguf_type t)
{
	return (size_t)t < sizeof blocks / sizeof *blocks ? &blocks[t] : &none;
}

const char *gguf_type_name(enum gguf_type t)
{
	const char *name = block_of(t)->name;

	return name ? name : "unknown";
}

long gguf_block(enum gguf_type t) { return block_of(t)->values; }
size_t gguf_block_bytes(enum gguf_type t) { return block_of(t)->bytes; }

void gguf_decode(enum gguf_type t, const void *src, long n, float *dst)
{
	const struct block *b = block_of(t);
	const uint8_t *p = src;

	for (long i = 0; i < n; i += b->values, p += b->bytes)
		b->decode(p, dst + i);
}

static uint32_t bits_of(float x)
{
	uint32_t u;

	memcpy(&u, &x, 4);
	return u;
}

static uint16_t to_bf16(float x)
{
	uint32_t u = bits_of(x);

	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static uint16_t to_half(float x)
{
	uint32_t u = bits_of(x), sign = u >> 16 & 0x8000, most = u & 0x7fffffff;

	if (most > 0x7f800000)
		return (uint16_t)(sign | 0x7e00);
	if (most >= 0x477ff000) /* 65520 and more round to infinity */
		return (uint16_t)(sign | 0x7c00);
	if (most < 0x38800000) /* below 2^-14: adding 1/2 leaves multiples of 2^-24 */
		return (uint16_t)(sign | (bits_of(float_of(most) + 0.5f) - bits_of(0.5f)));
	return (uint16_t)(sign | (most - (112u << 23) + 0xfff + (most >> 13 & 1)) >> 13);
}

void gguf_encode(enum gguf_type t, const float *src, long n, void *dst)
{
	uint16_t *h = dst;

	if (t == GGUF_F32)
		memcpy(dst, src, n * sizeof *src);
	for (long i = 0; i < n && t == GGUF_BF16; i++)
		h[i] = to_bf16(src[i]);
	for (long i = 0; i < n && t == GGUF_F16; i++)
		h[i] = to_half(src[i]);
}
