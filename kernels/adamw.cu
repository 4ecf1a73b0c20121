/* SPDX-License-Identifier: MIT */
/* adamw.cu - the optimiser's step; the formulas are in adamw.c.
 *
 * A product of two vectors is taken in two steps, PARTS sums and their sum, in an order that hangs on n
 * alone.  The step reads it where it is, so that the host waits for nothing.
 *
 * Floors for LoRA of rank 16 on the q and v of Llama-3-8B (6.8 million values) and for all
 * of Pythia-2.8B (2.78 billion), F32:
 *
 *            bytes                      A6000                 H100
 *   x'x      4 a value      27 MB, 11 GB  0.036 ms,  14.5 ms   0.008 ms,  3.3 ms
 *   adamw    28 a value    190 MB, 78 GB  0.25 ms,  101 ms     0.057 ms, 23 ms
 *
 * and 2 and 15 operations a value: 42 GFLOP at most, 1.1 and 0.6 ms.
 */
#include "cuda.h"

#include <math.h>

enum { PARTS = 512 };

/* The sum of x over a block, in thread 0. */
static __device__ float block_sum(float x, float *warp)
{
	x = warp_sum(x);
	if (threadIdx.x % 32 == 0)
		warp[threadIdx.x / 32] = x;
	__syncthreads();
	x = threadIdx.x < CUDA_BLOCK / 32 ? warp[threadIdx.x] : 0;
	return warp_sum(x);
}

/* part[b] = the sum of the products of the values that block b meets. */
static __global__ void sum_products(float *part, const float *x, const float *y, long n, int wide)
{
	SHARED(float, warp, CUDA_BLOCK / 32);
	float s = 0, v[CUDA_PIECE], w[CUDA_PIECE];

	for (long j = ((long)blockIdx.x * CUDA_BLOCK + threadIdx.x) * CUDA_PIECE; j < n;
	     j += (long)PARTS * CUDA_BLOCK * CUDA_PIECE) {
		load_piece(v, x + j, n - j, wide);
		load_piece(w, y + j, n - j, wide); /* cached where y is x */
		for (int k = 0; k < CUDA_PIECE; k++)
			s += v[k] * w[k];
	}
	s = block_sum(s, warp);
	if (threadIdx.x == 0)
		part[blockIdx.x] = s;
}

static __global__ void sum_parts(float *sum, const float *part)
{
	SHARED(float, warp, CUDA_BLOCK / 32);
	float s = 0;

	for (int k = threadIdx.x; k < PARTS; k += CUDA_BLOCK)
		s += part[k];
	s = block_sum(s, warp);
	if (threadIdx.x == 0)
		*sum = s;
}

void cuda_dot(struct dev *d, float *sum, const float *x, const float *y, long n)
{
	float *part = (float *)cuda_work(d, PARTS * sizeof *part);
	cudaStream_t stream = cuda_of(d)->stream;

	LAUNCH(sum_products, PARTS, CUDA_BLOCK, 0, stream, part, x, y, n,
	       ((uintptr_t)x | (uintptr_t)y) % 16 == 0);
	LAUNCH(sum_parts, 1, CUDA_BLOCK, 0, stream, sum, (const float *)part);
}

/* What a step computes with: keep of p (decay), root of 1 / (1 - b2^t). */
struct adamw_kernel {
	float clip, keep, b1, b2, rate, root, eps;
};

/* sum NULL: no clipping */
static __global__ void adamw_step(float *p, const float *g, float *m, float *v, long n,
                                  struct adamw_kernel s, const float *sum, int wide)
{
	long j = ((long)blockIdx.x * blockDim.x + threadIdx.x) * CUDA_PIECE;
	float shrink = sum ? fminf(1, s.clip / (sqrtf(*sum) + 1e-6f)) : 1;
	float x[CUDA_PIECE], y[CUDA_PIECE], a[CUDA_PIECE], b[CUDA_PIECE];

	if (j >= n)
		return;
	load_piece(x, p + j, n - j, wide);
	load_piece(y, g + j, n - j, wide);
	load_piece(a, m + j, n - j, wide);
	load_piece(b, v + j, n - j, wide);
	for (int k = 0; k < CUDA_PIECE; k++) {
		float z = y[k] * shrink;

		a[k] = s.b1 * a[k] + (1 - s.b1) * z;
		b[k] = s.b2 * b[k] + (1 - s.b2) * z * z;
		x[k] = x[k] * s.keep - s.rate * a[k] / (sqrtf(b[k]) * s.root + s.eps);
	}
	store_piece(p + j, x, n - j, wide);
	store_piece(m + j, a, n - j, wide);
	store_piece(v + j, b, n - j, wide);
}

void cuda_adamw(struct dev *d, float *p, const float *g, float *m, float *v, long n, struct adamw a,
                const float *sum)
{
	int wide = ((uintptr_t)p | (uintptr_t)g | (uintptr_t)m | (uintptr_t)v) % 16 == 0;
	struct adamw_kernel s = {
		a.clip,
		(float)(1 - (double)a.rate * a.decay),
		a.beta1,
		a.beta2,
		(float)(a.rate / (1 - pow(a.beta1, a.step))),
		(float)(1 / sqrt(1 - pow(a.beta2, a.step))),
		a.eps,
	};

	if (!n)
		return;
	LAUNCH(adamw_step, blocks_of(pieces_of(n)), CUDA_BLOCK, 0, cuda_of(d)->stream, p, g, m, v,
	       n, s, a.clip > 0 ? sum : NULL, wide);
}
