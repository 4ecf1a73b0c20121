/* SPDX-License-Identifier: MIT */
/* weights_in.h - the inside of weights.h: the mapped files of a model. */
#ifndef SEAL_WEIGHTS_IN_H
#define SEAL_WEIGHTS_IN_H

#include "../format/gguf.h"
#include "../format/jsonl.h"
#include "weights.h"

struct weights {
	char *path;
	struct mapped *file;
	int files;
	json_t *index; /* of shards: a tensor's name -> the number of its file; else NULL */
	int is_gguf;
	struct gguf gguf;
	void **held;
	long n_held;
	char *room[2]; /* for the next matrix and the next vector that is not used where it lies */
	struct {
		enum row_order order;
		long rows;
		const int32_t *at;
	} * order; /* of stored matrices */
	int orders;
	struct change *change; /* what an adapter makes of some tensors */
	int changes;
	struct mapped adapter;    /* that they point into; path NULL: none */
	struct tensor_role embed; /* of the embedding, if the head begins as it */
	char *head;               /* and is called so; NULL: it is as the files say */
};

#endif
