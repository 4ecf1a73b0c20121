/* SPDX-License-Identifier: MIT */
/* mma.h - tensor cores: the instructions ldmatrix and mma.sync of PTX, under the names that
 * kernels/attn_cuda.h gives them.  Which thread holds which element is PTX's own word. */
#ifndef CUDASIM_MMA_H
#define CUDASIM_MMA_H

#include "cuda_bf16.h"
#include "cuda_runtime.h"

namespace cudasim {

/* A lane's part in ldmatrix: the row that it names, and where the elements are that it gets. */
struct rows {
	const __nv_bfloat16 *row;
	bool transposed;
	const __nv_bfloat16 *element[8];
};

/* A lane's part of c += a b: 4, 4 and 2 registers. */
struct product {
	float *c;
	const unsigned *a, *b;
};

static inline void load_matrices(unsigned x[4], const __nv_bfloat16 *p, bool transposed, struct place at)
{
	struct rows r = {p, transposed, {}};

	together(LDMATRIX, 0xffffffffu, (uint64_t)&r, 0, 32, at);
	for (int i = 0; i < 8; i++) {
		uint16_t bits;
		__nv_bfloat16 e = *r.element[i];

		memcpy(&bits, (void *)&e, 2);
		x[i / 2] = i % 2 ? x[i / 2] | (unsigned)bits << 16 : bits;
	}
}

}

/* x[i]: of row t / 4 of matrix i the elements 2 (t % 4) and the next, t the lane; the eight lanes
 * from 8 i on say where the matrix's rows are. */
static inline void ldmatrix(unsigned x[4], const __nv_bfloat16 *p, CUDASIM_PLACE)
{
	cudasim::load_matrices(x, p, false, at);
}

/* The same of column t / 4. */
static inline void ldmatrix_transposed(unsigned x[4], const __nv_bfloat16 *p, CUDASIM_PLACE)
{
	cudasim::load_matrices(x, p, true, at);
}

/* m16n8k16, bf16 into F32 */
static inline void mma(float c[4], const unsigned a[4], const unsigned b[2], CUDASIM_PLACE)
{
	cudasim::product p = {c, a, b};

	cudasim::together(cudasim::MMA, 0xffffffffu, (uint64_t)&p, 0, 32, at);
}

/* Hopper's wgmma, of which each warp does its own 16 rows, at once.  A factor is rows of 64
 * elements, 128 bytes, from p on; chunk c of 16 bytes lies where c ^ (the address / 128 % 8)
 * would. */
struct operand {
	const __nv_bfloat16 *p;
};

static inline struct operand operand_at(const __nv_bfloat16 *p) { return {p}; }
static inline struct operand further(struct operand x, int n) { return {x.p + n}; }

namespace cudasim {

static inline uint16_t element_of(const struct operand &x, int row, int column)
{
	uintptr_t at = (uintptr_t)(x.p + 64 * row + column);
	__nv_bfloat16 v = *(const __nv_bfloat16 *)(at ^ (at / 128 % 8 * 16));
	uint16_t bits;

	memcpy(&bits, (void *)&v, 2);
	return bits;
}

/* Element i along the dimension that stays, k along the one that is summed, and the next of the
 * same i; where `turned`, a row has one k. */
static inline unsigned two_of(const struct operand &x, int i, int k, bool turned)
{
	unsigned low = turned ? element_of(x, k, i) : element_of(x, i, k);
	unsigned high = turned ? element_of(x, k + 1, i) : element_of(x, i, k + 1);

	return low | high << 16;
}

/* c, pieces of 16 columns, of which there are N / 16, += a b */
static inline void add_columns(float (*c)[8], const unsigned a[4], const struct operand &b, int n,
                               bool turned, struct place at)
{
	int lane = threadIdx.x % 32;

	for (int i = 0; i < n; i += 8) {
		unsigned x[2];

		for (int h = 0; h < 2; h++)
			x[h] = two_of(b, i + lane / 4, lane % 4 * 2 + 8 * h, turned);
		mma(c[i / 16] + i % 16 / 8 * 4, a, x, at);
	}
}

}

template <class P>
static inline void wgmma_next(P *c, struct operand a, struct operand b, CUDASIM_PLACE)
{
	unsigned x[4];

	for (int i = 0; i < 4; i++)
		x[i] = cudasim::two_of(a, threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4 + i % 2 * 8,
		                       threadIdx.x % 4 * 2 + i / 2 * 8, false);
	cudasim::add_columns((float(*)[8])c, x, b, 64, false, at);
}

template <class P>
static inline void wgmma_first(P *c, struct operand a, struct operand b, CUDASIM_PLACE)
{
	memset(c, 0, 4 * sizeof *c);
	wgmma_next(c, a, b, at);
}

template <class P>
static inline void wgmma_64(P *c, const unsigned a[4], struct operand b, CUDASIM_PLACE)
{
	cudasim::add_columns((float(*)[8])c, a, b, 64, true, at);
}

template <class P>
static inline void wgmma_16(P *c, const unsigned a[4], struct operand b, CUDASIM_PLACE)
{
	cudasim::add_columns((float(*)[8])c, a, b, 16, true, at);
}

template <class P> static inline void settle(P *, int) {}
static inline void wgmma_begin() {}
static inline void wgmma_commit() {}
template <int N> static inline void wgmma_wait() {}

/* A copy comes as late as it may: when its thread waits for it. */
namespace cudasim {
struct copy {
	__nv_bfloat16 *to;
	const __nv_bfloat16 *from;
	bool zeros;
};
void copy_asked(const struct copy &);
bool copy_due(struct copy *);
}

static inline void copy_16(__nv_bfloat16 *to, const __nv_bfloat16 *from, bool zeros)
{
	cudasim::copy_asked({to, from, zeros});
}

static inline void copies_wait()
{
	struct cudasim::copy c;

	while (cudasim::copy_due(&c))
		for (int i = 0; i < 8; i++)
			c.to[i] = c.zeros ? __nv_bfloat16() : c.from[i];
}
static inline int own_thread() { return threadIdx.x; }

#endif
