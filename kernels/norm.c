/* SPDX-License-Identifier: MIT */
/* norm.c - LayerNorm and RMSNorm.
 *
 *     h = (x - mean) r,  r = 1 / sqrt(mean((x - mean)^2) + eps),  y = h gain + bias
 *     g = dy gain,  dx += r (g - mean(g) - h mean(g h)),  dgain += dy h,  dbias += dy
 *
 * RMSNorm: mean = 0, and the term mean(g) falls away.
 */
#include "cpu.h"

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

HOT static void apply(float *y, const float *x, const float *gain, const float *bias, long n,
                      float mean, float r)
{
	if (bias) {
#pragma omp simd
		for (long j = 0; j < n; j++)
			y[j] = (x[j] - mean) * r * gain[j] + bias[j];
	} else {
#pragma omp simd
		for (long j = 0; j < n; j++)
			y[j] = (x[j] - mean) * r * gain[j];
	}
}

void cpu_norm(struct dev *d, struct mat y, float *stat, struct mat x, struct mat gain,
              struct mat bias, float eps, int rms)
{
	(void)d;
#pragma omp parallel for schedule(static)
	for (long i = 0; i < x.rows; i++) {
		const float *row = at(x, i, 0);
		float mean = rms ? 0 : sum(row, x.cols) / x.cols;
		float r = 1 / sqrtf(squares(row, x.cols, mean) / x.cols + eps);

		stat[i] = mean;
		stat[x.rows + i] = r;
		for (long j = 0; j < x.cols; j += CHUNK) {
			long n = min_long(CHUNK, x.cols - j);
			float buf[CHUNK], *o = place(y, i, j, buf);

			apply(o, row + j, at(gain, 0, j), bias.p ? at(bias, 0, j) : NULL, n, mean,
			      r);
			store(y, i, j, n, o);
		}
	}
}

/* s[0] += sum g, s[1] += sum g h */
HOT static void sums(float s[2], const float *dy, const float *x, const float *gain, long n,
                     float mean, float r)
{
	float a = 0, b = 0;

#pragma omp simd reduction(+ : a, b)
	for (long j = 0; j < n; j++) {
		float g = dy[j] * gain[j];

		a += g;
		b += g * (x[j] - mean);
	}
	s[0] += a;
	s[1] += b * r;
}

HOT static void add_dx(float *dx, const float *dy, const float *x, const float *gain, long n,
                       float mean, float r, const float s[2])
{
	float s0 = s[0], s1 = s[1];

#pragma omp simd
	for (long j = 0; j < n; j++)
		dx[j] += r * (dy[j] * gain[j] - s0 - (x[j] - mean) * r * s1);
}

static void back_row(struct mat dx, struct mat dy, struct mat x, struct mat gain, long i,
                     float mean, float r, int rms)
{
	float s[2] = {0, 0}, buf[CHUNK];

	for (long j = 0; j < x.cols; j += CHUNK) {
		long n = min_long(CHUNK, x.cols - j);

		sums(s, load(dy, i, j, n, buf), at(x, i, j), at(gain, 0, j), n, mean, r);
	}
	s[0] = rms ? 0 : s[0] / x.cols;
	s[1] /= x.cols;
	for (long j = 0; j < x.cols; j += CHUNK) {
		long n = min_long(CHUNK, x.cols - j);
		const float *g =
			dy.type == DT_BF16 && x.cols <= CHUNK ? buf : load(dy, i, j, n, buf);

		add_dx(at(dx, i, j), g, at(x, i, j), at(gain, 0, j), n, mean, r, s);
	}
}

HOT static void add_gain(float *dgain, float *dbias, const float *dy, const float *x, long n,
                         float mean, float r)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		dgain[j] += dy[j] * (x[j] - mean) * r;
		dbias[j] += dy[j];
	}
}

HOT static void add(float *y, const float *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] += x[j];
}

/* Threads share the columns, so that each sum runs in the order of the rows. */
static void back_gain(struct mat dgain, struct mat dbias, struct mat dy, struct mat x,
                      const float *stat)
{
	enum { STRIPE = 64 };

#pragma omp parallel for schedule(static)
	for (long j = 0; j < x.cols; j += STRIPE) {
		long n = min_long(STRIPE, x.cols - j);
		float buf[STRIPE], g[STRIPE] = {0}, b[STRIPE] = {0};

		for (long i = 0; i < x.rows; i++)
			add_gain(g, b, load(dy, i, j, n, buf), at(x, i, j), n, stat[i],
			         stat[x.rows + i]);
		if (dgain.p)
			add(at(dgain, 0, j), g, n);
		if (dbias.p)
			add(at(dbias, 0, j), b, n);
	}
}

void cpu_norm_back(struct dev *d, struct mat dx, struct mat dgain, struct mat dbias, struct mat dy,
                   struct mat x, struct mat gain, const float *stat, int rms)
{
	(void)d;
#pragma omp parallel for schedule(static)
	for (long i = 0; i < x.rows; i++)
		back_row(dx, dy, x, gain, i, stat[i], stat[x.rows + i], rms);
	if (dgain.p || dbias.p)
		back_gain(dgain, dbias, dy, x, stat);
}
