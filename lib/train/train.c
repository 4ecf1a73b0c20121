/* SPDX-License-Identifier: MIT */
/* train.c - see train.h. */
#include "train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/progress.h"
#include "../text/tokenizer.h"
#include "../format/folder.h"
#include "stop.h"

#define AT(field) offsetof(struct train_opts, field)

const struct opt train_options[] = {
	{"epochs", 0, OPT_COUNT, AT(epochs), "N", "passes over the rows", 1, 1},
	{"batch", 'b', OPT_COUNT, AT(batch), "ROWS", "rows a step", 1, 1},
	{"lr", 0, OPT_REAL, AT(rate), "X", "learning rate of theta (Adam)", 0, 1},
	{"weight-decay", 0, OPT_REAL, AT(decay), "X", "decoupled weight decay", 0, 1},
	{"schedule", 0, OPT_CHOICE, AT(schedule), "constant|cosine", "learning rate over the steps",
         0, 1},
	{"warmup", 0, OPT_COUNT, AT(warmup), "STEPS", "steps of linear warm-up", 0, 1},
	{"clip", 0, OPT_REAL, AT(clip), "X", "largest gradient norm, 0 for none", 0, 1},
	{"max-steps", 0, OPT_COUNT, AT(max_steps), "N",
         "stop after so many steps, 0 for all epochs", 0, 1},
	{"rank", 'r', OPT_COUNT, AT(rank), "N", "rank of the LoRA pairs", 1, 1},
	{"lora-alpha", 0, OPT_REAL, AT(alpha), "X", "LoRA's alpha; pairs are scaled by alpha/rank",
         0, 1},
	{"targets", 0, OPT_TEXT, AT(targets), "NAMES",
         "layers to adapt: PEFT's names, auto or all-linear", 0, 1},
	{"full", 0, OPT_FLAG, AT(full), NULL,
         "train all weights of the model instead of LoRA pairs", 0, 1},
	{"init-adapter", 0, OPT_TEXT, AT(init), "DIR", "start theta from this adapter", 0, 0},
	{"valid", 0, OPT_TEXT, AT(valid), "TOKENS",
         "log the mean loss on these rows after every epoch", 0, 0},
	{"no-shuffle", 0, OPT_FLAG, AT(no_shuffle), NULL, "visit the rows in file order", 0, 1},
	{"checkpoint", 0, OPT_TEXT, AT(checkpoint), "DIR", "write the run's state there", 0, 0},
	{"every", 0, OPT_COUNT, AT(every), "STEPS", "steps between checkpoints", 1, 0},
	{"resume", 0, OPT_FLAG, AT(resume), NULL, "go on from the newest checkpoint", 0, 0},
	{"seed", 0, OPT_SEED, AT(seed), "N", "of the orders and the new adapter", 0, 1},
	{"log", 0, OPT_TEXT, AT(log), "FILE", "one JSON object a step", 0, 0},
	{0},
};

void train_check(const struct train_opts *o)
{
	if (o->full && o->init)
		die_usage("--full trains no adapter: --init-adapter is of no use (--merge writes "
		          "the model with it)");
	if (o->alpha == 0)
		die_usage(
			"--lora-alpha 0 scales the pairs by nothing: no gradient would move them");
	if (o->resume && !o->checkpoint)
		die_usage("--resume needs --checkpoint");
	if (o->checkpoint && !o->resume)
		checkpoint_refuse(o->checkpoint);
	log_claim(o->log);
}

struct adapter *train_adapter(struct model *m, struct dev *d, struct train_opts *o)
{
	const struct config *c = model_config(m);
	struct adapter *a;

	if (o->full)
		return model_theta(m, d);
	a = o->init ? adapter_load(d, c, model_dtype(m), o->init)
	            : adapter_new(d, c, model_dtype(m), o->targets, o->rank, o->alpha, o->seed);
	o->rank = a->rank;
	o->alpha = a->alpha;
	o->targets = a->targets;
	return a;
}

void train_save_check(const struct train_opts *o, const char *base, const char *dir, int force)
{
	if (o->full)
		model_save_check(base, dir, force);
	else
		folder_refuse(dir, force, "adapter_config.json");
}

