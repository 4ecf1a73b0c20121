/* SPDX-License-Identifier: MIT */
/* lora_train.c - what seal-lora-train does around the loop of finetune.h: checks of the options,
 * memory, and the folders and files that it writes; see lora_train.h. */
#include "lora_train.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/progress.h"
#include "../model/peft.h"
#include "../model/save_gguf.h"
#include "../model/save_hf.h"
#include "../rows/order.h"
#include "finetune.h"
#include "log.h"
#include "losses.h"
#include "merge.h"

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
	{"force", 0, OPT_FLAG, AT(force), NULL, "replace a folder that exists", 0, 0},
	{0},
};
/* clang-format on */

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
	if (!o->output && (o->weights || t->checkpoint || t->log))
		die_usage("without -o nothing is trained: no --weights, --checkpoint, --log");
	if (!o->output && !o->merge && (operands || t->valid))
		die_usage("--lora-gguf alone takes no rows");
	if (o->output && o->merge && !strcmp(o->output, o->merge))
		die_usage("-o and --merge name the same folder");
	train_check(t);
	if (o->output)
		train_save_check(t, o->model, o->output, o->force);
	if (o->merge)
		save_hf_check(o->model, o->merge, o->force);
}

/* What it takes to train, or to compute losses for --merge; hardly any of it without rows. */
static void demand(struct setup *s, const struct lora_train_opts *o)
{
	struct demand *d = &s->demand;

	d->rows[0] = s->valid || o->merge ? LOSS_BATCH : 1;
	if (o->output)
		d->rows[1] = o->train.batch;
	if (s->data)
		d->bytes += order_bytes(s->data->rows) +
		            (o->weights ? s->data->rows * sizeof(float) : 0);
}

static void tune(struct setup *s, const struct lora_train_opts *o, const struct opt_group *groups,
                 float *weight, double began)
{
	uint64_t hash = weight ? hash_bytes(weight, s->data->rows * sizeof *weight) : 0;

	s->settings = setup_settings(s, groups);
	if (weight)
		json_object_set_new(s->settings, "weights", json_hash(hash));
	finetune_run(s, weight);
	setup_save(s, o->output);
	log_end(o->train.log, began);
	notice("%ld steps on %ld rows in %.1f s, peak memory %.0f MB", s->theta->step,
	       s->data->rows, seconds_now() - began, peak_memory() / 1e6);
	free(weight);
}

/* --merge, whose report goes to stdout. */
static void write_merged(const struct setup *s, const struct lora_train_opts *o,
                         const struct opt_group *groups)
{
	char *template = o->output ? xstrdup(s->data->template) : peft_template(o->train.init);
	json_t *settings = setup_settings(s, groups), *report;
	struct zout *out = zout_open(NULL, ZOUT_PLAIN);

	/* again, since -o may be the same folder by another name */
	save_hf_check(o->model, o->merge, o->force);
	report = merge(s, o->merge, template, settings);
	json_write_line(out, report);
	zout_close(out);
	notice("%s: on %ld rows the losses are within %.2g of those of model and adapter", o->merge,
	       json_long(report, "rows", 0), json_number(report, "largest", 0));
	json_decref(settings);
	json_decref(report);
	free(template);
}

static void write_gguf(struct zout *out, const struct params *theta)
{
	struct buf b = {0};

	save_gguf_lora(theta, &b);
	zout_write(out, b.p, b.n);
	zout_close(out);
	buf_free(&b);
}

void lora_train(char *const paths[], int n, struct lora_train_opts *o,
                const struct opt_group *groups,
                float *(*weights)(const char *path, const struct tokens *))
{
	double began = seconds_now();
	struct zout *gguf;
	struct setup s;

	check(o, n);
	gguf = o->gguf ? zout_open(o->gguf, ZOUT_BINARY) : NULL;
	setup_open(&s, o->model, &o->compute);
	if (o->output || o->merge)
		s.data = setup_read(&s, paths, n);
	if (o->train.valid)
		s.valid = setup_read(&s, (char **)&o->train.valid, 1);
	setup_theta(&s, &o->train);
	demand(&s, o);
	setup_begin(&s);
	if (o->output)
		tune(&s, o, groups, o->weights ? weights(o->weights, s.data) : NULL, began);
	if (o->merge)
		write_merged(&s, o, groups);
	if (gguf)
		write_gguf(gguf, s.theta);
	setup_close(&s);
}
