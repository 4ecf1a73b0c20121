/* SPDX-License-Identifier: MIT */
/* selector.h - omega: a logit for every row of the data, which makes the row's weight w.
 *
 *   softmax:  w_i = N exp(omega_i) / sum_k exp(omega_k)   of N rows; the mean is 1
 *   sigmoid:  w_i = 2 / (1 + exp(-omega_i))               from 0 to 2
 *
 * Logits are free, one a row, or with features x_i (selector_share) linear in them: omega_i = its
 * first value + a'x_i.  Then a is what is learnt, and rows that are alike have like weights.
 */
#ifndef SEAL_SELECTOR_H
#define SEAL_SELECTOR_H

#include <stddef.h>

enum activation { ACTIVATION_SOFTMAX, ACTIVATION_SIGMOID };
enum selector_optim { SELECTOR_SGD, SELECTOR_ADAM };

struct selector {
	enum activation activation;
	enum selector_optim optim;
	long n;       /* rows */
	float *omega; /* [n] */
	float *m, *v; /* [n] Adam's moments; NULL with sgd */
	double *g;    /* [n] the gradient of the last step */
	double rate;
	long t;         /* steps taken */
	const float *x; /* [n x d] features, borrowed; NULL: each logit is free */
	long d;
	double *a; /* [d] the last step of a */
};

/* Logits start at 0 (sgd), or where the authors' trainer starts them (adam: 0.1 for softmax, -1e-4
 * for sigmoid). */
struct selector *selector_open(long n, enum activation, enum selector_optim, double rate);
void selector_close(struct selector *);
/* Makes omega linear in these features [n x d], which are borrowed.  sgd only: its step
 * a <- a - rate X'g moves omega by -rate X X'g, so that omega is all that is to be kept. */
void selector_share(struct selector *, const float *x, long d);
/* The bytes that it takes for each row. */
size_t selector_bytes(enum selector_optim);

/* Sets w[j] to the weight of row[j], j < n; row NULL: of row j. */
void selector_weights(const struct selector *, const long row[], long n, float w[]);
/* omega <- omega - rate * sum_j gap[j] grad w_j(omega), over n rows, none of them twice.  adam: the
 * mean in place of the sum, clipped at norm 10, through Adam (0.9, 0.95, eps 1e-8). */
void selector_step(struct selector *, const long row[], const float gap[], int n);

#endif
