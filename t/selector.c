/* SPDX-License-Identifier: MIT */
/* selector.c - omega: gradients by finite differences, Adam by its formula, and
 * the simulation of DESIGN section 4: a score must not know the order. */
#include "../lib/base/memory.h"
#include "../lib/base/rng.h"
#include "../lib/score/rank.h"
#include "../lib/train/selector.h"
#include "tap.h"

#include <stdlib.h>

enum { N = 12, BATCH = 5, SIM = 100000, SIM_BATCH = 64 };

static const long rows[BATCH] = {7, 2, 11, 0, 4};
static const float gap[BATCH] = {0.7f, -1.3f, 2.5f, 0.1f, -0.4f};

/* w_i(omega) in double, by the definition. */
static double weight_of(enum activation a, const double omega[N], long i)
{
	double sum = 0;

	if (a == ACTIVATION_SIGMOID)
		return 2 / (1 + exp(-omega[i]));
	for (long k = 0; k < N; k++)
		sum += exp(omega[k]);
	return N * exp(omega[i]) / sum;
}

/* g[k] = d/d omega_k of sum_j by * gap_j w_j, by central differences. */
static void differences(enum activation a, const double omega[N], double by, double g[N])
{
	double up[N], down[N], h = 1e-6;

	for (long k = 0; k < N; k++) {
		memcpy(up, omega, sizeof up);
		memcpy(down, omega, sizeof down);
		up[k] += h;
		down[k] -= h;
		g[k] = 0;
		for (int j = 0; j < BATCH; j++)
			g[k] += by * gap[j] * (weight_of(a, up, rows[j]) - weight_of(a, down, rows[j])) / (2 * h);
	}
}

static struct selector *scattered(enum activation a, enum selector_optim o, double rate, double omega[N])
{
	struct selector *s = selector_open(N, a, o, rate);
	struct rng r = rng_new(3, 0);

	for (long i = 0; i < N; i++)
		omega[i] = s->omega[i] = (float)(4 * rng_unit(&r) - 2);
	return s;
}

static void check_sgd(enum activation a)
{
	double omega[N], g[N], most = 0, moved = 0, rate = 0.5;
	struct selector *s = scattered(a, SELECTOR_SGD, rate, omega);
	const char *name = a == ACTIVATION_SOFTMAX ? "softmax" : "sigmoid";
	float w[BATCH];

	selector_weights(s, rows, BATCH, w);
	for (int j = 0; j < BATCH; j++)
		most = fmax(most, fabs(w[j] - weight_of(a, omega, rows[j])));
	ok(most < 1e-6, "%s: weights (off by %.1e)", name, most);
	differences(a, omega, 1, g);
	selector_step(s, rows, gap, BATCH);
	most = 0;
	for (long k = 0; k < N; k++) {
		most = fmax(most, fabs(s->g[k] - g[k]));
		moved = fmax(moved, fabs(omega[k] - rate * g[k] - s->omega[k]));
	}
	ok(most < 1e-6, "%s: the gradient is the sum over the batch (off by %.1e)", name, most);
	ok(moved < 1e-6, "%s, sgd: omega moves by rate times that (off by %.1e)", name, moved);
	ok(s->t == 1, "%s: steps are counted", name);
	selector_close(s);
}

/* Adam on the mean, clipped at 10; scale makes the clipping act or not. */
static void check_adam(enum activation a, float scale)
{
	double omega[N], g[N], m[N] = {0}, v[N] = {0}, most = 0, rate = 0.01;
	struct selector *s = scattered(a, SELECTOR_ADAM, rate, omega);
	float scaled[BATCH];
	int clipped = 0;

	for (int j = 0; j < BATCH; j++)
		scaled[j] = scale * gap[j];
	for (int t = 1; t <= 4; t++) {
		double norm = 0, share;

		differences(a, omega, (double)scale / BATCH, g);
		for (long k = 0; k < N; k++)
			norm += g[k] * g[k];
		norm = sqrt(norm);
		share = fmin(1, 10 / (norm + 1e-6));
		clipped += share < 1;
		for (long k = 0; k < N; k++) {
			m[k] = 0.9 * m[k] + 0.1 * share * g[k];
			v[k] = 0.95 * v[k] + 0.05 * share * g[k] * share * g[k];
			omega[k] -= rate * m[k] / (1 - pow(0.9, t)) / (sqrt(v[k] / (1 - pow(0.95, t))) + 1e-8);
		}
		selector_step(s, rows, scaled, BATCH);
	}
	for (long k = 0; k < N; k++)
		most = fmax(most, fabs(omega[k] - s->omega[k]));
	ok(most < 2e-6 && clipped == (scale > 1 ? 4 : 0), "%s, adam%s: four steps (off by %.1e)",
	   a == ACTIVATION_SOFTMAX ? "softmax" : "sigmoid", scale > 1 ? ", clipped" : "", most);
	selector_close(s);
}

