/* SPDX-License-Identifier: MIT */
/* generate_sample.c - chooses the next token, by its logits; see generate.h.
 *
 *   repetition penalty r (Keskar et al. 2019, "CTRL", as transformers has it): the logit x of a
 *     token seen before becomes x / r where positive, else x r
 *   temperature t: p = softmax(x / t); t = 0 takes the largest logit
 *   top-p (Holtzman et al. 2020, "nucleus sampling"): a draw from the fewest likeliest tokens
 *     whose probabilities reach top_p
 */
#include "generate.h"

#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"

/* The largest, or one that is no number, if there is any. */
static long argmax(const float *x, long n)
{
	long best = 0;

	for (long i = 1; i < n; i++)
		if (x[i] > x[best] || isnan(x[i]))
			best = i;
	return best;
}

/* The repetition penalty, once for each token of seen[0..n-1]. */
static void penalise(float *logits, long vocab, const int32_t *seen, long n, double penalty)
{
	char *done = xzalloc(vocab, 1);

	for (long i = 0; i < n; i++)
		if (!done[seen[i]]) {
			float *x = &logits[seen[i]];

			*x = (float)(*x > 0 ? *x / penalty : *x * penalty);
			done[seen[i]] = 1;
		}
	free(done);
}

struct choice {
	float p; /* not divided by their sum z */
	int32_t id;
};

/* The likeliest first. */
static int by_chance(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	return x->p != y->p ? (x->p < y->p ? 1 : -1) : (x->id > y->id) - (x->id < y->id);
}

int32_t sample_token(float *logits, long vocab, const int32_t *seen, long n,
                     const struct generate_opts *o, struct rng *r)
{
	struct choice *c;
	double z = 0, reach = 0, u;
	long best, k = 0, i = 0;

	if (o->penalty != 1)
		penalise(logits, vocab, seen, n, o->penalty);
	best = argmax(logits, vocab);
	if (!isfinite(logits[best]))
		return -1;
	if (o->temperature == 0)
		return (int32_t)best;
	c = xalloc(vocab * sizeof *c);
	for (long j = 0; j < vocab; j++) {
		c[j] = (struct choice){(float)exp((logits[j] - (double)logits[best]) /
		                                  o->temperature),
		                       (int32_t)j};
		z += c[j].p;
	}
	if (o->top_p < 1)
		qsort(c, vocab, sizeof *c, by_chance);
	while (k < vocab && (k == 0 || reach < o->top_p * z))
		reach += c[k++].p;
	for (u = rng_unit(r) * reach; i < k - 1 && u >= c[i].p; i++)
		u -= c[i].p;
	best = c[i].id;
	free(c);
	return (int32_t)best;
}
