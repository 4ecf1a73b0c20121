/* SPDX-License-Identifier: MIT */
/* dedupe.h - rows that say the same, or nearly, in groups: seal-select --dedupe. */
#ifndef SEAL_DEDUPE_H
#define SEAL_DEDUPE_H

#include <stdint.h>

#include "../rows/schema.h"

enum dedupe_how {
	DEDUPE_NOT,
	DEDUPE_ID,    /* row.h's */
	DEDUPE_EXACT, /* equal turns */
	DEDUPE_NEAR   /* turns that are alike, as shingles */
};

/* What --dedupe says (NULL: nothing), and with DEDUPE_NEAR how alike; wrong usage otherwise. */
enum dedupe_how dedupe_how(const char *option, double *alike);

struct dedupe;

/* alike: 0, for equal turns only, or 0.1 to 1. */
struct dedupe *dedupe_open(const struct schema_opts *, double alike);
/* The next row; -1 with a fault where it cannot be told what it says: then it does not count. */
int dedupe_row(struct dedupe *, const json_t *row, struct fault *);
/* After the last of n rows: the best of each group, by score (NaN: none, which is below all) and
 * then the first.  Returns keeper[n], owned: of every row the row that is kept for it, which is
 * itself where it is the best of its group. */
uint32_t *dedupe_keepers(struct dedupe *, const double score[]);
/* Whether two rows' turns are equal. */
int dedupe_equal(const struct dedupe *, uint32_t a, uint32_t b);
void dedupe_close(struct dedupe *); /* NULL: nothing */

#endif
