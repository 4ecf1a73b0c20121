/* SPDX-License-Identifier: MIT */
/* training.h - the loop of every training: batches, steps, log, checkpoints.
 *
 *	training_open(&t);
 *	while (training_next(&t, &batch)) {
 *		... training_grad ... params_sum ... training_update ...
 *		training_stepped(&t, line, loss);
 *	}
 *	training_close(&t);
 */
#ifndef SEAL_TRAINING_H
#define SEAL_TRAINING_H

#include "../base/progress.h"
#include "../rows/order.h"
#include "checkpoint.h"
#include "setup.h"

/* Of the random numbers that one seed makes: the order of the rows, the order of the safe rows. */
enum { DATA_STREAM = 1, SAFE_STREAM };

struct training {
	/* To be set before training_open. */
	const struct setup *setup; /* with options; data is visited once an epoch */
	const char *what;          /* a word for the progress line; kept */
	const struct tokens *safe; /* rows that steps take beside the data; NULL: none */
	struct state state;        /* all that the steps change but for the loop's own */

	/* The loop's own. */
	struct order order, safe_order;
	long step, steps; /* taken; in all */
	long planned;     /* steps in all, as the run that wrote the checkpoint had them */
	struct validated {
		double least; /* the least mean loss so far; INFINITY: none */
		long step;    /* after which it was found */
		long worse;   /* validations since then */
		long longest; /* the most of them in a row, before that */
		float *theta; /* [n] of that step; NULL: it is not kept */
	} valid;
	long tokens; /* computed on so far, also before a resumed run */
	long before; /* of them, those before it */
	double began;
	struct progress *progress;
};

/* Counts the steps, and goes to the newest checkpoint when resuming, which sets the state.  That
 * may be of a shorter run; dies when it is not what this run would have come to. */
void training_open(struct training *);
/* 1 and the next batch, borrowed until the next call; 0 when all steps are taken, or validations
 * have not become better for as long as --patience says. */
int training_next(struct training *, struct batch *);
/* The next --batch of the safe rows, which are gone through over and over; borrowed until the next
 * call. */
void training_safe(struct training *, struct batch *);
/* The epoch of the next step, from 0. */
long training_epoch(const struct training *);
/* The optimiser's settings at this step: constant or cosine, after a linear warm-up. */
struct adamw training_adamw(const struct training *);
/* Sets loss[i] = l(theta; z_i) of a batch, and adds sum_i weight[i] grad l(theta; z_i) to theta's
 * gradient (weight NULL: does not).  Where several processes are one run, each computes a part of
 * the rows, and all get all losses; the gradient is complete after params_sum.  Counts the tokens,
 * and dies naming the step and the rows when a loss is not finite. */
void training_grad(struct training *, struct params *theta, const struct batch *,
                   const float weight[], float loss[]);
/* An optimiser step with theta's gradient, summed, and a pull (NULL: none); returns its norm, and
 * dies when that is not finite. */
double training_update(const struct training *, struct params *, struct adamw, const struct pull *);
/* A step is done: counts it, logs `line` (owned; step and timings are put in), shows progress and
 * this loss, validates when it is time, and writes a checkpoint when it is.  With
 * checkpoints, SIGINT and SIGTERM have one written here and end the program with 128 + signal. */
void training_stepped(struct training *, json_t *line, double loss);
/* Validates once more unless it was just done, and with --keep best sets theta to that of the
 * validation with the least loss. */
void training_close(struct training *);

#endif
