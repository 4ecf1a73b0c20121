/* SPDX-License-Identifier: MIT */
/* norm.cu - LayerNorm and RMSNorm; the formulas are in norm.c.
 *
 * One warp a row of up to 256 columns, more warps for wider ones; each thread has one piece of
 * 8 columns (two and more from 4096 columns on).  The sums come first and the results after, so
 * that a row is read two or three times, but from memory once: what the threads of a
 * multiprocessor have in hand at one time is 1536 pieces of 32 + 16 bytes, within the first
 * cache.
 *
 * Floors, 4096 rows of 4096 columns, y and dy bf16:
 *
 *                 bytes                                      A6000      H100
 *   norm          4096 * 4096 * (4 + 2)        = 100.7 MB   0.131 ms   0.030 ms
 *   norm_back     4096 * 4096 * (2 + 4 + 4 + 4) = 234.9 MB  0.306 ms   0.070 ms
 *   dgain, dbias  4096 * 4096 * (2 + 4) + 4 * 2.1 MB = 109.1 MB  0.142 ms  0.033 ms
 *
 * and some 8, 12 and 4 operations an element: 0.13, 0.20 and 0.07 GFLOP, 5 us at most.
 *
 * Not fused with the residual x1 = x + (product) that comes before.  As it is, x is copied, the
 * product adds to the copy (gemm, beta 1) and the norm reads it: 8 + 8 + 4 + 2 bytes an element.
 * A norm that also adds would take a product in bf16 and 2 + 2 + 4 + 4 + 2; it saves 134 MB,
 * 0.175 and 0.040 ms, twice a block, whose products take 1.79 TFLOP forwards, 11.5 and 1.8 ms
 * (Llama-3-8B): 3 and 4 %, 1 and 1.5 % of a training step.  But the product would be rounded to
 * bf16 before it is added, as it is not now; in f32 half the gain is left.  A product that reads
 * x and writes x1 would gain as much without that; cublasGemmEx has none.
 */
#include "cuda.h"

enum { WIDEST = 512, WARPS = WIDEST / 32 }; /* threads of a row */

/* Threads for a row of so many columns by rows of a block. */
static dim3 block_of(long cols)
{
	unsigned threads = 32;

	while (threads < WIDEST && threads < pieces_of(cols))
		threads *= 2;
	return dim3(threads, threads < BLOCK ? BLOCK / threads : 1);
}

/* The sum of x over the threads of a row; all threads of the block come here. */
static __device__ float row_sum(float x, float *warp)
{
	int warps = blockDim.x / 32;
	float s = 0;

	x = warp_sum(x);
	if (warps == 1)
		return x;
	warp += threadIdx.y * warps;
	__syncthreads(); /* what is there was read */
	if (threadIdx.x % 32 == 0)
		warp[threadIdx.x / 32] = x;
	__syncthreads();
	for (int i = 0; i < warps; i++)
		s += warp[i];
	return s;
}

/* The sum of (x - mean)^power over this thread's pieces of a row */
static __device__ float sum_power(const float *x, long cols, float mean, int power, int wide)
{
	float v[PIECE], s = 0;

	for (long j = threadIdx.x * PIECE; j < cols; j += blockDim.x * PIECE) {
		load_piece(v, x + j, cols - j, wide);
		for (int k = 0; k < PIECE; k++)
			if (j + k < cols)
				s += power == 1 ? v[k] : (v[k] - mean) * (v[k] - mean);
	}
	return s;
}

template <class Y>
static __global__ void __launch_bounds__(WIDEST)
	norm_rows(Y *y, long ldy, float *stat, const float *x, long ldx, const float *gain,
                  const float *bias, long rows, long cols, float eps, int rms, int wide)
{
	SHARED(float, warp, WARPS);
	long at = (long)blockIdx.x * blockDim.y + threadIdx.y, i = at < rows ? at : rows - 1;
	float mean = 0, r, v[PIECE], g[PIECE], b[PIECE] = {0};

	x += i * ldx;
	if (!rms)
		mean = row_sum(sum_power(x, cols, 0, 1, wide), warp) / cols;
	r = 1 / sqrtf(row_sum(sum_power(x, cols, mean, 2, wide), warp) / cols + eps);
	if (at >= rows)
		return;
	if (threadIdx.x == 0) {
		stat[i] = mean;
		stat[rows + i] = r;
	}
	for (long j = threadIdx.x * PIECE; j < cols; j += blockDim.x * PIECE) {
		load_piece(v, x + j, cols - j, wide);
		load_piece(g, gain + j, cols - j, wide);
		if (bias)
			load_piece(b, bias + j, cols - j, wide);
		for (int k = 0; k < PIECE; k++)
			v[k] = (v[k] - mean) * r * g[k] + b[k];
		store_piece(y + i * ldy + j, v, cols - j, wide);
	}
}

void cuda_norm(struct dev *d, struct mat y, float *stat, struct mat x, struct mat gain,
               struct mat bias, float eps, int rms)
{
	cudaStream_t stream = cuda_of(d)->stream;
	dim3 block = block_of(x.cols);
	unsigned blocks = (unsigned)((x.rows + block.y - 1) / block.y);
	int wide = is_wide(y) && is_wide(x) && ((uintptr_t)gain.p | (uintptr_t)bias.p) % 16 == 0;

