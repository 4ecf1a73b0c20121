/* SPDX-License-Identifier: MIT */
/* host_faults.cu - seeded faults of the host's: copies, streams, products; each must end the program
 * with a line that names it. */
#include <cublas_v2.h>

#include "faults.h"

static void staging()
{
	char *host;
	float *x = blank(64);

	cudaMallocHost(&host, 64);
	memset(host, 1, 64);
	cudaMemcpyAsync(x, host, 64, cudaMemcpyHostToDevice, 0);
	host[5] = 2;
	cudaDeviceSynchronize();
}

static void copy_past() { char x[68]; cudaMemcpy(x, zeros(64), 68, cudaMemcpyDeviceToHost); }
static void copy_blank() { char x[64]; cudaMemcpy(x, blank(64), 64, cudaMemcpyDeviceToHost); }
static void copy_wrong_way() { char x[64]; cudaMemcpy(zeros(64), x, 64, cudaMemcpyDeviceToHost); }

static __global__ void one_kernel(float *y) { y[threadIdx.x] = 1; }

/* The default stream does not wait for one that was made not to block. */
static void not_waited()
{
	cudaStream_t s;
	float *y = blank(4 * N), x[N];

	cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
	LAUNCH(one_kernel, 1, N, 0, s, y);
	cudaMemcpy(x, y, 4 * N, cudaMemcpyDeviceToHost);
}

static void host_reads()
{
	volatile float *x = zeros(64);

	cudaDeviceSynchronize();
	if (x[3] == 1)
		exit(0);
}

/* In code that is not instrumented. */
static void host_copies()
{
	char text[64];

	snprintf(text, sizeof text, "%.8s", (const char *)zeros(64));
}

static void product(int m, int n, int k, int lda, int ldb, int ldc, float *a, float *b, float *c)
{
	float one = 1, zero = 0;
	cublasHandle_t h;

	cublasCreate(&h);
	if (cublasGemmEx(h, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &one, a, CUDA_R_32F, lda, b, CUDA_R_32F, ldb, &zero,
	                 c, CUDA_R_32F, ldc, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT))
		fprintf(stderr, "refused\n"), abort();
}
static void product_good() { product(4, 5, 6, 4, 6, 4, zeros(96), zeros(120), blank(80)); }
static void product_wide_a() { product(4, 5, 6, 8, 6, 4, zeros(96), zeros(120), blank(80)); }
static void product_narrow_b() { product(4, 5, 6, 4, 5, 4, zeros(96), zeros(120), blank(80)); }
static void product_wide_c() { product(4, 5, 6, 4, 6, 6, zeros(96), zeros(120), blank(80)); }
static void product_blank() { product(4, 5, 6, 4, 6, 4, zeros(96), blank(120), blank(80)); }
static void product_host() { static float b[30]; product(4, 5, 6, 4, 6, 4, zeros(96), b, blank(80)); }

int main()
{
	caught(staging, "a staging buffer used again too early", "changed a buffer of 64 bytes before its copy");
	caught(copy_past, "a copy of too many bytes", "cudaMemcpyAsync: 68 bytes: out of bounds");
	caught(copy_blank, "a copy of what nobody wrote", "never written");
	caught(copy_wrong_way, "a copy the wrong way", "which these pointers are not");
	caught(not_waited, "a result not waited for", "never written");
	caught(host_reads, "host code that reads device memory", "host code touches byte 12 of 64");
	caught(host_copies, "the host's library that does", "host code touches byte 0 of 64");
	passes(product_good, "a product");
	caught(product_wide_a, "a leading dimension too large", "cuBLAS: a: 16 bytes: out of bounds");
	caught(product_narrow_b, "a leading dimension too small", "refused");
	caught(product_wide_c, "the result's too large", "cuBLAS: c: 16 bytes: out of bounds");
	caught(product_blank, "a factor that nobody wrote", "cuBLAS: b: 24 bytes: never written");
	caught(product_host, "a factor on the host", "cuBLAS: b: 24 bytes: not device memory");
	return tap_done();
}
