/* SPDX-License-Identifier: MIT */
/* dtype.cu - rows of stored weights, decoded: a thread for each piece of a row.
 *
 * Each function gives value j of the block at p; dtype.c, which decodes whole blocks, says what is
 * in one.  Products are rounded before they are added (-fmad=false): both have the same bits.
 */
#include "cuda.h"

#define DECODER static inline __device__

/* An F16. */
DECODER float half_at(const uint8_t *p)
{
	uint32_t h = p[0] | p[1] << 8, exponent = h >> 10 & 31, fraction = h & 0x3ff;
	uint32_t bits =
		(h & 0x8000) << 16 | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
	float x;

	if (!exponent)
		return (h & 0x8000 ? -1 : 1) * (float)fraction / 16777216;
	memcpy(&x, &bits, sizeof x);
	return x;
}

DECODER float f16(const uint8_t *p, int j)
{
	(void)j;
	return half_at(p);
}

/* Of 32 values in sixteen bytes. */
DECODER int nibble(const uint8_t *q, int j) { return q[j % 16] >> j / 16 * 4 & 15; }

DECODER float q4_0(const uint8_t *p, int j) { return half_at(p) * (nibble(p + 2, j) - 8); }

DECODER float q4_1(const uint8_t *p, int j)
{
	return half_at(p) * nibble(p + 4, j) + half_at(p + 2);
}

/* The fifth bits are four bytes before the others. */
DECODER int five_bits(const uint8_t *q, int j)
{
	return nibble(q + 4, j) | (q[j / 8] >> j % 8 & 1) << 4;
}

DECODER float q5_0(const uint8_t *p, int j) { return half_at(p) * (five_bits(p + 2, j) - 16); }

DECODER float q5_1(const uint8_t *p, int j)
{
	return half_at(p) * five_bits(p + 4, j) + half_at(p + 2);
}

DECODER float q8_0(const uint8_t *p, int j) { return half_at(p) * (int8_t)p[2 + j]; }

/* -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113: a byte for each */
DECODER int iq4_level(int q)
{
	return (int8_t)((q < 8 ? 0xf6eaddcfbfad9881 : 0x7159453526190d01) >> q % 8 * 8);
}

DECODER float iq4_nl(const uint8_t *p, int j) { return half_at(p) * iq4_level(nibble(p + 2, j)); }

/* Floats of four bits, E2M1, times two: 0, 1, 2, 3, 4, 6, 8, 12, and the same with the sign bit;
 * the scale is two to the first byte, times a half. */
DECODER float mxfp4(const uint8_t *p, int j)
{
	int q = nibble(p + 1, j), level = (int)(0x0c08060403020100 >> q % 8 * 8 & 0xff);

	return ldexpf(1, p[0] - 128) * (q < 8 ? level : -level);
}

/* The eight scales' low four bits are in bytes 4-7, their high two in bytes 2-3. */
DECODER float iq4_xs(const uint8_t *p, int j)
{
	int i = j / 32, high = p[2] | p[3] << 8;
	int s = (p[4 + i / 2] >> i % 2 * 4 & 15) | (high >> 2 * i & 3) << 4;

	return half_at(p) * (s - 32) * iq4_level(nibble(p + 8 + 16 * i, j % 32));
}

DECODER int two_bits(const uint8_t q[64], int j)
{
	return q[j / 128 * 32 + j % 32] >> j % 128 / 32 * 2 & 3;
}

DECODER float q2_k(const uint8_t *p, int j)
{
	int s = p[j / 16];

	return half_at(p + 80) * (s & 15) * two_bits(p + 16, j) - half_at(p + 82) * (s >> 4);
}

/* Sixteen scales of six bits: the low four in the nibbles of bytes 0-7, the high two in bytes
 * 8-11.  A value's third bit is bit j / 32 of the first bytes. */
DECODER float q3_k(const uint8_t *p, int j)
{
	const uint8_t *low = p + 32, *scale = p + 96;
	int n = j / 16, q = two_bits(low, j) | (p[j % 32] >> j / 32 & 1) << 2;
	int s = (scale[n % 8] >> n / 8 * 4 & 15) | (scale[8 + n % 4] >> n / 4 * 2 & 3) << 4;

	return half_at(p + 108) * (s - 32) * (q - 4);
}

