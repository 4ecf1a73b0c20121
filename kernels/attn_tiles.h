/* SPDX-License-Identifier: MIT */
/* attn_tiles.h - attention on a GPU: which rows are a block's, and their way to shared memory.
 *
 * The query heads of one key head are stacked: lane r of a row of tokens is its query
 * r / group under the group's head r % group.  So keys and values are read once for all of
 * them, generation with one query a row fills group lanes, and dk and dv are sums over the
 * lanes of one block.  (A lane is a row of a tile here; a warp's 32 are threads.)
 *
 * A head's dim is rounded up to 32, 64, 80, 96, 128 or 256 and filled with zeros.  Rows in shared
 * memory are 16 bytes longer than that, so that 16 bytes of each of eight rows lie in different
 * banks.  At 256 a block takes up to 72 KB of shared memory, of the 99 that sm_86 gives it.
 */
#ifndef SEAL_ATTN_TILES_H
#define SEAL_ATTN_TILES_H

#include "cuda.h"

enum { ATTN_EDGE = 16 }; /* of a piece; rows of a warp */

#define LOG2E 1.44269504f

/* N values that are loaded at once. */
template <typename T, int N> struct alignas(N * sizeof(T)) pack {
	T x[N];
};

/* Three blocks of 128 threads get 168 registers a thread, which is faster wherever it can be had
 * without a spill: on an H100 by a tenth to a quarter. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define ATTN_BLOCKS 3
#else
#define ATTN_BLOCKS 1
#endif

/* The tile for heads of up to ATTN_EDGE * ND columns: `step` keys (or lanes) pass at a time; warps
 * a block, such that shared memory stays below 99 KB, the most that sm_86 gives a block. */
template <typename T, int ND> struct tile {
	enum {
		F = sizeof(T) == 4,
		wide = ATTN_EDGE * ND,
		ld = wide + 16 / sizeof(T),
		step = ND == 16 ? 16 : 32,
		back_step = ND == 16 || (ND == 8 && !F) ? 16 : 32,
		warps = F && ND == 16 ? 2 : 4,
		back_warps = ND == 16       ? (F ? 1 : 2)
		             : F && ND == 8 ? 2
		                            : 4,
		/* Blocks that a multiprocessor must have registers for */
		blocks = F || ND > 8 ? 1 : ATTN_BLOCKS,
		dq_blocks = F || ND > 8 ? 1 : ATTN_BLOCKS,
		keys_blocks = F || ND > 4 ? 1 : ATTN_BLOCKS,
	};
};

/* The numbers of a call.  Pitches of the matrices are in elements. */
struct cuda_heads {
	int rows; /* of tokens */
	int heads, group, dim, window, vectors;
	unsigned inverse; /* 2^32 / group, rounded up: see offset */
	long q_stride, kv_stride;
	long q_ld, k_ld, v_ld, o_ld, dout_ld, dq_ld, dk_ld, dv_ld;
	float scale, cap;
};

/* What products (capped scores, where there is a cap) are multiplied by to be scores in units of
 * log 2. */
static inline __device__ float unit_of(const struct cuda_heads &s)
{
	return (s.cap > 0 ? 1 : s.scale) * LOG2E;
}

/* The work on one row of tokens under one key head: where its queries and keys start, how many they
 * are, and how many lanes the queries make. */
struct cuda_task {
	int q, queries, k, keys, head, lanes;
	int tile; /* the block's */
};

/* A block's.  Where `spread`, all rows and key heads have their first tiles, which have most to do,
 * before any has its second: so all multiprocessors have as much to do.  Else the tiles of a row
 * and head follow each other, and find its keys in the second cache, which may be small. */
