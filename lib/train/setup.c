/* SPDX-License-Identifier: MIT */
/* setup.c - opens, checks and closes what a computing program works with; see setup.h. */
#include "setup.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/world.h"
#include "../model/peft.h"
#include "../model/save_hf.h"
#include "../text/tokenizer.h"

enum { STREAMS = 4 };

static void set_theta(struct setup *s, struct params *theta)
{
	s->demand.theta = s->theta = theta;
	s->demand.copies = theta != NULL;
}

void setup_open(struct setup *s, const char *path, const char *adapter,
                const struct compute_opts *o)
{
	if (!path)
		die_usage("-m MODEL is needed");
	*s = (struct setup){.path = path, .adapter = adapter, .compute = o, .demand.longest = 1};
	s->model = model_open(path, o);
	if (adapter)
		set_theta(s, peft_layout(s->model, adapter));
}

void setup_theta(struct setup *s, struct train_opts *o)
{
	const struct config *c = &s->model->config;
	enum dtype type = s->model->type;

	s->opts = o;
	s->model->divides = o->shard_weights && world_size() > 1;
	if (s->adapter && !s->theta)
		die("%s has no pairs in the model's blocks, which are what is trained and merged",
		    s->adapter);
	if (o->full)
		set_theta(s, params_whole(c, type, s->model->weights));
	else if (!s->theta)
		set_theta(s, params_lora(c, type, o->targets, o->rank, o->alpha));
	if (o->full)
		return;
	o->rank = s->theta->rank;
	o->alpha = s->theta->alpha;
	o->targets = s->theta->targets;
}

/* transformers computes such rows too, so they are no error. */
static void warn_long(const struct tokens *t, const char *name, long context)
{
	long over = 0;

	if (!context || t->longest <= context)
		return;
	for (long i = 0; i < t->rows; i++)
		over += tokens_length(t, i) > context;
	notice("%s: %ld of %ld rows are longer than the %ld positions that the model was made for "
	       "(up to %ld tokens)",
	       name, over, t->rows, context, t->longest);
}

/* Where the model has a tokenizer, the tokens must be of that one. */
static void check_fingerprint(const struct setup *s, const struct tokens *t, const char *name)
{
	struct tokenizer *own;
	char hex[17];

	if (!tokenizer_exists(s->path))
		return;
	own = tokenizer_open_vocabulary(s->path);
	tokenizer_fingerprint(own, (int32_t)s->model->config.vocab, hex);
	if (!tokenizer_matches(own, (int32_t)s->model->config.vocab, t->fingerprint))
		die("%s was made with another tokenizer (%s) than the model's (%s)", name,
		    t->fingerprint, hex);
	tokenizer_close(own);
}

struct tokens *setup_read(struct setup *s, char *const paths[], int n)
{
	struct tokens *t = tokens_read(paths, n);
	const char *name = n ? paths[0] : "stdin";

	warn_long(t, name, s->model->config.context);
	check_fingerprint(s, t, name);
	tokens_check_ids(t, name, s->model->config.vocab);
	if (s->data && strcmp(t->template, s->data->template))
		notice("%s has the template \"%s\", the rows have \"%s\"", name, t->template,
		       s->data->template);
	setup_count(s, t);
	return t;
}

struct tokens *setup_valid(struct setup *s, const struct train_opts *o)
{
	double share = valid_share(o);
	long rows = s->data ? s->data->rows : 0;
	struct tokens *t;

	if (!o->valid || share == 0)
		return o->valid ? setup_read(s, (char *const *)&o->valid, 1) : NULL;
	s->demand.bytes += rows * sizeof *s->data->pick;
	t = tokens_split(s->data, share);
	if (!t->rows || t->rows == rows)
		die("--valid %s: %ld of the %ld rows are held out", o->valid, t->rows, rows);
	notice("%ld of %ld rows are held out for validation", t->rows, rows);
	return t;
}

void setup_count(struct setup *s, const struct tokens *t)
{
	s->demand.longest = long_max(s->demand.longest, t->longest);
	s->demand.bytes += t->in_memory + t->mapped;
	s->demand.mapped += t->mapped;
}

