/* SPDX-License-Identifier: MIT */
/* attn_hopper.cu - attention and its gradient on a Hopper card, by the formulas of attn.cu and
 * attn_back.cu.
 *
 * As there, a kernel has a tile of lanes and meets their keys (o, dq), another a tile of keys and
 * meets the lanes that see them (dk, dv), and no block adds to what another adds to.  A group of
 * four warps has 64 rows of the tile, and what it meets comes 64 rows at a time, copied while those
 * before are computed with.
 *
 * Cost, T tokens in rows of L, H heads of D: 7 T L H D operations (forwards 2), of which wgmma does
 * 990e12 a second.  64 rows meet 64 rows in 2 D clocks a product, of which there are two forwards,
 * three for dq, and four for dk and dv.  Meanwhile shared memory gives D / 16 times 4 KB for each
 * product of two tiles and 64 x 2 D bytes for each with registers, at 128 bytes a clock: 0.8 of the
 * time.  exp2 takes 256 clocks of 64 x 64: at D = 64 as long as the products forwards, two thirds
 * of dq's, half of dk's and dv's.  All products of a step are waited for within it, since ptxas
 * takes those that outlast it one by one (its C7515); the other groups compute meanwhile.
 */
#include "attn_cudnn.h"
#include "attn_hopper.h"
#include "attn_wgmma.h"

enum { MET = WG_ROWS, PIECES = MET / ATTN_EDGE };

/* Four pieces beside each other become a left factor. */
static inline __device__ void take_four(struct left_bf16 *a, const struct piece *c)
{
#pragma unroll
	for (int n = 0; n < PIECES; n++)
		take(a[n], c[n], (bf16 *)NULL);
	settle(a, PIECES);
}

/* A block meets the rows of x and y from j up to, but without, end: f(xs, ys, j, turn) computes
 * with tiles of 64 in one half of `stage`, while the next are copied into the other.  Behind it
 * nobody needs any of the block's tiles: they are room for what is written. */
template <int ND, int THREADS, class F>
static inline __device__ void meet(bf16 *stage, const bf16 *x, const struct cuda_lanes &of_x,
                                   const bf16 *y, const struct cuda_lanes &of_y, int j, int end,
                                   const struct cuda_heads &z, F f)
{
	enum { SIZE = slab<ND, MET>::size };

	ask<ND, MET, THREADS>(stage, x, of_x, j, end - j, z);
	ask<ND, MET, THREADS>(stage + SIZE, y, of_y, j, end - j, z);
	for (int turn = 0; j < end; j += MET, turn = !turn) {
		bf16 *now = stage + 2 * turn * SIZE, *next = stage + 2 * !turn * SIZE;

		copies_wait();
		__syncthreads();
		ask<ND, MET, THREADS>(next, x, of_x, j + MET, end - j - MET, z);
		ask<ND, MET, THREADS>(next + SIZE, y, of_y, j + MET, end - j - MET, z);
		f(now, now + SIZE, j, turn);
	}
	copies_wait();
	__syncthreads();
}

/* Groups of a block, which has a multiprocessor for itself: 168 registers a thread, or 255. */
enum { GROUPS = 3, KEY_GROUPS = 2 };

/* A step of keys from key j on, in ks and vs, passes a group's rows q. */
template <int ND, int LANES>
static inline __device__ void pass_keys(struct piece *o, struct attn_running &w, const bf16 *q,
                                        const bf16 *ks, const bf16 *vs, int j, float scale)
{
	struct piece s[PIECES];
	struct left_bf16 p[PIECES];

	wgmma_begin();
	ask_scores<ND, LANES>(s, q, ks);
	wgmma_wait<0>();
	settle(s, PIECES);
	soften<ND, MET>(o, s, w, scale, j);
	take_four(p, s);
	settle(o, ND);
	wgmma_begin();
	ask_product<ND>(o, p, vs);
	wgmma_wait<0>();
	settle(o, ND);
}

