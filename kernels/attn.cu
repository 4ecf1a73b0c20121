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
 * What no floor shows: 16 lanes meet 32 keys with 25 fragments (512 bytes each) through shared
 * memory, which gives 128 bytes a clock and multiprocessor: 100 clocks for 164 Kop.  On an A6000
 * tensor cores take longer (160); on an H100 they take 40, or 65 with the instruction that is used
 * here, so that 0.1 ms is the floor of the operations too.
 * Pieces on the diagonal add 48 / L to the operations.
 */
#include "attn_cuda.h"
#include "attn_cudnn.h"
#include "attn_hopper.h"

/* A step of keys from key j on, which are in k and v, passes a warp's rows q. */
template <typename T, int ND>
static inline __device__ void pass_keys(struct piece *o, struct attn_running &w, const T *q,
                                        const T *k, const T *v, T *room, int j,
                                        const struct cuda_heads &z)
{
	enum { STEP = tile<T, ND>::step };
	struct piece s[STEP / ATTN_EDGE];

	scores<T, ND, STEP>(s, q, k);
	if (z.cap > 0)
		for (int n = 0; n < STEP / ATTN_EDGE; n++)
			cap_scores(s[n], z.scale, z.cap);
	soften<ND, STEP>(o, s, w, unit_of(z), j);
	add_product<T, ND, STEP>(o, s, v, room);
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
	struct cuda_task t = cuda_task_of(first_query, first_row, length, z, false);
	int warp = threadIdx.x / 32, first = first_of_tile(t, LANES);
	int mine = first + warp * ATTN_EDGE, past = min(first + LANES, t.lanes);
	int last = (min(mine + ATTN_EDGE, past) - 1) / z.group; /* its last lane's query */
	T *own = qs + warp * ATTN_EDGE * LD, *room = vs + STEP * LD + warp * left_of<T>::room;
	int from = first_key(t, z, mine / z.group), to = mine < past ? last_key(t, last) : 0;
	struct attn_running w = {{-1e30f, -1e30f}, {0, 0}, seen_keys(t, z, mine)};
	int j = first_key(t, z, first / z.group), end = last_key(t, (past - 1) / z.group);
	struct cuda_lanes of_k = keys_of(t, z, z.k_ld), of_v = keys_of(t, z, z.v_ld);
	struct pair<T, ND, STEP, THREADS> next;
	struct piece acc[ND];

	if (first < 0)
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
			pass_keys<T, ND>(acc, w, own, ks, vs, room, j, z);
	}
	__syncthreads(); /* where no key is seen, a tile may still be on its way */
	if (mine < past)
		finish<T, ND>(o, lse, acc, w, own, t, mine, z);
}

template <typename T, int ND>
static void attend(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k,
                   struct mat v, struct spans spans, struct cuda_heads z)
{
	typedef tile<T, ND> size;
	int lanes = ATTN_EDGE * size::warps;
	size_t bytes =
		((lanes + 2 * size::step) * size::ld + size::warps * left_of<T>::room) * sizeof(T);

	shared_memory((const void *)attn_kernel<T, ND>, bytes);
	LAUNCH((attn_kernel<T, ND>), grid_of_lanes(z, spans, q, lanes), 32 * size::warps, bytes,
	       cuda_of(d)->stream, (T *)o.p, lse, (const T *)q.p, (const T *)k.p, (const T *)v.p,
	       spans.q, spans.k, spans.len, z);
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

/* The elements from one row of a matrix to the next. */
struct pitches {
	int of[MATS];
};

__global__ void ragged_kernel(int32_t *to, const int32_t *q, const int32_t *k, const int32_t *len,
                              int n, int rows, struct pitches pitch)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i > rows)
		return;
	for (int m = 0; m < MATS; m++) {
		int keys = i < n ? k[i] : k[n - 1] + len[n - 1];

		to[m * RAGGED(rows) + i] = (is_of_keys(m) ? keys : q[min(i, n)]) * pitch.of[m];
	}
	to[MATS * RAGGED(rows) + i] = i < n ? q[i + 1] - q[i] : 0;
	to[(MATS + 1) * RAGGED(rows) + i] = i < n ? len[i] : 0;
}

void cuda_ragged(struct dev *d, int32_t *to, struct spans spans, int rows, const long ld[MATS])
{
	struct pitches pitch;

	for (int m = 0; m < MATS; m++)
		pitch.of[m] = (int)ld[m];
	LAUNCH(ragged_kernel, blocks_of(rows + 1), CUDA_BLOCK, 0, cuda_of(d)->stream, to, spans.q,
	       spans.k, spans.len, spans.n, rows, pitch);
}

void cuda_attn(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k, struct mat v,
               struct spans spans, struct heads h)
{
	struct cuda_heads z = cuda_heads_of(spans, h);
	struct mat m[] = {q, k, v, o};
	int hopper;

	if (!spans.n || !o.rows)
		return;
	z.q_ld = q.ld;
	z.k_ld = k.ld;
	z.v_ld = v.ld;
	z.o_ld = o.ld;
	z.vectors = in_vectors(q, h.q_stride, h.dim) && in_vectors(k, h.kv_stride, h.dim) &&
	            in_vectors(v, h.kv_stride, h.dim) && in_vectors(o, h.dim, h.dim);
	hopper = hopper_can(d, q, z);
	/* Of wide heads on a Hopper card, cuDNN's is faster than ours. */
	if ((!hopper || z.dim > 64) && cudnn_attn(d, m, lse, spans, h, 0))
		return;
	if (hopper)
		hopper_attn(d, o, lse, q, k, v, spans, z);
	else if (q.type == DT_F32)
		attend_any<float>(d, o, lse, q, k, v, spans, z);
	else
		attend_any<bf16>(d, o, lse, q, k, v, spans, z);
}
