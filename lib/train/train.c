/* SPDX-License-Identifier: MIT */
/* train.c - see train.h. */
#include "train.h"

#include <stdlib.h>

#include "../base/memory.h"
#include "../base/hash.h"
#include "../format/folder.h"
#include "../model/peft.h"
#include "../model/save_hf.h"
#include "checkpoint.h"
#include "log.h"

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

struct params *train_layout(const struct model *m, struct train_opts *o)
{
	const struct config *c = &m->config;
	struct params *a;

	if (o->full)
		return params_whole(c, m->type, m->weights);
	a = o->init ? peft_layout(c, m->type, o->init)
	            : params_lora(c, m->type, o->targets, o->rank, o->alpha);
	o->rank = a->rank;
	o->alpha = a->alpha;
	o->targets = a->targets;
	return a;
}

void train_begin(const struct model *m, struct params *theta, const struct train_opts *o)
{
	params_room(theta, m->dev);
	if (o->full)
		model_values(m, theta);
	else if (o->init)
		peft_read(theta, o->init);
	else
		params_random(theta, o->seed);
}

void train_demand(struct demand *d, const struct tokens *t)
{
	if (!t)
		return;
	d->longest = t->longest > d->longest ? t->longest : d->longest;
	d->bytes += t->in_memory + t->mapped;
	d->mapped += t->mapped;
}

void train_save_check(const struct train_opts *o, const char *base, const char *dir, int force)
{
	if (o->full)
		save_hf_check(base, dir, force);
	else
		folder_refuse(dir, force, "adapter_config.json");
}

void train_save(const struct model *m, const struct params *a, const char *dir, const char *base,
                const struct tokens *data, const json_t *settings)
{
	if (a->net)
		save_hf(m, a, dir, data->template, settings);
	else
		peft_save(a, dir, base, data->template, settings);
}

static uint64_t values_hash(const struct params *a)
{
	float *p = xalloc(a->n * sizeof *p);
	uint64_t hash;

	params_get(a, p);
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
                       const struct engine *e, const struct params *theta,
                       const struct tokens *data)
{
	static const char *const pairs[] = {"rank", "lora-alpha", "targets", NULL};
	const struct model *m = engine_model(e);
	json_t *s = json_settings(groups);

	json_object_set_new(s, "dtype", json_string(m->type == DT_BF16 ? "bf16" : "f32"));
	json_object_set_new(s, "pass-tokens", json_integer(engine_pass(e)));
	json_object_set_new(s, "fingerprint", json_string(data->fingerprint));
	json_object_set_new(s, "template", json_string(data->template));
	put_hash(s, "model", weights_hash(m->weights));
	put_hash(s, "data", data->input);
	if (o->init)
		put_hash(s, "init", values_hash(theta));
	for (int i = 0; o->full && pairs[i]; i++)
		json_object_del(s, pairs[i]);
	return s;
}

long train_steps(const struct train_opts *o, const struct tokens *d)
{
	long all = o->epochs * ((d->rows + o->batch - 1) / o->batch);

	return o->max_steps && o->max_steps < all ? o->max_steps : all;
}
