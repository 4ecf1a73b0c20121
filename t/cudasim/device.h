/* SPDX-License-Identifier: MIT */
/* device.h - what CUDA offers inside kernels: barriers, warps, atomics, mathematics. */
#ifndef CUDASIM_DEVICE_H
#define CUDASIM_DEVICE_H

#define CUDASIM_PLACE cudasim::place at = {__builtin_FILE(), __builtin_LINE()}

static inline void __syncthreads(CUDASIM_PLACE) { cudasim::barrier(at); }
static inline int __syncthreads_count(int x, CUDASIM_PLACE) { return cudasim::barrier_count(x != 0, at); }
static inline int __syncthreads_or(int x, CUDASIM_PLACE) { return cudasim::barrier_count(x != 0, at) != 0; }
static inline int __syncthreads_and(int x, CUDASIM_PLACE) { return cudasim::barrier_count(x == 0, at) == 0; }
static inline void __threadfence() { cudasim::fence(); }
static inline void __threadfence_block() {}

static inline void __syncwarp(unsigned mask = 0xffffffffu, CUDASIM_PLACE)
{
	cudasim::together(cudasim::SYNC, mask, 0, 0, 32, at);
}

namespace cudasim {

template <class T> T shuffle(enum collective how, unsigned mask, T x, int arg, int width, struct place at)
{
	static_assert(sizeof x == 2 || sizeof x == 4 || sizeof x == 8, "2, 4 or 8 bytes travel");
	uint64_t in = 0, out;

	memcpy((void *)&in, (void *)&x, sizeof x);
	out = together(how, mask, in, arg, width, at);
	memcpy((void *)&x, (void *)&out, sizeof x);
	return x;
}

}

template <class T> T __shfl_sync(unsigned mask, T x, int lane, int width = 32, CUDASIM_PLACE)
{
	return cudasim::shuffle(cudasim::SHFL, mask, x, lane, width, at);
}

template <class T> T __shfl_up_sync(unsigned mask, T x, unsigned by, int width = 32, CUDASIM_PLACE)
{
	return cudasim::shuffle(cudasim::UP, mask, x, (int)by, width, at);
}

template <class T> T __shfl_down_sync(unsigned mask, T x, unsigned by, int width = 32, CUDASIM_PLACE)
{
	return cudasim::shuffle(cudasim::DOWN, mask, x, (int)by, width, at);
}

template <class T> T __shfl_xor_sync(unsigned mask, T x, int lanes, int width = 32, CUDASIM_PLACE)
{
	return cudasim::shuffle(cudasim::XOR, mask, x, lanes, width, at);
}

static inline unsigned __ballot_sync(unsigned mask, int x, CUDASIM_PLACE)
{
	return (unsigned)cudasim::together(cudasim::BALLOT, mask, x != 0, 0, 32, at);
}

static inline int __any_sync(unsigned mask, int x, CUDASIM_PLACE)
{
	return cudasim::together(cudasim::BALLOT, mask, x != 0, 0, 32, at) != 0;
}

static inline int __all_sync(unsigned mask, int x, CUDASIM_PLACE)
{
	return cudasim::together(cudasim::BALLOT, mask, x == 0, 0, 32, at) == 0;
}

#define CUDASIM_REDUCE(name, type, how) \
	static inline type name(unsigned mask, type x, CUDASIM_PLACE) \
	{ \
		return (type)cudasim::together(how, mask, (uint32_t)x, 0, 32, at); \
	}
CUDASIM_REDUCE(__reduce_add_sync, unsigned, cudasim::ADD)
CUDASIM_REDUCE(__reduce_add_sync, int, cudasim::ADD)
CUDASIM_REDUCE(__reduce_min_sync, unsigned, cudasim::MIN_U)
CUDASIM_REDUCE(__reduce_min_sync, int, cudasim::MIN_I)
CUDASIM_REDUCE(__reduce_max_sync, unsigned, cudasim::MAX_U)
CUDASIM_REDUCE(__reduce_max_sync, int, cudasim::MAX_I)
CUDASIM_REDUCE(__reduce_and_sync, unsigned, cudasim::AND)
CUDASIM_REDUCE(__reduce_or_sync, unsigned, cudasim::OR)
#undef CUDASIM_REDUCE

#define CUDASIM_ATOMIC(name, type, value) \
	static inline type name(type *p, type x) \
	{ \
		return cudasim::atomic<type>(p, [](type old, type y) -> type { return value; }, x); \
	}
