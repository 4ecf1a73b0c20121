/* SPDX-License-Identifier: MIT */
/* xent.cu - softmax and cross-entropy in one kernel, the cap on logits, and the largest; xent.c has
 * the formulas.
 *
 * A block has a row.  Its threads pass the vocabulary once in pieces of 8, each with a running
 * largest logit and sum of exponentials (Milakov, Gimelshein 2018); these are put together in a
 * fixed order.  A second pass writes the gradient, where it is wanted, in the logits' place if they
 * are the same.
 *
 * Floors, 2048 rows of Pythia's vocabulary (50304 columns, F32):
 *
 *                      bytes                               A6000     H100
 *   loss               2048 * 50304 * 4       = 0.41 GB   0.54 ms   0.12 ms
 *   with its gradient  2048 * 50304 * (4 + 4) = 0.82 GB   1.07 ms   0.25 ms
 *   softcap            the same                           1.07 ms   0.25 ms
 *   argmax             as loss
 *
 * The second pass reads a row again, 201 KB.  The rows in hand at one time, four a multiprocessor,
 * are 68 MB on an A6000, whose cache has 6 MB: there it is 4 bytes more, and 1.61 ms.  They are
 * 106 MB on an H100, half of which its 50 MB of cache may hold.  A row in shared memory would want
 * 201 KB of 99 (227).  Operations: 2 exponentials and 10 more an element, 2 GFLOP, 0.05 and
 * 0.03 ms.
 */
#include "cuda.h"

enum { THREADS = 512, WARPS = THREADS / 32 };

/* The largest of the logits seen so far, and the sum of exp(logit - largest). */
struct xent_running {
	float high, sum;
};

static __device__ struct xent_running join(struct xent_running a, struct xent_running b)
{
	float high = fmaxf(a.high, b.high);

	return {high, a.sum * expf(a.high - high) + b.sum * expf(b.high - high)};
}

/* Adds the piece at z, of a row that has n columns more. */
static __device__ void add_piece(struct xent_running *r, const float *z, long n, int wide)
{
	float v[CUDA_PIECE], high = r->high, sum = 0;

	load_piece(v, z, n, wide);
	for (int k = 0; k < CUDA_PIECE; k++)
		high = k < n ? fmaxf(high, v[k]) : high;
	for (int k = 0; k < CUDA_PIECE; k++)
		sum += k < n ? expf(v[k] - high) : 0;
	r->sum = r->sum * expf(r->high - high) + sum;
	r->high = high;
}

/* All threads' together; every thread gets the result. */
static __device__ struct xent_running join_all(struct xent_running r, float *highs, float *sums)
{
	for (int d = 16; d; d /= 2) {
		struct xent_running other = {__shfl_xor_sync(0xffffffffu, r.high, d),
		                             __shfl_xor_sync(0xffffffffu, r.sum, d)};

		r = join(r, other);
	}
	if (threadIdx.x % 32 == 0) {
		highs[threadIdx.x / 32] = r.high;
		sums[threadIdx.x / 32] = r.sum;
	}
	__syncthreads();
	r = {highs[0], sums[0]};
	for (int i = 1; i < WARPS; i++)
		r = join(r, {highs[i], sums[i]});
	return r;
}

template <class D>
static __device__ void write_gradient(D *dz, const float *z, long cols, struct xent_running r,
                                      int target, float weight, float cap, int wide)
{
	float scale = weight / r.sum, by_cap = cap > 0 ? 1 / cap : 0, v[CUDA_PIECE];

	for (long j = threadIdx.x * CUDA_PIECE; j < cols; j += THREADS * CUDA_PIECE) {
		load_piece(v, z + j, cols - j, wide);
		for (int k = 0; k < CUDA_PIECE; k++) {
			float t = v[k] * by_cap;

			v[k] = expf(v[k] - r.high) * scale;
			if (j + k == target)
				v[k] -= weight;
			v[k] *= 1 - t * t; /* t is 0 without a cap */
		}
		store_piece(dz + j, v, cols - j, wide);
	}
}