template <int ND>
__global__ void __launch_bounds__(WG_THREADS *GROUPS, 1)
	hopper_attn_kernel(bf16 *o, float *lse, const bf16 *q, const bf16 *k, const bf16 *v,
                           const int32_t *first_query, const int32_t *first_row,
                           const int32_t *length, struct cuda_heads z)
{
	enum { LANES = WG_ROWS * GROUPS, THREADS = WG_THREADS * GROUPS };
	typedef slab<ND, LANES> own;
	SHARED_DYNAMIC(bf16, qs);
	bf16 *stage = qs + own::size;
	struct cuda_task t = cuda_task_of(first_query, first_row, length, z, true);
	int warp = threadIdx.x / 32, group = threadIdx.x / WG_THREADS;
	int first = first_of_tile(t, LANES), past = min(first + LANES, t.lanes);
	int mine = first + warp * ATTN_EDGE, ours = first + group * WG_ROWS;
	int from = first_key(t, z, ours / z.group),
	    to = ours < past ? last_key(t, (min(ours + WG_ROWS, past) - 1) / z.group) : 0;
	int j = first_key(t, z, first / z.group), end = last_key(t, (past - 1) / z.group);
	struct cuda_lanes of_k = keys_of(t, z, z.k_ld), of_v = keys_of(t, z, z.v_ld);
	struct attn_running w = {{-1e30f, -1e30f}, {0, 0}, seen_keys(t, z, mine)};
	struct piece acc[ND];

	if (!HAS_WGMMA) {
		refuse();
		return;
	}
	if (first < 0)
		return;
	ask<ND, LANES, THREADS>(qs, q, lanes_of(t, z, z.q_ld, z.q_stride), first, past - first, z);
#pragma unroll
	for (int c = 0; c < ND; c++)
		clear(acc[c]);
	auto step = [&](const bf16 *ks, const bf16 *vs, int at, int) {
		if (at < to && at + MET > from)
			pass_keys<ND, LANES>(acc, w, qs + 64 * WG_ROWS * group, ks, vs, at,
			                     unit_of(z));
	};

	meet<ND, THREADS>(stage, k, of_k, v, of_v, j, end, z, step);
	if (mine < past)
		finish<bf16, ND>(o, lse, acc, w, qs + warp * ATTN_EDGE * tile<bf16, ND>::ld, t,
		                 mine, z);
}

template <int ND>
static void attend(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k,
                   struct mat v, struct spans spans, const struct cuda_heads &z)
{
	enum { LANES = WG_ROWS * GROUPS };
	size_t bytes = (slab<ND, LANES>::size + 4 * slab<ND, MET>::size) * sizeof(bf16);

	shared_memory((const void *)hopper_attn_kernel<ND>, bytes);
	LAUNCH((hopper_attn_kernel<ND>), grid_of_lanes(z, spans, q, LANES), WG_THREADS * GROUPS,
	       bytes, cuda_of(d)->stream, (bf16 *)o.p, lse, (const bf16 *)q.p, (const bf16 *)k.p,
	       (const bf16 *)v.p, spans.q, spans.k, spans.len, z);
}

/* A step of keys from key j on, in ks and vs, passes a group's rows q and dout. */
template <int ND, int LANES>
static inline __device__ void pass_keys_back(struct piece *dq, const struct own_lanes &w,
                                             const bf16 *q, const bf16 *dout, const bf16 *ks,
                                             const bf16 *vs, int j, float scale)
{
	struct piece s[PIECES], dp[PIECES];
	struct left_bf16 ds[PIECES];
	bool all = sees_all(w.keys, j, j + MET);

	wgmma_begin();
	ask_scores<ND, LANES>(s, q, ks);
	ask_scores<ND, LANES>(dp, dout, vs);
	wgmma_wait<1>();
	settle(s, PIECES);
#pragma unroll
	for (int n = 0; n < PIECES; n++) {
#pragma unroll
		for (int i = 0; i < 8; i++)
			s[n].x[i] = power_of_2(s[n].x[i] * scale - w.lse[half_of(i)]);
		if (!all)
			mask(s[n], w.keys, j + ATTN_EDGE * n, 0);
	}
	wgmma_wait<0>();
	settle(dp, PIECES);
#pragma unroll
	for (int n = 0; n < PIECES; n++)
#pragma unroll
		for (int i = 0; i < 8; i++)
			dp[n].x[i] = s[n].x[i] * (dp[n].x[i] - w.sum[half_of(i)]);
	take_four(ds, dp);
	wgmma_begin();
	ask_product<ND>(dq, ds, ks);
	wgmma_wait<0>();
	settle(dq, ND);
}

