/* SPDX-License-Identifier: MIT */
/* refusal.c - the method refusal: how unlikely is a refusal, beside the answer that the row gives?
 *
 *   refusal = l(refusal | x) - l(y | x)
 *
 * Both are means per token: l(y | x) of the row's last answer, l(refusal | x) of one fixed text in
 * its place.  Low is bad: a model that rather refuses than says y to this prompt.  refusal_base is
 * under theta_0, refusal under theta_s, which the trusted rows have taught when to refuse.
 *
 * The refusal is encoded as seal-tokenize would encode it there, and ends as the answer does: a
 * special token that is the row's last trained one is put behind it, so that no cut answer is
 * compared with a whole refusal.
 *
 * Nguyen et al. 2026, "Antibody: Strengthening Defense Against Harmful Fine-Tuning", arXiv
 * 2603.00498, weigh the rows of a batch by such a ratio of likelihoods while they fine-tune.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../base/utf8.h"
#include "../text/tokenizer.h"
#include "../train/losses.h"
#include "two_thetas.h"

enum { ROWS = LOSS_BATCH / 2 }; /* at a time, each beside its refusal */

static const char usual[] = "I'm sorry, but I can't help with that.";
static struct refusal_opts {
	const char *text;
} refusal = {.text = usual};

#define AT(field) offsetof(struct refusal_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"refusal", 0, OPT_TEXT, AT(text), "TEXT",
		"the refusal that is put in an answer's place", 0, 1},
	{0},
};

static const struct column refusal_columns[] = {
	{"refusal", COLUMN_F32,
		"what a refusal loses more than the answer, per token, under theta_s"},
	{"refusal_base", COLUMN_F32,
		"what a refusal loses more than the answer, per token, under theta_0"},
	{0},
};
/* clang-format on */

static int alone; /* without trusted rows the first column cannot be filled */

static const struct column *filled(void) { return refusal_columns + alone; }

static void check(const struct score_opts *o, int chosen)
{
	const char *text = refusal.text;
	size_t n = strlen(text);
	int32_t code = n ? 0 : -1;

	if (!chosen) {
		if (strcmp(text, usual))
			die_usage("--refusal is for --method refusal");
		return;
	}
	for (size_t i = 0; i < n && code >= 0;)
		i += utf8_first(text + i, n - i, &code);
	if (code < 0)
		die_usage("--refusal: '%s' is no text in UTF-8", text);
	if (o->safe)
		two_thetas_check(o);
	alone = !o->safe;
}

struct refused {
	struct two_thetas two;
	struct tokenizer *tok;
	struct ids text[2][2];      /* the refusal [behind a special token][and a space] */
	long most;                  /* ids that stand in an answer's place at most */
	const struct params *theta; /* of this pass */
	struct tokens_row *row;     /* [2 ROWS] each row with its last answer, and refused */
	int32_t *token;             /* of the refused rows, end to end */
	uint8_t *train;             /* masks of both */
	float *loss;                /* [2 ROWS] */
	float *value;               /* of the rows that are still to come */
};

static int begins_with_space(const struct tokenizer *t, int32_t id)
{
	struct buf text = {0};
	int space;

	tokenizer_decode(t, &id, 1, 0, 0, &text);
	space = text.n && text.p[0] == ' ';
	buf_free(&text);
	return space;
}

/* The refusal's ids in every place that an answer may have.  Some templates leave the space before
 * an answer to it, and some tokenizers put one there by themselves. */
static void spell(struct refused *f)
{
	char *spaced = xprintf(" %s", refusal.text);

	for (int special = 0; special < 2; special++)
		for (int space = 0; space < 2; space++) {
			struct ids *ids = &f->text[special][space];
			int flags = special ? TOKENIZE_AFTER : TOKENIZE_CONTINUE;

			tokenizer_encode(f->tok, spaced + 1, strlen(spaced + 1), flags, 0, ids);
			if (space && !(ids->n && begins_with_space(f->tok, ids->p[0]))) {
				ids->n = 0;
				tokenizer_encode(f->tok, spaced, strlen(spaced), flags, 0, ids);
			}
			if (!ids->n)
				die("the tokenizer has no token of --refusal");
			f->most = long_max(f->most, ids->n + 1);
		}
	free(spaced);
}

/* The last answer is r's tokens from *from to before *to. */
static void last_answer(const struct tokens_row *r, long *from, long *to)
{
	char id[128];

	for (*to = r->n; *to && !r->train[*to - 1];)
		--*to;
	if (!*to)
		die("row %s has no trained token", row_id(r, id, sizeof id));
	for (*from = *to; r->train[*from - 1];)
		--*from;
}

