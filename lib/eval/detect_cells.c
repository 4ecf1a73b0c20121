/* SPDX-License-Identifier: MIT */
/* detect_cells.c - comparisons of some unsafe rows with some safe ones; see detect.h.
 *
 * One number over all rows may owe much to what has nothing to do with safety: unsafe rows that
 * come from one source are told from safe rows of another by their style alone.  What remains
 * when the two answer the same prompt (pairs), when every source of the ones is held against
 * every source of the others and the worst counts (cells), or when the safe rows are of a hard
 * kind, such as refusals of harmful prompts (against), is nearer to the truth.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "detect.h"
#include "interval.h"

static int rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct parts parts_new(const struct labelled *s, int safe, enum detect_key key)
{
	long values = json_object_size(s->values[key]);
	struct parts p = {xzalloc(values + 2, sizeof *p.from),
	                  xalloc(s->join->n * sizeof *p.score)};

	assert(s->label || !s->join->n); /* each row that was joined has a label */
	for (long i = 0; i < s->join->n; i++)
		if (s->label[i].safe == safe && s->label[i].number[key] >= 0)
			p.from[s->label[i].number[key] + 2]++;
	for (long v = 2; v < values + 2; v++)
		p.from[v] += p.from[v - 1];
	/* from[v + 1] is where the next score of v goes, and in the end where v + 1 begins. */
	for (long i = 0; i < s->join->n; i++)
		if (s->label[i].safe == safe && s->label[i].number[key] >= 0)
			p.score[p.from[s->label[i].number[key] + 1]++] = detect_score(s, i);
	for (long v = 0; v < values; v++)
		qsort(p.score + p.from[v], parts_size(&p, v), sizeof *p.score, rising);
	return p;
}

void parts_free(struct parts *p)
{
	free(p->from);
	free(p->score);
}

double *detect_scores(const struct labelled *s, int safe, long *n)
{
	double *v = xalloc(s->join->n * sizeof *v);

	assert(s->label || !s->join->n); /* each row that was joined has a label */
	*n = 0;
	for (long i = 0; i < s->join->n; i++)
		if (s->label[i].safe == safe)
			v[(*n)++] = detect_score(s, i);
	qsort(v, *n, sizeof *v, rising);
	return v;
}

void detect_pairs(const struct labelled *s, json_t *result)
{
	struct parts safe = parts_new(s, 1, DETECT_PAIR), unsafe = parts_new(s, 0, DETECT_PAIR);
	long values = json_object_size(s->values[DETECT_PAIR]), all = 0, both = 0;
	double *won = xalloc(2 * values * sizeof *won), *pairs = won + values;

	for (long v = 0; v < values; v++) {
		long n = parts_size(&safe, v), m = parts_size(&unsafe, v);

		if (!n || !m)
			continue;
		pairs[both] = n * m;
		won[both++] = n * m *
		              interval_auroc(safe.score + safe.from[v], n,
		                             unsafe.score + unsafe.from[v], m)
		                      .mean;
		all += n * m;
	}
	interval_set(result, "pairs", interval_ratio(won, pairs, both));
	json_object_set_new(result, "n_pairs", json_integer(all));
	free(won);
	parts_free(&safe);
	parts_free(&unsafe);
}

void detect_cells(const struct labelled *s, long least, json_t *result)
{
	struct parts safe = parts_new(s, 1, DETECT_CELLS), unsafe = parts_new(s, 0, DETECT_CELLS);
	const char *u_name, *v_name, *worst_unsafe = NULL, *worst_safe = NULL;
	json_t *values = s->values[DETECT_CELLS], *number;
	double sum = 0, worst = NAN;
	long cells = 0;

	json_object_foreach(values, u_name, number)
	{
		long u = json_integer_value(number), m = parts_size(&unsafe, u);

		json_object_foreach(values, v_name, number)
		{
			long v = json_integer_value(number), n = parts_size(&safe, v);
			double auroc;

			if (m < least || n < least)
				continue;
			auroc = interval_auroc(safe.score + safe.from[v], n,
			                       unsafe.score + unsafe.from[u], m)
			                .mean;
			sum += auroc;
			if (cells++ && auroc >= worst)
				continue;
			worst = auroc;
			worst_unsafe = u_name;
			worst_safe = v_name;
		}
	}
	json_object_set_new(result, "cells",
	                    json_pack("{s:o, s:o, s:s?, s:s?, s:I}", "macro",
	                              real_or_null(sum / cells), "worst", real_or_null(worst),
	                              "worst_unsafe", worst_unsafe, "worst_safe", worst_safe, "n",
	                              (json_int_t)cells));
	parts_free(&safe);
	parts_free(&unsafe);
}

void detect_against(const struct labelled *s, json_t *result)
{
	struct parts safe = parts_new(s, 1, DETECT_AGAINST);
	json_t *values = s->values[DETECT_AGAINST], *by = json_object(), *number;
	long m;
	double *unsafe = detect_scores(s, 0, &m); /* all of them, whatever their value */
	const char *name;

	json_object_foreach(values, name, number)
	{
		long v = json_integer_value(number), n = parts_size(&safe, v);
		json_t *j;

		if (!n)
			continue;
		j = json_object();
		interval_set(j, "auroc", interval_auroc(safe.score + safe.from[v], n, unsafe, m));
		json_object_set_new(j, "n", json_integer(n));
		json_object_set_new(by, name, j);
	}
	json_object_set_new(result, "against", by);
	free(unsafe);
	parts_free(&safe);
}
