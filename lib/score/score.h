/* SPDX-License-Identifier: MIT */
/* score.h - seal-score: a score for every row, by the method of one's choice. */
#ifndef SEAL_SCORE_H
#define SEAL_SCORE_H

#include "../base/opt.h"
#include "../rows/fate.h"
#include "../train/train.h"

struct score_opts {
	const char *model, *save, *safe, *method, *score;
	int force;
	struct zstd_opts packing;
	struct opt_base base;
	struct train_opts train;
	struct compute_opts compute;
	struct fate_opts fate;
};
#define SCORE_DEFAULTS                                                                     \
	{                                                                                  \
		.method = "bilevel", .train = TRAIN_DEFAULTS, .compute = COMPUTE_DEFAULTS, \
		.fate = FATE_DEFAULTS,                                                     \
	}

enum { SCORE_GROUPS = 16 };
/* The option groups of seal-score, all methods' among them, that fill these options: at most
 * SCORE_GROUPS of them. */
void score_groups(struct score_opts *, struct opt_group *);
/* Checks the options, has the method score the operands (none: stdin), and writes. */
void score_rows(struct score_opts *, const struct opt_group *, char *const paths[], int n);

#endif
