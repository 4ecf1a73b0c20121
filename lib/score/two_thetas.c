/* SPDX-License-Identifier: MIT */
/* two_thetas.c - see two_thetas.h. */
#include "two_thetas.h"

#include "../base/memory.h"
#include "../base/progress.h"
#include "../rows/order.h"
#include "../train/finetune.h"
#include "../train/losses.h"
#include "danger.h"
#include "overlap.h"

void two_thetas_check(const struct score_opts *o)
{
	static const struct train_opts defaults = TRAIN_DEFAULTS;

	if (o->train.epochs != defaults.epochs)
		die_usage("--method %s takes --max-steps, and no --epochs", o->method);
}

/* So many steps, in however many epochs of the rows they are. */
static void set_steps(struct train_opts *o)
{
	if (!o->max_steps)
		o->max_steps = TWO_THETAS_STEPS;
	o->epochs = o->max_steps;
}

static int trains(const struct two_thetas *t) { return t->setup.safe || t->setup.danger; }

void two_thetas_open(struct two_thetas *t, struct score_run *run)
{
	const struct score_opts *o = run->o;
	struct setup *s = &t->setup;

	*t = (struct two_thetas){.run = run, .opts = o->train};
	set_steps(&t->opts);
	setup_open(s, o->model, o->train.init, &o->compute);
	s->data = setup_read(s, run->paths, run->n);
	if (o->safe)
		s->safe = setup_read(s, (char *const *)&o->safe, 1);
	if (o->danger) {
		s->danger = setup_read(s, (char *const *)&o->danger, 1);
		danger_alike(s->data, s->safe, o->safe, "trusted");
		danger_alike(s->data, s->danger, o->danger, "bad");
	}
	if (s->safe && !s->safe->rows)
		die("no safe rows");
	s->demand.rows[0] = LOSS_BATCH;
	if (!trains(t))
		return;
	setup_theta(s, &t->opts);
	s->demand.rows[1] = t->opts.batch;
	if (s->danger) {
		s->demand.copies++;
		s->demand.bytes += order_bytes(s->danger->rows);
	}
	if (s->safe)
		s->demand.bytes += order_bytes(s->safe->rows);
}

/* The recorded settings: the steps as they are taken, and the rows that are trained on. */
static json_t *settings(const struct two_thetas *t)
{
	const struct setup *s = &t->setup;
	json_t *j = setup_settings(s, t->run->groups);

	json_object_del(j, "epochs");
	if (trains(t))
		json_object_set_new(j, "max-steps", json_integer(t->opts.max_steps));
	return j;
}

void two_thetas_begin(struct two_thetas *t)
{
	struct setup *s = &t->setup;

	setup_begin(s);
	t->run->share = share_of(t->run, s->data->rows);
	s->settings = settings(t);
	if (s->safe)
		overlap_warn(s->data, s->safe, s->danger, compute_threads(s->compute));
	if (s->danger)
		t->bad = params_clone(s->theta);
}

/* Tunes one theta on its rows: to the loop, they are the data. */
static void tune(const struct two_thetas *t, struct params *theta, struct tokens *rows)
{
	struct setup one = t->setup;

	one.theta = theta;
	one.data = rows;
	finetune_run(&one, NULL);
}

void two_thetas_train(struct two_thetas *t)
{
	if (t->setup.safe)
		tune(t, t->setup.theta, t->setup.safe);
	if (t->setup.danger)
		tune(t, t->bad, t->setup.danger);
}

struct scores_out *two_thetas_scores(struct two_thetas *t)
{
	struct score_run *run = t->run;
	const struct tokens *data = t->setup.data;

	json_object_set(run->header, "settings", t->setup.settings);
	json_object_set(run->header, "history", data->history);
	return scores_create(run->out, run->header, run->columns, &run->score, data->rows,
	                     run->share);
}

void two_thetas_each(const struct two_thetas *t, int n, const char *what,
                     void (*see)(void *ctx, const struct batch *), void *ctx)
{
	const struct tokens *data = t->setup.data;
	struct share share = t->run->share;
	struct progress *bar = progress_open(what, "rows", share.end - share.first);
	struct order o;
	struct batch b;
	long at = 0;

	order_open(&o, data, 0, 0, 0);
	order_within(&o, share.first, share.end);
	for (order_next(&o, &b, n); b.n; order_next(&o, &b, n)) {
		see(ctx, &b);
		progress_at(bar, at += b.n, NULL);
	}
	order_close(&o);
	progress_close(bar);
}

void two_thetas_close(struct two_thetas *t)
{
	notice("%ld rows scored by %s in %.1f s, peak memory %.0f MB", t->setup.data->rows,
	       t->run->o->score, seconds_now() - t->run->began, peak_memory() / 1e6);
	params_close(t->bad);
	setup_close(&t->setup);
}