void train_save(struct model *m, const struct adapter *a, const char *dir, const char *base,
                const struct tokens *data, const json_t *settings)
{
	if (a->net)
		model_save(m, a, dir, data->template, settings);
	else
		adapter_save(a, dir, base, data->template, settings);
}

static uint64_t adapter_hash(const struct adapter *a)
{
	float *p = xalloc(a->n * sizeof *p);
	uint64_t hash;

	a->dev->op->get(a->dev, p, a->p, a->n * sizeof *p);
	hash = hash_bytes(p, a->n * sizeof *p);
	free(p);
	return hash;
}

static void put_hash(json_t *o, const char *key, uint64_t hash)
{
	char hex[17];

	hash_hex(hash, hex);
	json_object_set_new(o, key, json_string(hex));
}

json_t *train_settings(const struct opt_group *groups, const struct train_opts *o,
                       const struct model *m, const struct adapter *theta,
                       const struct tokens *data)
{
	static const char *const pairs[] = {"rank", "lora-alpha", "targets", NULL};
	json_t *s = json_settings(groups);

	json_object_set_new(s, "dtype", json_string(model_dtype(m) == DT_BF16 ? "bf16" : "f32"));
	json_object_set_new(s, "fingerprint", json_string(data->fingerprint));
	json_object_set_new(s, "template", json_string(data->template));
	put_hash(s, "model", model_hash(m));
	put_hash(s, "data", data->input);
	if (o->init)
		put_hash(s, "init", adapter_hash(theta));
	for (int i = 0; o->full && pairs[i]; i++)
		json_object_del(s, pairs[i]);
	return s;
}

static long epoch_steps(const struct train_opts *o, const struct tokens *d)
{
	return (d->rows + o->batch - 1) / o->batch;
}

long train_steps(const struct train_opts *o, const struct tokens *d)
{
	long all = o->epochs * epoch_steps(o, d);

	return o->max_steps && o->max_steps < all ? o->max_steps : all;
}

void training_open(struct training *t)
{
	const struct train_opts *o = t->opts;
	long an_epoch = epoch_steps(o, t->data);

	if (!t->data->rows)
		die("no rows to train on");
	if (t->valid && !t->valid->rows)
		die("no rows to validate on");
	t->steps = train_steps(o, t->data);
	order_open(&t->order, t->data, o->seed, DATA_STREAM, !o->no_shuffle);
	state_add(&t->state, "tokens", ST_I64, &t->tokens, 1);
	if (o->checkpoint && o->resume)
		t->step = checkpoint_load(o->checkpoint, &t->state, t->settings);
	if (t->step)
		order_seek(&t->order, t->step / an_epoch, t->step % an_epoch * o->batch);
	t->log = log_open(o->log, t->step);
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
	order_next(&t->order, b, (int)t->opts->batch);
	if (!b->n)
		order_next(&t->order, b, (int)t->opts->batch);
	return 1;
}

double training_epoch(const struct training *t)
{
	return (double)(t->step / epoch_steps(t->opts, t->data));
}

