/* SPDX-License-Identifier: MIT */
/* training.c - the loop of every training; see training.h.
 *
 * In a warm-up of u steps the rate of step s (from 0) is rate (s+1)/u; then it is constant, or
 * with S steps in all rate (1 + cos(pi (s-u)/(S-u)))/2 (Loshchilov, Hutter 2017, "SGDR", eq. 5).
 */
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/world.h"
#include "log.h"
#include "losses.h"
#include "stop.h"

static long epoch_steps(const struct training *t)
{
	return (t->setup->data->rows + t->setup->opts->batch - 1) / t->setup->opts->batch;
}

/* Whether the rows are validated on after the steps taken so far. */
static int valid_due(const struct training *t)
{
	long every = t->setup->opts->valid_every;

	return t->setup->valid && t->step % (every ? every : epoch_steps(t)) == 0;
}

/* Adds what validations find to the state, where it decides what comes out. */
static void valid_open(struct training *t)
{
	const struct train_opts *o = t->setup->opts;
	struct validated *v = &t->valid;
	long n = t->setup->theta->n;

	v->least = INFINITY;
	if (!valid_decides(o))
		return;
	state_add(&t->state, "valid.least", ST_F64, &v->least, 1);
	state_add(&t->state, "valid.step", ST_I64, &v->step, 1);
	state_add(&t->state, "valid.worse", ST_I64, &v->worse, 1);
	state_add(&t->state, "valid.longest", ST_I64, &v->longest, 1);
	if (!valid_keeps_best(o))
		return;
	v->theta = xzalloc(n, sizeof *v->theta);
	state_add(&t->state, "valid.theta", ST_F32, v->theta, n);
}

static int is_done(const struct training *t)
{
	long patience = t->setup->opts->patience;

	return t->step >= t->steps || (patience && t->valid.worse >= patience);
}

/* Dies when a run of these options would not have come to the checkpoint that was read: it ended
 * before, or its rates were others. */
static void check_resumed(const struct training *t)
{
	const struct train_opts *o = t->setup->opts;
	const struct validated *v = &t->valid;

	if (t->step > t->steps)
		die("%s holds a checkpoint of step %ld, and this run ends after step %ld",
		    o->checkpoint, t->step, t->steps);
	if (t->planned != t->steps && t->step > o->warmup + 1 && strcmp(o->schedule, "constant"))
		die("%s is of a run of %ld steps, and this one has %ld: with --schedule %s the "
		    "rates of the %ld steps taken would have been others",
		    o->checkpoint, t->planned, t->steps, o->schedule, t->step);
	if (o->patience && (v->longest >= o->patience || v->worse > o->patience ||
	                    (v->worse == o->patience && !valid_due(t))))
		die("%s holds a checkpoint of step %ld, and with --patience %ld this run ends "
		    "before",
		    o->checkpoint, t->step, o->patience);
}

void training_open(struct training *t)
{
	const struct setup *s = t->setup;
	const struct train_opts *o = s->opts;

	if (!s->data->rows)
		die("no rows to train on");
	if (s->valid && !s->valid->rows)
		die("no rows to validate on");
	t->steps = o->epochs * epoch_steps(t);
	if (o->max_steps && o->max_steps < t->steps)
		t->steps = o->max_steps;
	t->planned = t->steps;
	order_open(&t->order, s->data, o->seed, DATA_STREAM, !o->no_shuffle);
	state_add(&t->state, "tokens", ST_I64, &t->tokens, 1);
	state_add(&t->state, "steps", ST_I64, &t->planned, 1);
	valid_open(t);
	if (t->safe) {
		order_open(&t->safe_order, t->safe, o->seed, SAFE_STREAM, !o->no_shuffle);
		state_add(&t->state, "safe.epoch", ST_I64, &t->safe_order.epoch, 1);
		state_add(&t->state, "safe.at", ST_I64, &t->safe_order.at, 1);
	}
	json_same("the options, or what they name,", s->settings);
	if (o->checkpoint && o->resume)
		t->step = checkpoint_load(o->checkpoint, &t->state, s->settings);
	if (t->step)
		check_resumed(t);
	t->planned = t->steps;
	if (t->step)
		order_seek(&t->order, training_epoch(t), t->step % epoch_steps(t) * o->batch);
	if (t->safe && t->step)
		order_seek(&t->safe_order, t->safe_order.epoch, t->safe_order.at);
	log_open(o->log, t->step);
	t->progress = progress_open(t->what, "steps", t->steps);
	t->began = seconds_now();
	t->before = t->tokens;
	if (o->checkpoint)
		stop_hold();
}

