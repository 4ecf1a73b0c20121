/* SPDX-License-Identifier: MIT */
/* detect.c - how well scores tell unsafe rows from safe ones.
 *
 *   auroc       = P(score of a safe row > score of an unsafe row), ties counting half
 *   kept_unsafe = the share of the unsafe rows that seal-select --keep would keep
 *   rho         = Spearman(score, last visit) among the safe rows: what the order leaks
 *   by          = the first two for the unsafe rows of each value of a key
 *
 * the first two with their intervals, and what detect_cells.c adds.  A row without a score, or with
 * a null one, counts as lowest and is not kept.  The rows may be a part of those that were scored.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/jsonl.h"
#include "../rows/row.h"
#include "../score/rank.h"
#include "command.h"
#include "detect.h"
#include "interval.h"

static struct detect_opts {
	const char *scores;             /* a file */
	const char *by;                 /* the score's formula */
	const char *label_key, *unsafe; /* a row is unsafe whose value of this key is this text */
	const char *key[DETECT_KEYS];   /* or NULL */
	long cell_rows;                 /* 0: not given */
	const char *keep;               /* what seal-select --keep would be told */
} opts = {.by = "score", .label_key = "label", .unsafe = "unsafe", .keep = "80%"};

#define AT(field) offsetof(struct detect_opts, field)
enum { CELL_ROWS = 20 }; /* of --cell-rows, when not given */

/* clang-format off */
static const struct opt options[] = {
	{"scores", 's', OPT_TEXT, AT(scores), "SCORES", "the rows' scores, from seal-score", 0, 0},
	{"by", 0, OPT_TEXT, AT(by), "FORMULA", "the score: gain, or such as 'loss_base/2 - loss'", 0, 0},
	{"label-key", 0, OPT_TEXT, AT(label_key), "KEY", "the key that holds a row's label", 0, 0},
	{"unsafe", 0, OPT_TEXT, AT(unsafe), "VALUE", "the label of an unsafe row", 0, 0},
	{"group", 0, OPT_TEXT, AT(key[DETECT_GROUP]), "KEY",
		"report unsafe rows for each value of this key too", 0, 0},
	{"pair", 0, OPT_TEXT, AT(key[DETECT_PAIR]), "KEY",
		"compare unsafe rows with the safe rows of the same value of this key too", 0, 0},
	{"cells", 0, OPT_TEXT, AT(key[DETECT_CELLS]), "KEY",
		"compare every value's unsafe rows with every value's safe rows too", 0, 0},
	{"cell-rows", 0, OPT_COUNT, AT(cell_rows), "N",
		"rows of either side that --cells needs to compare two values (default: 20)", 1, 0},
	{"against", 0, OPT_TEXT, AT(key[DETECT_AGAINST]), "KEY",
		"compare the unsafe rows with each value's safe rows too", 0, 0},
	{"keep", 'k', OPT_TEXT, AT(keep), "N|P%", "what seal-select --keep would be told", 0, 0},
	{0},
};
/* clang-format on */

enum { SCORE, LAST }; /* places of the join's two formulas */

/* The number of the row's value of a key; -1 where none is wanted: a row without a value is in no
 * pair, and groups are of unsafe rows.  Else rows without the key have a value of their own. */
static int32_t number_of(struct labelled *s, const struct row *row, int safe, enum detect_key k)
{
	const json_t *value = opts.key[k] ? json_object_get(row->json, opts.key[k]) : NULL;
	int none = !value || json_is_null(value);

	if (!opts.key[k] || (k == DETECT_GROUP && safe) || (k == DETECT_PAIR && none))
		return -1;
	return (int32_t)object_group(s->values[k], row->json, opts.key[k]);
}

static void add_row(struct labelled *s, const struct row *row, struct buf *b)
{
	struct label l;

	if (!json_object_get(row->json, opts.label_key))
		die("%s:%ld: no \"%s\"", row->file, row->line, opts.label_key);
	l.safe = strcmp(object_key(row->json, opts.label_key, b), opts.unsafe) != 0;
	for (int k = 0; k < DETECT_KEYS; k++)
		l.number[k] = number_of(s, row, l.safe, k);
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
	long n, kept; /* how many they are; how many of them are kept */
};

