/* SPDX-License-Identifier: MIT */
/* detect.c - how well scores tell unsafe rows from safe ones.
 *
 *   auroc       = P(score of a safe row > score of an unsafe row), ties counting half
 *   kept_unsafe = the share of the unsafe rows that seal-select --keep would keep
 *   rho         = Spearman(score, last visit) among the safe rows: what the order leaks
 *   by          = the first two for the unsafe rows of each value of a key
 *
 * A row without a score, or with a null one, counts as lowest and is not kept.  The rows may be a
 * part of those that were scored.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/jsonl.h"
#include "../rows/row.h"
#include "../score/join.h"
#include "../score/rank.h"
#include "command.h"

static struct detect_opts {
	const char *scores;             /* a file */
	const char *by;                 /* the score's formula */
	const char *label_key, *unsafe; /* a row is unsafe whose value of this key is this text */
	const char *group;              /* a key, or NULL */
	const char *keep;               /* what seal-select --keep would be told */
} opts = {.by = "score", .label_key = "label", .unsafe = "unsafe", .keep = "80%"};

#define AT(field) offsetof(struct detect_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"scores", 's', OPT_TEXT, AT(scores), "SCORES", "the rows' scores, from seal-score", 0, 0},
	{"by", 0, OPT_TEXT, AT(by), "FORMULA", "the score: gain, or such as 'loss_base/2 - loss'", 0, 0},
	{"label-key", 0, OPT_TEXT, AT(label_key), "KEY", "the key that holds a row's label", 0, 0},
	{"unsafe", 0, OPT_TEXT, AT(unsafe), "VALUE", "the label of an unsafe row", 0, 0},
	{"group", 0, OPT_TEXT, AT(group), "KEY", "report unsafe rows for each value of this key too", 0, 0},
	{"keep", 'k', OPT_TEXT, AT(keep), "N|P%", "what seal-select --keep would be told", 0, 0},
	{0},
};
/* clang-format on */

enum { SCORE, LAST }; /* places of the join's two formulas */

/* The labelled rows, and what is known of them. */
struct labelled {
	struct join *join; /* of n rows */
	json_t *groups;    /* of the unsafe rows with --group: see object_group */
	long room;
	struct label {
		int safe;
		long group; /* its number; -1: none */
	} * label;          /* [n] */
};

static void add_row(struct labelled *s, const struct row *row, struct buf *b)
{
	struct label l = {.group = -1};

	if (!json_object_get(row->json, opts.label_key))
		die("%s:%ld: no \"%s\"", row->file, row->line, opts.label_key);
	l.safe = strcmp(object_key(row->json, opts.label_key, b), opts.unsafe) != 0;
	if (opts.group && !l.safe)
		l.group = object_group(s->groups, row->json, opts.group);
	s->label = xgrow(s->label, s->join->n, &s->room, sizeof *s->label);
	s->label[s->join->n] = l;
	join_row(s->join, row->id, row->id_n, row->hash);
}

static void read_rows(struct labelled *s, char *const paths[], int n)
{
	const struct fate_opts all = FATE_DEFAULTS;
	struct fates *fates = fates_open(&all);
	struct rows *rows = rows_open(paths, n, fates, &all, 0);
	struct join *j = s->join;
	struct buf b = {0};
	struct row row;

	while (rows_next(rows, &row))
		add_row(s, &row, &b);
	join_end(j, 0);
	if (j->n && !j->found)
		die("%s: has none of the rows: another data set", j->name);
	if (j->found < j->n)
		notice("%ld rows without a score count as lowest", j->n - j->found);
	rows_close(rows);
	fates_close(fates, 0);
	buf_free(&b);
}

/* Of some unsafe rows. */
struct sum {
	double wins;  /* how many safe rows are above each, ties counting half, summed */
	long n, kept; /* how many they are; how many of them are kept */
};

static void add(struct sum *s, double wins, int kept)
{
	s->wins += wins;
	s->n++;
	s->kept += kept;
}

static json_t *auroc(const struct sum *s, long safe) { return real_or_null(s->wins / s->n / safe); }

static json_t *kept_unsafe(const struct sum *s) { return real_or_null((double)s->kept / s->n); }

