/* SPDX-License-Identifier: MIT */
/* order.h - in which order the rows of a token stream are visited. */
#ifndef SEAL_ORDER_H
#define SEAL_ORDER_H

#include "batch.h"
#include "tokens.h"

/* Visits every row once an epoch: in file order, or in an order that seed, stream and epoch
 * decide, whatever came before.  A checkpoint records (epoch, at). */
struct order {
	const struct tokens *data; /* borrowed */
	uint64_t seed, stream;
	int shuffle;
	long epoch, at;           /* rows of this epoch that were given */
	long end;                 /* rows of an epoch: all, but for order_within */
	int32_t *row;             /* [rows] this epoch's order; NULL: file order */
	struct tokens_row *batch; /* [cap] the rows given last */
	int cap;
};

/* stream: which of the orders that one seed makes; see rng.h. */
void order_open(struct order *, const struct tokens *, uint64_t seed, uint64_t stream, int shuffle);
/* Visits rows first..end-1 of the file once; not shuffled. */
void order_within(struct order *, long first, long end);
/* The next (at most) n rows of this epoch.  b->n is 0 when the epoch has ended, and the call
 * after that begins the next one.  The rows are borrowed until the next call. */
void order_next(struct order *, struct batch *b, int n);
/* The same, but goes on into the next epoch, so that b->n == n always. */
void order_cycle(struct order *, struct batch *b, int n);
/* Goes to a position that a checkpoint recorded. */
void order_seek(struct order *, long epoch, long at);
/* Bytes that a shuffled order of so many rows takes. */
size_t order_bytes(long rows);
void order_close(struct order *);

#endif
