/* SPDX-License-Identifier: MIT */
/* attn.cu - attention with a running softmax (Milakov, Gimelshein 2018; Dao et al. 2022).
 *
 * Per lane the largest score m and the sum of exponentials l are kept as keys pass (scores
 * are in units of log 2):
 *
 *     s = scale q k' / log 2,  m' = max(m, max s),  c = 2^(m - m'),  p = 2^(s - m')
 *     l = c l + sum p,  o = c o + p v;  at the end o / l, lse = log 2 (m + log2 l)
 *
 * Where scores are capped, s = cap tanh(scale q k' / cap) / log 2.
 *
 * A block has 64 lanes of one row of tokens and key head (32 for f32 heads wider than 128).
 * p is rounded to bf16 before p v, l is not.
 *
 * Cost, T tokens in rows of L, H heads of D, G lanes a key head: bytes 2 T D (2 H + 2 H / G) in
 * bf16, keys and values being read again from cache by L / 128 blocks on average; operations
 * 2 T L H D.  Pythia-2.8B (H 32, D 80, G 1), 32 rows of 512: 336 MB and 43 Gop, so
 *     A6000  0.44 ms for the bytes (0.28 ms for the operations in bf16; 1.1 ms in f32)
 *     H100   0.10 ms for the bytes (0.04 ms; 0.64 ms)
 * What no floor shows: 16 lanes meet 32 keys with 27 fragments (512 bytes each) and 7 KB of scores
 * through shared memory, which gives 128 bytes a clock and processor: 164 clocks for 164 Kop, on
 * an A6000 as long as its tensor cores take, on an H100 (0.19 ms in all) four times as long.
 * Pieces on the diagonal add 48 / L to the operations.
 */
#include "attn_cuda.h"

/* What a warp keeps of its rows: threads 2 r and 2 r + 1 hold row r's; the columns it sees. */
struct attn_running {
	float high, sum;
	int from, to;
};

/* Scores s [16 x STEP] of the keys j.. become probabilities of type T in the same place;
 * factor [16 x 16]: what that was summed before must be multiplied with. */
template <typename T, int STEP, typename A>
static inline __device__ void soften(A &factor, float *s, struct attn_running &w, float scale,
                                     int j)
{
	int row = threadIdx.x % 32 / 2, half = threadIdx.x % 2 * 4;
	float x[STEP / 2], top = w.high, sum = 0, shrink;

#pragma unroll
	for (int i = 0; i < STEP / 8; i++) {
		pack<float, 4> y =
			*(const pack<float, 4> *)(s + row * ATTN_SCORE_LD + 8 * i + half);

#pragma unroll
		for (int e = 0; e < 4; e++) {
			int key = j + 8 * i + half + e;

			x[4 * i + e] = key >= w.from && key < w.to ? y.x[e] * scale : -INFINITY;
			top = fmaxf(top, x[4 * i + e]);
		}
	}
	top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
#pragma unroll
	for (int i = 0; i < STEP / 2; i++)
		sum += x[i] = exp2f(x[i] - top);
	sum += __shfl_xor_sync(0xffffffffu, sum, 1);
	shrink = exp2f(w.high - top);
	w.sum = w.sum * shrink + sum;
	w.high = top;
	spread(factor, s, shrink);
	put_half_row<T, STEP>(s, row, half, x);
	__syncwarp();
}

/* A step of keys from key j on, which are in k and v, passes a warp's rows q; s is its room. */
template <typename T, int ND>
static inline __device__ void pass_keys(typename acc_of<T>::type *o, struct attn_running &w,
                                        const T *q, const T *k, const T *v, float *s, int j,
                                        const struct cuda_heads &z)
{
	typedef tile<T, ND> size;
	typename acc_of<T>::type c[size::step / ATTN_EDGE], factor;

	scores<T, ND, size::step>(c, q, k);
	if (z.cap > 0)
		for (int n = 0; n < size::step / ATTN_EDGE; n++)
			cap_scores(c[n], z.scale, z.cap);
	__syncwarp();
#pragma unroll
	for (int n = 0; n < size::step / ATTN_EDGE; n++)
		give(s + ATTN_EDGE * n, c[n], ATTN_SCORE_LD);
	__syncwarp();
	soften<T, size::step>(factor, s, w, unit_of(z), j);
#pragma unroll
	for (int d = 0; d < ND; d++)
		scale_by(o[d], factor);
	add_product<T, ND, size::step>(o, (const T *)s, v);
}

/* Writes o and lse of a warp's rows, which are the lanes from `first` on. */
template <typename T, int ND>
static inline __device__ void finish(T *o, float *lse, typename acc_of<T>::type *acc,
                                     struct attn_running w, float *s, const struct cuda_task &t,
                                     int first, const struct cuda_heads &z)
{
	int r = threadIdx.x % 32 / 2, n = min(ATTN_EDGE, t.lanes - first);
	typename acc_of<T>::type part;

	spread(part, s, w.sum != 0 ? 1 / w.sum : 0);
#pragma unroll
	for (int d = 0; d < ND; d++)
		scale_by(acc[d], part);
	put_all<T, ND>(o, lanes_of(t, z, z.o_ld, z.dim), first, n, s, acc, 1, z);
	if (lse && threadIdx.x % 2 == 0 && r < n)
		lse[offset(lanes_of(t, z, z.heads, 1), first + r)] =
			(w.high + log2f(w.sum)) / LOG2E;
}

