/* SPDX-License-Identifier: MIT */
/* train.c - the options that every training knows, and what is checked of them before long work;
 * see train.h. */
#include "train.h"

#include <stdlib.h>
#include <string.h>

#include "../format/folder.h"
#include "../model/save_hf.h"
#include "checkpoint.h"
#include "log.h"

#define AT(field) offsetof(struct train_opts, field)

/* clang-format off */
const struct opt train_options[] = {
	{"epochs", 0, OPT_COUNT, AT(epochs), "N", "passes over the rows", 1, 1},
	{"batch", 'b', OPT_COUNT, AT(batch), "ROWS", "rows a step", 1, 1},
	{"lr", 0, OPT_REAL, AT(rate), "X", "learning rate of theta (Adam)", 0, 1},
	{"weight-decay", 0, OPT_REAL, AT(decay), "X", "decoupled weight decay", 0, 1},
	{"schedule", 0, OPT_CHOICE, AT(schedule), "constant|cosine",
		"learning rate over the steps", 0, 1},
	{"warmup", 0, OPT_COUNT, AT(warmup), "STEPS", "steps of linear warm-up", 0, 1},
	{"clip", 0, OPT_REAL, AT(clip), "X", "largest gradient norm, 0 for none", 0, 1},
	{"max-steps", 0, OPT_COUNT, AT(max_steps), "N",
		"stop after so many steps, 0 for all epochs", 0, 1},
	{"rank", 'r', OPT_COUNT, AT(rank), "N", "rank of the LoRA pairs", 1, 1},
	{"lora-alpha", 0, OPT_REAL, AT(alpha), "X",
		"LoRA's alpha; pairs are scaled by alpha/rank", 0, 1},
	{"targets", 0, OPT_TEXT, AT(targets), "NAMES",
		"layers to adapt: PEFT's names, auto or all-linear", 0, 1},
	{"full", 0, OPT_FLAG, AT(full), NULL,
		"train all weights of the model instead of LoRA pairs", 0, 1},
	{"shard-weights", 0, OPT_FLAG, AT(shard_weights), NULL,
		"divide the frozen weights among the processes of the run", 0, 0},
	{"init-adapter", 0, OPT_TEXT, AT(init), "DIR", "start theta from this adapter", 0, 0},
	{"valid", 0, OPT_TEXT, AT(valid), "TOKENS|P%",
		"log the mean loss on these rows, or on a share of the rows that is held out", 0, 0},
	{"valid-every", 0, OPT_COUNT, AT(valid_every), "STEPS",
		"steps between validations, 0 for one after every epoch", 0, 0},
	{"no-shuffle", 0, OPT_FLAG, AT(no_shuffle), NULL, "visit the rows in file order", 0, 1},
	{"checkpoint", 0, OPT_TEXT, AT(checkpoint), "DIR", "write the run's state there", 0, 0},
	{"every", 0, OPT_COUNT, AT(every), "STEPS", "steps between checkpoints", 1, 0},
	{"resume", 0, OPT_FLAG, AT(resume), NULL, "go on from the newest checkpoint", 0, 0},
	{"seed", 0, OPT_SEED, AT(seed), "N", "of the orders and the new adapter", 0, 1},
	{"log", 0, OPT_TEXT, AT(log), "FILE", "one JSON object a step", 0, 0},
	{0},
};
/* clang-format on */

double valid_share(const struct train_opts *o)
{
	size_t n = o->valid ? strspn(o->valid, "0123456789.") : 0;
	char *end = NULL;
	double share = n ? strtod(o->valid, &end) : 0;
	int percent = n && !strcmp(end, "%");

	if (!n || end != o->valid + n || (!percent && (*end || !strchr(o->valid, '.'))))
		return 0;
	share /= percent ? 100 : 1;
	if (!(share > 0 && share < 1))
		die_usage("--valid %s: a share lies between 0 and 1, or 0%% and 100%% "
		          "(./%s is a file of that name)",
		          o->valid, o->valid);
	return share;
}

int valid_keeps_best(const struct train_opts *o) { return o->keep && !strcmp(o->keep, "best"); }

int valid_decides(const struct train_opts *o) { return o->patience || valid_keeps_best(o); }

void train_check(const struct train_opts *o)
{
	if (!o->valid && (valid_decides(o) || o->valid_every))
		die_usage("--keep best, --patience and --valid-every need --valid");
	if (o->full && o->shard_weights)
		die_usage("--full has no frozen weights for --shard-weights");
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

void train_save_check(const struct train_opts *o, const char *base, const char *dir, int force)
{
	if (o->full)
		save_hf_check(base, dir, force);
	else
		folder_refuse(dir, force, "adapter_config.json");
}
