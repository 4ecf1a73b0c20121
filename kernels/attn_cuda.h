/* SPDX-License-Identifier: MIT */
/* attn_cuda.h - what attention's kernels on a GPU share: products, the running softmax, who sees
 * whom.
 *
 * A warp owns 16 rows of a tile and multiplies pieces of 16 x 16: bf16 on tensor cores, f32 in
 * plain registers with the same words.  Which thread has which element of a piece is told by the
 * tensor cores' instruction, and f32 does alike: thread 4 r + c of a warp has of the rows r and
 * r + 8 the columns 2 c, 2 c + 1, 2 c + 8 and 2 c + 9.  So a row lies in four threads beside each
 * other, a softmax stays in registers, and probabilities are a product's left factor as they are.
 */
#ifndef SEAL_ATTN_CUDA_H
#define SEAL_ATTN_CUDA_H

#include "attn_tiles.h"

/* A thread's part of a piece; element i is at (piece_row(i), piece_column(i)). */
struct alignas(16) piece {
	float x[8];
};

static inline __device__ int own_row(void) { return threadIdx.x % 32 / 4; }
static inline __device__ int own_column(void) { return threadIdx.x % 4 * 2; }
/* Which of its two rows, r or r + 8. */
static inline __device__ int half_of(int i) { return i / 2 % 2; }
static inline __device__ int piece_row(int i) { return own_row() + 8 * half_of(i); }
static inline __device__ int piece_column(int i) { return own_column() + i % 2 + i / 4 * 8; }

static inline __device__ void clear(struct piece &c)
{
#pragma unroll
	for (int i = 0; i < 8; i++)
		c.x[i] = 0;
}

static inline __device__ void put_two(float *p, float a, float b)
{
	*(float2 *)p = make_float2(a, b);
}
static inline __device__ void put_two(bf16 *p, float a, float b)
{
	*(unsigned *)p = two_bf16(a, b);
}

/* Writes a piece to x, whose rows lie ld apart. */
template <typename T> static inline __device__ void give(T *x, const struct piece &c, int ld)
{
#pragma unroll
	for (int i = 0; i < 8; i += 2)
		put_two(x + piece_row(i) * ld + piece_column(i), c.x[i], c.x[i + 1]);
}

/* The instructions of tensor cores, which the simulator has under these names too.  ldmatrix loads
 * four 8 x 8 matrices of bf16 from shared memory: thread i of a warp says where row i % 8 of matrix
 * i / 8 begins, and gets of each the two elements that lie where a piece's do, or, transposed,
 * would; mma adds a [16 x 16] times b [16 x 8] to half a piece. */
#ifdef CUDASIM
#include <mma.h>
#else
#define LDMATRIX(name, how)                                                   \
	static inline __device__ void name(unsigned x[4], const bf16 *p)      \
	{                                                                     \
		asm volatile("ldmatrix.sync.aligned.m8n8.x4" how              \
		             ".shared.b16 {%0, %1, %2, %3}, [%4];"            \
		             : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) \
		             : "r"((unsigned)__cvta_generic_to_shared(p))     \
		             : "memory");                                     \
	}
LDMATRIX(ldmatrix, "")
LDMATRIX(ldmatrix_transposed, ".trans")