static inline __device__ struct cuda_task cuda_task_of(const int32_t *q, const int32_t *k,
                                                       const int32_t *len,
                                                       const struct cuda_heads &s, bool spread)
{
	int heads = s.heads / s.group, all = s.rows * heads, tiles = gridDim.x / all;
	int tile = spread ? blockIdx.x / all : blockIdx.x % tiles,
	    which = spread ? blockIdx.x % all : blockIdx.x / tiles, row = which / heads;
	struct cuda_task t = {q[row], q[row + 1] - q[row], k[row], len[row], which % heads, 0,
	                      tile};

	t.lanes = t.queries * s.group;
	return t;
}

/* The first lane of a block whose tiles have `lanes`, negative where its row has no such tile.  The
 * row's last tile, which sees most keys, is the first. */
static inline __device__ int first_of_tile(const struct cuda_task &t, int lanes)
{
	return ((t.lanes + lanes - 1) / lanes - 1 - t.tile) * lanes;
}

/* Query i of a row sees the keys from first_key up to, but without, last_key. */
static inline __device__ int last_key(const struct cuda_task &t, int i)
{
	return max(0, i + 1 + t.keys - t.queries);
}

static inline __device__ int first_key(const struct cuda_task &t, const struct cuda_heads &s, int i)
{
	return s.window ? max(0, last_key(t, i) - s.window) : 0;
}

/* Where the rows of a tile lie in a matrix: its first token and head, how many heads are stacked (1
 * for keys), and how far rows and heads lie apart. */
struct cuda_lanes {
	int token, head, group;
	unsigned inverse;
	int ld, stride;
};

static inline __device__ struct cuda_lanes lanes_of(const struct cuda_task &t,
                                                    const struct cuda_heads &s, long ld,
                                                    long stride)
{
	return {t.q, t.head * s.group, s.group, s.inverse, (int)ld, (int)stride};
}

static inline __device__ struct cuda_lanes keys_of(const struct cuda_task &t,
                                                   const struct cuda_heads &s, long ld)
{
	return {t.k, t.head, 1, 0, (int)ld, (int)s.kv_stride};
}

/* Where row r begins, in elements.  r / group is a product, which a row of less than 2^32 / group
 * lanes allows: a division takes as long as the rest of this. */
static inline __device__ long offset(const struct cuda_lanes &a, int r)
{
	int i = a.group == 1 ? r : (int)__umulhi(r, a.inverse);

	return (long)(a.token + i) * a.ld + (long)(a.head + r - i * a.group) * a.stride;
}

/* Rows of a matrix on their way into a tile in shared memory: chunks of 16 bytes, N a thread of
 * THREADS, from chunk `at` on of those that the tile has.  depart loads them, land stores them: a
 * block waits once for all that is loaded in between, not once for each. */
template <typename T, int ND, int N, int THREADS> struct flight {
	enum { EACH = 16 / sizeof(T), CHUNKS = tile<T, ND>::wide / EACH, LD = tile<T, ND>::ld };
	pack<T, EACH> x[N];
};

/* Of x's rows from row `first` on, n; what is not read 16 bytes at a time is left for land. */
template <typename T, int ND, int N, int THREADS>
static inline __device__ void depart(struct flight<T, ND, N, THREADS> &f, const T *x,
                                     const struct cuda_lanes &a, int first, int n, int at,
                                     const struct cuda_heads &s)
{
	typedef struct flight<T, ND, N, THREADS> F;

#pragma unroll
	for (int i = 0; i < N; i++) {
		int c = at + i * THREADS + threadIdx.x, r = c / F::CHUNKS,
		    j = c % F::CHUNKS * F::EACH;

		if (r < n && s.vectors && j < s.dim) {
			f.x[i] = *(const pack<T, F::EACH> *)(x + offset(a, first + r) + j);
			continue;
		}
#pragma unroll
		for (int e = 0; e < F::EACH; e++)
			store(&f.x[i].x[e], 0);
	}
}

