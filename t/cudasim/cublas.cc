/* SPDX-License-Identifier: MIT */
/* cublas.cc - c = alpha op(a) op(b) + beta c for column-major matrices, as cuBLAS has it. */
#include <limits.h>

#include <vector>

#include "cublas_v2.h"
#include "cuda_bf16.h"
#include "sim.h"

struct cublas_handle { cudaStream_t stream; int math; cublasPointerMode_t pointers; };

namespace cudasim {

struct matrix { char *p; cudaDataType type; int ld; long long stride; };
struct product_of {
	bool ta, tb, tf32;
	int m, n, k, batch;
	float alpha, beta;
	struct matrix a, b, c;
};

static size_t size_of(cudaDataType t) { return t == CUDA_R_16BF ? 2 : 4; }

/* Every column of a [rows x cols] operand. */
static void must(const char *what, const struct matrix &x, long rows, long cols, bool written)
{
	for (long j = 0; j < cols; j++)
		device_must(what, x.p + j * x.ld * (long)size_of(x.type), rows * size_of(x.type), written);
}

static float element(const struct matrix &x, long i, bool tf32)
{
	if (x.type == CUDA_R_16BF)
		return __bfloat162float(((const __nv_bfloat16 *)x.p)[i]);
	float f = ((const float *)x.p)[i];
	return tf32 ? __uint_as_float((__float_as_uint(f) + 0x1000) & 0xffffe000u) : f;
}

/* op(x) as columns of floats, `rows` long. */
static std::vector<float> columns_of(const struct matrix &x, bool turned, long rows, long cols, bool tf32)
{
	std::vector<float> y((size_t)(rows * cols));

	for (long j = 0; j < cols; j++)
		for (long i = 0; i < rows; i++)
			y[(size_t)(j * rows + i)] = element(x, turned ? i * x.ld + j : j * x.ld + i, tf32);
	return y;
}

__attribute__((target_clones("arch=x86-64-v3", "default"), optimize("O3")))
static void add_scaled(float *y, const float *x, float by, long n)
{
	for (long i = 0; i < n; i++)
		y[i] += by * x[i];
}

static void multiply_one(const struct product_of &g, const struct matrix &c, const std::vector<float> &a,
                         const std::vector<float> &b)
{
	std::vector<float> sum((size_t)g.m);

	for (long j = 0; j < g.n; j++) {
		std::fill(sum.begin(), sum.end(), 0.0f);
		for (long l = 0; l < g.k; l++)
			add_scaled(sum.data(), &a[(size_t)(l * g.m)], b[(size_t)(j * g.k + l)], g.m);
		for (long i = 0; i < g.m; i++) {
			long at = j * c.ld + i;
			float x = g.alpha * sum[(size_t)i] + (g.beta != 0 ? g.beta * element(c, at, false) : 0);

			if (c.type == CUDA_R_16BF)
				((__nv_bfloat16 *)c.p)[at] = __float2bfloat16_rn(x);
			else
				((float *)c.p)[at] = x;
		}
	}
}

static void run(struct product_of g)
{
	static const std::vector<float> none;

	space_open();
	for (int i = 0; i < g.batch; i++) {
		struct matrix a = g.a, b = g.b, c = g.c;
		bool used = g.k && g.alpha != 0;

		a.p += i * a.stride * (long long)size_of(a.type);
		b.p += i * b.stride * (long long)size_of(b.type);
		c.p += i * c.stride * (long long)size_of(c.type);
		if (used) {
			must("cuBLAS: a", a, g.ta ? g.k : g.m, g.ta ? g.m : g.k, true);
			must("cuBLAS: b", b, g.tb ? g.n : g.k, g.tb ? g.k : g.n, true);
		}
		must("cuBLAS: c", c, g.m, g.n, g.beta != 0);
		struct product_of one = g;
		one.k = used ? g.k : 0;
		multiply_one(one, c, used ? columns_of(a, g.ta, g.m, g.k, g.tf32) : none,
		             used ? columns_of(b, g.tb, g.k, g.n, g.tf32) : none);
		for (long j = 0; j < g.n; j++)
			device_written(c.p + j * c.ld * (long)size_of(c.type), g.m * size_of(c.type));
	}
	space_shut();
}

static bool known(cudaDataType t) { return t == CUDA_R_32F || t == CUDA_R_16BF; }

static cublasStatus_t start(cublasHandle_t h, struct product_of g, const void *alpha, const void *beta,
                            cublasComputeType_t compute)
{
	if (!h)
		return CUBLAS_STATUS_NOT_INITIALIZED;
	if (g.m < 0 || g.n < 0 || g.k < 0 || g.batch < 0 || !alpha || !beta ||
	    g.a.ld < fmax(1, g.ta ? g.k : g.m) || g.b.ld < fmax(1, g.tb ? g.n : g.k) ||
	    g.c.ld < fmax(1, g.m))
		return CUBLAS_STATUS_INVALID_VALUE;
	if (g.a.type != g.b.type || !known(g.a.type) || !known(g.c.type) ||
	    (g.a.type == CUDA_R_32F && g.c.type == CUDA_R_16BF) || h->pointers)
		return CUBLAS_STATUS_NOT_SUPPORTED;
	g.alpha = *(const float *)alpha;
	g.beta = *(const float *)beta;
	g.tf32 = g.a.type == CUDA_R_32F && compute != CUBLAS_COMPUTE_32F_PEDANTIC &&
	         (compute == CUBLAS_COMPUTE_32F_FAST_TF32 || (h->math & 15) == CUBLAS_TF32_TENSOR_OP_MATH);
	if (g.m && g.n && g.batch)
		enqueue(h->stream, [g] { run(g); });
	return CUBLAS_STATUS_SUCCESS;
}

}

