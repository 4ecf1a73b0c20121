/* SPDX-License-Identifier: MIT */
/* norm.c - LayerNorm and RMSNorm, of whole rows or of each head of a row.
 *
 *     h = (x - mean) r,  r = 1 / sqrt(mean((x - mean)^2) + eps),  y = h (offset + gain) + bias
 *     g = dy (offset + gain),  dx = r (g - mean(g) - h mean(g h)),  dgain += dy h,  dbias += dy
 *
 * RMSNorm: mean = 0, and the term mean(g) falls away.  A thread takes a group of columns that is
 * normalised by itself: a row, or one head of one.
 */
#include "cpu.h"

#include <assert.h>

HOT static float sum(const float *x, long n)
{
	float s = 0;

#pragma omp simd reduction(+ : s)
	for (long j = 0; j < n; j++)
		s += x[j];
	return s;
}

HOT static float squares(const float *x, long n, float mean)
{
	float s = 0;

#pragma omp simd reduction(+ : s)
	for (long j = 0; j < n; j++)
		s += (x[j] - mean) * (x[j] - mean);
	return s;
}

/* One group of columns of one row, and its statistics. */
struct norm_group {
	long row, first; /* its row, and the first of its columns */
	float mean, r;
};

/* Group k, whose statistics are still to be computed; and with those that were. */
static struct norm_group group_at(const struct norm *m, long k)
{
	return (struct norm_group){.row = k / m->heads, .first = k % m->heads * m->stride};
}

static struct norm_group group_of(const struct norm *m, const float *stat, long k)
{
	struct norm_group g = group_at(m, k);

	g.mean = stat[2 * k];
	g.r = stat[2 * k + 1];
	return g;
}

/* y = (or += where add) (x - mean) r (offset + gain) + bias; bias may be NULL */
INLINE void apply_if(float *y, const float *x, const float *gain, const float *bias, long n,
                     const struct norm_group *g, float offset, int add)
{
	float mean = g->mean, r = g->r;

	if (bias) {
#pragma omp simd
		for (long j = 0; j < n; j++) {
			float z = (x[j] - mean) * r * (offset + gain[j]) + bias[j];

			y[j] = add ? y[j] + z : z;
		}
	} else {
#pragma omp simd
		for (long j = 0; j < n; j++) {
			float z = (x[j] - mean) * r * (offset + gain[j]);

			y[j] = add ? y[j] + z : z;
		}
	}
}

HOT static void apply(float *y, const float *x, const float *gain, const float *bias, long n,
                      const struct norm_group *g, float offset, int add)
{
	if (add)
		apply_if(y, x, gain, bias, n, g, offset, 1);
	else
		apply_if(y, x, gain, bias, n, g, offset, 0);
}

/* Writes y of one group, whose values are x, a piece of columns at a time. */
static void write_group(struct mat y, const float *x, struct mat gain, struct mat bias,
                        const struct norm_group *g, float offset, int add)
{
	for (long j = 0; j < gain.cols; j += CPU_CHUNK) {
		long n = long_min(CPU_CHUNK, gain.cols - j);
		float buf[CPU_CHUNK], *o = place(y, g->row, g->first + j, buf);

		apply(o, x + j, at(gain, 0, j), bias.p ? at(bias, 0, j) : NULL, n, g, offset, add);
		store(y, g->row, g->first + j, n, o);
	}
}

void cpu_norm(struct dev *d, struct mat y, float *stat, struct mat x, struct mat gain,
              struct mat bias, struct norm m, int add)
{
	long n = gain.cols, groups = x.rows * m.heads;

	assert(!add || y.type == DT_F32);
#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long k = 0; k < groups; k++) {
		struct norm_group g = group_at(&m, k);
		float *buf = x.type == DT_F32 ? NULL : own_workspace(d, n);
		const float *row = load(x, g.row, g.first, n, buf);

		stat[2 * k] = g.mean = m.rms ? 0 : sum(row, n) / n;
		stat[2 * k + 1] = g.r = 1 / sqrtf(squares(row, n, g.mean) / n + m.eps);
		write_group(y, row, gain, bias, &g, m.offset, add);
	}
}

/* s[0] += sum g, s[1] += sum g h, of n columns of a group */
HOT static void sums(float s[2], const float *dy, const float *x, const float *gain, long n,
                     const struct norm_group *at, float offset)
{
	float a = 0, b = 0, mean = at->mean;

#pragma omp simd reduction(+ : a, b)
	for (long j = 0; j < n; j++) {
		float g = dy[j] * (offset + gain[j]);

		a += g;
		b += g * (x[j] - mean);
	}
	s[0] += a;
	s[1] += b * at->r;
}

