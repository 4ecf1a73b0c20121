/* SPDX-License-Identifier: MIT */
/* train.h - what every training is told and what it starts from: options, theta, settings. */
#ifndef SEAL_TRAIN_H
#define SEAL_TRAIN_H

#include "../format/jsonl.h"
#include "../model/engine.h"
#include "../rows/tokens.h"

struct train_opts {
	long epochs, batch, max_steps, warmup, rank, every;
	int resume, no_shuffle, full;
	double rate, decay, clip, alpha;
	const char *schedule, *targets, *init, *checkpoint, *valid, *log;
	long seed;
};
extern const struct opt train_options[];
#define TRAIN_DEFAULTS                                                                       \
	{                                                                                    \
		.epochs = 1, .batch = 16, .every = 100, .rank = 16, .rate = 2e-4, .clip = 1, \
		.alpha = 16, .schedule = "constant", .targets = "auto"                       \
	}

enum { DATA_STREAM = 1, SAFE_STREAM }; /* of the orders' random numbers */

/* Dies on what can be told before long work: an alpha of 0, --resume without --checkpoint,
 * a checkpoint that is there without --resume, a log that cannot be written. */
void train_check(const struct train_opts *);
/* Theta as the options want it, without memory: all weights with --full; else the pairs of
 * --init-adapter, else new ones, and rank, alpha and targets are set to its own. */
struct params *train_layout(const struct model *, struct train_opts *);
/* Gives it memory and the values that it starts from. */
void train_begin(const struct model *, struct params *theta, const struct train_opts *);
/* Adds to what a run asks for the rows of a token stream (NULL: none). */
void train_demand(struct demand *, const struct tokens *);
/* How many steps the options mean for these rows. */
long train_steps(const struct train_opts *, const struct tokens *);
/* Writes theta: a PEFT folder, or the whole model; and what is to be asked before long work:
 * dies where that cannot be done. */
void train_save(const struct model *, const struct params *, const char *dir, const char *base,
                const struct tokens *, const json_t *settings);
void train_save_check(const struct train_opts *, const char *base, const char *dir, int force);
/* The recorded options and what else decides the result: the compute type, the length of a
 * pass, the data, the tokenizer, the values of --init-adapter.  Owned.  theta as train_begin
 * left it; NULL where it has no use. */
json_t *train_settings(const struct opt_group *, const struct train_opts *, const struct engine *,
                       const struct params *theta, const struct tokens *data);

#endif
