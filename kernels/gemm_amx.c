/* SPDX-License-Identifier: MIT */
/* gemm_amx.c - c = alpha op(a) op(b) + beta base of bf16 matrices by AMX.
 *
 * One of the two matrices is read as it lies, by rows along k (the "rows"); the other is put in
 * order first (the "panels" of tile_amx.h).  Which is which is chosen such that little is put in
 * order: where a is short, as when texts are generated, b' are the rows, and what is computed is
 * c'.  Rows that do not lie along k are copied.
 *
 * A thread takes a block of rows against some panels, DEEP values along k at a time: so much of a
 * panel stays in the first cache while the rows pass, which stay in the second one while panels
 * do.  Sums run in the order of k whatever the way, so that no choice here changes a bit.
 */
#include "tile_amx.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum {
	BLOCK = 256, /* rows of a block, and columns */
	ALONE = 64,  /* columns, where all rows are one block and stay in the second cache */
	DEEP = 640,
	PIECE = 8, /* steps of which panels are made at a time, where that is across */
	FEW = 256, /* of so few rows of a, what is computed is c' */
	SUMS = AMX_EDGE * AMX_EDGE,
	SIDE = AMX_EDGE / 2, /* of a tile */
};
/* So many values are put in order at a time (8 MB) for all blocks. */
#define PANELS (1L << 22)
/* So many bytes are no longer in the second cache when they are read again. */
#define LARGE (1L << 20)

/* A matrix whose rows (or, where down, columns) are multiplied along k. */
struct side {
	struct mat x;
	int down;
	long n, k;
};

/* n of them from number `first` on; and the values from l on, k of each. */
static struct side some(struct side s, long first, long n)
{
	return (struct side){s.down ? columns(s.x, first, n) : row_range(s.x, first, n), s.down, n,
	                     s.k};
}

static struct side part(struct side s, long l, long k)
{
	return (struct side){s.down ? row_range(s.x, l, k) : columns(s.x, l, k), s.down, s.n, k};
}

struct amx_work {
	struct mat c, base;
	int turned; /* what is computed is c' */
	int past; /* c is written past the caches, 64 bytes at a time: what was there is not read */
	float alpha, beta;
	struct side rows, panels;
	const uint16_t *row;    /* rows, in place or copied */
	const uint16_t *last;   /* those after the last whole AMX_EDGE */
	long lda, last_lda;     /* how far they lie apart, in values */
	const bf16_pair *panel; /* all panels, or NULL: a block makes its own */
	long steps, deep;       /* of k; of those that pass at a time */
	long block, wide;       /* rows and columns of a block */
};

static void make_panel(bf16_pair *y, struct side s)
{
	(s.down ? amx_panels : amx_panels_transposed)(y, s.x.p, s.x.ld, s.n, s.k);
}

/* The panels of s, which lie `apart` pairs after each other.  Where s is read across, a step of all
 * panels comes before the next step of any: else each 64 bytes would come from a page of their own,
 * and of large matrices these are thousands. */
static void make_panels(bf16_pair *y, long apart, struct side s)
{
	long step = s.down ? AMX_STEP : s.k;

	for (long l = 0; l < s.k; l += step)
		for (long j = 0; j < s.n; j += AMX_EDGE)
			make_panel(y + j / AMX_EDGE * apart + l / AMX_STEP * AMX_PAIRS,
			           some(part(s, l, long_min(step, s.k - l)), j,
			                long_min(AMX_EDGE, s.n - j)));
}

/* y [AMX_EDGE x lda] = at most so many rows, with zeros where there is nothing.  Columns become
 * rows by way of a panel, whose tiles are transposed. */
static void copy_rows(uint16_t *y, long lda, struct side s, bf16_pair *room)
{
	if (!s.down) {
		memset(y, 0, AMX_EDGE * lda * sizeof *y);
		for (long i = 0; i < s.n; i++)
			memcpy(y + i * lda, at(s.x, i, 0), s.k * sizeof *y);
		return;
	}
	make_panel(room, s);
	amx_columns(y, lda, room, s.n, s.k);
}

/* 16 values from p on, of which some are there. */
INLINE_WIDE __m512 old_values(const void *p, enum dtype type, __mmask16 there)
{
	if (type == DT_F32)
		return _mm512_maskz_loadu_ps(there, p);
	return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, p)),
	                                 16);
}

INLINE_WIDE void set_line(void *to, __m512i x, int past)
{
	if (past)
		_mm512_stream_si512(to, x);
	else
		_mm512_storeu_si512(to, x);
}

/* n values of row i of c from column j on = alpha x + beta times those of base.  Most often they
 * are AMX_EDGE. */
