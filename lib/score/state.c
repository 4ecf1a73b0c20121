/* SPDX-License-Identifier: MIT */
/* state.c - the method state: rows told apart by the frozen model's hidden states.
 *
 * The features (states.h) of the trusted rows, of the bad ones (--danger) and of the untrusted ones
 * go into a logistic regression in rounds (suspect.h).  Nothing is trained but that.  With bad rows,
 * block and penalty are chosen by how well trusted and bad rows are told apart by fits that have
 * not seen them; the untrusted rows have no say in it, and their labels are unknown to all of this.
 *
 * A pass stops at the chosen block.  Features lie in a mapped temporary file.  With --scorer the
 * fit is given, and rows stream through.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/progress.h"
#include "../format/scratch.h"
#include "../train/losses.h"
#include "../train/setup.h"
#include "danger.h"
#include "method.h"
#include "overlap.h"
#include "score.h"
#include "scorer.h"
#include "states.h"
#include "suspect.h"

static struct state_opts {
	long layer;
	const char *save, *scorer, *explain;
} state;

#define AT(field) offsetof(struct state_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"layer", 0, OPT_COUNT, AT(layer), "N", "states after N blocks (0: chosen)", 0, 1},
	{"save-scorer", 0, OPT_TEXT, AT(save), "FILE", "write the fit there, for rows still to come", 0, 0},
	{"scorer", 0, OPT_TEXT, AT(scorer), "FILE", "score by that fit, as rows stream through", 0, 0},
	{"explain", 0, OPT_TEXT, AT(explain), "FILE", "with --scorer: write each token's share there", 0, 0},
	{0},
};

static const struct column state_columns[] = {
	{"state", COLUMN_F64, "how bad the row looks by its hidden states: 0 is as bad as good"},
	{"p_bad", COLUMN_F64, "the probability that the row is bad, calibrated, under the estimated share"},
	{0},
};
/* clang-format on */

static const struct column *filled(void) { return state_columns; }

/* Of so many blocks: where the features are taken by default, and among which layers bad rows
 * choose.  In fifteenths; chosen on redmix2's trusted and bad rows alone (RESULTS.md). */
enum { DEFAULT_DEPTH = 8, DEPTHS = 5 };
static const int depth[DEPTHS] = {5, 6, 7, 8, 9};
static const double strengths[] = {1e-3, 1e-2, 1e-1};

static int layer_at(long blocks, int fifteenths)
{
	return (int)long_max(1, (blocks * fifteenths + 7) / 15);
}

static void check(const struct score_opts *o, int chosen)
{
	int given = state.scorer != NULL;

	suspect_check(chosen); /* words has no options but these, and state asks for both */
	if (!chosen) {
		if (state.layer || state.save || state.scorer || state.explain)
			die_usage("--layer, --save-scorer, --scorer and --explain are for --method "
			          "state");
		return;
	}
	if (!given && !o->safe)
		die_usage("--method state needs --safe, or --scorer");
	if (given && (o->safe || o->danger || state.layer || state.save))
		die_usage("--scorer is a fit: no --safe, --danger, --layer, --save-scorer");
	if (state.explain && !given)
		die_usage("--explain needs --scorer");
}

/* A run: the features of all its rows, and what is found of them. */
struct run {
	struct score_run *run;
	struct setup setup;
	struct suspects found;
	int layer, prompt;
	uint64_t *hash; /* of all rows: trusted, bad, untrusted */
	float *x;       /* mapped: their features */
	size_t mapped;
	double auroc; /* of the choice; NAN without */
};

static long known(const struct run *r) { return r->found.trusted + r->found.bad; }

/* Where features go, a row after the other, one matrix a layer. */
struct sink {
	float *x[DEPTHS];
	int layers;
	long wide;
};

static void keep(void *sink, const struct pooled *p)
{
	struct sink *s = sink;

	for (int l = 0; l < s->layers; l++, s->x[l - 1] += s->wide)
		memcpy(s->x[l], p->x + l * s->wide, s->wide * sizeof(float));
}

static void visit_known(struct run *r, struct sink *s, const int *layer)
{
	struct setup *u = &r->setup;

	states_each(u->engine, u->theta, u->safe, layer, s->layers, r->prompt, keep, s,
	            "trusted rows");
	if (u->danger)
		states_each(u->engine, u->theta, u->danger, layer, s->layers, r->prompt, keep, s,
		            "bad rows");
}

