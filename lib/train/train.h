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
	const char *init;    /* an adapter that theta starts from, or NULL */
	int no_shuffle;
	const char *checkpoint; /* a folder for them, or NULL */
	long every;             /* steps between two of them */
	int resume;
	const char *valid, *log; /* files, or NULL */
	long seed;
};
extern const struct opt train_options[];
#define TRAIN_DEFAULTS                                                                       \
	{                                                                                    \
		.epochs = 1, .batch = 16, .every = 100, .rank = 16, .rate = 2e-4, .clip = 1, \
		.alpha = 16, .schedule = "constant", .targets = "auto"                       \
	}

/* Dies of options that make no sense together, and of what can be told before long work: a
 * checkpoint that is there without --resume, a log that cannot be written. */
void train_check(const struct train_opts *);
/* Dies where theta could not be written to dir; model: what -m names; force: a folder that is
 * there is to be replaced. */
void train_save_check(const struct train_opts *, const char *model, const char *dir, int force);

#endif