INLINE_WIDE void set_row(const struct amx_work *w, long i, long j, const float *x, long n)
{
	const __mmask16 there[2] = {n < SIDE ? (1u << n) - 1 : 0xffff, 0xffffu >> (AMX_EDGE - n)};
	long size = dtype_size(w->c.type);
	char *to = at(w->c, i, j);
	__m512 y[2];

#pragma GCC unroll 2
	for (int h = 0; h < 2; h++) {
		y[h] = _mm512_mul_ps(_mm512_set1_ps(w->alpha), _mm512_loadu_ps(x + h * SIDE));
		if (w->beta != 0)
			y[h] = _mm512_fmadd_ps(_mm512_set1_ps(w->beta),
			                       old_values((char *)at(w->base, i, j) +
			                                          h * SIDE * size,
			                                  w->c.type, there[h]),
			                       y[h]);
	}
	if (n == AMX_EDGE && w->c.type == DT_BF16) {
		set_line(to, (__m512i)_mm512_cvtne2ps_pbh(y[1], y[0]), w->past);
	} else if (n == AMX_EDGE) {
		set_line(to, (__m512i)y[0], w->past);
		set_line(to + SIDE * size, (__m512i)y[1], w->past);
	} else {
		for (int h = 0; h < 2; h++, to += SIDE * size)
			if (w->c.type == DT_F32)
				_mm512_mask_storeu_ps(to, there[h], y[h]);
			else
				_mm256_mask_storeu_epi16(to, there[h],
				                         (__m256i)_mm512_cvtneps_pbh(y[h]));
	}
}

/* Writes m rows and n columns of what is computed, from x [AMX_EDGE x AMX_EDGE]. */
WIDE static void put(const struct amx_work *w, long i, long m, long j, long n, const float *x)
{
	float t[SUMS];

	if (!w->turned) {
		for (long r = 0; r < m; r++)
			set_row(w, i + r, j, x + r * AMX_EDGE, n);
		return;
	}
	for (long r = 0; r < m; r += SIDE)
		for (long q = 0; q < n; q += SIDE)
			amx_transpose((uint32_t *)t + q * AMX_EDGE + r, AMX_EDGE,
			              (uint32_t *)x + r * AMX_EDGE + q, AMX_EDGE);
	for (long q = 0; q < n; q++)
		set_row(w, j + q, i, t + q * AMX_EDGE, m);
}

/* Rows i..last-1 against the panel of column j, steps s.. of k.  x are their sums.  fetch: the rows
 * come from memory, since it is the first panel that meets them. */
static void pass(const struct amx_work *w, long i, long last, long j, long s,
                 const bf16_pair *panel, float *x, int fetch)
{
	long n = long_min(AMX_EDGE, w->panels.n - j), steps = long_min(w->deep, w->steps - s);

	for (; i < last; i += AMX_EDGE, x += w->deep < w->steps ? SUMS : 0) {
		long m = long_min(AMX_EDGE, last - i), lda = m < AMX_EDGE ? w->last_lda : w->lda;
		const uint16_t *a = m < AMX_EDGE ? w->last : w->row + i * lda;

		amx_product(x, AMX_EDGE, a + s * AMX_STEP, lda, panel, steps, m, n, s > 0, fetch);
		if (s + steps == w->steps)
			put(w, i, m, j, n, x);
	}
}

/* The block at row i and column j. */
static void block(struct dev *d, const struct amx_work *w, long i, long j)
{
	long last = long_min(i + w->block, w->rows.n), n = long_min(w->wide, w->panels.n - j);
	long panels = w->wide / AMX_EDGE, apart = (w->panel ? w->steps : w->deep) * AMX_PAIRS;
	/* Of a panel, where they are kept. */
	long sums = w->deep < w->steps ? w->block * AMX_EDGE : 0;
	long made = w->panel ? 0 : panels * apart;
	bf16_pair *own = (bf16_pair *)own_workspace(d, made + panels * sums + SUMS);
	float *x = (float *)(own + made);

	for (long s = 0; s < w->steps; s += w->deep) {
		const bf16_pair *panel = own;

		if (w->panel)
			panel = w->panel + j / AMX_EDGE * apart + s * AMX_PAIRS;
		else
			make_panels(own, apart,
			            some(part(w->panels, s * AMX_STEP,
			                      long_min(w->deep * AMX_STEP,
			                               w->panels.k - s * AMX_STEP)),
			                 j, n));
		for (long q = 0; q < n; q += AMX_EDGE)
			pass(w, i, last, j + q, s, panel + q / AMX_EDGE * apart,
			     x + q / AMX_EDGE * sums, q == 0);
	}
}

/* The most of n, in whole AMX_EDGE and equal parts, that is no more than `most`. */
static long equal_part(long n, long most)
{
	long parts = (n + most - 1) / most;

	return round_up((n + parts - 1) / parts, AMX_EDGE);
}