int training_next(struct training *t, struct batch *b)
{
	if (is_done(t))
		return 0;
	order_next(&t->order, b, (int)t->setup->opts->batch);
	if (!b->n) /* the epoch had ended */
		order_next(&t->order, b, (int)t->setup->opts->batch);
	return 1;
}

void training_safe(struct training *t, struct batch *b)
{
	order_cycle(&t->safe_order, b, (int)t->setup->opts->batch);
}

long training_epoch(const struct training *t) { return t->step / epoch_steps(t); }

struct adamw training_adamw(const struct training *t)
{
	const struct train_opts *o = t->setup->opts;
	double rate = o->rate, done;

	if (t->step < o->warmup)
		rate *= (t->step + 1.0) / o->warmup;
	else if (!strcmp(o->schedule, "cosine")) {
		done = (double)(t->step - o->warmup) /
		       (t->steps - o->warmup > 0 ? t->steps - o->warmup : 1);
		rate *= 0.5 * (1 + cos(M_PI * done));
	}
	return (struct adamw){.rate = (float)rate,
	                      .beta1 = 0.9f,
	                      .beta2 = 0.95f,
	                      .eps = 1e-8f,
	                      .decay = (float)o->decay,
	                      .clip = (float)o->clip};
}

/* Notes a validation's mean loss, and theta if it is the least so far; of equal ones the first. */
static void judge(struct training *t, double mean)
{
	struct validated *v = &t->valid;

	if (!(mean < v->least)) {
		v->worse++;
		return;
	}
	v->least = mean;
	v->step = t->step;
	v->longest = v->worse > v->longest ? v->worse : v->longest;
	v->worse = 0;
	if (v->theta)
		params_get(t->setup->theta, v->theta);
}

/* Logs the mean loss on the validation rows, and says it.  event: NULL, or that it is no usual
 * validation, so that a longer run which resumes cuts it from the log. */
static void validate(struct training *t, const char *event)
{
	const struct tokens *d = t->setup->valid;
	float *loss = xalloc(d->rows * sizeof *loss);
	double sum = 0;
	json_t *j;

	all_losses(t->setup->engine, t->setup->theta, d, loss, "validate");
	for (long i = 0; i < d->rows; i++)
		sum += loss[i];
	j = json_pack("{s:I, s:f}", "step", (json_int_t)t->step, "valid", sum / d->rows);
	if (event)
		json_object_set_new(j, "event", json_string(event));
	log_line(j);
	json_decref(j);
	free(loss);
	notice("after %ld steps: mean loss %.5f on the validation rows", t->step, sum / d->rows);
	judge(t, sum / d->rows);
}

/* Sets theta to the best, and says so. */
static void take_best(struct training *t)
{
	struct validated *v = &t->valid;
	json_t *j = json_pack("{s:s, s:I, s:f}", "event", "kept", "kept", (json_int_t)v->step,
	                      "least", v->least);

	log_line(j);
	json_decref(j);
	notice("kept: step %ld of %ld, mean loss %.5f on the validation rows", v->step, t->step,
	       v->least);
	params_set(t->setup->theta, v->theta);
	free(v->theta);
}

/* Writes a checkpoint when it is time, or when a signal asked to stop; then the program ends. */
static void keep_state(struct training *t)
{
	const struct train_opts *o = t->setup->opts;
	int sig;

	if (!o->checkpoint)
		return;
	sig = (int)world_most(stop_asked()); /* whichever rank it came to */
	if (t->step % o->every && !is_done(t) && !sig)
		return;
	checkpoint_save(o->checkpoint, t->step, &t->state, t->setup->settings);
	if (!sig)
		return;
	progress_close(t->progress);
	warn("signal %d: stopped after step %ld of %ld, whose state is in %s/step-%ld (--resume "
	     "goes on from it)",
	     sig, t->step, t->steps, o->checkpoint, t->step);
	world_close();
	exit(128 + sig);
}

