/* SPDX-License-Identifier: MIT */
/* plan.c - see plan.h. */
#include "plan.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../base/die.h"
#include "../base/limits.h"
#include "model_in.h"

/* Passes of half as many tokens take a few per cent longer, computing blocks again a third:
 * passes give way first, but not below SHORT. */
enum { SHORT = 1280, SHORTEST = 64 };

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

static void sum_up(struct plan *p)
{
	p->total = 0;
	for (int k = 0; k < MEMORY_KINDS; k++)
		p->total += p->bytes[k];
}

/* What does not depend on the passes. */
static void plan_fixed(struct plan *p, const struct model *m, const struct demand *d)
{
	size_t now = memory_resident();

	if (!d->theta || !d->theta->net) { /* else the model's own are not loaded */
		p->bytes[MEMORY_MAPPED] = m->mapped;
		p->bytes[MEMORY_WEIGHTS] = m->owned;
	}
	p->bytes[MEMORY_ADAPTERS] = d->adapters;
	p->bytes[MEMORY_CACHE] = d->slots ? cache_bytes(m, d->slots, d->positions) : 0;
	if (m->dev->apart)
		return;
	p->bytes[MEMORY_ROWS] = d->rows;
	p->bytes[MEMORY_PROGRAM] = now > d->resident ? now - d->resident : 0;
}

/* A pass of so many blocks' activations: whichever of the two kinds takes more. */
static size_t plan_passes(struct plan *p, const struct model *m, const struct demand *d, int kept)
{
	size_t by[WORK_KINDS] = {0}, forward[WORK_KINDS] = {0}, a = 0, b = 0;

	if (p->largest[1])
		a = work_bytes(m, d->theta, p->largest[1], p->largest[1] + ROUND, kept, 1, by);
	if (p->largest[0])
		b = work_bytes(m, d->theta, p->largest[0], p->largest[0] + ROUND, 1, 0, forward);
	if (b > a)
		memcpy(by, forward, sizeof by);
	p->kept = kept;
	p->bytes[MEMORY_ACTIVATIONS] = by[WORK_ACTIVATIONS];
	p->bytes[MEMORY_LOGITS] = by[WORK_HEAD];
	p->bytes[MEMORY_SCRATCH] = by[WORK_SCRATCH];
	sum_up(p);
	return most(a, b);
}

int plan_make(struct plan *p, const struct model *m, const struct demand *d)
{
	size_t limit = p->limit + (m->dev->apart ? 0 : d->mapped), least, smallest = SIZE_MAX;

	p->layers = (int)m->config.layers;
	plan_fixed(p, m, d);
	for (p->pass = m->pass;; p->pass = (p->pass + 1) / 2) {
		int blocks = p->pass > SHORT && p->pass > d->longest ? p->layers : 1;

		for (int backward = 0; backward < 2; backward++) {
			struct passes all = {0};

			d->passes(d->run, p->pass, backward, &all);
			p->largest[backward] = all.largest;
			p->sizes[backward] = passes_sizes(&all);
		}
		if (m->dev->op->room)
			p->bytes[MEMORY_DEVICE] = m->dev->op->room(m->dev, m->type, m->config.heads,
			                                           d->longest, p->sizes);
		least = plan_passes(p, m, d, blocks);
		if (p->total < smallest)
			smallest = p->total;
		if (p->total <= limit || p->pass <= SHORTEST || p->pass <= d->longest)
			break;
	}
	if (p->total > limit) {
		p->total = smallest;
		return -1;
	}
	if (p->largest[1])
		plan_passes(p, m, d,
		            work_keeps(m, d->theta, p->largest[1], p->largest[1] + ROUND, 1,
		                       limit - p->total + least));
	return 0;
}

static void add(struct buf *b, const char *what, size_t bytes)
{
	char text[32];

	if (bytes >= 50000)
		buf_fmt(b, "%s%s %s", b->n ? ", " : "", what, memory_text(bytes, text));
}

static void print(const struct plan *p)
{
	struct buf b = {0};
	char total[32], limit[32], note[64] = "";

	if (p->largest[1])
		snprintf(note, sizeof note, "activations of %d of %d blocks", p->kept, p->layers);
	add(&b, "weights mapped", p->bytes[MEMORY_MAPPED]);
	add(&b, "weights converted", p->bytes[MEMORY_WEIGHTS]);
	add(&b, "adapters", p->bytes[MEMORY_ADAPTERS]);
	add(&b, *note ? note : "activations", p->bytes[MEMORY_ACTIVATIONS]);
	add(&b, "logits", p->bytes[MEMORY_LOGITS]);
	add(&b, "scratch", p->bytes[MEMORY_SCRATCH]);
	add(&b, "cache", p->bytes[MEMORY_CACHE]);
	add(&b, "device", p->bytes[MEMORY_DEVICE]);
	add(&b, "rows", p->bytes[MEMORY_ROWS]);
	add(&b, "program", p->bytes[MEMORY_PROGRAM]);
	notice("memory %s of %s, in passes of at most %ld tokens: %s", memory_text(p->total, total),
	       memory_text(p->limit, limit),
	       p->largest[1] > p->largest[0] ? p->largest[1] : p->largest[0], b.p);
	buf_free(&b);
}

static struct plan within(const struct model *m)
{
	size_t all = m->dev->op->spare(m->dev);

	/* A host has other things to do; a card's own bookkeeping takes something, and it has no more
	 * than it has. */
	size_t share = m->dev->apart ? all / 16 * 15 : all / 4 * 3;

	return (struct plan){.limit = m->limit && (m->limit < share || !m->dev->apart) ? m->limit
	                                                                               : share};
}

int model_fits(const struct model *m, const struct demand *d)
{
	struct plan p = within(m);

	return !plan_make(&p, m, d);
}

void model_plan(struct model *m, const struct demand *d)
{
	struct plan p = within(m);
	char total[32], limit[32];

	if (plan_make(&p, m, d))
		die("the run needs at least %s of memory, and may take %s (%s)",
		    memory_text(p.total, total), memory_text(p.limit, limit),
		    m->limit == p.limit ? "--max-memory" : "most of what there is; --max-memory");
	print(&p);
	m->pass = p.pass;
	m->largest[0] = p.largest[0];
	m->largest[1] = p.largest[1];
	m->room = p.bytes[MEMORY_ACTIVATIONS] + p.bytes[MEMORY_LOGITS] + p.bytes[MEMORY_SCRATCH];
}
