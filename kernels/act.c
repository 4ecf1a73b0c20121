/* SPDX-License-Identifier: MIT */
/* act.c - activations.
 *
 *     gelu(x)      = x Phi(x), Phi the normal distribution
 *     gelu_tanh(x) = x s(2u), u = sqrt(2/pi) (x + 0.044715 x^3), s the sigmoid
 *     silu_gate    = g s(g) up
 *
 * (Hendrycks, Gimpel 2016; Shazeer 2020.)
 */
#include "cpu.h"

/* Phi(x), and exp(-x^2/2) in *e: Abramowitz and Stegun 7.1.26, 1e-7. */
INLINE float normal(float x, float *e)
{
	float z = fabsf(x) * 0.70710678f, t = 1 / (1 + 0.3275911f * z);
	float p = 1.061405429f, tail;

	p = p * t - 1.453152027f;
	p = p * t + 1.421413741f;
	p = p * t - 0.284496736f;
	p = p * t + 0.254829592f;
	*e = exp_fast(-z * z);
	tail = 0.5f * p * t * *e;
	return x < 0 ? tail : 1 - tail;
}

HOT static void gelu(float *y, const float *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		float e;

		y[j] = x[j] * normal(x[j], &e);
	}
}

HOT static void gelu_back(float *dx, const float *dy, const float *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		float e, phi = normal(x[j], &e);

		dx[j] = dy[j] * (phi + x[j] * 0.39894228f * e);
	}
}

HOT static void gelu_tanh(float *y, const float *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		float u = 0.79788456f * (x[j] + 0.044715f * x[j] * x[j] * x[j]);

		y[j] = x[j] * sigmoid(2 * u);
	}
}

HOT static void gelu_tanh_back(float *dx, const float *dy, const float *x, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		float u = 0.79788456f * (x[j] + 0.044715f * x[j] * x[j] * x[j]);
		float du = 0.79788456f * (1 + 3 * 0.044715f * x[j] * x[j]), s = sigmoid(2 * u);

		dx[j] = dy[j] * (s + x[j] * s * (1 - s) * 2 * du);
	}
}

HOT static void silu_gate(float *y, const float *gate, const float *up, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++)
		y[j] = gate[j] * sigmoid(gate[j]) * up[j];
}

HOT static void silu_gate_bf16(uint16_t *y, const uint16_t *gate, const uint16_t *up, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		float g = element(gate, j, DT_BF16);

		set_element(y, j, DT_BF16, g * sigmoid(g) * element(up, j, DT_BF16));
	}
}

HOT static void silu_gate_back(float *dgate, float *dup, const float *dy, const float *gate,
                               const float *up, long n)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		float g = gate[j], u = up[j], s = sigmoid(g);

		dgate[j] = dy[j] * u * s * (1 + g * (1 - s));
		dup[j] = dy[j] * g * s;
	}
}

static void act_piece(struct mat y, struct mat x, enum act act, long i, long j, long n)
{
	float xbuf[CHUNK], ubuf[CHUNK], ybuf[CHUNK], *o;
	const float *p;

	if (act == SILU_GATE && x.type == DT_BF16) { /* without detours: it is the most used */
		silu_gate_bf16(at(y, i, j), at(x, i, j), at(x, i, y.cols + j), n);
		return;
	}
	o = place(y, i, j, ybuf);
	p = load(x, i, j, n, xbuf);
	if (act == SILU_GATE)
		silu_gate(o, p, load(x, i, y.cols + j, n, ubuf), n);
	else if (act == GELU)
		gelu(o, p, n);
	else
		gelu_tanh(o, p, n);
	store(y, i, j, n, o);
}

void cpu_act(struct dev *d, struct mat y, struct mat x, enum act act)
{
	(void)d;
#pragma omp parallel for collapse(2) schedule(static)
	for (long i = 0; i < y.rows; i++)
		for (long j = 0; j < y.cols; j += CHUNK)
			act_piece(y, x, act, i, j, min_long(CHUNK, y.cols - j));
}

static void back_piece(struct mat dx, struct mat dy, struct mat x, enum act act, long i, long j,
                       long n)
{
	float xbuf[CHUNK], ubuf[CHUNK], gbuf[CHUNK], dbuf[CHUNK], ebuf[CHUNK];
	float *o = place(dx, i, j, dbuf), *e;
	const float *g = load(dy, i, j, n, gbuf), *p = load(x, i, j, n, xbuf);

	if (act == SILU_GATE) {
		e = place(dx, i, dy.cols + j, ebuf);
		silu_gate_back(o, e, g, p, load(x, i, dy.cols + j, n, ubuf), n);
		store(dx, i, dy.cols + j, n, e);
	} else if (act == GELU) {
		gelu_back(o, g, p, n);
	} else {
		gelu_tanh_back(o, g, p, n);
	}
	store(dx, i, j, n, o);
}

void cpu_act_back(struct dev *d, struct mat dx, struct mat dy, struct mat x, enum act act)
{
	(void)d;
#pragma omp parallel for collapse(2) schedule(static)
	for (long i = 0; i < dy.rows; i++)
		for (long j = 0; j < dy.cols; j += CHUNK)
			back_piece(dx, dy, x, act, i, j, min_long(CHUNK, dy.cols - j));
}