using namespace cudasim;

cublasStatus_t cublasCreate(cublasHandle_t *h)
{
	*h = new cublas_handle{};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t h)
{
	delete h;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t h, cudaStream_t s)
{
	h->stream = s;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t h, cublasMath_t m)
{
	h->math = m;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *p, size_t n)
{
	if ((uintptr_t)p % 256)
		return CUBLAS_STATUS_INVALID_VALUE;
	device_must("cublasSetWorkspace", p, n, false);
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode(cublasHandle_t h, cublasPointerMode_t m)
{
	h->pointers = m;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetAtomicsMode(cublasHandle_t, cublasAtomicsMode_t) { return CUBLAS_STATUS_SUCCESS; }

const char *cublasGetStatusString(cublasStatus_t s)
{
	switch (s) {
	case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
	case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
	case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
	default: return "a cuBLAS error";
	}
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb,
	int m, int n, int k, const void *alpha, const void *a, cudaDataType at, int lda,
	long long int sa, const void *b, cudaDataType bt, int ldb, long long int sb, const void *beta,
	void *c, cudaDataType ct, int ldc, long long int sc, int batch, cublasComputeType_t compute,
	cublasGemmAlgo_t)
{
	struct product_of g = {ta != CUBLAS_OP_N, tb != CUBLAS_OP_N, false, m, n, k, batch, 0, 0,
	                       {(char *)a, at, lda, sa}, {(char *)b, bt, ldb, sb}, {(char *)c, ct, ldc, sc}};

	return start(h, g, alpha, beta, compute);
}

cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n,
	int k, const void *alpha, const void *a, cudaDataType at, int lda, const void *b,
	cudaDataType bt, int ldb, const void *beta, void *c, cudaDataType ct, int ldc,
	cublasComputeType_t compute, cublasGemmAlgo_t algo)
{
	return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, at, lda, 0, b, bt, ldb, 0, beta, c, ct,
	                                  ldc, 0, 1, compute, algo);
}

cublasStatus_t cublasSgemm(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n,
	int k, const float *alpha, const float *a, int lda, const float *b, int ldb, const float *beta,
	float *c, int ldc)
{
	return cublasGemmEx(h, ta, tb, m, n, k, alpha, a, CUDA_R_32F, lda, b, CUDA_R_32F, ldb, beta, c,
	                    CUDA_R_32F, ldc, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}
