/* SPDX-License-Identifier: MIT */
/* cuda.h - what the .cu files share: the device's own state, the launch layer, loads and stores.
 *
 * The same source runs on a GPU (nvcc) and, in the tests, on the CPU (g++ with the headers of
 * t/cudasim, which come first on its include path and define LAUNCH and SHARED themselves).
 * So kernels are plain CUDA C++: raw pointers and numbers as arguments, never a struct that
 * holds a pointer; shared memory only through SHARED and SHARED_DYNAMIC; full-warp shuffles
 * and __syncwarp; no textures, no cooperative groups, no constant memory, and no inline PTX
 * but where the simulator has a word for it (here, in attn_cuda.h and attn_wgmma.h).
 */
#ifndef SEAL_CUDA_H
#define SEAL_CUDA_H

#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

extern "C" {
#include "../lib/base/memory.h"
#include "ops.h"
}

/* The formatter takes the brackets of a launch apart. */
/* clang-format off */
#ifndef LAUNCH
#define LAUNCH(kernel, grid, block, bytes, stream, ...) \
	((kernel)<<<grid, block, bytes, stream>>>(__VA_ARGS__), cuda_launched(#kernel))
#define SHARED(type, name, count) __shared__ type name[count]
#define SHARED_DYNAMIC(type, name)                                    \
	extern __shared__ __align__(1024) unsigned char shared_bytes[]; \
	type *name = (type *)shared_bytes
#endif
/* clang-format on */

typedef __nv_bfloat16 bf16;

struct cuda {
	int number;          /* which card */
	cudaStream_t stream; /* everything runs here, in order */
	cublasHandle_t blas;
	char *stage[2];               /* pinned host memory for uploads, stage_bytes each */
	size_t stage_bytes, stage_at; /* stage[turn] is filled up to stage_at */
	int turn;
	cudaEvent_t staged[2]; /* the copies from stage[i] are done */
	void *blas_work;       /* cuBLAS's own scratch */
	void *work;            /* scratch of a kernel, work_bytes; grown by cuda_work */
	size_t work_bytes;
	int hopper;        /* it has that kind's instructions, and this program uses them */
	struct cudnn *dnn; /* of attn_cudnn.cc; NULL at first */
	struct nccl *nccl; /* of exchange.cu; likewise */
	char name[320];
};

/* The card that this thread's calls go to: every operation asks for its own, since there may be a
 * device for each of several. */
extern thread_local int cuda_current;
void cuda_use(int number);

static inline struct cuda *cuda_of(struct dev *d)
{
	struct cuda *c = (struct cuda *)d->self;

	if (c->number != cuda_current)
		cuda_use(c->number);
	return c;
}

/* Dies naming the call when it failed. */
#define CUDA_OK(call) cuda_check((call), #call)
void cuda_check(cudaError_t, const char *call);
void cuda_launched(const char *kernel);
#define CUBLAS_OK(call) cublas_check((call), #call)
void cublas_check(cublasStatus_t, const char *call);
/* At least `bytes` of scratch on the device, valid until the next call. */
void *cuda_work(struct dev *, size_t bytes);

/* Kernels of one element or piece a thread run in blocks of CUDA_BLOCK: for n > 0 threads. */
enum { CUDA_BLOCK = 256 };
static inline unsigned blocks_of(long n) { return (unsigned)((n + CUDA_BLOCK - 1) / CUDA_BLOCK); }

/* Rows are cut into pieces of 8 columns, one a thread, the last of a row shorter.  Where
 * every whole piece of the operands starts at a multiple of 16 bytes (wide), it is read and
 * written 16 bytes at a time. */
enum { CUDA_PIECE = 8 };
static inline __host__ __device__ long pieces_of(long cols)
{
	return (cols + CUDA_PIECE - 1) / CUDA_PIECE;
}
static inline int is_wide(struct mat m)
{
	return (uintptr_t)m.p % 16 == 0 && m.ld * dtype_size(m.type) % 16 == 0;
}

#if defined __CUDACC__ || defined CUDASIM /* for kernels */

static inline __device__ float load(const float *p) { return *p; }
static inline __device__ float load(const bf16 *p) { return __bfloat162float(*p); }
static inline __device__ void store(float *p, float x) { *p = x; }
static inline __device__ void store(bf16 *p, float x) { *p = __float2bfloat16_rn(x); }

/* The piece that is this thread's, where a matrix has one thread for each: row *i, and column *j
 * where it starts; false beyond the last row. */
static inline __device__ bool own_piece(long rows, long cols, long *i, long *j)
{
	long at = (long)blockIdx.x * blockDim.x + threadIdx.x, pieces = pieces_of(cols);

	*i = at / pieces;
	*j = at % pieces * CUDA_PIECE;
	return *i < rows;
}

/* Two numbers rounded to bf16, as they lie in memory. */
static inline __device__ unsigned two_bf16(float a, float b)
{
	__nv_bfloat162 two = __floats2bfloat162_rn(a, b);
	unsigned x;

	memcpy(&x, (void *)&two, sizeof x);
	return x;
}

/* Stores 16 bytes to global memory.  An assignment the compiler takes apart at will, at worst into
 * stores of 2 bytes, which take three times as long. */
static inline __device__ void store_16(void *p, unsigned a, unsigned b, unsigned c, unsigned d)
{
#ifdef CUDASIM
	*(uint4 *)p = make_uint4(a, b, c, d);
#else
	asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)),
	             "r"(a), "r"(b), "r"(c), "r"(d)
	             : "memory");
#endif
}