static void check_start(void)
{
	static const struct { enum activation a; enum selector_optim o; double start, weight; } want[] = {
		{ACTIVATION_SOFTMAX, SELECTOR_SGD, 0, 1}, {ACTIVATION_SOFTMAX, SELECTOR_ADAM, 0.1, 1},
		{ACTIVATION_SIGMOID, SELECTOR_SGD, 0, 1}, {ACTIVATION_SIGMOID, SELECTOR_ADAM, -1e-4, 0.99995},
	};

	for (int i = 0; i < 4; i++) {
		struct selector *s = selector_open(N, want[i].a, want[i].o, 1);
		int same = 1;
		float w;

		selector_weights(s, &rows[0], 1, &w);
		for (long k = 0; k < N; k++)
			same &= s->omega[k] == (float)want[i].start;
		ok(same && fabs(w - want[i].weight) < 1e-6, "logits start at %g, weights at %g", want[i].start, want[i].weight);
		selector_close(s);
	}
}

/* Large logits neither overflow nor lose the small ones. */
static void check_large(void)
{
	struct selector *s = selector_open(N, ACTIVATION_SOFTMAX, SELECTOR_SGD, 1);
	float w[BATCH];

	for (long k = 0; k < N; k++)
		s->omega[k] = k == 7 ? 500 : -500;
	selector_weights(s, rows, BATCH, w);
	ok(fabs(w[0] - N) < 1e-5 && w[1] == 0, "softmax of logits 1000 apart");
	selector_close(s);
	s = selector_open(N, ACTIVATION_SIGMOID, SELECTOR_SGD, 1);
	s->omega[7] = 500;
	s->omega[2] = -500;
	selector_weights(s, rows, BATCH, w);
	ok(w[0] == 2 && w[1] >= 0 && w[1] < 1e-30, "sigmoid of large logits");
	selector_close(s);
}

/* Logits that are linear in features: a step moves them as a step of a does, found by
 * differences. */
static void check_shared(enum activation a)
{
	enum { D = 3 };
	double omega[N], rate = 0.5, h = 1e-6, step[D], off = 0;
	struct selector *s = scattered(a, SELECTOR_SGD, rate, omega);
	float x[N * D];
	struct rng r = rng_new(9, 0);

	for (long i = 0; i < N * D; i++)
		x[i] = (float)(2 * rng_unit(&r) - 1);
	for (int k = 0; k < D; k++) {
		double up[N], down[N];

		step[k] = 0;
		for (long i = 0; i < N; i++) {
			up[i] = omega[i] + h * x[i * D + k];
			down[i] = omega[i] - h * x[i * D + k];
		}
		for (int j = 0; j < BATCH; j++)
			step[k] -= rate * gap[j] * (weight_of(a, up, rows[j]) - weight_of(a, down, rows[j])) / (2 * h);
	}
	selector_share(s, x, D);
	selector_step(s, rows, gap, BATCH);
	for (long i = 0; i < N; i++) {
		double want = omega[i];

		for (int k = 0; k < D; k++)
			want += step[k] * x[i * D + k];
		off = fmax(off, fabs(s->omega[i] - want));
	}
	ok(off < 1e-6, "%s, shared: omega moves as a does (off by %.1e)",
	   a == ACTIVATION_SOFTMAX ? "softmax" : "sigmoid", off);
	selector_close(s);
}

/* Losses of one distribution for all rows, visited in a shuffled order: the
 * rank correlation of the final weight with the position of the last visit. */
static double leak(enum activation a, enum selector_optim o, double rate, int epochs)
{
	struct selector *s = selector_open(SIM, a, o, rate);
	struct rng r = rng_new(5, (uint64_t)o);
	int32_t *order = xalloc(SIM * sizeof *order);
	double *last = xalloc(SIM * sizeof *last), *score = xalloc(SIM * sizeof *score), rho;
	float loss[SIM_BATCH];
	long row[SIM_BATCH];

	for (int32_t i = 0; i < SIM; i++)
		order[i] = i;
	for (int e = 0; e < epochs; e++) {
		rng_shuffle(&r, order, SIM);
		for (long at = 0; at < SIM; at += SIM_BATCH) {
			int n = (int)(SIM - at < SIM_BATCH ? SIM - at : SIM_BATCH);

			for (int j = 0; j < n; j++) {
				row[j] = order[at + j];
				loss[j] = (float)(1.5 + 0.7 * (rng_unit(&r) + rng_unit(&r) + rng_unit(&r) - 1.5));
				last[order[at + j]] = (double)(at + j);
			}
			selector_step(s, row, loss, n);
		}
	}
	for (long i = 0; i < SIM; i++)          /* weights rise with it */
		score[i] = s->omega[i];
	rho = spearman(score, last, SIM);
	free(order);
	free(last);
	free(score);
	selector_close(s);
	return rho;
}

int main(void)
{
	double rho;

	die_name("selector.t");
	check_start();
	for (int a = ACTIVATION_SOFTMAX; a <= ACTIVATION_SIGMOID; a++) {
		check_sgd(a);
		check_shared(a);
		check_adam(a, 1);
		check_adam(a, 200);
	}
	check_large();
	for (int a = ACTIVATION_SOFTMAX; a <= ACTIVATION_SIGMOID; a++) {
		rho = leak(a, SELECTOR_SGD, 5e-3, a == ACTIVATION_SIGMOID ? 3 : 1);
		ok(fabs(rho) < 0.02, "%s, sgd: the score does not know the order (rho %.4f)",
		   a == ACTIVATION_SOFTMAX ? "softmax" : "sigmoid", rho);
	}
	rho = leak(ACTIVATION_SOFTMAX, SELECTOR_ADAM, 5e-3, 1);
	ok(fabs(rho) > 0.1, "softmax, adam: the score knows the order (rho %.4f)", rho);
	return tap_done();
}
