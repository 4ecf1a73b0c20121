/* SPDX-License-Identifier: MIT */
/* batch.h - which rows come next. */
#ifndef SEAL_BATCH_H
#define SEAL_BATCH_H

#include "tokens.h"

struct batch { /* borrows both */
	const struct tokens *data;
	const long *row; /* [n] places in data */
	int n;
};

/* Visits every row once an epoch, in an order that seed and epoch decide
 * (epoch e's order does not depend on how it was reached), or file order. */
struct order {
	const struct tokens *data;
	uint64_t seed, stream;
	int shuffle;
	long epoch, at; /* position within the epoch */
	int32_t *row;   /* a shuffled epoch; NULL: file order */
	long *batch;    /* [cap], what was given last */
	int cap;
};

enum { ORDER_BYTES = sizeof(int32_t) }; /* a shuffled order's, for each row */

void order_open(struct order *, const struct tokens *, uint64_t seed, uint64_t stream, int shuffle);
/* The next (at most) n rows of this epoch; b->n is 0 when the epoch has ended,
 * and the call after that begins the next one. */
void order_next(struct order *, struct batch *b, int n);
/* As order_next, but goes on into the next epoch so that b->n == n always. */
void order_cycle(struct order *, struct batch *b, int n);
/* Goes to a position that a checkpoint recorded. */
void order_seek(struct order *, long epoch, long at);
void order_close(struct order *);

#endif
