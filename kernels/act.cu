/* SPDX-License-Identifier: MIT */
/* act.cu - activations; the formulas are in act.c.
 *
 * A thread has a piece of 8 columns; where gated, the piece of up beside that of the gate.  dx may
 * be dy or x: a thread reads all of its own before it writes.
 *
 * Floors, bf16, 16384 tokens (32 rows of 512) of Pythia-2.8B (gelu, 10240 columns) and of
 * Llama-3-8B (silu, gated, 14336):
 *
 *                       bytes                               A6000     H100
 *   gelu                16384 * 10240 * (2 + 2) = 0.67 GB   0.87 ms   0.20 ms
 *   gelu, back          16384 * 10240 * (4 + 2) = 1.01 GB   1.31 ms   0.30 ms
 *   silu, gated         16384 * 14336 * (4 + 2) = 1.41 GB   1.83 ms   0.42 ms
 *   silu, gated, back   16384 * 14336 * (6 + 4) = 2.35 GB   3.06 ms   0.70 ms
 *
 * and 30 operations an element at most: 7 GFLOP, 0.18 and 0.11 ms.
 */
#include "cuda.h"

#define ROOT_2_OVER_PI 0.79788456f
#define CUBIC          0.044715f

/* 1 / x and e^x.  For results that become bf16 the card's own approximations will do, which are
 * exact to some units of f32's last place: exact ones would take longer than the bytes. */
template <class T> static __device__ float inverse(float x)
{
	return sizeof(T) == 2 ? __fdividef(1, x) : 1 / x;
}

template <class T> static __device__ float power(float x)
{
	return sizeof(T) == 2 ? __expf(x) : expf(x);
}

template <class T> static __device__ float sigmoid(float x) { return inverse<T>(1 + power<T>(-x)); }

/* Phi(x), and exp(-x^2/2) in *e: formula 7.1.26 of Abramowitz and Stegun, exact to 1e-7. */
template <class T> static __device__ float normal(float x, float *e)
{
	float z = fabsf(x) * 0.70710678f, t = inverse<T>(1 + 0.3275911f * z);
	float p = 1.061405429f, tail;

	p = p * t - 1.453152027f;
	p = p * t + 1.421413741f;
	p = p * t - 0.284496736f;
	p = p * t + 0.254829592f;
	*e = power<T>(-z * z);
	tail = 0.5f * p * t * *e;
	return x < 0 ? tail : 1 - tail;
}

/* The function, and its derivative in *slope. */
template <class T, enum act_function F> static __device__ float value(float x, float *slope)
{
	float s, e, u = ROOT_2_OVER_PI * (x + CUBIC * x * x * x);

	if (F == ACT_GELU) {
		s = normal<T>(x, &e);
		*slope = s + x * 0.39894228f * e;
	} else if (F == ACT_GELU_TANH) {
		s = sigmoid<T>(2 * u);
		*slope = s + x * s * (1 - s) * 2 * ROOT_2_OVER_PI * (1 + 3 * CUBIC * x * x);
	} else {
		s = sigmoid<T>(x);
		*slope = s * (1 + x * (1 - s));
	}
	return x * s;
}

/* up is the column where it begins in a row of x, or 0 where not gated. */
template <class T, enum act_function F>
static __global__ void act_pieces(T *y, long ldy, const T *x, long ldx, long up, long rows,
                                  long cols, int wide)
{
	long i, j;
	float v[CUDA_PIECE], u[CUDA_PIECE], slope;

	if (!own_piece(rows, cols, &i, &j))
		return;
	load_piece(v, x + i * ldx + j, cols - j, wide);
	if (up)
		load_piece(u, x + i * ldx + up + j, cols - j, wide);
	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] = value<T, F>(v[k], &slope) * (up ? u[k] : 1);
	store_piece(y + i * ldy + j, v, cols - j, wide);
}

template <class T, enum act_function F>
static __global__ void act_back_pieces(T *dx, long lddx, const T *dy, long lddy, const T *x,
                                       long ldx, long up, long rows, long cols, int wide)
{
	long i, j;
	float g[CUDA_PIECE], v[CUDA_PIECE], u[CUDA_PIECE], by_up[CUDA_PIECE], slope;

	if (!own_piece(rows, cols, &i, &j))
		return;
	load_piece(g, dy + i * lddy + j, cols - j, wide);
	load_piece(v, x + i * ldx + j, cols - j, wide);
	if (up)
		load_piece(u, x + i * ldx + up + j, cols - j, wide);
	for (int k = 0; k < CUDA_PIECE; k++) {
		by_up[k] = g[k] * value<T, F>(v[k], &slope);
		v[k] = g[k] * (up ? u[k] : 1) * slope;
	}
	if (up)
		store_piece(dx + i * lddx + up + j, by_up, cols - j, wide);
	store_piece(dx + i * lddx + j, v, cols - j, wide);
}

/* Whether pieces from column `cols` on are aligned as those from 0 on. */
static int is_wide_at(struct mat m, long cols)
{
	return is_wide(m) && cols * dtype_size(m.type) % 16 == 0;
}

template <class T, enum act_function F>
static void act_as(struct dev *d, struct mat y, struct mat x, long up)
{
	LAUNCH((act_pieces<T, F>), blocks_of(y.rows * pieces_of(y.cols)), CUDA_BLOCK, 0,
	       cuda_of(d)->stream, (T *)y.p, y.ld, (const T *)x.p, x.ld, up, y.rows, y.cols,
	       is_wide(y) && is_wide_at(x, up));
}

template <class T, enum act_function F>
static void act_back_as(struct dev *d, struct mat dx, struct mat dy, struct mat x, long up)
{
	LAUNCH((act_back_pieces<T, F>), blocks_of(dy.rows * pieces_of(dy.cols)), CUDA_BLOCK, 0,
	       cuda_of(d)->stream, (T *)dx.p, dx.ld, (const T *)dy.p, dy.ld, (const T *)x.p, x.ld,
	       up, dy.rows, dy.cols, is_wide(dy) && is_wide_at(dx, up) && is_wide_at(x, up));
}

void cuda_act(struct dev *d, struct mat y, struct mat x, struct act act)
{
	int f32 = y.type == DT_F32;
	long up = act.gated ? y.cols : 0;

	if (!y.rows || !y.cols)
		return;
	if (act.f == ACT_GELU)
		(f32 ? act_as<float, ACT_GELU> : act_as<bf16, ACT_GELU>)(d, y, x, up);
	else if (act.f == ACT_GELU_TANH)
		(f32 ? act_as<float, ACT_GELU_TANH> : act_as<bf16, ACT_GELU_TANH>)(d, y, x, up);
	else
		(f32 ? act_as<float, ACT_SILU> : act_as<bf16, ACT_SILU>)(d, y, x, up);
}

void cuda_act_back(struct dev *d, struct mat dx, struct mat dy, struct mat x, struct act act)
{
	int f32 = dy.type == DT_F32;
	long up = act.gated ? dy.cols : 0;

	if (!dy.rows || !dy.cols)
		return;
	if (act.f == ACT_GELU)
		(f32 ? act_back_as<float, ACT_GELU> : act_back_as<bf16, ACT_GELU>)(d, dx, dy, x,
		                                                                   up);
	else if (act.f == ACT_GELU_TANH)
		(f32 ? act_back_as<float, ACT_GELU_TANH>
		     : act_back_as<bf16, ACT_GELU_TANH>)(d, dx, dy, x, up);
	else
		(f32 ? act_back_as<float, ACT_SILU> : act_back_as<bf16, ACT_SILU>)(d, dx, dy, x,
		                                                                   up);
}
