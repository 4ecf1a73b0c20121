/* SPDX-License-Identifier: MIT */
/* states.h - what the frozen model thinks of a row, as numbers: its hidden states, pooled.
 *
 *   h_t   the state of token t after `layer` blocks, before any norm
 *   x     = [ mean of h_t over the trained tokens t  |  h of the token before the first of them ]
 *
 * The first half is the answer as the model reads it, the second the model's own view of the
 * prompt, at the moment when it would begin to answer.
 */
#ifndef SEAL_STATES_H
#define SEAL_STATES_H

#include "../model/engine.h"
#include "../rows/tokens.h"

/* Numbers a row: of the answer alone, or with the prompt's. */
static inline long states_wide(const struct config *c, int prompt) { return (1 + prompt) * c->dim; }

struct pooled {
	const struct tokens_row *row;
	const float *x;     /* [layers x wide] */
	const float *state; /* [layers x n x dim] of all tokens */
};

/* Shows the features of all rows, in file order, after each of the layers (ascending).  Dies when
 * one is not finite, or when a row has no trained token. */
void states_each(struct engine *, const struct params *theta, const struct tokens *,
                 const int *layer, int layers, int prompt,
                 void (*see)(void *ctx, const struct pooled *), void *ctx, const char *what);

#endif
