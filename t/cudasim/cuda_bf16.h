/* SPDX-License-Identifier: MIT */
/* cuda_bf16.h - bf16 values, rounded to nearest even. */
#ifndef CUDASIM_BF16_H
#define CUDASIM_BF16_H

#include "cuda_runtime.h"

struct __nv_bfloat16 {
	unsigned short __x;
	__nv_bfloat16() = default;
	inline __nv_bfloat16(float);
	inline __nv_bfloat16(double);
	inline __nv_bfloat16(int);
	inline operator float() const;
};
struct alignas(4) __nv_bfloat162 {
	__nv_bfloat16 x, y;
	__nv_bfloat162() = default;
	__nv_bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) : x(a), y(b) {}
};
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short u)
{
	__nv_bfloat16 h;

	h.__x = u;
	return h;
}

static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 h) { return h.__x; }
static inline float __bfloat162float(__nv_bfloat16 h) { return __uint_as_float((unsigned)h.__x << 16); }

static inline __nv_bfloat16 __float2bfloat16_rn(float x)
{
	unsigned u = __float_as_uint(x);

	if ((u & 0x7fffffff) > 0x7f800000)
		return __ushort_as_bfloat16(0x7fff);
	return __ushort_as_bfloat16((unsigned short)((u + 0x7fff + (u >> 16 & 1)) >> 16));
}

static inline __nv_bfloat16 __float2bfloat16(float x) { return __float2bfloat16_rn(x); }
static inline __nv_bfloat16 __float2bfloat16_rz(float x)
{
	return __ushort_as_bfloat16((unsigned short)(__float_as_uint(x) >> 16));
}

inline __nv_bfloat16::__nv_bfloat16(float x) : __x(__float2bfloat16_rn(x).__x) {}
inline __nv_bfloat16::__nv_bfloat16(double x) : __x(__float2bfloat16_rn((float)x).__x) {}
inline __nv_bfloat16::__nv_bfloat16(int x) : __x(__float2bfloat16_rn((float)x).__x) {}
inline __nv_bfloat16::operator float() const { return __bfloat162float(*this); }

static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) { return {a, b}; }
static inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) { return {a, b}; }
static inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b)
{
	return {__float2bfloat16_rn(a), __float2bfloat16_rn(b)};
}
static inline __nv_bfloat162 __float22bfloat162_rn(float2 f) { return __floats2bfloat162_rn(f.x, f.y); }
static inline __nv_bfloat162 __float2bfloat162_rn(float a) { return __floats2bfloat162_rn(a, a); }
static inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 a) { return {a, a}; }
static inline float2 __bfloat1622float2(__nv_bfloat162 h)
{
	return {__bfloat162float(h.x), __bfloat162float(h.y)};
}
static inline float __low2float(__nv_bfloat162 h) { return __bfloat162float(h.x); }
static inline float __high2float(__nv_bfloat162 h) { return __bfloat162float(h.y); }
static inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 h) { return h.x; }
static inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 h) { return h.y; }

/* Each result is rounded once. */
static inline __nv_bfloat16 __hadd(__nv_bfloat16 a, __nv_bfloat16 b)
{
	return __float2bfloat16_rn(__bfloat162float(a) + __bfloat162float(b));
}
static inline __nv_bfloat16 __hsub(__nv_bfloat16 a, __nv_bfloat16 b)
{
	return __float2bfloat16_rn(__bfloat162float(a) - __bfloat162float(b));
}
static inline __nv_bfloat16 __hmul(__nv_bfloat16 a, __nv_bfloat16 b)
{
	return __float2bfloat16_rn(__bfloat162float(a) * __bfloat162float(b));
}
static inline __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c)
{
	return __float2bfloat16_rn(fmaf(__bfloat162float(a), __bfloat162float(b), __bfloat162float(c)));
}
static inline __nv_bfloat162 __hadd2(__nv_bfloat162 a, __nv_bfloat162 b)
{
	return {__hadd(a.x, b.x), __hadd(a.y, b.y)};
}
static inline __nv_bfloat162 __hmul2(__nv_bfloat162 a, __nv_bfloat162 b)
{
	return {__hmul(a.x, b.x), __hmul(a.y, b.y)};
}
static inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c)
{
	return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}

#endif
