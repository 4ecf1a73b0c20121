/* SPDX-License-Identifier: MIT */
/* budget.h - what memory a run over token streams will ask for (see model/plan.h). */
#ifndef SEAL_BUDGET_H
#define SEAL_BUDGET_H

#include "../model/plan.h"
#include "train.h"

struct budget {
	const struct train_opts *opts;            /* NULL: no training */
	const struct tokens *data, *safe, *valid; /* the last two may be NULL */
	int adapters;             /* how many copies of theta; without opts: of `adapter`'s */
	const char *adapter;      /* a PEFT folder, or NULL */
	int data_back, safe_back; /* is the gradient taken on these rows? */
	int all;                  /* are the losses of all rows of data computed in file order? */
	size_t each;              /* bytes kept for each row of data */
};

/* Walks the run's batches, counts its adapters, and has the model plan for it. */
void budget_plan(struct model *, const struct budget *);

/* Has the model plan for answers to prompts, of so many tokens at most together with their
 * prompt, by the adapter in this folder (NULL: none).  Returns how many can be written at a
 * time, `most` or fewer. */
int budget_answers(struct model *, const char *adapter, long positions, int most);

#endif
