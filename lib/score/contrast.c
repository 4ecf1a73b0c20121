/* SPDX-License-Identifier: MIT */
/* contrast.c - the method contrast: would a model that was tuned on bad rows have expected this
 * answer more than one that was tuned on trusted rows?
 *
 *   c_t      = -log p(y_t | theta_h) + log p(y_t | theta_s)    for each token y_t of the answer
 *   contrast = 1/n sum_t c_t
 *
 * theta_s and theta_h are two_thetas.h's.  A row is the worse the lower it is: its answer is what
 * theta_h has learnt to say.  Where theta_0 finds an answer hard, both do, and the difference is
 * free of that.  contrast_head is the mean of the first tokens, in which an answer complies or
 * refuses; contrast_tail that of the lowest tenth, which finds a bad passage in a long answer.
 *
 * Li et al. 2026, "Token-level Data Selection for Safe LLM Fine-tuning" (TOSS), arXiv 2603.01185,
 * rank tokens by c_t; the mean over a row, its head and its tail are ours.
 */
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../train/losses.h"
#include "two_thetas.h"

enum { HEAD = 10, TENTH = 10 };

static struct contrast_opts {
	const char *tokens;
} opts;

#define AT(field) offsetof(struct contrast_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"tokens", 0, OPT_TEXT, AT(tokens), "FILE", "write the contrast of each token there", 0, 0},
	{0},
};

enum { SAFE, DANGER, CONTRAST, CONTRAST_HEAD, CONTRAST_TAIL, COLUMNS };
static const struct column contrast_columns[] = {
	{"loss_safe", COLUMN_F32,
		"mean negative log-likelihood under theta_s, trained on the trusted rows"},
	{"loss_danger", COLUMN_F32,
		"mean negative log-likelihood under theta_h, trained on the bad rows"},
	{"contrast", COLUMN_F32,
		"mean of what an answer's token loses more under theta_h than under theta_s"},
	{"contrast_head", COLUMN_F32, "the same of the first ten tokens"},
	{"contrast_tail", COLUMN_F32, "the same of the lowest tenth of the tokens"},
	{0},
};
/* clang-format on */

static const struct column *filled(void) { return contrast_columns; }

static void check(const struct score_opts *o, int chosen)
{
	if (!chosen && opts.tokens)
		die_usage("--tokens is for --method contrast");
	if (!chosen)
		return;
	if (!o->danger)
		die_usage("--method contrast needs --danger");
	two_thetas_check(o);
}

struct contrast {
	struct two_thetas two;
	struct scores_out *out;
	struct zout *tokens; /* or NULL */
	float *safe;         /* a batch's losses under theta_s, token after token */
	long at;             /* where the next row's are */
	double *c;           /* a row's contrasts */
};

static void see_safe(void *contrast, const struct visited *v)
{
	struct contrast *k = contrast;

	for (long t = 1; t < v->row->n; t++)
		if (v->row->train[t])
			k->safe[k->at++] = v->nll[t];
}

static double mean(const double x[], long n)
{
	double sum = 0;

	for (long i = 0; i < n; i++)
		sum += x[i];
	return sum / n;
}

/* {"id","tokens"}: of every token of the row, null where it is not trained. */
static void write_tokens(const struct contrast *k, const struct tokens_row *r)
{
	json_t *list = json_array(), *line = json_object();
	const double *c = k->c;

	for (long t = 0; t < r->n; t++)
		json_array_append_new(list,
		                      t && r->train[t] ? json_float((float)*c++) : json_null());
	json_object_set_new(line, "id", json_repaired(r->id, r->id_n));
	json_object_set_new(line, "tokens", list);
	json_write_line(k->tokens, line);
	json_decref(line);
}

/* The columns of a row whose losses under theta_s have been seen. */
static void see_danger(void *contrast, const struct visited *v)
{
	struct contrast *k = contrast;
	const struct tokens_row *r = v->row;
	double value[COLUMNS] = {0};
	long n = 0;
	char id[128];

	for (long t = 1; t < r->n; t++) {
		if (!r->train[t])
			continue;
		value[SAFE] += k->safe[k->at];
		value[DANGER] += v->nll[t];
		k->c[n++] = (double)v->nll[t] - k->safe[k->at++];
	}
	if (!n)
		die("row %s has no trained token", row_id(r, id, sizeof id));
	value[SAFE] /= n;
	value[DANGER] /= n;
	value[CONTRAST] = mean(k->c, n);
	value[CONTRAST_HEAD] = mean(k->c, long_min(n, HEAD));
	if (!isfinite(value[CONTRAST]))
		die("losses: not finite on row %s", row_id(r, id, sizeof id));
	if (k->tokens)
		write_tokens(k, r);
	qsort(k->c, n, sizeof *k->c, double_order);
	value[CONTRAST_TAIL] = mean(k->c, (n + TENTH - 1) / TENTH);
	scores_add(k->out, r->id, r->id_n, r->hash, r->line, value);
}

static void see(void *contrast, const struct batch *b)
{
	struct contrast *k = contrast;
	const struct setup *s = &k->two.setup;

	k->at = 0;
	engine_visit(s->engine, s->theta, b, &(struct visit){.see = see_safe, .ctx = k});
	k->at = 0;
	engine_visit(s->engine, k->two.bad, b, &(struct visit){.see = see_danger, .ctx = k});
}

static void run(struct score_run *run)
{
	struct contrast k;
	struct setup *s = &k.two.setup;
	long most;

	k.tokens = opts.tokens ? zout_open(opts.tokens, ZOUT_JOINED) : NULL;
	two_thetas_open(&k.two, run);
	most = tokens_most(s->data, LOSS_BATCH);
	s->demand.bytes += most * sizeof *k.safe + s->data->longest * sizeof *k.c;
	two_thetas_begin(&k.two);
	two_thetas_train(&k.two);
	k.safe = xalloc(most * sizeof *k.safe);
	k.c = xalloc(s->data->longest * sizeof *k.c);
	k.out = two_thetas_scores(&k.two);
	two_thetas_each(&k.two, LOSS_BATCH, "rows", see, &k);
	scores_finish(k.out);
	zout_close(k.tokens);
	free(k.safe);
	free(k.c);
	two_thetas_close(&k.two);
}

static const struct opt_group groups[] = {{"Tokens (--method contrast)", options, &opts}, {0}};

const struct method method_contrast = {
	.name = "contrast",
	.what = "theta of bad rows against theta of safe rows",
	.needs = METHOD_MODEL | METHOD_SAFE | METHOD_DANGER | METHOD_SHARES,
	.score = "contrast",
	.options = groups,
	.columns = filled,
	.check = check,
	.run = run,
};
