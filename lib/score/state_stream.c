/* SPDX-License-Identifier: MIT */
/* state_stream.c - scores rows by a fit of the method state that was found before (--scorer), one
 * by one, and says what each token contributes (--explain).
 *
 * The features are means of states, and the value is linear in them; so it is a sum over tokens:
 *
 *   value = b + sum over the answer's tokens t of w_a'(h_t - mean_a) / n  +  w_p'(h_p - mean_p)
 *
 * with n trained tokens, and p the token before the first of them.
 */
#include <string.h>

#include "../base/hash.h"
#include "../base/progress.h"
#include "../base/world.h"
#include "../rows/tokenize.h"
#include "state_in.h"

struct stream {
	struct scores_out *out;
	const struct scorer *scorer;
	struct zout *explain;        /* or NULL */
	struct tokenizer *tokenizer; /* for its text; NULL: the model has none */
	long dim;
};

static double contribution(const double *w, const float *x, const double *mean, long n)
{
	double sum = 0;

	for (long j = 0; j < n; j++)
		sum += w[j] * (x[j] - mean[j]);
	return sum;
}

/* An array with a number for each trained token, and null for the others; owned. */
static json_t *token_shares(const struct stream *s, const struct pooled *p)
{
	const struct logit *f = &s->scorer->fit;
	const struct tokens_row *r = p->row;
	json_t *all = json_array();
	long n = 0;

	for (long t = 0; t < r->n; t++)
		n += r->train[t];
	for (long t = 0; t < r->n; t++) {
		double x = r->train[t]
		                   ? contribution(f->w, p->state + t * s->dim, f->mean, s->dim) / n
		                   : 0;

		json_array_append_new(all, r->train[t] ? json_float(x) : json_null());
	}
	return all;
}

static void explain(const struct stream *s, const struct pooled *p, double value)
{
	const struct logit *f = &s->scorer->fit;
	int prompt = f->d > s->dim;
	double x =
		prompt ? contribution(f->w + s->dim, p->x + s->dim, f->mean + s->dim, s->dim) : 0;
	json_t *line = json_pack("{s:o, s:f, s:f, s:f, s:o}", "id",
	                         json_repaired(p->row->id, p->row->id_n), "state", value, "b", f->b,
	                         "prompt", x, "tokens", token_shares(s, p));

	if (s->tokenizer)
		json_object_set_new(line, "text", show_pieces(p->row, s->tokenizer));
	json_write_line(s->explain, line);
	json_decref(line);
}

static void see(void *stream, const struct pooled *p)
{
	struct stream *s = stream;
	const struct features row = {.n = 1,
	                             .d = s->scorer->fit.d,
	                             .ld = s->scorer->fit.d,
	                             .x = p->x};
	double value = logit_value(&s->scorer->fit, &row, 0);

	suspect_write(s->out, p->row, &s->scorer->odds, value);
	if (s->explain)
		explain(s, p, value);
}

/* The scorer is of this very model and these tokens. */
static void check_scorer(const struct scorer *c, const struct setup *s, const char *name)
{
	const struct config *m = &s->model->config;
	char model[17];

	hash_hex(weights_hash(s->model->weights), model);
	if (c->blocks != m->layers || (c->fit.d != m->dim && c->fit.d != states_wide(m)))
		die("%s is for a model of %ld blocks and %ld features; this one has %ld blocks, "
		    "and %ld or %ld features",
		    name, c->blocks, c->fit.d, m->layers, m->dim, states_wide(m));
	if (strcmp(c->model, model))
		die("%s was fitted to another model (%s) than this one (%s)", name, c->model,
		    model);
	if (strcmp(c->fingerprint, s->data->fingerprint))
		die("%s was fitted to rows of another tokenizer (%s) than these (%s)", name,
		    c->fingerprint, s->data->fingerprint);
	if (strcmp(c->template, s->data->template))
		die("%s was fitted to rows with the template \"%s\"; these have \"%s\"", name,
		    c->template, s->data->template);
}

void state_stream(struct score_run *run)
{
	struct state_run r = {0};
	struct setup *s = &r.setup;
	struct share share;
	struct scorer c;
	struct stream to = {.scorer = &c};

	scorer_read(&c, state_opts.scorer);
	if (state_opts.explain && tokenizer_exists(run->o->model))
		to.tokenizer = tokenizer_open_vocabulary(run->o->model);
	to.explain = state_opts.explain ? zout_open(state_opts.explain, ZOUT_JOINED) : NULL;
	state_begin(&r, run, 1);
	check_scorer(&c, s, state_opts.scorer);
	world_same("the scorers", hash_bytes(c.fit.w, c.fit.d * sizeof *c.fit.w));
	setup_begin(s);
	r.states = (struct states){.engine = s->engine, .layer = {c.layer}, .layers = 1};
	state_record(&r, c.layer);
	to.dim = s->model->config.dim;
	share = share_of(run, s->data->rows);
	to.out = scores_create(run->out, run->header, run->columns, &run->score, s->data->rows,
	                       share);
	states_each(&r.states, s->data, share, NULL, see, &to, "rows");
	scores_finish(to.out);
	zout_close(to.explain);
	notice("%ld rows scored by %s in %.1f s, peak memory %.0f MB", s->data->rows,
	       state_opts.scorer, seconds_now() - run->began, peak_memory() / 1e6);
	if (to.tokenizer)
		tokenizer_close(to.tokenizer);
	scorer_free(&c);
	setup_close(s);
}
