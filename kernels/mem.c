/* SPDX-License-Identifier: MIT */
/* mem.c - memory, and the operations that only move, convert or add. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/die.h"
#include "../lib/base/limits.h"
#include "cpu.h"

void *cpu_alloc(struct dev *d, size_t bytes)
{
	void *p = aligned_alloc(64, (bytes / 64 + 1) * 64);

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

float *workspace(struct workspace *w, size_t n)
{
	if (w->n < n) {
		free(w->p);
		w->p = cpu_alloc(NULL, n * sizeof(float));
		w->n = n;
	}
	return w->p;
}

float *own_workspace(struct dev *d, size_t n)
{
	return workspace(&cpu_of(d)->own[omp_get_thread_num()], n);
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

void cpu_zero(struct dev *d, void *p, size_t bytes)
{
	(void)d;
	if (bytes)
		memset(p, 0, bytes);
}

const void *cpu_adopt(struct dev *d, const void *host, size_t bytes)
{
	(void)d;
	(void)bytes;
	return host;
}

void cpu_disown(struct dev *d, const void *p)
{
	(void)d;
	(void)p;
}

size_t cpu_spare(struct dev *d)
{
	(void)d;
	return memory_available();
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
		y[j] = bf16_of(x[j]);
}

HOT static void add(float *y, const float *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] += x[j];
}

/* Columns j..j+n-1: row iy of y = row ix of x */
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
	(void)d;
#pragma omp parallel for collapse(2) schedule(static)
	for (long i = 0; i < y.rows; i++)
		for (long j = 0; j < y.cols; j += CHUNK)
			move(y, i, x, i, j, min_long(CHUNK, y.cols - j));
}

void cpu_gather(struct dev *d, struct mat y, struct mat x, const int32_t *id)
{
	(void)d;
#pragma omp parallel for collapse(2) schedule(static)
	for (long i = 0; i < y.rows; i++)
		for (long j = 0; j < y.cols; j += CHUNK)
			move(y, i, x, id[i], j, min_long(CHUNK, y.cols - j));
}

void cpu_scatter(struct dev *d, struct mat y, struct mat x, const int32_t *id)
{
	(void)d;
#pragma omp parallel for collapse(2) schedule(static)
	for (long i = 0; i < x.rows; i++)
		for (long j = 0; j < x.cols; j += CHUNK)
			move(y, id[i], x, i, j, min_long(CHUNK, x.cols - j));
}

/* Threads share the columns, so that each sum runs in the order of the rows. */
enum { STRIPE = 64 };

void cpu_scatter_add(struct dev *d, struct mat y, struct mat x, const int32_t *id)
{
	(void)d;
#pragma omp parallel for schedule(static)
	for (long j = 0; j < x.cols; j += STRIPE) {
		long n = min_long(STRIPE, x.cols - j);
		float buf[STRIPE];

		for (long i = 0; i < x.rows; i++)
			add(at(y, id[i], j), load(x, i, j, n, buf), n);
	}
}

void cpu_bias(struct dev *d, struct mat y, struct mat b)
{
	(void)d;
#pragma omp parallel for collapse(2) schedule(static)
	for (long i = 0; i < y.rows; i++)
		for (long j = 0; j < y.cols; j += CHUNK) {
			long n = min_long(CHUNK, y.cols - j);
			float buf[CHUNK], *o = place(y, i, j, buf);

			load(y, i, j, n, buf);
			add(o, at(b, 0, j), n);
			store(y, i, j, n, o);
		}
}

void cpu_bias_back(struct dev *d, struct mat db, struct mat dy)
{
	(void)d;
#pragma omp parallel for schedule(static)
	for (long j = 0; j < dy.cols; j += STRIPE) {
		long n = min_long(STRIPE, dy.cols - j);
		float buf[STRIPE], sum[STRIPE] = {0};

		for (long i = 0; i < dy.rows; i++)
			add(sum, load(dy, i, j, n, buf), n);
		add(at(db, 0, j), sum, n);
	}
}
