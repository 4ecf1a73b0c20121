/* SPDX-License-Identifier: MIT */
/* seal-lora-train - tune LoRA pairs, or all weights, on a token stream; writes a PEFT
 * adapter or a model. */
#include <stdlib.h>
#include <string.h>

#include "../lib/base/hash.h"
#include "../lib/base/memory.h"
#include "../lib/base/program.h"
#include "../lib/base/progress.h"
#include "../lib/model/peft.h"
#include "../lib/model/save_gguf.h"
#include "../lib/model/save_hf.h"
#include "../lib/score/join.h"
#include "../lib/train/check.h"
#include "../lib/train/finetune.h"
#include "../lib/train/log.h"
#include "../lib/train/losses.h"
#include "../lib/train/merge.h"

struct own {
	const char *model, *output, *weights, *merge, *gguf;
	int force;
};

#define AT(field) offsetof(struct own, field)

static const struct opt own_options[] = {
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

static struct own own;
static struct opt_base base;
static struct train_opts train = TRAIN_DEFAULTS;
static struct compute_opts compute = COMPUTE_DEFAULTS;

static const struct opt_group groups[] = {
	{"Input and output", own_options, &own},
	{"Training", train_options, &train},
	{"Computing", compute_options, &compute},
	{"General", quiet_options, &base},
	{0},
};

static const struct opt_program program = {"seal-lora-train",
                                           "Tune LoRA pairs, or all weights, on tokenized rows; "
                                           "writes a PEFT adapter or a model folder.",
                                           "[TOKENS...]", groups};

/* What the options ask for together makes sense, and what they name can be written. */
static void check(int operands)
{
	if (!own.model)
		die_usage("-m MODEL is needed");
	if (train.full && (own.merge || own.gguf))
		die_usage("--full writes a model: there are no pairs for --merge or --lora-gguf");
	if (!own.output && !(train.init && (own.merge || own.gguf)))
		die_usage("-o ADAPTER is needed, or --init-adapter with --merge or --lora-gguf");
	if (!own.output && (own.weights || train.checkpoint || train.log))
		die_usage("without -o nothing is trained: no --weights, --checkpoint, --log");
	if (!own.output && !own.merge && (operands || train.valid))
		die_usage("--lora-gguf alone takes no rows");
	if (own.output && own.merge && !strcmp(own.output, own.merge))
		die_usage("-o and --merge name the same folder");
	train_check(&train);
	if (own.output)
		train_save_check(&train, own.model, own.output, own.force);
	if (own.merge)
		save_hf_check(own.model, own.merge, own.force);
}

/* The rows' weights; what they are joins the settings. */
static float *read_weights(const struct tokens *data, json_t *settings)
{
	float *w = score_weights(own.weights, data);
	char hex[17];

	hash_hex(hash_bytes(w, data->rows * sizeof *w), hex);
	json_object_set_new(settings, "weights", json_string(hex));
	return w;
}

static struct tokens *stream(char **paths, int n, const struct model *m)
{
	struct tokens *t = tokens_read(paths, n);

	check_tokens(t, n ? paths[0] : "stdin", own.model, &m->config);
	return t;
}

/* What it takes to train, or to compute losses for --merge; hardly any of it without rows. */
static struct demand demand(const struct finetune *f)
{
	struct demand d = {.theta = f->theta, .copies = 1, .longest = 1, .rows = {1}};

	train_demand(&d, f->data);
	train_demand(&d, f->valid);
	if (f->valid || !own.output)
		d.rows[0] = LOSS_BATCH;
	if (own.output)
		d.rows[1] = train.batch;
	if (f->data)
		d.bytes += order_bytes(f->data->rows) +
		           (own.weights ? f->data->rows * sizeof(float) : 0);
	return d;
}

static void tune(struct finetune *f, double began)
{
	float *weight = NULL;
	json_t *settings = train_settings(groups, &train, f->engine, f->theta, f->data);

	f->settings = settings;
	if (own.weights)
		f->weight = weight = read_weights(f->data, settings);
	finetune_run(f);
	train_save(engine_model(f->engine), f->theta, own.output, own.model, f->data, settings);
	log_end(train.log, began);
	notice("%ld steps on %ld rows in %.1f s, peak memory %.0f MB", f->theta->step,
	       f->data->rows, seconds_now() - began, peak_memory() / 1e6);
	json_decref(settings);
	free(weight);
}

/* --merge, whose report goes to stdout. */
static void write_merged(const struct finetune *f)
{
	char *template = own.output ? xstrdup(f->data->template) : peft_template(train.init);
	json_t *settings = train_settings(groups, &train, f->engine, f->theta, f->data), *said;
	struct zout *out = zout_open(NULL, ZOUT_PLAIN);

	save_hf_check(own.model, own.merge,
	              own.force); /* -o may be the same folder by another name */
	said = merge(f->engine, f->theta, own.merge, template, f->valid ? f->valid : f->data,
	             &compute, settings);
	json_write_line(out, said);
	zout_close(out);
	notice("%s: on %ld rows the losses are within %.2g of those of model and adapter",
	       own.merge, json_long(said, "rows", 0), json_number(said, "largest", 0));
	json_decref(settings);
	json_decref(said);
	free(template);
}

static void write_gguf(struct zout *out, const struct params *a)
{
	struct buf b = {0};

	save_gguf_lora(a, &b);
	zout_write(out, b.p, b.n);
	zout_close(out);
	buf_free(&b);
}

int main(int argc, char **argv)
{
	double began = seconds_now();
	struct finetune f = {.opts = &train};
	struct tokens *data = NULL, *valid = NULL;
	struct model *model;
	struct demand asked;
	struct zout *gguf;
	int k;

	program_begin(argv);
	dev_prepare(argv);
	k = opt_parse(&program, argc, argv);
	notice_quiet(base.quiet);
	check(argc - k);
	gguf = own.gguf ? zout_open(own.gguf, ZOUT_BINARY) : NULL;
	model = model_open(own.model, &compute);
	if (own.output || own.merge)
		f.data = data = stream(argv + k, argc - k, model);
	if (train.valid) {
		f.valid = valid = stream((char **)&train.valid, 1, model);
		check_same_template(valid, train.valid, data);
	}
	f.theta = train_layout(model, &train);
	asked = demand(&f);
	f.engine = engine_open(model, &compute, &asked);
	train_begin(model, f.theta, &train);
	if (own.output)
		tune(&f, began);
	if (own.merge)
		write_merged(&f);
	if (gguf)
		write_gguf(gguf, f.theta);
	params_close(f.theta);
	engine_close(f.engine);
	model_close(model);
	if (data)
		tokens_close(data);
	if (valid)
		tokens_close(valid);
	return 0;
}