/* The tokens of a batch, of whichever of the streams has the longest rows. */
static void measure_batches(struct setup *s)
{
	struct tokens *const streams[] = {s->data, s->safe, s->danger, s->valid};
	struct demand *d = &s->demand;

	for (int b = 0; b < 2; b++)
		for (int i = 0; i < STREAMS; i++)
			if (streams[i])
				d->most[b] =
					long_max(d->most[b], tokens_most(streams[i], d->rows[b]));
}

/* All ranks of the run see the same model and the same rows. */
static void same_inputs(const struct setup *s)
{
	static const char *const name[STREAMS] = {"the rows", "the trusted rows", "the bad rows",
	                                          "the rows to validate on"};
	struct tokens *const streams[STREAMS] = {s->data, s->safe, s->danger, s->valid};

	if (world_size() == 1)
		return;
	world_same("the model's files", weights_hash(s->model->weights));
	world_same("the types of products", s->model->type);
	world_same("the kinds of devices", s->model->dev->apart);
	for (int i = 0; i < STREAMS; i++)
		if (streams[i])
			world_same(name[i], streams[i]->input);
}

void setup_begin(struct setup *s)
{
	same_inputs(s);
	measure_batches(s);
	if (s->adapter && s->opts && s->demand.rows[1] && weights_changed(s->model->weights))
		die("%s changes %s of the model: such an adapter is not trained further",
		    s->adapter, weights_changed(s->model->weights));
	s->engine = engine_open(s->model, s->compute, &s->demand);
	world_same("the passes' tokens", engine_pass(s->engine));
	if (!s->theta)
		return;
	params_room(s->theta, s->model->dev);
	if (s->adapter) {
		peft_read(s->theta, s->adapter);
		if (world_size() > 1)
			world_same("the adapter's values", setup_theta_hash(s));
	} else if (s->opts->full)
		model_values(s->model, s->theta);
	else
		params_random(s->theta, s->opts->seed);
}

void setup_rest(struct setup *s)
{
	params_close(s->theta);
	engine_close(s->engine);
	model_close(s->model);
	s->theta = NULL;
	s->engine = NULL;
	s->model = NULL;
}

void setup_close(struct setup *s)
{
	struct tokens *const streams[] = {s->data, s->safe, s->danger, s->valid};

	for (int i = 0; i < STREAMS; i++)
		if (streams[i])
			tokens_close(streams[i]);
	setup_rest(s);
	json_decref(s->settings);
}

uint64_t setup_theta_hash(const struct setup *s)
{
	const struct params *theta = s->theta;
	float *p = xalloc(theta->n * sizeof *p);
	struct hash *h = hash_new();
	uint64_t hash;

	params_get(theta, p);
	hash_add(h, p, theta->n * sizeof *p);
	for (int i = 0; i < theta->slices; i++) {
		const struct lora *l = params_pair(theta, &theta->slice[i]);

		if (l)
			hash_add(h, &l->scale, sizeof l->scale);
	}
	hash = hash_value(h);
	hash_free(h);
	free(p);
	return hash;
}

json_t *setup_settings(const struct setup *s, const struct opt_group *groups)
{
	json_t *out = json_settings(groups);

	json_object_set_new(out, "dtype", json_string(s->model->type == DT_BF16 ? "bf16" : "f32"));
	json_object_set_new(out, "pass-tokens", json_integer(engine_pass(s->engine)));
	json_object_set_new(out, "fingerprint", json_string(s->data->fingerprint));
	json_object_set_new(out, "template", json_string(s->data->template));
	json_object_set_new(out, "model", json_hash(weights_hash(s->model->weights)));
	json_object_set_new(out, "data", json_hash(s->data->input));
	if (s->adapter && s->theta)
		json_object_set_new(out, "init", json_hash(setup_theta_hash(s)));
	if (s->safe)
		json_object_set_new(out, "safe", json_hash(s->safe->input));
	if (s->danger)
		json_object_set_new(out, "danger", json_hash(s->danger->input));
	if (s->opts && s->opts->full) {
		json_object_del(out, "rank");
		json_object_del(out, "lora-alpha");
		json_object_del(out, "targets");
	}
	return out;
}

void setup_save(const struct setup *s, const char *dir)
{
	if (world_rank())
		return; /* all have the same theta */
	if (s->opts->full)
		save_hf(s->model, s->theta, dir, s->data->template, s->settings);
	else
		peft_save(s->theta, dir, s->path, s->data->template, s->settings);
}
