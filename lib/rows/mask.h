/* SPDX-License-Identifier: MIT */
/* mask.h - tokens that are not to be trained, by a number for each that another program found.
 *
 * The numbers are JSONL, {"id": ..., "tokens": [number or null, ...]}, a line a row, as seal-score
 * --explain and --tokens write them; rows may be missing from the rows at hand, but not from the
 * numbers, and both are in one order.  That only the harmful spans of a row are left out, rather
 * than the row, is the setting of TOSS (arXiv 2603.01185).
 */
#ifndef SEAL_MASK_H
#define SEAL_MASK_H

#include "../base/opt.h"
#include "batch.h"

struct mask_opts {
	const char *path;          /* of the numbers, or NULL */
	const char *above, *below; /* numbers, or shares such as "5%"; NULL: not given */
	long window;               /* tokens whose numbers' mean is taken for each */
};
extern const struct opt mask_options[]; /* --mask-tokens and so on */
#define MASK_DEFAULTS {.window = 1}

struct mask;
/* NULL where no numbers are given.  Dies (usage) of options that make no sense.  A share is of all
 * numbers in the file, which is then read twice. */
struct mask *mask_open(const struct mask_opts *);
/* Takes out of train[n] the tokens of the row whose number is above or below the bounds; returns
 * how many are left.  Dies where the row has no numbers, or not one for each token. */
long mask_row(struct mask *, const char *id, uint8_t train[], long n);
void mask_close(struct mask *); /* NULL: nothing */

#endif
