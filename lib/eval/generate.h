/* SPDX-License-Identifier: MIT */
/* generate.h - how answers are generated, and the choice of a token. */
#ifndef SEAL_GENERATE_H
#define SEAL_GENERATE_H

#include "../base/rng.h"
#include "../model/model.h"
#include "../rows/encode.h"
#include "../rows/fate.h"
#include "../rows/shard.h"
#include "../train/setup.h"

struct generate_opts {
	const char *model, *adapter; /* adapter NULL: the model alone */
	long max_new;                /* tokens of an answer, at most */
	long batch; /* rows that are answered at a time: each step reads the weights once for all */
	double temperature, top_p, penalty; /* see generate_sample.c; 0, 1 and 1: the likeliest */
	long seed;
	struct encode_opts encode;
	struct fate_opts fate;
	struct shard_opts shard;
	struct compute_opts compute;
};

/* The next token; -1 when a logit is no number.  logits: [vocab], overwritten; seen: [n], the
 * prompt and the answer so far. */
int32_t sample_token(float *logits, long vocab, const int32_t *seen, long n,
                     const struct generate_opts *, struct rng *);

/* An adapter (NULL: a model that was tuned here) is asked in the form that it was trained in: dies
 * where that is another than the one that `auto` found. */
void generate_template(const struct setup *, const char *adapter, const struct encoder *,
                       const struct template_opts *);

/* Appends the tokens at which answers of this model, a folder or a GGUF file, end. */
void generate_ends(struct ids *, const struct tokenizer *, const char *model);

#endif
