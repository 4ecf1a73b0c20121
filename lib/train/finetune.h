/* SPDX-License-Identifier: MIT */
/* finetune.h - supervised tuning of theta on the rows, weighted or not. */
#ifndef SEAL_FINETUNE_H
#define SEAL_FINETUNE_H

#include "setup.h"

/* Trains the setup's theta on its data.  weight: [data->rows], of any sign; NULL: all are equal. */
void finetune_run(const struct setup *, const float weight[]);

#endif
