/* SPDX-License-Identifier: MIT */
/* danger.h - rows that are known to be bad (--danger), for the methods that learn from them. */
#ifndef SEAL_DANGER_H
#define SEAL_DANGER_H

#include "../train/setup.h"
#include "suspect.h"

enum { DANGER_LEAST = SUSPECT_FOLDS }; /* one for each of the folds of the method state */

/* Dies when the setup's bad rows are not of the tokenizer and template of its data, naming both,
 * or when they are too few; name: of their stream. */
void danger_check(const struct setup *, const char *name);

#endif