/* y [rows x ld] = those n rows, then rows of zeros; columns from dim on are 0. */
template <typename T, int ND, int N, int THREADS>
static inline __device__ void land(T *y, const struct flight<T, ND, N, THREADS> &f, const T *x,
                                   const struct cuda_lanes &a, int first, int n, int rows, int at,
                                   const struct cuda_heads &s)
{
	typedef struct flight<T, ND, N, THREADS> F;

#pragma unroll
	for (int i = 0; i < N; i++) {
		int c = at + i * THREADS + threadIdx.x, r = c / F::CHUNKS,
		    j = c % F::CHUNKS * F::EACH;
		T *to = y + r * F::LD + j;

		if (r >= rows)
			break;
		*(pack<T, F::EACH> *)to = f.x[i];
		if (!s.vectors && r < n)
			for (int e = 0; e < F::EACH && j + e < s.dim; e++)
				to[e] = x[offset(a, first + r) + j + e];
	}
}

/* Both at once, some chunks at a time: for tiles that a block fills once. */
template <typename T, int ND, int THREADS>
static inline __device__ void fetch(T *y, const T *x, const struct cuda_lanes &a, int first, int n,
                                    int rows, const struct cuda_heads &s)
{
	enum { N = 4 };
	struct flight<T, ND, N, THREADS> f;

	for (int at = 0; at < rows * f.CHUNKS; at += N * THREADS) {
		depart(f, x, a, first, n, at, s);
		land(y, f, x, a, first, n, rows, at, s);
	}
}

/* The two tiles of ROWS rows that a block meets in turn.  Where they take few registers, the next
 * ones are loaded while the block computes with these, so that nobody waits for memory. */
template <typename T, int ND, int ROWS, int THREADS> struct pair {
	enum {
		N = (ROWS * tile<T, ND>::wide * (int)sizeof(T) / 16 + THREADS - 1) / THREADS,
		AHEAD = N <= 4,
	};
	struct flight<T, ND, AHEAD ? N : 1, THREADS> a, b;
};

template <typename T, int ND, int ROWS, int THREADS>
static inline __device__ void depart(struct pair<T, ND, ROWS, THREADS> &p, const T *xa,
                                     const struct cuda_lanes &la, const T *xb,
                                     const struct cuda_lanes &lb, int first, int n,
                                     const struct cuda_heads &s)
{
	if constexpr (pair<T, ND, ROWS, THREADS>::AHEAD) {
		depart(p.a, xa, la, first, n, 0, s);
		depart(p.b, xb, lb, first, n, 0, s);
	}
}

template <typename T, int ND, int ROWS, int THREADS>
static inline __device__ void land(T *ya, T *yb, const struct pair<T, ND, ROWS, THREADS> &p,
                                   const T *xa, const struct cuda_lanes &la, const T *xb,
                                   const struct cuda_lanes &lb, int first, int n,
                                   const struct cuda_heads &s)
{
	if constexpr (pair<T, ND, ROWS, THREADS>::AHEAD) {
		land(ya, p.a, xa, la, first, n, ROWS, 0, s);
		land(yb, p.b, xb, lb, first, n, ROWS, 0, s);
	} else {
		fetch<T, ND, THREADS>(ya, xa, la, first, n, ROWS, s);
		fetch<T, ND, THREADS>(yb, xb, lb, first, n, ROWS, s);
	}
}

/* Thread r loads lse of a block's lane r, thread STEP + r its sum; both are 0 beyond the n-th. */
template <int STEP>
static inline __device__ float depart_sums(const float *lse, const float *sum,
                                           const struct cuda_lanes &a, int first, int n)
{
	int r = threadIdx.x % STEP, which = threadIdx.x / STEP;

	if (r >= n || which > 1)
		return 0;
	return which ? sum[offset(a, first + r)] : lse[offset(a, first + r)] * LOG2E;
}

template <int STEP> static inline __device__ void land_sums(float *lse, float *sum, float x)
{
	int r = threadIdx.x % STEP, which = threadIdx.x / STEP;

	if (which <= 1)
		(which ? sum : lse)[r] = x;
}

#endif
