/* SPDX-License-Identifier: MIT */
/* gemm.cu - c = alpha op(a) op(b) + beta c by cuBLAS.
 *
 * cuBLAS is column-major: what it calls C is our c transposed, so that it is asked for
 * c' = op(b)' op(a)', with b and a in each other's place and our ld as it is.
 *
 * bf16 goes through the tensor cores and sums in f32.  f32 is computed as f32 throughout, not
 * as TF32 (a mantissa of 10 bits, 4 times as fast or more): --dtype f32 is asked for where
 * results are to be compared, and everything that has to be fast is bf16.  alpha and beta are
 * host memory, the scratch is ours (dev.cu), atomics are off as cuBLAS has them: equal input on
 * one kind of chip gives equal bits.
 *
 * cuBLAS has no product of f32 matrices into bf16: it is summed in f32 scratch, and converted.
 *
 * Floor, for the widest layer of Llama-3-8B and 4096 tokens (gate and up: c [4096 x 28672],
 * a [4096 x 4096], b [28672 x 4096], bf16):
 *
 *   2 * 4096 * 28672 * 4096 = 962 GFLOP              A6000 6.21 ms    H100 0.973 ms
 *   (4096 * (4096 + 28672) + 28672 * 4096) * 2 B = 503 MB    0.655 ms         0.150 ms
 *
 * so that the arithmetic decides, from some 200 tokens on an A6000 and 300 on an H100; the
 * product of one row (generation) is bound by reading b: 235 MB, 0.306 and 0.070 ms.
 * In f32: 24.9 and 14.4 ms.
 *
 * mix and scale (the odd cases), 4096 x 4096: mix 4 B read, 2 read, 2 written an element =
 * 134 MB, 0.175 and 0.040 ms, two operations an element; scale, bf16: 67 MB, 0.087 and 0.020 ms.
 */
#include "cuda.h"

#include <limits.h>

static cudaDataType_t type_of(struct mat m) { return m.type == DT_BF16 ? CUDA_R_16BF : CUDA_R_32F; }

static int size(long n)
{
	if (n > INT_MAX)
		die("a matrix of %ld rows or columns is too large for cuBLAS", n);
	return (int)n;
}

static void multiply(struct dev *d, struct mat c, struct mat a, int ta, struct mat b, int tb,
                     float alpha, float beta)
{
	CUBLAS_OK(cublasGemmEx(cuda_of(d)->blas, tb ? CUBLAS_OP_T : CUBLAS_OP_N,
	                       ta ? CUBLAS_OP_T : CUBLAS_OP_N, size(c.cols), size(c.rows),
	                       size(ta ? a.rows : a.cols), &alpha, b.p, type_of(b), size(b.ld), a.p,
	                       type_of(a), size(a.ld), &beta, c.p, type_of(c), size(c.ld),
	                       CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

/* c = x + beta c, x without gaps; where x is NULL: c = beta c; beta 0 does not read c */
template <class C>
static __global__ void mix(C *c, long ldc, const float *x, long rows, long cols, float beta,
                           int wide)
{
	long i, j;
	float v[CUDA_PIECE] = {0}, w[CUDA_PIECE] = {0};

	if (!own_piece(rows, cols, &i, &j))
		return;
	c += i * ldc + j;
	if (beta != 0)
		load_piece(v, c, cols - j, wide);
	if (x)
		load_piece(w, x + i * cols + j, cols - j, wide && cols % CUDA_PIECE == 0);
	for (int k = 0; k < CUDA_PIECE; k++)
		v[k] = beta * v[k] + w[k];
	store_piece(c, v, cols - j, wide);
}

static void mix_any(struct dev *d, struct mat c, const float *x, float beta)
{
	cudaStream_t stream = cuda_of(d)->stream;
	unsigned blocks = blocks_of(c.rows * pieces_of(c.cols));

	if (c.type == DT_F32)
		LAUNCH(mix<float>, blocks, CUDA_BLOCK, 0, stream, (float *)c.p, c.ld, x, c.rows,
		       c.cols, beta, is_wide(c));
	else
		LAUNCH(mix<bf16>, blocks, CUDA_BLOCK, 0, stream, (bf16 *)c.p, c.ld, x, c.rows,
		       c.cols, beta, is_wide(c));
}

void cuda_gemm(struct dev *d, struct mat c, struct mat a, int ta, struct mat b, int tb, float alpha,
               float beta)
{
	if (!c.rows || !c.cols)
		return;
	if (!(ta ? a.rows : a.cols) || alpha == 0) {
		mix_any(d, c, NULL, beta);
	} else if (a.type == DT_F32 && c.type == DT_BF16) {
		float *x = (float *)cuda_work(d, c.rows * c.cols * sizeof *x);

		multiply(d, mat_of(x, DT_F32, c.rows, c.cols), a, ta, b, tb, alpha, 0);
		mix_any(d, c, x, beta);
	} else {
		multiply(d, c, a, ta, b, tb, alpha, beta);
	}
}

void cuda_gemm_add(struct dev *d, struct mat c, struct mat base, struct mat a, int ta, struct mat b,
                   int tb, float alpha)
{
	cuda_copy(d, c, base);
	cuda_gemm(d, c, a, ta, b, tb, alpha, 1);
}
