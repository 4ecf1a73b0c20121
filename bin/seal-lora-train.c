/* SPDX-License-Identifier: MIT */
/* seal-lora-train - tunes LoRA pairs, or all weights, on a token stream; writes a PEFT adapter or
 * a model. */
#include "../lib/base/program.h"
#include "../lib/base/world.h"
#include "../lib/score/join.h"
#include "../lib/train/lora_train.h"

static struct opt_base base;
static struct lora_train_opts opts = LORA_TRAIN_DEFAULTS;

static const struct opt_group groups[] = {
	{"Input and output", lora_train_options, &opts},
	{"Keeping a model safe", lora_train_safety, &opts},
	{"Training", train_options, &opts.train},
	{"Computing", compute_options, &opts.compute},
	{"General", quiet_options, &base},
	{0},
};

static const struct opt_program program = {"seal-lora-train",
                                           "Tune LoRA pairs, or all weights, on tokenized rows; "
                                           "writes a PEFT adapter or a model folder.",
                                           "[TOKENS...]", groups};

int main(int argc, char **argv)
{
	int k;

	program_begin(argv);
	dev_prepare(argv);
	k = opt_parse(&program, argc, argv);
	notice_quiet(base.quiet);
	world_open();
	lora_train(argv + k, argc - k, &opts, groups, score_weights);
	world_close();
	return 0;
}
