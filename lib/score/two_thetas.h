/* SPDX-License-Identifier: MIT */
/* two_thetas.h - what the methods share that ask how a row looks after two short trainings from the
 * same first values: theta_s on the trusted rows (--safe), theta_h on rows that are known to be bad
 * (--danger).
 *
 * Both take as many steps, of as many rows, at the same rates; each visits its own rows over and
 * over, as seal-lora-train does that has them as its data.
 *
 *	two_thetas_open(&t, run);
 *	... t.setup.demand ...
 *	two_thetas_begin(&t);
 *	two_thetas_train(&t);
 *	out = two_thetas_scores(&t);
 *	... scores_add ...
 *	scores_finish(out);
 *	two_thetas_close(&t);
 */
#ifndef SEAL_TWO_THETAS_H
#define SEAL_TWO_THETAS_H

#include "../train/setup.h"
#include "method.h"
#include "score.h"

enum { TWO_THETAS_STEPS = 50 }; /* without --max-steps */

struct two_thetas {
	struct score_run *run;
	struct train_opts opts; /* of this run: a copy, with its steps */
	struct setup setup; /* theta is theta_s, or where there are no trusted rows as it came */
	struct params *bad; /* theta_h; NULL where there are no bad rows */
};

/* Dies (usage) of options that make no sense together. */
void two_thetas_check(const struct score_opts *);
/* Opens the model, reads the rows, which must be alike (danger.h) where some are bad, and lays out
 * the thetas for which there are rows; what the trainings and the passes take is in the demand. */
void two_thetas_open(struct two_thetas *, struct score_run *);
/* Takes the memory; both thetas have their first values. */
void two_thetas_begin(struct two_thetas *);
/* Trains each on its rows. */
void two_thetas_train(struct two_thetas *);
/* The scores file, begun. */
struct scores_out *two_thetas_scores(struct two_thetas *);
/* Calls see with all rows in file order, n at a time. */
void two_thetas_each(const struct two_thetas *, int n, const char *what,
                     void (*see)(void *ctx, const struct batch *), void *ctx);
/* Says what was done, and closes all. */
void two_thetas_close(struct two_thetas *);

#endif
