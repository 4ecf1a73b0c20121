/* SPDX-License-Identifier: MIT */
/* peft_in.h - what the files of peft.h share. */
#ifndef SEAL_PEFT_IN_H
#define SEAL_PEFT_IN_H

#include "../format/pattern.h"
#include "peft.h"

struct pattern_list {
	struct pattern **p;
	int n;
};

struct peft {
	const json_t *json;
	long rank;
	double alpha;
	int rslora, dora, bias, all_linear;
	struct pattern *target, *exclude; /* where these are texts */
	struct pattern_list save, layer;  /* modules_to_save, layers_pattern */
	struct pattern_list rank_of, alpha_of;
};

/* The tensors of an adapter's folder, and which of them are used. */
struct peft_tensors {
	struct mapped file;
	char *taken;
};

/* Does the module lie in one that modules_to_save names? */
int peft_saves(const struct peft *, const char *module);
/* Has the model's weights changed as the tensors say, and marks those as taken; returns how many
 * weights are changed.  Dies. */
int peft_change(const struct peft *, struct model *, struct peft_tensors *);
/* The tensor of this name, marked as taken; NULL: there is none. */
const struct st_tensor *peft_take(struct peft_tensors *, const char *name);

#endif
