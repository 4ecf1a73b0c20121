/* SPDX-License-Identifier: MIT */
/* mem.cu - device memory, and the operations that only move, convert, scale or add rows.
 *
 * Uploads go through two pinned buffers (stages), so that the caller's memory is free again
 * when put returns and nothing waits for the device: small ones fill a stage in turn, of large
 * ones (the weights, read from a mapped file) the next 16 MB are read while the last 16
 * are on the bus.  A stage is used again when its event says that its copies are done.
 *
 * The kernels do nothing but read and write, once each.  For 4096 rows of 4096 columns and
 * gather and scatter from bf16 to f32, bias in bf16, and for 256 rows scatter_add in f32:
 *
 *                 bytes                                     A6000     H100
 *   copy, gather  4096 * 4096 * (2 + 4)       = 100.7 MB   0.131 ms  0.030 ms
 *   scatter       the same
 *   bias          4096 * 4096 * (2 + 2)       =  67.1 MB   0.087 ms  0.020 ms
 *   bias_back     4096 * 4096 * 2 + 2 * 2.1 MB =  37.7 MB  0.049 ms  0.011 ms
 *   scatter_add   256 * 4096 * (4 + 4 + 4)    =  12.6 MB   0.016 ms  0.004 ms
 *
 * with at most one addition an element: 17 MFLOP, under 1 us on either.
 */
#include "cuda.h"

#include <stdlib.h>
#include <string.h>

size_t cuda_spare(struct dev *d)
{
	size_t spare, all;

	cuda_of(d); /* its card is the current one then */
	CUDA_OK(cudaMemGetInfo(&spare, &all));
	return spare / 16 * 15; /* the card keeps books of its own */
}

void *cuda_alloc(struct dev *d, size_t bytes)
{
	void *p;
	cudaError_t e;
	size_t spare, all;

	cuda_of(d);
	e = cudaMalloc(&p, bytes ? bytes : 1);
	if (e == cudaErrorMemoryAllocation) {
		cudaGetLastError();
		CUDA_OK(cudaMemGetInfo(&spare, &all));
		die("%s: out of memory: %zu bytes wanted, %zu of %zu free", d->name, bytes, spare,
		    all);
	}
	CUDA_OK(e);
	return p;
}

/* Kernels that still use it end first. */
void cuda_free(struct dev *d, void *p)
{
	if (!p)
		return;
	CUDA_OK(cudaStreamSynchronize(cuda_of(d)->stream));
	CUDA_OK(cudaFree(p));
}

/* Pinned memory for the next `bytes`, at most stage_bytes. */
static char *stage(struct cuda *c, size_t bytes)
{
	char *p;

	if (c->stage_at + bytes > c->stage_bytes) {
		CUDA_OK(cudaEventRecord(c->staged[c->turn], c->stream));
		c->turn = !c->turn;
		CUDA_OK(cudaEventSynchronize(c->staged[c->turn]));
		c->stage_at = 0;
	}
	p = c->stage[c->turn] + c->stage_at;
	c->stage_at += (bytes + 63) / 64 * 64;
	return p;
}

void cuda_put(struct dev *d, void *dst, const void *host, size_t bytes)
{
	struct cuda *c = cuda_of(d);

	for (size_t at = 0; at < bytes;) {
		size_t n = bytes - at < c->stage_bytes ? bytes - at : c->stage_bytes;
		char *p = stage(c, n);

		memory_copy(p, (const char *)host + at, n);
		CUDA_OK(cudaMemcpyAsync((char *)dst + at, p, n, cudaMemcpyHostToDevice, c->stream));
		at += n;
	}
}

void cuda_get(struct dev *d, void *host, const void *src, size_t bytes)
{
	struct cuda *c = cuda_of(d);

	if (bytes)
		CUDA_OK(cudaMemcpyAsync(host, src, bytes, cudaMemcpyDeviceToHost, c->stream));
	CUDA_OK(cudaStreamSynchronize(c->stream));
}

void cuda_zero(struct dev *d, struct mat x)
{
	size_t size = dtype_size(x.type);

	if (x.ld == x.cols || x.rows == 1)
		x = mat_of(x.p, x.type, 1, x.rows * x.cols);
	if (x.rows == 1 && x.cols)
		CUDA_OK(cudaMemsetAsync(x.p, 0, x.cols * size, cuda_of(d)->stream));
	else if (x.rows && x.cols)
		CUDA_OK(cudaMemset2DAsync(x.p, x.ld * size, 0, x.cols * size, x.rows,
		                          cuda_of(d)->stream));
}

