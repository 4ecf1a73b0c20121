/* SPDX-License-Identifier: MIT */
/* engine.h - what computes: a model, the memory that its passes take, and the calls that are all
 * of learning.
 *
 * l(theta; z) is the mean negative log-likelihood over the trained tokens of row z.  The rows of
 * a batch are packed without padding into passes of about so many tokens (compute_opts.pass);
 * they never see each other.
 */
#ifndef SEAL_ENGINE_H
#define SEAL_ENGINE_H

#include "../rows/batch.h"
#include "plan.h"

struct engine;

/* Plans the run's memory, says so, takes it, and loads the weights unless theta stands in their
 * place.  Dies when the run does not fit.  The model is borrowed, and constant from now on. */
struct engine *engine_open(struct model *, const struct compute_opts *, const struct demand *);
void engine_close(struct engine *); /* NULL: nothing */
const struct model *engine_model(const struct engine *);
/* The length of a pass: it decides the rounding, so a run records it. */
long engine_pass(const struct engine *);

/* loss[i] = l(theta; z_i), host; theta NULL: the model alone. */
void engine_loss(struct engine *, const struct params *theta, const struct batch *, float loss[]);
/* As engine_loss, and adds sum_i weight[i] grad l(theta; z_i) to theta's gradient. */
void engine_grad(struct engine *, struct params *theta, const struct batch *, const float weight[],
                 float loss[]);

/* Where weights are divided among the ranks of a run (divided.h), each of them has to call this
 * when it has no more batches of a kind: it waits for the others, and gives them its parts. */
void engine_wait(struct engine *);

/* What a visitor is shown of a row; pointers hold during the call. */
struct visited {
	const struct tokens_row *row;
	int i;            /* its place in the batch */
	const float *nll; /* [n]: of every token; NaN where it is not predicted */
	const float
		*state; /* [layers x n x dim]: after each of the blocks asked for; NULL: none is */
};

struct visit {
	void (*see)(void *ctx, const struct visited *);
	void *ctx;
	int all; /* every token but a row's first is predicted, not only trained ones */
	const int *
		layer; /* [layers], ascending: states after so many blocks, before the final norm */
	int layers;
	int no_nll; /* without likelihoods: the blocks behind the last layer are not computed */
};

/* The host's memory for the states after so many layers, of passes of so many tokens: of a pass
 * and of its longest row. */
static inline size_t engine_states_bytes(const struct config *c, long tokens, int layers)
{
	return 2 * sizeof(float) * layers * tokens * c->dim;
}

/* Shows the batch's rows, in order, one at a time. */
void engine_visit(struct engine *, const struct params *theta, const struct batch *,
                  const struct visit *);
/* The same with the gradient of each row's l, alone, in theta's, which is overwritten: by module
 * it is params_gradient of a slice.  loss is the row's. */
void engine_row_gradients(struct engine *, struct params *theta, const struct batch *,
                          void (*see)(void *ctx, const struct tokens_row *, float loss,
                                      const struct params *),
                          void *ctx);

#endif
