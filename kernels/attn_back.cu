/* SPDX-License-Identifier: MIT */
/* attn_back.cu - the gradient of attention; with D = rowsum(do o),
 *
 *     p = exp(scale q k' - lse),  dv = p' do,  dp = do v',  ds = p (dp - D)
 *     dq = scale ds k,  dk = scale ds' q
 *
 * Three kernels, none of which adds to memory that another block adds to, so that sums are in
 * a fixed order: D; dq, a block a tile of lanes, over their keys; dk and dv, a block a tile of
 * keys, over the lanes that see them (all query heads of its group, since these are stacked).
 * The scores are computed twice, which costs 2 of 7 products and saves atomics or a
 * second pass over partial sums.  p and ds are rounded to bf16 before they are multiplied.
 * Heads wider than 128, and f32, get dv and dk from two launches, for the sake of registers: 8
 * products.  Where scores are capped, s = cap tanh(scale q k' / cap), p = exp(s - lse) and ds is
 * also multiplied by 1 - (s / cap)^2.
 *
 * Cost, T tokens in rows of L, H heads of D, G lanes a key head: bytes in bf16 2 T H D (2 for D;
 * 2 + 2 / G read, 1 written for dq; 2 + 2 / G read, 2 / G written for dk and dv);
 * operations 7 T L H D.  Pythia-2.8B (H 32, D 80, G 1), 32 rows of 512: 1.26 GB and 150 Gop, so
 *     A6000  1.64 ms for the bytes (0.97 ms for the operations in bf16; 3.9 ms in f32)
 *     H100   0.38 ms for the bytes (0.15 ms; 2.2 ms)
 * As forwards, shared memory (128 bytes a clock and multiprocessor) bounds the operations on an
 * H100: 16 lanes and 32 keys take 40 fragments of 512 bytes for dq, 50 for dk and dv, which is two
 * fifths of its peak.
 */
#include "attn_cuda.h"
#include "attn_cudnn.h"
#include "attn_hopper.h"

enum { TEAM = 8 }; /* threads a dot product of D */

/* sum[token, head] = do o', by TEAM threads each */
template <typename T>
__global__ void attn_dot_kernel(float *sum, const T *dout, const T *o, long n, struct cuda_heads z)
{
	long id = (blockIdx.x * (long)blockDim.x + threadIdx.x) / TEAM, at = id < n ? id : n - 1;
	long token = at / z.heads, column = at % z.heads * z.dim;
	float x = 0, a[CUDA_PIECE], b[CUDA_PIECE];

	for (int j = threadIdx.x % TEAM * CUDA_PIECE; j < z.dim; j += TEAM * CUDA_PIECE) {
		load_piece(a, dout + token * z.dout_ld + column + j, z.dim - j, z.vectors);
		load_piece(b, o + token * z.o_ld + column + j, z.dim - j, z.vectors);
		for (int e = 0; e < CUDA_PIECE; e++)
			x += a[e] * b[e];
	}
	for (int d = TEAM / 2; d; d /= 2)
		x += __shfl_xor_sync(0xffffffffu, x, d);
	if (id < n && threadIdx.x % TEAM == 0)
		sum[id] = x;
}

/* p = 2^(scale s / log 2 - lse) in place of s, ds = p (dp - sum) in place of dp, where scores are
 * capped times the slope of the cap; lse and sum of element i of the piece. */
static inline __device__ void soften_back(float &s, float &dp, float lse, float sum,
                                          const struct cuda_heads &z)
{
	if (z.cap > 0) {
		float t = tanhf(s * (z.scale / z.cap));

		s = power_of_2(t * (z.cap * LOG2E) - lse);
		dp = s * (dp - sum) * (1 - t * t);
		return;
	}
	s = power_of_2(s * (z.scale * LOG2E) - lse);
	dp = s * (dp - sum);
}

/* A step of keys from key j on, which are in k and v, passes a warp's rows q and dout. */
template <typename T, int ND>
static inline __device__ void pass_keys_back(struct piece *dq, const struct own_lanes &w,
                                             const T *q, const T *dout, const T *k, const T *v,
                                             T *room, int j, const struct cuda_heads &z)
{
	enum { STEP = tile<T, ND>::back_step };
	struct piece s[STEP / ATTN_EDGE], dp[STEP / ATTN_EDGE];
	bool all = sees_all(w.keys, j, j + STEP);

	scores<T, ND, STEP>(s, q, k);
	scores<T, ND, STEP>(dp, dout, v);
#pragma unroll
	for (int n = 0; n < STEP / ATTN_EDGE; n++) {
#pragma unroll
		for (int i = 0; i < 8; i++)
			soften_back(s[n].x[i], dp[n].x[i], w.lse[half_of(i)], w.sum[half_of(i)], z);
		if (!all)
			mask(dp[n], w.keys, j + ATTN_EDGE * n, 0);
	}
	add_product<T, ND, STEP>(dq, dp, k, room);
}

