/* SPDX-License-Identifier: MIT */
/* plan.h - the memory of a run by kind, before any of it is taken.
 *
 * What is counted is counted by the code that allocates: the weights and adapters are
 * opened on a device that only counts, a pass's memory is divided without memory
 * behind it.  So the plan is of bytes, whatever the device.
 */
#ifndef SEAL_PLAN_H
#define SEAL_PLAN_H

#include "model.h"

enum memory {
	MEMORY_MAPPED,   /* weights used where they lie in the file */
	MEMORY_WEIGHTS,  /* weights of another type or order, converted */
	MEMORY_ADAPTERS, /* with gradients and the optimiser's state */
	MEMORY_ACTIVATIONS,
	MEMORY_LOGITS,
	MEMORY_SCRATCH, /* of a pass */
	MEMORY_CACHE,   /* keys and values, for generation */
	MEMORY_ROWS,    /* tokens in memory or mapped, what is kept for each row */
	MEMORY_PROGRAM, /* what was there before */
	MEMORY_KINDS
};

/* What a run asks for. */
struct demand {
	const struct adapter *theta; /* its shape; NULL: none */
	size_t adapters;             /* bytes of all adapters */
	long longest;                /* tokens of the longest row */
	/* The passes, with or without gradients, when they are to hold `pass` tokens. */
	void (*passes)(const void *run, long pass, int backward, struct passes *);
	const void *run;
	long slots, positions;   /* of a cache; 0: none */
	size_t rows;             /* bytes; of them */
	size_t resident, mapped; /* are there already; the system can take back when it is short */
};

struct plan {
	size_t bytes[MEMORY_KINDS], total, limit;
	long pass, largest[2]; /* tokens; [backward], 0: no such pass */
	int sizes[2], kept, layers;
};

/* The plan within plan->limit: all blocks' activations, in shorter passes if need be, else
 * those of as many as fit, else still shorter passes.  -1 when even the least, which total
 * then says, is over it. */
int plan_make(struct plan *, const struct model *, const struct demand *);
/* Would it? */
int model_fits(const struct model *, const struct demand *);
/* Plans within --max-memory, or most of what the device has, prints the plan, and
 * has the model keep to it; dies when the run does not fit. */
void model_plan(struct model *, const struct demand *);

#endif