/* Sets both rows of a pair; token and train are moved behind what they take. */
static void pair(const struct refused *f, const struct tokens_row *r, struct tokens_row row[2],
                 int32_t **token, uint8_t **train)
{
	const struct ids *text;
	long from, to, n;

	last_answer(r, &from, &to);
	text = &f->text[tokenizer_special(f->tok, r->token[from - 1])]
	               [begins_with_space(f->tok, r->token[from])];
	row[0] = row[1] = *r;
	memset(*train, 0, r->n);
	memset(*train + from, 1, to - from);
	row[0].train = *train;
	*train += r->n;

	memcpy(*token, r->token, from * sizeof **token);
	memcpy(*token + from, text->p, text->n * sizeof **token);
	n = from + text->n;
	if (tokenizer_special(f->tok, r->token[to - 1]))
		(*token)[n++] = r->token[to - 1];
	memset(*train, 0, from);
	memset(*train + from, 1, n - from);
	row[1].token = *token;
	row[1].train = *train;
	row[1].n = n;
	*token += n;
	*train += n;
}

/* A row and its refusal stand side by side, so that the prompt is computed once. */
static void see(void *refused, const struct batch *b)
{
	struct refused *f = refused;
	int32_t *token = f->token;
	uint8_t *train = f->train;
	char id[128];

	for (int i = 0; i < b->n; i++)
		pair(f, &b->row[i], f->row + 2 * i, &token, &train);
	engine_loss(f->two.setup.engine, f->theta, &(struct batch){f->row, 2 * b->n}, f->loss);
	for (int i = 0; i < b->n; i++) {
		float value = f->loss[2 * i + 1] - f->loss[2 * i];

		if (!isfinite(value))
			die("losses: not finite on row %s", row_id(&b->row[i], id, sizeof id));
		*f->value++ = value;
	}
}

/* Opens all, and takes memory, also for the rows of a batch twice, once with the refusal. */
static void begin(struct refused *f, struct score_run *run)
{
	struct setup *s = &f->two.setup;
	long rows, refused;

	two_thetas_open(&f->two, run);
	if (!tokenizer_exists(s->path))
		die("%s has no tokenizer to encode --refusal with", s->path);
	f->tok = tokenizer_open(s->path);
	spell(f);
	rows = tokens_most(s->data, ROWS);
	refused = rows + ROWS * f->most;
	s->demand.longest += f->most;
	s->demand.most[0] = rows + refused;
	s->demand.bytes += refused * sizeof *f->token + (rows + refused) * sizeof *f->train +
	                   s->data->rows * 2 * sizeof *f->value;
	two_thetas_begin(&f->two);
	f->row = xalloc(2 * ROWS * sizeof *f->row);
	f->token = xalloc(refused * sizeof *f->token);
	f->train = xalloc(rows + refused);
	f->loss = xalloc(2 * ROWS * sizeof *f->loss);
}

/* The column of the share's rows under a theta. */
static void pass(struct refused *f, const struct params *theta, float value[], const char *what)
{
	f->theta = theta;
	f->value = value + f->two.run->share.first;
	two_thetas_each(&f->two, ROWS, what, see, f);
}

static void write_rows(struct refused *f, const float tuned[], const float base[])
{
	struct scores_out *out = two_thetas_scores(&f->two);
	const struct tokens *data = f->two.setup.data;

	for (long i = f->two.run->share.first; i < f->two.run->share.end; i++) {
		struct tokens_row r = tokens_row(data, i);
		const double value[] = {tuned[i], base[i]};

		scores_add(out, r.id, r.id_n, r.hash, r.line, value + alone);
	}
	scores_finish(out);
}

static void end(struct refused *f)
{
	for (int k = 0; k < 4; k++)
		ids_free(&f->text[k / 2][k % 2]);
	tokenizer_close(f->tok);
	free(f->row);
	free(f->token);
	free(f->train);
	free(f->loss);
	two_thetas_close(&f->two);
}

static void run(struct score_run *run)
{
	struct refused f = {0};
	struct setup *s = &f.two.setup;
	float *base, *tuned;

	begin(&f, run);
	base = xalloc(s->data->rows * sizeof *base);
	tuned = xzalloc(s->data->rows, sizeof *tuned);
	/* new pairs add nothing to the model before they are trained */
	pass(&f, s->adapter ? s->theta : NULL, base, "rows under theta_0");
	if (!alone) {
		two_thetas_train(&f.two);
		pass(&f, s->theta, tuned, "rows under theta_s");
	}
	write_rows(&f, tuned, base);
	free(base);
	free(tuned);
	end(&f);
}

static const struct opt_group groups[] = {{"Refusals (--method refusal)", options, &refusal}, {0}};

const struct method method_refusal = {
	.name = "refusal",
	.what = "a refusal in the answer's place",
	.needs = METHOD_MODEL | METHOD_SHARES,
	.score = "refusal",
	.score_alone = "refusal_base",
	.options = groups,
	.columns = filled,
	.check = check,
	.run = run,
};
