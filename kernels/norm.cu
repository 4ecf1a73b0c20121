/* SPDX-License-Identifier: MIT */
/* norm.cu - LayerNorm and RMSNorm, of rows or of heads; the formulas are in norm.c.  A row below is
 * what is normalised by itself.
 *
 * A thread keeps its pieces of a row, of 8 columns each, in registers between the sums and the
 * results, so that a row is read once.  One warp has a row of up to 768 columns, three pieces a
 * thread, more warps a wider one, four pieces a thread: few threads wait for each other's sums.
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

/* Threads of a row; pieces of a thread, and of one of a row that a single warp has. */
enum { WIDEST = 512, WARPS = WIDEST / 32, HELD = 4, HELD_ALONE = 3 };

/* Threads for a row of so many columns by rows of a block. */
static dim3 block_of(long cols)
{
	long pieces = pieces_of(cols), held = pieces > 32 * HELD_ALONE ? HELD : HELD_ALONE;
	unsigned threads = (unsigned)((pieces + 32 * held - 1) / (32 * held) * 32);

	if (threads > WIDEST)
		die("rows of %ld columns to normalise: at most %d on a GPU", cols,
		    WIDEST * HELD * CUDA_PIECE);
	return dim3(threads, threads < CUDA_BLOCK ? CUDA_BLOCK / threads : 1);
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

/* A thread's pieces of a row: piece p begins at column column_of(p). */
struct held {
	float v[HELD][CUDA_PIECE];
};

static __device__ long column_of(int p)
{
	return (threadIdx.x + p * (long)blockDim.x) * CUDA_PIECE;
}

/* Of a row of n columns; what lies past its end is 0. */
template <class X> static __device__ void hold(struct held &h, const X *x, long n, int wide)
{
#pragma unroll
	for (int p = 0; p < HELD; p++)
		load_piece(h.v[p], x + column_of(p), n - column_of(p), wide);
}

/* The sum of (x - mean)^power, power 1 or 2, over this thread's pieces of a row of n columns; with
 * power 1 mean is not looked at. */
static __device__ float sum_power(const struct held &x, long n, float mean, int power)
{
	float s = 0;

#pragma unroll
	for (int p = 0; p < HELD; p++)
#pragma unroll
		for (int k = 0; k < CUDA_PIECE; k++)
			if (column_of(p) + k < n)
				s += power == 1 ? x.v[p][k]
				                : (x.v[p][k] - mean) * (x.v[p][k] - mean);
	return s;
}

/* Where group k begins in a matrix. */
static __device__ long group_at(struct norm m, long k, long ld)
{
	return m.heads == 1 ? k * ld : k / m.heads * ld + k % m.heads * m.stride;
}

/* A thread beyond the last group has n 0, and touches nothing. */
template <class Y, class X>
static __global__ void __launch_bounds__(WIDEST)
	norm_groups(Y *y, long ldy, float *stat, const X *x, long ldx, const float *gain,
                    const float *bias, long groups, long cols, struct norm m, int add, int wide)
{
	SHARED(float, warp, WARPS);
	long i = (long)blockIdx.x * blockDim.y + threadIdx.y, n = i < groups ? cols : 0;
	float mean = 0, r, g[CUDA_PIECE], b[CUDA_PIECE] = {0}, old[CUDA_PIECE] = {0};
	struct held h;

	y += group_at(m, i, ldy);
	hold(h, x + group_at(m, i, ldx), n, wide);
	if (!m.rms)
		mean = row_sum(sum_power(h, n, 0, 1), warp) / cols;
	r = 1 / sqrtf(row_sum(sum_power(h, n, mean, 2), warp) / cols + m.eps);
	if (threadIdx.x == 0 && n) {
		stat[2 * i] = mean;
		stat[2 * i + 1] = r;
	}
#pragma unroll
	for (int p = 0; p < HELD; p++) {
		long j = column_of(p);
		float *v = h.v[p];

		if (j >= n)
			break;
		load_piece(g, gain + j, n - j, wide);
		if (bias)
			load_piece(b, bias + j, n - j, wide);
		if (add)
			load_piece(old, y + j, n - j, wide);
		for (int k = 0; k < CUDA_PIECE; k++)
			v[k] = (v[k] - mean) * r * (m.offset + g[k]) + b[k] + old[k];
		store_piece(y + j, v, n - j, wide);
	}
}

/* Whether all groups of a matrix can be read 16 bytes at a time. */
static int is_wide_each(struct mat x, struct norm m)
{
	return is_wide(x) && (m.heads == 1 || m.stride * dtype_size(x.type) % 16 == 0);
}

/* What one call is about. */
struct norm_call {
	struct mat y, x, gain, bias, dx, half, dy, dgain, dbias;
	float *stat;
	struct norm m;
	int add;
};

template <class Y, class X> static void norm_as(struct dev *d, const struct norm_call &c)
{
	long groups = c.x.rows * c.m.heads, cols = c.gain.cols;
	dim3 block = block_of(cols);
	int wide = is_wide_each(c.y, c.m) && is_wide_each(c.x, c.m) &&
	           ((uintptr_t)c.gain.p | (uintptr_t)c.bias.p) % 16 == 0;

	LAUNCH((norm_groups<Y, X>), (unsigned)((groups + block.y - 1) / block.y), block, 0,
	       cuda_of(d)->stream, (Y *)c.y.p, c.y.ld, c.stat, (const X *)c.x.p, c.x.ld,
	       (const float *)c.gain.p, (const float *)c.bias.p, groups, cols, c.m, c.add, wide);
}

void cuda_norm(struct dev *d, struct mat y, float *stat, struct mat x, struct mat gain,
               struct mat bias, struct norm m, int add)
{
	struct norm_call c = {};

	if (!x.rows)
		return;
	c.y = y;
	c.x = x;
	c.gain = gain;
	c.bias = bias;
	c.stat = stat;
	c.m = m;
	c.add = add;
	if (x.type == DT_F32)
		(y.type == DT_F32 ? norm_as<float, float> : norm_as<bf16, float>)(d, c);
	else
		(y.type == DT_F32 ? norm_as<float, bf16> : norm_as<bf16, bf16>)(d, c);
}

template <class DX, class DY, class X>
static __global__ void __launch_bounds__(WIDEST)
	norm_back_groups(DX *dx, long lddx, bf16 *half, long ldhalf, const DY *dy, long lddy,
                         const X *x, long ldx, const float *gain, const float *stat, long groups,
                         long cols, struct norm m, int add, int wide)
{
	SHARED(float, warp, WARPS);
	long i = (long)blockIdx.x * blockDim.y + threadIdx.y, n = i < groups ? cols : 0;
	float mean = n ? stat[2 * i] : 0, r = n ? stat[2 * i + 1] : 0, sum = 0, product = 0;
	struct held h, a; /* x, and dy times the gain */

	dx += group_at(m, i, lddx);
	if (half)
		half += group_at(m, i, ldhalf);
	hold(h, x + group_at(m, i, ldx), n, wide);
	hold(a, dy + group_at(m, i, lddy), n, wide);
#pragma unroll
	for (int p = 0; p < HELD; p++) {
		float g[CUDA_PIECE];

		load_piece(g, gain + column_of(p), n - column_of(p), wide);
		for (int k = 0; k < CUDA_PIECE; k++) {
			a.v[p][k] *= m.offset + g[k];
			sum += a.v[p][k]; /* 0 past the end */
			product += a.v[p][k] * (h.v[p][k] - mean);
		}
	}
	sum = m.rms ? 0 : row_sum(sum, warp) / cols;
	product = row_sum(product, warp) * r / cols;
#pragma unroll
	for (int p = 0; p < HELD; p++) {
		long j = column_of(p);
		float old[CUDA_PIECE] = {0};

		if (j >= n)
			break;
		if (add)
			load_piece(old, dx + j, n - j, wide);
		for (int k = 0; k < CUDA_PIECE; k++)
			old[k] += r * (a.v[p][k] - sum - (h.v[p][k] - mean) * r * product);
		store_piece(dx + j, old, n - j, wide);
		if (half)
			store_piece(half + j, old, n - j, wide);
	}
}

/* Sums of dy h and of dy over strip s's groups; grid: pieces by strips */
template <class DY, class X>
static __global__ void gain_strips(float *gains, float *biases, const DY *dy, long lddy, const X *x,
                                   long ldx, const float *stat, long groups, long cols, long strip,
                                   struct norm m, int wide)
{
	long j = ((long)blockIdx.x * blockDim.x + threadIdx.x) * CUDA_PIECE, s = blockIdx.y;
	long end = (s + 1) * strip < groups ? (s + 1) * strip : groups;
	float g[CUDA_PIECE] = {0}, b[CUDA_PIECE] = {0}, v[CUDA_PIECE], w[CUDA_PIECE];

	if (j >= cols)
		return;
	for (long i = s * strip; i < end; i++) {
		float mean = stat[2 * i], r = stat[2 * i + 1];

		load_piece(v, x + group_at(m, i, ldx) + j, cols - j, wide);
		load_piece(w, dy + group_at(m, i, lddy) + j, cols - j, wide);
		for (int k = 0; k < CUDA_PIECE; k++) {
			g[k] += w[k] * (v[k] - mean) * r;
			b[k] += w[k];
		}
	}
	store_piece(gains + s * cols + j, g, cols - j, 0);
	store_piece(biases + s * cols + j, b, cols - j, 0);
}

template <class DY, class X> static void gain_back(struct dev *d, const struct norm_call &c)
{
	long groups = c.x.rows * c.m.heads, cols = c.gain.cols, strips = strips_of(groups);
	dim3 grid(blocks_of(pieces_of(cols)), (unsigned)strips);
	float *part = (float *)cuda_work(d, 2 * strips * cols * sizeof *part);

	LAUNCH((gain_strips<DY, X>), grid, CUDA_BLOCK, 0, cuda_of(d)->stream, part,
	       part + strips * cols, (const DY *)c.dy.p, c.dy.ld, (const X *)c.x.p, c.x.ld,
	       (const float *)c.stat, groups, cols, strip_of(groups), c.m,
	       is_wide_each(c.dy, c.m) && is_wide_each(c.x, c.m));
	if (c.dgain.p)
		cuda_add_parts(d, (float *)c.dgain.p, part, strips, cols, 1);
	if (c.dbias.p)
		cuda_add_parts(d, (float *)c.dbias.p, part + strips * cols, strips, cols, 1);
}

template <class DX, class DY, class X>
static void norm_back_as(struct dev *d, const struct norm_call &c)
{
	long groups = c.x.rows * c.m.heads, cols = c.gain.cols;
	dim3 block = block_of(cols);
	int wide = is_wide_each(c.dx, c.m) && is_wide_each(c.dy, c.m) && is_wide_each(c.x, c.m) &&
	           (!c.half.p || is_wide_each(c.half, c.m)) && (uintptr_t)c.gain.p % 16 == 0;

	if (c.dgain.p || c.dbias.p) /* before dx, which may take the place of dy */
		gain_back<DY, X>(d, c);
	LAUNCH((norm_back_groups<DX, DY, X>), (unsigned)((groups + block.y - 1) / block.y), block,
	       0, cuda_of(d)->stream, (DX *)c.dx.p, c.dx.ld, (bf16 *)c.half.p, c.half.ld,
	       (const DY *)c.dy.p, c.dy.ld, (const X *)c.x.p, c.x.ld, (const float *)c.gain.p,
	       (const float *)c.stat, groups, cols, c.m, c.add, wide);
}

template <class DY, class X> static void norm_back_into(struct dev *d, const struct norm_call &c)
{
	if (c.dx.type == DT_F32)
		norm_back_as<float, DY, X>(d, c);
	else
		norm_back_as<bf16, DY, X>(d, c);
}

void cuda_norm_back(struct dev *d, struct mat dx, struct mat half, struct mat dgain,
                    struct mat dbias, struct mat dy, struct mat x, struct mat gain,
                    const float *stat, struct norm m, int add)
{
	struct norm_call c = {};

	if (!x.rows)
		return;
	c.x = x;
	c.gain = gain;
	c.dx = dx;
	c.half = half;
	c.dy = dy;
	c.dgain = dgain;
	c.dbias = dbias;
	c.stat = (float *)stat; /* it is only read */
	c.m = m;
	c.add = add;
	if (dy.type == DT_F32)
		(x.type == DT_F32 ? norm_back_into<float, float> : norm_back_into<float, bf16>)(d,
		                                                                                c);
	else
		(x.type == DT_F32 ? norm_back_into<bf16, float> : norm_back_into<bf16, bf16>)(d, c);
}