/* Sets v[] to the scores of the safe rows, or of the others, in their order; returns how many. */
static long values(const struct labelled *s, int safe, double v[])
{
	const double *score = s->join->value[SCORE];
	long n = 0;

	assert(s->label || !s->join->n); /* each row that was joined has a label */
	for (long i = 0; i < s->join->n; i++)
		if (s->label[i].safe == safe)
			v[n++] = isnan(score[i]) ? -INFINITY : score[i];
	return n;
}

/* Sums up the unsafe rows: in all, and in sum[] of each group.  Returns how many rows are safe. */
static long sum_up(const struct labelled *s, const char kept[], struct sum *all, struct sum sum[])
{
	long n = s->join->n, safe;
	double *x = xalloc(n * sizeof *x), *y = xalloc(n * sizeof *y);
	double *win = xalloc(n * sizeof *win), *w = win;

	safe = values(s, 1, x);
	rank_wins(x, safe, y, values(s, 0, y), win);
	for (long i = 0; i < n; i++) {
		if (s->label[i].safe)
			continue;
		add(all, *w, kept[i]);
		if (s->label[i].group >= 0)
			add(&sum[s->label[i].group], *w, kept[i]);
		w++;
	}
	free(x);
	free(y);
	free(win);
	return safe;
}

/* rho */
static double order_leak(const struct labelled *s)
{
	const double *score = s->join->value[SCORE], *last = s->join->value[LAST];
	double *x = xalloc(s->join->n * sizeof *x), *y = xalloc(s->join->n * sizeof *y), rho;
	long n = 0;

	for (long i = 0; i < s->join->n; i++) {
		if (!s->label[i].safe || isnan(score[i]) || isnan(last[i]))
			continue;
		x[n] = score[i];
		y[n++] = last[i];
	}
	rho = spearman(x, y, n);
	free(x);
	free(y);
	return rho;
}

static json_t *report(const struct labelled *s)
{
	struct sum all = {0}, *sum = xzalloc(json_object_size(s->groups) + 1, sizeof *sum);
	const struct join *j = s->join;
	char *kept = rank_keep(opts.keep, j->value[SCORE], j->hash, j->n);
	long safe = sum_up(s, kept, &all, sum);
	json_t *by = json_object(), *number;
	const char *value;

	json_object_foreach(s->groups, value, number)
	{
		const struct sum *g = &sum[json_integer_value(number)];

		json_object_set_new(by, value,
		                    json_pack("{s:o, s:o, s:I}", "auroc", auroc(g, safe),
		                              "kept_unsafe", kept_unsafe(g), "n",
		                              (json_int_t)g->n));
	}
	free(kept);
	free(sum);
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "auroc", auroc(&all, safe),
	                 "kept_unsafe", kept_unsafe(&all), "rho", real_or_null(order_leak(s)), "n",
	                 (json_int_t)j->n, "unsafe", (json_int_t)all.n, "by", by);
}

static void run(char *const paths[], int n, struct zout *out)
{
	const struct formula score = formula_option("--by", opts.by);
	const struct formula last = formula_option("last", "last");
	const struct scores_want want[] = {[SCORE] = {&score, 0}, [LAST] = {&last, 1}};
	struct labelled s = {.groups = json_object()};

	if (!opts.scores)
		die_usage("--scores is missing");
	if (!strcmp(opts.scores, "-") && !n)
		die_usage("stdin cannot be both the scores and the rows");
	if (keep_count(opts.keep, 0) < 0)
		die_usage("--keep: '%s' is neither a count nor a share such as 80%%", opts.keep);
	s.join = join_open(opts.scores, want);
	read_rows(&s, paths, n);
	command_write(out, report(&s));
	free(s.label);
	json_decref(s.groups);
	join_close(s.join);
}

static const struct opt_group groups[] = {{"Detection", options, &opts}, {0}};

const struct command command_detect = {
	.name = "detect",
	.what = "how well scores tell unsafe rows from safe ones",
	.does = "How well scores tell unsafe rows from safe ones.",
	.operands = "[ROWS...]",
	.groups = groups,
	.run = run,
};
