/* SPDX-License-Identifier: MIT */
/* state_fit.c - finds the fit of the method state, and scores the rows that it was found with.
 *
 * With bad rows, block and penalty are the default ones unless others tell trusted and bad rows
 * apart better, by fits that have not seen them.  The untrusted rows have no say in that, and
 * labels are read nowhere.  Features lie in a mapped temporary file.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/progress.h"
#include "../base/world.h"
#include "../format/scratch.h"
#include "danger.h"
#include "overlap.h"
#include "state_in.h"
#include "suspect.h"

/* In fifteenths of the model's blocks: the layers among which bad rows choose.  These, the
 * penalties and the defaults of suspect.c were chosen on trusted and bad rows alone
 * (RESULTS.md). */
enum { DEPTHS = 5, STRENGTHS = 3 };
static const int depth[DEPTHS] = {5, 6, 7, 8, 9};
static const double strengths[STRENGTHS] = {1e-3, 1e-2, 1e-1};
static const double strength = 1e-2, first_strength = 1e-4; /* usually; trusted against all */

struct fitting {
	struct state_run r;
	struct suspects found;
	struct states_cache *cache;
	uint64_t *hash;    /* the keys of all rows: trusted, bad, untrusted */
	float *x;          /* mapped: their features */
	struct zout *save; /* of --save-scorer; NULL: none */
	int layer;         /* that was chosen */
	double auroc;      /* of the choice; NAN without one */
};

static long known(const struct fitting *f) { return f->found.trusted + f->found.bad; }

static size_t mapped(const struct fitting *f, long rows)
{
	return rows * f->found.x.ld * sizeof(float);
}

static int default_layer(const struct fitting *f)
{
	return states_layer(&f->r.setup.model->config, STATES_USUALLY);
}

/* The layers that there are to choose from; how many. */
static int candidates(const struct fitting *f, int layer[DEPTHS])
{
	const struct config *c = &f->r.setup.model->config;
	int n = 0;

	if (state_opts.layer || !f->found.bad) {
		*layer = state_opts.layer ? (int)state_opts.layer : default_layer(f);
		return 1;
	}
	for (int k = 0; k < DEPTHS; k++)
		if (!n || states_layer(c, depth[k]) > layer[n - 1])
			layer[n++] = states_layer(c, depth[k]);
	return n;
}

/* Sets x[l] to the features of the trusted rows and, behind them, of the bad ones. */
static void fill_known(struct fitting *f, float *const x[])
{
	const struct setup *s = &f->r.setup;
	float *bad[STATES_LAYERS];

	for (int l = 0; l < f->r.states.layers; l++)
		bad[l] = x[l] + s->safe->rows * f->found.x.ld;
	states_fill(&f->r.states, f->cache, s->safe, (float **)x, "trusted rows");
	if (s->danger)
		states_fill(&f->r.states, f->cache, s->danger, bad, "bad rows");
}

/* Sets C, and returns the place of a layer: the default ones, or of those that tell trusted and bad
 * rows apart better by more than chance the best.  Features of layer l are in x[l]. */
static int choose(struct fitting *f, float *const x[])
{
	const double *c = suspect_opts.c ? &suspect_opts.c : strengths, usual_c = f->found.c;
	int strengths_n = suspect_opts.c ? 1 : STRENGTHS, usual_l = 0, best;
	struct suspects s = f->found;
	double *usual = xalloc(s.bad * sizeof *usual), *other = xalloc(s.bad * sizeof *other);

	while (f->r.states.layer[usual_l] < default_layer(f) && usual_l + 1 < f->r.states.layers)
		usual_l++;
	best = usual_l;
	s.x.n = known(f);
	s.x.x = x[usual_l];
	suspect_deal(&s);
	f->auroc = suspect_auroc(&s, usual_c, usual);
	for (int l = 0; l < f->r.states.layers; l++)
		for (int k = 0; k < strengths_n; k++) {
			double auroc;

			if (l == usual_l && c[k] == usual_c)
				continue;
			s.x.x = x[l];
			auroc = suspect_auroc(&s, c[k], other);
			if (auroc <= f->auroc || !suspect_better(other, usual, s.bad))
				continue;
			f->auroc = auroc;
			f->found.c = c[k];
			best = l;
		}
	free(s.fold);
	free(usual);
	free(other);
	return best;
}

/* The features of all rows, after the chosen layer. */
static void features(struct fitting *f)
{
	struct states *s = &f->r.states;
	size_t one = mapped(f, known(f));
	float *x[STATES_LAYERS] = {f->x}, *rest = f->x + known(f) * f->found.x.ld, *all = NULL;
	int best = 0;

	s->layers = candidates(f, s->layer);
	if (f->found.bad) {
		all = scratch_map(s->layers * one);
		for (int l = 0; l < s->layers; l++)
			x[l] = all + l * (one / sizeof *all);
	}
	fill_known(f, x);
	if (f->found.bad) {
		best = choose(f, x);
		memcpy(f->x, x[best], one);
		munmap(all, s->layers * one);
	}
	f->layer = s->layer[0] = s->layer[best];
	s->layers = 1;
	states_fill(s, f->cache, f->r.setup.data, &rest, "rows");
}

