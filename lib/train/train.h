/* SPDX-License-Identifier: MIT */
/* train.h - the options that every training knows, and what is checked of them. */
#ifndef SEAL_TRAIN_H
#define SEAL_TRAIN_H

#include "../base/opt.h"

struct train_opts {
	long epochs, batch; /* passes over the rows; rows a step */
	long max_steps;     /* 0: all that the epochs have */
	double rate, decay; /* Adam's learning rate, its decoupled weight decay */
	double clip;        /* the largest norm of a gradient; 0: any */
	const char *schedule;
	long warmup; /* steps */
	long rank;
	double alpha;
	const char *targets; /* PEFT's module names, "auto" or "all-linear" */
	int full;            /* theta is all weights of the model */
	int shard_weights;   /* frozen weights are divided among the ranks of the run */
	const char *init;    /* an adapter that theta starts from, or NULL */
	int no_shuffle;
	const char *checkpoint; /* a folder for them, or NULL */
	long every;             /* steps between two of them */
	int resume;
	const char *valid; /* a file of tokens, or a share of the rows (valid_share); NULL: none */
	long valid_every;  /* steps between two validations; 0: after every epoch */
	const char *keep;  /* best|last: which validated theta is the result; NULL: the last */
	long patience;     /* validations without a better one that end the run; 0: any */
	const char *log;   /* a file, or NULL */
	/* What keeps a model safe while it is tuned (finetune.c). */
	double pull;  /* to where theta began; 0: none */
	double share; /* of a step's loss that is the safe rows'; 0: none */
	int project;  /* gradients that the safe rows' opposes are projected off it */
	long seed;
};
extern const struct opt train_options[];
#define TRAIN_DEFAULTS                                                                       \
	{                                                                                    \
		.epochs = 1, .batch = 16, .every = 100, .rank = 16, .rate = 2e-4, .clip = 1, \
		.alpha = 16, .schedule = "constant", .targets = "auto"                       \
	}

/* What --valid says: a share of the rows, such as 0.05 or 5%, as a number between 0 and 1; 0: a
 * file, or nothing. */
double valid_share(const struct train_opts *);
/* Whether validations decide what comes out. */
int valid_decides(const struct train_opts *);
int valid_keeps_best(const struct train_opts *);
/* Dies of options that make no sense together, and of what can be told before long work: a
 * checkpoint that is there without --resume, a log that cannot be written. */
void train_check(const struct train_opts *);
/* Dies where theta could not be written to dir; model: what -m names; force: a folder that is
 * there is to be replaced. */
void train_save_check(const struct train_opts *, const char *model, const char *dir, int force);

#endif