/* dx of n columns, from the group's means s of g and g h */
HOT static void set_dx(float *dx, const float *dy, const float *x, const float *gain, long n,
                       const struct norm_group *at, float offset, const float s[2], int add)
{
	float s0 = s[0], s1 = s[1], mean = at->mean, r = at->r;

	if (add) {
#pragma omp simd
		for (long j = 0; j < n; j++)
			dx[j] += r * (dy[j] * (offset + gain[j]) - s0 - (x[j] - mean) * r * s1);
	} else {
#pragma omp simd
		for (long j = 0; j < n; j++)
			dx[j] = r * (dy[j] * (offset + gain[j]) - s0 - (x[j] - mean) * r * s1);
	}
}

static void back_group(struct mat dx, struct mat half, struct mat dy, struct mat x, struct mat gain,
                       const struct norm_group *at_group, const struct norm *m, int add)
{
	long i = at_group->row, first = at_group->first, cols = gain.cols;
	float s[2] = {0, 0}, xbuf[CPU_CHUNK], ybuf[CPU_CHUNK], buf[CPU_CHUNK];
	const float *p = NULL, *g = NULL;

	for (long j = 0; j < cols; j += CPU_CHUNK) {
		long n = long_min(CPU_CHUNK, cols - j);

		g = load(dy, i, first + j, n, ybuf);
		p = load(x, i, first + j, n, xbuf);
		sums(s, g, p, at(gain, 0, j), n, at_group, m->offset);
	}
	s[0] = m->rms ? 0 : s[0] / cols;
	s[1] /= cols;
	for (long j = 0; j < cols; j += CPU_CHUNK) {
		long n = long_min(CPU_CHUNK, cols - j);
		float *o = place(dx, i, first + j, buf);

		if (cols > CPU_CHUNK) { /* else both are still in their buffers */
			g = load(dy, i, first + j, n, ybuf);
			p = load(x, i, first + j, n, xbuf);
		}
		set_dx(o, g, p, at(gain, 0, j), n, at_group, m->offset, s, add);
		store(dx, i, first + j, n, o);
		if (half.p)
			narrow(at(half, i, first + j), o, n);
	}
}

HOT static void add_gain(float *dgain, float *dbias, const float *dy, const float *x, long n,
                         const struct norm_group *at)
{
	float mean = at->mean, r = at->r;

#pragma omp simd
	for (long j = 0; j < n; j++) {
		dgain[j] += dy[j] * (x[j] - mean) * r;
		dbias[j] += dy[j];
	}
}

/* The gradients of gain and bias are sums over all groups.  Threads divide the columns among them,
 * so that each sum runs in the order of the rows whatever the number of threads. */
static void back_gain(struct dev *d, struct mat dgain, struct mat dbias, struct mat dy,
                      struct mat x, const float *stat, long cols, const struct norm *m)
{
	enum { STRIPE = 64 };
	long groups = x.rows * m->heads;

#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long j = 0; j < cols; j += STRIPE) {
		long n = long_min(STRIPE, cols - j);
		float ybuf[STRIPE], xbuf[STRIPE], g[STRIPE] = {0}, b[STRIPE] = {0};

		for (long k = 0; k < groups; k++) {
			struct norm_group at = group_of(m, stat, k);

			add_gain(g, b, load(dy, at.row, at.first + j, n, ybuf),
			         load(x, at.row, at.first + j, n, xbuf), n, &at);
		}
		if (dgain.p)
			add_scaled(at(dgain, 0, j), g, n, 1);
		if (dbias.p)
			add_scaled(at(dbias, 0, j), b, n, 1);
	}
}

void cpu_norm_back(struct dev *d, struct mat dx, struct mat half, struct mat dgain,
                   struct mat dbias, struct mat dy, struct mat x, struct mat gain,
                   const float *stat, struct norm m, int add)
{
	long groups = x.rows * m.heads;

	assert(!add || dx.type == DT_F32);
	if (dgain.p || dbias.p) /* before dx, which may take the place of dy */
		back_gain(d, dgain, dbias, dy, x, stat, gain.cols, &m);
#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long k = 0; k < groups; k++) {
		struct norm_group g = group_of(&m, stat, k);

		back_group(dx, half, dy, x, gain, &g, &m, add);
	}
}
