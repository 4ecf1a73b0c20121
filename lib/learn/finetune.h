/* finetune.h - LoRA tuning: minimise the mean of l(theta; z) over the rows. */
#ifndef SEAL_FINETUNE_H
#define SEAL_FINETUNE_H

#include "train.h"

struct finetune {
	struct model *model;
	struct adapter *theta;
	const struct tokens *data, *valid;     /* valid may be NULL */
	const struct train_opts *opts;
	const json_t *settings;                /* what a resumed run must match */
};

void finetune_run(struct finetune *);

#endif
