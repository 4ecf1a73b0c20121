/* SPDX-License-Identifier: MIT */
/* tile_amx.c - products of bf16 tiles by AMX; tile_amx.h says what each function promises. */
#include "tile_amx.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AMX \
	__attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

enum { SIDE = 16 }; /* rows of a tile, and pairs in one of its rows */

/* All eight tiles are whole.  Static, since the compiler does not see that all of it is read. */
static const struct {
	uint8_t palette, start, zero[14];
	uint16_t bytes[16];
	uint8_t rows[16];
} config = {.palette = 1,
            .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
            .rows = {SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE}};

int amx_is_allowed(void)
{
	enum { ASK = 0x1023, TILES = 18 }; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
	static int state; /* 0 before the first call; threads that meet here agree */

	if (!state)
		state = syscall(SYS_arch_prctl, ASK, TILES) ? -1 : 1;
	return state > 0;
}

AMX void amx_begin(void) { _tile_loadconfig(&config); }

AMX void amx_end(void) { _tile_release(); }

/* Tiles 0 to 3 are c, 4 and 5 the upper and the lower half of a, 6 and 7 the left and the right
 * half of b.  tall, wide and fetch are constants where this is inlined. */
AMX static inline __attribute__((always_inline)) void tiles(float *c, long ldc, const uint16_t *a,
                                                            long lda, const bf16_pair *b,
                                                            long steps, int tall, int wide, int add,
                                                            int fetch)
{
	float *lower = c + SIDE * ldc;
	const uint16_t *below = a + SIDE * lda;

	ldc *= sizeof *c;
	lda *= sizeof *a;
	if (add) {
		_tile_loadd(0, c, ldc);
		if (wide)
			_tile_loadd(1, c + SIDE, ldc);
		if (tall)
			_tile_loadd(2, lower, ldc);
		if (tall && wide)
			_tile_loadd(3, lower + SIDE, ldc);
	} else {
		_tile_zero(0);
		_tile_zero(1);
		_tile_zero(2);
		_tile_zero(3);
	}
	for (; steps > 0; steps--, a += AMX_STEP, below += AMX_STEP, b += AMX_PAIRS) {
		for (int i = 0; fetch && i < 2 * SIDE; i++)
			_mm_prefetch((const char *)below + (SIDE + i) * lda, _MM_HINT_T1);
		_tile_loadd(4, a, lda);
		_tile_loadd(6, b, 64);
		_tile_dpbf16ps(0, 4, 6);
		if (wide) {
			_tile_loadd(7, b + SIDE * SIDE, 64);
			_tile_dpbf16ps(1, 4, 7);
		}
		if (tall) {
			_tile_loadd(5, below, lda);
			_tile_dpbf16ps(2, 5, 6);
		}
		if (tall && wide)
			_tile_dpbf16ps(3, 5, 7);
	}
	_tile_stored(0, c, ldc);
	if (wide)
		_tile_stored(1, c + SIDE, ldc);
	if (tall)
		_tile_stored(2, lower, ldc);
	if (tall && wide)
		_tile_stored(3, lower + SIDE, ldc);
}

AMX void amx_product(float *c, long ldc, const uint16_t *a, long lda, const bf16_pair *panel,
                     long steps, long m, long n, int add, int fetch)
{
	if (m > SIDE && n > SIDE && fetch)
		tiles(c, ldc, a, lda, panel, steps, 1, 1, add, 1);
	else if (m > SIDE && n > SIDE)
		tiles(c, ldc, a, lda, panel, steps, 1, 1, add, 0);
	else if (m > SIDE && fetch)
		tiles(c, ldc, a, lda, panel, steps, 1, 0, add, 1);
	else if (m > SIDE)
		tiles(c, ldc, a, lda, panel, steps, 1, 0, add, 0);
	else if (n > SIDE)
		tiles(c, ldc, a, lda, panel, steps, 0, 1, add, 0);
	else
		tiles(c, ldc, a, lda, panel, steps, 0, 0, add, 0);
}

void amx_products(float *c, long ldc, const uint16_t *a, long lda, const bf16_pair *panels,
                  long steps, long m, long n, int add)
{
	for (long j = 0; j < n; j += AMX_EDGE, panels += steps * AMX_PAIRS)
		for (long i = 0; i < m; i += AMX_EDGE)
			amx_product(c + i * ldc + j, ldc, a + i * lda, lda, panels, steps,
			            long_min(AMX_EDGE, m - i), long_min(AMX_EDGE, n - j), add, 0);
}

/* The lowest n bits, of 16 or 32. */
static inline uint32_t bits(long n) { return n <= 0 ? 0 : n >= 32 ? ~0u : (1u << n) - 1; }

/* Where the values of 16 pairs are in a row and the next, which are numbered through; and those of
 * the 16 pairs after them. */
INLINE_WIDE __m512i left_pairs(void)
{
	const __m512i number =
		_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

	return _mm512_or_si512(number,
	                       _mm512_slli_epi32(_mm512_add_epi32(number, _mm512_set1_epi32(32)),
	                                         16));
}

INLINE_WIDE __m512i right_pairs(void)
{
	return _mm512_add_epi32(left_pairs(), _mm512_set1_epi32(0x100010));
}

