/* SPDX-License-Identifier: MIT */
/* words.c - the method words: rows told apart by the words of their answers, without a model.  What
 * every other method has to beat.
 *
 *   x_b = log(1 + c_b), scaled to length 1 a row
 *
 * c_b counts the trained tokens, and pairs of neighbours among them, whose hash falls in bucket b
 * of 2^15 (the hashing trick: Weinberger et al. 2009).  The fit is that of the method state: the
 * same rounds over the same folds (suspect.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/progress.h"
#include "../rows/tokens.h"
#include "danger.h"
#include "method.h"
#include "overlap.h"
#include "score.h"
#include "suspect.h"

enum { BUCKETS = 1 << 15 };
static const double strengths[] = {1, 10, 100};
static const double strength = 10; /* without bad rows */

static const struct column words_columns[] = {
	{"words", COLUMN_F64, "how bad the row looks by its words: 0 is as bad as good"},
	{"p_bad", COLUMN_F64, suspect_p_bad},
	{0},
};

static const struct column *filled(void) { return words_columns; }

static void check(const struct score_opts *o, int chosen)
{
	if (chosen && !o->safe)
		die_usage("--method words needs --safe");
}

/* Sparse rows, as they grow. */
struct bags {
	struct features x;
	int64_t *start; /* [rows + 1] */
	int32_t *index;
	float *value;
	long used, index_room, value_room;
	int32_t *count; /* [BUCKETS] of the row at hand */
	uint64_t *hash; /* [rows] */
};

static void count_one(struct bags *b, const int32_t *token, long n)
{
	int32_t bucket = (int32_t)(hash_bytes(token, n * sizeof *token) % BUCKETS);

	if (b->count[bucket]++)
		return;
	b->index = xgrow(b->index, b->used, &b->index_room, sizeof *b->index);
	b->index[b->used++] = bucket;
}

static int ascending(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void add_row(struct bags *b, const struct tokens_row *r)
{
	long first = b->used;
	double length = 0;

	for (long t = 0; t < r->n; t++) {
		if (!r->train[t])
			continue;
		count_one(b, r->token + t, 1);
		if (r->train[t - 1])
			count_one(b, r->token + t - 1, 2);
	}
	qsort(b->index + first, b->used - first, sizeof *b->index, ascending);
	for (long k = first; k < b->used; k++) {
		b->value = xgrow(b->value, k, &b->value_room, sizeof *b->value);
		b->value[k] = (float)log1p(b->count[b->index[k]]);
		length += b->value[k] * b->value[k];
		b->count[b->index[k]] = 0;
	}
	for (long k = first; k < b->used; k++)
		b->value[k] /= (float)sqrt(length);
	b->hash[b->x.n] = tokens_row_key(r);
	b->start[++b->x.n] = b->used;
}

static void add_rows(struct bags *b, const struct tokens *t)
{
	b->start = xrealloc(b->start, (b->x.n + t->rows + 1) * sizeof *b->start);
	b->hash = xrealloc(b->hash, (b->x.n + t->rows) * sizeof *b->hash);
	b->start[0] = 0;
	for (long i = 0; i < t->rows; i++) {
		struct tokens_row r = tokens_row(t, i);

		add_row(b, &r);
	}
}

/* The penalty by which trusted and bad rows are told apart best. */
static double choose(const struct suspects *all)
{
	struct suspects s = *all;
	double best = -1, c = strength, *below;

	if (suspect_opts.c || !all->bad)
		return suspect_opts.c ? suspect_opts.c : strength;
	s.x.n = s.trusted + s.bad;
	below = xalloc(s.bad * sizeof *below);
	suspect_deal(&s);
	for (size_t k = 0; k < sizeof strengths / sizeof *strengths; k++) {
		double auroc = suspect_auroc(&s, strengths[k], below);

		if (auroc > best)
			c = strengths[k];
		best = fmax(best, auroc);
	}
	free(s.fold);
	free(below);
	return c;
}

static void write_rows(struct score_run *run, const struct tokens *data, const struct suspects *s)
{
	struct scores_out *out = scores_create(run->out, run->header, run->columns, &run->score,
	                                       data->rows, share_of(run, data->rows));

	for (long i = 0; i < data->rows; i++) {
		struct tokens_row r = tokens_row(data, i);

		suspect_write(out, &r, &s->odds, s->value[s->trusted + s->bad + i]);
	}
	scores_finish(out);
}

static void record(struct score_run *run, const struct tokens *data, const struct tokens *safe,
                   const struct tokens *danger, double c)
{
	json_t *settings = json_settings(run->groups);

	json_object_set_new(settings, "data", json_hash(data->input));
	json_object_set_new(settings, "safe", json_hash(safe->input));
	if (danger)
		json_object_set_new(settings, "danger", json_hash(danger->input));
	json_object_set_new(run->header, "settings", settings);
	json_object_set(run->header, "history", data->history);
	json_object_set_new(run->header, "fit", json_pack("{s:f}", "c", c));
}

static void run(struct score_run *run)
{
	const struct score_opts *o = run->o;
	struct tokens *data = tokens_read(run->paths, run->n);
	struct tokens *safe = tokens_read((char *const *)&o->safe, 1);
	struct tokens *danger = o->danger ? tokens_read((char *const *)&o->danger, 1) : NULL;
	struct bags b = {.x = {.d = BUCKETS}, .count = xzalloc(BUCKETS, sizeof(int32_t))};
	struct suspects s = {.seed = o->train.seed, .threads = compute_threads(&o->compute)};

	danger_check(data, safe, o->safe, danger, o->danger);
	overlap_warn(data, safe, danger, s.threads);
	add_rows(&b, safe);
	if (danger)
		add_rows(&b, danger);
	add_rows(&b, data);
	b.x.x = b.value;
	b.x.start = b.start;
	b.x.index = b.index;
	s.x = b.x;
	s.trusted = safe->rows;
	s.bad = danger ? danger->rows : 0;
	s.hash = b.hash;
	s.first = s.c = choose(&s);
	suspect_deal(&s);
	suspect_find(&s);
	record(run, data, safe, danger, s.c);
	write_rows(run, data, &s);
	notice("%ld rows scored by their words, of which about %.0f %% look bad; %.1f s",
	       data->rows, 100 * s.odds.prior, seconds_now() - run->began);
	suspect_free(&s);
	tokens_close(data);
	tokens_close(safe);
	if (danger)
		tokens_close(danger);
	free(b.start);
	free(b.index);
	free(b.value);
	free(b.count);
	free(b.hash);
}

const struct method method_words = {
	.name = "words",
	.what = "a fit to words",
	.needs = METHOD_TOKENS | METHOD_DANGER | METHOD_FITS,
	.score = "-words",
	.columns = filled,
	.check = check,
	.run = run,
};
