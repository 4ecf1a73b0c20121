/* SPDX-License-Identifier: MIT */
/* tokenizer_split.c - splits text into the words that are tokenized apart.
 *
 * Every pre-tokenizer of Hugging Face's that we know is a few of three steps,
 * each of which sees the pieces that the step before left:
 *
 *   PREFIX   put text before the piece, unless it begins with it
 *   REPLACE  one text by another
 *   SPLIT    at the matches of a pattern (Oniguruma, as there), which are
 *            removed, stand alone, or join a neighbour
 */
#include "tokenizer_in.h"

#include <oniguruma.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

/* Steps back within one match: a run of so many spaces may be split.  The
 * library's own limit, ten million, is below a long row. */
#define STEPS_BACK (1UL << 32)

int split_prepare(struct pre_step *step, struct fault *f)
{
	const OnigUChar *p = (const OnigUChar *)step->from;
	OnigEncoding utf8 = ONIG_ENCODING_UTF8;
	OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
	OnigErrorInfo info;
	int rc;

	if (step->kind != PRE_SPLIT)
		return 0;
	onig_initialize(&utf8, 1);
	onig_set_retry_limit_in_match(STEPS_BACK);
	rc = onig_new(&step->regex, p, p + strlen(step->from), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
	              step->literal ? ONIG_SYNTAX_ASIS : OnigDefaultSyntax, &info);
	if (rc == ONIG_NORMAL)
		return 0;
	step->regex = NULL;
	onig_error_code_to_str(why, rc, &info);
	return fault(f, "pre_tokenizer: bad pattern \"%.80s\": %.80s", step->from, (char *)why);
}

void split_free(struct pre_step *step)
{
	free(step->from);
	free(step->to);
	onig_free(step->regex);
}

void split_end(struct job *j)
{
	if (j->region)
		onig_region_free(j->region, 1);
}

static void run(struct job *j, int k, struct view s, int first);

/* Pieces of one SPLIT on their way to the next step: `held` may yet grow. */
struct cut {
	struct job *job;
	const struct pre_step *step;
	int next, first;
	const char *begin; /* of the text being split */
	struct view held;
	int held_match; /* the last piece taken was a match */
	int holds;
};

static void let_go(struct cut *c)
{
	if (c->holds && c->held.n)
		run(c->job, c->next, c->held, c->first && c->held.p == c->begin);
	c->holds = 0;
}

/* The next piece: a match, or what lies before one. */
static void take(struct cut *c, const char *p, size_t n, int match)
{
	int was_match = c->held_match, joins = 0;

	match ^= c->step->invert;
	c->held_match = match;
	switch (c->step->behaviour) {
	case SPLIT_REMOVED:
		if (match)
			return;
		break;
	case SPLIT_ISOLATED: break;
	case SPLIT_CONTIGUOUS: joins = match == was_match; break;
	case SPLIT_WITH_PREVIOUS: joins = match && !was_match; break;
	case SPLIT_WITH_NEXT: joins = !match && was_match; break;
	}
	if (joins && c->holds) {
		c->held.n += n;
		return;
	}
	let_go(c);
	c->held = (struct view){p, n};
	c->holds = 1;
}

/* 1 and the next match from `from` on; empty matches right after a match do not count. */
static int next_match(struct job *j, const struct pre_step *step, struct view s, size_t from,
                      long last_end, size_t *start, size_t *end)
{
	const OnigUChar *p = (const OnigUChar *)s.p, *stop = p + s.n;
	OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
	OnigRegion *r;
	int32_t code;

	if (!j->region && !(j->region = onig_region_new()))
		die("out of memory");
	r = j->region;
	while (from <= s.n) {
		int rc = onig_search(step->regex, p, stop, p + from, stop, r, ONIG_OPTION_NONE);

		if (rc == ONIG_MISMATCH)
			return 0;
		if (rc < 0) {
			onig_error_code_to_str(why, rc);
			die("cannot split text at \"%s\": %s", step->from, (char *)why);
		}
		*start = r->beg[0];
		*end = r->end[0];
		if (*start != *end || (long)*end != last_end)
			return 1;
		from = *end < s.n ? *end + utf8_first(s.p + *end, s.n - *end, &code) : s.n + 1;
	}
	return 0;
}

static void split(struct job *j, int k, struct view s, int first)
{
	struct cut c = {j, &j->t->pre[k], k + 1, first, s.p, {0}, 0, 0};
	struct buf copy = {0};
	struct view seen = s;
	size_t done = 0, start, end;
	long last_end = -1;

	if (j->newer && !c.step->literal) {
		unicode_put_stand_ins(&copy, s.p, s.n);
		seen.p = copy.p; /* of the same length */
	}
	while (done < s.n && j->out->n < j->stop &&
	       next_match(j, c.step, seen, done, last_end, &start, &end)) {
		if (start > done)
			take(&c, s.p + done, start - done, 0);
		take(&c, s.p + start, end - start, 1);
		last_end = done = end;
	}
	if (done < s.n && j->out->n < j->stop)
		take(&c, s.p + done, s.n - done, 0);
	let_go(&c);
	buf_free(&copy);
}

/* Steps k and on, of a piece; first: the text begins with it. */
static void run(struct job *j, int k, struct view s, int first)
{
	const struct pre_step *step = &j->t->pre[k];
	struct buf *own = &j->pre[k]; /* the piece as a step changes it */
	size_t n;

	if (!s.n)
		return;
	if (k == j->t->pres) {
		bpe_text(j, s);
		return;
	}
	own->n = 0;
	switch (step->kind) {
	case PRE_SPLIT: split(j, k, s, first); return;
	case PRE_REPLACE: replace_text(own, s, step->from, step->to); break;
	case PRE_PREFIX:
		n = strlen(step->to);
		if ((s.n >= n && !memcmp(s.p, step->to, n)) ||
		    (first ? j->flags & TOKENIZE_CONTINUE : step->first)) {
			run(j, k + 1, s, first);
			return;
		}
		buf_add(own, step->to, n);
		buf_add(own, s.p, s.n);
	}
	run(j, k + 1, (struct view){own->p, own->n}, first);
}

void tokenizer_split(struct job *j, struct view s, int first)
{
	j->newer = unicode_has_newer(s.p, s.n);
	run(j, 0, s, first);
}
