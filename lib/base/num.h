/* SPDX-License-Identifier: MIT */
/* num.h - small arithmetic that C lacks: extremes, multiples, and floats of 16 bits.
 *
 * A bf16 is the upper half of a float: 1 sign, 8 exponent and 7 fraction bits.  A half (F16,
 * IEEE 754 binary16) has 1, 5 and 10.  Rounding is to nearest, ties to even; NaN stays NaN.
 */
#ifndef SEAL_NUM_H
#define SEAL_NUM_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(size_t) == 8,
              "numbers of files are read and written in place");

/* Before a function that loops over arrays: the compiler makes a version of it for each generation
 * of vector instructions. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__)
#define HOT __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HOT
#endif

static inline long long_min(long a, long b) { return a < b ? a : b; }
static inline long long_max(long a, long b) { return a > b ? a : b; }
static inline size_t size_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t size_max(size_t a, size_t b) { return a > b ? a : b; }
/* The least multiple of `to` that is no less than n. */
static inline size_t size_round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* For qsort. */
static inline int u64_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static inline int double_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline float float_of_bits(uint32_t bits)
{
	float x;

	memcpy(&x, &bits, 4);
	return x;
}

static inline uint32_t bits_of_float(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, 4);
	return bits;
}

static inline float float_of_bf16(uint16_t b) { return float_of_bits((uint32_t)b << 16); }

static inline uint16_t bf16_of_float(float x)
{
	uint32_t u = bits_of_float(x);

	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float float_of_half(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;

	if (exponent == 31)
		return float_of_bits(sign | 0x7f800000 | fraction << 13);
	if (exponent == 0)
		return (sign ? -0x1p-24f : 0x1p-24f) * (float)fraction;
	return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static inline uint16_t half_of_float(float x)
{
	uint32_t u = bits_of_float(x), sign = u >> 16 & 0x8000, most = u & 0x7fffffff;

	if (most > 0x7f800000)
		return (uint16_t)(sign | 0x7e00);
	if (most >= 0x477ff000) /* 65520 and more round to infinity */
		return (uint16_t)(sign | 0x7c00);
	if (most < 0x38800000) /* below 2^-14: adding 1/2 leaves multiples of 2^-24 */
		return (uint16_t)(sign | (bits_of_float(float_of_bits(most) + 0.5f) - 0x3f000000));
	return (uint16_t)(sign | (most - (112u << 23) + 0xfff + (most >> 13 & 1)) >> 13);
}

#endif