/* dz NULL: no gradient */
template <class D>
static __global__ void __launch_bounds__(THREADS)
	xent_rows(float *loss, D *dz, long lddz, const float *z, long ldz, long cols,
                  const int32_t *target, const float *weight, float cap, int wide)
{
	SHARED(float, highs, WARPS);
	SHARED(float, sums, WARPS);
	long i = blockIdx.x;
	struct xent_running r = {-1e30f, 0}; /* finite: -INFINITY - high is no NaN */
	float at_target, zero[CUDA_PIECE] = {0};

	z += i * ldz;
	if (dz)
		dz += i * lddz;
	if (target[i] < 0) {
		if (threadIdx.x == 0)
			loss[i] = 0;
		for (long j = threadIdx.x * CUDA_PIECE; dz && j < cols; j += THREADS * CUDA_PIECE)
			store_piece(dz + j, zero, cols - j, wide);
		return;
	}
	at_target = z[target[i]];
	for (long j = threadIdx.x * CUDA_PIECE; j < cols; j += THREADS * CUDA_PIECE)
		add_piece(&r, z + j, cols - j, wide);
	r = join_all(r, highs, sums); /* from here on z may be overwritten */
	if (threadIdx.x == 0)
		loss[i] = logf(r.sum) + (r.high - at_target);
	if (dz)
		write_gradient(dz, z, cols, r, target[i], weight[i], cap, wide);
}

void cuda_xent(struct dev *d, float *loss, struct mat dlogits, struct mat logits,
               const int32_t *target, const float *weight, float cap)
{
	cudaStream_t stream = cuda_of(d)->stream;
	int wide = is_wide(logits) && (!dlogits.p || is_wide(dlogits));
	unsigned rows = (unsigned)logits.rows;

	if (!rows)
		return;
	if (dlogits.p && dlogits.type == DT_BF16)
		LAUNCH(xent_rows<bf16>, rows, THREADS, 0, stream, loss, (bf16 *)dlogits.p,
		       dlogits.ld, (const float *)logits.p, logits.ld, logits.cols, target, weight,
		       cap, wide);
	else
		LAUNCH(xent_rows<float>, rows, THREADS, 0, stream, loss, (float *)dlogits.p,
		       dlogits.ld, (const float *)logits.p, logits.ld, logits.cols, target, weight,
		       cap, wide);
}

static __global__ void cap_pieces(float *x, long ldx, long rows, long cols, float cap, int wide)
{
	long i, j;
	float v[CUDA_PIECE];

	if (!own_piece(rows, cols, &i, &j))
		return;
	x += i * ldx + j;
	load_piece(v, x, cols - j, wide);
	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] = cap * tanhf(v[k] / cap);
	store_piece(x, v, cols - j, wide);
}

void cuda_softcap(struct dev *d, struct mat x, float cap)
{
	if (x.rows && x.cols)
		LAUNCH(cap_pieces, blocks_of(x.rows * pieces_of(x.cols)), CUDA_BLOCK, 0,
		       cuda_of(d)->stream, (float *)x.p, x.ld, x.rows, x.cols, cap, is_wide(x));
}

/* The largest value so far, and its column; the column is -1 once a value was no number. */
struct best {
	float value;
	int column;
};

static __device__ struct best better(struct best a, struct best b)
{
	if (a.column < 0 || b.column < 0)
		return {0, -1};
	return a.value > b.value || (a.value == b.value && a.column < b.column) ? a : b;
}

static __global__ void __launch_bounds__(THREADS)
	argmax_rows(int32_t *id, const float *x, long ldx, long cols, int wide)
{
	SHARED(float, values, WARPS);
	SHARED(int, at, WARPS);
	long i = blockIdx.x;
	struct best b = {-INFINITY, 0x7fffffff};

	x += i * ldx;
	for (long j = threadIdx.x * CUDA_PIECE; j < cols; j += THREADS * CUDA_PIECE) {
		float v[CUDA_PIECE];

		load_piece(v, x + j, cols - j, wide);
		for (int k = 0; k < CUDA_PIECE; k++)
			if (j + k < cols)
				b = better(b, {v[k], isnan(v[k]) ? -1 : (int)(j + k)});
	}
	for (int d = 16; d; d /= 2) {
		struct best other = {__shfl_xor_sync(0xffffffffu, b.value, d),
		                     __shfl_xor_sync(0xffffffffu, b.column, d)};

		b = better(b, other);
	}
	if (threadIdx.x % 32 == 0) {
		values[threadIdx.x / 32] = b.value;
		at[threadIdx.x / 32] = b.column;
	}
	__syncthreads();
	if (threadIdx.x)
		return;
	for (int w = 1; w < WARPS; w++)
		b = better(b, {values[w], at[w]});
	id[i] = isfinite(b.value) ? b.column : -1;
}

void cuda_argmax(struct dev *d, int32_t *id, struct mat x)
{
	if (x.rows)
		LAUNCH(argmax_rows, (unsigned)x.rows, THREADS, 0, cuda_of(d)->stream, id,
		       (const float *)x.p, x.ld, x.cols, is_wide(x));
}