static inline __device__ void mma(float c[4], const unsigned a[4], const unsigned b[2])
{
	asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
	    "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
	    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

/* 2^x within two units of the last place; 0 where the result is denormal. */
static inline __device__ float power_of_2(float x)
{
#ifdef CUDASIM
	return exp2f(x);
#else
	float y;

	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
#endif
}

/* The left factor of a product, [16 x 16] row-major in shared memory at p, or a piece: then room is
 * shared memory of the warp's own, as much as left_room says.  In f32 it stays in shared memory. */
struct left_f32 {
	const float *p;
	int ld;
};
struct left_bf16 {
	unsigned x[4];
};
template <typename T> struct left_of {
	typedef struct left_bf16 type;
	enum { room = 0 };
};
template <> struct left_of<float> {
	typedef struct left_f32 type;
	enum { ld = ATTN_EDGE + 4, room = ATTN_EDGE * ld };
};

static inline __device__ void take(struct left_f32 &a, const float *p, int ld) { a = {p, ld}; }
static inline __device__ void take(struct left_bf16 &a, const bf16 *p, int ld)
{
	ldmatrix(a.x, p + threadIdx.x % 16 * ld + threadIdx.x % 32 / 16 * 8);
}

static inline __device__ void take(struct left_f32 &a, const struct piece &c, float *room)
{
	__syncwarp();
	give(room, c, left_of<float>::ld);
	__syncwarp();
	a = {room, left_of<float>::ld};
}

static inline __device__ void take(struct left_bf16 &a, const struct piece &c, bf16 *)
{
#pragma unroll
	for (int i = 0; i < 4; i++)
		a.x[i] = two_bf16(c.x[2 * i], c.x[2 * i + 1]);
}

/* c += a b, b [16 x 16] row-major at p */
static inline __device__ void multiply(struct piece &c, const struct left_f32 &a, const float *p,
                                       int ld)
{
	const float *x = a.p + own_row() * a.ld;

	for (int k = 0; k < ATTN_EDGE; k += 4) {
		pack<float, 4> rows[2] = {*(const pack<float, 4> *)(x + k),
		                          *(const pack<float, 4> *)(x + 8 * a.ld + k)};

		for (int e = 0; e < 4; e++) {
			const float *y = p + (k + e) * ld + own_column();
			pack<float, 2> columns[2] = {*(const pack<float, 2> *)y,
			                             *(const pack<float, 2> *)(y + 8)};

			for (int i = 0; i < 8; i++)
				c.x[i] += rows[half_of(i)].x[e] * columns[i / 4].x[i % 2];
		}
	}
}

static inline __device__ void multiply(struct piece &c, const struct left_bf16 &a, const bf16 *p,
                                       int ld)
{
	unsigned b[4];

	ldmatrix_transposed(b, p + threadIdx.x % 16 * ld + threadIdx.x % 32 / 16 * 8);
	mma(c.x, a.x, b);
	mma(c.x + 4, a.x, b + 2);
}

/* c += a b', b [16 x 16] row-major at p */
static inline __device__ void multiply_t(struct piece &c, const struct left_f32 &a, const float *p,
                                         int ld)
{
	const float *x = a.p + own_row() * a.ld;

	for (int k = 0; k < ATTN_EDGE; k += 4) {
		pack<float, 4> rows[2] = {*(const pack<float, 4> *)(x + k),
		                          *(const pack<float, 4> *)(x + 8 * a.ld + k)};

		for (int j = 0; j < 4; j++) { /* which of its four columns */
			int i = j / 2 * 4 + j % 2;
			pack<float, 4> y = *(const pack<float, 4> *)(p + piece_column(i) * ld + k);

			for (int e = 0; e < 4; e++) {
				c.x[i] += rows[0].x[e] * y.x[e];
				c.x[i + 2] += rows[1].x[e] * y.x[e];
			}
		}
	}
}

static inline __device__ void multiply_t(struct piece &c, const struct left_bf16 &a, const bf16 *p,
                                         int ld)
{
	int row = threadIdx.x % 8 + threadIdx.x % 32 / 16 * 8, column = threadIdx.x % 16 / 8 * 8;
	unsigned b[4];

	ldmatrix(b, p + row * ld + column);
	mma(c.x, a.x, b);
	mma(c.x + 4, a.x, b + 2);
}

/* c [16 x STEP] = a b', a [16 x wide] and b [STEP x wide] in shared memory */
template <typename T, int ND, int STEP>
static inline __device__ void scores(struct piece *c, const T *a, const T *b)
{
	enum { LD = tile<T, ND>::ld, PIECES = STEP / ATTN_EDGE };
	typename left_of<T>::type x;

#pragma unroll
	for (int n = 0; n < PIECES; n++)
		clear(c[n]);
#pragma unroll 2
	for (int d = 0; d < ND; d++) {
		take(x, a + ATTN_EDGE * d, LD);
#pragma unroll
		for (int n = 0; n < PIECES; n++)
			multiply_t(c[n], x, b + ATTN_EDGE * n * LD + ATTN_EDGE * d, LD);
	}
}

/* c [16 x wide] += a b, a [16 x STEP] in pieces, which become of type T, b [STEP x wide] in shared
 * memory */
template <typename T, int ND, int STEP>
static inline __device__ void add_product(struct piece *c, const struct piece *a, const T *b,
                                          T *room)
{
	enum { LD = tile<T, ND>::ld };
	typename left_of<T>::type x;

#pragma unroll
	for (int n = 0; n < STEP / ATTN_EDGE; n++) {
		take(x, a[n], room);
#pragma unroll
		for (int d = 0; d < ND; d++)
			multiply(c[d], x, b + ATTN_EDGE * n * LD + ATTN_EDGE * d, LD);
	}
}

/* Writes a warp's 16 rows, of which n exist, times scale[which of a thread's two rows], by way of
 * 16 rows of a tile that nobody else uses any longer. */
template <typename T, int ND>
static inline __device__ void put_all(T *y, const struct cuda_lanes &a, int first, int n, T *room,
                                      struct piece *c, const float scale[2],
                                      const struct cuda_heads &s)
{
	enum { LD = tile<T, ND>::ld, EACH = tile<T, ND>::wide / CUDA_PIECE };

	__syncwarp();
#pragma unroll
	for (int d = 0; d < ND; d++) {
#pragma unroll
		for (int i = 0; i < 8; i++)
			c[d].x[i] *= scale[half_of(i)];
		give(room + ATTN_EDGE * d, c[d], LD);
	}
	__syncwarp();
	for (int at = threadIdx.x % 32; at < ATTN_EDGE * EACH; at += 32) {
		int r = at / EACH, j = at % EACH * CUDA_PIECE;
		float v[CUDA_PIECE];

		if (r >= n || j >= s.dim)
			continue;
		load_piece(v, room + r * LD + j, CUDA_PIECE, 1);
		store_piece(y + offset(a, first + r) + j, v, s.dim - j, s.vectors);
	}
}

/* Products c become scores cap tanh(scale c / cap). */
static inline __device__ void cap_scores(struct piece &c, float scale, float cap)
{
#pragma unroll
	for (int i = 0; i < 8; i++)
		c.x[i] = cap * tanhf(c.x[i] * (scale / cap));
}

/* The columns that a thread's two rows see: from up to, but without, to. */
struct seen {
	int from[2], to[2];
};

/* The keys that a thread's two lanes see, of a warp whose first one is `mine`. */
static inline __device__ struct seen seen_keys(const struct cuda_task &t,
                                               const struct cuda_heads &z, int mine)
{
	struct seen w;

	for (int h = 0; h < 2; h++) {
		int query = min(mine + own_row() + 8 * h, t.lanes - 1) / z.group;

		w.from[h] = first_key(t, z, query);
		w.to[h] = last_key(t, query);
	}
	return w;
}

/* What a thread needs of its two lanes. */
struct own_lanes {
	float lse[2], sum[2];
	struct seen keys;
};

static inline __device__ struct own_lanes own_lanes_of(const float *lse, const float *sum,
                                                       const struct cuda_task &t,
                                                       const struct cuda_heads &z, int mine)
{
	struct cuda_lanes rows = lanes_of(t, z, z.heads, 1);
	struct own_lanes w = {{0, 0}, {0, 0}, seen_keys(t, z, mine)};

	for (int h = 0; h < 2; h++) {
		int lane = min(mine + own_row() + 8 * h, t.lanes - 1);

		w.lse[h] = lse[offset(rows, lane)] * LOG2E;
		w.sum[h] = sum[offset(rows, lane)];
	}
	return w;
}

/* The first lane that sees key j, and the lane after the last. */
static inline __device__ int first_lane(const struct cuda_task &t, const struct cuda_heads &z,
                                        int j)
{
	return max(0, j - t.keys + t.queries) * z.group;
}

static inline __device__ int last_lane(const struct cuda_task &t, const struct cuda_heads &z, int j)
{
	int query = j - t.keys + t.queries + z.window;

	return z.window ? min(max(0, query), t.queries) * z.group : t.lanes;
}

/* The lanes before `end` that see a thread's two keys, of a warp whose first one is `mine`. */
static inline __device__ struct seen seeing_lanes(const struct cuda_task &t,
                                                  const struct cuda_heads &z, int mine, int end)
{
	struct seen w;

	for (int h = 0; h < 2; h++) {
		int key = mine + own_row() + 8 * h;

		w.from[h] = first_lane(t, z, key);
		w.to[h] = min(last_lane(t, z, key), end);
	}
	return w;
}

/* Does every row of the warp see all columns from j up to, but without, end? */
static inline __device__ bool sees_all(const struct seen &w, int j, int end)
{
	return __all_sync(0xffffffffu,
	                  j >= max(w.from[0], w.from[1]) && end <= min(w.to[0], w.to[1]));
}

/* A piece that begins at column j keeps what its rows see, and is x elsewhere. */
static inline __device__ void mask(struct piece &c, const struct seen &w, int j, float x)
{
#pragma unroll
	for (int i = 0; i < 8; i++) {
		int at = j + piece_column(i);

		c.x[i] = at >= w.from[half_of(i)] && at < w.to[half_of(i)] ? c.x[i] : x;
	}
}

/* What a thread keeps of its two rows: the largest score, at first finite, since -INFINITY less
 * itself is no number; its own part of the sum; the keys. */
struct attn_running {
	float high[2], sum[2];
	struct seen keys;
};

/* Scores s of the keys j.. become probabilities, and o, the sum before, becomes as small. */
template <int ND, int STEP>
static inline __device__ void soften(struct piece *o, struct piece *s, struct attn_running &w,
                                     float scale, int j)
{
	enum { PIECES = STEP / ATTN_EDGE };
	bool all = sees_all(w.keys, j, j + STEP);
	float most[2] = {-INFINITY, -INFINITY}, top[2], shrink[2];

#pragma unroll
	for (int n = 0; n < PIECES; n++) {
		if (!all)
			mask(s[n], w.keys, j + ATTN_EDGE * n, -INFINITY);
#pragma unroll
		for (int i = 0; i < 8; i++)
			most[half_of(i)] = fmaxf(most[half_of(i)], s[n].x[i]);
	}
#pragma unroll
	for (int h = 0; h < 2; h++) {
		most[h] = fmaxf(most[h], __shfl_xor_sync(0xffffffffu, most[h], 1));
		most[h] = fmaxf(most[h], __shfl_xor_sync(0xffffffffu, most[h], 2));
		top[h] = fmaxf(w.high[h], scale * most[h]);
		shrink[h] = power_of_2(w.high[h] - top[h]);
		w.high[h] = top[h];
		w.sum[h] *= shrink[h];
	}
#pragma unroll
	for (int n = 0; n < PIECES; n++)
#pragma unroll
		for (int i = 0; i < 8; i++)
			w.sum[half_of(i)] += s[n].x[i] =
				power_of_2(scale * s[n].x[i] - top[half_of(i)]);
#pragma unroll
	for (int d = 0; d < ND; d++)
#pragma unroll
		for (int i = 0; i < 8; i++)
			o[d].x[i] *= shrink[half_of(i)];
}

/* Writes o and lse of a warp's rows, which are the lanes from `first` on, by way of room, 16 rows
 * of a tile. */
template <typename T, int ND>
static inline __device__ void finish(T *o, float *lse, struct piece *acc, struct attn_running w,
                                     T *room, const struct cuda_task &t, int first,
                                     const struct cuda_heads &z)
{
	int n = min(ATTN_EDGE, t.lanes - first);
	float by_sum[2];

#pragma unroll
	for (int h = 0; h < 2; h++) {
		int r = own_row() + 8 * h;

		w.sum[h] += __shfl_xor_sync(0xffffffffu, w.sum[h], 1);
		w.sum[h] += __shfl_xor_sync(0xffffffffu, w.sum[h], 2);
		by_sum[h] = w.sum[h] != 0 ? 1 / w.sum[h] : 0;
		if (lse && own_column() == 0 && r < n)
			lse[offset(lanes_of(t, z, z.heads, 1), first + r)] =
				(w.high[h] + log2f(w.sum[h])) / LOG2E;
	}
	put_all<T, ND>(o, lanes_of(t, z, z.o_ld, z.dim), first, n, room, acc, by_sum, z);
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

/* A block for each row and key head, and tile: of `lanes` lanes (none has more queries than keys),
 * or of `keys` keys. */
static inline dim3 grid_of_lanes(const struct cuda_heads &z, struct spans spans, struct mat q,
                                 int lanes)
{
	long most = spans.longest < q.rows ? spans.longest : q.rows;

	return dim3(z.rows * (z.heads / z.group) * ((most * z.group + lanes - 1) / lanes));
}

static inline dim3 grid_of_keys(const struct cuda_heads &z, struct spans spans, int keys)
{
	return dim3(z.rows * (z.heads / z.group) * ((spans.longest + keys - 1) / keys));
}

/* Lets a kernel have more shared memory than the 48 KB that it gets unasked. */
static inline void shared_memory(const void *kernel, size_t bytes)
{
	if (bytes > 48 * 1024)
		CUDA_OK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
		                             bytes));
}

#endif
