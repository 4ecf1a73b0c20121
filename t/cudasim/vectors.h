/* SPDX-License-Identifier: MIT */
/* vectors.h - CUDA's small vectors. */
#ifndef CUDASIM_VECTORS_H
#define CUDASIM_VECTORS_H

#define CUDASIM_VECTORS(type, t, align2, align4) \
	struct t##1 { type x; }; \
	struct alignas(align2) t##2 { type x, y; }; \
	struct t##3 { type x, y, z; }; \
	struct alignas(align4) t##4 { type x, y, z, w; }; \
	static inline t##1 make_##t##1(type x) { return {x}; } \
	static inline t##2 make_##t##2(type x, type y) { return {x, y}; } \
	static inline t##3 make_##t##3(type x, type y, type z) { return {x, y, z}; } \
	static inline t##4 make_##t##4(type x, type y, type z, type w) { return {x, y, z, w}; }

CUDASIM_VECTORS(signed char, char, 2, 4)
CUDASIM_VECTORS(unsigned char, uchar, 2, 4)
CUDASIM_VECTORS(short, short, 4, 8)
CUDASIM_VECTORS(unsigned short, ushort, 4, 8)
CUDASIM_VECTORS(int, int, 8, 16)
CUDASIM_VECTORS(unsigned, uint, 8, 16)
CUDASIM_VECTORS(float, float, 8, 16)
CUDASIM_VECTORS(long long, longlong, 16, 16)
CUDASIM_VECTORS(double, double, 16, 16)
#undef CUDASIM_VECTORS

#define __align__(n) alignas(n)

#endif
