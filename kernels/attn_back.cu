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
 * As forwards, shared memory (128 bytes a clock and processor) bounds the operations on an
 * H100 to a quarter of its peak.
 */
#include "attn_cuda.h"

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

/* x [16 x STEP] F32 becomes type T in the same place; row r keeps columns from .. to - 1, the
 * rest (which may be anything) is 0. */
template <typename T, int STEP> static inline __device__ void narrow(float *x, int from, int to)
{
	int row = threadIdx.x % 32 / 2, half = threadIdx.x % 2 * 4;
	float y[STEP / 2];

#pragma unroll
	for (int i = 0; i < STEP / 8; i++) {
		pack<float, 4> some =
			*(const pack<float, 4> *)(x + row * ATTN_SCORE_LD + 8 * i + half);

#pragma unroll
		for (int e = 0; e < 4; e++) {
			int j = 8 * i + half + e;

			y[4 * i + e] = j >= from && j < to ? some.x[e] : 0;
		}
	}
	__syncwarp();
	put_half_row<T, STEP>(x, row, half, y);
	__syncwarp();
}

/* acc += x b, x [16 x step] in accumulators and masked, b [step x wide]; room for x. */
template <typename T, int ND>
static inline __device__ void add_masked(typename acc_of<T>::type *acc,
                                         const typename acc_of<T>::type *x, const T *b, float *room,
                                         int from, int to)
{
	typedef tile<T, ND> size;

	__syncwarp();
#pragma unroll
	for (int n = 0; n < size::back_step / ATTN_EDGE; n++)
		give(room + ATTN_EDGE * n, x[n], ATTN_SCORE_LD);
	__syncwarp();
	narrow<T, size::back_step>(room, from, to);
	add_product<T, ND, size::back_step>(acc, (const T *)room, b);
}

/* p = 2^(scale s / log 2 - lse) in place of s; ds = p (dp - sum) in place of dp, where scores are
 * capped times the slope of the cap. */
template <typename A>
static inline __device__ void soften_back(A &s, A &dp, const A &lse, const A &sum,
                                          const struct cuda_heads &z)
{
	if (z.cap > 0) {
#pragma unroll
		for (int i = 0; i < (int)A::num_elements; i++) {
			float t = tanhf(s.x[i] * (z.scale / z.cap));

			s.x[i] = exp2f(t * (z.cap * LOG2E) - lse.x[i]);
			dp.x[i] = s.x[i] * (dp.x[i] - sum.x[i]) * (1 - t * t);
		}
		return;
	}
#pragma unroll
	for (int i = 0; i < (int)A::num_elements; i++) {
		s.x[i] = exp2f(s.x[i] * (z.scale * LOG2E) - lse.x[i]);
		dp.x[i] = s.x[i] * (dp.x[i] - sum.x[i]);
	}
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
	struct cuda_task t = cuda_task_of(first_query, first_row, length, blockIdx.x / z.tiles, z);
	int warp = threadIdx.x / 32, first = (z.tiles - 1 - blockIdx.x % z.tiles) * LANES;
	int mine = first + warp * ATTN_EDGE, past = min(first + LANES, t.lanes);
	int lane = min(mine + (int)threadIdx.x % 32 / 2, t.lanes - 1), query = lane / z.group;
	int lo = first_key(t, z, query), hi = last_key(t, query);
	int from = first_key(t, z, mine / z.group);
	int to = mine < past ? last_key(t, (min(mine + ATTN_EDGE, past) - 1) / z.group) : 0;
	float *room = (float *)(vs + STEP * LD) + warp * ATTN_EDGE * ATTN_SCORE_LD;
	typename acc_of<T>::type acc[ND], s[size::back_step / ATTN_EDGE],
		dp[size::back_step / ATTN_EDGE], l, d;
	struct cuda_lanes rows = lanes_of(t, z, z.heads, 1);
	int j = first_key(t, z, first / z.group), end = last_key(t, (past - 1) / z.group);
	struct cuda_lanes of_k = keys_of(t, z, z.k_ld), of_v = keys_of(t, z, z.v_ld);
	struct pair<T, ND, STEP, THREADS> next;

	if (first >= t.lanes)
		return;
	depart(next, k, of_k, v, of_v, j, end - j, z);
	spread(l, room, lse[offset(rows, lane)] * LOG2E);
	spread(d, room, sum[offset(rows, lane)]);
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
		if (j >= to || j + STEP <= from)
			continue;
		scores<T, ND, size::back_step>(s, qs + warp * ATTN_EDGE * LD, ks);
		scores<T, ND, size::back_step>(dp, gs + warp * ATTN_EDGE * LD, vs);
		for (int n = 0; n < size::back_step / ATTN_EDGE; n++)
			soften_back(s[n], dp[n], l, d, z);
		add_masked<T, ND>(acc, dp, ks, room, lo - j, hi - j);
	}
	put_all<T, ND>(dq, lanes_of(t, z, z.dq_ld, z.q_stride), mine, past - mine, room, acc,
	               z.scale, z);
}

