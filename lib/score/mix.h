/* SPDX-License-Identifier: MIT */
/* mix.h - files in given shares: seal-select --mix. */
#ifndef SEAL_MIX_H
#define SEAL_MIX_H

struct mix {
	int n;
	char **path;   /* [n] */
	double *share; /* [n] their sum is 1 */
};

/* Of n operands "FILE:SHARE", of which the last colon counts.  A share is above 0, and all
 * together are 1 within 0.001; what is not so is wrong usage, as is a file that is named twice. */
struct mix *mix_open(char *const operand[], int n);
/* Sets count[i] to how many rows of the i-th file there are in `total`, which is their sum:
 * total * share rounded down, and one more for the largest remainders (of equal ones the first)
 * as long as rows are left. */
void mix_counts(const struct mix *, long total, long count[]);
/* The largest total whose counts are none above there[]. */
long mix_most(const struct mix *, const long there[]);
void mix_close(struct mix *); /* NULL: nothing */

#endif
