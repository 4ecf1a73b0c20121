/* SPDX-License-Identifier: MIT */
/* merge.h - a model with an adapter's pairs added to its weights: W + scale b a. */
#ifndef SEAL_MERGE_H
#define SEAL_MERGE_H

#include "setup.h"

enum { MERGE_ROWS = 64 }; /* rows of the comparison, at most */

/* Writes the merged model to dir (save_hf), loads that again, and returns {"rows","largest","row",
 * "mean"}, owned: how far l of the first validation rows, or of the data, is from what model and
 * adapter give.  template may be NULL.  Dies when a loss is not finite, or when both models at
 * once are more than the memory that the run may take. */
json_t *merge(const struct setup *, const char *dir, const char *template, const json_t *settings);

#endif
