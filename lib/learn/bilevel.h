/* bilevel.h - SEAL's Algorithms 1 and 2 (Shen, Chen, Das, Chen, ICLR 2025). */
#ifndef SEAL_BILEVEL_H
#define SEAL_BILEVEL_H

#include "finetune.h"
#include "selector.h"

struct bilevel {
	struct model *model;
	struct adapter *theta;          /* serves the safe data and the weighted data */
	struct adapter *hat;            /* serves the weighted data alone; NULL: Algorithm 2 */
	struct selector *omega;         /* NULL: safe rows only (gamma is 0; "safe-loss") */
	const struct tokens *safe, *data;
	double gamma, gamma_step;       /* penalty in epoch 0, and its growth an epoch */
	const struct train_opts *opts;  /* rates, batch, epochs, checkpoints */
	uint64_t seed;
	long *visits, *last;            /* [data rows] */
};

/* Runs all epochs, from a checkpoint when opts say so. */
void bilevel_run(struct bilevel *, const json_t *settings, struct zout *log);

#endif
