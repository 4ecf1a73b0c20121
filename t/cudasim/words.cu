/* SPDX-License-Identifier: MIT */
/* words.cu - what the simulator gives CUDA's words to mean, a small kernel each. */
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <mma.h>

#include <vector>

extern "C" {
#include "../tap.h"
}

static __global__ void index_kernel(int *y, int n)
{
	int i = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * (blockIdx.x + gridDim.x * blockIdx.y));

	if (i < n)
		y[i] = i + 1000 * threadIdx.y;
}

template <class T> static T *on_card(const std::vector<T> &x)
{
	T *p;

	cudaMalloc(&p, x.size() * sizeof(T));
	cudaMemcpy(p, x.data(), x.size() * sizeof(T), cudaMemcpyHostToDevice);
	return p;
}

template <class T> static std::vector<T> back(const T *p, size_t n)
{
	std::vector<T> x(n);

	cudaMemcpy(x.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost);
	return x;
}

static void check_index()
{
	int *y, good = 1;

	cudaMalloc(&y, 4 * 70);
	LAUNCH(index_kernel, dim3(2, 3), dim3(4, 3), 0, 0, y, 70);
	std::vector<int> x = back(y, 70);
	for (int i = 0; i < 70; i++)
		good &= x[(size_t)i] == i + 1000 * (i / 4 % 3);
	ok(good, "indices of threads and blocks");
	cudaFree(y);
}

/* Sums of rows by shuffles, then through shared memory. */
template <class T> static __global__ void sum_kernel(float *y, const T *x, int n)
{
	SHARED(float, part, 32);
	float s = 0;

	for (int i = threadIdx.x; i < n; i += blockDim.x)
		s += (float)x[blockIdx.x * n + i];
	for (int d = 16; d; d /= 2)
		s += __shfl_xor_sync(0xffffffffu, s, d);
	if (threadIdx.x % 32 == 0)
		part[threadIdx.x / 32] = s;
	__syncthreads();
	if (threadIdx.x == 0) {
		for (unsigned w = 1; w < blockDim.x / 32; w++)
			s += part[w];
		y[blockIdx.x] = s;
	}
}

template <class T> static void check_sum(const char *name)
{
	std::vector<T> x(3 * 1000);
	int good = 1;

	for (int i = 0; i < 3000; i++)
		x[(size_t)i] = (T)(float)(i % 64 + i / 1000);
	T *p = on_card(x);
	float *y;
	cudaMalloc(&y, 12);
	LAUNCH((sum_kernel<T>), 3, 256, 0, 0, y, p, 1000);
	std::vector<float> s = back(y, 3);
	for (int r = 0; r < 3; r++) {
		float want = 0;
		for (int i = 0; i < 1000; i++)
			want += (float)x[(size_t)(r * 1000 + i)];
		good &= s[(size_t)r] == want;
	}
	ok(good, "shuffles, shared memory and a barrier: %s", name);
	cudaFree(p);
	cudaFree(y);
}

static __global__ void reverse_kernel(int *x)
{
	SHARED_DYNAMIC(int, s);
	int i = threadIdx.x, n = blockDim.x;

	s[i] = x[i];
	__syncthreads();
	x[i] = s[n - 1 - i];
}

static void check_dynamic()
{
	std::vector<int> x(1000);
	int good = 1;

	for (int i = 0; i < 1000; i++)
		x[(size_t)i] = i;
	int *p = on_card(x);
	LAUNCH(reverse_kernel, 1, 1000, 4000, 0, p);
	std::vector<int> y = back(p, 1000);
	for (int i = 0; i < 1000; i++)
		good &= y[(size_t)i] == 999 - i;
	ok(good, "dynamic shared memory, a thousand threads");
	good = cudaFuncSetAttribute(reverse_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 60000) ==
	       cudaSuccess;
	LAUNCH(reverse_kernel, 1, 1000, 60000, 0, p);
	ok(good && back(p, 1000) == x, "more than 48 KB of it");
	ok(cudaFuncSetAttribute(reverse_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 1 << 20) ==
	   cudaErrorInvalidValue, "more than there is");
	cudaGetLastError();
	cudaFree(p);
}

static __global__ void warp_kernel(int *y)
{
	int lane = threadIdx.x;

	y[lane] = __shfl_up_sync(0xffffffffu, lane, 3);
	y[32 + lane] = __shfl_down_sync(0xffffffffu, lane, 5);
	y[64 + lane] = __shfl_sync(0xffffffffu, lane, lane / 8, 8);
	y[96 + lane] = (int)__ballot_sync(0xffffffffu, lane % 3 == 0);
	y[128 + lane] = __any_sync(0xffffffffu, lane == 40) + 2 * __all_sync(0xffffffffu, lane < 40);
	y[160 + lane] = (int)__reduce_add_sync(0xffffffffu, (unsigned)lane);
	y[192 + lane] = __syncthreads_count(lane < 7);
}

