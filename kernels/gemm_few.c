/* SPDX-License-Identifier: MIT */
/* gemm_few.c - c = alpha a b' + beta c where a has few rows, as when several texts are generated
 * together.
 *
 * oneDNN would first copy b into an order of its own, which takes as long as such a product.  Here
 * b is read as it lies.  A tile is ROWS rows of a against COLS rows of b; each of its sums is a
 * vector of partial sums along k, added up at the end.  A piece of k is short enough that the
 * pieces of a and b stay in the caches.
 */
#include "cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { ROWS = 6, COLS = 4, BLOCK = 64, PIECE = 2048 };

/* n values from p on, at most as many as a vector holds; the rest of it is 0. */
INLINE_WIDE __m512i some(const void *p, long n, enum dtype type)
{
	return type == DT_F32 ? _mm512_maskz_loadu_epi32((__mmask16)((1u << n) - 1), p)
	                      : _mm512_maskz_loadu_epi16((__mmask32)((1ull << n) - 1), p);
}

INLINE_WIDE __m512 multiply_add(__m512 sum, __m512i a, __m512i b, enum dtype type)
{
	return type == DT_F32 ? _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum)
	                      : _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

/* The sums of the elements of each of four vectors. */
INLINE_WIDE __m128 sums(const __m512 *x)
{
	__m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(x[0], x[1]), _mm512_unpackhi_ps(x[0], x[1]));
	__m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(x[2], x[3]), _mm512_unpackhi_ps(x[2], x[3]));
	__m512d lo = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
	__m512d hi = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
	__m512 all = _mm512_add_ps(_mm512_castpd_ps(lo), _mm512_castpd_ps(hi));
	__m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));

	return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/* y [rows x COLS], ld BLOCK, += a b' of k columns.  b comes from memory, for which the processor
 * would wait: meanwhile what lies `ahead` bytes further on is fetched.  rows and type are constants
 * where this is inlined, so that acc lives in registers. */
INLINE_WIDE void tile(float *y, const char *a, long lda, const char *const b[COLS], long ahead,
                      long k, int rows, enum dtype type)
{
	enum { BYTES = 64 };
	long size = type == DT_F32 ? 4 : 2, whole = k * size / BYTES * BYTES,
	     rest = k - whole / size;
	__m512 acc[ROWS][COLS];

#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
		for (int c = 0; c < COLS; c++)
			acc[i][c] = _mm512_setzero_ps();
	for (long j = 0; j < whole; j += BYTES) {
		__m512i w[COLS];

#pragma GCC unroll 4
		for (int c = 0; c < COLS; c++) {
			w[c] = _mm512_loadu_si512(b[c] + j);
			_mm_prefetch(b[c] + j + ahead, _MM_HINT_T0);
		}
#pragma GCC unroll 6
		for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
			for (int c = 0; c < COLS; c++)
				acc[i][c] =
					multiply_add(acc[i][c], _mm512_loadu_si512(a + i * lda + j),
				                     w[c], type);
	}
	if (rest)
#pragma GCC unroll 6
		for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
			for (int c = 0; c < COLS; c++)
				acc[i][c] = multiply_add(acc[i][c],
				                         some(a + i * lda + whole, rest, type),
				                         some(b[c] + whole, rest, type), type);
#pragma GCC unroll 6
	for (int i = 0; i < rows; i++)
		_mm_storeu_ps(y + i * BLOCK, _mm_add_ps(_mm_loadu_ps(y + i * BLOCK), sums(acc[i])));
}

/* As tile, for any number of rows of a. */
INLINE_WIDE void strip(float *y, const char *a, long lda, const char *const b[COLS], long ahead,
                       long m, long k, enum dtype type)
{
	for (; m >= ROWS; m -= ROWS, a += ROWS * lda, y += ROWS * BLOCK)
		tile(y, a, lda, b, ahead, k, ROWS, type);
	if (m == 5)
		tile(y, a, lda, b, ahead, k, 5, type);
	else if (m == 4)
		tile(y, a, lda, b, ahead, k, 4, type);
	else if (m == 3)
		tile(y, a, lda, b, ahead, k, 3, type);
	else if (m == 2)
		tile(y, a, lda, b, ahead, k, 2, type);
	else if (m == 1)
		tile(y, a, lda, b, ahead, k, 1, type);
}

WIDE static void strip_f32(float *y, const char *a, long lda, const char *const b[COLS], long ahead,
                           long m, long k)
{
	strip(y, a, lda, b, ahead, m, k, DT_F32);
}

WIDE static void strip_bf16(float *y, const char *a, long lda, const char *const b[COLS],
                            long ahead, long m, long k)
{
	strip(y, a, lda, b, ahead, m, k, DT_BF16);
}

/* y [a.rows x n], ld BLOCK, = a times n rows of b from row `first` on, transposed */
static void block(float *y, struct mat a, struct mat b, long first, long n)
{
	long size = dtype_size(a.type);

	memset(y, 0, a.rows * BLOCK * sizeof *y);
	for (long j = 0; j < a.cols; j += PIECE)
		for (long c = 0; c < n; c += COLS) {
			const char *w[COLS];

			for (long r = 0; r < COLS; r++)
				w[r] = at(b, first + long_min(c + r, n - 1), j);
			(a.type == DT_F32 ? strip_f32 : strip_bf16)(y + c, at(a, 0, j), a.ld * size,
			                                            w, COLS * b.ld * size, a.rows,
			                                            long_min(PIECE, a.cols - j));
		}
}

/* y = alpha x + beta y; beta 0 does not read y */
HOT static void mix(float *y, const float *x, long n, float alpha, float beta)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = alpha * x[j] + (beta != 0 ? beta * y[j] : 0);
}

int few_product(struct dev *d, struct mat c, struct mat a, struct mat b, float alpha, float beta)
{
	if (c.rows > GEMM_FEW || (c.rows == 1 && a.type == DT_F32) || !bf16_is_fast())
		return 0;
#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long j = 0; j < c.cols; j += BLOCK) {
		float *x = own_workspace(d, GEMM_FEW * BLOCK), buf[BLOCK];
		long n = long_min(BLOCK, c.cols - j);

		block(x, a, b, j, n);
		for (long i = 0; i < c.rows; i++) {
			float *y = place(c, i, j, buf);

			if (beta != 0)
				load(c, i, j, n, buf);
			mix(y, x + i * BLOCK, n, alpha, beta);
			store(c, i, j, n, y);
		}
	}
	return 1;
}
#else
int few_product(struct dev *d, struct mat c, struct mat a, struct mat b, float alpha, float beta)
{
	(void)d, (void)c, (void)a, (void)b, (void)alpha, (void)beta;
	return 0;
}
#endif