/* Piece p of those in which several threads make panels: PIECE steps of all, or one panel. */
static struct side piece(struct side s, long p)
{
	long l = p * PIECE * AMX_STEP, j = p * AMX_EDGE;

	if (s.down)
		return part(s, l, long_min(PIECE * AMX_STEP, s.k - l));
	return some(s, j, long_min(AMX_EDGE, s.n - j));
}

static void multiply(struct dev *d, struct amx_work *w)
{
	long wide = w->steps * AMX_STEP, panel = w->steps * AMX_PAIRS;
	int copied = w->rows.down || w->rows.k % AMX_STEP != 0, shared = w->rows.n > BLOCK;
	long from = copied ? 0 : w->rows.n / AMX_EDGE * AMX_EDGE;
	long panels = shared ? round_up(w->panels.n, AMX_EDGE) / AMX_EDGE * panel : 0;
	long pieces = !shared          ? 0
	              : w->panels.down ? (w->steps + PIECE - 1) / PIECE
	                               : (w->panels.n + AMX_EDGE - 1) / AMX_EDGE;
	bf16_pair *room =
		(bf16_pair *)workspace(&cpu_of(d)->whole,
	                               panels + round_up(w->rows.n - from, AMX_EDGE) * wide / 2);
	uint16_t *copy = (uint16_t *)(room + panels);

	w->panel = shared ? room : NULL;
	w->row = copied ? copy : w->rows.x.p;
	w->lda = copied ? wide : w->rows.x.ld;
	w->last = copy + (w->rows.n - from) / AMX_EDGE * AMX_EDGE * wide;
	w->last_lda = wide;
#pragma omp parallel num_threads(threads_of(d))
	{
#pragma omp for schedule(static) nowait
		for (long p = 0; p < pieces; p++)
			make_panels(room + p * (w->panels.down ? PIECE * AMX_PAIRS : panel), panel,
			            piece(w->panels, p));
#pragma omp for schedule(static)
		for (long i = from; i < w->rows.n; i += AMX_EDGE)
			copy_rows(copy + (i - from) * wide, wide,
			          some(w->rows, i, long_min(AMX_EDGE, w->rows.n - i)),
			          (bf16_pair *)own_workspace(d, panel));
		amx_begin();
#pragma omp for schedule(dynamic) collapse(2)
		for (long i = 0; i < w->rows.n; i += w->block)
			for (long j = 0; j < w->panels.n; j += w->wide)
				block(d, w, i, j);
		amx_end();
		_mm_sfence(); /* what was written past the caches is there for the other threads */
	}
}

static int is_large(struct mat c)
{
	long size = dtype_size(c.type);

	return c.rows * c.cols * size > LARGE && (uintptr_t)c.p % 64 == 0 && c.ld * size % 64 == 0;
}

int amx_gemm(struct dev *d, struct mat c, struct mat base, struct mat a, int ta, struct mat b,
             int tb, float alpha, float beta)
{
	long k = ta ? a.rows : a.cols, steps = amx_steps(k);
	long parts = (steps * AMX_STEP + DEEP - 1) / DEEP;
	struct side as = {a, ta, c.rows, k}, bs = {b, !tb, c.cols, k};
	int turned = ta ? tb || c.rows > c.cols : tb && c.rows <= FEW;
	struct side rows = turned ? bs : as, panels = turned ? as : bs;
	/* What blocks put in order by themselves takes no room here; for the others a few columns would
	 * have all rows read again and again. */
	long room = rows.n > BLOCK
	                    ? long_max(BLOCK, PANELS / (steps * AMX_STEP * AMX_EDGE) * AMX_EDGE)
	                    : panels.n;

	if (a.type != DT_BF16 || !amx_is_there())
		return 0;
	for (long j = 0; j < panels.n; j += room) {
		long n = long_min(room, panels.n - j);
		struct amx_work w = {.c = turned ? row_range(c, j, n) : columns(c, j, n),
		                     .base = turned ? row_range(base, j, n) : columns(base, j, n),
		                     .turned = turned,
		                     .past = is_large(c) && (beta == 0 || base.p != c.p),
		                     .alpha = alpha,
		                     .beta = beta,
		                     .rows = rows,
		                     .panels = some(panels, j, n),
		                     .steps = steps,
		                     .deep = (steps + parts - 1) / parts,
		                     .block = equal_part(rows.n, BLOCK),
		                     .wide = equal_part(n, rows.n <= BLOCK && rows.n * k * 2 < LARGE
		                                                   ? ALONE
		                                                   : BLOCK)};

		multiply(d, &w);
	}
	return 1;
}
#else
int amx_gemm(struct dev *d, struct mat c, struct mat base, struct mat a, int ta, struct mat b,
             int tb, float alpha, float beta)
{
	(void)d, (void)c, (void)base, (void)a, (void)ta, (void)b, (void)tb, (void)alpha, (void)beta;
	return 0;
}
#endif
