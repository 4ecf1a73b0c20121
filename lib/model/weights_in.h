/* SPDX-License-Identifier: MIT */
/* weights_in.h - the inside of weights.h: the mapped files of a model. */
#ifndef SEAL_WEIGHTS_IN_H
#define SEAL_WEIGHTS_IN_H

#include "../format/gguf.h"
#include "../format/jsonl.h"
#include "weights.h"

struct file {
	char *path;
	const void *map;
	size_t bytes;
	struct safetensors st;
};

struct weights {
	char *path;
	struct file *file;
	int files;
	json_t *index; /* of shards: a tensor's name -> the number of its file; else NULL */
	int is_gguf;
	struct gguf gguf;
	void **held;
	const void **adopted;
	long n_held, n_adopted;
};

#endif
