/* SPDX-License-Identifier: MIT */
/* order.c - see order.h.  Each epoch is shuffled by random numbers of its own, so that a seek
 * need not walk the epochs before it. */
#include "order.h"

#include <assert.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "../base/rng.h"

static void begin_epoch(struct order *o, long epoch)
{
	struct rng rng = rng_new(o->seed, (o->stream << 32) + (uint64_t)epoch);

	o->epoch = epoch;
	o->at = 0;
	if (!o->shuffle)
		return;
	for (long i = 0; i < o->data->rows; i++)
		o->row[i] = (int32_t)i;
	rng_shuffle(&rng, o->row, o->data->rows);
}

void order_open(struct order *o, const struct tokens *data, uint64_t seed, uint64_t stream,
                int shuffle)
{
	*o = (struct order){.data = data,
	                    .seed = seed,
	                    .stream = stream,
	                    .shuffle = shuffle,
	                    .end = data->rows};
	if (data->rows > INT32_MAX)
		die("%ld rows are too many", data->rows);
	if (shuffle)
		o->row = xalloc(data->rows * sizeof *o->row);
	begin_epoch(o, 0);
}

void order_within(struct order *o, long first, long end)
{
	assert(!o->shuffle && first <= end && end <= o->data->rows);
	o->at = first;
	o->end = end;
}

/* Adds the epoch's next rows to the batch, until it has n; at the epoch's end it gets
 * none, and the next epoch begins. */
static void take(struct order *o, struct batch *b, int n)
{
	if (n > o->cap) {
		o->cap = n;
		o->batch = xrealloc(o->batch, n * sizeof *o->batch);
	}
	b->row = o->batch;
	if (o->at == o->end) {
		begin_epoch(o, o->epoch + 1);
		return;
	}
	for (; b->n < n && o->at < o->end; o->at++)
		o->batch[b->n++] = tokens_row(o->data, o->row ? o->row[o->at] : o->at);
}

void order_next(struct order *o, struct batch *b, int n)
{
	b->n = 0;
	take(o, b, n);
}

void order_cycle(struct order *o, struct batch *b, int n)
{
	assert(o->data->rows > 0);
	b->n = 0;
	while (b->n < n)
		take(o, b, n);
}

void order_seek(struct order *o, long epoch, long at)
{
	assert(epoch >= 0 && at >= 0 && at <= o->data->rows);
	begin_epoch(o, epoch);
	o->at = at;
}

size_t order_bytes(long rows)
{
	struct order *o;

	return rows * sizeof *o->row;
}

void order_close(struct order *o)
{
	free(o->row);
	free(o->batch);
	*o = (struct order){0};
}
