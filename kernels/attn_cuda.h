/* SPDX-License-Identifier: MIT */
/* attn_cuda.h - the products that attention forwards and backwards share on a GPU.
 *
 * A warp owns 16 rows of a tile and multiplies 16 x 16 pieces: bf16 on tensor cores through
 * WMMA, f32 in plain registers with the same words.  Where a WMMA accumulator keeps an element
 * is not told, so what differs from row to row (or column to column) is spread to a 16 x 16
 * piece of F32 in shared memory and loaded as an accumulator; equal pieces agree element by
 * element.
 */
#ifndef SEAL_ATTN_CUDA_H
#define SEAL_ATTN_CUDA_H

#include <mma.h>

#include "attn_tiles.h"

namespace wmma = nvcuda::wmma;

/* An accumulator of a 16 x 16 piece.  In f32, thread t of a warp has 4 columns from 4 (t % 4) on of
 * the rows 2 (t / 4) and the next. */
struct alignas(16) acc_f32 {
	float x[8];
	enum { num_elements = 8 };
};
typedef wmma::fragment<wmma::accumulator, ATTN_EDGE, ATTN_EDGE, ATTN_EDGE, float> acc_bf16;

template <typename T> struct acc_of {
	typedef acc_bf16 type;
};
template <> struct acc_of<float> {
	typedef acc_f32 type;
};

static inline __device__ int own_row(void) { return threadIdx.x % 32 / 4 * 2; }
static inline __device__ int own_column(void) { return threadIdx.x % 4 * 4; }

static inline __device__ void clear(acc_f32 &c)
{
	for (int i = 0; i < 8; i++)
		c.x[i] = 0;
}

static inline __device__ void clear(acc_bf16 &c) { wmma::fill_fragment(c, 0.0f); }

/* take loads a piece whose rows lie ld apart, give stores it. */
static inline __device__ void take(acc_f32 &c, const float *p, int ld)
{
	p += own_row() * ld + own_column();
	for (int i = 0; i < 2; i++)
		*(pack<float, 4> *)(c.x + 4 * i) = *(const pack<float, 4> *)(p + i * ld);
}

static inline __device__ void take(acc_bf16 &c, const float *p, int ld)
{
	wmma::load_matrix_sync(c, p, ld, wmma::mem_row_major);
}

static inline __device__ void give(float *p, const acc_f32 &c, int ld)
{
	p += own_row() * ld + own_column();
	for (int i = 0; i < 2; i++)
		*(pack<float, 4> *)(p + i * ld) = *(const pack<float, 4> *)(c.x + 4 * i);
}

static inline __device__ void give(float *p, const acc_bf16 &c, int ld)
{
	wmma::store_matrix_sync(p, c, ld, wmma::mem_row_major);
}

/* The left factor of a product, [16 x 16] row-major at p; in f32 it stays where it is. */
struct left_f32 {
	const float *p;
	int ld;
};
typedef wmma::fragment<wmma::matrix_a, ATTN_EDGE, ATTN_EDGE, ATTN_EDGE, bf16, wmma::row_major>
	left_bf16;

template <typename T> struct left_of {
	typedef left_bf16 type;
};
template <> struct left_of<float> {
	typedef left_f32 type;
};

/* load_shared is wmma::load_matrix_sync of a factor that lies in shared memory.  The compiler (nvcc
 * 13.0) finds that out by itself for half, not for bf16, and then loads 4 bytes at a time and
 * transposes in registers; so it is told.  (The simulator has the word alone.) */
#ifdef CUDASIM
#define LOAD_SHARED(use, letter, layout)                                             \
	static inline __device__ void                                                \
	load_shared(wmma::fragment<wmma::use, ATTN_EDGE, ATTN_EDGE, ATTN_EDGE, bf16, \
	                           wmma::layout##_major> &f,                         \
	            const bf16 *p, int ld)                                           \
	{                                                                            \
		wmma::load_matrix_sync(f, p, ld);                                    \
	}
