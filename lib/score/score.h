/* SPDX-License-Identifier: MIT */
/* score.h - seal-score: a score for every row, by the method of one's choice. */
#ifndef SEAL_SCORE_H
#define SEAL_SCORE_H

#include "../base/opt.h"
#include "../format/zio.h"
#include "../model/model.h"
#include "../rows/fate.h"
#include "../rows/shard.h"
#include "../train/train.h"

struct score_opts {
	const char *model, *safe, *danger; /* files, or NULL */
	const char *method, *score; /* a method's name; a formula, NULL for the method's own */
	const char *save;           /* a folder for theta, or NULL */
	int force;                  /* to replace it */
	struct zstd_opts packing;
	struct opt_base base;
	struct train_opts train;
	struct compute_opts compute;
	struct fate_opts fate;
	struct shard_opts shard;
};
#define SCORE_DEFAULTS                                                                   \
	{                                                                                \
		.method = "state", .train = TRAIN_DEFAULTS, .compute = COMPUTE_DEFAULTS, \
		.fate = FATE_DEFAULTS,                                                   \
	}

enum { SCORE_GROUPS = 25 };
/* Sets the option groups of seal-score, all methods' among them, that fill these options, and
 * their end: group[SCORE_GROUPS] at most. */
void score_groups(struct score_opts *, struct opt_group *group);
/* Checks the options, has the method score the rows of n operands (0: of stdin), and writes. */
void score_rows(struct score_opts *, const struct opt_group *, char *const paths[], int n);

#endif