template <typename T, int ND>
__global__ void __launch_bounds__(32 * tile<T, ND>::back_warps, tile<T, ND>::dq_blocks)
	attn_dq_kernel(T *dq, const T *dout, const T *q, const T *k, const T *v, const float *lse,
                       const float *sum, const int32_t *first_query, const int32_t *first_row,
                       const int32_t *length, struct cuda_heads z)
{
	typedef tile<T, ND> size;
	enum {
		LANES = ATTN_EDGE * size::back_warps,
		THREADS = 32 * size::back_warps,
		LD = size::ld,
		STEP = size::back_step,
	};
	SHARED_DYNAMIC(T, qs);
	T *gs = qs + LANES * LD, *ks = gs + LANES * LD, *vs = ks + STEP * LD;
	struct cuda_task t = cuda_task_of(first_query, first_row, length, z, false);
	int warp = threadIdx.x / 32, first = first_of_tile(t, LANES);
	int mine = first + warp * ATTN_EDGE, past = min(first + LANES, t.lanes);
	int last = (min(mine + ATTN_EDGE, past) - 1) / z.group; /* its last lane's query */
	int from = first_key(t, z, mine / z.group), to = mine < past ? last_key(t, last) : 0;
	T *own = qs + warp * ATTN_EDGE * LD, *room = vs + STEP * LD + warp * left_of<T>::room;
	struct piece acc[ND];
	float scale[2] = {z.scale, z.scale};
	struct own_lanes w;
	int j = first_key(t, z, first / z.group), end = last_key(t, (past - 1) / z.group);
	struct cuda_lanes of_k = keys_of(t, z, z.k_ld), of_v = keys_of(t, z, z.v_ld);
	struct pair<T, ND, STEP, THREADS> next;

	if (first < 0)
		return;
	depart(next, k, of_k, v, of_v, j, end - j, z);
	w = own_lanes_of(lse, sum, t, z, mine);
	for (int c = 0; c < ND; c++)
		clear(acc[c]);
	fetch<T, ND, THREADS>(qs, q, lanes_of(t, z, z.q_ld, z.q_stride), first, past - first, LANES,
	                      z);
	fetch<T, ND, THREADS>(gs, dout, lanes_of(t, z, z.dout_ld, z.dim), first, past - first,
	                      LANES, z);
	for (; j < end; j += STEP) {
		__syncthreads();
		land(ks, vs, next, k, of_k, v, of_v, j, end - j, z);
		__syncthreads();
		depart(next, k, of_k, v, of_v, j + STEP, end - j - STEP, z);
		if (j < to && j + STEP > from)
			pass_keys_back<T, ND>(acc, w, own, gs + warp * ATTN_EDGE * LD, ks, vs, room,
			                      j, z);
	}
	__syncthreads(); /* where no key is seen, a tile may still be on its way */
	put_all<T, ND>(dq, lanes_of(t, z, z.dq_ld, z.q_stride), mine, past - mine, own, acc, scale,
	               z);
}

enum { KEYS_DV = 1, KEYS_DK = 2 };

/* What the keys kernel needs of a block's lanes: q and dout [STEP x ld], lse and sum [STEP]. */
template <typename T> struct lanes {
	T *q, *dout;
	float *lse, *sum;
};

/* A warp's keys k and values v meet a block of lanes, from lane j on; by: the lanes that see
 * them. */
template <typename T, int ND, int WHAT>
static inline __device__ void meet_lanes(struct piece *dk, struct piece *dv, const T *k, const T *v,
                                         const struct lanes<T> &b, T *room, int j,
                                         const struct seen &by, const struct cuda_heads &z)
{
	enum { STEP = tile<T, ND>::back_step, PIECES = STEP / ATTN_EDGE };
	bool all = sees_all(by, j, j + STEP);
	struct piece p[PIECES], ds[PIECES];

	scores<T, ND, STEP>(p, k, b.q);
	if (WHAT & KEYS_DK)
		scores<T, ND, STEP>(ds, v, b.dout);
#pragma unroll
	for (int n = 0; n < PIECES; n++) {
#pragma unroll
		for (int i = 0; i < 8; i++) {
			int lane = ATTN_EDGE * n + piece_column(i);

			if (!(WHAT & KEYS_DK))
				ds[n].x[i] = 0;
			soften_back(p[n].x[i], ds[n].x[i], b.lse[lane], b.sum[lane], z);
		}
		if (!all && (WHAT & KEYS_DV))
			mask(p[n], by, j + ATTN_EDGE * n, 0);
		if (!all && (WHAT & KEYS_DK))
			mask(ds[n], by, j + ATTN_EDGE * n, 0);
	}
	if (WHAT & KEYS_DV)
		add_product<T, ND, STEP>(dv, p, b.dout, room);
	if (WHAT & KEYS_DK)
		add_product<T, ND, STEP>(dk, ds, b.q, room);
}

