/* train.h - what every training loop shares: options, rates, log, checkpoints. */
#ifndef SEAL_TRAIN_H
#define SEAL_TRAIN_H

#include "../data/batch.h"
#include "../model/model.h"
#include "checkpoint.h"

struct train_opts {
	long epochs, batch, max_steps, warmup, rank, every;
	int resume, no_shuffle;
	double rate, decay, clip, alpha;
	const char *schedule, *targets, *init, *checkpoint, *valid, *log;
	long seed;
};
extern const struct opt train_options[];
#define TRAIN_DEFAULTS { .epochs = 1, .batch = 16, .every = 100, .rank = 16, .rate = 2e-4, .clip = 1, \
                         .alpha = 16, .schedule = "constant", .targets = "auto" }

struct training {
	const struct train_opts *opts;
	const char *what;              /* for the progress line */
	const struct tokens *data;     /* visited once an epoch */
	struct order order;
	struct state state;            /* the loop adds what is its own */
	const json_t *settings;        /* what a resumed run must match */
	long step, steps;              /* taken; in all */
	struct zlog *log;
	struct progress *progress;
	double began;
	long tokens;                   /* trained since then */
};

/* theta: from --init-adapter, else new. */
struct adapter *train_adapter(struct model *, const struct train_opts *);

/* Adds the order to the state, counts the steps, and goes to the newest
 * checkpoint when resuming.  Call after the loop has added its own state. */
void training_open(struct training *);
/* The next batch, 0 when all steps are taken. */
int training_next(struct training *, struct batch *);
double training_epoch(const struct training *);
/* The optimiser's settings at this step: constant or cosine, after a linear warm-up. */
struct adamw training_adamw(const struct training *);
/* A step is done: counts it, logs `line` (owned; step and timings are put in),
 * shows progress, and writes a checkpoint when it is time. */
void training_stepped(struct training *, json_t *line, double loss);
/* Logs the mean loss on the --valid rows. */
void training_valid(struct training *, struct model *, struct adapter *, const struct tokens *);
void training_close(struct training *);

/* Dies naming step and rows when a loss is not finite. */
void train_check(const struct training *, const struct batch *, const float loss[]);
/* Mean over the rows of l(theta; z). */
double mean_loss(struct model *, struct adapter *, const struct tokens *);
/* l(theta; z) of every row in file order. */
void all_losses(struct model *, struct adapter *, const struct tokens *, float loss[], const char *what);

/* Reads --valid and checks that the streams fit the model's tokenizer. */
void check_tokens(const struct tokens *, const char *name, const char *model_path, const struct config *);

/* One JSON object a line, appended as the run goes; a resumed run cuts the file
 * back to the step that it resumes from. NULL path: nothing. */
struct zlog *log_open(const char *path, long resume_step);
void log_line(struct zlog *, const json_t *);
void log_close(struct zlog *);
/* Appends {"event":"end","seconds","peak_bytes"}: what the whole program took. */
void log_end(const char *path, double began);

#endif
