/* SPDX-License-Identifier: MIT */
/* training.h - the loop of every training: batches, steps, log, checkpoints. */
#ifndef SEAL_TRAINING_H
#define SEAL_TRAINING_H

#include "../rows/order.h"
#include "checkpoint.h"
#include "train.h"

struct training {
	const struct train_opts *opts;
	const char *what; /* for the progress line */
	struct engine *engine;
	struct params *theta;
	const struct tokens *data;  /* visited once an epoch */
	const struct tokens *valid; /* may be NULL */
	struct order order;
	struct state state;     /* the loop adds what is its own */
	const json_t *settings; /* what a resumed run must match */
	long step, steps;       /* taken; in all */
	struct zlog *log;
	struct progress *progress;
	long tokens; /* computed on, for the log */
	double began;
	long before; /* tokens then: a resumed run has some */
};

/* Counts the steps, and goes to the newest checkpoint when resuming.  Call after
 * the loop has added its own state. */
void training_open(struct training *);
/* The next batch, 0 when all steps are taken. */
int training_next(struct training *, struct batch *);
double training_epoch(const struct training *);
/* The optimiser's settings at this step: constant or cosine, after a linear warm-up. */
struct adamw training_adamw(const struct training *);
/* A batch was computed on: counts its tokens, and dies naming step and rows when
 * a loss is not finite. */
void training_saw(struct training *, const struct batch *, const float loss[]);
/* One optimiser step; returns the gradient's norm, and dies when that is not finite. */
double training_update(const struct training *, struct params *, struct adamw);
/* A step is done: counts it, logs `line` (owned; step and timings are put in) and,
 * after an epoch, the loss on the valid rows; shows progress, and writes a
 * checkpoint when it is time.  With checkpoints, SIGINT and SIGTERM have one written
 * here and end the program with 128 + signal. */
void training_stepped(struct training *, json_t *line, double loss);
void training_close(struct training *);

#endif
