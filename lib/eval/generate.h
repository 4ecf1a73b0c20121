/* SPDX-License-Identifier: MIT */
/* generate.h - what a model answers. */
#ifndef SEAL_GENERATE_H
#define SEAL_GENERATE_H

#include "../base/rng.h"
#include "../rows/encode.h"
#include "../model/engine.h"

struct generate_opts {
	long max_new;
	long batch; /* rows that are answered at a time: each step reads the weights once for all */
	double temperature, top_p, penalty;
	long seed;
};
extern const struct opt generate_options[];
#define GENERATE_DEFAULTS                                                               \
	{                                                                               \
		.max_new = 256, .batch = 64, .temperature = 0, .top_p = 1, .penalty = 1 \
	}

/* The next token.  Repetition penalty (Keskar et al. 2019, as transformers has
 * it: logits of the tokens seen are divided by it where positive, multiplied
 * where negative), then temperature (0: the largest logit), then the smallest
 * set of tokens whose probabilities reach top_p (Holtzman et al. 2020).
 * logits is overwritten. */
int32_t sample_token(float *logits, long vocab, const int32_t *seen, long n,
                     const struct generate_opts *, struct rng *);

struct generate {              /* all borrowed */
	struct engine *engine; /* opened for opts->batch rows of the encoder's and opts' length */
	const struct params *theta; /* NULL: the model alone */
	const struct tokenizer *tokenizer;
	struct encoder *encoder;
	const struct schema_opts *schema;
	const struct generate_opts *opts;
	const struct fate_opts *fate;
	const char *generator; /* the name that the answers bear */
};

/* Answers every row of paths (n names, none means stdin); writes {"id","instruction","output",
 * "generator", the row's other keys} a line, in the rows' order. */
void generate_rows(const struct generate *, char *const paths[], int n, struct zout *);

#endif
