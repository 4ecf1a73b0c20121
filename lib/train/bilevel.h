/* SPDX-License-Identifier: MIT */
/* bilevel.h - SEAL's Algorithms 1 and 2 (Shen, Chen, Das, Chen, ICLR 2025, arXiv 2410.07471). */
#ifndef SEAL_BILEVEL_H
#define SEAL_BILEVEL_H

#include "setup.h"
#include "selector.h"

struct bilevel {                   /* all is borrowed */
	const struct setup *setup; /* its theta serves the safe rows and the weighted data */
	struct params *hat;        /* theta-hat serves the weighted data alone; NULL: Algorithm 2 */
	struct selector *omega; /* the data's weights; NULL: safe rows only, the method safe-loss */
	double gamma, gamma_step; /* penalty in epoch 0, and its growth an epoch */
	int32_t *visits, *last; /* [data->rows]: how often a row was visited, and the position of */
				/* the last visit in its epoch; 0 and -1 at the start */
};

/* Takes all steps.  Every row of the data is visited once an epoch, and with safe-loss there are
 * as many steps; the safe rows are visited over and over. */
void bilevel_run(struct bilevel *);

#endif