static void check_warp()
{
	int *p, good = 1;
	unsigned thirds = 0;

	cudaMalloc(&p, 4 * 224);
	LAUNCH(warp_kernel, 1, 32, 0, 0, p);
	std::vector<int> y = back(p, 224);
	for (int i = 0; i < 32; i++)
		thirds |= (unsigned)(i % 3 == 0) << i;
	for (int i = 0; i < 32; i++) {
		const int *a = &y[(size_t)i];
		good &= a[0] == (i < 3 ? i : i - 3) && a[32] == (i + 5 > 31 ? i : i + 5);
		good &= a[64] == i / 8 * 8 + i / 8 && (unsigned)a[96] == thirds && a[128] == 2;
		good &= a[160] == 496 && a[192] == 7;
	}
	ok(good, "shuffles up, down and within parts; votes; sums; counts");
	cudaFree(p);
}

/* The last block to come adds what all blocks left. */
static __global__ void last_kernel(float *part, unsigned *count, float *sum)
{
	SHARED(int, last, 1);

	if (threadIdx.x == 0) {
		part[blockIdx.x] = (float)blockIdx.x;
		__threadfence();
		last[0] = atomicAdd(count, 1u) == gridDim.x - 1;
		if (last[0]) {
			*sum = 0;
			for (unsigned i = 0; i < gridDim.x; i++)
				*sum += part[i];
		}
	}
	atomicAdd(sum + 1, 1.0f);
}

static void check_atomics()
{
	unsigned *count;
	float *part, *sum;

	cudaMalloc(&part, 40);
	cudaMalloc(&sum, 8);
	cudaMalloc(&count, 4);
	cudaMemset(count, 0, 4);
	cudaMemset(sum, 0, 8);
	LAUNCH(last_kernel, 10, 64, 0, 0, part, count, sum);
	std::vector<float> s = back(sum, 2);
	ok(s[0] == 45 && s[1] == 640, "atomics, and blocks in order by a fence");
	cudaFree(part);
	cudaFree(sum);
	cudaFree(count);
}

static __global__ void wide_kernel(float4 *y, const float4 *x, __nv_bfloat162 *h)
{
	float4 v = x[threadIdx.x];
	union { uint4 u; __nv_bfloat16 e[8]; } w;

	w.u = *(const uint4 *)(h + 4 * threadIdx.x);
	for (int i = 0; i < 8; i++)
		w.e[i] = __float2bfloat16(2 * __bfloat162float(w.e[i]));
	*(uint4 *)(h + 4 * threadIdx.x) = w.u;
	y[threadIdx.x] = make_float4(v.w, v.z, v.y, v.x);
}

static void check_wide()
{
	std::vector<float4> x(8);
	std::vector<__nv_bfloat162> h(32);
	int good = 1;

	for (int i = 0; i < 8; i++)
		x[(size_t)i] = make_float4((float)i, (float)i + 1, (float)i + 2, (float)i + 3);
	for (int i = 0; i < 32; i++)
		h[(size_t)i] = __floats2bfloat162_rn((float)i, (float)-i);
	float4 *p = on_card(x), *y;
	__nv_bfloat162 *q = on_card(h);
	cudaMalloc(&y, 128);
	LAUNCH(wide_kernel, 1, 8, 0, 0, y, p, q);
	std::vector<float4> z = back(y, 8);
	h = back(q, 32);
	for (int i = 0; i < 8; i++)
		good &= z[(size_t)i].x == (float)i + 3 && z[(size_t)i].w == (float)i;
	for (int i = 0; i < 32; i++)
		good &= (float)h[(size_t)i].x == 2 * (float)i && (float)h[(size_t)i].y == -2 * (float)i;
	ok(good, "sixteen bytes at once");
	cudaFree(p);
	cudaFree(y);
	cudaFree(q);
}

/* c = 2 a b', a [16 x n] and b [8 x n], or where b is transposed 2 a b, b [n x 8] */
static __global__ void mma_kernel(float *c, const __nv_bfloat16 *a, const __nv_bfloat16 *b, int n, int transposed)
{
	SHARED(__nv_bfloat16, as, 16 * 24);
	SHARED(__nv_bfloat16, bs, 16 * 24);
	int t = threadIdx.x, r = t % 8, which = t / 8;
	float sum[4] = {0, 0, 0, 0};

	for (int k = 0; k < n; k += 16) {
		unsigned fa[4], fb[4];

		__syncwarp();
		for (int i = t; i < 256; i += 32)
			as[i / 16 * 24 + i % 16] = a[i / 16 * n + k + i % 16];
		for (int i = t; i < 128; i += 32)
			if (transposed)
				bs[i / 8 * 24 + i % 8] = b[(k + i / 8) * 8 + i % 8];
			else
				bs[i / 16 * 24 + i % 16] = b[i / 16 * n + k + i % 16];
		__syncwarp();
		ldmatrix(fa, as + (r + which % 2 * 8) * 24 + which / 2 * 8);
		if (transposed) /* twice the same: matrices 2 and 3 are not used */
			ldmatrix_transposed(fb, bs + (r + which % 2 * 8) * 24);
		else
			ldmatrix(fb, bs + r * 24 + which % 2 * 8);
		mma(sum, fa, fb);
	}
	for (int i = 0; i < 4; i++)
		c[(t / 4 + i / 2 * 8) * 8 + t % 4 * 2 + i % 2] = 2 * sum[i];
}

