/* SPDX-License-Identifier: MIT */
/* overlap.h - rows that are in two sets at once, or nearly: what is learnt from one of them is
 * then no evidence about the other. */
#ifndef SEAL_OVERLAP_H
#define SEAL_OVERLAP_H

#include "../rows/tokens.h"

/* How many rows of b have the tokens of a row of a, one for one. */
long overlap_equal(const struct tokens *a, const struct tokens *b);
/* How many rows of b are nearly one of a, but not equal to any: about four fifths of the runs of
 * three tokens that either has, both have (estimated, minhash.h). */
long overlap_near(const struct tokens *a, const struct tokens *b, int threads);
/* Warns of untrusted rows that are also trusted, and of bad rows (NULL: none) that are also among
 * the untrusted or the trusted, equal or nearly, with their numbers. */
void overlap_warn(const struct tokens *data, const struct tokens *safe, const struct tokens *danger,
                  int threads);

#endif
