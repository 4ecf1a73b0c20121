/* SPDX-License-Identifier: MIT */
/* scorer.h - a fitted scorer in a file, for rows that nobody has seen yet (seal-tensors(5),
 * seal.kind = scorer): a safetensors file with the tensors
 *
 *   weight F64 [d]   mean F64 [d]        value = weight'(x - mean) + b
 *
 * and what decides x and the value's meaning as metadata.
 */
#ifndef SEAL_SCORER_H
#define SEAL_SCORER_H

#include "../format/jsonl.h"
#include "../format/zio.h"
#include "suspect.h"

struct scorer {
	struct logit fit; /* owned */
	struct odds odds;
	int layer;            /* states.h; the features are all of those, or the first half */
	long blocks;          /* that the model has */
	char model[17];       /* hash of its weights */
	char fingerprint[17]; /* of the tokenizer */
	char *template;       /* owned */
};

/* settings: of the run that fitted it, recorded. */
void scorer_write(const struct scorer *, struct zout *, const json_t *settings);
/* Dies on what is no such file. */
void scorer_read(struct scorer *, const char *path);
/* The parser under it: -1 with a fault, and nothing to free. */
int scorer_parse(struct scorer *, const void *p, size_t bytes, struct fault *);
void scorer_free(struct scorer *);

#endif
