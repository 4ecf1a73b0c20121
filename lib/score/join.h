/* SPDX-License-Identifier: MIT */
/* join.h - scores and token streams, joined by id. */
#ifndef SEAL_JOIN_H
#define SEAL_JOIN_H

#include "../rows/tokens.h"
#include "scores.h"

/* The weight of every row, by id.  Dies naming the first row that has none, or when
 * the scores are of another data set.  Owned. */
float *score_weights(const struct scores *, const struct tokens *);

#endif
