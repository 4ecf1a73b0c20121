/* SPDX-License-Identifier: MIT */
/* suspect.c - rounds of fits over folds; see suspect.h. */
#include "suspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "rank.h"

#define DEFAULTS            \
	{                   \
		.rounds = 2 \
	}
struct suspect_opts suspect_opts = DEFAULTS;
static const struct suspect_opts defaults = DEFAULTS;

#define AT(field) offsetof(struct suspect_opts, field)

/* clang-format off */
const struct opt suspect_options[] = {
	{"fit-c", 0, OPT_REAL, AT(c), "C", "inverse of the fit's penalty (0: chosen)", 0, 1},
	{"rounds", 0, OPT_COUNT, AT(rounds), "N",
		"fits against the worst rows of the fit before", 0, 1},
	{"share", 0, OPT_REAL, AT(share), "PERCENT",
		"how many rows are taken for bad in those (0: chosen)", 0, 1},
	{0},
};
/* clang-format on */

void suspect_check(int chosen)
{
	const struct suspect_opts *o = &suspect_opts, *d = &defaults;

	if (!chosen && (o->c != d->c || o->rounds != d->rounds || o->share != d->share))
		die_usage("--fit-c, --rounds and --share are for --method state or words");
	if (o->share > 50)
		die_usage("--share: %g is over 50", o->share);
}

struct dealt {
	uint64_t key;
	long row;
};

static int by_key(const void *a, const void *b)
{
	const struct dealt *x = a, *y = b;

	return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
	                        : (x->row > y->row) - (x->row < y->row);
}

static void deal(struct suspects *s, long first, long n)
{
	struct dealt *d = xalloc(n * sizeof *d);

	for (long i = 0; i < n; i++) {
		const uint64_t both[] = {s->hash[first + i], (uint64_t)s->seed};

		d[i] = (struct dealt){hash_bytes(both, sizeof both), first + i};
	}
	qsort(d, n, sizeof *d, by_key);
	for (long k = 0; k < n; k++)
		s->fold[d[k].row] = (char)(k % SUSPECT_FOLDS);
	free(d);
}

void suspect_deal(struct suspects *s)
{
	long known = s->trusted + s->bad;

	s->fold = xalloc(s->x.n);
	deal(s, 0, s->trusted);
	deal(s, s->trusted, s->bad);
	deal(s, known, s->x.n - known);
}

/* Which rows a fit sees: the trusted ones, the bad ones, and the untrusted ones that are taken for
 * bad, but for those of one fold (-1: of none). */
static struct logit fit(const struct suspects *s, const char *worst, double c, int fold)
{
	int32_t *row = xalloc(s->x.n * sizeof *row);
	char *bad = xalloc(s->x.n);
	struct examples e = {row, bad, 0};
	struct logit l;

	for (long i = 0; i < s->x.n; i++) {
		long known = s->trusted + s->bad;

		if (s->fold[i] == fold || (i >= known && !(worst && worst[i - known])))
			continue;
		row[e.n] = (int32_t)i;
		bad[e.n++] = i >= s->trusted;
	}
	l = logistic_fit(&s->x, &e, c, s->threads);
	free(row);
	free(bad);
	return l;
}

/* Values rows 0..n-1 by fits that have not seen their fold. */
static void value_rows(const struct suspects *s, const char *worst, double c, long n, double *value)
{
	for (int k = 0; k < SUSPECT_FOLDS; k++) {
		struct logit l = fit(s, worst, c, k);

#pragma omp parallel for num_threads(s->threads)
		for (long i = 0; i < n; i++)
			if (s->fold[i] == k)
				value[i] = logit_value(&l, &s->x, i);
		logit_free(&l);
	}
}

double suspect_auroc(const struct suspects *s, double c, double below[])
{
	long known = s->trusted + s->bad;
	double *value = xalloc(known * sizeof *value), sum = 0;

	value_rows(s, NULL, c, known, value);
	/* rank_wins counts who is above; so both are turned. */
	for (long i = 0; i < known; i++)
		value[i] = -value[i];
	rank_wins(value, s->trusted, value + s->trusted, s->bad, below);
	for (long j = 0; j < s->bad; j++)
		sum += below[j] /= s->trusted;
	free(value);
	return sum / s->bad;
}

