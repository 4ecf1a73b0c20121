/* SPDX-License-Identifier: MIT */
/* state.c - the method state: rows told apart by the frozen model's hidden states.
 *
 * A linear fit to the features of states.h, found in rounds (suspect.h).  Nothing is trained but
 * that, and a pass stops at the block that the features come from.  state_fit.c finds the fit from
 * trusted rows, bad rows if there are any, and the rows themselves; state_stream.c scores rows by a
 * fit that was found before (--scorer).
 */
#include "state_in.h"
#include "suspect.h"

struct state_opts state_opts;

#define AT(field) offsetof(struct state_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"layer", 0, OPT_COUNT, AT(layer), "N", "states after N blocks (0: chosen)", 0, 1},
	{"cache", 0, OPT_TEXT, AT(cache), "DIR", "keep states there, and use those that are there", 0, 0},
	{"save-scorer", 0, OPT_TEXT, AT(save), "FILE",
		"write the fit there, for rows still to come", 0, 0},
	{"scorer", 0, OPT_TEXT, AT(scorer), "FILE", "score by that fit, as rows stream through", 0, 0},
	{"explain", 0, OPT_TEXT, AT(explain), "FILE",
		"with --scorer: write each token's share there", 0, 0},
	{0},
};

static const struct column state_columns[] = {
	{"state", COLUMN_F64, "how bad the row looks by its hidden states: 0 is as bad as good"},
	{"p_bad", COLUMN_F64, suspect_p_bad},
	{0},
};
/* clang-format on */

static const struct column *filled(void) { return state_columns; }

static void check(const struct score_opts *o, int chosen)
{
	const struct state_opts *s = &state_opts;

	suspect_check(method_of(o->method)->needs & METHOD_FITS);
	if (!chosen) {
		if (s->layer || s->cache || s->save || s->scorer || s->explain)
			die_usage("--layer, --cache, --save-scorer, --scorer and --explain are "
			          "for --method state");
		return;
	}
	if (!s->scorer && !o->safe)
		die_usage("--method state needs --safe, or --scorer");
	if (s->scorer && (o->safe || o->danger || s->layer || s->save || s->cache))
		die_usage("--scorer is a fit: no --safe, --danger, --layer, --cache, "
		          "--save-scorer");
	if (s->explain && !s->scorer)
		die_usage("--explain needs --scorer");
	if (o->train.init && (s->cache || s->save || s->scorer))
		die_usage("--cache, --save-scorer and --scorer are of the model alone: no "
		          "--init-adapter");
}

void state_begin(struct state_run *r, struct score_run *run, int layers)
{
	const struct score_opts *o = run->o;
	struct setup *s = &r->setup;

	r->run = run;
	setup_open(s, o->model, o->train.init, &o->compute);
	if (state_opts.layer > s->model->config.layers)
		die("--layer %ld: the model has %ld blocks", state_opts.layer,
		    s->model->config.layers);
	s->data = setup_read(s, run->paths, run->n);
	s->demand.rows[0] = LOSS_BATCH;
	s->demand.states = layers;
}

void state_record(struct state_run *r, int layer)
{
	struct setup *s = &r->setup;

	s->settings = setup_settings(s, r->run->groups);
	json_object_set_new(s->settings, "layer", json_integer(layer));
	json_object_set(r->run->header, "settings", s->settings);
	json_object_set(r->run->header, "history", s->data->history);
}

static void run(struct score_run *run) { (state_opts.scorer ? state_stream : state_fit)(run); }

static const struct opt_group groups[] = {{"Fits (--method state and words)", suspect_options,
                                           &suspect_opts},
                                          {"Hidden states (--method state)", options, &state_opts},
                                          {0}};

const struct method method_state = {
	.name = "state",
	.what = "a fit to hidden states",
	.needs = METHOD_MODEL | METHOD_DANGER | METHOD_FITS,
	.score = "-state",
	.options = groups,
	.columns = filled,
	.check = check,
	.run = run,
};
