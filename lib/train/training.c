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
#include "log.h"
#include "losses.h"
#include "stop.h"

static long epoch_steps(const struct training *t)
{
	return (t->setup->data->rows + t->setup->opts->batch - 1) / t->setup->opts->batch;
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
	order_open(&t->order, s->data, o->seed, DATA_STREAM, !o->no_shuffle);
	state_add(&t->state, "tokens", ST_I64, &t->tokens, 1);
	if (o->checkpoint && o->resume)
		t->step = checkpoint_load(o->checkpoint, &t->state, s->settings);
	if (t->step)
		order_seek(&t->order, training_epoch(t), t->step % epoch_steps(t) * o->batch);
	log_open(o->log, t->step);
	t->progress = progress_open(t->what, "steps", t->steps);
	t->began = seconds_now();
	t->before = t->tokens;
	if (o->checkpoint)
		stop_hold();
}

int training_next(struct training *t, struct batch *b)
{
	if (t->step >= t->steps)
		return 0;
	order_next(&t->order, b, (int)t->setup->opts->batch);
	if (!b->n) /* the epoch had ended */
		order_next(&t->order, b, (int)t->setup->opts->batch);
	return 1;
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

/* Logs the mean loss on the validation rows, and says it. */
static void validate(struct training *t)
{
	const struct tokens *d = t->setup->valid;
	float *loss = xalloc(d->rows * sizeof *loss);
	double sum = 0;
	json_t *j;

	all_losses(t->setup->engine, t->setup->theta, d, loss, "validate");
	for (long i = 0; i < d->rows; i++)
		sum += loss[i];
	j = json_pack("{s:I, s:f}", "step", (json_int_t)t->step, "valid", sum / d->rows);
	log_line(j);
	json_decref(j);
	free(loss);
	notice("after %ld steps: mean loss %.5f on the validation rows", t->step, sum / d->rows);
}

/* Writes a checkpoint when it is time, or when a signal asked to stop; then the program ends. */
static void keep_state(struct training *t)
{
	const struct train_opts *o = t->setup->opts;
	int sig = stop_asked();

	if (!o->checkpoint || (t->step % o->every && t->step < t->steps && !sig))
		return;
	checkpoint_save(o->checkpoint, t->step, &t->state, t->setup->settings);
	if (!sig)
		return;
	progress_close(t->progress);
	warn("signal %d: stopped after step %ld of %ld, whose state is in %s/step-%ld (--resume "
	     "goes on from it)",
	     sig, t->step, t->steps, o->checkpoint, t->step);
	exit(128 + sig);
}

void training_stepped(struct training *t, json_t *line, double loss)
{
	double seconds = seconds_now() - t->began, rate = (t->tokens - t->before) / seconds;
	long epoch = training_epoch(t);
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
	if (t->setup->valid && (training_epoch(t) > epoch || t->step == t->steps))
		validate(t);
	keep_state(t);
}

void training_close(struct training *t)
{
	if (t->setup->opts->checkpoint)
		stop_release();
	progress_close(t->progress);
	order_close(&t->order);
}

void training_saw(struct training *t, const struct batch *b, const float loss[])
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

double training_update(const struct training *t, struct params *a, struct adamw w)
{
	double norm = params_step(a, w);

	if (!isfinite(norm))
		die("step %ld: the gradient is not finite", t->step + 1);
	return norm;
}