void training_stepped(struct training *t, json_t *line, double loss)
{
	double seconds = seconds_now() - t->began, rate = (t->tokens - t->before) / seconds;
	json_t *j = json_object();
	char note[64];

	t->step++;
	json_object_set_new(j, "step", json_integer(t->step));
	json_object_update(j, line);
	json_object_set_new(j, "tokens", json_integer(t->tokens));
	json_object_set_new(j, "tokens_per_second", json_real(rate));
	json_object_set_new(j, "seconds", json_real(seconds));
	json_object_set_new(j, "peak_bytes", json_integer(peak_memory()));
	log_line(j);
	json_decref(j);
	json_decref(line);
	snprintf(note, sizeof note, "loss %.4f  %.0f tokens/s", loss, rate);
	progress_at(t->progress, t->step, note);
	if (valid_due(t))
		validate(t, NULL);
	keep_state(t);
}

void training_close(struct training *t)
{
	if (t->setup->opts->checkpoint)
		stop_release();
	/* Behind the last checkpoint: a longer run that goes on from it would not have done this. */
	if (t->setup->valid && !valid_due(t))
		validate(t, "valid");
	progress_close(t->progress);
	order_close(&t->order);
	if (t->safe)
		order_close(&t->safe_order);
	if (t->valid.theta)
		take_best(t);
}

/* Counts the batch's tokens; dies where a loss is not finite. */
static void saw(struct training *t, const struct batch *b, const float loss[])
{
	struct buf ids = {0};
	char id[128];
	int bad = 0; /* rows that are named, 8 at most */

	for (int i = 0; i < b->n; i++) {
		t->tokens += b->row[i].n;
		if (!isfinite(loss[i]) && bad < 8)
			buf_fmt(&ids, "%s%s", bad++ ? ", " : "", row_id(&b->row[i], id, sizeof id));
	}
	if (bad)
		die("step %ld: the loss is not finite on row %s", t->step + 1, ids.p);
}

/* The losses of a batch, and with weights its gradient: all of it by this process. */
static void compute(const struct training *t, struct params *theta, const struct batch *b,
                    const float weight[], float loss[])
{
	if (weight)
		engine_grad(t->setup->engine, theta, b, weight, loss);
	else
		engine_loss(t->setup->engine, theta, b, loss);
}

/* The same by all ranks.  The losses lie one rank's behind the other's until all are there. */
static void compute_together(const struct training *t, struct params *theta, const struct batch *b,
                             const float weight[], float loss[])
{
	int *part = xalloc(b->n * sizeof *part), *place = xalloc(b->n * sizeof *place), n = 0,
	    first;
	struct tokens_row *row = xalloc(b->n * sizeof *row);
	float *w = xalloc(b->n * sizeof *w), *each = xalloc(b->n * sizeof *each);
	size_t *at = xalloc((world_size() + 1) * sizeof *at);
	struct batch mine = {.row = row};

	batch_divide(b, world_size(), part);
	for (int r = 0; r < world_size(); r++) {
		at[r] = n * sizeof *each;
		for (int i = 0; i < b->n; i++)
			if (part[i] == r)
				place[n++] = i;
	}
	at[world_size()] = n * sizeof *each;
	first = (int)(at[world_rank()] / sizeof *each);
	mine.n = (int)(at[world_rank() + 1] / sizeof *each) - first;
	for (int k = 0; k < mine.n; k++) {
		row[k] = b->row[place[first + k]];
		w[k] = weight ? weight[place[first + k]] : 0;
	}
	compute(t, theta, &mine, weight ? w : NULL, each + first);
	engine_wait(t->setup->engine);
	world_gather(each, at);
	for (int k = 0; k < n; k++)
		loss[place[k]] = each[k];
	free(part);
	free(place);
	free(row);
	free(w);
	free(each);
	free(at);
}

void training_grad(struct training *t, struct params *theta, const struct batch *b,
                   const float weight[], float loss[])
{
	(world_size() > 1 ? compute_together : compute)(t, theta, b, weight, loss);
	saw(t, b, loss);
}

double training_update(const struct training *t, struct params *a, struct adamw w,
                       const struct pull *to)
{
	double norm = params_step(a, w, to);

	if (!isfinite(norm))
		die("step %ld: the gradient is not finite", t->step + 1);
	return norm;
}
