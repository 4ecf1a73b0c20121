/* SPDX-License-Identifier: MIT */
/* danger.h - whether trusted, bad and untrusted rows can be compared at all. */
#ifndef SEAL_DANGER_H
#define SEAL_DANGER_H

#include "../rows/tokens.h"

enum { DANGER_LEAST = 5 }; /* rows of each kind, so that every fold has one */

/* Dies, naming the file, where trusted or bad rows (danger NULL: none) are of another tokenizer or
 * template than the rows, or where there are too few of any kind. */
void danger_check(const struct tokens *data, const struct tokens *safe, const char *safe_name,
                  const struct tokens *danger, const char *danger_name);
/* The same of rows of one kind, which `what` names. */
void danger_alike(const struct tokens *data, const struct tokens *, const char *name,
                  const char *what);

#endif