	if (!x.rows)
		return;
	if (y.type == DT_F32)
		LAUNCH(norm_rows<float>, blocks, block, 0, stream, (float *)y.p, y.ld, stat,
		       (const float *)x.p, x.ld, (const float *)gain.p, (const float *)bias.p,
		       x.rows, x.cols, eps, rms, wide);
	else
		LAUNCH(norm_rows<bf16>, blocks, block, 0, stream, (bf16 *)y.p, y.ld, stat,
		       (const float *)x.p, x.ld, (const float *)gain.p, (const float *)bias.p,
		       x.rows, x.cols, eps, rms, wide);
}

template <class D>
static __global__ void __launch_bounds__(WIDEST)
	norm_back_rows(float *dx, long lddx, const D *dy, long lddy, const float *x, long ldx,
                       const float *gain, const float *stat, long rows, long cols, int rms,
                       int wide)
{
	SHARED(float, warp, WARPS);
	long at = (long)blockIdx.x * blockDim.y + threadIdx.y, i = at < rows ? at : rows - 1;
	float mean = stat[i], r = stat[rows + i], sum = 0, product = 0;
	float v[PIECE], w[PIECE], g[PIECE];

	dx += i * lddx;
	dy += i * lddy;
	x += i * ldx;
	for (long j = threadIdx.x * PIECE; j < cols; j += blockDim.x * PIECE) {
		load_piece(v, x + j, cols - j, wide);
		load_piece(w, dy + j, cols - j, wide);
		load_piece(g, gain + j, cols - j,
		           wide); /* 0 past the end, and so is what is added */
		for (int k = 0; k < PIECE; k++) {
			sum += w[k] * g[k];
			product += w[k] * g[k] * (v[k] - mean);
		}
	}
	sum = rms ? 0 : row_sum(sum, warp) / cols;
	product = row_sum(product, warp) * r / cols;
	if (at >= rows)
		return;
	for (long j = threadIdx.x * PIECE; j < cols; j += blockDim.x * PIECE) {
		float old[PIECE];

		load_piece(v, x + j, cols - j, wide);
		load_piece(w, dy + j, cols - j, wide);
		load_piece(g, gain + j, cols - j, wide);
		load_piece(old, dx + j, cols - j, wide);
		for (int k = 0; k < PIECE; k++)
			old[k] += r * (w[k] * g[k] - sum - (v[k] - mean) * r * product);
		store_piece(dx + j, old, cols - j, wide);
	}
}

/* Sums of dy h and of dy over strip s's rows; grid: pieces by strips */
template <class D>
static __global__ void gain_strips(float *gains, float *biases, const D *dy, long lddy,
                                   const float *x, long ldx, const float *stat, long rows,
                                   long cols, long strip, int wide)
{
	long j = ((long)blockIdx.x * blockDim.x + threadIdx.x) * PIECE, s = blockIdx.y;
	long end = (s + 1) * strip < rows ? (s + 1) * strip : rows;
	float g[PIECE] = {0}, b[PIECE] = {0}, v[PIECE], w[PIECE];

	if (j >= cols)
		return;
	for (long i = s * strip; i < end; i++) {
		float mean = stat[i], r = stat[rows + i];

		load_piece(v, x + i * ldx + j, cols - j, wide);
		load_piece(w, dy + i * lddy + j, cols - j, wide);
		for (int k = 0; k < PIECE; k++) {
			g[k] += w[k] * (v[k] - mean) * r;
			b[k] += w[k];
		}
	}
	store_piece(gains + s * cols + j, g, cols - j, 0);
	store_piece(biases + s * cols + j, b, cols - j, 0);
}

template <class D>
static void norm_back_as(struct dev *d, struct mat dx, struct mat dgain, struct mat dbias,
                         struct mat dy, struct mat x, struct mat gain, const float *stat, int rms)
{
	cudaStream_t stream = cuda_of(d)->stream;
	dim3 block = block_of(x.cols);
	unsigned blocks = (unsigned)((x.rows + block.y - 1) / block.y);
	int wide = is_wide(dx) && is_wide(dy) && is_wide(x) && (uintptr_t)gain.p % 16 == 0;
	long strips = strips_of(x.rows);
	dim3 grid(blocks_of(pieces_of(x.cols)), (unsigned)strips);
	float *part;

	LAUNCH(norm_back_rows<D>, blocks, block, 0, stream, (float *)dx.p, dx.ld, (const D *)dy.p,
	       dy.ld, (const float *)x.p, x.ld, (const float *)gain.p, stat, x.rows, x.cols, rms,
	       wide);
	if (!dgain.p && !dbias.p)
		return;
	part = (float *)cuda_work(d, 2 * strips * x.cols * sizeof *part);
	LAUNCH(gain_strips<D>, grid, BLOCK, 0, stream, part, part + strips * x.cols,
	       (const D *)dy.p, dy.ld, (const float *)x.p, x.ld, stat, x.rows, x.cols,
	       strip_of(x.rows), is_wide(dy) && is_wide(x));
	if (dgain.p)
		cuda_add_parts(d, (float *)dgain.p, part, strips, x.cols);
	if (dbias.p)
		cuda_add_parts(d, (float *)dbias.p, part + strips * x.cols, strips, x.cols);
}

void cuda_norm_back(struct dev *d, struct mat dx, struct mat dgain, struct mat dbias, struct mat dy,
                    struct mat x, struct mat gain, const float *stat, int rms)
{
	if (!x.rows)
		return;
	if (dy.type == DT_F32)
		norm_back_as<float>(d, dx, dgain, dbias, dy, x, gain, stat, rms);
	else
		norm_back_as<bf16>(d, dx, dgain, dbias, dy, x, gain, stat, rms);
}
