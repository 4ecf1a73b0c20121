/* batch.c - see batch.h.  Epoch e of a stream is shuffled by random numbers of
 * its own, so that a seek need not walk the epochs before it. */
#include "batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/rng.h"

static void begin_epoch(struct order *o, long epoch)
{
	struct rng rng = rng_new(o->seed, (o->stream << 32) + (uint64_t)epoch);

	o->epoch = epoch;
	o->at = 0;
	for (long i = 0; i < o->data->rows; i++)
		o->row[i] = i;
	if (o->shuffle)
		rng_shuffle(&rng, o->row, o->data->rows);
}

void order_open(struct order *o, const struct tokens *data, uint64_t seed, uint64_t stream, int shuffle)
{
	*o = (struct order){.data = data, .seed = seed, .stream = stream, .shuffle = shuffle};
	o->row = xalloc(data->rows * sizeof *o->row);
	begin_epoch(o, 0);
}

void order_next(struct order *o, struct batch *b, int n)
{
	long left = o->data->rows - o->at;

	*b = (struct batch){o->data, o->row + o->at, left < n ? (int)left : n};
	if (left)
		o->at += b->n;
	else
		begin_epoch(o, o->epoch + 1);
}

void order_cycle(struct order *o, struct batch *b, int n)
{
	int have = 0;

	assert(o->data->rows > 0);
	if (n > o->cap) {
		o->cap = n;
		o->cycle = xrealloc(o->cycle, n * sizeof *o->cycle);
	}
	while (have < n) {
		struct batch part;

		order_next(o, &part, n - have);
		memcpy(o->cycle + have, part.row, part.n * sizeof *part.row);
		have += part.n;
	}
	*b = (struct batch){o->data, o->cycle, n};
}

void order_seek(struct order *o, long epoch, long at)
{
	assert(epoch >= 0 && at >= 0 && at <= o->data->rows);
	begin_epoch(o, epoch);
	o->at = at;
}

void order_close(struct order *o)
{
	free(o->row);
	free(o->cycle);
	*o = (struct order){0};
}