WIDE void amx_panels(bf16_pair *y, const uint16_t *x, long ld, long n, long k)
{
	const __m512i left = left_pairs(), right = right_pairs();

	for (; n > 0; n -= AMX_EDGE, x += AMX_EDGE)
		for (long j = 0; j < amx_steps(k) * AMX_STEP; j += 2, y += SIDE) {
			__m512i even = _mm512_maskz_loadu_epi16(j < k ? bits(n) : 0, x + j * ld);
			__m512i odd =
				_mm512_maskz_loadu_epi16(j + 1 < k ? bits(n) : 0, x + (j + 1) * ld);

			_mm512_store_si512(y, _mm512_permutex2var_epi16(even, left, odd));
			_mm512_store_si512(y + SIDE * SIDE,
			                   _mm512_permutex2var_epi16(even, right, odd));
			y += j % AMX_STEP == AMX_STEP - 2 ? SIDE * SIDE : 0;
		}
}

/* 16 values, or zeros */
INLINE_WIDE __m512 values(const float *x, int there)
{
	return there ? _mm512_loadu_ps(x) : _mm512_setzero_ps();
}

WIDE void amx_panels_f32(bf16_pair *y, const float *x, long ld, long n, long k)
{
	/* Here both rows are halves of one vector. */
	const __m512i pairs = _mm512_sub_epi32(left_pairs(), _mm512_set1_epi32(0x100000));

	for (; n > 0; n -= AMX_EDGE, x += AMX_EDGE)
		for (long j = 0; j < amx_steps(k) * AMX_STEP; j += 2, y += SIDE) {
			const float *even = x + j * ld, *odd = even + ld;

			for (long half = 0; half < AMX_EDGE; half += SIDE) {
				__m512 a = values(even + half, j < k && half < n);
				__m512 b = values(odd + half, j + 1 < k && half < n);

				_mm512_store_si512(y + half * SIDE,
				                   _mm512_permutexvar_epi16(
							   pairs,
							   (__m512i)_mm512_cvtne2ps_pbh(b, a)));
			}
			y += j % AMX_STEP == AMX_STEP - 2 ? SIDE * SIDE : 0;
		}
}

/* r [16] vectors of 16, transposed: of each 4 x 4 first, then these as wholes. */
INLINE_WIDE void transpose_vectors(__m512i *r)
{
	__m512i t[SIDE];

#pragma GCC unroll 4
	for (int i = 0; i < SIDE; i += 4) {
		__m512i ab = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		__m512i AB = _mm512_unpackhi_epi32(r[i], r[i + 1]);
		__m512i cd = _mm512_unpacklo_epi32(r[i + 2], r[i + 3]);
		__m512i CD = _mm512_unpackhi_epi32(r[i + 2], r[i + 3]);

		t[i] = _mm512_unpacklo_epi64(ab, cd);
		t[i + 1] = _mm512_unpackhi_epi64(ab, cd);
		t[i + 2] = _mm512_unpacklo_epi64(AB, CD);
		t[i + 3] = _mm512_unpackhi_epi64(AB, CD);
	}
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		__m512i a = _mm512_shuffle_i32x4(t[i], t[4 + i], 0x88);
		__m512i A = _mm512_shuffle_i32x4(t[i], t[4 + i], 0xdd);
		__m512i b = _mm512_shuffle_i32x4(t[8 + i], t[12 + i], 0x88);
		__m512i B = _mm512_shuffle_i32x4(t[8 + i], t[12 + i], 0xdd);

		r[i] = _mm512_shuffle_i32x4(a, b, 0x88);
		r[8 + i] = _mm512_shuffle_i32x4(a, b, 0xdd);
		r[4 + i] = _mm512_shuffle_i32x4(A, B, 0x88);
		r[12 + i] = _mm512_shuffle_i32x4(A, B, 0xdd);
	}
}

WIDE void amx_panels_transposed(bf16_pair *y, const uint16_t *x, long ld, long n, long k)
{
	for (; n > 0; n -= AMX_EDGE, x += AMX_EDGE * ld)
		for (long j = 0; j < k; j += AMX_STEP)
			for (long half = 0; half < AMX_EDGE; half += SIDE, y += SIDE * SIDE) {
				const uint16_t *from = x + half * ld + j;
				__m512i r[SIDE];

#pragma GCC unroll 16
				for (int i = 0; i < SIDE; i++)
					r[i] = _mm512_maskz_loadu_epi16(half + i < n ? bits(k - j)
					                                             : 0,
					                                from + i * ld);
				transpose_vectors(r);
#pragma GCC unroll 16
				for (int i = 0; i < SIDE; i++)
					_mm512_store_si512(y + i * SIDE, r[i]);
			}
}

void amx_columns(uint16_t *y, long ldy, const bf16_pair *panels, long n, long k)
{
	for (; n > 0; n -= AMX_EDGE, y += AMX_EDGE * ldy)
		for (long j = 0; j < k; j += AMX_STEP)
			for (long half = 0; half < AMX_EDGE; half += SIDE, panels += SIDE * SIDE)
				amx_transpose((uint32_t *)(y + half * ldy + j), ldy / 2, panels,
				              SIDE);
}

WIDE void amx_transpose(uint32_t *y, long ldy, const uint32_t *x, long ldx)
{
	__m512i r[SIDE];

#pragma GCC unroll 16
	for (int i = 0; i < SIDE; i++)
		r[i] = _mm512_loadu_si512(x + i * ldx);
	transpose_vectors(r);
#pragma GCC unroll 16
	for (int i = 0; i < SIDE; i++)
		_mm512_storeu_si512(y + i * ldy, r[i]);
}
#else
int amx_is_allowed(void) { return 0; }
#endif
