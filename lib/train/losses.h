/* SPDX-License-Identifier: MIT */
/* losses.h - the losses of all rows under a theta that stays as it is. */
#ifndef SEAL_LOSSES_H
#define SEAL_LOSSES_H

#include "../model/engine.h"
#include "../rows/shard.h"
#include "../rows/tokens.h"

enum { LOSS_BATCH = 64 }; /* rows of a batch where nothing is trained */

/* Sets loss[i] = l(theta; z_i), i < tokens->rows, in file order; dies when one is not finite.
 * theta NULL: the model alone.  what: a few words for progress and messages.  Where several
 * processes are one run all of them call it: each computes a share, and all get all. */
void all_losses(struct engine *, const struct params *theta, const struct tokens *, float loss[],
                const char *what);
/* The same for a share's rows alone, by this process. */
void share_losses(struct engine *, const struct params *theta, const struct tokens *, struct share,
                  float loss[], const char *what);

#endif
