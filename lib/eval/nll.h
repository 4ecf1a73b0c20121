/* SPDX-License-Identifier: MIT */
/* nll.h - how likely a model finds given rows. */
#ifndef SEAL_NLL_H
#define SEAL_NLL_H

#include "../format/zio.h"
#include "../model/model.h"

struct nll_opts {
	const char *model, *adapter; /* adapter NULL: the model alone */
	int per_token;
	struct compute_opts compute;
};
extern const struct opt nll_options[];
#define NLL_DEFAULTS                         \
	{                                    \
		.compute = COMPUTE_DEFAULTS, \
	}

/* Reads the token streams of n files (0: of stdin) and writes {"id","nll","tokens"} a row: the mean
 * over its trained tokens, and how many those are.  per_token adds "nlls", an array of all its
 * tokens, null where one is not trained. */
void evaluate_nll(char *const paths[], int n, const struct nll_opts *, struct zout *);

#endif