enum { KEYS_DV = 1, KEYS_DK = 2 };

/* What the keys kernel needs of a block's lanes: q and dout, and lse and sum as pieces whose 16
 * rows are equal. */
template <typename T> struct lanes {
	T *q, *dout;
	float *lse, *sum;
};

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

	if (which > 1)
		return;
	for (int i = 0; i < ATTN_EDGE; i++)
		(which ? sum : lse)[i * ATTN_SCORE_LD + r] = x;
}

/* A warp's keys k and values v meet a block of lanes; its key r is seen by the lanes of these from
 * `from` up to, but without, `to`. */
template <typename T, int ND, int WHAT>
static inline __device__ void meet_lanes(typename acc_of<T>::type *dk, typename acc_of<T>::type *dv,
                                         const T *k, const T *v, const struct lanes<T> &b,
                                         float *room, int from, int to, const struct cuda_heads &z)
{
	typedef tile<T, ND> size;
	typename acc_of<T>::type p[size::back_step / ATTN_EDGE], ds[size::back_step / ATTN_EDGE],
		lse, sum;

	scores<T, ND, size::back_step>(p, k, b.q);
	if (WHAT & KEYS_DK)
		scores<T, ND, size::back_step>(ds, v, b.dout);
#pragma unroll
	for (int n = 0; n < size::back_step / ATTN_EDGE; n++) {
		take(lse, b.lse + ATTN_EDGE * n, ATTN_SCORE_LD);
		take(sum, b.sum + ATTN_EDGE * n, ATTN_SCORE_LD);
		if (!(WHAT & KEYS_DK))
			clear(ds[n]);
		soften_back(p[n], ds[n], lse, sum, z);
	}
	if (WHAT & KEYS_DV)
		add_masked<T, ND>(dv, p, b.dout, room, from, to);
	if (WHAT & KEYS_DK)
		add_masked<T, ND>(dk, ds, b.q, room, from, to);
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
	float *rooms = (float *)(gs + STEP * LD);
	struct lanes<T> block = {
		qs, gs, rooms, rooms + ATTN_EDGE *ATTN_SCORE_LD
	};
	struct cuda_task t = cuda_task_of(first_query, first_row, length, blockIdx.x / z.tiles, z);
	int warp = threadIdx.x / 32, first = blockIdx.x % z.tiles * KEYS;
	int mine = first + warp * ATTN_EDGE, past = min(first + KEYS, t.keys),
	    mine_past = min(mine + ATTN_EDGE, past);
	int key = mine + threadIdx.x % 32 / 2, lo = first_lane(t, z, key),
	    hi = last_lane(t, z, key);
	int from = first_lane(t, z, mine), to = mine < past ? last_lane(t, z, mine_past - 1) : 0;
	float *room = rooms + (2 + warp) * ATTN_EDGE * ATTN_SCORE_LD;
	int j = first_lane(t, z, first), end = last_lane(t, z, past - 1);
	struct cuda_lanes of_q = lanes_of(t, z, z.q_ld, z.q_stride),
			  of_dout = lanes_of(t, z, z.dout_ld, z.dim),
			  of_sums = lanes_of(t, z, z.heads, 1);
	struct pair<T, ND, STEP, THREADS> next;
	typename acc_of<T>::type acc_k[ND], acc_v[ND];
	float next_sum;

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
			meet_lanes<T, ND, WHAT>(acc_k, acc_v, ks + warp * ATTN_EDGE * LD,
			                        vs + warp * ATTN_EDGE * LD, block, room, lo - j,
			                        min(hi, end) - j, z);
	}
	if (WHAT & KEYS_DK)
		put_all<T, ND>(dk, keys_of(t, z, z.dk_ld), mine, past - mine, room, acc_k, z.scale,
		               z);
	if (WHAT & KEYS_DV)
		put_all<T, ND>(dv, keys_of(t, z, z.dv_ld), mine, past - mine, room, acc_v, 1, z);
}

