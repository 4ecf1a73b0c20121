/* SPDX-License-Identifier: MIT */
/* audit.c - see audit.h. */
#include "audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/hash.h"
#include "../format/jsonl.h"
#include "../rows/places.h"
#include "../score/file.h"
#include "../score/rank.h"

#define AT(field) offsetof(struct audit_opts, field)

const struct opt audit_options[] = {
	{"by", 0, OPT_TEXT, AT(by), "FORMULA", "the score: gain, or such as 'loss_base/2 - loss'",
         0, 0},
	{"order", 0, OPT_TEXT, AT(order), "FILE",
         "the ids in the order of the visits, one a line (default: the scores' own)", 0, 0},
	{0},
};

enum { TENTHS = 10 };

/* The scored rows. */
struct audit {
	char *name; /* of the scores file */
	long n, room;
	struct audited {
		double score, last; /* NaN: null */
		uint64_t hash;
	} * row;
	struct places *at; /* by the id's key: place in row + 1 */
};

static void add(struct audit *a, const struct scored *s)
{
	uint32_t *at = places_find(a->at, hash_bytes(s->id.p, s->id.n));

	if (*at)
		die("%s:%ld: the row %s is scored twice", a->name, s->line, s->id.p);
	*at = a->n + 1;
	if (a->n == a->room) {
		a->room = a->room * 3 / 2 + 1024;
		a->row = xrealloc(a->row, a->room * sizeof *a->row);
	}
	a->row[a->n++] = (struct audited){s->value[0], s->value[1], s->hash};
}

static void read_scores(struct audit *a, const char *path, const char *by)
{
	const struct formula score = formula_option("--by", by),
			     last = formula_option("last", "last");
	struct scores *scores =
		scores_open(path, (struct scores_want[SCORES_FORMULAS]){{&score, 0}, {&last, 1}});
	struct scored *s;

	a->name = xstrdup(scores_name(scores));
	a->at = places_new();
	while (scores_next(scores, &s))
		add(a, s);
	scores_close(scores);
}

/* Sets each row's last visit to its line in the file, from 0. */
static void read_order(struct audit *a, const char *path)
{
	struct zin *in = zin_open(path);
	size_t n, raw;
	char *id;

	for (long i = 0; i < a->n; i++)
		a->row[i].last = NAN;
	for (long line = 0; (id = zin_line(in, &n, &raw)); line++) {
		const uint32_t *at = places_look(a->at, hash_bytes(id, n));

		if (!at)
			die("%s:%ld: %s has no row %.100s", path, line + 1, a->name, id);
		a->row[*at - 1].last = line;
	}
	zin_close(in);
}

static int by_last(const void *a, const void *b)
{
	const struct audited *p = a, *q = b;

	return (p->last > q->last) - (p->last < q->last);
}

/* Rows from..to-1; kept[i] 1: seal-select --keep 80% would keep the row. */
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

json_t *evaluate_audit(const char *path, const struct audit_opts *o)
{
	struct audit a = {0};
	json_t *result;
	long n = 0;

	read_scores(&a, path, o->by);
	if (o->order)
		read_order(&a, o->order);
	for (long i = 0; i < a.n; i++)
		if (!isnan(a.row[i].last) && !isnan(a.row[i].score))
			a.row[n++] = a.row[i];
	if (!n)
		die("%s: no row has a score and a last visit%s", a.name,
		    o->order ? "" : " (--order FILE tells them)");
	qsort(a.row, n, sizeof *a.row, by_last);
	result = report(a.row, n);
	free(a.row);
	free(a.name);
	places_free(a.at);
	return result;
}