/* y[to[i]] = scale x[from[i]]; where to or from is NULL: i */
template <class Y, class X>
static __global__ void move_rows(Y *y, long ldy, const int32_t *to, const X *x, long ldx,
                                 const int32_t *from, float scale, long rows, long cols, int wide)
{
	long i, j;
	float v[CUDA_PIECE];

	if (!own_piece(rows, cols, &i, &j))
		return;
	load_piece(v, x + (from ? from[i] : i) * ldx + j, cols - j, wide);
	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] *= scale;
	store_piece(y + (to ? to[i] : i) * ldy + j, v, cols - j, wide);
}

template <class Y, class X>
static void move_as(struct dev *d, struct mat y, const int32_t *to, struct mat x,
                    const int32_t *from, float scale, long rows)
{
	LAUNCH((move_rows<Y, X>), blocks_of(rows * pieces_of(x.cols)), CUDA_BLOCK, 0,
	       cuda_of(d)->stream, (Y *)y.p, y.ld, to, (const X *)x.p, x.ld, from, scale, rows,
	       x.cols, is_wide(y) && is_wide(x));
}

static void move(struct dev *d, struct mat y, const int32_t *to, struct mat x, const int32_t *from,
                 float scale, long rows)
{
	if (!rows || !x.cols)
		return;
	if (y.type == DT_F32 && x.type == DT_F32)
		move_as<float, float>(d, y, to, x, from, scale, rows);
	else if (y.type == DT_F32)
		move_as<float, bf16>(d, y, to, x, from, scale, rows);
	else if (x.type == DT_F32)
		move_as<bf16, float>(d, y, to, x, from, scale, rows);
	else
		move_as<bf16, bf16>(d, y, to, x, from, scale, rows);
}

static int is_one_piece(struct mat m) { return m.rows == 1 || m.ld == m.cols; }

/* Bytes stay bytes where the type does: a product with 1 would change those that are no numbers. */
void cuda_copy(struct dev *d, struct mat y, struct mat x)
{
	if (y.type == x.type && is_one_piece(y) && is_one_piece(x))
		CUDA_OK(cudaMemcpyAsync(y.p, x.p, y.rows * y.cols * dtype_size(y.type),
		                        cudaMemcpyDeviceToDevice, cuda_of(d)->stream));
	else
		move(d, y, NULL, x, NULL, 1, y.rows);
}

void cuda_gather(struct dev *d, struct mat y, struct mat x, const int32_t *id, float scale)
{
	if (x.type == DT_F32 || x.type == DT_BF16)
		move(d, y, NULL, x, id, scale, y.rows);
	else
		cuda_decode(d, y, x, id, scale);
}

void cuda_scatter(struct dev *d, struct mat y, struct mat x, const int32_t *id)
{
	move(d, y, id, x, NULL, 1, x.rows);
}

/* y[to[i]] += scale times the sum of group i's rows of x, one after another, so that the order is
 * fixed */
template <class Y, class X>
static __global__ void add_groups(Y *y, long ldy, const X *x, long ldx, const int32_t *to,
                                  const int32_t *start, const int32_t *place, float scale, long n,
                                  long cols, int wide)
{
	long i, j;
	float sum[CUDA_PIECE], v[CUDA_PIECE];

	if (!own_piece(n, cols, &i, &j))
		return;
	y += to[i] * ldy + j;
	load_piece(sum, y, cols - j, wide);
	for (int k = start[i]; k < start[i + 1]; k++) {
		load_piece(v, x + place[k] * ldx + j, cols - j, wide);
		for (int e = 0; e < CUDA_PIECE; e++)
			sum[e] += scale * v[e];
	}
	store_piece(y, sum, cols - j, wide);
}

template <class Y, class X>
static void add_as(struct dev *d, struct mat y, struct mat x, struct groups g, float scale)
{
	LAUNCH((add_groups<Y, X>), blocks_of(g.n * pieces_of(x.cols)), CUDA_BLOCK, 0,
	       cuda_of(d)->stream, (Y *)y.p, y.ld, (const X *)x.p, x.ld, g.to, g.start, g.place,
	       scale, g.n, x.cols, is_wide(y) && is_wide(x));
}

