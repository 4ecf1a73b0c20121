/* SPDX-License-Identifier: MIT */
/* pack.h - rows packed without padding into one pass.
 *
 * The numbers that a pass goes by lie in arrays, once in the host's memory, where they are
 * filled, and once in the device's, laid out alike.  What rows begin with in common, a system
 * prompt or a question say, is computed once: a row begins behind the tokens that it shares
 * with one before it, and attends to those of that row.
 */
#ifndef SEAL_PACK_H
#define SEAL_PACK_H

#include "../rows/batch.h"
#include "arena.h"
#include "block.h"

/* Passes are filled up to a multiple of so many tokens, so that products have few sizes. */
enum { PACK_ROUND = 64 };

static inline long pack_round(long n) { return (n + PACK_ROUND - 1) / PACK_ROUND * PACK_ROUND; }

/* The places of equal numbers: see struct groups. */
struct grouped {
	int32_t *to, *start, *place;
};

struct pack {
	long room; /* tokens, keys and rows that there is memory for */
	long tokens, rows, trained;
	int shares;             /* may rows? */
	long keys;              /* of all rows in full: more than tokens where some are shared */
	int longest;            /* row */
	int32_t *id, *position; /* [tokens]; the position's rope_entry */
	int32_t *q, *k, *len;   /* [rows + 1], [rows], [rows]: see struct spans */
	int32_t *from;          /* [keys]: the token that each key is of */
	int32_t *store;         /* [tokens]: the row of a cache that the token's key goes to */
	int32_t *at, *target;   /* [trained]: a token, predicted from activation row `at` */
	float *weight, *loss;   /* [trained] */
	struct grouped by_token, by_id; /* keys, and tokens */
};

/* Lays the arrays out for so many tokens, keys and rows. */
void pack_place(struct pack *, struct arena *, long room);
void pack_clear(struct pack *);

/* Adds a row, of which the first `skip` tokens are those of row `with` of this pack. */
void pack_tokens(struct pack *, const struct config *, const int32_t *token, long n, long skip,
                 int with);
/* Adds row i of the batch, the pack's first being row `first`.  weight: of its mean loss.  all:
 * every token but its first counts as trained.  Dies when the model does not know a token. */
void pack_row(struct pack *, const struct config *, const struct batch *, int first, int i, int all,
              float weight);
/* How many of the row's tokens are predicted. */
long pack_trained(const struct tokens_row *, int all);
/* Fills up to a multiple of PACK_ROUND, with one more row that nothing is predicted in and
 * predictions that count for nothing.  The trained ones before that: returned. */
long pack_fill(struct pack *, const struct config *);

/* Copies the host's arrays to the device's; what attention goes by. */
struct pass pack_put(struct dev *, struct pack *device, const struct pack *host, struct mat keys,
                     float *const table[2]);
/* Groups places 0..n-1 by their numbers of[], which are below `limit`. */
struct groups pack_group(struct dev *, const struct grouped *device, const struct grouped *host,
                         const int32_t *of, long n, long limit);

#endif