template <typename T, int ND, int WHAT>
__global__ void __launch_bounds__(32 * tile<T, ND>::back_warps, tile<T, ND>::keys_blocks)
	attn_keys_kernel(T *dk, T *dv, const T *dout, const T *q, const T *k, const T *v,
                         const float *lse, const float *sum, const int32_t *first_query,
                         const int32_t *first_row, const int32_t *length, struct cuda_heads z)
{
	typedef tile<T, ND> size;
	enum {
		KEYS = ATTN_EDGE * size::back_warps,
		THREADS = 32 * size::back_warps,
		LD = size::ld,
		STEP = size::back_step,
	};
	static_assert(THREADS >= 2 * STEP, "a thread for each lse and sum");
	SHARED_DYNAMIC(T, ks);
	T *vs = ks + KEYS * LD, *qs = vs + KEYS * LD, *gs = qs + STEP * LD;
	float *sums = (float *)(gs + STEP * LD);
	struct lanes<T> block = {
		qs, gs, sums, sums + STEP
	};
	struct cuda_task t = cuda_task_of(first_query, first_row, length, z, false);
	int warp = threadIdx.x / 32, first = t.tile * KEYS;
	int mine = first + warp * ATTN_EDGE, past = min(first + KEYS, t.keys),
	    mine_past = min(mine + ATTN_EDGE, past);
	int from = first_lane(t, z, mine), to = mine < past ? last_lane(t, z, mine_past - 1) : 0;
	T *room = (T *)(sums + 2 * STEP) + warp * left_of<T>::room;
	T *own_k = ks + warp * ATTN_EDGE * LD, *own_v = vs + warp * ATTN_EDGE * LD;
	int j = first_lane(t, z, first), end = last_lane(t, z, past - 1);
	struct cuda_lanes of_q = lanes_of(t, z, z.q_ld, z.q_stride),
			  of_dout = lanes_of(t, z, z.dout_ld, z.dim),
			  of_sums = lanes_of(t, z, z.heads, 1);
	struct pair<T, ND, STEP, THREADS> next;
	struct piece acc_k[ND], acc_v[ND];
	float next_sum, one[2] = {1, 1}, scale[2] = {z.scale, z.scale};
	struct seen by = seeing_lanes(t, z, mine, end);

	if (first >= t.keys)
		return;
	depart(next, q, of_q, dout, of_dout, j, end - j, z);
	next_sum = depart_sums<STEP>(lse, sum, of_sums, j, end - j);
	for (int c = 0; c < ND; c++) {
		clear(acc_k[c]);
		clear(acc_v[c]);
	}
	fetch<T, ND, THREADS>(ks, k, keys_of(t, z, z.k_ld), first, past - first, KEYS, z);
	fetch<T, ND, THREADS>(vs, v, keys_of(t, z, z.v_ld), first, past - first, KEYS, z);
	for (; j < end; j += STEP) {
		__syncthreads();
		land(qs, gs, next, q, of_q, dout, of_dout, j, end - j, z);
		land_sums<STEP>(block.lse, block.sum, next_sum);
		__syncthreads();
		depart(next, q, of_q, dout, of_dout, j + STEP, end - j - STEP, z);
		next_sum = depart_sums<STEP>(lse, sum, of_sums, j + STEP, end - j - STEP);
		if (j < to && j + STEP > from)
			meet_lanes<T, ND, WHAT>(acc_k, acc_v, own_k, own_v, block, room, j, by, z);
	}
	__syncthreads(); /* where no lane sees a key, a tile may still be on its way */
	if (WHAT & KEYS_DK)
		put_all<T, ND>(dk, keys_of(t, z, z.dk_ld), mine, past - mine, own_k, acc_k, scale,
		               z);
	if (WHAT & KEYS_DV)
		put_all<T, ND>(dv, keys_of(t, z, z.dv_ld), mine, past - mine, own_v, acc_v, one, z);
}

