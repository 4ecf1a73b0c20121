/* SPDX-License-Identifier: MIT */
/* bilevel.h - SEAL's Algorithms 1 and 2 (Shen, Chen, Das, Chen, ICLR 2025, arXiv 2410.07471). */
#ifndef SEAL_BILEVEL_H
#define SEAL_BILEVEL_H

#include "selector.h"
#include "training.h"

struct bilevel {
	struct engine *engine;
	struct params *theta;   /* serves the safe data and the weighted data */
	struct params *hat;     /* serves the weighted data alone; NULL: Algorithm 2 */
	struct selector *omega; /* NULL: safe rows only, the method safe-loss */
	const struct tokens *safe, *data;
	const struct tokens *valid; /* may be NULL */
	double gamma, gamma_step;   /* penalty in epoch 0, and its growth an epoch */
	const struct train_opts *opts;
	const json_t *settings; /* what a resumed run must match */
	int32_t *visits, *last; /* [data rows]; last: position in its epoch, -1 before */
};

/* Takes all steps: every row of data is visited once an epoch (with safe-loss:
 * as many steps), the safe rows are cycled. */
void bilevel_run(struct bilevel *);

#endif
