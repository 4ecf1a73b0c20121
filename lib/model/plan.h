/* SPDX-License-Identifier: MIT */
/* plan.h - what memory a run will take, by arithmetic, before it takes any.
 *
 * The length of a pass is given.  All that memory decides is how many blocks keep their
 * activations, and whether the run fits at all.
 */
#ifndef SEAL_PLAN_H
#define SEAL_PLAN_H

#include "model.h"

/* What a run asks for. */
struct demand {
	const struct params *theta; /* a layout, with or without memory; NULL: the model alone */
	int copies;                 /* of theta, each with gradient and moments */
	int vectors;                /* more of theta's length (params_vector) */
	long longest;               /* tokens of the longest row */
	long rows[2];               /* of a batch at most, without and with gradients; 0: none */
	long most[2];               /* tokens of such a batch at most; 0: rows * longest */
	long slots, positions;      /* of a cache, for generation; 0: none */
	int states;                 /* layers whose states a visitor is shown; 0: none */
	size_t bytes;               /* host memory that the run holds beside */
	size_t mapped;              /* of that, files' pages: the system can take them back */
};

enum memory {
	MEMORY_MAPPED,  /* weights used where they lie in the file, or decoded for each product */
	MEMORY_WEIGHTS, /* weights of another type or order, copied */
	MEMORY_THETA,   /* with gradients and the optimiser's state */
	MEMORY_ACTIVATIONS,
	MEMORY_LOGITS,
	MEMORY_SCRATCH, /* of a pass */
	MEMORY_CACHE,   /* keys and values, for generation */
	MEMORY_ROWS,    /* demand.bytes */
	MEMORY_PROGRAM, /* code, libraries, and what products hold for themselves */
	MEMORY_KINDS
};

struct plan {
	size_t bytes[MEMORY_KINDS], total, limit;
	long pass;        /* tokens that a pass is to have */
	long tokens[2];   /* of the largest pass without and with gradients, padded; 0: none */
	int kept, layers; /* blocks that keep their activations; kept 0: not even one can */
	int stored;       /* the blocks' matrices stay as the file has them, for want of memory */
};

/* Plans for this device and these options. */
void plan_make(struct plan *, const struct model *, const struct demand *,
               const struct compute_opts *);
/* Prints it as a notice, or dies, with advice, where it does not fit. */
void plan_say(const struct plan *, const struct model *, const struct demand *,
              const struct compute_opts *);

#endif
