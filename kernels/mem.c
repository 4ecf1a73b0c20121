/* SPDX-License-Identifier: MIT */
/* mem.c - the CPU's memory, and the operations that only move, convert, scale or add rows. */
#include <stdlib.h>

#include "../lib/base/die.h"
#include "../lib/base/limits.h"
#include "../lib/base/world.h"
#include "cpu.h"

void *cpu_alloc(struct dev *d, size_t bytes)
{
	void *p = aligned_alloc(MAT_ALIGN, (bytes / MAT_ALIGN + 1) * MAT_ALIGN);

	(void)d;
	if (!p)
		die("out of memory (%zu bytes)", bytes);
	return p;
}

void cpu_free(struct dev *d, void *p)
{
	(void)d;
	free(p);
}

void cpu_put(struct dev *d, void *dst, const void *host, size_t bytes)
{
	(void)d;
	if (bytes)
		memcpy(dst, host, bytes);
}

void cpu_get(struct dev *d, void *host, const void *src, size_t bytes)
{
	cpu_put(d, host, src, bytes);
}

void cpu_zero(struct dev *d, struct mat x)
{
	size_t size = dtype_size(x.type);

	(void)d;
	if (x.ld == x.cols || x.rows == 1)
		x = mat_of(x.p, x.type, 1, x.rows * x.cols);
	for (long i = 0; i < x.rows && x.cols; i++)
		memset(at(x, i, 0), 0, x.cols * size);
}

size_t cpu_spare(struct dev *d)
{
	(void)d;
	return memory_available() / 4 * 3 / world_locals(); /* the host has other things to do */
}

HOT void widen(float *y, const uint16_t *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = element(x, j, DT_BF16);
}

HOT void narrow(uint16_t *y, const float *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = bf16_of_float(x[j]);
}

HOT void add_scaled(float *y, const float *x, long n, float scale)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] += scale * x[j];
}

HOT static void multiply(float *y, const float *x, long n, float scale)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = scale * x[j];
}

/* Columns j..j+n-1 of row iy of y = those of row ix of x. */
static void move(struct mat y, long iy, struct mat x, long ix, long j, long n)
{
	if (x.type == y.type)
		memcpy(at(y, iy, j), at(x, ix, j), n * dtype_size(x.type));
	else if (x.type == DT_F32)
		narrow(at(y, iy, j), at(x, ix, j), n);
	else
		widen(at(y, iy, j), at(x, ix, j), n);
}

void cpu_copy(struct dev *d, struct mat y, struct mat x)
{
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < y.rows; i++)
		for (long j = 0; j < y.cols; j += CPU_CHUNK)
			move(y, i, x, i, j, long_min(CPU_CHUNK, y.cols - j));
}

/* The same, multiplied by scale. */
static void move_scaled(struct mat y, long iy, struct mat x, long ix, long j, long n, float scale)
{
	float in[CPU_CHUNK], out[CPU_CHUNK], *o = place(y, iy, j, out);

	multiply(o, load(x, ix, j, n, in), n, scale);
	store(y, iy, j, n, o);
}

/* y[i] = scale x[id[i]], of values that come in blocks. */
static void decode_rows(struct dev *d, struct mat y, struct mat x, const int32_t *id, float scale)
{
	size_t row = x.ld / dtype_block(x.type) * dtype_block_bytes(x.type);

#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < y.rows; i++) {
		float *v = own_workspace(d, x.cols);

		dtype_decode(x.type, (const char *)x.p + id[i] * row, x.cols, v);
		if (scale != 1)
			multiply(v, v, x.cols, scale);
		dtype_encode(y.type, v, x.cols, at(y, i, 0));
	}
}

void cpu_gather(struct dev *d, struct mat y, struct mat x, const int32_t *id, float scale)
{
	if (x.type != DT_F32 && x.type != DT_BF16) {
		decode_rows(d, y, x, id, scale);
		return;
	}
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < y.rows; i++)
		for (long j = 0; j < y.cols; j += CPU_CHUNK) {
			long n = long_min(CPU_CHUNK, y.cols - j);

			if (scale == 1)
				move(y, i, x, id[i], j, n);
			else
				move_scaled(y, i, x, id[i], j, n, scale);
		}
}

void cpu_scatter(struct dev *d, struct mat y, struct mat x, const int32_t *id)
{
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < x.rows; i++)
		for (long j = 0; j < x.cols; j += CPU_CHUNK)
			move(y, id[i], x, i, j, long_min(CPU_CHUNK, x.cols - j));
}

/* A group of many rows, the first tokens of a prompt that all rows share, lies beside others of the
 * kind: threads take few groups at a time. */
void cpu_scatter_add(struct dev *d, struct mat y, struct mat x, struct groups g, float scale)
{
#pragma omp parallel for schedule(static, 4) num_threads(threads_of(d))
	for (long i = 0; i < g.n; i++)
		for (long j = 0; j < x.cols; j += CPU_CHUNK) {
			long n = long_min(CPU_CHUNK, x.cols - j);
			float sum[CPU_CHUNK], buf[CPU_CHUNK], *o = place(y, g.to[i], j, sum);

			load(y, g.to[i], j, n, sum);
			for (long k = g.start[i]; k < g.start[i + 1]; k++)
				add_scaled(o, load(x, g.place[k], j, n, buf), n, scale);
			store(y, g.to[i], j, n, o);
		}
}

void cpu_bias(struct dev *d, struct mat y, struct mat b, float scale)
{
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < y.rows; i++)
		for (long j = 0; j < y.cols; j += CPU_CHUNK) {
			long n = long_min(CPU_CHUNK, y.cols - j);
			float buf[CPU_CHUNK], *o = place(y, i, j, buf);

			load(y, i, j, n, buf);
			add_scaled(o, at(b, 0, j), n, scale);
			store(y, i, j, n, o);
		}
}

/* Where sums run over rows, threads divide the columns among them, in stripes of so many: each sum
 * then runs in the order of the rows whatever the number of threads. */
enum { STRIPE = 64 };

void cpu_bias_back(struct dev *d, struct mat db, struct mat dy, float scale)
{
#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long j = 0; j < dy.cols; j += STRIPE) {
		long n = long_min(STRIPE, dy.cols - j);
		float buf[STRIPE], sum[STRIPE] = {0};

		for (long i = 0; i < dy.rows; i++)
			add_scaled(sum, load(dy, i, j, n, buf), n, 1);
		add_scaled(at(db, 0, j), sum, n, scale);
	}
}
