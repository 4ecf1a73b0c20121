/* SPDX-License-Identifier: MIT */
/* length_control.c - the GLM's rows, its fit, and what it predicts; see length_control.h. */
#include "length_control.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../rows/row.h"
#include "glm.h"
#include "interval.h"

enum { LENGTH, DIFFICULTY, MODEL }; /* the terms */
enum { SAMPLES = 1000, LEAST_ROWS = 5 };

/* alpaca_eval's 0.2, shared by the two models whose length was changed. */
static const double gamed_weight = 0.1;

struct difficulty {
	char *path;
	double *of; /* [n] by index; NAN: not there */
	long n, room;
	struct glm_row *gamed; /* [gamed_n] */
	long gamed_n, gamed_room;
};

/* The number of a key, which CSV has as a text; 0: the key is missing, or empty. */
static int number(const struct row *r, const char *key, double *value)
{
	const json_t *j = json_object_get(r->json, key);
	const char *text = json_string_value(j);
	char *end;

	if (!j || json_is_null(j) || (text && !*text))
		return 0;
	*value = text ? strtod(text, &end) : json_double(j);
	if (!isfinite(*value) || (text ? *end != 0 : !json_is_number(j)))
		die("%s:%ld: \"%s\" is not a number", r->file, r->line, key);
	return 1;
}

static void add(struct difficulty *d, const struct row *r)
{
	double index, hard, p, longer;

	if (!number(r, "index", &index) || !number(r, "instruction_difficulty", &hard))
		die("%s:%ld: no \"index\" and \"instruction_difficulty\"", r->file, r->line);
	if (index < 0 || index > 1e8 || index != floor(index))
		die("%s:%ld: \"index\" is not a whole number from 0", r->file, r->line);
	while (d->n <= index) {
		d->of = xgrow(d->of, d->n, &d->room, sizeof *d->of);
		d->of[d->n++] = NAN;
	}
	if (isnan(d->of[(long)index]))
		d->of[(long)index] = hard;
	if (!number(r, "preference", &p) || !number(r, "std_delta_len", &longer))
		return;
	if (p < 0 || p > 1)
		die("%s:%ld: \"preference\" is not in 0 to 1", r->file, r->line);
	d->gamed = xgrow(d->gamed, d->gamed_n, &d->gamed_room, sizeof *d->gamed);
	d->gamed[d->gamed_n++] = (struct glm_row){{tanh(longer), hard, 0}, p, gamed_weight};
}

struct difficulty *difficulty_open(const char *path)
{
	struct fate_opts fate = FATE_DEFAULTS;
	struct fates *fates = fates_open(&fate);
	struct difficulty *d = xzalloc(1, sizeof *d);
	char *one = d->path = xstrdup(path);
	struct rows *rows = rows_open(&one, 1, fates, &fate, ROWS_UNIQUE);
	struct row r;

	while (rows_next(rows, &r))
		add(d, &r);
	rows_close(rows);
	fates_close(fates, 0);
	return d;
}

double difficulty_of(const struct difficulty *d, long index, const char *where)
{
	if (index < 0 || index >= d->n || isnan(d->of[index]))
		die("%s: %s has no index %ld", where, d->path, index);
	return d->of[index];
}

void difficulty_close(struct difficulty *d)
{
	if (!d)
		return;
	free(d->path);
	free(d->of);
	free(d->gamed);
	free(d);
}

/* What is fitted: the gamed rows, and behind them those of the votes that are not null. */
struct control {
	const struct vote *vote;
	long votes;
	struct glm_row *row; /* [n] */
	long n, gamed;
	long *at; /* [votes]: the vote's row, or -1 */
	double c, w[GLM_TERMS];
};

static double deviation(const struct vote *v, long n)
{
	double mean = 0, square = 0;

	for (long i = 0; i < n; i++)
		mean += v[i].longer / n;
	for (long i = 0; i < n; i++)
		square += (v[i].longer - mean) * (v[i].longer - mean);
	return sqrt(square / (n - 1));
}

static void make_rows(struct control *k, const struct difficulty *d)
{
	double sd = deviation(k->vote, k->votes);

	k->gamed = d ? d->gamed_n : 0;
	k->row = xalloc((k->gamed + k->votes + 1) * sizeof *k->row);
	k->at = xalloc((k->votes + 1) * sizeof *k->at);
	if (k->gamed)
		memcpy(k->row, d->gamed, k->gamed * sizeof *k->row);
	k->n = k->gamed;
	for (long i = 0; i < k->votes; i++) {
		const struct vote *v = &k->vote[i];
		double length = sd > 0 ? tanh(v->longer / sd) : 0; /* all equally long */

		k->at[i] = isnan(v->v) ? -1 : k->n;
		if (k->at[i] >= 0)
			k->row[k->n++] = (struct glm_row){{length, v->hard, 1}, v->v, 1};
	}
}

static double predict(const struct control *k, const double *w, const long drawn[], long n)
{
	double sum = 0;

	for (long i = 0; i < n; i++) {
		const double x[GLM_TERMS] = {0, k->vote[drawn[i]].hard, 1};

		sum += glm_share(w, x);
	}
	return sum / n;
}

/* The rate of the votes that are drawn, fitted from where all of them led. */
static double drawn_rate(void *ctx, const long drawn[], long n)
{
	struct control *k = ctx;
	double w[GLM_TERMS];

	memcpy(w, k->w, sizeof w);
	for (long i = k->gamed; i < k->n; i++)
		k->row[i].s = 0;
	for (long i = 0; i < n; i++)
		if (k->at[drawn[i]] >= 0)
			k->row[k->at[drawn[i]]].s++;
	glm_fit(k->row, k->n, k->c, w);
	return predict(k, w, drawn, n);
}

static json_t *fit_of(const struct control *k, int difficulty)
{
	return json_pack("{s:f, s:o, s:f, s:f, s:I}", "length", k->w[LENGTH], "difficulty",
	                 difficulty ? json_real(k->w[DIFFICULTY]) : json_null(), "model",
	                 k->w[MODEL], "c", k->c, "gamed", (json_int_t)k->gamed);
}

void length_control(json_t *result, const struct vote *v, long n, const struct difficulty *d)
{
	struct control k = {.vote = v, .votes = n};
	struct interval i = {NAN, NAN, NAN};
	json_t *fit = NULL;

	make_rows(&k, d);
	if (k.n - k.gamed >= LEAST_ROWS) {
		k.c = glm_choose(k.row, k.n, k.w);
		i = interval_bootstrap(drawn_rate, &k, n, SAMPLES);
		fit = fit_of(&k, d != NULL);
	}
	interval_set(result, "length_controlled_winrate", interval_scale(i, 100));
	json_object_set_new(result, "glm", fit ? fit : json_null());
	free(k.row);
	free(k.at);
}