/* Sets layer and C to those that tell trusted and bad rows apart best, and leaves the known rows'
 * features in r->x.  Of equal choices the first is taken: less depth, and more penalty. */
static void choose(struct run *r, const int *layer, int layers)
{
	struct suspects s = {.x = {.n = known(r), .d = r->found.x.d},
	                     .trusted = r->found.trusted,
	                     .bad = r->found.bad,
	                     .hash = r->hash,
	                     .seed = r->found.seed,
	                     .threads = r->found.threads};
	size_t one = s.x.n * s.x.d * sizeof(float);
	float *all = scratch_map(layers * one);
	struct sink to = {.layers = layers, .wide = s.x.d};
	int best = 0;

	for (int l = 0; l < layers; l++)
		to.x[l] = all + l * (s.x.n * s.x.d);
	visit_known(r, &to, layer);
	suspect_deal(&s);
	r->auroc = -1;
	for (int l = 0; l < layers; l++)
		for (size_t k = 0; k < sizeof strengths / sizeof *strengths; k++) {
			double c = suspect_opts.c ? suspect_opts.c : strengths[k], auroc;

			if (suspect_opts.c && k)
				break;
			s.x.x = all + l * (s.x.n * s.x.d);
			auroc = suspect_auroc(&s, c);
			if (auroc <= r->auroc)
				continue;
			r->auroc = auroc;
			r->found.c = c;
			r->layer = layer[best = l];
		}
	memcpy(r->x, all + best * (s.x.n * s.x.d), one);
	munmap(all, layers * one);
	suspect_free(&s);
}

static void features(struct run *r)
{
	struct setup *u = &r->setup;
	long blocks = u->model->config.layers;
	struct sink to = {.layers = 1, .wide = r->found.x.d};
	int layer[DEPTHS], layers = 0;

	for (int k = 0; k < DEPTHS; k++)
		if (!layers || layer_at(blocks, depth[k]) > layer[layers - 1])
			layer[layers++] = layer_at(blocks, depth[k]);
	r->layer = layer_at(blocks, DEFAULT_DEPTH);
	if (state.layer) {
		r->layer = layer[0] = (int)state.layer;
		layers = 1;
	}
	to.x[0] = r->x;
	if (u->danger)
		choose(r, layer, layers);
	else
		visit_known(r, &to, &r->layer);
	to.x[0] = r->x + known(r) * to.wide;
	states_each(u->engine, u->theta, u->data, &r->layer, 1, r->prompt, keep, &to, "rows");
}

static void list_hashes(const struct tokens *t, uint64_t *hash)
{
	for (long i = 0; t && i < t->rows; i++)
		hash[i] = tokens_row(t, i).hash;
}

/* Opens all that is read, and takes memory for passes that show states of so many layers. */
static void begin(struct run *r, int layers)
{
	const struct score_opts *o = r->run->o;
	struct setup *s = &r->setup;

	setup_open(s, o->model, o->train.init, &o->compute);
	if (state.layer > s->model->config.layers)
		die("--layer %ld: the model has %ld blocks", state.layer, s->model->config.layers);
	s->data = setup_read(s, r->run->paths, r->run->n);
	if (o->safe)
		s->safe = setup_read(s, (char *const *)&o->safe, 1);
	if (o->danger) {
		s->danger = setup_read(s, (char *const *)&o->danger, 1);
		danger_check(s, o->danger);
	}
	s->demand.rows[0] = LOSS_BATCH;
	s->demand.states = layers;
}

/* Memory for the features of all rows, and their hashes. */
static void rows_room(struct run *r)
{
	struct setup *s = &r->setup;
	struct suspects *f = &r->found;

	f->trusted = s->safe->rows;
	f->bad = s->danger ? s->danger->rows : 0;
	f->x.n = f->trusted + f->bad + s->data->rows;
	f->x.d = states_wide(&s->model->config, r->prompt);
	r->mapped = f->x.n * f->x.d * sizeof(float);
	r->hash = xalloc(f->x.n * sizeof *r->hash);
	list_hashes(s->safe, r->hash);
	list_hashes(s->danger, r->hash + f->trusted);
	list_hashes(s->data, r->hash + known(r));
	s->demand.bytes += r->mapped + f->x.n * (sizeof *r->hash + sizeof *f->value);
	s->demand.mapped += r->mapped;
}

