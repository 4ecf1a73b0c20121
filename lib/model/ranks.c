/* SPDX-License-Identifier: MIT */
/* ranks.c - theta's vectors where several processes are one run; see ranks.h.
 *
 * In the host's memory the vectors go as they lie.  GPUs send them to each other where they can;
 * else they go through the host's memory, some values of each rank's part at a time.  Either way
 * what is added is added in the ranks' order.
 */
#include "ranks.h"

#include <stdlib.h>

#include "../base/memory.h"
#include "../base/num.h"

enum { ROOM = 1 << 22 }; /* values of the buffer */

size_t ranks_bytes(long n)
{
	return world_size() > 1 ? size_min(ROOM, n + 64 * world_size()) * sizeof(float) : 0;
}

/* Some of each part: its values from from[r] on, at[r+1] - at[r] of them, `most` at most. */
struct window {
	size_t *from, *at; /* [ranks], [ranks+1] */
	size_t most;
	float *room; /* the host's, where they lie at at[r]; NULL: none */
};

static void window_open(struct window *w, const struct params *a)
{
	int ranks = world_size();

	w->most = ranks_bytes(a->n) / sizeof(float) / ranks / 64 * 64;
	w->room = NULL;
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

	window_open(&w, a);
	w.room = xalloc(ranks_bytes(a->n));
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

	window_open(&w, a);
	w.room = xalloc(ranks_bytes(a->n));
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

/* What goes from card to card: to each rank, and from it. */
struct trade {
	struct mat *out, *in; /* [ranks]; without columns to and from itself */
};

static void trade_open(struct trade *t)
{
	t->out = xzalloc(world_size(), sizeof *t->out);
	t->in = xzalloc(world_size(), sizeof *t->in);
}

static void trade_close(struct trade *t)
{
	free(t->out);
	free(t->in);
}

/* g's own values from `first` on become the sum of what all ranks have there; those of rank r are
 * received at r * most of the room. */
static void add_up(struct params *a, float *first, long n, size_t most)
{
	const struct ops *op = a->dev->op;
	struct mat sum = mat_of(a->room, DT_F32, 1, n), own = mat_of(first, DT_F32, 1, n);

	op->copy(a->dev, mat_of(a->room + world_rank() * most, DT_F32, 1, n), own);
	for (int r = 1; r < world_size(); r++)
		op->bias(a->dev, sum, mat_of(a->room + r * most, DT_F32, 1, n), 1);
	op->copy(a->dev, own, sum);
}

/* 0: the cards cannot. */
static int sum_on_cards(struct params *a)
{
	int rank = world_rank(), can = a->dev->op->exchange != NULL;
	struct window w;
	struct trade t;

	window_open(&w, a);
	trade_open(&t);
	for (size_t done = 0; can && window_move(&w, a, done); done += w.most) {
		long own = (long)(w.at[rank + 1] - w.at[rank]);

		for (int r = 0; r < world_size(); r++) {
			long n = (long)(w.at[r + 1] - w.at[r]);

			t.out[r] = mat_of(a->g + w.from[r], DT_F32, 1, r == rank ? 0 : n);
			t.in[r] = mat_of(a->room + r * w.most, DT_F32, 1, r == rank ? 0 : own);
		}
		can = a->dev->op->exchange(a->dev, t.out, t.in);
		if (can && own)
			add_up(a, a->g + w.from[rank], own, w.most);
	}
	trade_close(&t);
	window_close(&w);
	return can;
}

static int gather_on_cards(const struct params *a)
{
	int rank = world_rank(), can = a->dev->op->exchange != NULL;
	struct trade t;

	trade_open(&t);
	for (int r = 0; r < world_size(); r++) {
		long n = (long)(a->part[r + 1] - a->part[r]);

		t.out[r] = mat_of(a->p + a->part[rank], DT_F32, 1, r == rank ? 0 : params_own(a));
		t.in[r] = mat_of(a->p + a->part[r], DT_F32, 1, r == rank ? 0 : n);
	}
	can = can && a->dev->op->exchange(a->dev, t.out, t.in);
	trade_close(&t);
	return can;
}

void ranks_sum(struct params *a)
{
	if (world_size() == 1)
		return;
	if (!a->dev->apart)
		world_sum(a->g, a->part);
	else if (!sum_on_cards(a))
		sum_apart(a);
}

void ranks_gather(const struct params *a)
{
	size_t *at;

	if (world_size() == 1 || (a->dev->apart && gather_on_cards(a)))
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
