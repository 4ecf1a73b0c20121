/* SPDX-License-Identifier: MIT */
/* losses.h - the losses of all rows, without training. */
#ifndef SEAL_LOSSES_H
#define SEAL_LOSSES_H

#include "../model/engine.h"
#include "../rows/tokens.h"

enum { LOSS_BATCH = 64 }; /* rows a batch where nothing is trained */

/* l(theta; z) of every row in file order; dies when one is not finite. */
void all_losses(struct engine *, const struct params *, const struct tokens *, float loss[],
                const char *what);

#endif
