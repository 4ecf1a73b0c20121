/* seal-lora-train - tune LoRA pairs on a token stream; writes a PEFT adapter. */
#include <stdlib.h>

#include "../lib/base/hash.h"
#include "../lib/base/progress.h"
#include "../lib/format/folder.h"
#include "../lib/learn/budget.h"
#include "../lib/learn/finetune.h"

struct own { const char *model, *output, *weights; int force, quiet; };

#define AT(field) offsetof(struct own, field)

static const struct opt own_options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL", "Hugging Face folder or GGUF file", 0, 0},
	{"output", 'o', OPT_TEXT, AT(output), "ADAPTER", "the folder to write", 0, 0},
	{"weights", 0, OPT_TEXT, AT(weights), "SCORES", "weigh the rows by the weight column of these scores", 0, 0},
	{"force", 0, OPT_FLAG, AT(force), NULL, "replace a folder that exists", 0, 0},
	{"quiet", 'q', OPT_FLAG, AT(quiet), NULL, "no progress, no summaries on stderr", 0, 0},
	{0}
};

static struct own own;
static struct train_opts train = TRAIN_DEFAULTS;
static struct compute_opts compute = COMPUTE_DEFAULTS;

static const struct opt_group groups[] = {
	{"Input and output", own_options, &own},
	{"Training", train_options, &train},
	{"Computing", compute_options, &compute},
	{0}
};

static const struct opt_program program = {
	"seal-lora-train", "Tune LoRA pairs on tokenized rows; writes an adapter folder that PEFT loads.",
	"[TOKENS...]", groups
};

/* The rows' weights; what they are joins the settings. */
static float *read_weights(const struct tokens *data, json_t *settings)
{
	struct scores *s = scores_read(own.weights);
	float *w = finetune_weights(s, data);
	char hex[17];

	hash_hex(hash_bytes(w, data->rows * sizeof *w), hex);
	json_object_set_new(settings, "weights", json_string(hex));
	scores_close(s);
	return w;
}

int main(int argc, char **argv)
{
	double began = seconds_now();
	struct finetune f = {.opts = &train};
	struct tokens *data, *valid = NULL;
	json_t *settings;
	float *weight = NULL;
	int k;

	dev_prepare(argv);
	k = opt_parse(&program, argc, argv);
	notice_quiet(own.quiet);
	if (!own.model || !own.output)
		die_usage("-m MODEL and -o ADAPTER are needed");
	folder_refuse(own.output, own.force, "adapter_config.json");
	train_check(&train);
	f.model = model_begin(own.model, &compute);
	f.data = data = tokens_read(argv + k, argc - k);
	check_tokens(data, argc - k ? argv[k] : "stdin", own.model, model_config(f.model));
	if (train.valid) {
		f.valid = valid = tokens_read((char **)&train.valid, 1);
		check_tokens(valid, train.valid, own.model, model_config(f.model));
		check_same_template(valid, train.valid, data);
	}
	budget_plan(f.model, &(struct budget){.opts = &train, .data = data, .valid = valid, .adapters = 1, .data_back = 1,
	                                      .each = ORDER_BYTES + (own.weights ? sizeof(float) : 0)});
	model_load(f.model);
	f.theta = train_adapter(f.model, model_dev(f.model), &train);
	f.settings = settings = train_settings(groups, &train, f.model, f.theta, data);
	if (own.weights)
		f.weight = weight = read_weights(data, settings);
	finetune_run(&f);
	adapter_save(f.theta, own.output, own.model, data->template, settings);
	log_end(train.log, began);
	notice("%ld steps on %ld rows in %.1f s, peak memory %.0f MB", f.theta->step, data->rows,
	       seconds_now() - began, peak_memory() / 1e6);
	adapter_close(f.theta);
	model_close(f.model);
	tokens_close(data);
	if (valid)
		tokens_close(valid);
	json_decref(settings);
	free(weight);
	return 0;
}