template <int ND>
__global__ void __launch_bounds__(WG_THREADS *GROUPS, 1)
	hopper_dq_kernel(bf16 *dq, const bf16 *dout, const bf16 *q, const bf16 *k, const bf16 *v,
                         const float *lse, const float *sum, const int32_t *first_query,
                         const int32_t *first_row, const int32_t *length, struct cuda_heads z)
{
	enum { LANES = WG_ROWS * GROUPS, THREADS = WG_THREADS * GROUPS };
	typedef slab<ND, LANES> own;
	SHARED_DYNAMIC(bf16, qs);
	bf16 *gs = qs + own::size, *stage = gs + own::size;
	struct cuda_task t = cuda_task_of(first_query, first_row, length, z, true);
	int warp = threadIdx.x / 32, group = threadIdx.x / WG_THREADS;
	int first = first_of_tile(t, LANES), past = min(first + LANES, t.lanes);
	int mine = first + warp * ATTN_EDGE, ours = first + group * WG_ROWS;
	int from = first_key(t, z, ours / z.group),
	    to = ours < past ? last_key(t, (min(ours + WG_ROWS, past) - 1) / z.group) : 0;
	int j = first_key(t, z, first / z.group), end = last_key(t, (past - 1) / z.group);
	struct cuda_lanes of_k = keys_of(t, z, z.k_ld), of_v = keys_of(t, z, z.v_ld);
	float scale[2] = {z.scale, z.scale};
	struct own_lanes w;
	struct piece acc[ND];

	if (!HAS_WGMMA) {
		refuse();
		return;
	}
	if (first < 0)
		return;
	ask<ND, LANES, THREADS>(qs, q, lanes_of(t, z, z.q_ld, z.q_stride), first, past - first, z);
	ask<ND, LANES, THREADS>(gs, dout, lanes_of(t, z, z.dout_ld, z.dim), first, past - first, z);
	w = own_lanes_of(lse, sum, t, z, mine);
#pragma unroll
	for (int c = 0; c < ND; c++)
		clear(acc[c]);
	auto step = [&](const bf16 *ks, const bf16 *vs, int at, int) {
		if (at < to && at + MET > from)
			pass_keys_back<ND, LANES>(acc, w, qs + 64 * WG_ROWS * group,
			                          gs + 64 * WG_ROWS * group, ks, vs, at,
			                          z.scale * LOG2E);
	};

	meet<ND, THREADS>(stage, k, of_k, v, of_v, j, end, z, step);
	put_all<bf16, ND>(dq, lanes_of(t, z, z.dq_ld, z.q_stride), mine, past - mine,
	                  qs + warp * ATTN_EDGE * tile<bf16, ND>::ld, acc, scale, z);
}

/* A group's keys k and values v meet a step of lanes, from lane j on, in qs and gs; by: the lanes
 * that see a thread's keys. */