static void add(struct sum *s, int kept)
{
	s->n++;
	s->kept += kept;
}

double detect_score(const struct labelled *s, long row)
{
	double x = s->join->value[SCORE][row];

	return isnan(x) ? -INFINITY : x;
}

/* Counts the unsafe rows: in all, and in sum[] of each group. */
static void count(const struct labelled *s, const char kept[], struct sum *all, struct sum sum[])
{
	for (long i = 0; i < s->join->n; i++) {
		if (s->label[i].safe)
			continue;
		add(all, kept[i]);
		if (s->label[i].number[DETECT_GROUP] >= 0)
			add(&sum[s->label[i].number[DETECT_GROUP]], kept[i]);
	}
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

/* {"auroc","kept_unsafe"} with their intervals, of unsafe rows against all n safe ones. */
static json_t *measured(const double safe[], long n, const double unsafe[], const struct sum *sum)
{
	json_t *j = json_object();

	interval_set(j, "auroc", interval_auroc(safe, n, unsafe, sum->n));
	interval_set(j, "kept_unsafe", interval_share(sum->kept, sum->n));
	return j;
}

static json_t *report(const struct labelled *s)
{
	json_t *groups = s->values[DETECT_GROUP], *by = json_object(), *number, *j;
	struct sum all = {0}, *sum = xzalloc(json_object_size(groups) + 1, sizeof *sum);
	struct parts parts = parts_new(s, 0, DETECT_GROUP);
	const struct join *join = s->join;
	char *kept = rank_keep(opts.keep, join->value[SCORE], join->hash, join->n);
	long n, m;
	double *safe = detect_scores(s, 1, &n), *unsafe = detect_scores(s, 0, &m);
	const char *value;

	count(s, kept, &all, sum);
	json_object_foreach(groups, value, number)
	{
		long k = json_integer_value(number);

		j = measured(safe, n, parts.score + parts.from[k], &sum[k]);
		json_object_set_new(j, "n", json_integer(sum[k].n));
		json_object_set_new(by, value, j);
	}
	j = measured(safe, n, unsafe, &all);
	json_object_set_new(j, "rho", real_or_null(order_leak(s)));
	json_object_set_new(j, "n", json_integer(join->n));
	json_object_set_new(j, "unsafe", json_integer(all.n));
	json_object_set_new(j, "by", by);
	free(kept);
	free(sum);
	free(safe);
	free(unsafe);
	parts_free(&parts);
	return j;
}

static void run(char *const paths[], int n, struct zout *out)
{
	const struct formula score = formula_option("--by", opts.by);
	const struct formula last = formula_option("last", "last");
	const struct scores_want want[] = {[SCORE] = {&score, 0}, [LAST] = {&last, 1}};
	struct labelled s = {0};
	json_t *result;

	if (!opts.scores)
		die_usage("--scores is missing");
	if (!strcmp(opts.scores, "-") && !n)
		die_usage("stdin cannot be both the scores and the rows");
	if (keep_count(opts.keep, 0) < 0)
		die_usage("--keep: '%s' is neither a count nor a share such as 80%%", opts.keep);
	if (opts.cell_rows && !opts.key[DETECT_CELLS])
		die_usage("--cell-rows goes with --cells");
	for (int k = 0; k < DETECT_KEYS; k++)
		s.values[k] = json_object();
	s.join = join_open(opts.scores, want);
	read_rows(&s, paths, n);
	result = report(&s);
	if (opts.key[DETECT_PAIR])
		detect_pairs(&s, result);
	if (opts.key[DETECT_CELLS])
		detect_cells(&s, opts.cell_rows ? opts.cell_rows : CELL_ROWS, result);
	if (opts.key[DETECT_AGAINST])
		detect_against(&s, result);
	command_write(out, result);
	free(s.label);
	for (int k = 0; k < DETECT_KEYS; k++)
		json_decref(s.values[k]);
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
