/* SPDX-License-Identifier: MIT */
/* act.cu - activations; the formulas are in act.c.
 *
 * A thread has a piece of 8 columns, with SILU_GATE the piece of up beside that of the gate.  dx may be dy
 * or x: a thread reads all of its own before it writes.
 *
 * Floors, bf16, 16384 tokens (32 rows of 512) of Pythia-2.8B (GELU, 10240 columns) and of Llama-3-8B
 * (SILU_GATE, 14336):
 *
 *                       bytes                               A6000     H100
 *   gelu                16384 * 10240 * (2 + 2) = 0.67 GB   0.87 ms   0.20 ms
 *   gelu, back          16384 * 10240 * (4 + 2) = 1.01 GB   1.31 ms   0.30 ms
 *   silu_gate           16384 * 14336 * (4 + 2) = 1.41 GB   1.83 ms   0.42 ms
 *   silu_gate, back     16384 * 14336 * (6 + 4) = 2.35 GB   3.06 ms   0.70 ms
 *
 * and 30 operations an element at most: 7 GFLOP, 0.18 and 0.11 ms.
 */
#include "cuda.h"

#define ROOT_2_OVER_PI 0.79788456f
#define CUBIC          0.044715f

static __device__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }

/* Phi(x) */
static __device__ float normal(float x) { return 0.5f * erfcf(-0.70710678f * x); }

template <enum act ACT> static __device__ float value(float x, float up)
{
	if (ACT == GELU)
		return x * normal(x);
	if (ACT == GELU_TANH)
		return x * sigmoid(2 * ROOT_2_OVER_PI * (x + CUBIC * x * x * x));
	return x * sigmoid(x) * up;
}

/* The derivative by x; by up in *by_up. */
template <enum act ACT> static __device__ float slope(float x, float up, float *by_up)
{
	float s, du;

	if (ACT == GELU)
		return normal(x) + x * 0.39894228f * expf(-0.5f * x * x);
	if (ACT == GELU_TANH) {
		s = sigmoid(2 * ROOT_2_OVER_PI * (x + CUBIC * x * x * x));
		du = ROOT_2_OVER_PI * (1 + 3 * CUBIC * x * x);
		return s + x * s * (1 - s) * 2 * du;
	}
	s = sigmoid(x);
	*by_up = x * s;
	return up * s * (1 + x * (1 - s));
}

template <class T, enum act ACT>
static __global__ void act_pieces(T *y, long ldy, const T *x, long ldx, long rows, long cols,
                                  int wide)
{
	long pieces = (cols + PIECE - 1) / PIECE;
	long at = (long)blockIdx.x * blockDim.x + threadIdx.x, i = at / pieces,
	     j = at % pieces * PIECE;
	float v[PIECE], up[PIECE];

	if (i >= rows)
		return;
	load_piece(v, x + i * ldx + j, cols - j, wide);
	if (ACT == SILU_GATE)
		load_piece(up, x + i * ldx + cols + j, cols - j, wide);
	for (int k = 0; k < PIECE; k++)
		v[k] = value<ACT>(v[k], ACT == SILU_GATE ? up[k] : 0);
	store_piece(y + i * ldy + j, v, cols - j, wide);
}

template <class T, enum act ACT>
static __global__ void act_back_pieces(T *dx, long lddx, const T *dy, long lddy, const T *x,
                                       long ldx, long rows, long cols, int wide)
{
	long pieces = (cols + PIECE - 1) / PIECE;
	long at = (long)blockIdx.x * blockDim.x + threadIdx.x, i = at / pieces,
	     j = at % pieces * PIECE;
	float g[PIECE], v[PIECE], up[PIECE], by_up[PIECE];

	if (i >= rows)
		return;
	load_piece(g, dy + i * lddy + j, cols - j, wide);
	load_piece(v, x + i * ldx + j, cols - j, wide);
	if (ACT == SILU_GATE)
		load_piece(up, x + i * ldx + cols + j, cols - j, wide);
	for (int k = 0; k < PIECE; k++) {
		by_up[k] = 0;
		v[k] = g[k] * slope<ACT>(v[k], ACT == SILU_GATE ? up[k] : 0, &by_up[k]);
		by_up[k] *= g[k];
	}
	store_piece(dx + i * lddx + j, v, cols - j, wide);
	if (ACT == SILU_GATE)
		store_piece(dx + i * lddx + cols + j, by_up, cols - j, wide);
}

/* Whether pieces from column `cols` on are aligned as those from 0 on. */
static int is_wide_at(struct mat m, long cols)
{
	return is_wide(m) && cols * dtype_size(m.type) % 16 == 0;
}

template <class T, enum act ACT> static void act_as(struct dev *d, struct mat y, struct mat x)
{
	int wide = is_wide(y) && is_wide_at(x, ACT == SILU_GATE ? y.cols : 0);

	LAUNCH((act_pieces<T, ACT>), blocks_of(y.rows * pieces_of(y.cols)), BLOCK, 0,
	       cuda_of(d)->stream, (T *)y.p, y.ld, (const T *)x.p, x.ld, y.rows, y.cols, wide);
}

template <class T, enum act ACT>
static void act_back_as(struct dev *d, struct mat dx, struct mat dy, struct mat x)
{
	long second = ACT == SILU_GATE ? dy.cols : 0;
	int wide = is_wide(dy) && is_wide_at(dx, second) && is_wide_at(x, second);

	LAUNCH((act_back_pieces<T, ACT>), blocks_of(dy.rows * pieces_of(dy.cols)), BLOCK, 0,
	       cuda_of(d)->stream, (T *)dx.p, dx.ld, (const T *)dy.p, dy.ld, (const T *)x.p, x.ld,
	       dy.rows, dy.cols, wide);
}

void cuda_act(struct dev *d, struct mat y, struct mat x, enum act act)
{
	int f32 = y.type == DT_F32;

	if (!y.rows || !y.cols)
		return;
	if (act == GELU)
		(f32 ? act_as<float, GELU> : act_as<bf16, GELU>)(d, y, x);
	else if (act == GELU_TANH)
		(f32 ? act_as<float, GELU_TANH> : act_as<bf16, GELU_TANH>)(d, y, x);
	else
		(f32 ? act_as<float, SILU_GATE> : act_as<bf16, SILU_GATE>)(d, y, x);
}

void cuda_act_back(struct dev *d, struct mat dx, struct mat dy, struct mat x, enum act act)
{
	int f32 = dy.type == DT_F32;

	if (!dy.rows || !dy.cols)
		return;
	if (act == GELU)
		(f32 ? act_back_as<float, GELU> : act_back_as<bf16, GELU>)(d, dx, dy, x);
	else if (act == GELU_TANH)
		(f32 ? act_back_as<float, GELU_TANH> : act_back_as<bf16, GELU_TANH>)(d, dx, dy, x);
	else
		(f32 ? act_back_as<float, SILU_GATE> : act_back_as<bf16, SILU_GATE>)(d, dx, dy, x);
}