template <int ND, int KEYS>
static inline __device__ void meet_lanes(struct piece *dk, struct piece *dv, const bf16 *k,
                                         const bf16 *v, const bf16 *qs, const bf16 *gs,
                                         const float *lse, const float *sum, const struct seen &by,
                                         int j, float scale)
{
	struct piece s[PIECES], dp[PIECES];
	struct left_bf16 p[PIECES], ds[PIECES];
	bool all = sees_all(by, j, j + MET);

	wgmma_begin();
	ask_scores<ND, KEYS>(s, k, qs);
	ask_scores<ND, KEYS>(dp, v, gs);
	wgmma_wait<1>();
	settle(s, PIECES);
#pragma unroll
	for (int n = 0; n < PIECES; n++) {
#pragma unroll
		for (int i = 0; i < 8; i++)
			s[n].x[i] = power_of_2(s[n].x[i] * scale -
			                       lse[ATTN_EDGE * n + piece_column(i)]);
		if (!all)
			mask(s[n], by, j + ATTN_EDGE * n, 0);
	}
	take_four(p, s);
	wgmma_begin();
	ask_product<ND>(dv, p, gs);
	wgmma_wait<1>();
	settle(dp, PIECES);
#pragma unroll
	for (int n = 0; n < PIECES; n++)
#pragma unroll
		for (int i = 0; i < 8; i++)
			dp[n].x[i] =
				s[n].x[i] * (dp[n].x[i] - sum[ATTN_EDGE * n + piece_column(i)]);
	take_four(ds, dp);
	wgmma_begin();
	ask_product<ND>(dk, ds, qs);
	wgmma_wait<0>();
	settle(p, PIECES);
	settle(dv, ND);
	settle(dk, ND);
}

template <int ND>
__global__ void __launch_bounds__(WG_THREADS *KEY_GROUPS, 1)
	hopper_keys_kernel(bf16 *dk, bf16 *dv, const bf16 *dout, const bf16 *q, const bf16 *k,
                           const bf16 *v, const float *lse, const float *sum,
                           const int32_t *first_query, const int32_t *first_row,
                           const int32_t *length, struct cuda_heads z)
{
	enum { KEYS = WG_ROWS * KEY_GROUPS, THREADS = WG_THREADS * KEY_GROUPS };
	typedef slab<ND, KEYS> own;
	SHARED_DYNAMIC(bf16, ks);
	bf16 *vs = ks + own::size, *stage = vs + own::size;
	float *sums = (float *)(stage + 4 * slab<ND, MET>::size); /* lse, sum; of the next ones */
	struct cuda_task t = cuda_task_of(first_query, first_row, length, z, true);
	int warp = threadIdx.x / 32, group = threadIdx.x / WG_THREADS;
	int first = t.tile * KEYS, past = min(first + KEYS, t.keys);
	int mine = first + warp * ATTN_EDGE, ours = first + group * WG_ROWS;
	int from = first_lane(t, z, ours),
	    to = ours < past ? last_lane(t, z, min(ours + WG_ROWS, past) - 1) : 0;
	int j = first_lane(t, z, first), end = last_lane(t, z, past - 1);
	struct cuda_lanes of_q = lanes_of(t, z, z.q_ld, z.q_stride),
			  of_dout = lanes_of(t, z, z.dout_ld, z.dim),
			  of_sums = lanes_of(t, z, z.heads, 1);
	struct seen by = seeing_lanes(t, z, mine, end);
	float next_sum, one[2] = {1, 1}, scale[2] = {z.scale, z.scale};
	struct piece acc_k[ND], acc_v[ND];

	if (!HAS_WGMMA) {
		refuse();
		return;
	}
	if (first >= t.keys)
		return;
	ask<ND, KEYS, THREADS>(ks, k, keys_of(t, z, z.k_ld), first, past - first, z);
	ask<ND, KEYS, THREADS>(vs, v, keys_of(t, z, z.v_ld), first, past - first, z);
	next_sum = depart_sums<MET>(lse, sum, of_sums, j, end - j);
	land_sums<MET>(sums, sums + MET, next_sum);
#pragma unroll
	for (int c = 0; c < ND; c++) {
		clear(acc_k[c]);
		clear(acc_v[c]);
	}
	auto step = [&](const bf16 *qs, const bf16 *gs, int at, int turn) {
		float *its = sums + 2 * turn * MET, *next = sums + 2 * !turn * MET;

		next_sum = depart_sums<MET>(lse, sum, of_sums, at + MET, end - at - MET);
		if (at < to && at + MET > from)
			meet_lanes<ND, KEYS>(acc_k, acc_v, ks + 64 * WG_ROWS * group,
			                     vs + 64 * WG_ROWS * group, qs, gs, its, its + MET, by,
			                     at, z.scale * LOG2E);
		land_sums<MET>(next, next + MET, next_sum);
	};

	meet<ND, THREADS>(stage, q, of_q, dout, of_dout, j, end, z, step);
	ks += warp * ATTN_EDGE * tile<bf16, ND>::ld;
	put_all<bf16, ND>(dk, keys_of(t, z, z.dk_ld), mine, past - mine, ks, acc_k, scale, z);
	put_all<bf16, ND>(dv, keys_of(t, z, z.dv_ld), mine, past - mine, ks, acc_v, one, z);
}