static void list_keys(const struct tokens *t, uint64_t *hash)
{
	for (long i = 0; t && i < t->rows; i++) {
		struct tokens_row r = tokens_row(t, i);

		hash[i] = tokens_row_key(&r);
	}
}

/* Reads the known rows, and counts the memory of all. */
static void read_known(struct fitting *f)
{
	const struct score_opts *o = f->r.run->o;
	struct suspects *p = &f->found;
	struct setup *s = &f->r.setup;
	size_t bytes;

	s->safe = setup_read(s, (char *const *)&o->safe, 1);
	if (o->danger)
		s->danger = setup_read(s, (char *const *)&o->danger, 1);
	danger_check(s->data, s->safe, o->safe, s->danger, o->danger);
	p->trusted = s->safe->rows;
	p->bad = s->danger ? s->danger->rows : 0;
	p->x.n = p->trusted + p->bad + s->data->rows;
	p->x.ld = states_wide(&s->model->config);
	p->x.d = p->bad ? p->x.ld : s->model->config.dim;
	bytes = mapped(f, p->x.n) + (p->bad ? DEPTHS * mapped(f, known(f)) : 0);
	s->demand.mapped += bytes;
	s->demand.bytes += bytes + p->x.n * (sizeof *f->hash + sizeof *p->value);
	f->hash = xalloc(p->x.n * sizeof *f->hash);
	list_keys(s->safe, f->hash);
	list_keys(s->danger, f->hash + p->trusted);
	list_keys(s->data, f->hash + known(f));
}

/* The fit as a scorer; borrows its numbers. */
static struct scorer scorer_of(const struct fitting *f)
{
	const struct setup *s = &f->r.setup;
	struct scorer c = {.fit = f->found.fit,
	                   .odds = f->found.odds,
	                   .layer = f->layer,
	                   .blocks = s->model->config.layers,
	                   .template = s->data->template};

	hash_hex(weights_hash(s->model->weights), c.model);
	memcpy(c.fingerprint, s->data->fingerprint, sizeof c.fingerprint);
	return c;
}

/* What was fitted, for the header. */
static json_t *described(const struct fitting *f)
{
	const struct suspects *p = &f->found;

	return json_pack("{s:i, s:f, s:o, s:f, s:f, s:f}", "layer", f->layer, "c", p->c, "auroc",
	                 real_or_null(f->auroc), "slope", p->odds.slope, "offset", p->odds.offset,
	                 "prior", p->odds.prior);
}

static void write_rows(struct fitting *f)
{
	struct score_run *run = f->r.run;
	const struct tokens *data = f->r.setup.data;
	const struct scorer s = scorer_of(f);
	struct share share = share_of(run, data->rows);
	struct scores_out *out;

	state_record(&f->r, f->layer);
	json_object_set_new(run->header, "fit", described(f));
	out = scores_create(run->out, run->header, run->columns, &run->score, data->rows, share);
	for (long i = share.first; i < share.end; i++) {
		struct tokens_row row = tokens_row(data, i);

		suspect_write(out, &row, &s.odds, f->found.value[known(f) + i]);
	}
	scores_finish(out);
	if (f->save)
		scorer_write(&s, f->save, f->r.setup.settings);
	zout_close(f->save);
}

void state_fit(struct score_run *run)
{
	struct fitting f = {.auroc = NAN};
	struct setup *s = &f.r.setup;
	struct suspects *p = &f.found;

	if (state_opts.save)
		f.save = zout_open(state_opts.save, ZOUT_BINARY);
	state_begin(&f.r, run, run->o->danger && !state_opts.layer ? DEPTHS : 1);
	read_known(&f);
	p->hash = f.hash;
	p->seed = run->o->train.seed;
	p->first = suspect_opts.c ? suspect_opts.c : first_strength;
	p->c = suspect_opts.c ? suspect_opts.c : strength;
	p->threads = compute_threads(&run->o->compute);
	overlap_warn(s->data, s->safe, s->danger, p->threads);
	setup_begin(s);
	f.r.states.engine = s->engine;
	f.r.states.theta = s->theta;
	if (state_opts.cache)
		f.cache = states_cache_open(state_opts.cache, weights_hash(s->model->weights),
		                            s->model->type, p->x.ld);
	f.x = scratch_map(mapped(&f, p->x.n));
	p->x.x = f.x;
	features(&f);
	suspect_deal(p);
	suspect_find(p);
	world_same("the fits", hash_bytes(p->fit.w, p->fit.d * sizeof *p->fit.w));
	write_rows(&f);
	notice("%ld rows scored by their states after %d of %ld blocks, of which about %.0f %% "
	       "look bad; %.1f s, peak memory %.0f MB",
	       s->data->rows, f.layer, s->model->config.layers, 100 * p->odds.prior,
	       seconds_now() - run->began, peak_memory() / 1e6);
	munmap(f.x, mapped(&f, p->x.n));
	states_cache_close(f.cache);
	suspect_free(p);
	free(f.hash);
	setup_close(s);
}