static json_t *settings(const struct run *r)
{
	const struct setup *s = &r->setup;
	json_t *j = setup_settings(s, r->run->groups);

	json_object_set_new(j, "layer", json_integer(r->layer));
	if (s->safe)
		json_object_set_new(j, "safe", json_hash(s->safe->input));
	if (s->danger)
		json_object_set_new(j, "danger", json_hash(s->danger->input));
	return j;
}

/* What was fitted, for the header and for people. */
static json_t *described(const struct run *r)
{
	const struct suspects *f = &r->found;

	return json_pack("{s:i, s:i, s:f, s:o, s:f, s:f, s:f}", "layer", r->layer, "prompt",
	                 r->prompt, "c", f->c, "auroc", real_or_null(r->auroc), "slope", f->slope,
	                 "offset", f->offset, "prior", f->prior);
}

static void write_row(struct scores_out *out, const struct tokens_row *r, const struct scorer *s,
                      double value)
{
	const double v[] = {value, suspect_probability(s->slope, s->offset, s->prior, value)};

	scores_add(out, r->id, r->id_n, r->hash, r->line, v);
}

/* The fit as a scorer; borrows its numbers. */
static struct scorer scorer_of(const struct run *r)
{
	const struct suspects *f = &r->found;
	const struct setup *s = &r->setup;
	struct scorer c = {.fit = f->fit,
	                   .slope = f->slope,
	                   .offset = f->offset,
	                   .prior = f->prior,
	                   .layer = r->layer,
	                   .prompt = r->prompt,
	                   .blocks = s->model->config.layers,
	                   .template = s->data->template};

	hash_hex(weights_hash(s->model->weights), c.model);
	memcpy(c.fingerprint, s->data->fingerprint, sizeof c.fingerprint);
	return c;
}

static void write_rows(struct run *r)
{
	struct score_run *run = r->run;
	const struct tokens *data = r->setup.data;
	const struct scorer s = scorer_of(r);
	struct scores_out *out;

	json_object_set(run->header, "settings", r->setup.settings);
	json_object_set(run->header, "history", data->history);
	json_object_set_new(run->header, "fit", described(r));
	out = scores_create(run->out, run->header, run->columns, &run->score, data->rows);
	for (long i = 0; i < data->rows; i++) {
		struct tokens_row row = tokens_row(data, i);

		write_row(out, &row, &s, r->found.value[known(r) + i]);
	}
	scores_finish(out);
	if (state.save)
		scorer_write(&s, state.save, r->setup.settings);
}

/* Fits, and scores the rows. */
static void fit_and_score(struct score_run *run)
{
	struct run r = {.run = run, .auroc = NAN};
	struct setup *s = &r.setup;

	begin(&r, run->o->danger && !state.layer ? DEPTHS : 1);
	r.prompt = s->danger != NULL;
	r.found.first = 1e-4;
	r.found.c = suspect_opts.c ? suspect_opts.c : 1e-2;
	r.found.seed = run->o->train.seed;
	rows_room(&r);
	setup_begin(s);
	if (!s->safe->rows)
		die("no safe rows");
	r.found.threads = compute_threads(&run->o->compute);
	overlap_warn(s->data, s->safe, s->danger, r.found.threads);
	r.found.hash = r.hash;
	if (s->data->rows) {
		r.x = scratch_map(r.mapped);
		r.found.x.x = r.x;
		features(&r);
		suspect_deal(&r.found);
		suspect_find(&r.found);
	}
	s->settings = settings(&r);
	write_rows(&r);
	notice("%ld rows scored by the states after %d of %ld blocks: about %.0f %% look bad; %.1f "
	       "s, "
	       "peak memory %.0f MB",
	       s->data->rows, r.layer, s->model->config.layers, 100 * r.found.prior,
	       seconds_now() - run->began, peak_memory() / 1e6);
	if (r.x)
		munmap(r.x, r.mapped);
	suspect_free(&r.found);
	free(r.hash);
	setup_close(s);
}

/* Rows that stream through a fit. */
struct stream {
	struct scores_out *out;
	const struct scorer *scorer;
	struct zout *explain; /* or NULL */
	long dim;
	float *pad;
};