template <int ND>
static void back(struct dev *d, const struct gradients &g, const struct cuda_heads &z)
{
	enum { LANES = WG_ROWS * GROUPS, KEYS = WG_ROWS * KEY_GROUPS };
	size_t stages = 4 * slab<ND, MET>::size * sizeof(bf16);
	size_t bytes = stages + 2 * slab<ND, LANES>::size * sizeof(bf16);

	shared_memory((const void *)hopper_dq_kernel<ND>, bytes);
	LAUNCH((hopper_dq_kernel<ND>), grid_of_lanes(z, g.spans, g.q, LANES), WG_THREADS * GROUPS,
	       bytes, cuda_of(d)->stream, (bf16 *)g.dq.p, (const bf16 *)g.dout.p,
	       (const bf16 *)g.q.p, (const bf16 *)g.k.p, (const bf16 *)g.v.p, g.lse,
	       (const float *)g.sum, g.spans.q, g.spans.k, g.spans.len, z);
	bytes = stages + 2 * slab<ND, KEYS>::size * sizeof(bf16) + 4 * MET * sizeof(float);
	shared_memory((const void *)hopper_keys_kernel<ND>, bytes);
	LAUNCH((hopper_keys_kernel<ND>), grid_of_keys(z, g.spans, KEYS), WG_THREADS * KEY_GROUPS,
	       bytes, cuda_of(d)->stream, (bf16 *)g.dk.p, (bf16 *)g.dv.p, (const bf16 *)g.dout.p,
	       (const bf16 *)g.q.p, (const bf16 *)g.k.p, (const bf16 *)g.v.p, g.lse,
	       (const float *)g.sum, g.spans.q, g.spans.k, g.spans.len, z);
}

/* Narrower heads would be filled up with zeros; of wider ones there is no room for the sums. */
int hopper_can(struct dev *d, struct mat q, const struct cuda_heads &z)
{
	return cuda_of(d)->hopper && q.type == DT_BF16 && z.vectors && z.cap <= 0 && z.dim > 32 &&
	       z.dim <= 128 && q.rows >= ATTN_MANY * (long)z.rows;
}

void hopper_attn(struct dev *d, struct mat o, float *lse, struct mat q, struct mat k, struct mat v,
                 struct spans spans, const struct cuda_heads &z)
{
	if (z.dim <= 64)
		attend<4>(d, o, lse, q, k, v, spans, z);
	else if (z.dim <= 80)
		attend<5>(d, o, lse, q, k, v, spans, z);
	else if (z.dim <= 96)
		attend<6>(d, o, lse, q, k, v, spans, z);
	else
		attend<8>(d, o, lse, q, k, v, spans, z);
}

void hopper_back(struct dev *d, const struct gradients &g, const struct cuda_heads &z)
{
	if (z.dim <= 64)
		back<4>(d, g, z);
	else if (z.dim <= 80)
		back<5>(d, g, z);
	else if (z.dim <= 96)
		back<6>(d, g, z);
	else
		back<8>(d, g, z);
}
