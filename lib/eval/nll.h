/* SPDX-License-Identifier: MIT */
/* nll.h - how likely a model finds given rows. */
#ifndef SEAL_NLL_H
#define SEAL_NLL_H

#include "../format/zio.h"
#include "../model/engine.h"
#include "../rows/tokens.h"

/* Writes {"id","nll","tokens"} a row: the mean over its trained tokens, and how many those are.
 * per_token adds "nlls", null where a token is not trained.  theta NULL: the model alone. */
void nll_rows(struct engine *, const struct params *theta, const struct tokens *, int per_token,
              struct zout *);

#endif
