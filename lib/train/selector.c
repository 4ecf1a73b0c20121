/* SPDX-License-Identifier: MIT */
/* selector.c - see selector.h.
 *
 * softmax: d w_j / d omega_i = w_j ((i == j) - w_i / N), hence
 *          sum_j gap_j grad_i w_j = w_i (gap_i - c),  c = sum_j gap_j w_j / N
 *          with gap_i = 0 for rows outside the batch;
 * sigmoid: d w_j / d omega_j = w_j (1 - w_j / 2).
 */
#include "selector.h"

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
			s->omega[i] = a == SOFTMAX ? 0.1f : -1e-4f;
	}
	return s;
}

void selector_close(struct selector *s)
{
	free(s->omega);
	free(s->g);
	free(s->m);
	free(s->v);
	free(s);
}

/* log of sum_k exp(omega_k) / N, so that w_i = exp(omega_i - it) */
static double log_mean_exp(const struct selector *s)
{
	double top = s->omega[0], z = 0;

	for (long i = 1; i < s->n; i++)
		if (s->omega[i] > top)
			top = s->omega[i];
	for (long i = 0; i < s->n; i++)
		z += exp(s->omega[i] - top);
	return top + log(z / s->n);
}

static double weight(const struct selector *s, long i, double lme)
{
	return s->activation == SOFTMAX ? exp(s->omega[i] - lme)
	                                : 2 / (1 + exp(-(double)s->omega[i]));
}

void selector_weights(const struct selector *s, const long row[], int n, float w[])
{
	double lme = s->activation == SOFTMAX ? log_mean_exp(s) : 0;

	for (int j = 0; j < n; j++)
		w[j] = (float)weight(s, row[j], lme);
}

void selector_all(const struct selector *s, float w[])
{
	double lme = s->activation == SOFTMAX ? log_mean_exp(s) : 0;

	for (long i = 0; i < s->n; i++)
		w[i] = (float)weight(s, i, lme);
}

/* s->g = sum_j gap_j grad w_j(omega) */
static void gradient(struct selector *s, const long row[], const float gap[], int n)
{
	double lme = s->activation == SOFTMAX ? log_mean_exp(s) : 0, c = 0;

	for (long i = 0; i < s->n; i++)
		s->g[i] = 0;
	for (int j = 0; j < n; j++) {
		double w = weight(s, row[j], lme);

		s->g[row[j]] += gap[j] * (s->activation == SOFTMAX ? 1 : w * (1 - w / 2));
		c += gap[j] * w / s->n;
	}
	if (s->activation == SOFTMAX)
		for (long i = 0; i < s->n; i++)
			s->g[i] = weight(s, i, lme) * (s->g[i] - c);
}

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

void selector_step(struct selector *s, const long row[], const float gap[], int n)
{
	gradient(s, row, gap, n);
	s->t++;
	if (s->optim == SELECTOR_ADAM) {
		adam(s, n);
		return;
	}
	for (long i = 0; i < s->n; i++)
		s->omega[i] -= (float)(s->rate * s->g[i]);
}
