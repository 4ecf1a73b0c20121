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

#include "../base/num.h"
#include "../model/engine.h"
#include "../rows/shard.h"
#include "../rows/tokens.h"

enum { STATES_LAYERS = 8 }; /* at a time, at most */

/* Numbers a row. */
static inline long states_wide(const struct config *c) { return 2 * c->dim; }

/* The layer at so many fifteenths of a model's blocks, and the usual one: chosen on trusted and bad
 * rows alone (RESULTS.md). */
enum { STATES_USUALLY = 8 };
static inline int states_layer(const struct config *c, int fifteenths)
{
	return (int)long_max(1, (c->layers * fifteenths + 7) / 15);
}

struct pooled {
	const struct tokens_row *row;
	const float *x;     /* [layers x wide] */
	const float *state; /* [layers x n x dim] of all tokens */
};

/* Where states are computed. */
struct states {
	struct engine *engine;
	const struct params *theta; /* NULL: the model alone */
	int layer[STATES_LAYERS];   /* ascending */
	int layers;
};

/* Shows the features of a share's rows but those that are marked (skip [rows]; NULL: none), in file
 * order.  Dies when one is not finite, or when a row has no trained token. */
void states_each(const struct states *, const struct tokens *, struct share, const char *skip,
                 void (*see)(void *ctx, const struct pooled *), void *ctx, const char *what);

/* Features that were computed before, in a folder (states_cache.c). */
struct states_cache;

/* Opens what a folder, made if need be, holds of this model; type: of its products. */
struct states_cache *states_cache_open(const char *folder, uint64_t model, enum dtype type,
                                       long wide);
void states_cache_close(struct states_cache *); /* NULL: nothing */

/* Sets x[l] [rows x wide] to the features of all rows after layer l: computes those that the cache
 * (NULL: none) does not have, each rank of the run a share of them, and puts them there. */
void states_fill(const struct states *, struct states_cache *, const struct tokens *, float *x[],
                 const char *what);

#endif
