/* SPDX-License-Identifier: MIT */
/* audit.c - how far scores follow the order in which training visited the rows.
 *
 *   rho    = Spearman(score, last visit) over the n rows that have both
 *   chance = 3 / sqrt(n), which |rho| of scores that know nothing of the order passes one time in
 *            370: rho is then nearly normal with deviation 1 / sqrt(n)
 *   tenths = of each tenth of the epoch, by last visit: how many rows, their mean score, and the
 *            share of them among the best 80 %
 *
 * The last visits are the scores' own column, or the line of the row's id in the file --order,
 * where the last mention counts.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/utf8.h"
#include "../base/hash.h"
#include "../format/jsonl.h"
#include "../rows/places.h"
#include "../score/scores.h"
#include "../score/rank.h"
#include "command.h"

static struct audit_opts {
	const char *by;    /* the score's formula */
	const char *order; /* a file of ids, or NULL: the scores tell */
} opts = {.by = "score"};

#define AT(field) offsetof(struct audit_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"by", 0, OPT_TEXT, AT(by), "FORMULA", "the score: gain, or such as 'loss_base/2 - loss'", 0, 0},
	{"order", 0, OPT_TEXT, AT(order), "FILE",
		"the ids in the order of the visits, one a line (default: the scores' own)", 0, 0},
	{0},
};
/* clang-format on */

enum { TENTHS = 10 };

/* The scored rows. */
struct audit {
	char *name; /* of the scores file */
	long n, room;
	struct audited {
		double score, last; /* NaN: null */
		uint64_t hash;
	} * row;
	struct places *at; /* by the id's hash: its place in row, plus 1 */
};

static void add(struct audit *a, const struct scored *s)
{
	uint32_t *at = places_find(a->at, hash_bytes(s->id.p, s->id.n));

	if (*at)
		die("%s:%ld: the row %s is scored twice", a->name, s->line, s->id.p);
	*at = a->n + 1;
	a->row = xgrow(a->row, a->n, &a->room, sizeof *a->row);
	a->row[a->n++] = (struct audited){s->value[0], s->value[1], s->hash};
}

static void read_scores(struct audit *a, const char *path)
{
	const struct formula score = formula_option("--by", opts.by);
	const struct formula last = formula_option("last", "last");
	const struct scores_want want[SCORES_FORMULAS] = {{&score, 0}, {&last, 1}};
	struct scores *scores = scores_open(path, want);
	struct scored *s;

	a->name = xstrdup(scores_name(scores));
	a->at = places_new();
	while (scores_next(scores, &s))
		add(a, s);
	scores_close(scores);
}

/* Sets each row's last visit to the line of its id in the file, from 0. */
static void read_order(struct audit *a)
{
	struct zin *in = zin_open_text(opts.order);
	size_t n, raw;
	char *id;

	for (long i = 0; i < a->n; i++)
		a->row[i].last = NAN;
	for (long line = 0; (id = zin_line(in, &n, &raw)); line++) {
		size_t bom = utf8_bom(id, n);
		const uint32_t *at = places_look(a->at, hash_bytes(id + bom, n - bom));

		if (!at)
			die("%s:%ld: %s has no row %.100s", opts.order, line + 1, a->name, id);
		assert(a->row); /* what has a place is a row that was added */
		a->row[*at - 1].last = line;
	}
	zin_close(in);
}

static int by_last(const void *a, const void *b)
{
	const struct audited *p = a, *q = b;

	return (p->last > q->last) - (p->last < q->last);
}

/* Of rows from..to-1; kept[i] 1: seal-select --keep 80% would keep the row. */
static json_t *tenth(const double score[], const char kept[], long from, long to)
{
	double sum = 0;
	long n = to - from, k = 0;

	for (long i = from; i < to; i++) {
		sum += score[i];
		k += kept[i];
	}
	return json_pack("{s:I, s:o, s:o}", "n", (json_int_t)n, "mean", real_or_null(sum / n),
	                 "kept", real_or_null((double)k / n));
}

/* Of n rows in the order of their last visits. */
static json_t *report(const struct audited row[], long n)
{
	double *score = xalloc(n * sizeof *score), *last = xalloc(n * sizeof *last), rho;
	uint64_t *hash = xalloc(n * sizeof *hash);
	json_t *tenths = json_array();
	char *kept;

	for (long i = 0; i < n; i++) {
		score[i] = row[i].score;
		last[i] = row[i].last;
		hash[i] = row[i].hash;
	}
	rho = spearman(score, last, n);
	kept = rank_keep("80%", score, hash, n);
	for (int i = 0; i < TENTHS; i++)
		json_array_append_new(tenths,
		                      tenth(score, kept, n * i / TENTHS, n * (i + 1) / TENTHS));
	free(score);
	free(last);
	free(hash);
	free(kept);
	return json_pack("{s:I, s:o, s:o, s:o}", "n", (json_int_t)n, "rho", real_or_null(rho),
	                 "chance", real_or_null(3 / sqrt(n)), "tenths", tenths);
}

static void run(char *const paths[], int n_paths, struct zout *out)
{
	struct audit a = {0};
	long n = 0;

	if (n_paths > 1)
		die_usage("one file of scores, please");
	read_scores(&a, n_paths ? paths[0] : NULL);
	if (opts.order)
		read_order(&a);
	for (long i = 0; i < a.n; i++)
		if (!isnan(a.row[i].last) && !isnan(a.row[i].score))
			a.row[n++] = a.row[i];
	if (!n)
		die("%s: no row has a score and a last visit%s", a.name,
		    opts.order ? "" : " (--order FILE tells them)");
	qsort(a.row, n, sizeof *a.row, by_last);
	command_write(out, report(a.row, n));
	free(a.row);
	free(a.name);
	places_free(a.at);
}

static const struct opt_group groups[] = {{"Audit", options, &opts}, {0}};

const struct command command_audit = {
	.name = "audit",
	.what = "how far scores follow the order of training",
	.does = "How far scores follow the order of training.",
	.operands = "[SCORES]",
	.groups = groups,
	.run = run,
};