void cuda_scatter_add(struct dev *d, struct mat y, struct mat x, struct groups g, float scale)
{
	if (!g.n || !x.cols)
		return;
	if (y.type == DT_F32 && x.type == DT_F32)
		add_as<float, float>(d, y, x, g, scale);
	else if (y.type == DT_F32)
		add_as<float, bf16>(d, y, x, g, scale);
	else if (x.type == DT_F32)
		add_as<bf16, float>(d, y, x, g, scale);
	else
		add_as<bf16, bf16>(d, y, x, g, scale);
}

template <class Y>
static __global__ void add_bias(Y *y, long ldy, const float *b, float scale, long rows, long cols,
                                int wide)
{
	long i, j;
	float v[CUDA_PIECE], w[CUDA_PIECE];

	if (!own_piece(rows, cols, &i, &j))
		return;
	y += i * ldy + j;
	load_piece(v, y, cols - j, wide);
	load_piece(w, b + j, cols - j, wide);
	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] += scale * w[k];
	store_piece(y, v, cols - j, wide);
}

void cuda_bias(struct dev *d, struct mat y, struct mat b, float scale)
{
	cudaStream_t stream = cuda_of(d)->stream;
	unsigned blocks = blocks_of(y.rows * pieces_of(y.cols));
	int wide = is_wide(y) && (uintptr_t)b.p % 16 == 0;

	if (!y.rows || !y.cols)
		return;
	if (y.type == DT_F32)
		LAUNCH(add_bias<float>, blocks, CUDA_BLOCK, 0, stream, (float *)y.p, y.ld,
		       (const float *)b.p, scale, y.rows, y.cols, wide);
	else
		LAUNCH(add_bias<bf16>, blocks, CUDA_BLOCK, 0, stream, (bf16 *)y.p, y.ld,
		       (const float *)b.p, scale, y.rows, y.cols, wide);
}

/* part[s] = the sum of strip s's rows of x; grid: pieces by strips */
template <class X>
static __global__ void sum_strips(float *part, const X *x, long ldx, long rows, long cols,
                                  long strip, int wide)
{
	long j = ((long)blockIdx.x * blockDim.x + threadIdx.x) * CUDA_PIECE, s = blockIdx.y;
	long end = (s + 1) * strip < rows ? (s + 1) * strip : rows;
	float sum[CUDA_PIECE] = {0}, v[CUDA_PIECE];

	if (j >= cols)
		return;
	for (long i = s * strip; i < end; i++) {
		load_piece(v, x + i * ldx + j, cols - j, wide);
		for (int k = 0; k < CUDA_PIECE; k++)
			sum[k] += v[k];
	}
	store_piece(part + s * cols + j, sum, cols - j, 0);
}

static __global__ void add_parts(float *sum, const float *part, long strips, long cols, float scale)
{
	long j = (long)blockIdx.x * blockDim.x + threadIdx.x;
	float s = 0;

	if (j >= cols)
		return;
	for (long i = 0; i < strips; i++)
		s += part[i * cols + j];
	sum[j] += scale * s;
}

void cuda_add_parts(struct dev *d, float *sum, const float *part, long strips, long cols,
                    float scale)
{
	LAUNCH(add_parts, blocks_of(cols), CUDA_BLOCK, 0, cuda_of(d)->stream, sum, part, strips,
	       cols, scale);
}

void cuda_bias_back(struct dev *d, struct mat db, struct mat dy, float scale)
{
	cudaStream_t stream = cuda_of(d)->stream;
	long strips = strips_of(dy.rows), strip = strip_of(dy.rows);
	dim3 grid(blocks_of(pieces_of(dy.cols)), (unsigned)strips);
	float *part;

	if (!dy.rows || !dy.cols)
		return;
	part = (float *)cuda_work(d, strips * dy.cols * sizeof *part);
	if (dy.type == DT_F32)
		LAUNCH(sum_strips<float>, grid, CUDA_BLOCK, 0, stream, part, (const float *)dy.p,
		       dy.ld, dy.rows, dy.cols, strip, is_wide(dy));
	else
		LAUNCH(sum_strips<bf16>, grid, CUDA_BLOCK, 0, stream, part, (const bf16 *)dy.p,
		       dy.ld, dy.rows, dy.cols, strip, is_wide(dy));
	cuda_add_parts(d, (float *)db.p, part, strips, dy.cols, scale);
}
