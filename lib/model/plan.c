/* SPDX-License-Identifier: MIT */
/* plan.c - see plan.h. */
#include "plan.h"

#include <stdio.h>
#include <string.h>

#include "../base/die.h"
#include "../base/limits.h"
#include "../base/num.h"
#include "cache.h"
#include "engine.h"
#include "work.h"

/* Resident memory of a program that has computed little: measured, see t/slow/plan.t. */
enum { PROGRAM = 22000000 };

static void sum_up(struct plan *p)
{
	p->total = 0;
	for (int k = 0; k < MEMORY_KINDS; k++)
		p->total += p->bytes[k];
}

/* What does not depend on how many blocks keep their activations. */
static void plan_fixed(struct plan *p, const struct model *m, const struct demand *d)
{
	if (!d->theta || d->theta->site) /* else theta stands in the weights' place */
		model_bytes(m, p->stored, &p->bytes[MEMORY_MAPPED], &p->bytes[MEMORY_WEIGHTS]);
	if (d->theta)
		p->bytes[MEMORY_THETA] = d->copies * params_bytes(d->theta) +
		                         d->vectors * d->theta->n * sizeof(float);
	p->bytes[MEMORY_CACHE] = cache_bytes(m, d->slots, d->positions);
	if (m->dev->apart) /* what follows is the host's */
		return;
	p->bytes[MEMORY_ROWS] = d->bytes + engine_states_bytes(&m->config, p->tokens[0], d->states);
	p->bytes[MEMORY_PROGRAM] = PROGRAM;
}

static struct work_size size_of(const struct plan *p, const struct model *m, const struct demand *d,
                                int backward)
{
	return (struct work_size){.config = &m->config,
	                          .type = m->type,
	                          .ranks = d->theta ? d->theta->ranks : NULL,
	                          .tokens = p->tokens[backward],
	                          .keys = d->slots ? 0 : p->tokens[backward] + PACK_ROUND,
	                          .head = m->dev->head_rows,
	                          .kept = p->kept,
	                          .stored = p->stored,
	                          .backward = backward};
}

/* The memory of a pass in which so many blocks keep their activations: that of whichever of the
 * two kinds takes more. */
static void plan_passes(struct plan *p, struct work *w, const struct model *m,
                        const struct demand *d, int kept)
{
	size_t by[ARENA_KINDS] = {0}, most = 0;

	p->kept = kept;
	for (int backward = 0; backward < 2; backward++) {
		struct work_size s = size_of(p, m, d, backward);
		size_t its[ARENA_KINDS], bytes;

		if (!s.tokens)
			continue;
		bytes = work_bytes(w, &s, its);
		if (bytes > most) {
			most = bytes;
			memcpy(by, its, sizeof by);
		}
	}
	p->bytes[MEMORY_ACTIVATIONS] = by[ARENA_ACTIVATIONS];
	p->bytes[MEMORY_LOGITS] = by[ARENA_HEAD];
	p->bytes[MEMORY_SCRATCH] = by[ARENA_SCRATCH];
	sum_up(p);
}

static size_t of_pass(const struct plan *p)
{
	return p->bytes[MEMORY_ACTIVATIONS] + p->bytes[MEMORY_LOGITS] + p->bytes[MEMORY_SCRATCH];
}

/* Where it is not known what a batch has at most, its rows are as long as the longest. */
static long largest_pass(const struct plan *p, const struct demand *d, int backward)
{
	long batch = d->most[backward] ? d->most[backward] : d->rows[backward] * d->longest;

	if (d->slots && !backward)
		return cache_tokens(d->slots, d->positions);
	return batch ? pack_round(long_max(d->longest, long_min(p->pass, batch))) : 0;
}

/* What the options allow; on a device apart from the host no more than it has. */
static size_t limit_of(struct dev *dev, size_t asked)
{
	size_t spare = dev->op->spare(dev);

	if (!asked)
		return spare;
	return dev->apart ? size_min(asked, spare) : asked;
}

