/* SPDX-License-Identifier: MIT */
/* detect.c - see detect.h.
 *
 *   auroc       = P(score of a safe row > score of an unsafe row), ties half
 *   kept_unsafe = the unsafe rows that seal-select --keep would keep, of all unsafe ones
 *   rho         = Spearman(score, last) among safe rows
 *
 * A row without a score, or with a null one, counts as lowest and is not kept.
 */
#include "detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/jsonl.h"
#include "../rows/row.h"
#include "../score/join.h"
#include "../score/rank.h"

#define AT(field) offsetof(struct detect_opts, field)

/* clang-format off */
const struct opt detect_options[] = {
	{"scores", 's', OPT_TEXT, AT(scores), "SCORES", "the rows' scores, from seal-score", 0, 0},
	{"by", 0, OPT_TEXT, AT(by), "FORMULA", "the score: gain, or such as 'loss_base/2 - loss'", 0, 0},
	{"label-key", 0, OPT_TEXT, AT(label_key), "KEY", "the key that holds a row's label", 0, 0},
	{"unsafe", 0, OPT_TEXT, AT(unsafe), "VALUE", "the label of an unsafe row", 0, 0},
	{"group", 0, OPT_TEXT, AT(group), "KEY", "report unsafe rows for each value of this key too", 0, 0},
	{"keep", 'k', OPT_TEXT, AT(keep), "N|P%", "what seal-select --keep would be told", 0, 0},
	{0},
};
/* clang-format on */

enum { SCORE, LAST }; /* the formulas of the join */

/* The labelled rows, and what is known of them. */
struct labelled {
	struct join *join; /* of n rows */
	long room;
	char **group; /* [n], the --group value of an unsafe row, else NULL */
	char *safe;   /* [n] */
};

static void add_row(struct labelled *s, const struct row *row, const struct detect_opts *o,
                    struct buf *b)
{
	long i = s->join->n;

	if (!json_object_get(row->json, o->label_key))
		die("%s:%ld: no \"%s\"", row->file, row->line, o->label_key);
	if (i == s->room) {
		s->room = s->room * 3 / 2 + 1024;
		s->group = xrealloc(s->group, s->room * sizeof *s->group);
		s->safe = xrealloc(s->safe, s->room);
	}
	s->safe[i] = strcmp(object_key(row->json, o->label_key, b), o->unsafe) != 0;
	s->group[i] = o->group && !s->safe[i] ? xstrdup(object_key(row->json, o->group, b)) : NULL;
	join_row(s->join, row->id, row->id_n, row->hash);
}

static void read_rows(struct labelled *s, char *const paths[], int n, const struct detect_opts *o)
{
	const struct fate_opts opts = FATE_DEFAULTS;
	struct fates *fates = fates_open(&opts);
	struct rows *rows = rows_open(paths, n, fates, &opts, 0);
	struct join *j = s->join;
	struct buf b = {0};
	struct row row;

	while (rows_next(rows, &row))
		add_row(s, &row, o, &b);
	join_end(j, 0);
	if (j->n && !j->found)
		die("%s: has none of the rows: another data set", j->name);
	if (j->found < j->n)
		notice("%ld rows without a score count as lowest", j->n - j->found);
	rows_close(rows);
	fates_close(fates, 0);
	buf_free(&b);
}

static void labelled_free(struct labelled *s)
{
	for (long i = 0; i < s->join->n; i++)
		free(s->group[i]);
	free(s->group);
	free(s->safe);
	join_close(s->join);
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

/* The scores of the safe rows, or of the others, in their order; returns how many. */
static long values(const struct labelled *s, int safe, double v[])
{
	const double *score = s->join->value[SCORE];
	long n = 0;

	for (long i = 0; i < s->join->n; i++)
		if (s->safe[i] == safe)
			v[n++] = isnan(score[i]) ? -INFINITY : score[i];
	return n;
}

/* {value: {"auroc","kept_unsafe","n"}} of the unsafe rows; *all: of all of
 * them; *safe: how many the others are. */
static json_t *by_group(const struct labelled *s, const char kept[], struct sum *all, long *safe)
{
	long n = s->join->n;
	double *x = xalloc(n * sizeof *x), *y = xalloc(n * sizeof *y);
	double *win = xalloc(n * sizeof *win), *w = win;
	struct sum *sum = xzalloc(n, sizeof *sum);
	json_t *place = json_object(), *by = json_object(), *at;
	const char *group;

	*safe = values(s, 1, x);
	rank_wins(x, *safe, y, values(s, 0, y), win);
	for (long i = 0; i < n; i++) {
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

static double order_leak(const struct labelled *s)
{
	const struct join *j = s->join;
	double *x = xalloc(j->n * sizeof *x), *y = xalloc(j->n * sizeof *y), rho;
	long n = 0;

	for (long i = 0; i < j->n; i++) {
		if (!s->safe[i] || isnan(j->value[SCORE][i]) || isnan(j->value[LAST][i]))
			continue;
		x[n] = j->value[SCORE][i];
		y[n++] = j->value[LAST][i];
	}
	rho = spearman(x, y, n);
	free(x);
	free(y);
	return rho;
}

json_t *evaluate_detect(char *const paths[], int n, const struct detect_opts *o)
{
	const struct formula score = formula_option("--by", o->by),
			     last = formula_option("last", "last");
	struct labelled s = {0};
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
	s.join = join_open(o->scores, (struct scores_want[SCORES_FORMULAS]){[SCORE] = {&score, 0},
	                                                                    [LAST] = {&last, 1}});
	read_rows(&s, paths, n, o);
	kept = rank_keep(o->keep, s.join->value[SCORE], s.join->hash, s.join->n);
	by = by_group(&s, kept, &all, &safe);
	result = json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "auroc",
	                   real_or_null(all.wins / all.n / safe), "kept_unsafe",
	                   real_or_null((double)all.kept / all.n), "rho",
	                   real_or_null(order_leak(&s)), "n", (json_int_t)s.join->n, "unsafe",
	                   (json_int_t)all.n, "by", by);
	free(kept);
	labelled_free(&s);
	return result;
}