/* Eight scales and eight minima of six bits in twelve bytes: the first four of each in bytes 0-3
 * and 4-7; the other four's low bits in the nibbles of bytes 8-11, their high bits on top of
 * bytes 0-3 and 4-7. */
DECODER int scale_of(const uint8_t p[12], int i)
{
	return i < 4 ? p[i] & 63 : (p[i + 4] & 15) | p[i - 4] >> 6 << 4;
}

DECODER int minimum_of(const uint8_t p[12], int i)
{
	return i < 4 ? p[i + 4] & 63 : p[i + 4] >> 4 | p[i] >> 6 << 4;
}

/* Value j of Q4_K and Q5_K is made of q. */
DECODER float scaled(const uint8_t *p, int j, int q)
{
	return half_at(p) * scale_of(p + 4, j / 32) * q -
	       half_at(p + 2) * minimum_of(p + 4, j / 32);
}

/* Of 64 values in 32 bytes. */
DECODER int wide_nibble(const uint8_t *q, int j)
{
	return q[j / 64 * 32 + j % 32] >> j % 64 / 32 * 4 & 15;
}

DECODER float q4_k(const uint8_t *p, int j) { return scaled(p, j, wide_nibble(p + 16, j)); }

DECODER float q5_k(const uint8_t *p, int j)
{
	return scaled(p, j, wide_nibble(p + 48, j) | (p[16 + j % 32] >> j / 32 & 1) << 4);
}

DECODER float q6_k(const uint8_t *p, int j)
{
	const uint8_t *high = p + 128;
	const int8_t *s = (const int8_t *)p + 192;
	int in = j % 128, q = p[j / 128 * 64 + in % 64] >> in / 64 * 4 & 15;

	q |= (high[j / 128 * 32 + in % 32] >> in / 32 * 2 & 3) << 4;
	return half_at(p + 208) * s[j / 16] * (q - 32);
}

static inline __device__ float value(int type, const uint8_t *p, int j)
{
	switch (type) {
	case DT_F16: return f16(p, j);
	case DT_Q4_0: return q4_0(p, j);
	case DT_Q4_1: return q4_1(p, j);
	case DT_Q5_0: return q5_0(p, j);
	case DT_Q5_1: return q5_1(p, j);
	case DT_Q8_0: return q8_0(p, j);
	case DT_Q2_K: return q2_k(p, j);
	case DT_Q3_K: return q3_k(p, j);
	case DT_Q4_K: return q4_k(p, j);
	case DT_Q5_K: return q5_k(p, j);
	case DT_Q6_K: return q6_k(p, j);
	case DT_IQ4_NL: return iq4_nl(p, j);
	case DT_IQ4_XS: return iq4_xs(p, j);
	case DT_MXFP4: return mxfp4(p, j);
	}
	return 0;
}

/* y[i] = scale x[id[i]], of rows of blocks of so many values and bytes */
template <class Y>
static __global__ void decode_rows(Y *y, long ldy, const uint8_t *x, const int32_t *id, float scale,
                                   int type, long rows, long cols, int values, int bytes, int wide)
{
	float v[CUDA_PIECE];
	long i, j;

	if (!own_piece(rows, cols, &i, &j))
		return;
	x += id[i] * (cols / values) * bytes;
#pragma unroll
	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] = j + k < cols
		               ? scale * value(type, x + (j + k) / values * bytes, (j + k) % values)
		               : 0;
	store_piece(y + i * ldy + j, v, cols - j, wide);
}

template <class Y>
static void decode_as(struct dev *d, struct mat y, struct mat x, const int32_t *id, float scale)
{
	LAUNCH((decode_rows<Y>), blocks_of(y.rows * pieces_of(x.cols)), CUDA_BLOCK, 0,
	       cuda_of(d)->stream, (Y *)y.p, y.ld, (const uint8_t *)x.p, id, scale, (int)x.type,
	       y.rows, x.cols, (int)dtype_block(x.type), (int)dtype_block_bytes(x.type),
	       is_wide(y));
}

void cuda_decode(struct dev *d, struct mat y, struct mat x, const int32_t *id, float scale)
{
	if (!y.rows || !x.cols)
		return;
	if (y.type == DT_F32)
		decode_as<float>(d, y, x, id, scale);
	else
		decode_as<bf16>(d, y, x, id, scale);
}