#else
#define LOAD_SHARED(use, letter, layout)                                             \
	static inline __device__ void                                                \
	load_shared(wmma::fragment<wmma::use, ATTN_EDGE, ATTN_EDGE, ATTN_EDGE, bf16, \
	                           wmma::layout##_major> &f,                         \
	            const bf16 *p, int ld)                                           \
	{                                                                            \
		unsigned *x = (unsigned *)f.x;                                       \
                                                                                     \
		static_assert(sizeof f == 16, "four registers");                     \
		asm volatile("wmma.load." letter ".sync.aligned." #layout            \
		             ".m16n16k16.shared.bf16 {%0, %1, %2, %3}, [%4], %5;"    \
		             : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])        \
		             : "r"((unsigned)__cvta_generic_to_shared(p)), "r"(ld)   \
		             : "memory");                                            \
	}
#endif
LOAD_SHARED(matrix_a, "a", row)
LOAD_SHARED(matrix_b, "b", row)
LOAD_SHARED(matrix_b, "b", col)

static inline __device__ void take(left_f32 &a, const float *p, int ld) { a = {p, ld}; }
static inline __device__ void take(left_bf16 &a, const bf16 *p, int ld) { load_shared(a, p, ld); }

/* c += a b, b [16 x 16] row-major at p */
static inline __device__ void multiply(acc_f32 &c, const left_f32 &a, const float *p, int ld)
{
	const float *x = a.p + own_row() * a.ld;

	for (int k = 0; k < ATTN_EDGE; k += 4) {
		pack<float, 4> x0 = *(const pack<float, 4> *)(x + k);
		pack<float, 4> x1 = *(const pack<float, 4> *)(x + a.ld + k);

		for (int e = 0; e < 4; e++) {
			pack<float, 4> y =
				*(const pack<float, 4> *)(p + (k + e) * ld + own_column());

			for (int j = 0; j < 4; j++) {
				c.x[j] += x0.x[e] * y.x[j];
				c.x[4 + j] += x1.x[e] * y.x[j];
			}
		}
	}
}

static inline __device__ void multiply(acc_bf16 &c, const left_bf16 &a, const bf16 *p, int ld)
{
	wmma::fragment<wmma::matrix_b, ATTN_EDGE, ATTN_EDGE, ATTN_EDGE, bf16, wmma::row_major> b;

	load_shared(b, p, ld);
	wmma::mma_sync(c, a, b, c);
}

/* c += a b', b [16 x 16] row-major at p */
static inline __device__ void multiply_t(acc_f32 &c, const left_f32 &a, const float *p, int ld)
{
	const float *x = a.p + own_row() * a.ld;

	p += own_column() * ld;
	for (int k = 0; k < ATTN_EDGE; k += 4) {
		pack<float, 4> x0 = *(const pack<float, 4> *)(x + k);
		pack<float, 4> x1 = *(const pack<float, 4> *)(x + a.ld + k);

		for (int j = 0; j < 4; j++) {
			pack<float, 4> y = *(const pack<float, 4> *)(p + j * ld + k);

			for (int e = 0; e < 4; e++) {
				c.x[j] += x0.x[e] * y.x[e];
				c.x[4 + j] += x1.x[e] * y.x[e];
			}
		}
	}
}

static inline __device__ void multiply_t(acc_bf16 &c, const left_bf16 &a, const bf16 *p, int ld)
{
	wmma::fragment<wmma::matrix_b, ATTN_EDGE, ATTN_EDGE, ATTN_EDGE, bf16, wmma::col_major> b;

	load_shared(b, p, ld);
	wmma::mma_sync(c, a, b, c);
}

/* c [16 x STEP] = a b', a [16 x wide] and b [STEP x wide] in shared memory */
template <typename T, int ND, int STEP>
static inline __device__ void scores(typename acc_of<T>::type *c, const T *a, const T *b)
{
	enum { LD = tile<T, ND>::ld, PIECES = STEP / ATTN_EDGE };
	typename left_of<T>::type x;

#pragma unroll
	for (int n = 0; n < PIECES; n++)
		clear(c[n]);
#pragma unroll 4
	for (int d = 0; d < ND; d++) {
		take(x, a + ATTN_EDGE * d, LD);
#pragma unroll
		for (int n = 0; n < PIECES; n++)
			multiply_t(c[n], x, b + ATTN_EDGE * n * LD + ATTN_EDGE * d, LD);
	}
}

