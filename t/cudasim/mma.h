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

#endif