template <typename T, int ND, int WHAT>
static void launch_keys(struct dev *d, const struct gradients &g, const struct cuda_heads &z)
{
	typedef tile<T, ND> size;
	int keys = ATTN_EDGE * size::back_warps, threads = 32 * size::back_warps;
	size_t bytes =
		(2 * (keys + size::back_step) * size::ld + size::back_warps * left_of<T>::room) *
			sizeof(T) +
		2 * size::back_step * sizeof(float);
	dim3 grid = grid_of_keys(z, g.spans, keys);

	shared_memory((const void *)attn_keys_kernel<T, ND, WHAT>, bytes);
	LAUNCH((attn_keys_kernel<T, ND, WHAT>), grid, threads, bytes, cuda_of(d)->stream,
	       (T *)g.dk.p, (T *)g.dv.p, (const T *)g.dout.p, (const T *)g.q.p, (const T *)g.k.p,
	       (const T *)g.v.p, g.lse, (const float *)g.sum, g.spans.q, g.spans.k, g.spans.len, z);
}

template <typename T, int ND>
static void back(struct dev *d, const struct gradients &g, const struct cuda_heads &z)
{
	typedef tile<T, ND> size;
	int lanes = ATTN_EDGE * size::back_warps, threads = 32 * size::back_warps;
	size_t bytes =
		(2 * (lanes + size::back_step) * size::ld + size::back_warps * left_of<T>::room) *
		sizeof(T);
	dim3 grid = grid_of_lanes(z, g.spans, g.q, lanes);

	shared_memory((const void *)attn_dq_kernel<T, ND>, bytes);
	LAUNCH((attn_dq_kernel<T, ND>), grid, threads, bytes, cuda_of(d)->stream, (T *)g.dq.p,
	       (const T *)g.dout.p, (const T *)g.q.p, (const T *)g.k.p, (const T *)g.v.p, g.lse,
	       (const float *)g.sum, g.spans.q, g.spans.k, g.spans.len, z);
	if constexpr (ND <= 8 && sizeof(T) == 2) {
		launch_keys<T, ND, KEYS_DK | KEYS_DV>(d, g, z);
	} else {
		launch_keys<T, ND, KEYS_DV>(d, g, z);
		launch_keys<T, ND, KEYS_DK>(d, g, z);
	}
}

template <typename T>
static void back_any(struct dev *d, const struct gradients &g, const struct cuda_heads &z)
{
	long n = g.o.rows * z.heads;

	LAUNCH(attn_dot_kernel<T>, blocks_of(n * TEAM), CUDA_BLOCK, 0, cuda_of(d)->stream, g.sum,
	       (const T *)g.dout.p, (const T *)g.o.p, n, z);
	if (hopper_can(d, g.q, z))
		hopper_back(d, g, z);
	else if (z.dim <= 32)
		back<T, 2>(d, g, z);
	else if (z.dim <= 64)
		back<T, 4>(d, g, z);
	else if (z.dim <= 80)
		back<T, 5>(d, g, z);
	else if (z.dim <= 96)
		back<T, 6>(d, g, z);
	else if (z.dim <= 128)
		back<T, 8>(d, g, z);
	else
		back<T, 16>(d, g, z);
}

void cuda_attn_back(struct dev *d, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                    struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                    struct spans spans, struct heads h)
{
	struct gradients g = {dq, dk, dv, dout, o, q, k, v, lse, NULL, spans};
	struct cuda_heads heads = cuda_heads_of(spans, h), *z = &heads;
	struct mat m[] = {q, k, v, o, dout, dq, dk, dv};

	if (!spans.n || !o.rows)
		return;
	z->q_ld = q.ld;
	z->k_ld = k.ld;
	z->v_ld = v.ld;
	z->o_ld = o.ld;
	z->dout_ld = dout.ld;
	z->dq_ld = dq.ld;
	z->dk_ld = dk.ld;
	z->dv_ld = dv.ld;
	z->vectors = in_vectors(q, h.q_stride, h.dim) && in_vectors(k, h.kv_stride, h.dim) &&
	             in_vectors(v, h.kv_stride, h.dim) && in_vectors(o, h.dim, h.dim) &&
	             in_vectors(dout, h.dim, h.dim) && in_vectors(dq, h.q_stride, h.dim) &&
	             in_vectors(dk, h.kv_stride, h.dim) && in_vectors(dv, h.kv_stride, h.dim);
	if (!hopper_can(d, q, heads) && cudnn_attn(d, m, (float *)lse, spans, h, 1))
		return;
	g.sum = (float *)cuda_work(d, o.rows * h.q * sizeof(float));
	if (q.type == DT_F32)
		back_any<float>(d, g, heads);
	else
		back_any<bf16>(d, g, heads);
}
