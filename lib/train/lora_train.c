/* SPDX-License-Identifier: MIT */
/* lora_train.c - what seal-lora-train does around the loop of finetune.h: checks of the options,
 * memory, and the folders and files that it writes; see lora_train.h. */
#include "lora_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/progress.h"
#include "../base/world.h"
#include "../model/peft.h"
#include "../model/save_gguf.h"
#include "../model/save_hf.h"
#include "../rows/order.h"
#include "finetune.h"
#include "log.h"
#include "losses.h"

enum { MERGE_ROWS = 64 }; /* that a merged model is compared on, at most */

#define AT(field) offsetof(struct lora_train_opts, field)

/* clang-format off */
const struct opt lora_train_options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL", "Hugging Face folder or GGUF file", 0, 0},
	{"output", 'o', OPT_TEXT, AT(output), "ADAPTER", "the folder to write", 0, 0},
	{"weights", 0, OPT_TEXT, AT(weights), "SCORES",
		"weigh the rows by the weight column of these scores", 0, 0},
	{"merge", 0, OPT_TEXT, AT(merge), "DIR",
		"also write the model with the pairs added to its weights", 0, 0},
	{"lora-gguf", 0, OPT_TEXT, AT(gguf), "FILE",
		"also write the pairs as a GGUF adapter of llama.cpp", 0, 0},
	{"keep", 0, OPT_CHOICE, AT(train.keep), "best|last",
		"write the theta with the least loss on --valid (the default with it), or the last", 0, 0},
	{"patience", 0, OPT_COUNT, AT(train.patience), "N",
		"end after so many validations without a lower loss, 0 for none", 0, 0},
	{"force", 0, OPT_FLAG, AT(force), NULL, "replace a folder that exists", 0, 0},
	{0},
};

const struct opt lora_train_safety[] = {
	{"safe", 0, OPT_TEXT, AT(safe), "TOKENS",
		"trusted rows, for --safe-share and --project", 0, 0},
	{"safe-share", 0, OPT_REAL, AT(train.share), "X",
		"share of each step's loss that is the safe rows', below 1", 0, 1},
	{"project", 0, OPT_FLAG, AT(train.project), NULL,
		"take out of each gradient what raises the loss of the safe rows", 0, 1},
	{"pull", 0, OPT_REAL, AT(train.pull), "X",
		"pull theta to where it began, as strongly as weight decay pulls to 0", 0, 1},
	{0},
};
/* clang-format on */

/* What keeps a model safe makes sense together. */
static void check_safety(const struct lora_train_opts *o)
{
	const struct train_opts *t = &o->train;

	if (!o->safe != !(t->share > 0 || t->project))
		die_usage("--safe goes with --safe-share, --project, or both");
	if (t->share >= 1)
		die_usage("--safe-share: must be below 1");
	if (t->pull > 0 && t->rate * (t->pull + t->decay) > 1)
		die_usage("--pull, with --weight-decay and times --lr, must not be above 1: a step "
		          "would go beyond where theta began");
}

/* What the options ask for together makes sense, and what they name can be written. */
static void check(const struct lora_train_opts *o, int operands)
{
	const struct train_opts *t = &o->train;

	if (!o->model)
		die_usage("-m MODEL is needed");
	if (t->full && (o->merge || o->gguf))
		die_usage("--full writes a model: there are no pairs for --merge or --lora-gguf");
	if (!o->output && !(t->init && (o->merge || o->gguf)))
		die_usage("-o ADAPTER is needed, or --init-adapter with --merge or --lora-gguf");
	if (!o->output && (o->weights || o->safe || t->pull > 0 || t->checkpoint || t->log ||
	                   t->keep || t->patience))
		die_usage("without -o nothing is trained: no --weights, --safe, --pull, "
		          "--checkpoint, --log, --keep, --patience");
	if (!o->output && !o->merge && (operands || t->valid))
		die_usage("--lora-gguf alone takes no rows");
	if (o->merge && t->shard_weights)
		die_usage("--merge needs the whole model in one process: no --shard-weights");
	if (o->output && o->merge && !strcmp(o->output, o->merge))
		die_usage("-o and --merge name the same folder");
	check_safety(o);
	train_check(t);
	if (o->output)
		train_save_check(t, o->model, o->output, o->force);
	if (o->merge)
		save_hf_check(o->model, o->merge, o->force);
}

/* What a merged model or a GGUF adapter cannot say of an adapter. */
static void check_forms(const struct setup *s, const struct lora_train_opts *o)
{
	const struct params *a = s->theta;
	const struct weights *w = s->model->weights;

	for (int i = 0; i < a->slices && (o->merge || o->gguf); i++)
		if (a->slice[i].pair == 'c')
			die("%s: \"lora_bias\": biases of pairs are neither merged nor written as "
			    "GGUF",
			    o->train.init);
	if (o->merge && weights_untied(w, &s->model->config))
		die("%s changes %s, which is tied: the merged model would need another config.json",
		    o->train.init, weights_changed(w));
	if (o->gguf && weights_changed(w))
		die("%s changes %s of the model, which no pair in a GGUF file says", o->train.init,
		    weights_changed(w));
}

/* What it takes to train, or to compute losses for --merge; hardly any of it without rows. */
static void demand(struct setup *s, const struct lora_train_opts *o)
{
	struct demand *d = &s->demand;

	d->rows[0] = s->valid || o->merge ? LOSS_BATCH : 1;
	if (o->output)
		d->rows[1] = o->train.batch;
	d->vectors = (o->train.pull > 0) + o->train.project;
	if (s->safe)
		d->bytes += order_bytes(s->safe->rows);
	if (s->data)
		d->bytes += order_bytes(s->data->rows) +
		            (o->weights ? s->data->rows * sizeof(float) : 0);
	if (o->output && valid_keeps_best(&o->train))
		d->bytes += s->theta->n * sizeof(float);
}

