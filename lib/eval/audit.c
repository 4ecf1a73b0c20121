/* SPDX-License-Identifier: MIT */
/* audit.c - see audit.h. */
#include "audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/jsonl_objects.h"

#define AT(field) offsetof(struct audit_opts, field)

const struct opt audit_options[] = {
	{"audit", 0, OPT_TEXT, AT(scores), "SCORES",
         "report how far these scores follow the order of training", 0, 0},
	{"order", 0, OPT_TEXT, AT(order), "FILE", "the ids in that order, one a line", 0, 0},
	{0},
};

enum { TENTHS = 10 };

/* Sets each row's last visit to its line in the file, from 0. */
static void read_order(const struct scores *s, const char *path)
{
	struct zin *in = zin_open(path);
	size_t n, raw;
	char *id;

	for (long i = 0; i < s->n; i++)
		s->row[i].last = -1;
	for (long line = 0; (id = zin_line(in, &n, &raw)); line++) {
		const struct score *row = score_of(s, id);

		if (!row)
			die("%s:%ld: %s has no row %.100s", path, line + 1, s->name, id);
		s->row[row - s->row].last = line;
	}
	zin_close(in);
}

static int by_last(const void *a, const void *b)
{
	const struct score *p = *(const struct score *const *)a,
			   *q = *(const struct score *const *)b;

	return (p->last > q->last) - (p->last < q->last);
}

/* Rows from..to-1; kept[i] 1: seal-select --keep 80% would keep the row. */
static json_t *tenth(const struct score *const row[], const char kept[], long from, long to)
{
	double sum = 0;
	long n = to - from, k = 0;

	for (long i = from; i < to; i++) {
		sum += row[i]->score;
		k += kept[i];
	}
	return json_pack("{s:I, s:o, s:o}", "n", (json_int_t)n, "mean", real_or_null(sum / n),
	                 "kept", real_or_null((double)k / n));
}

/* row: in the order of their last visits. */
static json_t *report(const struct score *const row[], long n)
{
	double *x = xalloc(n * sizeof *x), *y = xalloc(n * sizeof *y), rho;
	uint64_t *hash = xalloc(n * sizeof *hash);
	uint32_t *order = xalloc(n * sizeof *order);
	long keep = keep_count("80%", n);
	char *kept = xzalloc(n, 1);
	json_t *tenths = json_array();

	for (long i = 0; i < n; i++) {
		x[i] = row[i]->score;
		y[i] = row[i]->last;
		hash[i] = row[i]->hash;
	}
	rho = spearman(x, y, n);
	rank_order(x, hash, n, order);
	for (long i = 0; i < keep; i++)
		kept[order[i]] = 1;
	for (int i = 0; i < TENTHS; i++)
		json_array_append_new(tenths,
		                      tenth(row, kept, n * i / TENTHS, n * (i + 1) / TENTHS));
	free(x);
	free(y);
	free(hash);
	free(order);
	free(kept);
	return json_pack("{s:I, s:o, s:o, s:o}", "n", (json_int_t)n, "rho", real_or_null(rho),
	                 "chance", real_or_null(3 / sqrt(n)), "tenths", tenths);
}

json_t *score_audit(const struct audit_opts *o)
{
	struct scores *s = scores_read(o->scores);
	const struct score **row = xalloc(s->n * sizeof *row);
	json_t *result;
	long n = 0;

	if (o->order)
		read_order(s, o->order);
	for (long i = 0; i < s->n; i++)
		if (s->row[i].last >= 0 && !isnan(s->row[i].score))
			row[n++] = &s->row[i];
	if (!n)
		die("%s: no row has a score and a last visit%s", s->name,
		    o->order ? "" : " (--order FILE tells them)");
	qsort(row, n, sizeof *row, by_last);
	result = report(row, n);
	free(row);
	scores_close(s);
	return result;
}