/* c [16 x wide] += a b, a [16 x STEP] in the scores' place, b [STEP x wide] */
template <typename T, int ND, int STEP>
static inline __device__ void add_product(typename acc_of<T>::type *c, const T *a, const T *b)
{
	enum { LD = tile<T, ND>::ld };
	typename left_of<T>::type x;

#pragma unroll
	for (int n = 0; n < STEP / ATTN_EDGE; n++) {
		take(x, a + ATTN_EDGE * n, tile<T, ND>::p_ld);
#pragma unroll
		for (int d = 0; d < ND; d++)
			multiply(c[d], x, b + ATTN_EDGE * n * LD + ATTN_EDGE * d, LD);
	}
}

/* Writes the accumulators of a warp's 16 rows times scale, through x [16 x ATTN_SCORE_LD]. */
template <typename T, int ND>
static inline __device__ void put_all(T *y, const struct cuda_lanes &a, int first, int n, float *x,
                                      typename acc_of<T>::type *c, float scale,
                                      const struct cuda_heads &s)
{
#pragma unroll
	for (int d = 0; d < ND; d++) {
		for (int i = 0; i < (int)acc_of<T>::type::num_elements; i++)
			c[d].x[i] *= scale;
		__syncwarp();
		give(x, c[d], ATTN_SCORE_LD);
		__syncwarp();
		put(y, a, first, n, ATTN_EDGE * d, x, s);
	}
}

/* Writes a thread's half of a row of type T over the row's F32 in x [16 x ATTN_SCORE_LD]: of each
 * 8 of the STEP columns the 4 from `half` on. */
template <typename T, int STEP>
static inline __device__ void put_half_row(float *x, int row, int half, const float *y)
{
	T *to = (T *)(x + row * ATTN_SCORE_LD) + half;

#pragma unroll
	for (int i = 0; i < STEP / 8; i++) {
		pack<T, 4> some;

#pragma unroll
		for (int e = 0; e < 4; e++)
			store(&some.x[e], y[4 * i + e]);
		*(pack<T, 4> *)(to + 8 * i) = some;
	}
}

/* c *= f, element by element */
template <typename A> static inline __device__ void scale_by(A &c, const A &f)
{
#pragma unroll
	for (int i = 0; i < (int)A::num_elements; i++)
		c.x[i] *= f.x[i];
}

/* Products c become scores cap tanh(scale c / cap). */
template <typename A> static inline __device__ void cap_scores(A &c, float scale, float cap)
{
#pragma unroll
	for (int i = 0; i < (int)A::num_elements; i++)
		c.x[i] = cap * tanhf(c.x[i] * (scale / cap));
}

/* A piece whose row r holds the x of threads 2 r and 2 r + 1, through room [16 x ATTN_SCORE_LD]. */
template <typename A> static inline __device__ void spread(A &c, float *room, float x)
{
	float *p = room + threadIdx.x % 32 / 2 * ATTN_SCORE_LD + threadIdx.x % 2 * 8;

	__syncwarp();
	for (int j = 0; j < 8; j++)
		p[j] = x;
	__syncwarp();
	take(c, room, ATTN_SCORE_LD);
	__syncwarp();
}

/* The host's part. */
static inline struct cuda_heads cuda_heads_of(struct spans spans, struct heads h)
{
	struct cuda_heads z = {};

	if (h.dim > 256)
		die("attention heads of %d columns: at most 256 on a GPU", h.dim);
	z.rows = spans.n;
	z.heads = h.q;
	z.group = h.q / h.kv;
	z.inverse = (1UL << 32) / z.group + 1;
	z.dim = h.dim;
	z.window = h.window;
	z.q_stride = h.q_stride;
	z.kv_stride = h.kv_stride;
	z.scale = h.scale;
	z.cap = h.cap;
	return z;
}

/* Whether all heads' rows can be read 16 bytes at a time. */
static inline int in_vectors(struct mat m, long stride, long dim)
{
	size_t size = dtype_size(m.type);

	return is_wide(m) && stride * size % 16 == 0 && dim * size % 16 == 0;
}

/* How many blocks of `lanes` lanes are enough for any row: none has more queries than keys. */
static inline int tiles_of(struct spans spans, struct mat q, int group, int lanes)
{
	long most = spans.longest < q.rows ? spans.longest : q.rows;

	return (most * group + lanes - 1) / lanes;
}

/* Lets a kernel have more shared memory than the 48 KB that it gets unasked. */
static inline void shared_memory(const void *kernel, size_t bytes)
{
	if (bytes > 48 * 1024)
		CUDA_OK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
		                             bytes));
}

#endif