struct adamw training_adamw(const struct training *t)
{
	const struct train_opts *o = t->opts;
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

/* The mean loss on the valid rows. */
static void validate(struct training *t)
{
	const struct tokens *d = t->valid;
	float *loss = xalloc(d->rows * sizeof *loss);
	double sum = 0;
	json_t *j;

	all_losses(t->model, t->theta, d, loss, "validate");
	for (long i = 0; i < d->rows; i++)
		sum += loss[i];
	j = json_pack("{s:I, s:f}", "step", (json_int_t)t->step, "valid", sum / d->rows);
	log_line(t->log, j);
	json_decref(j);
	free(loss);
	notice("after %ld steps: mean loss %.5f on the validation rows", t->step, sum / d->rows);
}

/* Writes a checkpoint when it is time, or when a signal asked to stop: then it ends there. */
static void keep_state(struct training *t)
{
	const struct train_opts *o = t->opts;
	int sig = stop_asked();

	if (!o->checkpoint || (t->step % o->every && t->step < t->steps && !sig))
		return;
	checkpoint_save(o->checkpoint, t->step, &t->state, t->settings);
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
	double epoch = training_epoch(t), seconds = seconds_now() - t->began,
	       rate = (t->tokens - t->before) / seconds;
	json_t *j = json_object();
	char note[64];

	t->step++;
	json_object_set_new(j, "step", json_integer(t->step));
	json_object_update(j, line);
	json_object_set_new(j, "tokens", json_integer(t->tokens));
	json_object_set_new(j, "tokens_per_second", json_real(rate));
	json_object_set_new(j, "seconds", json_real(seconds));
	json_object_set_new(j, "peak_bytes", json_integer(peak_memory()));
	log_line(t->log, j);
	json_decref(j);
	json_decref(line);
	snprintf(note, sizeof note, "loss %.4f  %.0f tokens/s", loss, rate);
	progress_at(t->progress, t->step, note);
	if (t->valid && (training_epoch(t) > epoch || t->step == t->steps))
		validate(t);
	keep_state(t);
}

void training_close(struct training *t)
{
	if (t->opts->checkpoint)
		stop_release();
	progress_close(t->progress);
	log_close(t->log);
	order_close(&t->order);
}

void training_saw(struct training *t, const struct batch *b, const float loss[])
{
	struct buf ids = {0};
	char id[128];
	int bad = 0;

	for (int i = 0; i < b->n; i++) {
		t->tokens += tokens_length(b->data, b->row[i]);
		if (!isfinite(loss[i]) && bad < 8)
			buf_fmt(&ids, "%s%s", bad++ ? ", " : "",
			        tokens_id(b->data, b->row[i], id, sizeof id));
	}
	if (bad)
		die("step %ld: the loss is not finite on row %s", t->step + 1, ids.p);
}

double training_update(const struct training *t, struct adapter *a, struct adamw w)
{
	double norm = adapter_step(a, w);

	if (!isfinite(norm))
		die("step %ld: the gradient is not finite", t->step + 1);
	return norm;
}

void all_losses(struct model *m, struct adapter *a, const struct tokens *d, float loss[],
                const char *what)
{
	struct progress *p = progress_open(what, "rows", d->rows);
	struct order o;
	struct batch b;
	char id[128];
	long at = 0;

	order_open(&o, d, 0, 0, 0);
	for (order_next(&o, &b, LOSS_BATCH); b.n; order_next(&o, &b, LOSS_BATCH)) {
		model_loss(m, a, &b, loss + at);
		for (int i = 0; i < b.n; i++)
			if (!isfinite(loss[at + i]))
				die("%s: not finite on row %s", what,
				    tokens_id(d, b.row[i], id, sizeof id));
		progress_at(p, at += b.n, NULL);
	}
	order_close(&o);
	progress_close(p);
}

/* transformers computes such rows too, so they are no error. */
static void warn_long(const struct tokens *d, const char *name, long context)
{
	long over = 0;

	if (!context || d->longest <= context)
		return;
	for (long i = 0; i < d->rows; i++)
		over += tokens_length(d, i) > context;
	warn("%s: %ld of %ld rows are longer than the %ld positions that the model was made for "
	     "(up to %ld tokens)",
	     name, over, d->rows, context, d->longest);
}

void check_tokens(const struct tokens *d, const char *name, const char *model_path,
                  const struct config *c)
{
	char *path = xprintf("%s/tokenizer.json", model_path), hex[17];
	struct tokenizer *t;
	struct stat st;

	warn_long(d, name, c->context);
	if (stat(model_path, &st) || (S_ISDIR(st.st_mode) && stat(path, &st))) {
		free(path);
		return; /* a model without its tokenizer: nothing to compare */
	}
	free(path);
	t = tokenizer_open(model_path);
	tokenizer_fingerprint(t, (int32_t)c->vocab, hex);
	if (strcmp(hex, d->fingerprint))
		die("%s was made with another tokenizer (%s) than the model's (%s)", name,
		    d->fingerprint, hex);
	tokenizer_close(t);
}

void check_same_template(const struct tokens *d, const char *name, const struct tokens *rows)
{
	if (strcmp(d->template, rows->template))
		warn("%s has the template \"%s\", the rows have \"%s\"", name, d->template,
		     rows->template);
}
