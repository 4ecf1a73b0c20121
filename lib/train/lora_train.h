/* SPDX-License-Identifier: MIT */
/* lora_train.h - seal-lora-train: tunes LoRA pairs, or all weights, on a token stream. */
#ifndef SEAL_LORA_TRAIN_H
#define SEAL_LORA_TRAIN_H

#include "../model/model.h"
#include "../rows/tokens.h"
#include "train.h"

struct lora_train_opts {
	const char *model;
	const char *output;  /* the folder for theta; NULL: nothing is trained */
	const char *weights; /* a scores file, or NULL */
	const char *safe;    /* trusted rows for train.share and train.project, or NULL */
	const char *merge;   /* a folder for the merged model, or NULL */
	const char *gguf;    /* a file for the pairs, or NULL */
	int force;
	struct train_opts train;
	struct compute_opts compute;
};
extern const struct opt lora_train_options[];
#define LORA_TRAIN_DEFAULTS                                          \
	{                                                            \
		.train = TRAIN_DEFAULTS, .compute = COMPUTE_DEFAULTS \
	}

/* Checks the options, tunes on the streams of n files (0: of stdin), and writes what was asked
 * for.  groups: all options, to be recorded.  weights: reads the rows' weights, owned, from the
 * scores file that --weights names; it is given, since scores are of a floor above this one. */
void lora_train(char *const paths[], int n, struct lora_train_opts *,
                const struct opt_group *groups,
                float *(*weights)(const char *path, const struct tokens *));

#endif
