/* SPDX-License-Identifier: MIT */
/* generate.h - what a model answers, and how likely it finds given rows. */
#ifndef SEAL_GENERATE_H
#define SEAL_GENERATE_H

#include "../base/rng.h"
#include "../rows/encode.h"
#include "../rows/tokens.h"
#include "../model/model.h"

/* Rows that are answered at a time, at most: each step reads the weights once for all. */
enum { GENERATE_GROUP = 64 };

struct generate_opts {
	long max_new;
	double temperature, top_p, penalty;
	long seed;
};
extern const struct opt generate_options[];
#define GENERATE_DEFAULTS                                                  \
	{                                                                  \
		.max_new = 256, .temperature = 0, .top_p = 1, .penalty = 1 \
	}

/* The next token.  Repetition penalty (Keskar et al. 2019, as transformers has
 * it: logits of the tokens seen are divided by it where positive, multiplied
 * where negative), then temperature (0: the largest logit), then the smallest
 * set of tokens whose probabilities reach top_p (Holtzman et al. 2020).
 * logits is overwritten. */
int32_t sample_token(float *logits, long vocab, const int32_t *seen, long n,
                     const struct generate_opts *, struct rng *);

/* Answers every row, `group` at a time; writes {"id","instruction","output","generator", the row's
 * other keys} a line, in the rows' order. */
void generate_rows(struct model *, struct adapter *, const struct tokenizer *, struct encoder *,
                   char *const paths[], int n, const struct schema_opts *,
                   const struct generate_opts *, const struct fate_opts *, const char *generator,
                   int group, struct zout *);

/* Writes {"id","nll","tokens"} a row (mean over its trained tokens); per_token
 * adds "nlls", null where a token is not trained. */
void nll_rows(struct model *, struct adapter *, const struct tokens *, int per_token,
              struct zout *);

#endif
