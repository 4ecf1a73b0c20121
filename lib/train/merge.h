/* SPDX-License-Identifier: MIT */
/* merge.h - a model with an adapter's pairs added to its weights. */
#ifndef SEAL_MERGE_H
#define SEAL_MERGE_H

#include "train.h"

/* Writes it to dir (save_hf), loads that again, and tells how far l of the first
 * rows, MERGE_ROWS at most, is from what model and adapter give: {"rows","largest",
 * "row","mean"}, owned.  template may be NULL.  Dies when a loss is not finite, or when
 * both models at once are more than the memory that the run may take. */
enum { MERGE_ROWS = 64 };
json_t *merge(struct engine *, const struct params *, const char *dir, const char *template,
              const struct tokens *rows, const struct compute_opts *, const json_t *settings);

#endif