/* What one call of attn_back is about. */
struct gradients {
	struct mat dq, dk, dv, dout, o, q, k, v;
	const float *lse;
	float *sum;
	struct spans spans;
	struct cuda_heads z;
};

template <typename T, int ND, int WHAT>
static void launch_keys(struct dev *d, const struct gradients &g)
{
	typedef tile<T, ND> size;
	int keys = ATTN_EDGE * size::back_warps, threads = 32 * size::back_warps;
	size_t bytes = 2 * (keys + size::back_step) * size::ld * sizeof(T) +
	               (keys + 2 * ATTN_EDGE) * ATTN_SCORE_LD * sizeof(float);
	struct cuda_heads z = g.z;
	dim3 grid;

	z.tiles = (g.spans.longest + keys - 1) / keys;
	grid = dim3(z.tiles * z.rows, z.heads / z.group);
	shared_memory((const void *)attn_keys_kernel<T, ND, WHAT>, bytes);
	LAUNCH((attn_keys_kernel<T, ND, WHAT>), grid, threads, bytes, cuda_of(d)->stream,
	       (T *)g.dk.p, (T *)g.dv.p, (const T *)g.dout.p, (const T *)g.q.p, (const T *)g.k.p,
	       (const T *)g.v.p, g.lse, (const float *)g.sum, g.spans.q, g.spans.k, g.spans.len, z);
}

template <typename T, int ND> static void back(struct dev *d, const struct gradients &g)
{
	typedef tile<T, ND> size;
	int lanes = ATTN_EDGE * size::back_warps, threads = 32 * size::back_warps;
	size_t bytes = 2 * (lanes + size::back_step) * size::ld * sizeof(T) +
	               lanes * ATTN_SCORE_LD * sizeof(float);
	struct cuda_heads z = g.z;
	dim3 grid;

	z.tiles = tiles_of(g.spans, g.q, z.group, lanes);
	grid = dim3(z.tiles * z.rows, z.heads / z.group);
	shared_memory((const void *)attn_dq_kernel<T, ND>, bytes);
	LAUNCH((attn_dq_kernel<T, ND>), grid, threads, bytes, cuda_of(d)->stream, (T *)g.dq.p,
	       (const T *)g.dout.p, (const T *)g.q.p, (const T *)g.k.p, (const T *)g.v.p, g.lse,
	       (const float *)g.sum, g.spans.q, g.spans.k, g.spans.len, z);
	if constexpr (ND <= 8 && sizeof(T) == 2) {
		launch_keys<T, ND, KEYS_DK | KEYS_DV>(d, g);
	} else {
		launch_keys<T, ND, KEYS_DV>(d, g);
		launch_keys<T, ND, KEYS_DK>(d, g);
	}
}

template <typename T> static void back_any(struct dev *d, const struct gradients &g)
{
	long n = g.o.rows * g.z.heads;

	LAUNCH(attn_dot_kernel<T>, blocks_of(n * TEAM), CUDA_BLOCK, 0, cuda_of(d)->stream, g.sum,
	       (const T *)g.dout.p, (const T *)g.o.p, n, g.z);
	if (g.z.dim <= 32)
		back<T, 2>(d, g);
	else if (g.z.dim <= 64)
		back<T, 4>(d, g);
	else if (g.z.dim <= 80)
		back<T, 5>(d, g);
	else if (g.z.dim <= 96)
		back<T, 6>(d, g);
	else if (g.z.dim <= 128)
		back<T, 8>(d, g);
	else
		back<T, 16>(d, g);
}

void cuda_attn_back(struct dev *d, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                    struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                    struct spans spans, struct heads h)
{
	struct gradients g = {dq, dk, dv,  dout, o,     q,
	                      k,  v,  lse, NULL, spans, cuda_heads_of(spans, h)};
	struct cuda_heads *z = &g.z;

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
	g.sum = (float *)cuda_work(d, o.rows * h.q * sizeof(float));
	if (q.type == DT_F32)
		back_any<float>(d, g);
	else
		back_any<bf16>(d, g);
}