static void check_mma(int transposed)
{
	std::vector<__nv_bfloat16> a(16 * 48), b(8 * 48);
	int good = 1;

	for (int i = 0; i < 16 * 48; i++)
		a[(size_t)i] = (float)(i * 7 % 11 - 5);
	for (int i = 0; i < 8 * 48; i++)
		b[(size_t)i] = (float)(i * 5 % 13 - 6);
	__nv_bfloat16 *pa = on_card(a), *pb = on_card(b);
	float *pc;
	cudaMalloc(&pc, 512);
	LAUNCH(mma_kernel, 1, 32, 0, 0, pc, pa, pb, 48, transposed);
	std::vector<float> c = back(pc, 128);
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 8; j++) {
			float s = 0;
			for (int k = 0; k < 48; k++)
				s += 2 * (float)a[(size_t)(i * 48 + k)] *
				     (float)b[(size_t)(transposed ? k * 8 + j : j * 48 + k)];
			good &= s == c[(size_t)(i * 8 + j)];
		}
	ok(good, "ldmatrix and mma%s", transposed ? ", transposed" : "");
	cudaFree(pa);
	cudaFree(pb);
	cudaFree(pc);
}

static void check_streams()
{
	cudaStream_t one, two;
	cudaEvent_t e;
	int *host, *p;

	cudaStreamCreateWithFlags(&one, cudaStreamNonBlocking);
	cudaStreamCreateWithFlags(&two, cudaStreamNonBlocking);
	cudaEventCreateWithFlags(&e, cudaEventDisableTiming);
	cudaMallocHost(&host, 280);
	cudaMalloc(&p, 280);
	LAUNCH(index_kernel, dim3(2, 3), dim3(4, 3), 0, one, p, 70);
	cudaEventRecord(e, one);
	cudaStreamWaitEvent(two, e);
	cudaMemcpyAsync(host, p, 280, cudaMemcpyDeviceToHost, two);
	ok(host[5] == -1, "what is not waited for is not there");
	cudaStreamSynchronize(two);
	ok(host[5] == 1005, "a stream waits for another's event");
	ok(cudaEventQuery(e) == cudaSuccess, "the event is done");
	cudaEventDestroy(e);
	cudaStreamDestroy(one);
	cudaStreamDestroy(two);
	cudaFreeHost(host);
	cudaFree(p);
}

static void check_blas()
{
	std::vector<float> a = {1, 2, 3, 4, 5, 6}, b = {1, 0, 2, 1, 1, 0};      /* 2x3 and 3x2, by columns */
	float *pa = on_card(a), *pb = on_card(b), *pc, one = 1, zero = 0;
	cublasHandle_t h;

	cublasCreate(&h);
	cudaMalloc(&pc, 16);
	ok(cublasGemmEx(h, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 3, &one, pa, CUDA_R_32F, 2, pb, CUDA_R_32F, 3, &zero,
	                pc, CUDA_R_32F, 2, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS,
	   "cublasGemmEx");
	ok(back(pc, 4) == std::vector<float>({11, 14, 4, 6}), "matrices are column after column");
	ok(cublasGemmEx(h, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 3, &one, pa, CUDA_R_32F, 1, pb, CUDA_R_32F, 3, &zero,
	                pc, CUDA_R_32F, 2, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT) ==
	   CUBLAS_STATUS_INVALID_VALUE, "a leading dimension below the rows");
	cublasDestroy(h);
	cudaFree(pa);
	cudaFree(pb);
	cudaFree(pc);
}

static void check_bf16()
{
	static const float x[] = {1, 1.00390625f, 1.01171875f, 1.0039064f, -3.4e38f, INFINITY, 3.3895314e38f};
	static const unsigned short want[] = {0x3f80, 0x3f80, 0x3f82, 0x3f81, 0xff80, 0x7f80, 0x7f7f};

	for (int i = 0; i < 7; i++)
		ok(__bfloat16_as_ushort(__float2bfloat16_rn(x[i])) == want[i], "%g is bf16 %04x", x[i], want[i]);
	ok(isnan(__bfloat162float(__float2bfloat16_rn(NAN))), "NaN stays NaN");
}

int main()
{
	static const char *const orders[] = {"forward", "backward", "shuffled"};

	for (int i = 0; i < 3; i++) {
		setenv("CUDASIM_ORDER", orders[i], 1);
		printf("# %s\n", orders[i]);
		check_index();
		check_sum<float>("float");
		check_sum<__nv_bfloat16>("bf16");
		check_dynamic();
		check_warp();
		check_atomics();
		check_wide();
		check_mma(0);
		check_mma(1);
		check_streams();
		check_blas();
	}
	check_bf16();
	return tap_done();
}
