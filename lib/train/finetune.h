/* SPDX-License-Identifier: MIT */
/* finetune.h - LoRA tuning: minimise the mean of l(theta; z) over the rows, or
 * with a weight w for every row: a step's loss is sum w l / sum |w| over its batch. */
#ifndef SEAL_FINETUNE_H
#define SEAL_FINETUNE_H

#include "training.h"

struct finetune {
	struct engine *engine;
	struct params *theta;
	const struct tokens *data, *valid; /* valid may be NULL */
	const float *weight;               /* [data rows], or NULL */
	const struct train_opts *opts;
	const json_t *settings; /* what a resumed run must match */
};

void finetune_run(struct finetune *);

#endif
