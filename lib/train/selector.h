/* SPDX-License-Identifier: MIT */
/* selector.h - omega: a weight for every row of the data, learnt.
 *
 * softmax: w_i = N exp(omega_i) / sum_k exp(omega_k) (mean 1);
 * sigmoid: w_i = 2 / (1 + exp(-omega_i)).
 */
#ifndef SEAL_SELECTOR_H
#define SEAL_SELECTOR_H

enum activation { SOFTMAX, SIGMOID };
enum selector_optim { SELECTOR_SGD, SELECTOR_ADAM };

struct selector {
	enum activation activation;
	enum selector_optim optim;
	long n;
	float *omega, *m, *v; /* [n]; m and v for adam only */
	double *g;            /* [n], the gradient of the last step */
	double rate;
	long t; /* steps taken */
};

/* Logits start at 0 (sgd) or where the authors' trainer starts them (adam: 0.1
 * for softmax, -1e-4 for sigmoid). */
struct selector *selector_open(long n, enum activation, enum selector_optim, double rate);
void selector_close(struct selector *);

/* w[j] = w_row[j](omega) */
void selector_weights(const struct selector *, const long row[], int n, float w[]);
void selector_all(const struct selector *, float w[]); /* of all n rows */
/* omega <- omega - rate * sum_j gap[j] grad w_j(omega), rows distinct.  sgd: the
 * sum; adam: the mean, clipped at norm 10, through Adam (0.9, 0.95, eps 1e-8). */
void selector_step(struct selector *, const long row[], const float gap[], int n);

#endif
