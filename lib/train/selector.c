/* SPDX-License-Identifier: MIT */
/* selector.c - omega's weights, and its steps; see selector.h.
 *
 * With gap_j the number that weighs w_j in the loss, and 0 for rows outside the batch, the
 * gradient  g = sum_j gap_j grad w_j  is
 *
 *   softmax:  g_i = w_i (gap_i - c),  c = sum_j gap_j w_j / N,
 *             since d w_j / d omega_i = w_j ((i == j) - w_i / N)
 *   sigmoid:  g_i = gap_i w_i (1 - w_i / 2)
 */
#include "selector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"

struct selector *selector_open(long n, enum activation a, enum selector_optim o, double rate)
{
	struct selector *s = xzalloc(1, sizeof *s);

	s->activation = a;
	s->optim = o;
	s->n = n;
	s->rate = rate;
	s->omega = xzalloc(n, sizeof *s->omega);
	s->g = xzalloc(n, sizeof *s->g);
	if (o == SELECTOR_ADAM) {
		s->m = xzalloc(n, sizeof *s->m);
		s->v = xzalloc(n, sizeof *s->v);
		for (long i = 0; i < n; i++)
			s->omega[i] = a == ACTIVATION_SOFTMAX ? 0.1f : -1e-4f;
	}
	return s;
}

void selector_share(struct selector *s, const float *x, long d)
{
	assert(s->optim == SELECTOR_SGD);
	s->x = x;
	s->d = d;
	s->a = xzalloc(d, sizeof *s->a);
}

size_t selector_bytes(enum selector_optim o)
{
	const struct selector *s = NULL;

	return sizeof *s->omega + sizeof *s->g +
	       (o == SELECTOR_ADAM ? sizeof *s->m + sizeof *s->v : 0);
}

void selector_close(struct selector *s)
{
	free(s->omega);
	free(s->g);
	free(s->m);
	free(s->v);
	free(s->a);
	free(s);
}

/* softmax: log of the mean of exp(omega), taken without overflow, so that w_i = exp(omega_i - it);
 * sigmoid: 0, which nobody uses. */
static double log_mean_exp(const struct selector *s)
{
	double top = s->omega[0], sum = 0;

	if (s->activation == ACTIVATION_SIGMOID)
		return 0;
	for (long i = 1; i < s->n; i++)
		if (s->omega[i] > top)
			top = s->omega[i];
	for (long i = 0; i < s->n; i++)
		sum += exp(s->omega[i] - top);
	return top + log(sum / s->n);
}

static double weight(const struct selector *s, long i, double lme)
{
	return s->activation == ACTIVATION_SOFTMAX ? exp(s->omega[i] - lme)
	                                           : 2 / (1 + exp(-(double)s->omega[i]));
}

void selector_weights(const struct selector *s, const long row[], long n, float w[])
{
	double lme = log_mean_exp(s);

	for (long j = 0; j < n; j++)
		w[j] = (float)weight(s, row ? row[j] : j, lme);
}

/* s->g = sum_j gap_j grad w_j(omega) */
static void gradient(struct selector *s, const long row[], const float gap[], int n)
{
	double lme = log_mean_exp(s), c = 0;

	for (long i = 0; i < s->n; i++)
		s->g[i] = 0;
	for (int j = 0; j < n; j++) {
		double w = weight(s, row[j], lme);

		s->g[row[j]] +=
			gap[j] * (s->activation == ACTIVATION_SOFTMAX ? 1 : w * (1 - w / 2));
		c += gap[j] * w / s->n;
	}
	if (s->activation == ACTIVATION_SOFTMAX)
		for (long i = 0; i < s->n; i++)
			s->g[i] = weight(s, i, lme) * (s->g[i] - c);
}

/* The authors' way: dense Adam on the mean, which is clipped as torch does. */
static void adam(struct selector *s, int n)
{
	const double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, clip = 10;
	double sum = 0, scale, c1 = 1 - pow(beta1, s->t), c2 = 1 - pow(beta2, s->t);

	for (long i = 0; i < s->n; i++)
		sum += (s->g[i] / n) * (s->g[i] / n);
	scale = fmin(1, clip / (sqrt(sum) + 1e-6)) / n;
	for (long i = 0; i < s->n; i++) {
		double g = s->g[i] * scale, m = beta1 * s->m[i] + (1 - beta1) * g;
		double v = beta2 * s->v[i] + (1 - beta2) * g * g;

		s->m[i] = (float)m;
		s->v[i] = (float)v;
		s->omega[i] -= (float)(s->rate * (m / c1) / (sqrt(v / c2) + eps));
	}
}

/* omega <- omega - rate X X'g */
static void step_shared(struct selector *s)
{
	for (long k = 0; k < s->d; k++)
		s->a[k] = 0;
	for (long i = 0; i < s->n; i++)
		if (s->g[i] != 0) /* with sigmoid those of the batch alone */
			for (long k = 0; k < s->d; k++)
				s->a[k] += s->g[i] * s->x[i * s->d + k];
#pragma omp parallel for schedule(static)
	for (long i = 0; i < s->n; i++) {
		double sum = 0;

		for (long k = 0; k < s->d; k++)
			sum += s->a[k] * s->x[i * s->d + k];
		s->omega[i] -= (float)(s->rate * sum);
	}
}

void selector_step(struct selector *s, const long row[], const float gap[], int n)
{
	gradient(s, row, gap, n);
	s->t++;
	if (s->optim == SELECTOR_ADAM) {
		adam(s, n);
		return;
	}
	if (s->x) {
		step_shared(s);
		return;
	}
	for (long i = 0; i < s->n; i++)
		s->omega[i] -= (float)(s->rate * s->g[i]);
}