CUDASIM_ATOMIC(atomicAdd, int, old + y)
CUDASIM_ATOMIC(atomicAdd, unsigned, old + y)
CUDASIM_ATOMIC(atomicAdd, unsigned long long, old + y)
CUDASIM_ATOMIC(atomicAdd, float, old + y)
CUDASIM_ATOMIC(atomicAdd, double, old + y)
CUDASIM_ATOMIC(atomicMax, int, old > y ? old : y)
CUDASIM_ATOMIC(atomicMax, unsigned, old > y ? old : y)
CUDASIM_ATOMIC(atomicMin, int, old < y ? old : y)
CUDASIM_ATOMIC(atomicMin, unsigned, old < y ? old : y)
CUDASIM_ATOMIC(atomicExch, int, ((void)old, y))
CUDASIM_ATOMIC(atomicExch, unsigned, ((void)old, y))
CUDASIM_ATOMIC(atomicExch, float, ((void)old, y))
CUDASIM_ATOMIC(atomicOr, unsigned, old | y)
CUDASIM_ATOMIC(atomicInc, unsigned, old >= y ? 0 : old + 1)
#undef CUDASIM_ATOMIC

static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
static inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
static inline long min(long a, long b) { return a < b ? a : b; }
static inline long max(long a, long b) { return a > b ? a : b; }
static inline long long min(long long a, long long b) { return a < b ? a : b; }
static inline long long max(long long a, long long b) { return a > b ? a : b; }
static inline size_t min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t max(size_t a, size_t b) { return a > b ? a : b; }
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }

static inline float __uint_as_float(unsigned u) { float f; memcpy(&f, &u, 4); return f; }
static inline float __int_as_float(int u) { float f; memcpy(&f, &u, 4); return f; }
static inline unsigned __float_as_uint(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
static inline int __float_as_int(float f) { int u; memcpy(&u, &f, 4); return u; }
static inline int __float2int_rn(float x) { return (int)lrintf(x); }
static inline int __float2int_rz(float x) { return (int)x; }
static inline float __int2float_rn(int x) { return (float)x; }

/* The C library has these names for itself. */
#define __expf cudasim_expf
#define __exp10f cudasim_exp10f
#define __logf cudasim_logf
#define __log2f cudasim_log2f
#define __powf cudasim_powf
#define __sinf cudasim_sinf
#define __cosf cudasim_cosf
#define __tanhf cudasim_tanhf
/* The fast functions take their rounding errors the way the hardware does. */
static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }
static inline float cudasim_expf(float x) { return exp2f(x * 1.44269504f); }
static inline float cudasim_exp10f(float x) { return exp2f(x * 3.32192809f); }
static inline float cudasim_logf(float x) { return log2f(x) * 0.693147181f; }
static inline float cudasim_log2f(float x) { return log2f(x); }
static inline float cudasim_powf(float x, float y) { return exp2f(y * log2f(x)); }
static inline float cudasim_sinf(float x) { return sinf(x); }
static inline float cudasim_cosf(float x) { return cosf(x); }
static inline float cudasim_tanhf(float x) { return tanhf(x); }
static inline float __saturatef(float x) { return fminf(fmaxf(x, 0), 1); }
static inline float __frcp_rn(float x) { return 1 / x; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline float __frsqrt_rn(float x) { return 1 / sqrtf(x); }
static inline float __fadd_rn(float x, float y) { return x + y; }
static inline float __fmul_rn(float x, float y) { return x * y; }
static inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
static inline float __fdiv_rn(float x, float y) { return x / y; }
/* 0 for divisors beyond 2^126, as on the hardware */
static inline float __fdividef(float x, float y) { return fabsf(y) > 0x1p126f ? x * 0 : x / y; }
static inline float normcdff(float x) { return 0.5f * erfcf(x * -0.707106781f); }

static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline unsigned __brev(unsigned x) { unsigned y = 0; for (int i = 0; i < 32; i++) y |= (x >> i & 1) << (31 - i); return y; }
static inline int __mul24(int x, int y) { return x * y; }
static inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned)((uint64_t)x * y >> 32); }

template <class T> T __ldg(const T *p) { return *p; }
template <class T> T __ldcg(const T *p) { return *p; }
template <class T> T __ldcs(const T *p) { return *p; }
template <class T> void __stcs(T *p, T x) { *p = x; }
template <class T> void __stcg(T *p, T x) { *p = x; }
#define __trap() __builtin_trap()

#endif