static inline __device__ void load_whole(float v[CUDA_PIECE], const float *p)
{
	float4 a = ((const float4 *)p)[0], b = ((const float4 *)p)[1];

	v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
	v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}

static inline __device__ void load_whole(float v[CUDA_PIECE], const bf16 *p)
{
	uint4 a = *(const uint4 *)p;
	unsigned x[] = {a.x, a.y, a.z, a.w};

	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] = __uint_as_float(k % 2 ? x[k / 2] & 0xffff0000u : x[k / 2] << 16);
}

static inline __device__ void store_whole(float *p, const float v[CUDA_PIECE])
{
	for (int k = 0; k < CUDA_PIECE; k += 4)
		store_16(p + k, __float_as_uint(v[k]), __float_as_uint(v[k + 1]),
		         __float_as_uint(v[k + 2]), __float_as_uint(v[k + 3]));
}

static inline __device__ void store_whole(bf16 *p, const float v[CUDA_PIECE])
{
	store_16(p, two_bf16(v[0], v[1]), two_bf16(v[2], v[3]), two_bf16(v[4], v[5]),
	         two_bf16(v[6], v[7]));
}

/* A piece, of which the row has n more columns; those past its end load as 0. */
template <class T>
static inline __device__ void load_piece(float v[CUDA_PIECE], const T *p, long n, int wide)
{
	if (wide && n >= CUDA_PIECE) {
		load_whole(v, p);
		return;
	}
	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] = k < n ? load(p + k) : 0;
}

template <class T>
static inline __device__ void store_piece(T *p, const float v[CUDA_PIECE], long n, int wide)
{
	if (wide && n >= CUDA_PIECE) {
		store_whole(p, v);
		return;
	}
	for (int k = 0; k < CUDA_PIECE; k++)
		if (k < n)
			store(p + k, v[k]);
}

/* Sum and maximum over a warp; every lane gets the result. */
static inline __device__ float warp_sum(float x)
{
	for (int d = 16; d; d /= 2)
		x += __shfl_xor_sync(0xffffffffu, x, d);
	return x;
}

static inline __device__ float warp_max(float x)
{
	for (int d = 16; d; d /= 2)
		x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, d));
	return x;
}

#endif

/* Sums over rows are taken in two steps, in a fixed order: strips of rows into part
 * [strips x cols], then  sum[j] += scale sum_i part[i][j]. */
static inline long strip_of(long rows) { return rows > 4096 ? (rows + 127) / 128 : 32; }
static inline long strips_of(long rows) { return (rows + strip_of(rows) - 1) / strip_of(rows); }
void cuda_add_parts(struct dev *, float *sum, const float *part, long strips, long cols,
                    float scale);

/* gather of rows whose values come in blocks. */
void cuda_decode(struct dev *, struct mat y, struct mat x, const int32_t *id, float scale);

/* The bodies, one for each entry of struct ops. */
void *cuda_alloc(struct dev *, size_t bytes);
void cuda_free(struct dev *, void *);
void cuda_put(struct dev *, void *dst, const void *host, size_t bytes);
void cuda_get(struct dev *, void *host, const void *src, size_t bytes);
void cuda_zero(struct dev *, struct mat x);
size_t cuda_spare(struct dev *);
void cuda_copy(struct dev *, struct mat y, struct mat x);
void cuda_gemm(struct dev *, struct mat c, struct mat a, int ta, struct mat b, int tb, float alpha,
               float beta);
void cuda_gemm_add(struct dev *, struct mat c, struct mat base, struct mat a, int ta, struct mat b,
                   int tb, float alpha);
void cuda_bias(struct dev *, struct mat y, struct mat b, float scale);
void cuda_bias_back(struct dev *, struct mat db, struct mat dy, float scale);
void cuda_gather(struct dev *, struct mat y, struct mat x, const int32_t *id, float scale);
void cuda_scatter(struct dev *, struct mat y, struct mat x, const int32_t *id);
void cuda_scatter_add(struct dev *, struct mat y, struct mat x, struct groups, float scale);
void cuda_norm(struct dev *, struct mat y, float *stat, struct mat x, struct mat gain,
               struct mat bias, struct norm, int add);
void cuda_norm_back(struct dev *, struct mat dx, struct mat half, struct mat dgain,
                    struct mat dbias, struct mat dy, struct mat x, struct mat gain,
                    const float *stat, struct norm, int add);
void cuda_rope(struct dev *, struct mat x, int n, long stride, int rotary, const int32_t *position,
               const float *table, int sign);
void cuda_attn(struct dev *, struct mat o, float *lse, struct mat q, struct mat k, struct mat v,
               struct spans, struct heads);
void cuda_attn_back(struct dev *, struct mat dq, struct mat dk, struct mat dv, struct mat dout,
                    struct mat o, const float *lse, struct mat q, struct mat k, struct mat v,
                    struct spans, struct heads);
void cuda_act(struct dev *, struct mat y, struct mat x, struct act);
void cuda_act_back(struct dev *, struct mat dx, struct mat dy, struct mat x, struct act);
void cuda_xent(struct dev *, float *loss, struct mat dlogits, struct mat logits,
               const int32_t *target, const float *weight, float cap);
void cuda_argmax(struct dev *, int32_t *id, struct mat x);
void cuda_softcap(struct dev *, struct mat x, float cap);
void cuda_dot(struct dev *, float *sum, const float *x, const float *y, long n);
void cuda_adamw(struct dev *, float *p, const float *g, float *m, float *v, long n, struct adamw,
                const float *sum);
int cuda_exchange(struct dev *, const struct mat out[], const struct mat in[]);
void cuda_exchange_close(struct dev *);

#endif