int suspect_better(const double below[], const double than[], long bad)
{
	double mean = 0, square = 0;

	for (long j = 0; j < bad; j++)
		mean += (below[j] - than[j]) / bad;
	for (long j = 0; j < bad; j++)
		square += pow(below[j] - than[j] - mean, 2);
	return mean > sqrt(square / (bad - 1) / bad);
}

/* The share of the untrusted rows that the next round counts as bad: with bad rows to go by, what
 * it is estimated to be. */
static double share(const struct suspects *s)
{
	if (suspect_opts.share > 0)
		return suspect_opts.share / 100;
	return s->bad ? fmin(fmax(s->odds.prior, 0.02), 0.3) : 0.1;
}

/* Marks the worst untrusted rows. */
static void take_worst(const struct suspects *s, char *worst)
{
	long known = s->trusted + s->bad, n = s->x.n - known;
	long take = long_max(SUSPECT_FOLDS, (long)(share(s) * n + 0.5));
	double *good = xalloc(n * sizeof *good);
	uint32_t *order = xalloc(n * sizeof *order);

	for (long i = 0; i < n; i++)
		good[i] = -s->value[known + i];
	rank_order(good, s->hash + known, n, order);
	for (long k = 0; k < n; k++) /* the last are the worst */
		worst[order[k]] = k >= n - take;
	free(good);
	free(order);
}

/* Log odds from values (Platt 1999, "Probabilistic outputs for support vector machines"): of the
 * trusted rows and the bad ones, or in their absence those that were taken for bad, by fits that
 * had not seen them. */
static void calibrate(struct suspects *s, const char *worst)
{
	float *value = xalloc(s->x.n * sizeof *value);
	int32_t *row = xalloc(s->x.n * sizeof *row);
	char *bad = xalloc(s->x.n);
	struct examples e = {row, bad, 0};
	long known = s->trusted + s->bad;
	struct logit l;

	for (long i = 0; i < s->x.n; i++) {
		value[i] = (float)s->value[i];
		if (i >= known && (s->bad || !worst[i - known]))
			continue;
		row[e.n] = (int32_t)i;
		bad[e.n++] = i >= s->trusted;
	}
	l = logistic_fit(&(struct features){.n = s->x.n, .d = 1, .ld = 1, .x = value}, &e, 1, 1);
	s->odds.slope = l.w[0];
	s->odds.offset = l.b - l.w[0] * l.mean[0];
	logit_free(&l);
	free(value);
	free(row);
	free(bad);
}

double suspect_probability(const struct odds *o, double value)
{
	return 1 / (1 + (1 - o->prior) / o->prior * exp(-(o->slope * value + o->offset)));
}

const char suspect_p_bad[] =
	"the probability that the row is bad, calibrated, with the share of bad rows as estimated";

void suspect_write(struct scores_out *out, const struct tokens_row *r, const struct odds *o,
                   double value)
{
	const double v[] = {value, suspect_probability(o, value)};

	scores_add(out, r->id, r->id_n, r->hash, r->line, v);
}

/* The prior under which the untrusted rows' probabilities have it as their mean: expectation and
 * maximisation (Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to
 * new a priori probabilities"). */
static void estimate_prior(struct suspects *s)
{
	long known = s->trusted + s->bad, n = s->x.n - known;

	s->odds.prior = 0.5;
	for (int round = 0; round < 200; round++) {
		double sum = 0;

		for (long i = 0; i < n; i++)
			sum += suspect_probability(&s->odds, s->value[known + i]);
		s->odds.prior = fmin(fmax(sum / n, 1e-6), 1 - 1e-6);
	}
}

void suspect_find(struct suspects *s)
{
	const struct suspect_opts *o = &suspect_opts;
	long known = s->trusted + s->bad, untrusted = s->x.n - known;
	char *worst = xalloc(untrusted);

	s->value = xalloc(s->x.n * sizeof *s->value);
	memset(worst, !s->bad, untrusted);
	for (long round = 0; round <= o->rounds; round++) {
		double c = round || s->bad ? s->c : s->first;

		if (round)
			take_worst(s, worst);
		value_rows(s, worst, c, s->x.n, s->value);
		if (round == o->rounds)
			s->fit = fit(s, worst, c, -1);
		calibrate(s, worst);
		estimate_prior(s);
	}
	free(worst);
}

void suspect_free(struct suspects *s)
{
	free(s->fold);
	free(s->value);
	logit_free(&s->fit);
}
