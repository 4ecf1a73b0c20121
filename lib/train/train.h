/* SPDX-License-Identifier: MIT */
/* train.h - what every training loop shares: options, rates, log, checkpoints. */
#ifndef SEAL_TRAIN_H
#define SEAL_TRAIN_H

#include "../rows/order.h"
#include "../model/model.h"
#include "checkpoint.h"

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
enum { LOSS_BATCH = 64 };              /* rows a batch where nothing is trained */

struct training {
	const struct train_opts *opts;
	const char *what; /* for the progress line */
	struct model *model;
	struct adapter *theta;
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

/* Dies on what can be told before long work: an alpha of 0, --resume without --checkpoint,
 * a checkpoint that is there without --resume, a log that cannot be written. */
void train_check(const struct train_opts *);
/* theta: all weights with --full; else from --init-adapter, else new, and rank, alpha and
 * targets are set to its own.  The device is the model's, or one that counts. */
struct adapter *train_adapter(struct model *, struct dev *, struct train_opts *);
/* How many steps the options mean for these rows. */
long train_steps(const struct train_opts *, const struct tokens *);
/* Writes theta: a PEFT folder, or the whole model (model_save); and what is to be asked
 * before long work: dies where that cannot be done. */
void train_save(struct model *, const struct adapter *, const char *dir, const char *base,
                const struct tokens *, const json_t *settings);
void train_save_check(const struct train_opts *, const char *base, const char *dir, int force);
/* The recorded options and what else decides the result: the type, the data, the
 * tokenizer, the values of --init-adapter.  Owned; theta as train_adapter gave it, NULL
 * without a use for it. */
json_t *train_settings(const struct opt_group *, const struct train_opts *, const struct model *,
                       const struct adapter *theta, const struct tokens *data);

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
double training_update(const struct training *, struct adapter *, struct adamw);
/* A step is done: counts it, logs `line` (owned; step and timings are put in) and,
 * after an epoch, the loss on the valid rows; shows progress, and writes a
 * checkpoint when it is time.  With checkpoints, SIGINT and SIGTERM have one written
 * here and end the program with 128 + signal. */
void training_stepped(struct training *, json_t *line, double loss);
void training_close(struct training *);

/* l(theta; z) of every row in file order; dies when one is not finite. */
void all_losses(struct model *, struct adapter *, const struct tokens *, float loss[],
                const char *what);

/* Dies when the tokens are not of the model's own tokenizer, where it has one, or when the
 * model has no such token; warns of rows that are longer than the model's context. */
void check_tokens(const struct tokens *, const char *name, const char *model_path,
                  const struct config *);
/* Warns when safe or validation rows stand in another template than the rows. */
void check_same_template(const struct tokens *, const char *name, const struct tokens *rows);

/* One JSON object a line, appended as the run goes; a resumed run cuts the file
 * back to the step that it resumes from. NULL path: nothing. */
struct zlog *log_open(const char *path, long resume_step);
/* To be asked before the inputs are opened: dies when the log cannot be written or is
 * an output, and makes it die when it is an input.  What is there stays for now. */
void log_claim(const char *path);
void log_line(struct zlog *, const json_t *);
void log_close(struct zlog *);
/* Appends {"event":"end","seconds","peak_bytes"}: what the whole program took. */
void log_end(const char *path, double began);

#endif