static double dot(const double *w, const float *x, const double *mean, long n)
{
	double sum = 0;

	for (long j = 0; j < n; j++)
		sum += w[j] * (x[j] - mean[j]);
	return sum;
}

/* The value is a sum: b, the answer's tokens (of whose states the features are the mean), and the
 * token before them. */
static void explain(const struct stream *s, const struct pooled *p, double value)
{
	const struct logit *f = &s->scorer->fit;
	const struct tokens_row *r = p->row;
	json_t *line = json_pack("{s:o, s:f, s:f}", "id", json_repaired(r->id, r->id_n), "state",
	                         value, "b", f->b);
	json_t *share = json_array();
	long n = 0;

	for (long t = 0; t < r->n; t++)
		n += r->train[t];
	if (s->scorer->prompt)
		json_object_set_new(line, "prompt",
		                    json_real(dot(f->w + s->dim, p->x + s->dim, f->mean + s->dim,
		                                  s->dim)));
	for (long t = 0; t < r->n; t++)
		json_array_append_new(share, r->train[t]
		                                     ? json_float(dot(f->w, p->state + t * s->dim,
		                                                      f->mean, s->dim) /
		                                                  n)
		                                     : json_null());
	json_object_set_new(line, "tokens", share);
	json_write_line(s->explain, line);
	json_decref(line);
}

static void see(void *stream, const struct pooled *p)
{
	struct stream *s = stream;
	double value = logit_value(&s->scorer->fit,
	                           &(struct features){.n = 1, .d = s->scorer->fit.d, .x = p->x}, 0);

	write_row(s->out, p->row, s->scorer, value);
	if (s->explain)
		explain(s, p, value);
}

/* The scorer is of this very model and these tokens. */
static void check_scorer(const struct scorer *c, const struct setup *s)
{
	const struct config *m = &s->model->config;
	char model[17];

	hash_hex(weights_hash(s->model->weights), model);
	if (c->blocks != m->layers || c->fit.d != states_wide(m, c->prompt))
		die("%s is for a model of %ld blocks, %ld wide; this one has %ld, %ld wide",
		    state.scorer, c->blocks, c->fit.d / (1 + c->prompt), m->layers, m->dim);
	if (strcmp(c->model, model))
		die("%s was fitted to another model (%s) than this one (%s)", state.scorer,
		    c->model, model);
	if (strcmp(c->fingerprint, s->data->fingerprint))
		die("%s was fitted to rows of another tokenizer (%s) than these (%s)", state.scorer,
		    c->fingerprint, s->data->fingerprint);
	if (strcmp(c->template, s->data->template))
		die("%s was fitted to rows with the template \"%s\", these have \"%s\"",
		    state.scorer, c->template, s->data->template);
}

static void score_only(struct score_run *run)
{
	struct run r = {.run = run, .auroc = NAN};
	struct setup *s = &r.setup;
	struct scorer c;
	struct stream to = {.scorer = &c};

	scorer_read(&c, state.scorer);
	begin(&r, 1);
	check_scorer(&c, s);
	setup_begin(s);
	r.layer = c.layer;
	s->settings = settings(&r);
	json_object_set(run->header, "settings", s->settings);
	json_object_set(run->header, "history", s->data->history);
	to.dim = s->model->config.dim;
	to.out = scores_create(run->out, run->header, run->columns, &run->score, s->data->rows);
	to.explain = state.explain ? zout_open(state.explain, ZOUT_PLAIN) : NULL;
	states_each(s->engine, s->theta, s->data, &c.layer, 1, c.prompt, see, &to, "rows");
	scores_finish(to.out);
	zout_close(to.explain);
	notice("%ld rows scored by %s in %.1f s, peak memory %.0f MB", s->data->rows, state.scorer,
	       seconds_now() - run->began, peak_memory() / 1e6);
	scorer_free(&c);
	setup_close(s);
}

static void run(struct score_run *run) { (state.scorer ? score_only : fit_and_score)(run); }

static const struct opt_group groups[] = {{"Fits (--method state and words)", suspect_options,
                                           &suspect_opts},
                                          {"Hidden states (--method state)", options, &state},
                                          {0}};

const struct method method_state = {
	.name = "state",
	.what = "a fit to hidden states",
	.needs = METHOD_MODEL | METHOD_DANGER,
	.score = "-state",
	.options = groups,
	.columns = filled,
	.check = check,
	.run = run,
};
