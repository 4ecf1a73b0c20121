/* finetune.h - LoRA tuning on weighted rows; and the options that every
 * training program shares. */
#ifndef SEAL_FINETUNE_H
#define SEAL_FINETUNE_H

#include "../model/model.h"

struct train_opts {
	long epochs, batch, max_steps, warmup, rank, every, resume, no_shuffle;
	double rate, decay, clip, alpha;
	const char *schedule, *targets, *init, *save, *checkpoint, *valid;
};
extern const struct opt train_options[];
#define TRAIN_DEFAULTS { .epochs = 1, .batch = 16, .rank = 16, .rate = 1e-3, .clip = 1, .alpha = 16, \
                         .schedule = "constant", .targets = "auto" }

#endif
