/* SPDX-License-Identifier: MIT */
/* select_pick.c - which rows are picked; see select.h. */
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "mixture.h"
#include "rank.h"
#include "select_in.h"

double select_threshold(const struct select_opts *o)
{
	char *end = NULL;
	double x = o->threshold ? strtod(o->threshold, &end) : 0;

	if (end && (end == o->threshold || *end || isnan(x)))
		die_usage("--threshold: '%s' is not a number", o->threshold);
	return x;
}

/* --keep auto: the least score that belongs to the upper of two groups rather than to the lower;
 * where there are no two, below all scores. */
static double least_of_upper(const double score[], long n)
{
	const struct mixture m = mixture_fit(score, n);
	double least = INFINITY, all = 0, in = 0;
	long numbers = 0, kept = 0;

	for (long i = 0; i < n; i++) {
		double p = m.two && !isnan(score[i]) ? mixture_upper(&m, score[i]) : 0;

		numbers += !isnan(score[i]);
		all += p;
		if (p < 0.5)
			continue;
		in += p;
		kept++;
		least = fmin(least, score[i]);
	}
	if (!m.two) {
		notice("the scores show no second group: all rows that have one are kept");
		return -INFINITY;
	}
	notice("the scores show two groups, of about %.0f rows around %.4g and %.0f around %.4g",
	       m.lower.share * numbers, m.lower.mean, m.upper.share * numbers, m.upper.mean);
	notice("of the upper group are %.1f%% of the rows kept, and kept are %.1f%% of that group "
	       "(expected)",
	       100 * in / kept, 100 * in / all);
	return least;
}

/* --mix: of how many rows there are of each file makes how many are picked. */
static void mix_quotas(const struct selection *s, long rows[])
{
	const struct mix *m = s->mix;
	long total = s->o->keep ? keep_count(s->o->keep, 0) : mix_most(m, rows);
	long *count = xalloc(m->n * sizeof *count);

	mix_counts(m, total, count);
	for (int i = 0; i < m->n; i++) {
		if (!rows[i])
			die("--mix: %s has no row that could be picked", m->path[i]);
		if (count[i] > rows[i])
			die("--mix: %ld rows need %ld of %s, which has %ld", total, count[i],
			    m->path[i], rows[i]);
		notice("%s: %ld of %ld rows, a share of %.4g where %.4g was asked", m->path[i],
		       count[i], rows[i], total ? (double)count[i] / total : 0, m->share[i]);
		rows[i] = count[i];
	}
	free(count);
}

/* [groups], owned: how many rows of each group are picked; all rows are of group 0 where there are
 * none. */
static long *quotas(const struct selection *s)
{
	const double *score = s->join->value[0];
	long groups = s->mix ? s->mix->n : (long)json_object_size(s->groups) + 1;
	long *rows = xzalloc(groups, sizeof *rows);

	for (long i = 0; i < s->join->n; i++)
		if (s->mix ? !isnan(score[i]) : !s->keeper || s->keeper[i] == i)
			rows[s->group ? s->group[i] : 0]++;
	if (s->mix)
		mix_quotas(s, rows);
	for (long g = 0; !s->mix && s->o->keep && !select_auto(s->o) && g < groups; g++)
		rows[g] = keep_count(s->o->keep, rows[g]);
	return rows;
}

void select_duplicates(struct selection *s)
{
	double *score = s->join->value[0];

	s->keeper = dedupe_keepers(s->dedupe, score);
	for (long i = 0; i < s->join->n; i++)
		if (s->keeper[i] != i)
			score[i] = NAN;
}

void select_pick(struct selection *s)
{
	const struct select_opts *o = s->o;
	const double *score = s->join->value[0];
	long n = s->join->n, first = 0, end, *left = quotas(s);
	uint32_t *order = xalloc(n * sizeof *order);
	int cuts = o->threshold || select_auto(o);
	double least = select_auto(o) ? least_of_upper(score, n) : select_threshold(o);

	s->numbers = end = rank_order(score, s->join->hash, n, order);
	s->rank = xzalloc(n, sizeof *s->rank);
	s->picked = xzalloc(n, 1);
	if (o->top && o->top < end)
		end = o->top;
	if (o->bottom && o->bottom < end)
		first = end - o->bottom;
	for (long k = 0; k < s->numbers; k++) {
		uint32_t i = order[k];

		s->rank[i] = k + 1;
		s->picked[i] = cuts                ? score[i] >= least
		               : o->keep || o->mix ? left[s->group ? s->group[i] : 0]-- > 0
		                                   : k >= first && k < end;
	}
	if (!o->keep && !o->threshold && !o->top && !o->bottom && !o->mix)
		for (long i = 0; i < n; i++)
			s->picked[i] = !s->keeper || s->keeper[i] == i;
	free(order);
	free(left);
}