template <typename T, int ND>
__global__ void __launch_bounds__(32 * tile<T, ND>::warps, tile<T, ND>::blocks)
	attn_kernel(T *o, float *lse, const T *q, const T *k, const T *v,
                    const int32_t *first_query, const int32_t *first_row, const int32_t *length,
                    struct cuda_heads z)
{
	typedef tile<T, ND> size;
	enum {
		LANES = ATTN_EDGE * size::warps,
		THREADS = 32 * size::warps,
		LD = size::ld,
		STEP = size::step,
	};
	SHARED_DYNAMIC(T, qs);
	T *ks = qs + LANES * LD, *vs = ks + STEP * LD;
	struct cuda_task t = cuda_task_of(first_query, first_row, length, blockIdx.x / z.tiles, z);
	int warp = threadIdx.x / 32, first = (z.tiles - 1 - blockIdx.x % z.tiles) * LANES;
	int mine = first + warp * ATTN_EDGE, past = min(first + LANES, t.lanes);
	int query = min(mine + (int)threadIdx.x % 32 / 2, t.lanes - 1) / z.group;
	float *s = (float *)(vs + STEP * LD) + warp * ATTN_EDGE * ATTN_SCORE_LD;
	struct attn_running w = {-1e30f, 0, first_key(t, z, query), last_key(t, query)};
	int from = first_key(t, z, mine / z.group);
	int to = mine < past ? last_key(t, (min(mine + ATTN_EDGE, past) - 1) / z.group) : 0;
	int j = first_key(t, z, first / z.group), end = last_key(t, (past - 1) / z.group);
	struct cuda_lanes of_k = keys_of(t, z, z.k_ld), of_v = keys_of(t, z, z.v_ld);
	struct pair<T, ND, STEP, THREADS> next;
	typename acc_of<T>::type acc[ND];

	if (first >= t.lanes)
		return;
	depart(next, k, of_k, v, of_v, j, end - j, z);
	for (int d = 0; d < ND; d++)
		clear(acc[d]);
	fetch<T, ND, THREADS>(qs, q, lanes_of(t, z, z.q_ld, z.q_stride), first, past - first, LANES,
	                      z);
	for (; j < end; j += STEP) {
		__syncthreads();
		land(ks, vs, next, k, of_k, v, of_v, j, end - j, z);
		__syncthreads();
		depart(next, k, of_k, v, of_v, j + STEP, end - j - STEP, z);
		if (j < to && j + STEP > from)
			pass_keys<T, ND>(acc, w, qs + warp * ATTN_EDGE * LD, ks, vs, s, j, z);
	}
	if (mine < past)
		finish<T, ND>(o, lse, acc, w, s, t, mine, z);
}

template <typename T, int ND>
static void attend(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k,
                   struct mat v, struct spans spans, struct cuda_heads z)
{
	typedef tile<T, ND> size;
	int lanes = ATTN_EDGE * size::warps;
	size_t bytes = (lanes + 2 * size::step) * size::ld * sizeof(T) +
	               lanes * ATTN_SCORE_LD * sizeof(float);

	z.tiles = tiles_of(spans, q, z.group, lanes);
	shared_memory((const void *)attn_kernel<T, ND>, bytes);
	LAUNCH((attn_kernel<T, ND>), dim3(z.tiles * z.rows, z.heads / z.group), 32 * size::warps,
	       bytes, cuda_of(d)->stream, (T *)o.p, lse, (const T *)q.p, (const T *)k.p,
	       (const T *)v.p, spans.q, spans.k, spans.len, z);
}

template <typename T>
static void attend_any(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k,
                       struct mat v, struct spans spans, struct cuda_heads z)
{
	if (z.dim <= 32)
		attend<T, 2>(d, o, lse, q, k, v, spans, z);
	else if (z.dim <= 64)
		attend<T, 4>(d, o, lse, q, k, v, spans, z);
	else if (z.dim <= 80)
		attend<T, 5>(d, o, lse, q, k, v, spans, z);
	else if (z.dim <= 96)
		attend<T, 6>(d, o, lse, q, k, v, spans, z);
	else if (z.dim <= 128)
		attend<T, 8>(d, o, lse, q, k, v, spans, z);
	else
		attend<T, 16>(d, o, lse, q, k, v, spans, z);
}

void cuda_attn(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k, struct mat v,
               struct spans spans, struct heads h)
{
	struct cuda_heads z = cuda_heads_of(spans, h);

	if (!spans.n || !o.rows)
		return;
	z.q_ld = q.ld;
	z.k_ld = k.ld;
	z.v_ld = v.ld;
	z.o_ld = o.ld;
	z.vectors = in_vectors(q, h.q_stride, h.dim) && in_vectors(k, h.kv_stride, h.dim) &&
	            in_vectors(v, h.kv_stride, h.dim) && in_vectors(o, h.dim, h.dim);
	if (q.type == DT_F32)
		attend_any<float>(d, o, lse, q, k, v, spans, z);
	else
		attend_any<bf16>(d, o, lse, q, k, v, spans, z);
}
