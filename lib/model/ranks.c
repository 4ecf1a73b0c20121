/* SPDX-License-Identifier: MIT */
/* ranks.c - theta's vectors where several processes are one run; see ranks.h.
 *
 * In the host's memory the vectors go as they lie.  Those in a GPU's go through a buffer, some
 * values of each rank's part at a time.
 */
#include "ranks.h"

#include <stdlib.h>

#include "../base/memory.h"
#include "../base/num.h"

enum { ROOM = 1 << 22 }; /* values of the buffer */

/* Some of each part: values from[r] to from[r]+n[r]-1 of the vector lie at at[r] in the buffer. */
struct window {
	float *room;
	size_t *from, *at; /* [ranks], [ranks+1] */
	size_t most;       /* of a part */
};

static void window_open(struct window *w)
{
	int ranks = world_size();

	w->most = ROOM / ranks;
	w->room = xalloc((size_t)ROOM * sizeof *w->room);
	w->from = xalloc(ranks * sizeof *w->from);
	w->at = xalloc((ranks + 1) * sizeof *w->at);
}

static void window_close(struct window *w)
{
	free(w->room);
	free(w->from);
	free(w->at);
}

/* The window at `done` values of each part; 0 when all parts are done with. */
static int window_move(struct window *w, const struct params *a, size_t done)
{
	w->at[0] = 0;
	for (int r = 0; r < world_size(); r++) {
		size_t n = a->part[r + 1] - a->part[r], left = n > done ? n - done : 0;

		w->from[r] = a->part[r] + done;
		w->at[r + 1] = w->at[r] + size_min(left, w->most);
	}
	return w->at[world_size()] > 0;
}

/* Rank r's values of the window, to or from the device. */
static void window_get(const struct window *w, const struct params *a, const float *x, int r)
{
	a->dev->op->get(a->dev, w->room + w->at[r], x + w->from[r],
	                (w->at[r + 1] - w->at[r]) * sizeof *x);
}

static void window_put(const struct window *w, const struct params *a, float *x, int r)
{
	a->dev->op->put(a->dev, x + w->from[r], w->room + w->at[r],
	                (w->at[r + 1] - w->at[r]) * sizeof *x);
}

static void sum_apart(struct params *a)
{
	int ranks = world_size();
	struct window w;

	window_open(&w);
	for (size_t done = 0; window_move(&w, a, done); done += w.most) {
		for (int r = 0; r < ranks; r++)
			window_get(&w, a, a->g, r);
		world_sum(w.room, w.at);
		window_put(&w, a, a->g, world_rank());
	}
	window_close(&w);
}

/* The same offsets in bytes. */
static void in_bytes(size_t at[], const size_t values[])
{
	for (int r = 0; r <= world_size(); r++)
		at[r] = values[r] * sizeof(float);
}

static void gather_apart(const struct params *a, size_t at[])
{
	int ranks = world_size();
	struct window w;

	window_open(&w);
	for (size_t done = 0; window_move(&w, a, done); done += w.most) {
		window_get(&w, a, a->p, world_rank());
		in_bytes(at, w.at);
		world_gather(w.room, at);
		for (int r = 0; r < ranks; r++)
			if (r != world_rank())
				window_put(&w, a, a->p, r);
	}
	window_close(&w);
}

void ranks_sum(struct params *a)
{
	if (world_size() == 1)
		return;
	if (a->dev->apart)
		sum_apart(a);
	else
		world_sum(a->g, a->part);
}

void ranks_gather(const struct params *a)
{
	size_t *at;

	if (world_size() == 1)
		return;
	at = xalloc((world_size() + 1) * sizeof *at);
	if (a->dev->apart) {
		gather_apart(a, at);
	} else {
		in_bytes(at, a->part);
		world_gather(a->p, at);
	}
	free(at);
}
