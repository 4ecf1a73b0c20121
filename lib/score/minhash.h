/* SPDX-License-Identifier: MIT */
/* minhash.h - how alike two texts are, as sets of shingles: runs of three words, or of three
 * tokens.
 *
 *   J(A, B) = |A and B| / |A or B|                                 (Jaccard)
 *   P(min h(A) = min h(B)) = J(A, B)      for a random permutation h (Broder 1997)
 *
 * So the share of k permutations whose least values agree estimates J, and sets that are alike can
 * be found without comparing all with all: of r b permutations, b bands of r each, two sets agree
 * on all of some band with the probability
 *
 *   P(J) = 1 - (1 - J^r)^b
 *
 * which climbs steeply around (1/b)^(1/r), and those that do are compared (minhash.c says more).
 *
 * A shingle is a hash of 32 bits, the lowest of which say its kind, such as the role of its turn:
 * sets are compared kind by kind.  Two shingles of a kind are taken for one with a chance of 2^-29.
 */
#ifndef SEAL_MINHASH_H
#define SEAL_MINHASH_H

#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"

enum {
	SHINGLE = 3,       /* words or tokens */
	SHINGLE_KINDS = 8, /* 0 to 7 */
	MINHASH_MOST = 256 /* permutations */
};

struct shingles {
	uint32_t *p;
	long n, room;
};

/* Adds the shingle of these bytes. */
void shingles_add(struct shingles *, const void *, size_t bytes, int kind);
/* Adds those of a text's words (words.h; case does not count; in scripts without spaces between
 * words each character is one).  A text of one word or two is a shingle as a whole.  lower: room to
 * work in. */
void shingles_of_text(struct shingles *, const char *text, size_t n, int kind, struct buf *lower);
/* Makes a set of them: ascending, each once. */
void shingles_sort(struct shingles *);
void shingles_free(struct shingles *);

/* Sets least[0..k-1], k <= MINHASH_MOST, to the least value of each permutation; of no shingles,
 * to the largest number. */
void minhash(const struct shingles *, uint32_t least[], int k);

/* Of two sorted sets, whether of each kind that either has J is at least this much. */
int shingles_alike(const uint32_t a[], long an, const uint32_t b[], long bn, double least);

struct bands {
	int rows, n; /* n bands of so many rows each: the r and b above */
};

/* For 0.1 <= least <= 1 the fewest bands of the most rows that find a pair of J = least with a
 * probability of 0.99 or more, so that pairs below it are met as seldom as may be. */
struct bands bands_for(double least);
/* P(J) above. */
double bands_find(struct bands, double j);

#endif
