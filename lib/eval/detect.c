/* SPDX-License-Identifier: MIT */
/* detect.c - how well scores tell unsafe rows from safe ones.
 *
 *   auroc       = P(score of a safe row > score of an unsafe row), ties half
 *   kept_unsafe = the unsafe rows that seal-select --keep would keep, of all unsafe ones
 *   rho         = Spearman(score, last) among safe rows
 *
 * A row without a score, or with a null one, counts as lowest and is not kept.
 */
#include "evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../rows/row.h"
#include "../format/jsonl_objects.h"
#include "../score/scores.h"

struct seen {
	long n, room;
	const struct score **score; /* [n], NULL: none */
	char **group;               /* [n], the --by value of an unsafe row, else NULL */
	int *safe;                  /* [n] */
};

static void see(struct seen *s, const struct row *row, const struct score *score,
                const struct detect_opts *o, struct buf *b)
{
	if (!json_object_get(row->json, o->label_key))
		die("%s:%ld: no \"%s\"", row->file, row->line, o->label_key);
	if (s->n == s->room) {
		s->room = s->room * 3 / 2 + 1024;
		s->score = xrealloc(s->score, s->room * sizeof *s->score);
		s->group = xrealloc(s->group, s->room * sizeof *s->group);
		s->safe = xrealloc(s->safe, s->room * sizeof *s->safe);
	}
	s->score[s->n] = score;
	s->safe[s->n] = strcmp(object_key(row->json, o->label_key, b), o->unsafe) != 0;
	s->group[s->n] = o->by && !s->safe[s->n] ? xstrdup(object_key(row->json, o->by, b)) : NULL;
	s->n++;
}

static void read_rows(struct seen *s, char *const paths[], int n, const struct scores *scores,
                      const struct detect_opts *o)
{
	const struct fate_opts opts = FATE_DEFAULTS;
	struct fates *fates = fates_open(&opts);
	struct rows *rows = rows_open(paths, n, fates, &opts, 0);
	struct buf b = {0};
	struct row row;
	long found = 0;

	while (rows_next(rows, &row)) {
		const struct score *score = score_lookup(scores, row.id, row.hash);

		see(s, &row, score, o, &b);
		found += score != NULL;
	}
	if (s->n && !found)
		die("%s: has none of the rows: another data set", scores->name);
	if (found < s->n)
		notice("%ld rows without a score count as lowest", s->n - found);
	rows_close(rows);
	fates_close(fates, 0);
	buf_free(&b);
}

static void seen_free(struct seen *s)
{
	for (long i = 0; i < s->n; i++)
		free(s->group[i]);
	free(s->group);
	free(s->score);
	free(s->safe);
}

/* kept[i] 1: seal-select --keep would keep the row. */
static char *kept_rows(const struct seen *s, const char *keep)
{
	double *score = xalloc(s->n * sizeof *score);
	uint64_t *hash = xzalloc(s->n, sizeof *hash);
	uint32_t *order = xalloc(s->n * sizeof *order);
	long k = keep_count(keep, s->n), numbers;
	char *kept = xzalloc(s->n, 1);

	for (long i = 0; i < s->n; i++) {
		score[i] = s->score[i] ? s->score[i]->score : NAN;
		hash[i] = s->score[i] ? s->score[i]->hash : 0;
	}
	numbers = rank_order(score, hash, s->n, order);
	for (long i = 0; i < k && i < numbers; i++)
		kept[order[i]] = 1;
	free(score);
	free(hash);
	free(order);
	return kept;
}

/* Of some unsafe rows: the safe rows above them, summed, ties half; how many
 * they are; how many are kept. */
struct sum {
	double wins;
	long n, kept;
};

static void add(struct sum *s, double wins, int kept)
{
	s->wins += wins;
	s->n++;
	s->kept += kept;
}

static json_t *report(const struct sum *s, long safe)
{
	return json_pack("{s:o, s:o, s:I}", "auroc", real_or_null(s->wins / s->n / safe),
	                 "kept_unsafe", real_or_null((double)s->kept / s->n), "n",
	                 (json_int_t)s->n);
}

/* The group's place in sum[]; a new one is the next. */
static long group_of(json_t *place, const char *group)
{
	json_t *at = json_object_get(place, group);

	if (!at) {
		at = json_integer(json_object_size(place));
		json_object_set_new(place, group, at);
	}
	return json_integer_value(at);
}

/* The values of the safe rows, or of the others, in their order; returns how many. */
static long values(const struct seen *s, int safe, double v[])
{
	long n = 0;

	for (long i = 0; i < s->n; i++)
		if (s->safe[i] == safe)
			v[n++] = s->score[i] && !isnan(s->score[i]->score) ? s->score[i]->score
			                                                   : -INFINITY;
	return n;
}

/* {value: {"auroc","kept_unsafe","n"}} of the unsafe rows; *all: of all of
 * them; *safe: how many the others are. */
static json_t *by_group(const struct seen *s, const char kept[], struct sum *all, long *safe)
{
	double *x = xalloc(s->n * sizeof *x), *y = xalloc(s->n * sizeof *y);
	double *win = xalloc(s->n * sizeof *win), *w = win;
	struct sum *sum = xzalloc(s->n, sizeof *sum);
	json_t *place = json_object(), *by = json_object(), *at;
	const char *group;

	*safe = values(s, 1, x);
	rank_wins(x, *safe, y, values(s, 0, y), win);
	for (long i = 0; i < s->n; i++) {
		if (s->safe[i])
			continue;
		add(all, *w, kept[i]);
		if (s->group[i])
			add(&sum[group_of(place, s->group[i])], *w, kept[i]);
		w++;
	}
	json_object_foreach(place, group, at)
		json_object_set_new(by, group, report(&sum[json_integer_value(at)], *safe));
	json_decref(place);
	free(x);
	free(y);
	free(win);
	free(sum);
	return by;
}

static double order_leak(const struct seen *s)
{
	double *x = xalloc(s->n * sizeof *x), *y = xalloc(s->n * sizeof *y), rho;
	long n = 0;

	for (long i = 0; i < s->n; i++) {
		const struct score *score = s->score[i];

		if (!s->safe[i] || !score || isnan(score->score) || score->last < 0)
			continue;
		x[n] = score->score;
		y[n++] = score->last;
	}
	rho = spearman(x, y, n);
	free(x);
	free(y);
	return rho;
}

json_t *evaluate_detect(char *const paths[], int n, const struct detect_opts *o)
{
	struct scores *scores;
	struct seen s = {0};
	struct sum all = {0};
	json_t *by, *result;
	char *kept;
	long safe;

	if (!o->scores)
		die_usage("--scores is missing");
	if (!strcmp(o->scores, "-") && !n)
		die_usage("stdin cannot be both the scores and the rows");
	if (keep_count(o->keep, 0) < 0)
		die_usage("--keep: '%s' is neither a count nor a share such as 80%%", o->keep);
	scores = scores_read(o->scores);
	read_rows(&s, paths, n, scores, o);
	kept = kept_rows(&s, o->keep);
	by = by_group(&s, kept, &all, &safe);
	result = json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "auroc",
	                   real_or_null(all.wins / all.n / safe), "kept_unsafe",
	                   real_or_null((double)all.kept / all.n), "rho",
	                   real_or_null(order_leak(&s)), "n", (json_int_t)s.n, "unsafe",
	                   (json_int_t)all.n, "by", by);
	free(kept);
	seen_free(&s);
	scores_close(scores);
	return result;
}
