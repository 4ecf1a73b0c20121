/* SPDX-License-Identifier: MIT */
/* rope.cu - rotary positions; the formula is in rope.c.  A thread turns 8 pairs of a head.
 *
 * Floor, 4096 tokens of Llama-3-8B (32 heads of q, 8 of k, 128 columns each, bf16; both calls):
 *
 *   4096 * 40 * 128 * (2 + 2) B = 83.9 MB       A6000 0.109 ms    H100 0.025 ms
 *   4096 * 40 * 64 * 6 = 63 MFLOP                     0.002 ms         0.001 ms
 *
 * The table (512 bytes a token) is read from the second cache by all heads but the first.
 *
 * Nothing is split here: q, k and v stay columns of one matrix, which attention reads as it is.
 * Turning them while attention loads its tiles would save this pass, under 1 % of a block's
 * 11.5 ms (A6000) or 1.4 % of 1.8 ms (H100), but each tile of keys is loaded once for every
 * tile of queries, forwards and backwards, and would be turned as often.
 */
#include "cuda.h"

template <class X>
static __global__ void turn(X *x, long ldx, long rows, int n, long stride, int rotary,
                            const int32_t *position, const float *table, float sign, int wide)
{
	int half = rotary / 2, pieces = (int)pieces_of(half);
	long at = (long)blockIdx.x * blockDim.x + threadIdx.x, head = at / pieces, i = head / n;
	int j = (int)(at % pieces) * CUDA_PIECE;
	float a[CUDA_PIECE], b[CUDA_PIECE], cosine[CUDA_PIECE], sine[CUDA_PIECE];

	if (i >= rows)
		return;
	x += i * ldx + head % n * stride + j;
	table += (long)position[i] * rotary + j;
	load_piece(a, x, half - j, wide);
	load_piece(b, x + half, half - j, wide);
	load_piece(cosine, table, half - j, wide);
	load_piece(sine, table + half, half - j, wide);
	for (int k = 0; k < CUDA_PIECE; k++) {
		float s = sign * sine[k], old = a[k];

		a[k] = old * cosine[k] - b[k] * s;
		b[k] = b[k] * cosine[k] + old * s;
	}
	store_piece(x, a, half - j, wide);
	store_piece(x + half, b, half - j, wide);
}

void cuda_rope(struct dev *d, struct mat x, int n, long stride, int rotary, const int32_t *position,
               const float *table, int sign)
{
	cudaStream_t stream = cuda_of(d)->stream;
	int half = rotary / 2;
	unsigned blocks = blocks_of(x.rows * n * pieces_of(half));
	int wide = is_wide(x) && rotary % (2 * CUDA_PIECE) == 0 && stride % CUDA_PIECE == 0 &&
	           (uintptr_t)table % 16 == 0;

	if (!x.rows || !n || !half)
		return;
	if (x.type == DT_F32)
		LAUNCH(turn<float>, blocks, CUDA_BLOCK, 0, stream, (float *)x.p, x.ld, x.rows, n,
		       stride, rotary, position, table, (float)sign, wide);
	else
		LAUNCH(turn<bf16>, blocks, CUDA_BLOCK, 0, stream, (bf16 *)x.p, x.ld, x.rows, n,
		       stride, rotary, position, table, (float)sign, wide);
}
