/* SPDX-License-Identifier: MIT */
/* rope.h - rotary positions: how far each pair of a head's columns turns.
 *
 * The token at position i turns pair j by the angle i * rate[j]; its cosine and sine are
 * multiplied by the amplitude.  (Su et al. 2021)
 */
#ifndef SEAL_ROPE_H
#define SEAL_ROPE_H

#include "../base/die.h"

enum { ROPE_PAIRS = 256 }; /* at most */

struct rope {
	int pairs;
	double rate[2][ROPE_PAIRS]; /* [1]: in rows longer than `original` */
	long original;              /* 0: rate[0] in rows of any length */
	float amplitude;
};

/* Plain rates, theta^(-j / pairs).  This and what follows returns -1 with a fault when the
 * numbers make no sense. */
int rope_begin(struct rope *, int pairs, double theta, struct fault *);
/* Linear scaling: the rates over the factor. */
int rope_linear(struct rope *, double factor, struct fault *);
/* Llama 3's scaling: a rate is kept where more than `high` of its waves fit into the original
 * context, divided by the factor where less than `low` do, a mixture in between. */
int rope_llama3(struct rope *, double factor, double low, double high, double original,
                struct fault *);
/* YaRN (Peng et al. 2023), with its paper's bounds: a rate, of those that came of theta, is kept
 * where more than 32 of its waves fit into the original context, divided by the factor where less
 * than one does, a mixture in between; the amplitude becomes 1 + log(factor) / 10. */
int rope_yarn(struct rope *, double theta, double factor, double original, struct fault *);
/* Sets into[j], one of the rope's own rates, to rate[0][j] / by; `name` is for the fault. */
int rope_divide(struct rope *, double *into, int j, double by, const char *name, struct fault *);
/* LongRoPE (Ding et al. 2024), whose two lists of factors divided the rates already: rows
 * longer than `original` take rate[1].  amplitude 0 means sqrt(1 + log(factor) /
 * log(original)). */
int rope_longrope(struct rope *, double original, double factor, double amplitude, struct fault *);
/* Checks that what came out can be computed with, however odd the numbers it came from. */
int rope_check(const struct rope *, struct fault *);

/* A table holds, for each position, cos [pairs] and sin [pairs]; where there are two sets of
 * rates, an entry for each of them in turn.  This is the entry of a token in a row of so many
 * tokens. */
static inline long rope_entry(const struct rope *r, long position, long length)
{
	return r->original ? 2 * position + (length > r->original) : position;
}

/* Sets table [entries x 2 pairs]. */
void rope_table(const struct rope *, float *table, long entries);

#endif