/* Records of the validation what decides the result. */
static void record_valid(const struct setup *s)
{
	const struct train_opts *o = s->opts;
	double share = valid_share(o);
	json_t *j = s->settings;

	if (share > 0)
		json_object_set_new(j, "valid", json_real(share));
	if (!valid_decides(o))
		return;
	if (share == 0)
		json_object_set_new(j, "valid", json_hash(s->valid->input));
	json_object_set_new(j, "valid-every", json_integer(o->valid_every));
	json_object_set_new(j, "keep", json_string(valid_keeps_best(o) ? "best" : "last"));
	json_object_set_new(j, "patience", json_integer(o->patience));
}

static void tune(struct setup *s, const struct lora_train_opts *o, const struct opt_group *groups,
                 float *weight, double began)
{
	uint64_t hash = weight ? hash_bytes(weight, s->data->rows * sizeof *weight) : 0;

	s->settings = setup_settings(s, groups);
	if (weight)
		json_object_set_new(s->settings, "weights", json_hash(hash));
	record_valid(s);
	finetune_run(s, weight);
	setup_save(s, o->output);
	log_end(o->train.log, began);
	notice("%ld steps on %ld rows in %.1f s, peak memory %.0f MB", s->theta->step,
	       s->data->rows, seconds_now() - began, peak_memory() / 1e6);
	free(weight);
}

/* {"rows","largest","row","mean"}, owned: how far l of `rows` under the model in dir is from what
 * model and adapter gave, `apart`. */
static json_t *compare(const struct compute_opts *how, const char *dir, const struct tokens *rows,
                       const float apart[])
{
	float *merged = xalloc(rows->rows * sizeof *merged);
	double most = 0, sum = 0;
	struct setup again;
	long worst = 0;
	char id[128];

	setup_open(&again, dir, NULL, how);
	again.demand.rows[0] = LOSS_BATCH;
	setup_count(&again, rows);
	setup_begin(&again);
	share_losses(again.engine, NULL, rows, (struct share){0, rows->rows, 1}, merged,
	             "losses of the merged model");
	setup_close(&again);
	for (long i = 0; i < rows->rows; i++) {
		double off = fabs((double)merged[i] - apart[i]);

		sum += off;
		if (off > most) {
			most = off;
			worst = i;
		}
	}
	free(merged);
	return json_pack("{s:I, s:f, s:s, s:f}", "rows", (json_int_t)rows->rows, "largest", most,
	                 "row", tokens_id(rows, worst, id, sizeof id), "mean", sum / rows->rows);
}

/* --merge: writes W + scale b a, and on stdout how far that is from model and adapter on the first
 * validation rows, or rows of the data.  The model is closed then: there may be memory for one. */
static void write_merged(struct setup *s, const struct lora_train_opts *o,
                         const struct opt_group *groups, struct zout *out)
{
	char *template = o->output ? xstrdup(s->data->template) : peft_template(o->train.init);
	json_t *settings = setup_settings(s, groups), *report;
	struct tokens some =
		*(s->valid ? s->valid : s->data); /* the first of them, in its memory */
	float apart[MERGE_ROWS];

	/* again, since -o may be the same folder by another name */
	save_hf_check(o->model, o->merge, o->force);
	if (!some.rows)
		die("no rows to compare the merged model on");
	some.rows = long_min(some.rows, MERGE_ROWS);
	share_losses(s->engine, s->theta, &some, (struct share){0, some.rows, 1}, apart,
	             "losses of model and adapter");
	save_hf(s->model, s->theta, o->merge, template, settings);
	setup_rest(s);
	report = compare(&o->compute, o->merge, &some, apart);
	json_write_line(out, report);
	zout_close(out);
	notice("%s: on %ld rows the losses are within %.2g of those of model and adapter", o->merge,
	       some.rows, json_number(report, "largest", 0));
	json_decref(settings);
	json_decref(report);
	free(template);
}

void lora_train(char *const paths[], int n, struct lora_train_opts *o,
                const struct opt_group *groups,
                float *(*weights)(const char *path, const struct tokens *))
{
	double began = seconds_now();
	struct buf b = {0};
	struct zout *gguf, *report;
	struct setup s;

	check(o, n);
	if (!o->train.keep && o->output && o->train.valid)
		o->train.keep = "best";
	gguf = o->gguf ? zout_open(o->gguf, ZOUT_BINARY) : NULL;
	report = o->merge ? zout_open(NULL, ZOUT_PLAIN) : NULL;
	setup_open(&s, o->model, o->train.init, &o->compute);
	if (o->output || o->merge)
		s.data = setup_read(&s, paths, n);
	if (o->safe)
		s.safe = setup_read(&s, (char *const *)&o->safe, 1);
	if (s.safe && !s.safe->rows)
		die("no safe rows");
	s.valid = setup_valid(&s, &o->train);
	setup_theta(&s, &o->train);
	check_forms(&s, o);
	demand(&s, o);
	setup_begin(&s);
	if (o->output)
		tune(&s, o, groups, o->weights ? weights(o->weights, s.data) : NULL, began);
	if (gguf) {
		save_gguf_lora(s.theta, &b);
		zout_write(gguf, b.p, b.n);
		zout_close(gguf);
		buf_free(&b);
	}
	if (o->merge && world_alone())
		write_merged(&s, o, groups, report);
	else
		zout_close(report);
	setup_close(&s);
}