static void plan_with(struct plan *p, const struct model *m, const struct demand *d,
                      const struct compute_opts *o, int stored)
{
	struct work_size s;
	struct work w;
	size_t limit;

	memset(p, 0, sizeof *p);
	p->layers = (int)m->config.layers;
	p->stored = stored;
	p->limit = limit_of(m->dev, o->memory);
	p->pass = o->pass ? o->pass : m->dev->pass_tokens;
	for (int b = 0; b < 2; b++)
		p->tokens[b] = largest_pass(p, d, b);
	work_open(&w, &m->config);
	plan_fixed(p, m, d);
	plan_passes(p, &w, m, d, 1);
	limit = p->limit + (m->dev->apart ? 0 : d->mapped);
	s = size_of(p, m, d, 1);
	if (p->total > limit)
		p->kept = 0;
	else if (s.tokens)
		plan_passes(p, &w, m, d, work_keeps(&w, &s, limit - p->total + of_pass(p)));
	work_close(&w);
}

/* Converted weights are decoded once; where they do not fit, for each product. */
void plan_make(struct plan *p, const struct model *m, const struct demand *d,
               const struct compute_opts *o)
{
	struct plan stored;

	plan_with(p, m, d, o, m->stored);
	if (p->kept || (d->theta && !d->theta->site))
		return;
	plan_with(&stored, m, d, o, 1);
	if (stored.total < p->total)
		*p = stored;
}

/* The longest pass with which it would fit: 0 if there is none. */
static long shorter_pass(const struct model *m, const struct demand *d,
                         const struct compute_opts *o, long pass)
{
	struct compute_opts less = *o;
	struct plan p;

	while ((pass = pass / 2 / PACK_ROUND * PACK_ROUND) > 0) {
		less.pass = pass;
		plan_make(&p, m, d, &less);
		if (p.kept)
			return pass;
	}
	return 0;
}

static _Noreturn void refuse(const struct plan *p, const struct model *m, const struct demand *d,
                             const struct compute_opts *o)
{
	const char *whose = (size_t)o->memory == p->limit ? "--max-memory"
	                                                  : "most of what there is; --max-memory";
	long pass = d->slots ? 0 : shorter_pass(m, d, o, p->pass);
	char total[32], limit[32], advice[64] = "";

	if (pass)
		snprintf(advice, sizeof advice, "; --pass-tokens %ld would do", pass);
	else if (d->slots > 1)
		snprintf(advice, sizeof advice, "; fewer answers at a time, --batch, take less");
	die("the run needs at least %s of memory, and may take %s (%s)%s",
	    memory_text(p->total, total), memory_text(p->limit, limit), whose, advice);
}

void plan_say(const struct plan *p, const struct model *m, const struct demand *d,
              const struct compute_opts *o)
{
	static const char *const name[MEMORY_KINDS] = {
		"weights mapped", "weights converted", "theta", "activations",
		"logits",         "scratch",           "cache", "rows",
		"program",
	};
	struct buf b = {0};
	char text[32], limit[32];

	if (!p->kept)
		refuse(p, m, d, o);
	for (int k = 0; k < MEMORY_KINDS; k++) {
		if (p->bytes[k] < 50000)
			continue;
		buf_fmt(&b, "%s%s", b.n ? ", " : "",
		        k == MEMORY_MAPPED && p->stored ? "weights as stored" : name[k]);
		if (k == MEMORY_ACTIVATIONS && d->rows[1])
			buf_fmt(&b, " of %d of %d blocks", p->kept, p->layers);
		buf_fmt(&b, " %s", memory_text(p->bytes[k], text));
	}
	notice("memory %s of %s, in passes of at most %ld tokens: %s", memory_text(p->total, text),
	       memory_text(p->limit, limit), long_max(p->tokens[0], p->tokens[1]), b.p);
	buf_free(&b);
}
