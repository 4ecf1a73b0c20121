/* SPDX-License-Identifier: MIT */
/* state_in.h - what the files of the method state share; private to lib/score. */
#ifndef SEAL_STATE_IN_H
#define SEAL_STATE_IN_H

#include "../train/losses.h"
#include "../train/setup.h"
#include "method.h"
#include "score.h"
#include "scorer.h"
#include "states.h"

extern struct state_opts {
	long layer;
	const char *save, *scorer, *explain, *cache;
} state_opts;

/* A run, of either kind. */
struct state_run {
	struct score_run *run;
	struct setup setup;
	struct states states; /* theta is the model alone, or --init-adapter's */
};

/* Opens all that is read; the engine's memory is still to be taken, for states of so many layers
 * at a time. */
void state_begin(struct state_run *, struct score_run *, int layers);
/* What the header records; kept in setup.settings. */
void state_record(struct state_run *, int layer);

void state_fit(struct score_run *);    /* state_fit.c */
void state_stream(struct score_run *); /* state_stream.c */

#endif
